"""What a training run came to, and whether it learned anything."""

import pandas as pd
import pytest

from deepfake_detector.training import results
from deepfake_detector.training.progress import Epoch, Figures, history_table

HISTORY = history_table(
    [
        Epoch(number, 0.1, 0.7 - number, Figures(0.5, 0.8, 0.4, auc))
        for number, auc in enumerate((0.123456789, 0.1))
    ]
)


def validation(groups: int, logits: list[float]) -> pd.DataFrame:
    """Two faces of a real and two of a fake item in each group, with these logits; epoch 1 was
    best."""
    names = [f"{label}{group}" for group in range(groups) for label in (0, 1) for _ in range(2)]
    return pd.DataFrame(
        {
            "item": names,
            "label": [int(name[0]) for name in names],
            "group": [name[1:] for name in names],
            "epoch": 1,
            "logit": logits * groups,
        }
    )


def test_epochs_are_counted_from_1():
    assert HISTORY["epoch"].to_list() == [1, 2]


@pytest.mark.parametrize(
    ("logits", "learned"),
    [
        ([-1.0, -1.0, 1.0, 1.0], True),
        ([0.0, 1.0, 1.0, 0.0], False),
        ([1.0, 1.0, -1.0, -1.0], False),
    ],
    ids=["told apart", "not told apart", "taken for each other"],
)
def test_it_learned_where_the_interval_lies_above_a_half(logits, learned):
    found = results.figures(HISTORY, validation(8, logits))
    assert found["learned"] is learned
    assert (found["best_epoch"], found["epochs"]) == (1, 2)
    assert found["val_video_roc_auc"] == 0.123457
    assert (found["val_video_roc_auc_low"] > 0.5) is learned
    assert "reason" not in found
    assert "lr" not in found


def test_with_too_few_sources_it_is_not_known_whether_it_learned():
    found = results.figures(HISTORY, validation(3, [-1.0, -1.0, 1.0, 1.0]))
    assert found["learned"] is None
    assert found["reason"] == "too few groups"
    assert found["val_video_roc_auc_low"] is None
