"""Nothing that is learned or fitted knows the test split: not its labels, not its figures."""

import pandas as pd
from conftest import PROJECT, call_stages, copy_toy_project
from ruamel.yaml import YAML

TEST_SPLIT = "data/splits/test.csv"


def test_flipping_every_test_label_changes_no_weight_and_no_decision(toy_project, tmp_path):
    folder = copy_toy_project(toy_project, tmp_path / "project")
    results = (
        "models/detector.pt",
        "models/decision.json",
        "models/quality.json",
        "models/firmness.json",
        "plots/training.csv",
        "data/validation.csv",
    )
    before = {name: (folder / name).read_bytes() for name in results}
    evaluated = (folder / "metrics/evaluation.json").read_bytes()
    for name in (*results, "metrics/evaluation.json"):
        (folder / name).unlink()
    split = pd.read_csv(folder / TEST_SPLIT)
    (folder / TEST_SPLIT).unlink()  # which may be a link into DVC's cache
    split.assign(label=1 - split["label"]).to_csv(folder / TEST_SPLIT, index=False)
    done = call_stages(folder, "train", "calibrate", "quality", "evaluate")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {name: (folder / name).read_bytes() for name in results} == before
    assert (folder / "metrics/evaluation.json").read_bytes() != evaluated


def test_no_stage_before_evaluate_depends_on_the_test_split():
    stages = YAML(typ="safe").load(PROJECT / "dvc.yaml")["stages"]
    makes = {
        out: name for name, stage in stages.items() for out in map(_path, stage.get("outs", []))
    }
    before: set[str] = set()
    waiting = ["models/detector.pt", "models/decision.json", "models/quality.json"]
    while waiting:
        name = makes.get(waiting.pop())
        if name and name not in before:
            before.add(name)
            waiting += stages[name]["deps"]
    assert {"train", "calibrate", "quality", "split"} <= before
    assert not {"evaluate", "export", "robustness"} & before
    assert [name for name in sorted(before) if TEST_SPLIT in stages[name]["deps"]] == []


def _path(out: object) -> str:
    return next(iter(out)) if isinstance(out, dict) else str(out)
