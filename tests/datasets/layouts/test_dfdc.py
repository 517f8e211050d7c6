"""DFDC: parts, sample and official test set, tied by original; the preview set by subjects."""

import json
from pathlib import Path

import pytest

from deepfake_detector import UserError
from deepfake_detector.datasets import layouts
from deepfake_detector.datasets.layouts import dfdc
from deepfake_detector.datasets.settings import DataSet

PART = {
    "aaa.mp4": {"label": "REAL", "split": "train"},
    "bbb.mp4": {"label": "FAKE", "split": "train", "original": "aaa.mp4"},
    "ccc.mp4": {"label": "FAKE", "split": "train", "original": "zzz.mp4"},
    "gone.mp4": {"label": "FAKE", "split": "train", "original": "aaa.mp4"},
}
PREVIEW = {
    "original_videos/643057/643057_A_001.mp4": {"label": "real", "set": "train"},
    "method_A/643057/1224068_B/x.mp4": {
        "label": "fake",
        "set": "train",
        "target_id": 643057,
        "swapped_id": 1224068,
    },
    "method_B/1254300/y.mp4": {"label": "fake", "set": "test"},
    "method_B/1254300/gone.mp4": {"label": "fake", "set": "test"},
}


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def part(folder: Path) -> Path:
    put(folder, "aaa.mp4", "bbb.mp4", "ccc.mp4", "extra.mp4")
    (folder / "metadata.json").write_text(json.dumps(PART))
    return folder


def preview(root: Path) -> Path:
    put(root, *(name for name in PREVIEW if "gone" not in name), "method_A/9/extra.mp4")
    (root / "dataset.json").write_text(json.dumps(PREVIEW))
    return root


def scan(root: Path, layout: str = "dfdc") -> layouts.Scan:
    return layouts.scan("d", DataSet(layout=layout, root=str(root), use="train"))


def rows(root: Path, layout: str = "dfdc") -> dict[str, dict]:
    return {row["item"]: row for row in layouts.index_rows("d", "train", scan(root, layout).files)}


def test_a_part_is_labelled_by_its_metadata_and_tied_by_its_originals(tmp_path):
    part(tmp_path / "dfdc_train_part_3")
    found = {
        item: (row["label"], row["sources"], row["original"], row["official_split"])
        for item, row in rows(tmp_path).items()
    }
    base = "dfdc_train_part_3"
    assert found == {
        f"d/real/{base}/aaa": (0, "dfdc:aaa", "", "train"),
        f"d/fake/{base}/bbb": (1, "dfdc:aaa", f"d/real/{base}/aaa", "train"),
        f"d/fake/{base}/ccc": (1, "dfdc:zzz", f"d/real/{base}/zzz", "train"),
    }


def test_the_root_may_be_a_part_itself(tmp_path):
    assert set(rows(part(tmp_path))) == {"d/real/part/aaa", "d/fake/part/bbb", "d/fake/part/ccc"}


def test_what_metadata_and_disk_do_not_share_is_told(tmp_path):
    part(tmp_path / "p0")
    assert scan(tmp_path).notes == [
        "found 3 of 4 videos of p0",
        f"1 files of {tmp_path}/p0/metadata.json are not on disk: gone.mp4",
        "1 videos and images are left out, as they are in no metadata.json or labels.csv of their "
        "folder: p0/extra.mp4",
    ]


@pytest.mark.parametrize("home", ["test", "test/videos", "."])
def test_in_the_official_test_set_1_is_fake(tmp_path, home):
    put(tmp_path, f"{home}/aaa.mp4", f"{home}/bbb.mp4")
    labels = tmp_path / ("labels.csv" if home == "." else "test/labels.csv")
    labels.write_text("filename,label\naaa.mp4,0\nbbb.mp4,1\nccc.mp4,1\n")
    found = rows(tmp_path)
    assert {item: (row["label"], row["official_split"]) for item, row in found.items()} == {
        "d/real/test/aaa": (0, "test"),
        "d/fake/test/bbb": (1, "test"),
    }
    assert scan(tmp_path).notes[0] == "found 2 of 3 videos of the test set"


def test_parts_and_sets_lie_at_any_depth_and_the_validation_set_is_val(tmp_path):
    part(tmp_path / "train/dfdc_train_part_3")
    for name in ("validation", "test"):
        put(tmp_path, f"{name}/aaa.mp4", f"{name}/bbb.mp4")
        (tmp_path / name / "labels.csv").write_text("filename,label\naaa.mp4,0\nbbb.mp4,1\n")
    own = {"aaa.mp4": {"is_fake": 0}, "bbb.mp4": {"is_fake": 1, "augmentations": {}}}
    (tmp_path / "test/metadata.json").write_text(json.dumps(own))
    assert {item: row["official_split"] for item, row in rows(tmp_path).items()} == {
        "d/real/train/dfdc_train_part_3/aaa": "train",
        "d/fake/train/dfdc_train_part_3/bbb": "train",
        "d/fake/train/dfdc_train_part_3/ccc": "train",
        "d/real/validation/aaa": "val",
        "d/fake/validation/bbb": "val",
        "d/real/test/aaa": "test",
        "d/fake/test/bbb": "test",
    }
    assert {
        "found 3 of 4 videos of train/dfdc_train_part_3",
        "found 2 of 2 videos of the validation set",
        "found 2 of 2 videos of the test set",
        dfdc.NO_ORIGINALS,
    } < set(scan(tmp_path).notes)


def test_a_list_with_a_byte_order_mark_is_read(tmp_path):
    before = set(rows(part(tmp_path)))
    (tmp_path / "metadata.json").write_text(json.dumps(PART), "utf-8-sig")
    assert set(rows(tmp_path)) == before


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("metadata.json", "[", "not DFDC's metadata"),
        ("metadata.json", "[1]", "not DFDC's metadata"),
        ("metadata.json", '{"a.mp4": {}}', "not DFDC's metadata"),
        (
            "metadata.json",
            '{"a.mp4": {"label": "FAKE", "original": 5}}',
            r"not DFDC's metadata \(an original that is no name",
        ),
        (
            "metadata.json",
            '{"a.mp4": {"label": "fake"}}',
            "a.mp4 has label 'fake'; only REAL and FAKE are known",
        ),
        ("labels.csv", "filename\na.mp4\n", "not a table of filename,label"),
        ("labels.csv", "filename,label\nb.mp4,1\n,0\n", "not a table of filename,label"),
        ("labels.csv", "filename,label\na.mp4,FAKE\n", "not a table of filename,label"),
        ("labels.csv", "filename,label\na.mp4,2\n", "label 2; only 0"),
    ],
)
def test_broken_tables_are_named(tmp_path, name, text, message):
    put(tmp_path, "a.mp4")
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=f"{name}: {message}"):
        scan(tmp_path)


def test_the_preview_set_is_tied_by_all_subjects_it_names(tmp_path):
    found = rows(preview(tmp_path), "dfdc_preview")
    assert {
        item: (row["label"], row["method"], row["sources"], row["official_split"])
        for item, row in found.items()
    } == {
        "d/real/643057/643057_A_001": (0, "real", "dfdc_preview:643057", "train"),
        "d/method_A/643057/1224068_B/x": (
            1,
            "method_A",
            "dfdc_preview:1224068;dfdc_preview:643057",
            "train",
        ),
        "d/method_B/1254300/y": (1, "method_B", "dfdc_preview:1254300", "test"),
    }
    assert scan(tmp_path, "dfdc_preview").notes == [
        "found 3 of 4 videos of dataset.json",
        "1 files of dataset.json are not on disk: method_B/1254300/gone.mp4",
        "1 videos and images are left out, as they are no videos of dataset.json: "
        "method_A/9/extra.mp4",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "not there, and the DFDC preview set says in it what is real"),
        ("[]", "not the preview set's table"),
        ('{"a/1/b.mp4": {"label": "FAKE", "set": "train"}}', "label is real or fake"),
        ('{"a/1/b.mp4": {"label": "fake", "set": "val"}}', "set is train or test"),
    ],
)
def test_a_preview_set_without_its_table_is_refused(tmp_path, text, message):
    put(tmp_path, "a/1/b.mp4")
    if text:
        (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(UserError, match=f"dataset.json: .*{message}"):
        scan(tmp_path, "dfdc_preview")


def test_a_preview_video_in_none_of_the_folders_is_refused(tmp_path):
    put(tmp_path, "b.mp4")
    (tmp_path / "dataset.json").write_text('{"b.mp4": {"label": "fake", "set": "train"}}')
    with pytest.raises(UserError, match=r"b\.mp4: in none of the preview set's folders; put it"):
        scan(tmp_path, "dfdc_preview")
