"""The real pipeline on a toy-sized demo: `dvc repro` makes everything, a second one nothing, and
errors are clear."""

import importlib
import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import WIDEST, copy_project, run
from made import change_params

from deepfake_detector import UserError

STAGES = (
    *("synthesize", "scan", "index", "extract_frames", "crop_faces", "verify", "split"),
    *("train", "calibrate", "evaluate", "export"),
)
SETS = {"synthesize", "scan"}  # stages that take the name of a data set


@pytest.fixture(scope="module")
def empty_project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("empty"))


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["data", "models"])
def test_a_fresh_clone_has_the_folders_that_stages_fill(empty_project, folder):
    assert [path.name for path in (empty_project / folder).iterdir()] == [".gitignore"]


def test_every_stage_ran_and_left_one_summary_line(toy_project):
    log = (toy_project / "repro.log").read_text()
    for stage in STAGES:
        name = f"{stage}@demo" if stage in SETS else stage
        assert f"Running stage '{name}'" in log
        summaries = [
            line
            for line in log.splitlines()
            if line.startswith(f"{stage}: ") and not line.endswith(" s left")
        ]
        assert len(summaries) == 1


def test_a_second_repro_has_nothing_to_do(toy_project_alone):
    before = (toy_project_alone / "dvc.lock").read_bytes()
    again = run(toy_project_alone, "dvc", "repro")
    assert again.returncode == 0, again.stderr
    assert "Running stage" not in again.stdout
    assert "Data and pipelines are up to date" in again.stdout
    assert (toy_project_alone / "dvc.lock").read_bytes() == before
    assert "up to date" in run(toy_project_alone, "dvc", "status").stdout


def test_git_sees_only_what_is_meant_to_be_committed(toy_project):
    changed = run(
        toy_project, "git", "status", "--porcelain", "--untracked-files=all"
    ).stdout.split()[1::2]
    made = {name for name in changed if name not in ("params.yaml", "repro.log")}
    assert made == {
        "dvc.lock",
        *(
            f"metrics/{name}.json"
            for name in (
                "evaluation",
                "export",
                "quality",
                "robustness",
                "split",
                "summary",
                "train",
                "verify",
            )
        ),
        *(
            f"plots/{name}.csv"
            for name in ("confusion", "methods", "pr", "reliability", "robustness", "roc")
        ),
        *(f"plots/{name}.csv" for name in ("scores", "slices", "training")),
    }
    assert all((toy_project / name).stat().st_size < 200_000 for name in made)


def test_metrics_agree_with_the_predictions_they_come_from(toy_project):
    figures = json.loads((toy_project / "metrics/evaluation.json").read_text())
    clips = pd.read_csv(toy_project / "data/clip_predictions.csv")
    decision = json.loads((toy_project / "models/decision.json").read_text())
    for part in ("val", "test"):
        own = clips[(clips["split"] == part) & clips["fake_probability"].notna()]
        right = (own["fake_probability"] >= decision["threshold"]) == (own["label"] == 1)
        assert figures[part]["video"]["accuracy"] == pytest.approx(right.mean(), abs=1e-6)
        assert figures[part]["video"]["count"] == len(own)


def test_no_person_is_on_two_sides(toy_project):
    index = pd.read_csv(toy_project / "data/index.csv").set_index("item")["sources"].str.split(";")
    people = [
        {
            person
            for item in pd.read_csv(toy_project / f"data/splits/{part}.csv")["item"]
            for person in index[item]
        }
        for part in ("train", "val", "test")
    ]
    assert all(people)
    assert sum(map(len, people)) == len(set.union(*people)) == 8


def test_no_metrics_file_holds_a_list(toy_project):
    """`dvc plots show` would draw it, or warn of an empty one."""

    def lists(content: object) -> bool:
        inside = content.values() if isinstance(content, dict) else ()
        return isinstance(content, list) or any(map(lists, inside))

    files = sorted((toy_project / "metrics").glob("*.json"))
    assert files
    assert [file.name for file in files if lists(json.loads(file.read_text()))] == []


def test_dvc_takes_no_metrics_file_for_one_that_it_cannot_read(toy_project):
    """So it does where there is a key `error`, and says that plots failed to load."""
    files = sorted((toy_project / "metrics").glob("*.json"))
    assert [file.name for file in files if "error" in json.loads(file.read_text())] == []


def test_dvcs_tables_fit_a_terminal_and_all_metrics_can_be_had(toy_project_alone):
    shown = run(toy_project_alone, "dvc", "metrics", "show").stdout
    assert {"val_auc", "test_auc"} <= set(
        shown.split()
    )  # the toy's groups are too few for an interval
    differs = run(toy_project_alone, "dvc", "metrics", "diff").stdout
    assert "test_auc" in differs
    assert max(map(len, [*shown.splitlines(), *differs.splitlines()])) <= WIDEST
    whole = ("dvc", "metrics", "diff", "--targets", "metrics/evaluation.json")
    assert "test.video.log_loss" in run(toy_project_alone, *whole).stdout


def test_the_charts_drawn_are_those_of_the_tables_and_no_metrics(toy_project_alone):
    shown = run(toy_project_alone, "dvc", "plots", "show", "--json")
    drawn = json.loads(shown.stdout)["data"]
    tables = {path.name for path in (toy_project_alone / "plots").glob("*.csv")}
    charts = {Path(name).name for name, one in drawn.items() if one and name.endswith(".csv")}
    assert charts == tables
    assert [name for name, one in drawn.items() if name.startswith("metrics") and one] == []
    assert "WARNING" not in shown.stderr
    assert "failed to load" not in shown.stderr


@pytest.mark.parametrize(
    "command", [("metrics", "show"), ("plots", "show", "--json"), ("dag",), ("stage", "list")]
)
def test_what_users_type_answers(toy_project_alone, command):
    answer = run(toy_project_alone, "dvc", *command)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip()


@pytest.mark.parametrize(
    ("stage", "names"),
    [
        ("scan", "data/raw/demo"),
        ("index", "data/scan"),
        ("extract_frames", "data/index.csv"),
        ("crop_faces", "data/index.csv"),
        ("verify", "data/index.csv"),
        ("split", "data/index.csv"),
        ("train", "data/faces.csv"),
        ("calibrate", "models/detector.pt"),
        ("evaluate", "models/detector.pt"),
        ("export", "models/detector.pt"),
    ],
)
def test_a_stage_without_its_input_names_it(empty_project, monkeypatch, stage, names):
    monkeypatch.chdir(empty_project)
    module = importlib.import_module(f"stages.{stage}")
    with pytest.raises(UserError, match=re.escape(names)):
        module.main(*(["demo"] if stage in SETS else []))


@pytest.mark.slow
def test_a_stage_that_fails_tells_why_and_exits_with_1(empty_project):
    failed = run(empty_project, sys.executable, "-m", "stages.index")
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: data/scan")
    assert "Traceback" not in failed.stderr


@pytest.mark.slow
def test_a_wrong_param_is_named_before_any_stage_works(empty_project):
    change_params(empty_project / "params.yaml", {"train.epochs": -1})
    failed = run(empty_project, sys.executable, "-m", "stages.synthesize", "demo")
    run(empty_project, "git", "checkout", "-q", "params.yaml")
    assert failed.returncode == 1
    assert "train.epochs" in failed.stderr
    assert "greater than or equal to 0" in failed.stderr
    assert not (empty_project / "data/raw").exists()


def test_a_python_without_the_packages_says_so_and_stops(empty_project):
    failed = run(empty_project, sys.executable, "-S", "-m", "stages.index")
    assert failed.returncode == 1
    assert ". .venv/bin/activate" in failed.stderr
    assert "Traceback" not in failed.stderr
