"""How far the figures of a recipe lie apart from seed to seed, by the runs that DVC keeps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from deepfake_detector.datasets.settings import PARTS
from deepfake_detector.evaluation.breakdown import title

SUMMARY = "metrics/summary.json"
SPLITS = [f"data/splits/{part}.csv" for part in PARTS]


def of_one_recipe(
    kept: Sequence[Mapping[str, Any]], is_evaluated: Callable[[str], bool]
) -> dict[int, Mapping[str, Any]]:
    """By seed, the summaries of the workspace's run and of those that differ from it by train.seed
    alone: the other params that results depend on and the items of every split are the same. `kept`
    is what `dvc exp show --json` prints, the workspace first; `is_evaluated` is whether the summary
    of a revision is that of its model."""
    by_seed: dict[int, Mapping[str, Any]] = {}
    recipe = None
    for run in _runs(kept, is_evaluated):
        (params,) = (file["data"] for file in run["params"].values())
        others = _tracked(params) | {"train": params["train"] | {"seed": None}}
        recipe_of_run = (others, [run["outs"][name]["hash"] for name in SPLITS])
        recipe = recipe or recipe_of_run
        if recipe_of_run == recipe:
            by_seed.setdefault(params["train"]["seed"], run["metrics"][SUMMARY]["data"])
    return by_seed


def _tracked(params: Mapping[str, Any]) -> dict[str, Any]:
    """The params without those that results do not depend on."""
    parallel = params.get("parallel", {}).items()
    limits = {name: value for name, value in parallel if name not in ("executor", "workers")}
    others = {name: own for name, own in params.items() if name not in ("runtime", "scratch")}
    return others | {"parallel": limits}


def _runs(
    kept: Sequence[Mapping[str, Any]], is_evaluated: Callable[[str], bool]
) -> Iterator[Mapping[str, Any]]:
    """What is known of each run that came to its end; nothing where the workspace's did not."""
    for start in kept:
        queued = [run for own in start.get("experiments") or () for run in own["revs"] or ()]
        for run in (start, *queued):
            data = run["data"]
            if data and _is_whole(data) and is_evaluated(run["rev"]):
                yield data
            elif start is kept[0]:
                return


def _is_whole(data: Mapping[str, Any]) -> bool:
    """Whether DVC could read a run's params and summary, and knows its splits."""
    read = (*data["params"].values(), data["metrics"].get(SUMMARY, {}))
    return all("data" in file for file in read) and all(name in data["outs"] for name in SPLITS)


def spread(summaries: Mapping[int, Mapping[str, Any]]) -> str:
    """The ROC-AUC by video over seeds in a sentence; empty where there is one seed."""
    ranges = []
    for name, place in {"val_auc": "val", "test_auc": "test", "held_auc": "held_set"}.items():
        aucs = [summary[name] for summary in summaries.values() if name in summary]
        sets = {summary.get(place, place) for summary in summaries.values()}
        if len(aucs) == len(summaries) and len(sets) == 1:
            ranges.append(
                f"{title(*sets)} {min(aucs):.3f} to {max(aucs):.3f}, mean {np.mean(aucs):.3f}"
            )
    if len(summaries) < 2 or not ranges:
        return ""
    seeds = ", ".join(map(str, sorted(summaries)))
    return (
        f"Trained with the seeds {seeds}, all else the same, ROC-AUC by video: {'; '.join(ranges)}."
    )
