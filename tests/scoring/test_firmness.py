"""Which copies turn a verdict, and that only the mildest takes it away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import few

from deepfake_detector.scoring.firmness import Firmness, Outcome

VERDICTS = ("REAL", "FAKE", "INCONCLUSIVE", "ERROR")


def firmness(verdict: str, *outcomes: str) -> Firmness:
    return Firmness(
        verdict, tuple(Outcome(str(place), "", one) for place, one in enumerate(outcomes))
    )


@pytest.mark.parametrize(
    ("verdict", "outcomes", "turned_by", "holds"),
    [
        ("FAKE", ("FAKE", "FAKE"), None, True),
        ("FAKE", ("REAL", "FAKE"), "0", False),
        ("REAL", ("FAKE", "REAL"), "0", False),
        ("REAL", ("INCONCLUSIVE", "REAL"), "0", False),
        ("FAKE", ("FAKE", "INCONCLUSIVE", "REAL"), "1", True),
        ("FAKE", ("ERROR", "FAKE"), None, True),
        ("FAKE", ("ERROR", "REAL"), "1", False),
        ("FAKE", ("ERROR", "ERROR"), None, True),
        ("FAKE", (), None, True),
    ],
)
def test_the_mildest_copy_that_was_judged_decides(verdict, outcomes, turned_by, holds):
    found = firmness(verdict, *outcomes)
    assert (found.turned_by and found.turned_by.variant, found.holds) == (turned_by, holds)


@given(st.sampled_from(["REAL", "FAKE"]), st.lists(st.sampled_from(VERDICTS), max_size=7))
@few
def test_a_verdict_falls_only_with_a_copy_that_turns_it(verdict, outcomes):
    found = firmness(verdict, *outcomes)
    if not found.holds:
        assert found.turned_by is found.judged[0]
    if found.turned_by is None:
        assert {one.verdict for one in found.judged} <= {verdict}
