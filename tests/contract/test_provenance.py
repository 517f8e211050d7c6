"""What a contract says of where its model came from."""

import hashlib

import pandas as pd
import pytest

from deepfake_detector import UserError
from deepfake_detector.contract import provenance


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
    ("policy", "told"),
    [
        ("shares", "groups of shared sources, seed 7"),
        ("official", "as published, with what leaks in it"),
        ("strict", "as published, groups that it tears apart moved whole"),
    ],
)
def test_the_counts_are_those_of_training_and_the_split_is_told(tmp_path, policy, told):
    table = index(tmp_path, "vvvvv")
    found = provenance.trained_on(table, table.iloc[:3], [], policy, 7)
    assert (found.data_sets, found.split) == ({"set": {"real": 2, "swap": 1}}, told)
    assert (found.demonstration, found.demo_files) == (False, ())


def test_a_model_of_drawn_people_is_a_demonstration_that_knows_all_of_their_files(tmp_path):
    table = index(tmp_path, "vvv")
    found = provenance.trained_on(table, table.iloc[:2], ["set"], "shares", 1)
    assert found.demonstration
    assert found.demo_files == tuple(
        sorted(hashlib.sha256(b"file %d" % number).hexdigest() for number in range(3))
    )


def test_drawn_people_beside_real_ones_make_no_demonstration(tmp_path):
    drawn, real = index(tmp_path, "vv"), index(tmp_path, "vv").assign(data_set="own")
    table = pd.concat([drawn, real])
    assert not provenance.trained_on(table, table, ["set"], "shares", 1).demonstration
