"""When the state of a run is saved."""

from types import SimpleNamespace

import pytest
import torch

from deepfake_detector.training import keeper
from deepfake_detector.training.keeper import Keeper
from deepfake_detector.training.progress import Progress


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    """Stands at `now` seconds, whatever the time."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(keeper, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def keeping(minutes: float, processes: int = 1, others_ask: bool = False):
    """A keeper of nothing, in one of so many processes, and the number of states saved so far."""
    written = []
    fabric = SimpleNamespace(
        world_size=processes,
        is_global_zero=True,
        all_reduce=lambda value, reduce_op: torch.maximum(value, torch.tensor(float(others_ask))),
    )
    learner = SimpleNamespace(fabric=fabric, state=dict)
    checkpoints = SimpleNamespace(write=written.append)
    return Keeper(learner, Progress(), checkpoints, minutes, received=[]), written


def test_a_state_is_due_so_many_minutes_after_the_last_one(clock):
    kept, written = keeping(minutes=2)
    for last in (1000, 1130):
        clock.now = last + 119
        assert not kept.is_due()
        clock.now = last + 120
        assert kept.is_due()
        clock.now = last + 130
        kept.save()
    assert len(written) == 2


@pytest.mark.parametrize("others_ask", [False, True])
def test_several_processes_agree_every_so_many_steps_whether_one_is_due(clock, others_ask):
    kept, _ = keeping(minutes=2, processes=2, others_ask=others_ask)
    asked = [kept.is_due() for _ in range(3 * keeper.AGREE_EVERY)]
    agreed = asked[keeper.AGREE_EVERY - 1 :: keeper.AGREE_EVERY]
    assert agreed == [others_ask] * 3
    assert sum(asked) == sum(agreed)
