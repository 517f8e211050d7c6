"""Run a worker function over packs of items, so that what was made before is not made again and a
bad item costs only itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deepfake_detector import UserError
from deepfake_detector.common.console import progress
from deepfake_detector.common.parallel import run
from deepfake_detector.common.settings import Parallel
from deepfake_detector.storage.archive import Pack
from deepfake_detector.storage.store import Made, Store

Work = Callable[..., Made]


@dataclass(frozen=True)
class Task:
    """What makes the archive of a pack: `work(pack, *arguments)`; `key` stands for all that the
    result depends on."""

    pack: Pack
    arguments: tuple
    key: str


@dataclass
class Done:
    """What a run came to: rows by table, the reason for every item that could not be done, and the
    work it took."""

    rows: dict[str, list[dict]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    made: int = 0  # items
    reused: int = 0
    used: dict[str, str] = field(default_factory=dict)  # entries of the store: key -> archive


def run_packs(
    work: Work,
    packs: Sequence[Pack],
    plan: Callable[[Pack], Task],
    store: Store,
    folder: Path,
    execution: Parallel,
) -> Done:
    """Fill `folder` with the archives of `packs`: taken from the store where they are in it, else
    made and kept there.

    Where the worker of a pack dies, or takes too long or too much memory, its items are tried again
    one by one, and the pack is done without those that fail again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = Done()
    tasks = [plan(pack) for pack in packs]
    missing = [task for task in tasks if not store.has(task.key)]
    done.made = sum(len(task.pack.items) for task in missing)
    done.reused = sum(len(task.pack.items) for task in tasks) - done.made
    torn = _make(work, missing, store, execution)
    for task in tasks:
        if task.key in torn:
            task = _without_bad_items(work, task, plan, store, execution, done.failures)
        if task.pack.items:
            _take(task, store, folder, done)
    return done


def _make(work: Work, tasks: list[Task], store: Store, execution: Parallel) -> dict[str, str]:
    """Make the archives of `tasks` in the store; returns why some failed, by key."""
    outcomes = run(_made, [(work, task, store) for task in tasks], execution)
    pairs = zip(tasks, progress(outcomes, len(tasks), work.__name__, "archive"), strict=True)
    return {task.key: outcome.failure for task, outcome in pairs if outcome.failure}


def _made(work: Work, task: Task, store: Store) -> None:
    """In a worker: what is finished is in the store at once, so that nothing of it is lost when the
    run stops."""
    store.put(task.key, work(task.pack, *task.arguments))


def _without_bad_items(
    work: Work,
    torn: Task,
    plan: Callable[[Pack], Task],
    store: Store,
    execution: Parallel,
    failures: dict[str, str],
) -> Task:
    """The task of a pack without its bad items, which are added to `failures`."""
    archive, items = torn.pack.archive, torn.pack.items
    alone = {item.item: plan(Pack(archive, (item,))) for item in items}
    reasons = _make(work, list(alone.values()), store, execution)
    bad = {item: reasons[task.key] for item, task in alone.items() if task.key in reasons}
    good = plan(Pack(archive, tuple(item for item in items if item.item not in bad)))
    failed = (
        _make(work, [good], store, execution) if good.pack.items and not store.has(good.key) else {}
    )
    failures.update(bad)
    failures.update({item.item: reason for reason in failed.values() for item in good.pack.items})
    return plan(Pack(archive, ())) if failed else good


def _take(task: Task, store: Store, folder: Path, done: Done) -> None:
    rows = store.take(task.key, folder / task.pack.archive)
    if rows is None:
        raise UserError(
            f"{task.pack.archive} was made, but is gone from the scratch store {store.folder}",
            "run the same command again, and `prune` in no other folder meanwhile",
        )
    for table, of_pack in rows.items():
        done.rows.setdefault(table, []).extend(of_pack)
    done.used[task.key] = str(folder / task.pack.archive)
