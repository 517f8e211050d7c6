"""What a contract says of where its model came from."""

import hashlib

import pandas as pd
import pytest

from deepfake_detector import UserError
from deepfake_detector.contract import Inputs, provenance
from deepfake_detector.storage import tables

FILM = {"bytes": 1, "bitrate": 80_000.0, "frame_rate": 20.0, "codec": "h264"}
CROP = {"bytes": 600, "codec": "png", "width": 40, "height": 30}
MEDIA = tables.make(
    [
        FILM | {"item": "set/0", "width": 100, "height": 80},
        FILM | {"item": "set/1", "width": 60, "height": 200, "codec": "hevc"},
        CROP | {"item": "set/2"},
        FILM | {"item": "set/3", "width": 1, "height": 1},
        {"item": "set/4", "bytes": 9},
    ],
    tables.MEDIA,
)


def index(tmp_path, kinds: str) -> pd.DataFrame:
    """An item per letter: v a video, f a ready crop; those of even number are real, the others
    swapped."""
    rows = []
    for number, letter in enumerate(kinds):
        path = tmp_path / f"{number}"
        path.write_bytes(b"file %d" % number)
        kind, method = {"v": "video", "f": "face"}[letter], ("real", "swap")[number % 2]
        rows.append(
            {
                "item": f"set/{number}",
                "data_set": "set",
                "kind": kind,
                "method": method,
                "path": str(path),
            }
        )
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("kinds", "realign", "kind"),
    [
        ("vvv", False, "detected"),
        ("fff", False, "given"),
        ("fff", True, "detected"),
        ("vfv", True, "detected"),
    ],
)
def test_crops_are_given_where_training_saw_ready_ones_as_they_are(tmp_path, kinds, realign, kind):
    table = index(tmp_path, kinds)
    assert provenance.crop_kind(table, table, realign) == kind


def test_only_what_was_trained_on_counts(tmp_path):
    table = index(tmp_path, "ffv")
    assert provenance.crop_kind(table, table.iloc[:2], realign=False) == "given"


def test_ready_crops_as_they_are_beside_others_have_no_contract(tmp_path):
    table = index(tmp_path, "vf")
    with pytest.raises(UserError, match=r"mix ready-made crops .* set crop_faces\.realign"):
        provenance.crop_kind(table, table, realign=False)


@pytest.mark.parametrize(
    ("policy", "description"),
    [
        ("shares", "groups of shared sources, seed 7"),
        ("official", "as published, with what leaks in it"),
        ("strict", "as published, groups that it tears apart moved whole"),
    ],
)
def test_the_counts_are_those_of_training_and_the_split_is_told(tmp_path, policy, description):
    table = index(tmp_path, "vvvvv")
    found = provenance.trained_on(table, table.iloc[:3], MEDIA, [], policy, 7)
    assert (found.data_sets, found.split) == ({"set": {"real": 2, "swap": 1}}, description)
    assert (found.demonstration, found.demo_files) == (False, ())


@pytest.mark.parametrize(
    ("fakes", "counts"), [("all", {"real": 2, "swap": 1}), ("none", {"real": 2})]
)
def test_a_model_of_real_faces_alone_has_seen_no_manipulation(tmp_path, fakes, counts):
    table = index(tmp_path, "vvv")
    table["label"] = (table["method"] != "real").astype(int)
    learned = provenance.learned_from(table, fakes)
    found = provenance.trained_on(table, learned, MEDIA, [], "shares", 1)
    assert found.data_sets == {"set": counts}


def test_a_model_of_drawn_people_is_a_demonstration_that_knows_all_of_their_files(tmp_path):
    table = index(tmp_path, "vvv")
    found = provenance.trained_on(table, table.iloc[:2], MEDIA, ["set"], "shares", 1)
    assert found.demonstration
    assert found.demo_files == tuple(
        sorted(hashlib.sha256(b"file %d" % number).hexdigest() for number in range(3))
    )


def test_drawn_people_beside_real_ones_make_no_demonstration(tmp_path):
    drawn, real = index(tmp_path, "vv"), index(tmp_path, "vv").assign(data_set="own")
    table = pd.concat([drawn, real])
    assert not provenance.trained_on(table, table, MEDIA, ["set"], "shares", 1).demonstration


def test_the_files_learned_from_are_told_by_kind(tmp_path):
    table = index(tmp_path, "vvfvv")
    found = provenance.inputs(table, table.iloc[:3], MEDIA)
    assert found == {
        "video": Inputs(
            codecs=("h264", "hevc"), short_side=(60, 80), bits_per_pixel=(0.333333, 0.5)
        ),
        "image": Inputs(codecs=("png",), short_side=(30, 30), bits_per_pixel=(4.0, 4.0)),
    }


def test_what_nobody_knows_of_the_files_is_no_range(tmp_path):
    table = index(tmp_path, "vvfvv")
    found = provenance.inputs(table, table.iloc[4:], MEDIA)
    assert found == {"video": Inputs(codecs=(), short_side=None, bits_per_pixel=None)}
