"""The scratch store: what was made once is taken again, byte for byte, and never when it is not
what was made."""

import json
import os
from pathlib import Path

import pytest

from deepfake_detector.storage import store
from deepfake_detector.storage.store import Made, Store, key_of

ROWS = {"frames": [{"item": "a", "frame": 3, "time": 0.1, "pts": None}]}
MADE = Made(ROWS, {"000003.jpg": b"picture"})


@pytest.fixture
def kept(tmp_path) -> Store:
    return Store(tmp_path / "store")


def test_what_is_put_is_taken_with_the_same_rows_and_bytes(kept, tmp_path):
    kept.put("abcd", MADE)
    assert kept.has("abcd")
    assert kept.take("abcd", tmp_path / "out/x/a.zip") == ROWS
    assert (tmp_path / "out/x/a.zip").read_bytes() == next(
        kept.folder.glob("ab/*.zip")
    ).read_bytes()


def test_a_taken_archive_takes_no_space_of_its_own(kept, tmp_path):
    kept.put("abcd", MADE)
    kept.take("abcd", tmp_path / "a.zip")
    assert (tmp_path / "a.zip").stat().st_nlink == 2


def test_where_the_file_system_has_no_links_it_is_copied(kept, tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    kept.put("abcd", MADE)
    assert kept.take("abcd", tmp_path / "a.zip") == ROWS
    assert (tmp_path / "a.zip").stat().st_nlink == 1
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["a.zip"]


def test_what_stood_in_its_place_is_replaced_and_not_written_into(kept, tmp_path):
    (tmp_path / "a.zip").write_bytes(b"old")
    os.link(tmp_path / "a.zip", tmp_path / "elsewhere")
    kept.put("abcd", MADE)
    kept.take("abcd", tmp_path / "a.zip")
    assert (tmp_path / "elsewhere").read_bytes() == b"old"


def test_an_entry_without_pictures_leaves_no_archive(kept, tmp_path):
    kept.put("abcd", Made({"frames": [{"item": "a", "status": "empty file"}]}, {}))
    (tmp_path / "a.zip").write_bytes(b"of an earlier run")
    assert kept.take("abcd", tmp_path / "a.zip") == {
        "frames": [{"item": "a", "status": "empty file"}]
    }
    assert not (tmp_path / "a.zip").exists()


def harm_archive(kept: Store) -> None:
    """As somebody does who writes into an output that is a link."""
    with open(next(kept.folder.glob("ab/*.zip")), "r+b") as file:
        file.write(b"x")


def lose_archive(kept: Store) -> None:
    next(kept.folder.glob("ab/*.zip")).unlink()


def tear_rows(kept: Store) -> None:
    path = next(kept.folder.glob("ab/*.json"))
    path.write_bytes(path.read_bytes()[:20])


def empty_rows(kept: Store) -> None:
    next(kept.folder.glob("ab/*.json")).write_text("{}")


@pytest.mark.parametrize("harm", [harm_archive, lose_archive, tear_rows, empty_rows])
def test_a_harmed_entry_is_no_entry(kept, tmp_path, harm):
    kept.put("abcd", MADE)
    harm(kept)
    assert not kept.has("abcd")
    assert kept.take("abcd", tmp_path / "a.zip") is None
    kept.put("abcd", MADE)
    assert kept.take("abcd", tmp_path / "a.zip") == ROWS


def test_the_key_changes_with_every_part_and_with_nothing_else():
    base = ({"size": 3, "name": "x"}, ["a", "b"])
    keys = [
        key_of(*base),
        key_of({"size": 4, "name": "x"}, ["a", "b"]),
        key_of({"size": 3, "name": "x"}, ["b", "a"]),
        key_of({"size": 3, "name": "x"}, ["a"], ["b"]),
    ]
    assert len(set(keys)) == 4
    assert key_of({"name": "x", "size": 3}, ["a", "b"]) == keys[0]


def filled(kept: Store) -> None:
    """Three entries, used in the order of their names."""
    for age, key in enumerate(("aaaa", "bbbb", "cccc")):
        kept.put(key, Made({"frames": []}, {"x": bytes(1000)}))
        os.utime(kept.folder / key[:2] / f"{key}.json", (age, age))


def keys(kept: Store) -> set[str]:
    return {path.stem for path in kept.folder.glob("??/*.json")}


def test_prune_drops_what_no_outputs_use(kept, tmp_path, monkeypatch):
    filled(kept)
    for name, used in (("one", {"aaaa"}), ("two", {"cccc", "dddd"})):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        kept.mark(dict.fromkeys(used, "no archive"))
    dropped, freed = kept.prune()
    assert (dropped, keys(kept)) == (1, {"aaaa", "cccc"})
    assert 1000 < freed < 2000
    (tmp_path / "one").rename(tmp_path / "gone")
    assert kept.prune()[0] == 1
    assert keys(kept) == {"cccc"}


def test_an_archive_that_went_ends_the_use_of_its_entry(kept, tmp_path, monkeypatch):
    filled(kept)
    monkeypatch.chdir(tmp_path)
    for key in ("aaaa", "bbbb"):
        kept.take(key, tmp_path / f"{key}.zip")
    kept.mark({"aaaa": "aaaa.zip", "bbbb": "bbbb.zip"})
    Path("bbbb.zip").unlink()
    kept.prune()
    assert keys(kept) == {"aaaa"}


def test_marking_again_forgets_what_was_used_before(kept):
    filled(kept)
    kept.mark({"aaaa": "", "bbbb": ""})
    kept.mark({"bbbb": ""})
    kept.prune()
    assert keys(kept) == {"bbbb"}


@pytest.mark.parametrize(
    ("entries_wanted", "left"),
    [(3, {"aaaa", "bbbb", "cccc"}), (2, {"aaaa", "cccc"}), (1, {"aaaa"}), (0, set())],
)
def test_shrink_drops_the_longest_unused_and_what_is_in_use_last(kept, entries_wanted, left):
    filled(kept)
    kept.mark({"aaaa": ""})
    size = sum(path.stat().st_size for path in kept.folder.glob("??/*")) / 3
    kept.shrink(size * entries_wanted)
    assert keys(kept) == left


def test_prune_sweeps_what_was_left_half_written_long_ago(kept):
    kept.put("abcd", MADE)
    kept.mark({"abcd": ""})
    old, new = kept.folder / "ab/.abce.zip.1.part", kept.folder / "ab/.abcf.zip.2.part"
    orphan = kept.folder / "ab/abff.zip"
    for path in (old, new, orphan):
        path.write_bytes(b"half")
    for path in (old, orphan):
        os.utime(path, (0, 0))
    kept.prune()
    assert not old.exists()
    assert not orphan.exists()
    assert new.exists()
    assert kept.has("abcd")


@pytest.mark.parametrize("name", ["zz/zzzz.json", "zz/.zzzz.zip.1.part"])
def test_what_another_process_takes_away_meanwhile_is_passed_over(kept, name):
    filled(kept)
    (kept.folder / "zz").mkdir()
    (kept.folder / name).symlink_to("gone")  # listed, but not there when it is looked at
    kept.shrink(0)
    kept.prune()
    assert not keys(kept) - {"zzzz"}


def test_the_store_lies_in_the_project_dvc_was_called_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert store.root() == tmp_path / ".cache/items"
    monkeypatch.setenv("DVC_ROOT", "/somewhere")
    assert store.root() == Path("/somewhere/.cache/items")


def test_rows_survive_as_they_were(kept, tmp_path):
    rows = {"frames": [{"time": 1 / 3, "pts": 10**15, "hash": "d951a675b465982e", "none": None}]}
    kept.put("abcd", Made(rows, {}))
    assert kept.take("abcd", tmp_path / "a.zip") == rows
    assert json.loads(next(kept.folder.glob("ab/*.json")).read_text())["archive"] is None
