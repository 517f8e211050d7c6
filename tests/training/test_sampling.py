"""What is learned from: drawn how often, self-blended, changed, and in which order it comes."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made import changed

from deepfake_detector import UserError
from deepfake_detector.faces.cutting import read_points
from deepfake_detector.training import crops, sampling, selfblend
from deepfake_detector.training.augmentation import DELIVERY
from deepfake_detector.training.sampling import (
    PSEUDO_FAKE,
    STORED,
    TARGET,
    BalancedBatches,
    Draw,
    LearningCrops,
)
from deepfake_detector.training.selfblend import Blend
from deepfake_detector.training.settings import Augment

ON = Augment(
    flip=0.5,
    shift=0.1,
    scale=0.1,
    rotate=10,
    colour=0.3,
    blur=0.5,
    downscale=0.5,
    jpeg=0.5,
    blocks=0.5,
    noise=0.5,
    erase=0.5,
)
OFF = Augment(**dict.fromkeys(Augment.model_fields, 0))
ROWS = pd.DataFrame(
    [(0, "real", "anna")] * 5
    + [(0, "real", "bert")]
    + [(1, "swap", "anna")] * 3
    + [(1, "reenact", "bert")],
    columns=["label", "method", "group"],
).assign(data_set="one")


FACES = pd.DataFrame(
    [
        {"item": "r", "track": 0, "status": "ok", "member": "r0"},
        {"item": "r", "track": 1, "status": "ok", "member": "r1"},
        {"item": "f", "track": 0, "status": "ok", "member": "f0"},
        {"item": "f", "track": 0, "status": "no face", "member": ""},
        {"item": "elsewhere", "track": 0, "status": "ok", "member": "e0"},
    ]
)
SPLIT = pd.DataFrame(
    [("r", 0, "real", "anna"), ("f", 1, "swap", "anna")],
    columns=["item", "label", "method", "group"],
)


def test_dominant_faces_of_the_split_are_learned_from_and_judged():
    for rows in (
        sampling.to_learn_from(FACES, SPLIT, "all"),
        sampling.to_be_judged(FACES, SPLIT, "all"),
    ):
        assert rows[["member", "label", "group"]].values.tolist() == [
            ["r0", 0, "anna"],
            ["f0", 1, "anna"],
        ]


@pytest.mark.parametrize("fakes", ["all", "none"])
def test_one_methods_fakes_and_all_reals_select_the_epoch_where_it_is_named(fakes):
    other = SPLIT[SPLIT["label"] == 1].assign(item="g", method="morph")
    its_faces = FACES[FACES["item"] == "f"].assign(item="g")
    faces, split = pd.concat([FACES, its_faces]), pd.concat([SPLIT, other])
    judged = sampling.to_be_judged(faces, split, fakes, "morph")
    assert dict(zip(judged["item"], judged["selects"], strict=True)) == {
        "r": True,
        "f": False,
        "g": True,
    }


def test_without_fakes_reals_are_learned_from_and_judged_beside_their_pseudo_fakes():
    assert sampling.to_learn_from(FACES, SPLIT, "none")["member"].to_list() == ["r0"]
    judged = sampling.to_be_judged(FACES, SPLIT, "none")[
        ["item", "member", "label", "method", "shown", "pair"]
    ]
    assert judged.values.tolist() == [
        ["r", "r0", 0, "real", TARGET, 0],
        ["r (self-blended)", "r0", 1, "self-blended", PSEUDO_FAKE, 0],
    ]


@pytest.mark.parametrize(
    ("balance", "columns", "shares"),
    [
        ("label", ["label"], {0: 1 / 2, 1: 1 / 2}),
        ("label", ["method"], {"real": 1 / 2, "swap": 3 / 8, "reenact": 1 / 8}),
        ("data_set", ["method"], {"real": 1 / 2, "swap": 1 / 4, "reenact": 1 / 4}),
        ("method", ["method"], {"real": 1 / 2, "swap": 1 / 4, "reenact": 1 / 4}),
        (
            "method",
            ["label", "group"],
            {(0, "anna"): 5 / 12, (0, "bert"): 1 / 12, (1, "anna"): 1 / 4, (1, "bert"): 1 / 4},
        ),
        (
            "group",
            ["label", "group"],
            {(0, "anna"): 1 / 4, (0, "bert"): 1 / 4, (1, "anna"): 1 / 4, (1, "bert"): 1 / 4},
        ),
    ],
)
def test_weights_balance_what_they_say(balance, columns, shares):
    found = (
        ROWS.assign(weight=sampling.draw_weights(ROWS, balance)).groupby(columns)["weight"].sum()
    )
    assert found.to_dict() == pytest.approx(shares)


def test_groups_are_balanced_within_each_method():
    fakes = [(1, "swap", "anna")] * 3 + [(1, "swap", "bert"), (1, "reenact", "bert")]
    rows = pd.DataFrame([(0, "real", "anna"), *fakes], columns=["label", "method", "group"])
    rows["data_set"] = "one"
    weights = rows.assign(weight=sampling.draw_weights(rows, "group"))
    found = weights.groupby(["method", "group"])["weight"].sum()
    assert found.to_dict() == pytest.approx(
        {
            ("real", "anna"): 1 / 2,
            ("swap", "anna"): 1 / 8,
            ("swap", "bert"): 1 / 8,
            ("reenact", "bert"): 1 / 4,
        }
    )


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.sampled_from(["real", "swap", "reenact"]), st.sampled_from("abc")), max_size=30
    ),
    st.sampled_from(["label", "data_set", "method", "group"]),
)
def test_any_rows_of_two_classes_are_drawn_half_and_half(extra, balance):
    rows = pd.DataFrame([("real", "a"), ("swap", "a"), *extra], columns=["method", "group"])
    rows["data_set"] = rows["group"]
    rows["label"] = (rows["method"] != "real").astype(int)
    weights = sampling.draw_weights(rows, balance)
    assert weights.sum() == pytest.approx(1)
    assert weights[rows["label"] == 1].sum() == pytest.approx(0.5)
    assert (weights > 0).all()
    of_set = pd.Series(weights).groupby([rows["data_set"], rows["label"]]).sum().unstack()
    of_both = of_set.dropna()
    share = of_both / of_both.sum()
    assert share[0].to_numpy() == pytest.approx(share[1].to_numpy())


@pytest.mark.parametrize(
    ("balance", "big", "small"),
    [
        ("label", (0.336, 0.4), (0.084, 0.1)),
        ("data_set", (0.21, 0.25), (0.21, 0.25)),
        ("method", (0.28, 1 / 3), (0.14, 1 / 6)),
    ],
)
def test_no_data_set_gives_the_label_away(balance, big, small):
    """What reals alone have of the draws they keep: .08 of them, as their number says."""
    counts = {("big", 0, "real"): 40, ("big", 1, "swap"): 30, ("big", 1, "morph"): 10}
    counts |= {("small", 0, "real"): 2, ("small", 1, "reenact"): 10, ("reals", 0, "real"): 8}
    rows = pd.DataFrame(
        [key for key, count in counts.items() for _ in range(count)],
        columns=["data_set", "label", "method"],
    ).assign(group="a")
    weights = pd.Series(sampling.draw_weights(rows, balance))
    found = weights.groupby([rows["data_set"], rows["label"]]).sum()
    assert (found["big", 0], found["big", 1]) == pytest.approx(big)
    assert (found["small", 0], found["small", 1]) == pytest.approx(small)
    assert found["reals", 0] == pytest.approx(0.08)
    of_method = weights.groupby(rows["method"]).sum()
    assert balance == "label" or of_method["swap"] == pytest.approx(of_method["morph"])


def batches(weights, labels=None, batch_size=10, seed=3, groups=None, **options) -> BalancedBatches:
    labels = np.arange(len(weights)) % 2 if labels is None else np.asarray(labels)
    groups = np.arange(len(weights)) if groups is None else np.asarray(groups)
    return BalancedBatches(
        np.asarray(weights), labels, groups, batch_size=batch_size, seed=seed, **options
    )


EVEN = np.full(50, 1 / 50)


def test_an_epoch_is_drawn_the_same_again_and_another_one_differently():
    epochs = [batches(EVEN).draws(epoch) for epoch in range(3)]
    rows = [[draw.row for draw in epoch] for epoch in epochs]
    assert rows[0] != rows[1] != rows[2] != rows[0]
    assert batches(EVEN).draws(2) == epochs[2]  # as a resumed run does
    assert [draw.row for draw in batches(EVEN, seed=4).draws(2)] != rows[2]


def test_real_and_fake_take_turns_and_two_share_their_augmentation():
    draws = batches(EVEN).draws(2)
    assert [draw.row % 2 for draw in draws] == [0, 1] * 25
    assert [(draw.epoch, draw.pair) for draw in draws] == [(2, place // 2) for place in range(50)]


def test_rows_are_drawn_by_their_weight():
    weights = np.zeros(4000)
    weights[[0, 1, 3]] = 0.5, 0.375, 0.125
    rows = [draw.row for draw in batches(weights).draws(0)]
    assert np.bincount(rows, minlength=4000)[:4] / 4000 == pytest.approx(
        [0.5, 0.375, 0, 0.125], abs=0.03
    )


@pytest.mark.parametrize(
    ("ranks", "largest", "sizes"),
    [(1, 10, [10]), (1, 5, [5, 5]), (1, 4, [2] * 5), (2, 5, [5]), (2, 100, [5])],
)
def test_an_update_is_made_of_the_same_faces_however_it_is_cut(ranks, largest, sizes):
    whole = batches(EVEN).draws(1)
    for step in range(5):
        found = []
        for rank in range(ranks):
            own = batches(EVEN, micro_batch_size=largest, rank=rank, ranks=ranks)
            own.start(1)
            micro_batches = list(own)[step * own.micro_batches : (step + 1) * own.micro_batches]
            assert [len(micro_batch) for micro_batch in micro_batches] == sizes
            found += [draw for micro_batch in micro_batches for draw in micro_batch]
        assert found == whole[step * 10 : (step + 1) * 10]


def test_a_batch_that_cannot_be_split_is_refused():
    with pytest.raises(
        UserError, match=r"train\.batch_size: 7 faces on a device cannot be split .* 2 to 3"
    ):
        batches(EVEN, batch_size=7, micro_batch_size=3)


def test_a_batch_that_the_processes_cannot_share_is_refused():
    with pytest.raises(
        UserError, match=r"train\.batch_size 10 is no multiple of the 3 processes .*; set it to 12"
    ):
        batches(EVEN, batch_size=10, ranks=3)


def test_an_epoch_can_go_on_in_its_middle():
    own = batches(EVEN, micro_batch_size=5)
    own.start(2)
    whole = list(own)
    own.start(2, step=3)
    assert len(own) == 4
    assert list(own) == whole[6:]


def test_an_incomplete_last_batch_is_left_out():
    own = batches(np.full(29, 1 / 29))
    assert len(list(own)) == len(own) == own.steps == 2
    assert len(own.draws(0)) == 20


@pytest.mark.parametrize("share", [0.5, 0.25, 0.7])
def test_the_share_asked_for_is_real_in_every_batch(share):
    draws = batches(np.full(400, 1 / 400), batch_size=20, real_share=share).draws(0)
    real = np.array([draw.row % 2 == 0 for draw in draws]).reshape(-1, 20)
    assert real.sum(1).tolist() == [20 * share] * 20
    assert [draw.pair for draw in draws] == sorted(draw.pair for draw in draws)


@pytest.mark.parametrize("share", [0.25, 0.4, 0.5, 0.6, 0.75])
def test_each_of_the_rarer_class_stands_beside_its_partner(share):
    own = batches(
        np.full(400, 1 / 400), groups=np.arange(400) // 4, batch_size=20, real_share=share, pairs=1
    )
    draws = own.draws(0)
    is_real, group = (
        np.array([one.row for one in draws]) % 2 == 0,
        [one.row // 4 for one in draws],
    )
    pair = [one.pair for one in draws]
    together = np.flatnonzero(np.diff(pair) == 0)
    assert len(together) == min(is_real.sum(), (~is_real).sum())
    assert is_real[together].all() and not is_real[together + 1].any()
    assert [group[first] for first in together] == [group[first + 1] for first in together]
    assert len(set(pair)) == len(draws) - len(together)


@pytest.mark.parametrize("share", [0.25, 0.7])
def test_as_many_of_the_reals_as_of_the_fakes_are_changed_by_self_blending(share):
    draws = batches(np.full(4000, 1 / 4000), batch_size=20, real_share=share, self_blend=0.3)
    shown = pd.DataFrame(draws.draws(0))["shown"]
    real = draws.turns.astype(bool)
    assert (shown[real] == TARGET).mean() == pytest.approx(0.3, abs=0.04)
    assert (shown[~real] == PSEUDO_FAKE).mean() == pytest.approx(0.3, abs=0.04)


def test_how_often_each_face_is_drawn_is_foretold():
    labels, groups = np.arange(40) % 2, np.arange(40) // 4
    weights = np.random.default_rng(1).random(40)
    own = batches(
        np.tile(weights, 50),
        np.tile(labels, 50),
        groups=np.tile(groups, 50),
        pairs=0.8,
        self_blend=0.25,
        real_share=0.4,
    )
    draws = [draw for epoch in range(100) for draw in own.draws(epoch)]
    stored = [draw.row % 40 for draw in draws if draw.shown != PSEUDO_FAKE]
    expected = own.expected().reshape(50, 40).sum(0)
    assert np.bincount(stored, minlength=40) / 100 == pytest.approx(expected, rel=0.25)


def test_each_real_of_a_source_stands_beside_each_of_its_fakes_from_time_to_time():
    own = batches(
        np.full(8, 1 / 8), np.arange(8) % 2, groups=np.zeros(8, int), pairs=1.0, batch_size=8
    )
    seen = Counter(
        (real.row, fake.row)
        for epoch in range(200)
        for draws in [own.draws(epoch)]
        for real, fake in zip(draws[::2], draws[1::2], strict=True)
    )
    assert len(seen) == 16
    assert min(seen.values()) > seen.total() / 16 / 2


def test_the_rarest_items_are_told():
    rows = pd.DataFrame({"item": list("aabcd"), "label": [0, 0, 0, 1, 1]})
    assert sampling.draws_in_words(rows, np.array([1, 0.5, 2.25, 0, 3])) == (
        "1 of 4 items can never be drawn; an epoch draws the rarest this many times: real 1.5, fake 0"
    )


def test_self_blending_replaces_the_share_of_fakes_asked_for_by_twins_of_the_reals_beside_them():
    plain = batches(np.full(4000, 1 / 4000), batch_size=20).draws(0)
    draws = batches(np.full(4000, 1 / 4000), batch_size=20, self_blend=0.25).draws(0)
    assert [draw.row for draw in draws[::2]] == [draw.row for draw in plain[::2]]
    blended = [draw.shown == PSEUDO_FAKE for draw in draws[1::2]]
    assert np.mean(blended) == pytest.approx(0.25, abs=0.03)
    for real, before, after in zip(plain[::2], plain[1::2], draws[1::2], strict=True):
        twin = real._replace(shown=PSEUDO_FAKE)
        assert after == (twin if after.shown == PSEUDO_FAKE else before)


def test_the_real_beside_a_pseudo_fake_is_the_target_that_it_was_blended_into():
    draws = batches(np.full(400, 1 / 400), batch_size=20, self_blend=0.5).draws(0)
    for real, fake in zip(draws[::2], draws[1::2], strict=True):
        assert (real.shown, fake.shown) in {(STORED, STORED), (TARGET, PSEUDO_FAKE)}
        assert real.shown == STORED or real == fake._replace(shown=TARGET)


def test_with_reals_alone_every_second_draw_is_a_pseudo_fake():
    draws = batches(EVEN, np.zeros(50), self_blend=1.0).draws(0)
    assert [draw.shown for draw in draws] == [TARGET, PSEUDO_FAKE] * 25
    assert len({draw.row for draw in draws}) > 10


def test_both_sides_of_a_blend_have_their_label_and_differ_by_nothing_but_the_blending(
    stored_crops,
):
    crops_of = LearningCrops(stored_crops, 48, 1)
    for pair in range(10):
        blend = selfblend.self_blend(
            crops_of.picture(3), crops_of.points[3], np.random.default_rng([1, 0, pair, 1])
        )
        for shown, wanted, its_label in ((TARGET, blend.target, 0), (PSEUDO_FAKE, blend.fake, 1)):
            found, label, row = crops_of[Draw(3, 0, pair, shown)]
            assert np.array_equal(found.permute(1, 2, 0), wanted)
            assert (label, row) == (its_label, 3)


def test_both_sides_of_a_blend_share_their_augmentation(stored_crops):
    """Where nothing is blended in they are the same picture."""
    crops_of = LearningCrops(stored_crops, 48, 1, ON)
    plain = LearningCrops(stored_crops, 48, 1)
    for pair in range(5):
        real, fake = (crops_of[Draw(3, 2, pair, shown)][0] for shown in (TARGET, PSEUDO_FAKE))
        assert not torch.equal(real, plain[Draw(3, 2, pair, TARGET)][0])
        assert (real[:, :2] - fake[:, :2].float()).abs().mean() < 8  # far from the face


def test_a_fake_face_shares_the_augmentation_of_the_real_one_beside_it(stored_crops):
    """Both show the same picture here, so what is done to them can be compared."""
    crops_of = LearningCrops(stored_crops.assign(member="3.png"), 48, 1, ON)
    for pair in range(5):
        real, fake = Draw(0, 2, pair), Draw(1, 2, pair)
        assert torch.equal(crops_of[real][0], crops_of[fake][0])
        assert not torch.equal(crops_of[real][0], crops_of[Draw(0, 2, pair + 1)][0])


def test_a_pseudo_fake_is_covered_where_its_twin_is(stored_crops):
    plain, covering = (
        LearningCrops(stored_crops, 48, 1, one) for one in (OFF, changed(OFF, erase=1))
    )
    for pair in range(5):
        real, fake = (covering[Draw(3, 2, pair, shown)][0] for shown in (TARGET, PSEUDO_FAKE))
        covered = real != plain[Draw(3, 2, pair, TARGET)][0]
        assert covered.any()
        assert torch.equal(real[covered], fake[covered])


def test_each_face_is_blended_by_its_own_points(stored_crops):
    """A change of the points of row 1 changes the pseudo-fakes of row 1 alone."""
    rows = stored_crops.assign(member="3.png")
    there = (read_points(rows["points"][1]) * 0.5).ravel()
    moved = rows.assign(points=[rows["points"][0], " ".join(map(str, there)), *rows["points"][2:]])
    for row in range(4):
        before, after = (
            LearningCrops(one, 48, 1)[Draw(row, 0, 5, PSEUDO_FAKE)][0] for one in (rows, moved)
        )
        assert torch.equal(before, after) == (row != 1)


def test_validations_pseudo_fakes_are_the_same_every_time(stored_crops):
    rows = pd.concat(
        [stored_crops.assign(shown=one, pair=range(4)) for one in (TARGET, PSEUDO_FAKE)],
        ignore_index=True,
    )
    own = LearningCrops(rows, 48, 1)
    plain, label, _ = own[2]
    blended, blended_label, _ = own[6]
    assert (label, blended_label) == (0, 1)
    wanted = [
        LearningCrops(stored_crops, 48, 1)[Draw(2, 0, 2, one)] for one in (TARGET, PSEUDO_FAKE)
    ]
    assert torch.equal(plain, wanted[0][0])
    assert torch.equal(blended, wanted[1][0])
    assert torch.equal(blended, LearningCrops(rows, 48, 1)[6][0])


@pytest.mark.parametrize("name", DELIVERY)
def test_a_real_and_the_fake_beside_it_are_delivered_alike(stored_crops, name, monkeypatch):
    """What shows the same stays the same: in pairs, and where one is blended of the other."""
    alike = LearningCrops(stored_crops.assign(member="3.png"), 48, 1, changed(OFF, **{name: 1}))
    monkeypatch.setattr(
        sampling, "self_blend", lambda crop, *_: Blend(crop, crop, np.ones((48, 48), np.float32))
    )
    made = [
        alike[Draw(row, 2, 5, shown)]
        for row, shown in ((0, STORED), (1, STORED), (0, TARGET), (0, PSEUDO_FAKE))
    ]
    assert [label for _, label, _ in made] == [0, 1, 0, 1]
    assert all(torch.equal(picture, made[0][0]) for picture, *_ in made)
    assert not torch.equal(alike[Draw(0, 2, 6)][0], made[0][0])


def test_two_pseudo_fakes_of_validation_are_blended_apart(stored_crops):
    alike = LearningCrops(stored_crops.assign(member="3.png", shown=PSEUDO_FAKE), 48, 1)
    assert not torch.equal(alike[0][0], alike[1][0])


@pytest.mark.parametrize(
    ("augmentation", "shown"),
    [(ON, STORED), (OFF, TARGET), (OFF, PSEUDO_FAKE)],
    ids=["augmented", "blended into", "self-blended"],
)
def test_what_is_random_in_a_sample_depends_on_seed_epoch_and_pair_alone(
    stored_crops, augmentation, shown
):
    def sample(seed, epoch, pair):
        crops_of = LearningCrops(stored_crops, 48, seed, augmentation)
        return crops_of[Draw(3, epoch, pair, shown)][0]

    wanted = sample(1, 2, 5)
    reused = LearningCrops(stored_crops, 48, 1, augmentation)
    for other in (Draw(0, 0, 0), Draw(3, 2, 4)):  # what was read before does not matter
        reused[other]
    assert torch.equal(reused[Draw(3, 2, 5, shown)][0], wanted)
    for key in ((2, 2, 5), (1, 3, 5), (1, 2, 6)):
        assert not torch.equal(sample(*key), wanted), key


@pytest.mark.slow
def test_loader_processes_do_not_change_the_samples(stored_crops, no_hang):
    def epoch(workers):
        order = batches(np.full(4, 0.25), batch_size=2, self_blend=0.5)
        return list(crops.loader(LearningCrops(stored_crops, 32, 1, ON), order, workers))

    for alone, helped in zip(epoch(0), epoch(2), strict=True):
        assert all(torch.equal(one, other) for one, other in zip(alone, helped, strict=True))
