"""Fakes stand beside reals of their own source, and every face keeps its weight."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake_detector.training.pairing import Pairing

DRAWS = 20_000


def drawn(weights, labels, groups, pairs: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    weights, labels, groups = map(np.asarray, (weights, labels, groups))
    rng = np.random.default_rng(seed)
    pairing = Pairing(weights.astype(float), labels, groups, pairs)
    real = np.where(labels == 0, weights, 0)
    reals = rng.choice(len(weights), DRAWS, p=real / real.sum())
    strangers = rng.choice(len(weights), DRAWS, p=pairing.apart / pairing.apart.sum())
    return reals, pairing.partners(reals, strangers, rng)


def shares(rows: np.ndarray, count: int) -> np.ndarray:
    return np.bincount(rows, minlength=count) / len(rows)


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.integers(0, 1), st.integers(0, 4)), min_size=2, max_size=12
    ).filter(lambda rows: {label for _, label, _ in rows} == {0, 1}),
    st.sampled_from([0.0, 0.5, 1.0]),
)
def test_every_fake_keeps_its_weight_and_groups_pair_as_often_as_can_be(rows, pairs):
    weights, labels, groups = map(np.array, zip(*rows, strict=True))
    reals, fakes = drawn(weights, labels, groups, pairs)
    fake = np.where(labels == 1, weights, 0)
    assert np.abs(shares(fakes, len(rows)) - fake / fake.sum()).max() < 0.02
    real = np.where(labels == 0, weights, 0)
    of_real, of_fake = (np.bincount(groups, one / one.sum(), 5) for one in (real, fake))
    paired = pairs * np.minimum(of_real, of_fake)
    by_chance = (of_real - paired) @ (of_fake - paired) / max(1 - paired.sum(), 1e-9)
    together = (groups[reals] == groups[fakes]).mean()
    assert together == pytest.approx(paired.sum() + by_chance, abs=0.02)


def test_reals_without_a_fake_of_their_source_and_fakes_without_a_real_are_drawn_too():
    reals, fakes = drawn([1, 1, 1, 1], [0, 0, 1, 1], [0, 1, 0, 2], pairs=1.0)
    assert shares(reals, 4)[:2] == pytest.approx([0.5, 0.5], abs=0.02)
    assert shares(fakes, 4)[2:] == pytest.approx([0.5, 0.5], abs=0.02)
    assert set(fakes[reals == 0]) == {2}  # its own
    assert set(fakes[reals == 1]) == {3}  # another's


def test_of_several_fakes_of_a_source_each_stands_beside_its_reals_by_its_weight():
    _, fakes = drawn([1, 1, 3], [0, 1, 1], [0, 0, 0], pairs=1.0)
    assert shares(fakes, 3)[1:] == pytest.approx([0.25, 0.75], abs=0.02)
