"""Sheets of mistakes: the right clips, the most confident first, the telling face of each."""

import numpy as np
import pandas as pd
import pytest

from deepfake_detector.evaluation import mistakes

CLIPS = pd.DataFrame(
    [
        ("s/real/a", 0, 0, 0.9),
        ("s/real/b", 0, 1, 0.7),
        ("s/real/c", 0, 0, 0.2),
        ("s/swap/d", 1, 0, 0.1),
        ("s/swap/e", 1, 0, np.nan),
    ],
    columns=["item", "label", "track", "fake_probability"],
)
FRAMES = pd.DataFrame(
    [
        (item, track, frame, logit + far * (track != decides), item, f"{frame}_{track}")
        for item, decides in zip(CLIPS["item"], CLIPS["track"], strict=True)
        for track, far in ((0, 9.0), (1, -9.0))  # who did not decide scored further out
        for frame, logit in enumerate((1.0, 3.0, -2.0))
    ],
    columns=["item", "track", "frame", "logit", "archive", "member"],
)


class Reader:
    def __init__(self):
        self.read = []

    def picture(self, archive, member):
        self.read.append((archive, member))
        return np.zeros((8, 8, 3), np.uint8)


@pytest.fixture
def shown(monkeypatch):
    captions = []
    monkeypatch.setattr(
        mistakes,
        "contact_sheet",
        lambda pictures, told: captions.append(told) or b"%d" % len(pictures),
    )
    return captions


def test_the_most_confident_mistakes_come_first_by_their_telling_face(shown):
    reader = Reader()
    sheets = mistakes.sheets(CLIPS, FRAMES, 0.5, reader)
    assert sheets == {"real_called_fake": b"2", "fake_called_real": b"1"}
    assert shown == [["real/a\nfake 0.90", "real/b\nfake 0.70"], ["swap/d\nfake 0.10"]]
    assert reader.read == [("s/real/a", "1_0"), ("s/real/b", "1_1"), ("s/swap/d", "2_0")]


def test_without_mistakes_the_sheets_are_blank():
    right = CLIPS.assign(fake_probability=CLIPS["label"].astype(float))
    sheets = mistakes.sheets(right, FRAMES, 0.5, Reader())
    assert set(sheets) == set(mistakes.SHEETS)
    assert all(sheet[:2] == b"\xff\xd8" for sheet in sheets.values())
