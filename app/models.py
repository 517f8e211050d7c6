"""The exported models that the page can offer, loaded once for all visitors."""

import os
from pathlib import Path

import streamlit as st

from deepfake_detector import UserError
from deepfake_detector.serving.inference import MODEL, Detector


def found() -> list[Path]:
    """The one that DEEPFAKE_MODEL names, else every models/*.onnx, the one that is offered first in
    front."""
    if named := os.environ.get("DEEPFAKE_MODEL"):
        return [Path(named)]
    others = sorted(path for path in MODEL.parent.glob("*.onnx") if path != MODEL)
    return [MODEL, *others] if MODEL.exists() or not others else others


def load(path: Path, at_once: int, place: int = 0) -> Detector:
    """The model at `path`: of the `at_once` that judge side by side the one in `place`. Raises
    UserError where it cannot be used."""
    cached = st.cache_resource(max_entries=2 * at_once, show_spinner="Loading the model …")(_loaded)
    return cached(str(path), _changed(path), place)


def why_not(path: Path) -> str:
    """Why a model cannot be offered, without the folder it lies in; empty where it can."""
    return _examined(str(path), _changed(path))


def without_folder(text: str, path: Path) -> str:
    return text.replace(str(path), path.name)


def _loaded(path: str, changed: float, place: int) -> Detector:
    return Detector.load(path)


@st.cache_data(max_entries=32, show_spinner="Looking at the models …")
def _examined(path: str, changed: float) -> str:
    try:
        Detector.load(path)
    except UserError as error:
        return without_folder(str(error), Path(path))
    return ""


def _changed(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0
