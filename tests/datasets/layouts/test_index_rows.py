"""Keys of the index: readable, safe for every file system, and never shared by two files."""

import hashlib
import re
from pathlib import PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepfake_detector import UserError
from deepfake_detector.datasets import layouts
from deepfake_detector.datasets.layouts import ScannedFile
from deepfake_detector.datasets.settings import DataSet, FolderSet

PARTS = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12)
NAMES = st.lists(PARTS.filter(lambda part: part not in (".", "..")), min_size=1, max_size=3).map(
    "/".join
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"a clip")
    return path


def scanned(path, name: str, method: str = "swap", **more) -> ScannedFile:
    return ScannedFile(path, "video", int(method != "real"), method, name, **more)


def keys(path, *names: str) -> list[str]:
    return [
        row["item"]
        for row in layouts.index_rows("mine", "train", [scanned(path, name) for name in names])
    ]


def test_no_folder_is_called_as_the_archive_of_another_item(file):
    """A clip beside the unpacked archive of its name."""
    clip, other = keys(file, "a.mp4", "a.zip/b.mp4")
    assert clip == "mine/swap/a"
    assert re.fullmatch(r"mine/swap/xa\.zip-[0-9a-f]{8}/b", other)


def test_a_row_holds_what_the_layout_found(file):
    one = scanned(
        file, "x/000_003.mp4", sources=("a", "b"), original=("real", "000"), official_split="val"
    )
    assert layouts.index_rows("mine", "test", [one]) == [
        {
            "item": "mine/swap/x/000_003",
            "data_set": "mine",
            "kind": "video",
            "path": str(file),
            "label": 1,
            "method": "swap",
            "sources": "a;b",
            "original": "mine/real/000",
            "official_split": "val",
            "use": "test",
            "md5": hashlib.md5(b"a clip").hexdigest(),
        }
    ]


def test_md5_sums_belong_to_their_files(tmp_path):
    files = [tmp_path / f"{number}.mp4" for number in range(20)]
    for path in files:
        path.write_text(path.name)
    rows = layouts.index_rows("mine", "train", [scanned(path, path.name) for path in files])
    assert [row["md5"] for row in rows] == [
        hashlib.md5(path.name.encode()).hexdigest() for path in files
    ]


def test_the_same_name_in_two_methods_makes_two_keys(file):
    rows = layouts.index_rows(
        "mine", "train", [scanned(file, "1.mp4", "swap"), scanned(file, "1.mp4", "reenact")]
    )
    assert [row["item"] for row in rows] == ["mine/swap/1", "mine/reenact/1"]


def test_names_that_differ_in_extension_alone_keep_it(file):
    assert keys(file, "a.mp4", "a.jpg", "b.mp4") == [
        "mine/swap/a.mp4",
        "mine/swap/a.jpg",
        "mine/swap/b",
    ]


def test_a_fake_stays_tied_to_its_original_where_that_one_keeps_its_extension(file):
    both = [scanned(file, "a.mp4", "real"), scanned(file, "a.jpg", "real")]
    rows = layouts.index_rows(
        "mine", "train", [*both, scanned(file, "f.mp4", original=("real", "a"))]
    )
    assert rows[2]["original"] in {row["item"] for row in rows[:2]}


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("plain-Name_1.v2.mp4", r"plain-Name_1\.v2"),
        ("two words.mp4", r"xtwo_words-[0-9a-f]{8}"),
        ("é.mp4", r"x_-[0-9a-f]{8}"),
        ("_hidden.mp4", r"x_hidden-[0-9a-f]{8}"),
        ("-rf.mp4", r"x-rf-[0-9a-f]{8}"),
        ("a:b/c.mp4", r"xa_b-[0-9a-f]{8}/c"),
        ("n" * 100 + ".mp4", "n{100}"),
        ("n" * 101 + ".mp4", r"xn{100}-[0-9a-f]{8}"),
    ],
)
def test_odd_characters_and_long_names_are_replaced_and_hashed(file, name, pattern):
    assert re.fullmatch(f"mine/swap/{pattern}", *keys(file, name))


def test_names_that_look_alike_when_made_safe_stay_apart(file):
    assert (
        len(
            set(
                keys(
                    file, "a b.mp4", "a:b.mp4", "a_b.mp4", "n" * 101 + "1.mp4", "n" * 101 + "2.mp4"
                )
            )
        )
        == 5
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(NAMES, unique=True, max_size=6))
def test_every_name_gets_a_safe_key_of_its_own(file, names):
    made = keys(file, *(f"{name}.mp4" for name in names))
    assert len(set(made)) == len(names)
    for key, name in zip(made, names, strict=True):
        assert re.fullmatch(r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,109}/?)+", key)
        assert len(PurePosixPath(key).parts) == 2 + len(PurePosixPath(name).parts)


def test_a_key_of_two_files_is_refused_with_both_paths(tmp_path):
    first, second = tmp_path / "first.mp4", tmp_path / "second.mp4"
    with pytest.raises(UserError) as raised:
        layouts.index_rows("mine", "train", [scanned(first, "a.mp4"), scanned(second, "a.mp4")])
    said = f"mine/swap/a.mp4: key of more than one file: {first}, {second}; rename one of them"
    assert str(raised.value) == said


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("missing", "no such folder; set data_sets.mine.root"),
        ("empty", "nothing in it has the layout 'folder'"),
    ],
)
def test_a_root_that_holds_nothing_is_refused_by_name(tmp_path, folder, said):
    (tmp_path / "empty").mkdir()
    data_set = FolderSet(layout="folder", root=str(tmp_path / folder), use="train", kind="media")
    with pytest.raises(UserError) as raised:
        layouts.scan("mine", data_set)
    assert str(raised.value).startswith(f"{tmp_path / folder}: {said}")


def test_drawn_clips_that_are_missing_are_drawn_by_the_pipeline(tmp_path):
    data_set = DataSet(layout="demo", root=str(tmp_path / "gone"), use="train")
    with pytest.raises(UserError, match=r"gone: no such folder; `dvc repro` draws it$"):
        layouts.scan("demo", data_set)
