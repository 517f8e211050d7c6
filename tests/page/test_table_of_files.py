"""What the table of judged files and the list beside it call each file."""

from dataclasses import replace

from app.history import Row
from app.results import labels

ROW = Row(1, "a.mp4", "FAKE", 0.9, "", 1, 2.0, "ab" * 32, "detector.onnx", "cd" * 32, b"")


def test_no_two_files_are_called_the_same():
    rows = [
        ROW,
        replace(ROW, number=2),
        replace(ROW, number=3, model="other.onnx"),
        replace(ROW, number=4, verdict="REAL"),
        replace(ROW, number=5, name="b.mp4"),
    ]
    assert labels(rows) == {
        1: "▲ FAKE  a.mp4 (detector.onnx, file 1)",
        2: "▲ FAKE  a.mp4 (detector.onnx, file 2)",
        3: "▲ FAKE  a.mp4 (other.onnx, file 3)",
        4: "● REAL  a.mp4",
        5: "▲ FAKE  b.mp4",
    }
