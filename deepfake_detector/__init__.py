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
    """A problem its reader can mend: the text names the file or the key, and the remedy."""
