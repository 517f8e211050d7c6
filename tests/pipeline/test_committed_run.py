"""What CI says of a run that differs from the committed one."""

import copy
import runpy

import pytest

apart = runpy.run_path(".ci/committed_run.py")["figures_apart"]
FIGURES = {
    **{"roc_auc": 0.98, "roc_auc_low": 0.95, "roc_auc_high": 0.995},
    **{"log_loss": 0.2, "log_loss_low": 0.1, "log_loss_high": 0.4},
}
COMMITTED = {
    part: {level: dict(FIGURES) for level in ("frame", "video")} for part in ("val", "test")
}


def changed(place: str, **values: float) -> dict:
    """The committed figures with others at a place such as `test.video`."""
    figures = copy.deepcopy(COMMITTED)
    part, level = place.split(".")
    figures[part][level] |= values
    return figures


@pytest.mark.parametrize(
    ("figures", "places"),
    [
        (COMMITTED, []),
        (changed("test.video", roc_auc=0.96, roc_auc_low=0.9, roc_auc_high=0.99), []),
        (changed("test.video", roc_auc=0.94, roc_auc_low=0.9, roc_auc_high=0.99), ["test.video"]),
        (changed("val.frame", roc_auc=0.949), ["val.frame"]),
        (changed("val.video", roc_auc=0.951), []),
        (
            changed("test.frame", log_loss=0.6, log_loss_low=0.5, log_loss_high=0.7),
            ["test.frame"],
        ),
        (changed("test.frame", log_loss=0.6, log_loss_low=0.3, log_loss_high=0.7), []),
    ],
)
def test_figures_that_are_too_far_or_too_low_are_told(figures, places):
    found = apart(COMMITTED, figures)
    assert [one.split(":")[0].rpartition(".")[0] for one in found] == places
