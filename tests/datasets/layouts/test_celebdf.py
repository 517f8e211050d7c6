"""Celeb-DF: both trees, both identities of a fake, and a headerless list in which 1 is real."""

from pathlib import Path

import pytest

from deepfake_detector import UserError
from deepfake_detector.datasets import layouts
from deepfake_detector.datasets.settings import DataSet

FILES = (
    "Celeb-real/id0_0000.mp4",
    "Celeb-real/id1_0001.mp4",
    "YouTube-real/00170.mp4",
    "Celeb-synthesis/id0_id1_0000.mp4",
    "Celeb-synthesis/id1_id0_0009.mp4",
)
LIST = "1 YouTube-real/00170.mp4\n1 Celeb-real/id1_0001.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n"


@pytest.fixture(params=["", "videos/"])
def root(request, tmp_path) -> Path:
    for name in FILES:
        folder, file = name.split("/")
        path = tmp_path / f"{folder}/{request.param}{file}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def scan(root: Path) -> layouts.Scan:
    return layouts.scan("celeb", DataSet(layout="celebdf", root=str(root), use="test"))


def rows(root: Path) -> dict[str, dict]:
    return {row["item"]: row for row in layouts.index_rows("celeb", "test", scan(root).files)}


def test_labels_come_from_the_folders(root):
    assert {item: (row["label"], row["method"]) for item, row in rows(root).items()} == {
        "celeb/real/Celeb-real/id0_0000": (0, "real"),
        "celeb/real/Celeb-real/id1_0001": (0, "real"),
        "celeb/real/YouTube-real/00170": (0, "real"),
        "celeb/Celeb-synthesis/id0_id1_0000": (1, "Celeb-synthesis"),
        "celeb/Celeb-synthesis/id1_id0_0009": (1, "Celeb-synthesis"),
    }


def test_a_fake_is_tied_to_both_people_and_to_its_original(root):
    fake = rows(root)["celeb/Celeb-synthesis/id0_id1_0000"]
    assert fake["sources"] == "celebdf:id0;celebdf:id1"
    assert fake["original"] == "celeb/real/Celeb-real/id0_0000"


def test_the_first_line_of_the_list_is_not_taken_for_a_header(root):
    (root / "List_of_testing_videos.txt").write_text(LIST)
    assert {item: row["official_split"] for item, row in rows(root).items()} == {
        "celeb/real/Celeb-real/id0_0000": "train",
        "celeb/real/Celeb-real/id1_0001": "test",
        "celeb/real/YouTube-real/00170": "test",
        "celeb/Celeb-synthesis/id0_id1_0000": "test",
        "celeb/Celeb-synthesis/id1_id0_0009": "train",
    }


def test_without_the_list_there_is_no_official_split(root):
    assert {row["official_split"] for row in rows(root).values()} == {""}


def test_what_is_there_and_what_is_missing_is_told(root):
    (root / "List_of_testing_videos.txt").write_text(LIST + "0 Celeb-synthesis/id7_id8_0001.mp4\n")
    assert scan(root).notes == [
        "found 2 of 590 Celeb-real",
        "found 1 of 300 YouTube-real",
        "found 2 of 5639 Celeb-synthesis",
        "1 originals of fakes are not on disk: Celeb-real/id1_0009.mp4",
        "1 files of List_of_testing_videos.txt are not on disk: Celeb-synthesis/id7_id8_0001.mp4",
    ]


def test_converted_clips_are_those_of_the_list_and_a_folder_without_clips_is_told(tmp_path):
    for name in ("Celeb-real/id1_0001.AVI", "Celeb-synthesis/id1_id0_0001.mkv"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(name)
    (tmp_path / "List_of_testing_videos.txt").write_text("1 Celeb-real/id1_0001.mp4\n")
    assert [row["official_split"] for row in rows(tmp_path).values()] == ["test", "train"]
    assert scan(tmp_path).notes == [
        "found 1 of 590 Celeb-real",
        "found 0 of 300 YouTube-real",
        "found 1 of 5639 Celeb-synthesis",
    ]


def test_clips_beside_the_folder_of_videos_are_found_too(tmp_path):
    for name in ("Celeb-real/videos/id0_0000.mp4", "Celeb-real/id1_0001.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert set(rows(tmp_path)) == {
        f"celeb/real/Celeb-real/{one}" for one in ("id0_0000", "id1_0001")
    }


def test_the_published_test_part_may_be_all_that_is_used(root):
    published = DataSet(layout="celebdf", root=str(root), use="published_test")
    with pytest.raises(UserError, match="use is published_test, but no item is of a published"):
        layouts.scan("celeb", published)
    (root / "List_of_testing_videos.txt").write_text(LIST)
    result = layouts.scan("celeb", published)
    assert result.notes[-1] == "3 of 5 items are of the published test part, and used"
    made = layouts.index_rows("celeb", "published_test", result.files)
    assert {row["official_split"] for row in made} == {"test"} == {row["use"] for row in made}


def test_a_list_with_a_byte_order_mark_is_read(root):
    path = root / "List_of_testing_videos.txt"
    path.write_text(LIST)
    before = scan(root).files
    path.write_text(LIST, "utf-8-sig")
    assert scan(root).files == before


def test_a_list_that_is_no_text_is_refused(root):
    (root / "List_of_testing_videos.txt").write_text("1 YouTube-real/00170.mp4\n", "utf-16")
    with pytest.raises(UserError, match=r"List_of_testing_videos\.txt: not lines of"):
        scan(root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "0 YouTube-real/00170.mp4\n",
            "YouTube-real/00170.mp4 has label 0, and there 1 means real",
        ),
        ("1 Celeb-synthesis/id0_id1_0000.mp4\n", "has label 1, and there 1 means real"),
        ("label file\n", "not lines of"),
        ("2 YouTube-real/00170.mp4\n", "not lines of"),
        ("1 00170.mp4\n", "not lines of"),
    ],
)
def test_a_list_of_another_set_is_refused(root, text, message):
    (root / "List_of_testing_videos.txt").write_text(text)
    with pytest.raises(UserError, match=message):
        scan(root)


@pytest.mark.parametrize("name", ["Celeb-real/0000.mp4", "Celeb-synthesis/id0_0000.mp4"])
def test_names_that_the_set_does_not_give_are_refused(tmp_path, name):
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text("x")
    with pytest.raises(UserError, match=f"{name}: not a name that Celeb-DF gives"):
        scan(tmp_path)
