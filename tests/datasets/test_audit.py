"""What is wrong with an item is said in words, and what would spoil every result stops the run."""

import json

import pandas as pd
import pytest
from made import changed

from deepfake_detector.datasets import audit
from deepfake_detector.datasets.settings import Verify
from deepfake_detector.datasets.shortcuts import Carrier, Shortcut
from deepfake_detector.storage import tables

LIMITS = Verify(max_imbalance=3.0)


def index(*items: tuple) -> pd.DataFrame:
    """Of (name, label) or (name, label, file): items with the same file have the same bytes."""
    rows = [
        {
            "item": name,
            "data_set": "d",
            "kind": "video",
            "path": name,
            "label": label,
            "method": "fake" if label else "real",
            "use": "train",
            "md5": f"{(file or [name])[0]:0>32}",
        }
        for name, label, *file in items
    ]
    return tables.make(rows, tables.INDEX)


def frame(item: str, number: int = 0, width: int = 320, height: int = 240) -> dict:
    return {"item": item, "frame": number, "width": width, "height": height, "status": "ok"}


def face(
    item: str, number: int | None = 0, status: str = "ok", contrast: float = 30, **more: float
) -> dict:
    row = {"item": item, "frame": number, "track": 0, "status": status}
    return row | {"contrast": contrast, "sharpness": 100, "brightness": 128} | more


def judged(
    items: pd.DataFrame, faces: list[dict], frames: list[dict] | None = None
) -> dict[str, str]:
    """Item -> reason; empty where it is kept."""
    frames = [frame(item) for item in items["item"]] if frames is None else frames
    made = tables.make(frames, tables.FRAMES), tables.make(faces, tables.FACES)
    verdicts = audit.judge(items, *made, LIMITS)
    assert (verdicts["keep"] == (verdicts["reason"] == "")).all()
    return dict(zip(verdicts["item"], verdicts["reason"], strict=True))


@pytest.mark.parametrize(
    ("frames", "faces", "reason"),
    [
        ([frame("a")], [face("a")], ""),
        ([], [face("a", None, "no video stream")], "unreadable: no video stream"),
        ([frame("a", width=63)], [face("a")], "picture too small"),
        ([frame("a", height=63)], [face("a", status="no face")], "picture too small"),
        ([frame("a", width=64, height=64)], [face("a")], ""),
        ([frame("a")], [face("a", status="no face")], "no face"),
        ([frame("a")], [face("a", status="face too small")], "faces too small"),
        ([frame("a"), frame("a", 1)], [face("a", status="no face"), face("a", 1)], ""),
        ([frame("a")], [face("a", contrast=2.9)], "blank"),
        ([frame("a")], [face("a", contrast=3.0)], ""),
        ([frame("a")], [face("a", sharpness=1.9)], "blurred"),
        ([frame("a")], [face("a", sharpness=2.0)], ""),
        ([frame("a")], [face("a", brightness=11.9)], "dark"),
        ([frame("a")], [face("a", brightness=12.0)], ""),
        (
            [frame("a", n) for n in range(3)],
            [face("a", n, sharpness=100 * (n == 2)) for n in range(3)],
            "blurred",
        ),
        (
            [frame("a", n) for n in range(3)],
            [face("a", n, sharpness=100 * (n > 0)) for n in range(3)],
            "",
        ),
        ([frame("a")], [face("a", contrast=0, sharpness=0, brightness=0)], "blank"),
        ([frame("a"), frame("a", 1)], [face("a", contrast=0), face("a", 1)], ""),
        ([], [face("a", width=40, height=90)], "picture too small"),
        ([], [face("a", width=90, height=90)], ""),
        ([frame("a")], [], "not cropped"),
    ],
)
def test_an_item_is_kept_or_dropped_with_the_reason(frames, faces, reason):
    assert judged(index(("a", 0)), faces, frames) == {"a": reason}


def test_of_the_same_file_twice_the_first_is_kept():
    items = index(("a", 0, "1"), ("b", 0, "1"), ("c", 0, "1"), ("d", 0))
    found = judged(items, [face(item) for item in "abcd"])
    assert found == {"a": "", "b": "duplicate of a", "c": "duplicate of a", "d": ""}


def test_the_same_file_with_another_label_is_no_duplicate():
    assert judged(index(("a", 0, "1"), ("b", 1, "1")), [face("a"), face("b")]) == {"a": "", "b": ""}


def test_of_the_same_file_twice_the_one_that_is_held_out_is_kept():
    items = index(("a", 0, "1"), ("b", 0, "1"), ("c", 0, "1"), ("d", 0))
    items.loc[items["item"] == "b", "use"] = "test"
    found = judged(items, [face(item) for item in "abcd"])
    assert found == {"a": "duplicate of b", "b": "", "c": "duplicate of b", "d": ""}


def test_a_dropped_item_is_no_reason_to_drop_its_twin():
    items = index(("a", 0, "1"), ("b", 0, "1"))
    assert judged(items, [face("a", status="no face"), face("b")]) == {"a": "no face", "b": ""}


def stoppers(items: pd.DataFrame, faces: list[dict], limits: Verify = LIMITS) -> list[str]:
    made = tables.make(faces, tables.FACES)
    frames = tables.make([frame(item) for item in items["item"]], tables.FRAMES)
    return audit.stoppers(items, made, audit.judge(items, frames, made, limits), limits)


def test_sound_data_stop_nothing():
    assert stoppers(index(("a", 0), ("b", 1)), [face("a"), face("b")]) == []


def test_the_same_file_with_both_labels_stops_the_run():
    items = index(("a", 0, "1"), ("b", 1, "1"), ("c", 0), ("d", 1))
    (said,) = stoppers(items, [face(item) for item in "abcd"])
    assert (
        said == "the same file is labelled real and fake: a, b; decide which, and remove the other"
    )


def test_a_class_of_which_nothing_is_left_stops_the_run_and_says_where_it_went():
    items = index(("a", 0), ("b", 1), ("c", 1))
    (said,) = stoppers(items, [face("a"), face("b", contrast=0), face("c", contrast=1)])
    assert said == (
        "no fake item is left to learn from (dropped: 2 x blank); check the data set's root and layout"
    )


def test_a_class_that_never_was_there_stops_the_run():
    assert stoppers(index(("a", 1)), [face("a")]) == [
        "no real item is left to learn from; check the data set's root and layout"
    ]


def test_a_data_set_of_which_nothing_is_left_stops_the_run():
    items = index(("a", 0), ("b", 1), ("c", 1), ("d", 0))
    items.loc[items["item"].isin(["c", "d"]), ["data_set", "use"]] = "elsewhere", "test"
    faces = [face("a"), face("b"), face("c", contrast=0), face("d", status="no face")]
    assert stoppers(items, faces) == [
        "no item of elsewhere is left (dropped: 1 x blank, 1 x no face); check its root and layout, "
        "or take it out of data_sets"
    ]


def test_what_is_held_out_says_nothing_of_what_there_is_to_learn_from():
    items = index(("a", 0), ("b", 1), *((f"{number}", 1) for number in range(9)))
    items.loc[~items["item"].isin(["a", "b"]), ["data_set", "use"]] = "elsewhere", "test"
    faces = [*faces_in("a", 5, 10), *faces_in("b", 5, 10), *faces_in("0", 1, 10)]
    assert stoppers(items, faces, changed(LIMITS, max_imbalance=2)) == []
    items.loc[items["item"] == "a", "use"] = "test"
    (said,) = stoppers(items, faces)
    assert said.startswith("no real item is left to learn from; ")


@pytest.mark.parametrize(
    ("fakes", "said"),
    [(3, []), (4, ["1 real and 4 fake items: a ratio above verify.max_imbalance 3"])],
)
def test_too_unequal_classes_stop_the_run(fakes, said):
    items = index(("real", 0), *((f"fake{number}", 1) for number in range(fakes)))
    assert stoppers(items, [face(item) for item in items["item"]]) == said


def faces_in(item: str, found: int, of: int) -> list[dict]:
    return [face(item, number, "ok" if number < found else "no face") for number in range(of)]


@pytest.mark.parametrize(
    ("reals", "fakes", "said"),
    [
        (5, 5, None),
        (4, 10, "a face was found in too few frames (real 40.0%; verify.min_coverage 50%)"),
        (
            3,
            4,
            "a face was found in too few frames (real 30.0%, fake 40.0%; verify.min_coverage 50%)",
        ),
        (7, 9, None),
        (6, 9, "a face was found in 60.0% of real and 90.0% of fake frames, further apart than"),
        (9, 6, "a face was found in 90.0% of real and 60.0% of fake frames, further apart than"),
    ],
)
def test_faces_missed_too_often_or_more_often_in_one_class_stop_the_run(reals, fakes, said):
    limits = changed(LIMITS, max_coverage_gap=0.25)
    found = stoppers(
        index(("a", 0), ("b", 1)), faces_in("a", reals, 10) + faces_in("b", fakes, 10), limits
    )
    assert len(found) == (said is not None)
    assert all(text.startswith(said) for text in found)


def test_coverage_counts_frames_and_neither_faces_nor_unreadable_items():
    items = index(("a", 0), ("b", 0), ("c", 1))
    faces = [
        face("a"),
        face("a", track=1),
        face("a", 1, "face too small"),
        face("b", None, "broken"),
        face("c"),
    ]
    assert audit.coverage(items, tables.make(faces, tables.FACES)) == {"real": 0.5, "fake": 1.0}


def fact(item: str, declared: int | None = 10, **more: object) -> dict:
    return {
        "item": item,
        "bytes": 1,
        "frames_declared": declared,
        "frames_found": 10,
        "rotation": 0,
    } | more


def test_what_readers_of_video_get_wrong_is_told_with_the_items():
    media = [
        fact("a"),
        fact("b", variable_rate=1),
        fact("c", rotation=90),
        fact("d", declared=12),
        fact("e", declared=None),
        {"item": "f", "bytes": 0},
    ]
    assert audit.oddities(tables.make(media, tables.MEDIA)) == {
        "variable frame rate": ["b"],
        "to be turned by a rotation flag": ["c"],
        "other number of frames in the header than in the file": ["d"],
    }


BITRATE = Carrier("bitrate", 0.97, 0.97, 2e6, 1e6)
WEAK = Carrier("bitrate", 0.97, 0.9, 2e6, 1e6)
CODEC = Carrier("codec", 0.95, 0.95, "mpeg4", "h264")


@pytest.mark.parametrize(
    ("auc", "carriers", "action", "said"),
    [
        (0.95, (BITRATE,), "fail", "bitrate (median 2e+06 of reals, 1e+06 of fakes)"),
        (0.95, (BITRATE,), "warn", "bitrate (median 2e+06 of reals, 1e+06 of fakes)"),
        (0.95, (), "fail", "several together, or which of them are missing"),
        (0.9, (WEAK,), "fail", None),
        (0.6, (WEAK, CODEC), "fail", "codec (mostly mpeg4 of reals, h264 of fakes) tells"),
        (0.6, (WEAK, CODEC), "warn", "codec (mostly mpeg4 of reals, h264 of fakes) tells"),
        (0.5, (), "fail", None),
        (None, (), "fail", None),
    ],
)
def test_a_shortcut_stops_the_run_or_warns_by_params(auc, carriers, action, said):
    shortcut = Shortcut(auc, "", carriers, 100)
    limits = changed(LIMITS, on_shortcut=action)
    sentences = {
        "fail": audit.shortcut_stopper(shortcut, limits),
        "warn": audit.shortcut_warning(shortcut, limits),
    }
    lines = sentences.pop(action)
    assert len(lines) == (said is not None)
    assert not said or said in lines[0]
    assert list(sentences.values()) == [[]]


@pytest.mark.parametrize(("auc", "carriers"), [(0.95, ()), (0.6, (CODEC,))])
def test_a_shortcut_in_one_kind_of_file_names_it(auc, carriers):
    shortcut = Shortcut(auc, "", carriers, 100, among="video")
    (line,) = audit.shortcut_stopper(shortcut, changed(LIMITS, on_shortcut="fail"))
    assert line.startswith("among items of kind video, ")


def test_the_figures_count_what_was_dropped_by_kind():
    items = index(("a", 0, "1"), ("b", 0, "1"), ("c", 1), ("d", 1))
    faces = tables.make(
        faces_in("a", 1, 2) + [face("b"), face("c"), face("d", None, "broken")], tables.FACES
    )
    frames = tables.make([frame(item) for item in "abc"], tables.FRAMES)
    verified = tables.make(
        audit.judge(items, frames, faces, LIMITS).to_dict("records"), tables.VERIFIED
    )
    row = {"item": "a", "other": "c", "frames": 1, "distance": 2, "correlation": 0.97}
    near = tables.make([row], tables.NEAR_DUPLICATES)
    media = tables.make([fact("a"), fact("c", rotation=90)], tables.MEDIA)
    found = audit.figures(items, media, faces, verified, near, Shortcut(0.97, "", (BITRATE,), 4))
    assert json.loads(json.dumps(found)) == found
    assert (found["items"], found["kept"], found["items_kept"]) == (4, 2, {"real": 1, "fake": 1})
    assert found["dropped"] == {"duplicate": 1, "unreadable": 1}
    (shares,) = found["dropped_shares"].values()
    assert shares == {"real": 0.5, "fake": 0.5}
    assert found["near_duplicates"] == {"pairs": 1, "across_labels": 1}
    assert found["odd_files"]["to be turned by a rotation flag"] == 1
    wanted = {"roc_auc": 0.97, "reason": "", "among": "", "facts": {"bitrate": 0.97}}
    assert found["shortcut"] == wanted


def test_an_empty_file_in_two_classes_is_no_conflict():
    items = index(("a", 0, "same"), ("b", 1, "same"))
    assert audit.label_conflicts(items) == [["a", "b"]]
    assert audit.label_conflicts(items.assign(md5="")) == []
