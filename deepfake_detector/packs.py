"""Run a worker function over packs of items, so that a bad item costs itself only and not the others of its pack."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from deepfake_detector.archive import Pack
from deepfake_detector.console import progress
from deepfake_detector.parallel import Outcome, run

Work = Callable[..., list[dict]]
Arguments = Callable[[Pack, Path], tuple]


def run_packs(
    work: Work, packs: Sequence[Pack], arguments: Arguments, folder: Path, workers: int, seconds: float, what: str
) -> list[dict]:
    """All rows that `work(*arguments(pack, folder))` returns, in the order of `packs`.

    Where the worker of a pack dies or takes longer than `seconds`, the pack's items are tried one by one elsewhere, and
    the pack is done again without those that failed: they get a row with the reason as their status.
    """
    folder.mkdir(parents=True, exist_ok=True)
    outcomes = run(work, [arguments(pack, folder) for pack in packs], workers, seconds)
    rows, torn = [], []
    for pack, outcome in zip(packs, progress(outcomes, len(packs), what, "archive"), strict=True):
        if outcome.failure:
            torn.append((pack, outcome.failure))
        else:
            rows += outcome.result or []
    for pack, failure in torn:
        rows += _without_bad_items(work, pack, failure, arguments, folder, workers, seconds)
    return rows


def _without_bad_items(
    work: Work, pack: Pack, failure: str, arguments: Arguments, folder: Path, workers: int, seconds: float
) -> list[dict]:
    failures = {item.item: failure for item in pack.items}
    if len(pack.items) > 1:
        alone = [Pack(pack.archive, (item,)) for item in pack.items]
        reasons = _tried(work, alone, arguments, workers, seconds)
        failures = {item.item: why for item, why in zip(pack.items, reasons, strict=True) if why}
    rows = [{"item": item, "status": why} for item, why in failures.items()]
    good = Pack(pack.archive, tuple(item for item in pack.items if item.item not in failures))
    if not good.items:
        return rows
    (outcome,) = run(work, [arguments(good, folder)], 1, seconds)
    if outcome.failure:  # each item alone is fine, all together are not: too slow, or too large
        return rows + [{"item": item.item, "status": outcome.failure} for item in good.items]
    return rows + (outcome.result or [])


def _tried(work: Work, packs: list[Pack], arguments: Arguments, workers: int, seconds: float) -> list[str | None]:
    """Why each pack fails, if it does; what it writes is thrown away."""
    with tempfile.TemporaryDirectory() as away:
        outcomes: list[Outcome] = list(run(work, [arguments(pack, Path(away)) for pack in packs], workers, seconds))
    return [outcome.failure for outcome in outcomes]
