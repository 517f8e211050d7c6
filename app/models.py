"""The models that the page offers, and the engine that judges with them for all visitors."""

from pathlib import Path

import streamlit as st

from deepfake_detector import UserError
from deepfake_detector.serving.engine import Engine, without_folder
from deepfake_detector.serving.inference import Detector


@st.cache_resource(max_entries=1)
def engine(at_once: int) -> Engine:
    """The engine of this server, which judges so many files at once."""
    return Engine(at_once)


def load(path: Path, at_once: int) -> Detector:
    """The model at `path`, loaded once. Raises UserError where it cannot be used."""
    with st.spinner("Loading the model …"):
        return engine(at_once).detector(path)


def why_not(path: Path) -> str:
    """Why a model cannot be offered, without the folder it lies in; empty where it can."""
    return _examined(str(path), path.stat().st_mtime if path.exists() else 0.0)


@st.cache_data(max_entries=32, show_spinner="Looking at the models …")
def _examined(path: str, changed: float) -> str:
    try:
        Detector.load(path)
    except UserError as error:
        return without_folder(str(error), Path(path))
    return ""
