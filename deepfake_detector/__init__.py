"""Deepfake detection from faces: the library that the stages, the command line and the page share."""

import os

# ONNX Runtime tells its maker how it is used unless this is set before it is imported; nothing here reports to anyone
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


class Stopped(Exception):  # noqa: N818 (no error: the run did what it was asked to)
    """A run was asked to end by a signal and has saved what it needs to go on; the text says how."""

    def __init__(self, text: str, signal_number: int) -> None:
        super().__init__(text)
        self.signal_number = signal_number


class UserError(Exception):
    """An error that its reader can fix: `problem` names the file or the key, `remedy` says what to do
    about it (empty where the problem says enough)."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)  # both are its `args`, from which pickle makes it again
        self.problem, self.remedy = problem, remedy

    def __str__(self) -> str:
        return f"{self.problem}; {self.remedy}" if self.remedy else self.problem
