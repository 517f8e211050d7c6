"""A bad item among others of its archive: the others come out as if it had not been there."""

import os
import time
from pathlib import Path

import pytest

from deepfake_detector.archive import Item, Pack, write_archive
from deepfake_detector.packs import run_packs


def work(pack: Pack, folder: Path) -> list[dict]:
    """Writes its items' names; dies on `crash`, never ends on `hang`."""
    for item in pack.items:
        if "crash" in item.item:
            os._exit(7)
        if "hang" in item.item:
            time.sleep(60)
    write_archive(folder / pack.archive, {item.item: item.item.encode() for item in pack.items})
    return [{"item": item.item, "status": "ok"} for item in pack.items]


def packed(archive: str, *names: str) -> Pack:
    return Pack(archive, tuple(Item(name, "image", "") for name in names))


def done(folder: Path, *packs: Pack) -> dict[str, str]:
    rows = run_packs(work, packs, lambda pack, target: (pack, target), folder, 2, 4.0, "work")
    return {row["item"]: row["status"] for row in rows}


@pytest.mark.parametrize(
    ("bad", "why"), [("crash", "crashed its worker (exit code 7)"), ("hang", "took longer than 4 s")]
)
def test_a_bad_item_costs_only_itself(tmp_path, bad, why):
    done(tmp_path / "clean", packed("a.zip", "one", "two"), packed("b.zip", "three"))
    statuses = done(tmp_path / "mixed", packed("a.zip", "one", bad, "two"), packed("b.zip", "three"))
    assert statuses == {"one": "ok", "two": "ok", "three": "ok", bad: why}
    for name in ("a.zip", "b.zip"):
        assert (tmp_path / "mixed" / name).read_bytes() == (tmp_path / "clean" / name).read_bytes()


def test_a_pack_of_bad_items_alone_leaves_no_archive(tmp_path):
    assert set(done(tmp_path, packed("a.zip", "crash"), packed("b.zip", "fine"))) == {"crash", "fine"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.zip"]


def test_no_packs_are_no_rows_but_the_folder_is_there(tmp_path):
    assert done(tmp_path / "new") == {}
    assert (tmp_path / "new").is_dir()
