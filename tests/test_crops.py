"""Crops as training samples: what is drawn how often, how it is changed, and in which order it comes."""

import signal
from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.functional import normalize

from deepfake_detector import crops
from deepfake_detector.archive import encode, write_archive
from deepfake_detector.crops import Augmentation, BalancedSampler, FaceCrops
from deepfake_detector.network import Detector

OFF = Augmentation(flip=0, shift=0, scale=0, rotate=0, colour=0, blur=0, downscale=0, jpeg=0, noise=0)
ON = Augmentation(flip=0.5, shift=0.1, scale=0.1, rotate=10, colour=0.3, blur=0.5, downscale=0.5, jpeg=0.5, noise=0.5)
RED, GREEN, BLUE = (250, 10, 20), (10, 250, 20), (10, 20, 250)
ROWS = pd.DataFrame(
    [(0, "real", "anna")] * 5 + [(0, "real", "bert")] + [(1, "swap", "anna")] * 3 + [(1, "reenact", "bert")],
    columns=["label", "method", "group"],
)


def textured(size: int = 48) -> np.ndarray:
    """A crop with something to see at every scale."""
    rng = np.random.default_rng(2)
    coarse = np.kron(rng.integers(0, 200, (size // 8, size // 8, 3)), np.ones((8, 8, 1)))
    return (coarse + rng.integers(0, 55, (size, size, 3))).astype(np.uint8)


@pytest.fixture
def stored(tmp_path, monkeypatch) -> pd.DataFrame:
    """Rows of four stored crops: red (real), green (fake), blue (real), textured (fake)."""
    monkeypatch.chdir(tmp_path)
    pictures = [np.full((48, 48, 3), colour, np.uint8) for colour in (RED, GREEN, BLUE)] + [textured()]
    write_archive(
        tmp_path / crops.FOLDER / "toy.zip", {f"{i}.png": encode(one, "png") for i, one in enumerate(pictures)}
    )
    return pd.DataFrame({"archive": "toy.zip", "member": [f"{i}.png" for i in range(4)], "label": [0, 1, 0, 1]})


@pytest.fixture
def no_hang():
    """Fails a test after half a minute: a loader process that waits for a lock would wait forever."""

    def stop(*_):
        raise TimeoutError("the loader's processes hang")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    ("balance", "columns", "shares"),
    [
        ("label", ["label"], {0: 1 / 2, 1: 1 / 2}),
        ("label", ["method"], {"real": 1 / 2, "swap": 3 / 8, "reenact": 1 / 8}),
        ("method", ["method"], {"real": 1 / 2, "swap": 1 / 4, "reenact": 1 / 4}),
        (
            "method",
            ["label", "group"],
            {(0, "anna"): 5 / 12, (0, "bert"): 1 / 12, (1, "anna"): 1 / 4, (1, "bert"): 1 / 4},
        ),
        ("group", ["label", "group"], {(0, "anna"): 1 / 4, (0, "bert"): 1 / 4, (1, "anna"): 1 / 4, (1, "bert"): 1 / 4}),
    ],
)
def test_weights_balance_what_they_say(balance, columns, shares):
    found = ROWS.assign(weight=crops.draw_weights(ROWS, balance)).groupby(columns)["weight"].sum()
    assert found.to_dict() == pytest.approx(shares)


@given(
    st.lists(st.tuples(st.sampled_from(["real", "swap", "reenact"]), st.sampled_from("abc")), max_size=30),
    st.sampled_from(["label", "method", "group"]),
)
def test_any_rows_of_two_classes_are_drawn_half_and_half(extra, balance):
    rows = pd.DataFrame([("real", "a"), ("swap", "a"), *extra], columns=["method", "group"])
    rows["label"] = (rows["method"] != "real").astype(int)
    weights = crops.draw_weights(rows, balance)
    assert weights.sum() == pytest.approx(1)
    assert weights[rows["label"] == 1].sum() == pytest.approx(0.5)
    assert (weights > 0).all()


def drawn(sampler: BalancedSampler, epoch: int) -> list[tuple[int, int, int]]:
    sampler.set_epoch(epoch)
    return list(sampler)


def test_an_epoch_is_drawn_the_same_again_and_another_one_differently():
    weights = crops.draw_weights(ROWS, "method")
    sampler = BalancedSampler(weights, 50, seed=3)
    epochs = [drawn(sampler, epoch) for epoch in range(3)]
    rows = [[row for row, _, _ in epoch] for epoch in epochs]
    assert rows[0] != rows[1] != rows[2] != rows[0]
    assert drawn(BalancedSampler(weights, 50, seed=3), 2) == epochs[2]  # as a resumed run does
    assert [row for row, _, _ in drawn(BalancedSampler(weights, 50, seed=4), 2)] != rows[2]
    assert [(epoch, position) for _, epoch, position in epochs[2]] == [(2, position) for position in range(50)]


def test_rows_are_drawn_by_their_weight():
    sampler = BalancedSampler(np.array([0.0, 0.75, 0.25]), 4000, seed=0)
    assert len(sampler) == 4000
    shares = np.bincount([row for row, _, _ in sampler], minlength=3) / 4000
    assert shares == pytest.approx([0, 0.75, 0.25], abs=0.03)
    assert shares[0] == 0


def test_augmentation_off_changes_no_pixel():
    crop = textured()
    assert np.array_equal(OFF.apply(crop, np.random.default_rng(0)), crop)


@pytest.mark.parametrize(
    ("name", "strength"),
    [
        ("flip", 1),
        ("shift", 0.1),
        ("scale", 0.2),
        ("rotate", 20),
        ("colour", 0.3),
        ("blur", 1),
        ("downscale", 1),
        ("jpeg", 1),
        ("noise", 1),
    ],
)
def test_each_augmentation_works_alone(name, strength):
    crop = textured()
    changed = replace(OFF, **{name: strength}).apply(crop, np.random.default_rng(0))
    assert not np.array_equal(changed, crop)


def test_flip_mirrors_exactly():
    crop = textured()
    assert np.array_equal(replace(OFF, flip=1).apply(crop, np.random.default_rng(0)), crop[:, ::-1])


SHARE = st.floats(0, 1)


@given(
    st.builds(
        Augmentation,
        flip=SHARE,
        shift=st.floats(0, 0.5),
        scale=st.floats(0, 0.9),
        rotate=st.floats(0, 180),
        colour=SHARE,
        blur=SHARE,
        downscale=SHARE,
        jpeg=SHARE,
        noise=SHARE,
    ),
    st.integers(0, 2**32),
    st.integers(16, 64),
)
def test_augmentation_keeps_shape_and_type_and_the_original(augmentation, seed, size):
    crop = textured(64)[:size, :size]
    before = crop.copy()
    changed = augmentation.apply(crop, np.random.default_rng(seed))
    assert (changed.shape, changed.dtype) == (crop.shape, np.uint8)
    assert np.array_equal(crop, before)


def test_augmentation_depends_on_seed_epoch_and_position_alone(stored):
    def sample(seed, epoch, position):
        return FaceCrops(stored, 48, seed, ON)[3, epoch, position][0]

    wanted = sample(1, 2, 5)
    reused = FaceCrops(stored, 48, 1, ON)
    for other in ((0, 0, 0), (3, 2, 4)):  # what was read before does not matter
        reused[other]
    assert torch.equal(reused[3, 2, 5][0], wanted)
    for key in ((2, 2, 5), (1, 3, 5), (1, 2, 6)):
        assert not torch.equal(sample(*key), wanted), key


def test_loader_processes_do_not_change_the_samples(stored, no_hang):
    def epoch(workers):
        sampler = BalancedSampler(np.full(4, 0.25), 12, seed=1)
        return list(crops.loader(FaceCrops(stored, 32, 1, ON), 4, workers, sampler))

    for alone, helped in zip(epoch(0), epoch(2), strict=True):
        assert all(torch.equal(one, other) for one, other in zip(alone, helped, strict=True))


def test_loader_processes_work_after_opencv_has_used_its_threads_here(stored, no_hang):
    cv2.warpAffine(np.zeros((2000, 2000, 3), np.uint8), np.eye(2, 3), (2000, 2000))
    assert [len(rows) for _, _, rows in crops.loader(FaceCrops(stored, 32), 2, 2)] == [2, 2]


@pytest.mark.parametrize(("sampled", "sizes"), [(True, [3]), (False, [3, 1])], ids=["training", "judging"])
def test_only_training_leaves_out_the_last_smaller_batch(stored, sampled, sizes):
    sampler = BalancedSampler(np.full(4, 0.25), 4, seed=0) if sampled else None
    assert [len(labels) for _, labels, _ in crops.loader(FaceCrops(stored, 32), 3, 0, sampler)] == sizes


@pytest.mark.parametrize(("row", "colour", "label"), [(0, RED, 0), (1, GREEN, 1), (2, BLUE, 0)])
def test_a_sample_is_the_stored_crop_in_rgb(stored, row, colour, label):
    image, found, number = FaceCrops(stored, 32)[row]
    assert (image.shape, image.dtype) == ((3, 32, 32), torch.uint8)
    assert image.flatten(1).unique(dim=1).flatten().tolist() == list(colour)
    assert (found, number) == (label, row)


def test_input_is_normalised_as_torchvision_does():
    images = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    assert torch.allclose(crops.normalise(images), normalize(images / 255, crops.MEAN, crops.STD), atol=1e-5)


class Reddish(torch.nn.Module):
    """Calls a picture the more fake, the redder it is."""

    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(1))

    def forward(self, images):
        red = images[:, 0].mean(dim=(1, 2)) * self.gain
        return torch.stack([-red, red], dim=1)


@pytest.mark.parametrize("workers", [0, 2])
def test_logits_are_fake_minus_real_in_the_order_of_the_rows(stored, workers, no_hang):
    rows = stored.iloc[[1, 0, 2, 0, 1]]
    high, low = ((value / 255 - crops.MEAN[0]) / crops.STD[0] * 2 for value in (250, 10))
    found = crops.frame_logits(Reddish(), FaceCrops(rows, 32), 2, workers)
    assert found == pytest.approx([low, high, low, high, low], abs=1e-5)


def test_no_faces_give_no_logits(stored):
    assert crops.frame_logits(Reddish(), FaceCrops(stored.head(0), 32), 2, 0).shape == (0,)


def test_every_track_of_the_splits_items_is_judged_and_nothing_else(stored, no_hang):
    faces = stored.drop(columns="label").assign(
        item=["a", "a", "b", "other"], track=[0, 1, 0, 0], status=["ok", "ok", "no face", "ok"]
    )
    split = pd.DataFrame({"item": ["a", "b"], "label": pd.array([1, 0], "Int64")})
    judged = crops.judge_faces(Detector().eval(), faces, split, 32)
    assert judged[["item", "track", "label"]].to_numpy().tolist() == [["a", 0, 1], ["a", 1, 1]]
    assert np.isfinite(judged["logit"]).all()
