"""Packs of items: a bad item costs itself only, and what was made before is not made again."""

import os
import time
from pathlib import Path

import pytest
from patience import HANG

from deepfake_detector.common.settings import Parallel
from deepfake_detector.storage.archive import Item, Pack
from deepfake_detector.storage.packs import Done, Task, run_packs
from deepfake_detector.storage.store import Made, Store, key_of

pytestmark = pytest.mark.slow  # starts processes


def work(pack: Pack, log: Path) -> Made:
    """An archive of its items' names; dies on `crash`, never ends on `hang`, `once` dies the first
    time only."""
    for item in pack.items:
        with open(log, "a") as file:
            file.write(f"{item.item}\n")
        if "crash" in item.item or ("once" in item.item and log.read_text().count(item.item) == 1):
            os._exit(7)
        if "hang" in item.item:
            time.sleep(2 * HANG)
        if "large" in item.item:
            bytearray(3 * 2**30)
    rows = [{"item": item.item, "status": "ok"} for item in pack.items]
    return Made({"items": rows}, {item.item: item.item.encode() for item in pack.items})


def packed(archive: str, *names: str) -> Pack:
    return Pack(archive, tuple(Item(name, "image", "") for name in names))


def done(folder: Path, *packs: Pack, seconds: float = HANG) -> Done:
    """Run in `folder`: archives in `out`, the store beside it."""
    folder.mkdir(exist_ok=True)

    def plan(pack: Pack) -> Task:
        return Task(
            pack, (folder / "log",), key_of(pack.archive, [item.item for item in pack.items])
        )

    return run_packs(
        work,
        packs,
        plan,
        Store(folder / "store"),
        folder / "out",
        Parallel(workers=2, seconds_per_item=seconds, memory_per_item=1.0),
    )


def tried(folder: Path) -> list[str]:
    return sorted((folder / "log").read_text().split())


@pytest.mark.parametrize(
    ("bad", "seconds", "why", "beside"),
    [
        ("crash", HANG, "crashed its worker (exit code 7)", ("one", "two")),
        ("crash", HANG, "crashed its worker (exit code 7)", ()),
        ("hang", 4, "took longer than 4 s", ("one", "two")),
        ("large", HANG, "needs more than 1 GiB of memory", ("one", "two")),
    ],
)
def test_a_bad_item_costs_only_itself_and_is_tried_twice(tmp_path, bad, seconds, why, beside):
    done(
        tmp_path / "clean",
        *([packed("a.zip", *beside)] if beside else []),
        packed("b.zip", "three"),
    )
    packs = packed("a.zip", *beside[:1], bad, *beside[1:]), packed("b.zip", "three")
    mixed = done(tmp_path / "mixed", *packs, seconds=seconds)
    assert mixed.failures == {bad: why}
    assert [row["item"] for row in mixed.rows["items"]] == [*beside, "three"]
    assert tried(tmp_path / "mixed").count(bad) == 2
    archives = [
        {path.name: path.read_bytes() for path in (tmp_path / run / "out").iterdir()}
        for run in ("clean", "mixed")
    ]
    assert archives[0] == archives[1]


def test_what_goes_well_at_the_second_try_is_no_failure(tmp_path):
    result = done(tmp_path, packed("a.zip", "once"))
    assert (result.failures, result.rows["items"]) == ({}, [{"item": "once", "status": "ok"}])


def test_what_was_made_before_is_not_made_again(tmp_path):
    first = done(tmp_path, packed("a.zip", "one"), packed("b.zip", "two"))
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    (tmp_path / "out/a.zip").unlink()
    second = done(
        tmp_path, packed("a.zip", "one"), packed("b.zip", "two"), packed("c.zip", "three")
    )
    assert tried(tmp_path) == ["one", "three", "two"]
    assert ((first.made, first.reused), (second.made, second.reused)) == ((2, 0), (1, 2))
    assert second.rows["items"][:2] == first.rows["items"]
    assert {name: (tmp_path / "out" / name).read_bytes() for name in before} == before
    assert second.used.keys() > first.used.keys()


def test_an_archive_is_made_anew_when_an_item_joins_it(tmp_path):
    done(tmp_path, packed("a.zip", "one"))
    done(tmp_path, packed("a.zip", "one", "two"))
    assert tried(tmp_path) == ["one", "one", "two"]


def test_a_pack_of_bad_items_alone_leaves_no_archive(tmp_path):
    result = done(tmp_path, packed("a.zip", "crash"), packed("b.zip", "fine"))
    assert set(result.failures) == {"crash"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b.zip"]


def test_a_bad_item_is_tried_again_by_the_next_run(tmp_path):
    done(tmp_path, packed("a.zip", "crash", "one"))
    done(tmp_path, packed("a.zip", "crash", "one"))
    assert tried(tmp_path).count("crash") == 4


def test_no_packs_are_no_rows_but_the_folder_is_there(tmp_path):
    assert done(tmp_path) == Done()
    assert (tmp_path / "out").is_dir()
