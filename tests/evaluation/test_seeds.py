"""What other seeds came to is told of runs that are alike in all else."""

import copy
import json
from pathlib import Path

import pytest
from conftest import copy_toy_project, run
from made import change_params

from deepfake_detector.evaluation import revisions, seeds

AUTHOR = ("-c", "user.name=Test", "-c", "user.email=test@example.org")


def known(seed: int, lr: float = 0.1, test: str = "a", **summary: float | str) -> dict:
    """What DVC tells of a run."""
    splits = {name: {"hash": test if "test" in name else "b"} for name in seeds.SPLITS}
    return {
        "params": {"params.yaml": {"data": {"train": {"seed": seed, "lr": lr}, "split": {}}}},
        "metrics": {seeds.SUMMARY: {"data": summary}},
        "outs": splits,
    }


def shown(workspace: dict | None, *experiments: dict | None) -> list[dict]:
    """As `dvc exp show --json` prints it: the last commit is the workspace's run."""
    queued = [{"name": "x", "revs": [{"rev": "1", "data": data}]} for data in experiments]
    commit = {"rev": "0", "data": copy.deepcopy(workspace), "experiments": queued}
    return [{"rev": "workspace", "data": workspace, "experiments": None}, commit]


RUNNING = known(3) | {"metrics": {}}
TORN = {"error": {"msg": "torn"}}
BROKEN = known(3) | {"metrics": {seeds.SUMMARY: TORN}}
UNREAD = known(3) | {"params": {"params.yaml": TORN}}


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ([], []),
        (shown(known(1)), [1]),
        (shown(known(1), known(2), known(5)), [1, 2, 5]),
        (shown(known(1), known(2, lr=0.2)), [1]),
        (shown(known(1), known(2, test="other")), [1]),
        (shown(known(1), RUNNING, BROKEN, UNREAD, None, known(2)), [1, 2]),
        (shown(RUNNING, known(2), known(3)), []),
        (shown(None, known(2)), []),
    ],
)
def test_runs_of_one_recipe_differ_by_their_seed_alone(kept, expected):
    assert list(seeds.of_one_recipe(kept, lambda revision: True)) == expected


def test_a_run_whose_figures_are_of_an_earlier_model_is_none():
    kept = shown(known(1), known(2))
    assert list(seeds.of_one_recipe(kept, lambda revision: revision != "1")) == [1]
    assert list(seeds.of_one_recipe(kept, lambda revision: revision != "workspace")) == []


def test_what_results_do_not_depend_on_makes_no_other_recipe():
    own, other, limited = known(1), known(2), known(3)
    for one, runtime, parallel in (
        (own, {"loader_workers": 0}, {"workers": 0, "seconds_per_item": 600}),
        (other, {"loader_workers": 4}, {"workers": 8, "seconds_per_item": 600}),
        (limited, {"loader_workers": 0}, {"workers": 0, "seconds_per_item": 1}),
    ):
        one["params"]["params.yaml"]["data"] |= {"runtime": runtime, "parallel": parallel}
    kept = shown(own, other, limited)
    assert list(seeds.of_one_recipe(kept, lambda revision: True)) == [1, 2]


@pytest.mark.parametrize(
    ("summaries", "expected"),
    [
        ({}, ""),
        ({1: {"val_auc": 0.9}}, ""),
        ({1: {"val_auc": 0.9}, 2: {"test_auc": 0.9}}, ""),
        (
            {2: {"val_auc": 0.9, "test_auc": 0.8}, 1: {"val_auc": 0.7, "test_auc": 0.9}},
            "Trained with the seeds 1, 2, all else the same, ROC-AUC by video: val 0.700 to 0.900, "
            "mean 0.800; test (in-set) 0.800 to 0.900, mean 0.850.",
        ),
        (
            {
                1: {"val_auc": 0.9, "test_auc": 0.8, "held_auc": 0.6, "held_set": "there"},
                2: {"val_auc": 0.9, "held_auc": 0.7, "held_set": "there"},
            },
            "Trained with the seeds 1, 2, all else the same, ROC-AUC by video: val 0.900 to 0.900, "
            "mean 0.900; there (held out) 0.600 to 0.700, mean 0.650.",
        ),
        (
            {
                1: {"val_auc": 0.9, "held_auc": 0.6, "held_set": "there"},
                2: {"val_auc": 0.9, "held_auc": 0.7, "held_set": "elsewhere"},
            },
            "Trained with the seeds 1, 2, all else the same, ROC-AUC by video: val 0.900 to 0.900, "
            "mean 0.900.",
        ),
    ],
)
def test_their_figures_are_told_in_a_sentence(summaries, expected):
    assert seeds.spread(summaries) == expected


def test_experiments_that_dvc_keeps_are_found(toy_project, tmp_path, monkeypatch):
    project = copy_toy_project(toy_project, tmp_path / "project")
    monkeypatch.chdir(project)
    assert run(project, "git", *AUTHOR, "add", "-A").returncode == 0
    assert run(project, "git", *AUTHOR, "commit", "-q", "-m", "results").returncode == 0
    change_params(Path("params.yaml"), {"train.seed": 7})
    (Path(seeds.SUMMARY)).write_text(json.dumps({"val_auc": 0.25}))
    saved = run(project, "dvc", "exp", "save", "-n", "other")
    assert saved.returncode == 0, saved.stderr
    assert run(project, "git", "checkout", "-q", ".").returncode == 0
    found = seeds.of_one_recipe(revisions.kept(), revisions.is_evaluated)
    assert list(found) == [1, 7]
    assert found[7] == {"val_auc": 0.25}


def test_where_there_is_no_project_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert revisions.kept() == []
