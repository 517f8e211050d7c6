"""Files are told apart by name, system leftovers are none, linked folders neither hide nor loop."""

import re
from pathlib import Path

import pytest
from conftest import PROJECT, SHARED

from deepfake_detector.storage.media_files import (
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    listing,
    media_kind,
)


@pytest.fixture
def tree(tmp_path):
    def make(*names: str) -> Path:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return make


def places(folder: Path, follow_links: bool = True) -> list[str]:
    below = listing(folder, follow_links)
    return [below.place(path) for path in below.files]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("VID_2024.MP4", "video"),
        *((f"a{suffix}", "video") for suffix in (".ts", ".mts", ".M2TS", ".3g2", ".qt", ".mod")),
        *((f"a{suffix}", "image") for suffix in (".jfif", ".jpe", ".HEIC", ".avif", ".apng")),
        ("a.v1.webm", "video"),
        ("a.wmv", None),
        ("a.mp4.part", None),
        ("mp4", None),
    ],
)
def test_the_suffix_tells_what_a_file_is(name, kind):
    assert media_kind(Path(name)) == kind


def test_all_odd_files_that_were_collected_are_media():
    if not (SHARED / "cases").is_dir():
        pytest.skip(f"needs the collected files under {SHARED / 'cases'}")
    lists = {".md", ".py", ".csv"}
    names = {path.suffix for path in (SHARED / "cases").iterdir()} - lists
    assert names
    assert {name for name in names if not media_kind(Path(f"a{name}"))} == set()


def test_the_docs_name_every_suffix():
    text = (PROJECT / "docs/data-sets.md").read_text()
    (lists,) = re.findall(r"Videos are recognised by `(.+?)`, images by `(.+?)`", text, re.DOTALL)
    assert [set(suffixes.split()) for suffixes in lists] == [VIDEO_SUFFIXES, IMAGE_SUFFIXES]


def test_a_listing_is_sorted_and_knows_what_each_file_is(tree):
    below = listing(tree("b.mp4", "a/c.JPG", "a/notes.txt"), follow_links=False)
    assert [below.place(path) for path in below.files] == ["a/c.JPG", "a/notes.txt", "b.mp4"]
    assert below.media == {"a/c.JPG": "image", "b.mp4": "video"}


def test_only_videos_directly_in_a_folder_are_its_videos(tree):
    below = listing(tree("x/b.mp4", "x/a.mkv", "x/c.png", "x/y/d.mp4"), follow_links=False)
    assert [path.name for path in below.videos_in(below.folder / "x")] == ["a.mkv", "b.mp4"]
    assert below.videos_in(below.folder / "gone") == []


@pytest.mark.parametrize(
    "leftover",
    [
        "@eaDir/a.mp4/SYNOPHOTO_THUMB_M.jpg",
        "x/@eaDir/a.jpg",
        ".Trash-1000/files/a.mp4",
        ".Trashes/a.mp4",
        "#recycle/a.mp4",
        "$RECYCLE.BIN/a.mp4",
        "System Volume Information/a.mp4",
        "__MACOSX/real/a.mp4",
        "x/._a.mp4",
        "Thumbs.db",
        "THUMBS.DB",
        "desktop.ini",
        ".hidden/a.mp4",
        "@Transcode/a.mp4",
        "Network Trash Folder/a.mp4",
    ],
)
def test_what_systems_leave_behind_is_not_listed(tree, leftover):
    assert places(tree("a.mp4", leftover)) == ["a.mp4"]


def test_a_linked_folder_is_named_and_followed_only_where_asked(tree, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "b.mp4").touch()
    root = tree("a.mp4")
    (root / "more").symlink_to(elsewhere)
    (root / "c.mp4").symlink_to(elsewhere / "b.mp4")
    below = listing(root, follow_links=False)
    assert (places(root, follow_links=False), below.links) == (["a.mp4", "c.mp4"], (root / "more",))
    assert places(root) == ["a.mp4", "c.mp4", "more/b.mp4"]


def test_a_folder_that_is_a_link_itself_is_listed(tree, tmp_path_factory):
    link = tmp_path_factory.mktemp("links") / "root"
    link.symlink_to(tree("x/a.mp4"))
    assert places(link, follow_links=False) == ["x/a.mp4"]


@pytest.mark.parametrize("target", [".", "y", ".."])
def test_a_loop_of_links_ends_and_each_file_is_listed_once_by_its_own_name(tree, target):
    root = tree("x/y/a.mp4") / "x"
    (root / "y" / "again").symlink_to((root / target).resolve())
    (root / "another").symlink_to(root / "y")
    assert [name for name in places(root) if name.endswith("a.mp4")][:1] == ["y/a.mp4"]
    assert sum(name.endswith("y/a.mp4") for name in places(root)) == 1
    assert len({path.resolve() for path in listing(root, True).files}) == len(places(root))
