"""Where facts of the files tell fakes from reals the audit says so and names them; where they do
not, it stays near 0.5."""

import numpy as np
import pandas as pd
import pytest

from deepfake_detector.datasets import shortcuts
from deepfake_detector.storage import tables

NAN = float("nan")
FACTS = [
    *("bytes", "bitrate", "bits_per_pixel", "duration", "frame_rate", "frames_found"),
    *("width", "height", "jpeg_quality", "face_size", "brightness", "filled_in"),
]
FILLED_IN = pd.Series({"clip": 0.125, "elsewhere": 0.5})
NOWHERE = pd.Series({}, dtype=float)


def index(**kinds: str) -> pd.DataFrame:
    rows = [
        {
            "item": item,
            "data_set": "d",
            "kind": kind,
            "path": item,
            "label": 0,
            "method": "real",
            "use": "train",
        }
        | {"md5": f"{item:0>32}"}
        for item, kind in kinds.items()
    ]
    return tables.make(rows, tables.INDEX)


def face(
    item: str, frame: int | None, width: float, height: float, brightness: float, **more
) -> dict:
    sizes = {"width": width, "height": height, "brightness": brightness}
    return {"item": item, "frame": frame, "track": 0, "status": "ok"} | sizes | more


def film(item: str, **more: float) -> dict:
    shape = {"width": 100, "height": 50, "frame_rate": 20.0, "duration": 2.5, "frames_found": 50}
    return {"item": item, "bytes": 40_000, "bitrate": 120_000.0} | shape | more


MEDIA = [
    film("clip"),
    {"item": "still", "bytes": 3000, "width": 60, "height": 80, "jpeg_quality": 90.0},
    {"item": "crop", "bytes": 500, "width": 20, "height": 10},
    {"item": "broken", "bytes": 7},
    film("timeless", frame_rate=0.0),
    film("elsewhere"),
]
FACES = [
    face("clip", 0, 30, 40, 100),
    face("clip", 1, 50, 20, 130),
    face("clip", 2, 46, 45, 90),
    face("clip", 3, 90, 90, 10, status="face too small"),
    face("clip", 0, 99, 99, 20, track=1),
    face("still", 0, 10, 12, 77),
    face("crop", 0, 20, 10, 55),
    {"item": "broken", "status": "no video stream"},
    {"item": "timeless", "frame": 0, "status": "no face"},
    face("elsewhere", 0, 10, 10, 10),
]


def test_facts_of_every_item_are_those_of_its_file_and_its_dominant_face():
    items = index(
        clip="video", still="image", crop="face", broken="video", timeless="video", lost="video"
    )
    found = shortcuts.file_facts(
        items, tables.make(MEDIA, tables.MEDIA), tables.make(FACES, tables.FACES), FILLED_IN
    )
    film_facts = {
        "bytes": 40_000,
        "bitrate": 120_000,
        "duration": 2.5,
        "frames_found": 50,
        "width": 100,
        "height": 50,
    }
    wanted = {
        "broken": {"bytes": 7},
        "clip": film_facts
        | {"bits_per_pixel": 1.2, "frame_rate": 20, "face_size": 46, "brightness": 100}
        | {"filled_in": 0.125},
        "crop": {"bytes": 500, "bits_per_pixel": 20, "width": 20, "height": 10, "brightness": 55},
        "lost": {},
        "still": {"bytes": 3000, "bits_per_pixel": 5, "width": 60, "height": 80, "jpeg_quality": 90}
        | {"face_size": 12, "brightness": 77},
        "timeless": film_facts | {"frame_rate": 0},
    }
    expected = pd.DataFrame.from_dict(
        wanted, orient="index", columns=FACTS, dtype="float64"
    ).rename_axis("item")
    pd.testing.assert_frame_equal(found[FACTS], expected, check_index_type=False)


def test_every_column_of_the_media_table_is_a_fact():
    """Also one that a later version adds."""
    media = tables.make([film("clip", codec="h264"), {"item": "still", "bytes": 1}], tables.MEDIA)
    media["tag"] = ["Lavf", None]
    media["aspect"] = pd.array([1, None], dtype="Int64")
    items = index(clip="video", still="image", lost="video")
    found = shortcuts.file_facts(items, media, tables.make([], tables.FACES), NOWHERE)
    assert set(media.columns) - {"item"} < set(found.columns)
    assert found["tag"].to_dict() == {"clip": "Lavf", "still": "", "lost": ""}
    assert found["codec"].to_dict() == {"clip": "h264", "still": "", "lost": ""}
    assert found["aspect"].isna().to_dict() == {"clip": False, "still": True, "lost": True}


def test_without_any_face_the_other_facts_stand():
    found = shortcuts.file_facts(
        index(clip="video"),
        tables.make(MEDIA, tables.MEDIA),
        tables.make([], tables.FACES),
        NOWHERE,
    )
    assert found.loc["clip", "bits_per_pixel"] == 1.2
    assert found.loc["clip", ["face_size", "brightness", "filled_in"]].isna().all()


def paired(pairs: int, seed: int = 0, fakes: int = 1) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Facts, labels and groups of `pairs` clips with `fakes` forgeries each, whose facts do not
    depend on the label."""
    labels = np.tile([0] + [1] * fakes, pairs)
    names = [f"item{number:05d}" for number in range(len(labels))]
    rng = np.random.default_rng(seed)
    drawn = {
        "bytes": rng.lognormal(14, 1, len(labels)),
        "bitrate": rng.lognormal(14, 0.15, len(labels)),
        "bits_per_pixel": rng.lognormal(-2, 0.3, len(labels)),
        "duration": rng.uniform(3, 20, len(labels)),
        "frame_rate": rng.choice([24.0, 25.0, 30.0], len(labels)),
        "frames_found": rng.integers(75, 500, len(labels)),
        "width": 640.0,
        "height": 480.0,
        "jpeg_quality": NAN,
        "face_size": rng.normal(120, 20, len(labels)),
        "brightness": rng.normal(110, 15, len(labels)),
    }
    facts = pd.DataFrame(drawn, index=names, columns=FACTS, dtype="float64")
    groups = pd.Series(
        np.repeat([f"group{number}" for number in range(pairs)], 1 + fakes), index=names
    )
    return facts, pd.Series(labels, index=names, dtype="Int64"), groups


@pytest.mark.slow
@pytest.mark.parametrize(("pairs", "fakes"), [(20, 1), (10, 4)])
def test_facts_that_know_nothing_of_the_label_stay_near_a_half(pairs, fakes):
    found = [shortcuts.audit(*paired(pairs, seed, fakes)).auc for seed in range(8)]
    assert 0.42 <= np.mean(found) <= 0.58
    assert max(found) <= 0.75


@pytest.mark.slow
@pytest.mark.parametrize("pairs", [13, 100])
@pytest.mark.parametrize(
    ("fact", "real", "fake", "description"),
    [
        ("codec", "mpeg4", "h264", "codec (mostly mpeg4 of reals, h264 of fakes)"),
        ("encoder", "Lavf58", "", "encoder (mostly Lavf58 of reals, none of fakes)"),
        ("pixel_aspect", 1.0, 1.422, "pixel_aspect (median 1 of reals, 1.422 of fakes)"),
    ],
)
def test_one_fact_that_separates_the_classes_is_found_and_named(
    pairs, fact, real, fake, description
):
    facts, labels, groups = paired(pairs)
    facts["container"] = np.tile(["mov", "mov", "avi", "avi"], pairs)[: len(labels)]
    facts[fact] = np.where(labels == 1, fake, real)
    found = shortcuts.audit(facts, labels, groups)
    assert found.auc > 0.9
    assert str(found.carriers[0]) == description
    assert found.carriers[0].alone > 0.9
    assert "container" not in {carrier.fact for carrier in found.carriers}


@pytest.mark.slow
def test_a_number_that_separates_without_being_more_or_less_is_named():
    facts, labels, groups = paired(40)
    facts["frame_rate"] = np.where(labels == 1, np.tile([24.0, 24, 30, 30], 20), 25.0)
    carrier, *_ = shortcuts.audit(facts, labels, groups).carriers
    assert (carrier.fact, carrier.alone) == ("frame_rate", 1)


@pytest.mark.slow
def test_texts_that_differ_from_file_to_file_tell_nothing():
    facts, labels, groups = paired(40)
    facts["encoder"] = [f"version {number}" for number in range(80)]
    assert shortcuts.audit(facts, labels, groups) == shortcuts.audit(
        facts.drop(columns="encoder"), labels, groups
    )


@pytest.mark.slow
def test_forgeries_with_all_the_facts_of_their_originals_are_not_told_from_them():
    facts, labels, groups = paired(30)
    facts[labels == 1] = facts[labels == 0].to_numpy()
    found = shortcuts.audit(facts, labels, groups)
    assert (found.auc, found.carriers) == (0.5, ())


def changed(facts: pd.DataFrame, labels: pd.Series, how: str) -> pd.DataFrame:
    fake, facts = (labels == 1).to_numpy(), facts.copy()
    if how == "half the bitrate":
        facts.loc[fake, "bitrate"] /= 2
    if how == "half the bitrate, and one huge file":
        facts.loc[fake, "bitrate"] /= 2
        facts.iloc[0, facts.columns.get_loc("bitrate")] = 1e12
    if how == "another frame rate":
        facts["frame_rate"] = np.where(fake, 30.0, 25.0)
    if how == "another resolution":
        facts[["width", "height"]] = np.where(fake[:, None], [256.0, 256.0], [640.0, 480.0])
    if how == "another JPEG quality":
        facts["jpeg_quality"] = np.where(fake, 75.0, 95.0)
    if how == "stored without loss":
        facts["jpeg_quality"] = np.where(fake, NAN, 95.0)
    if how == "facts missing":
        facts.loc[fake, ["duration", "frames_found"]] = NAN
    if how == "facts often missing":
        facts.loc[fake & (fake.cumsum() % 10 > 0), "duration"] = NAN
    return facts


@pytest.mark.slow
@pytest.mark.parametrize(("pairs", "fakes"), [(10, 1), (12, 4), (150, 1)])
@pytest.mark.parametrize(
    ("how", "carriers"),
    [
        ("half the bitrate", {"bitrate"}),
        ("half the bitrate, and one huge file", {"bitrate"}),
        ("another frame rate", {"frame_rate"}),
        ("another resolution", {"height", "width"}),
        ("another JPEG quality", {"jpeg_quality"}),
        ("stored without loss", set()),
        ("facts missing", set()),
        ("facts often missing", set()),
    ],
)
def test_a_shortcut_is_found_and_its_carriers_are_named(how, carriers, pairs, fakes):
    facts, labels, groups = paired(pairs, fakes=fakes)
    found = shortcuts.audit(changed(facts, labels, how), labels, groups)
    assert found.auc >= 0.9
    assert {carrier.fact for carrier in found.carriers if carrier.auc >= 0.9} == carriers
    assert (found.reason, found.items) == ("", len(labels))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_a_fact_missing_in_every_second_fake_alone_is_found_in_few_items(seed):
    facts, labels, groups = paired(20, seed)
    fake = (labels == 1).to_numpy()
    facts.loc[fake & (fake.cumsum() % 2 > 0), "duration"] = NAN
    assert (
        0.6 < shortcuts.audit(facts, labels, groups).auc < 0.8
    )  # 0.75 where nothing else is made of it


@pytest.mark.slow
def test_facts_that_tell_little_alone_tell_more_together():
    facts, labels, groups = paired(200)
    weak = ["duration", "face_size", "brightness"]
    facts[weak] = (
        np.random.default_rng(0).normal(size=(len(facts), 3)) + labels.to_numpy(float)[:, None]
    )
    found = shortcuts.audit(facts, labels, groups)
    assert {carrier.fact for carrier in found.carriers} == set(weak)
    assert found.auc > max(carrier.auc for carrier in found.carriers) + 0.05


@pytest.mark.slow
def test_what_holds_within_one_source_group_alone_is_no_shortcut():
    facts, labels, groups = paired(40, fakes=9)
    labels[:] = np.tile([0, 1], 200)
    alike, _ = (groups + labels.astype(str)).factorize()  # all reals of a group, and all its fakes
    facts[:] = np.random.default_rng(0).normal(size=(80, facts.shape[1]))[alike]
    alone = pd.Series(labels.index, index=labels.index)
    assert shortcuts.audit(facts, labels, alone).auc > 0.8
    assert shortcuts.audit(facts, labels, groups).auc < 0.65


def bare(pairs: int, **values: list[float]) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """`paired`, but nothing is known except `values`: a list over the reals, then over the fakes,
    of each fact."""
    facts, labels, groups = paired(pairs)
    facts[:] = NAN
    for fact, given in values.items():
        facts.loc[labels == 0, fact], facts.loc[labels == 1, fact] = given[:pairs], given[pairs:]
    return facts, labels, groups


LOW, HIGH = list(range(10)), list(range(5, 15))
CARRIERS = [
    (
        {"width": LOW + HIGH},
        [("width", 0.875, 4.5, 9.5)],
    ),  # 50 + 5.5 + 6.5 + 7.5 + 8.5 + 9.5 of 100 pairs
    ({"width": HIGH + LOW}, [("width", 0.875, 9.5, 4.5)]),
    ({"width": [0] * 10 + [0] * 8 + [1] * 2}, [("width", 0.6, 0, 0)]),
    ({"width": [0] * 10 + [0] * 9 + [1]}, []),
    ({"width": [0] * 9 + [NAN] + [1] * 10}, []),
    ({"width": [0] * 10 + [1] * 9 + [NAN]}, []),
    ({"width": [1] * 10 + [1] * 10}, []),
    (
        {"width": LOW + HIGH, "height": [0] * 10 + [1] * 10, "bytes": HIGH + LOW},
        [("height", 1, 0, 1), ("bytes", 0.875, 9.5, 4.5), ("width", 0.875, 4.5, 9.5)],
    ),
    (
        dict.fromkeys(FACTS, [0] * 10 + [1] * 10),
        [
            (fact, 1, 0, 1)
            for fact in ("bitrate", "bits_per_pixel", "brightness", "bytes", "duration")
        ],
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("values", "carriers"), CARRIERS)
def test_carriers_are_the_few_facts_that_alone_tell_most_whichever_way(values, carriers):
    found = shortcuts.audit(*bare(10, **values)).carriers
    assert [(one.fact, round(one.auc, 9), one.real, one.fake) for one in found] == carriers


def test_values_that_are_not_known_do_not_count_for_a_carrier():
    (found,) = shortcuts.audit(*bare(12, width=[*LOW, NAN, NAN, *HIGH, NAN, NAN])).carriers
    assert (found.auc, found.real, found.fake) == (0.875, 4.5, 9.5)


@pytest.mark.parametrize(
    "values", [{}, {"width": [640.0] * 40}, {fact: [1.0] * 40 for fact in FACTS}]
)
def test_facts_that_are_all_the_same_or_unknown_tell_nothing(values):
    assert shortcuts.audit(*bare(20, **values)) == shortcuts.Shortcut(0.5, "", (), 40)


@pytest.mark.parametrize(
    ("reals", "fakes", "real_groups", "fake_groups", "reason"),
    [
        (9, 28, 9, 9, "too few items: 9 real, 28 fake, 10 of each are needed"),
        (28, 9, 9, 9, "too few items: 28 real, 9 fake, 10 of each are needed"),
        (20, 0, 9, 1, "too few items: 20 real, 0 fake, 10 of each are needed"),
        (0, 20, 1, 9, "too few items: 0 real, 20 fake, 10 of each are needed"),
        (0, 0, 1, 1, "too few items: 0 real, 0 fake, 10 of each are needed"),
        (10, 10, 2, 9, "too few source groups: 2 real, 9 fake, 3 of each are needed"),
        (10, 10, 9, 1, "too few source groups: 9 real, 1 fake, 3 of each are needed"),
        (10, 10, 3, 3, ""),
    ],
)
def test_too_little_to_judge_from_is_said_in_words(reals, fakes, real_groups, fake_groups, reason):
    labels = pd.Series(
        [0] * reals + [1] * fakes,
        index=[f"item{number}" for number in range(reals + fakes)],
        dtype=int,
    )
    numbers = [number % real_groups for number in range(reals)] + [
        number % fake_groups for number in range(fakes)
    ]
    groups = pd.Series(numbers, index=labels.index, dtype=int).astype(str)
    facts = pd.DataFrame(1.0, index=labels.index, columns=FACTS)
    assert shortcuts.audit(facts, labels, groups) == shortcuts.Shortcut(
        None if reason else 0.5, reason, (), reals + fakes
    )


def in_groups(sizes: list[tuple[int, int]]) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Random facts of groups with so many reals and fakes each; the fakes have half the bitrate."""
    total = sum(map(sum, sizes))
    facts, labels, groups = paired(total, fakes=0)
    labels[:] = [label for reals, fakes in sizes for label in [0] * reals + [1] * fakes]
    groups[:] = [f"group{number}" for number, both in enumerate(sizes) for _ in range(sum(both))]
    return changed(facts, labels, "half the bitrate"), labels, groups


def test_groups_of_very_unequal_size_are_judged_as_far_as_they_can_be():
    facts, labels, groups = in_groups([(5, 0), (5, 0), (1, 1), (0, 20), (2, 1)])
    assert shortcuts.audit(facts, labels, groups).auc > 0.7


@pytest.mark.slow
def test_class_ratios_that_differ_from_fold_to_fold_tell_nothing():
    _, labels, groups = in_groups(
        [(5, 12), (2, 8), (1, 9), (5, 13), (5, 1), (1, 10), (1, 3), (4, 1), (4, 3)]
    )
    facts = pd.DataFrame(1.0, index=labels.index, columns=FACTS)
    assert shortcuts.audit(facts, labels, groups).auc == 0.5


@pytest.mark.slow
def test_of_many_items_as_many_of_each_class_are_judged_and_no_group_is_crowded_out(monkeypatch):
    facts, labels, groups = in_groups([(300, 100), *[(1, 1)] * 23])
    crowd = groups == "group0"
    facts.loc[crowd, "bitrate"] = 1.0
    assert shortcuts.audit(facts, labels, groups).auc < 0.7
    monkeypatch.setattr(shortcuts, "MOST_ITEMS", 24)
    found = shortcuts.audit(facts, labels, groups)
    assert found.items == 48
    assert found.auc >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("most", [20, 6000])
def test_the_same_items_give_the_same_result_in_any_order(most, monkeypatch):
    monkeypatch.setattr(shortcuts, "MOST_ITEMS", most)
    facts, labels, groups = paired(40)
    facts.loc[labels == 1, "bitrate"] *= 0.8
    once = shortcuts.audit(facts, labels, groups)
    assert 0.5 < once.auc < 1
    assert shortcuts.audit(facts, labels, groups) == once
    mixed = [
        table.sample(frac=1, random_state=seed)
        for seed, table in enumerate((facts, labels, groups))
    ]
    assert shortcuts.audit(*mixed) == once


@pytest.mark.slow
def test_only_labelled_items_are_judged():
    facts, labels, groups = paired(20)
    more = pd.concat([facts, facts.add_prefix("other ", axis=0)])
    assert shortcuts.audit(more, labels, groups) == shortcuts.audit(facts, labels, groups)


@pytest.mark.slow
def test_a_fact_that_separates_the_few_files_of_a_kind_is_found_among_many_of_another():
    facts, labels, groups = paired(100)
    kinds = pd.Series("image", index=labels.index)
    kinds.iloc[:26] = "video"
    facts["codec"] = np.where(labels == 1, "h264", "mpeg4")
    facts.loc[kinds == "image", "codec"] = ""
    assert not shortcuts.audit(facts, labels, groups).passes(0.9)
    found = shortcuts.audit_kinds(facts, labels, groups, kinds, 0.9)
    assert (found.among, found.items, found.carriers[0].fact) == ("video", 26, "codec")


@pytest.mark.slow
@pytest.mark.parametrize("second", ["image", "video"])
def test_all_files_are_told_of_where_no_kind_has_a_shortcut(second):
    facts, labels, groups = paired(26)
    kinds = pd.Series(["video", second] * 26, index=labels.index)
    found = shortcuts.audit_kinds(facts, labels, groups, kinds, 0.9)
    assert found == shortcuts.audit(facts, labels, groups)
