"""Deepfake detection from faces: the library that stages, command line and page share."""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepfake_detector.serving.inference import Detector

__all__ = ["Detector", "Stopped", "UserError"]

HANDED_ON = {"Detector": "deepfake_detector.serving.inference"}  # name -> where it is

# ONNX Runtime tells its maker how it is used unless this is set before it is imported; nothing
# here reports to anyone
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


class Stopped(Exception):  # noqa: N818 (no error: the run did what it was asked to)
    """A run that a signal asked to end has saved what it needs to go on; the text says how."""

    def __init__(self, text: str, signal_number: int) -> None:
        super().__init__(text)
        self.signal_number = signal_number


class UserError(Exception):
    """An error that its reader can fix: `problem` names the file or the key, `remedy` says what to
    do about it (empty where the problem says enough)."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)  # both are its `args`, from which pickle makes it again
        self.problem, self.remedy = problem, remedy

    def __str__(self) -> str:
        return f"{self.problem}; {self.remedy}" if self.remedy else self.problem


def __getattr__(name: str) -> Any:
    """What programs take from the package itself, found when it is asked for.

    So a stage, which takes none of it, neither imports nor depends on the subpackage that has it.
    """
    if name not in HANDED_ON:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(HANDED_ON[name]), name)
