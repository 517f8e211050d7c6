"""A stage that was meddled with fails, and wrong params are told with the way back."""

import gc
import itertools
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from conftest import PROJECT, copy_project, run
from made import change_params
from ruamel.yaml import YAML

from deepfake_detector import UserError
from deepfake_detector.storage import tables
from stages import runner

PIPELINE = YAML(typ="safe", pure=True).load(Path("dvc.yaml"))["stages"]
STAGES = {name: {"name": "demo"} if "foreach" in entry else {} for name, entry in PIPELINE.items()}
EACH_STAGE = [
    name if name in ("scan", "train") else pytest.param(name, marks=pytest.mark.slow)
    for name in STAGES
]
INDEXED = [name for name in STAGES if "data/index.csv" in PIPELINE[name].get("deps", ())]


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A folder with params, pipeline and an index of one clip."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(PROJECT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").touch()
    row = {"item": "a", "data_set": "demo", "kind": "video", "path": str(tmp_path / "clip.mp4")}
    row |= {"label": 0, "method": "real", "use": "train", "md5": "0" * 32}
    tables.write("data/index.csv", tables.make([row], tables.INDEX), tables.INDEX)
    return tmp_path


@pytest.fixture
def inputs(project, stage) -> list[Path]:
    """All that the stage depends on, by name alone; its folders hold a file each."""
    files = []
    for path in runner.definition(stage, *STAGES[stage].values()).paths:
        files.append(path if path.suffix else path / "file")
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        files[-1].touch()
    return files


@pytest.mark.slow
@pytest.mark.parametrize("stage", EACH_STAGE)
def test_a_stage_that_nobody_meddled_with_ends_as_it_would_by_itself(inputs, stage):
    def reads(**_: str) -> str:
        Path("params.yaml").write_bytes(Path("params.yaml").read_bytes())  # saved again as it was
        Path("a file of no concern").touch()
        for file in inputs:
            file.read_bytes()  # the time of the last look is no change
        return "done"

    assert runner.watched(stage, reads, **STAGES[stage]) == "done"


@pytest.mark.parametrize("stage", EACH_STAGE)
def test_a_stage_fails_where_its_params_were_edited_meanwhile(inputs, stage, monkeypatch):
    monkeypatch.setattr(runner, "NAMED", 1000)
    definition = PIPELINE[stage].get("do", PIPELINE[stage])
    keys = [key.replace("${key}", "demo") for key in definition.get("params", ())]

    def edits(**_: str) -> str:
        change_params(Path("params.yaml"), dict.fromkeys(keys, "other"))
        return "done"

    if not keys:
        pytest.skip("reads no params that DVC tracks")
    with pytest.raises(UserError, match=f"changed while {stage} ran: params.yaml") as raised:
        runner.watched(stage, edits, **STAGES[stage])
    assert [key for key in keys if f"params.yaml: {key}" not in raised.value.problem] == []


@pytest.mark.slow
@pytest.mark.parametrize("stage", EACH_STAGE)
@pytest.mark.parametrize("how", ["added", "removed", "changed"])
def test_a_stage_fails_where_any_of_its_inputs_was_changed_meanwhile(
    inputs, stage, how, monkeypatch
):
    monkeypatch.setattr(runner, "NAMED", 1000)
    new = [file.with_name("new") for file in inputs if file.name == "file"]
    touched = new if how == "added" else inputs

    def meddles(**_: str) -> str:
        for file in touched:
            file.unlink() if how == "removed" else file.write_text("anew")
        return "done"

    if not touched:
        pytest.skip("reads no folder")
    with pytest.raises(UserError, match=f"changed while {stage} ran: ") as raised:
        runner.watched(stage, meddles, **STAGES[stage])
    assert [file for file in touched if f"{file} was {how}" not in raised.value.problem] == []


@pytest.mark.parametrize("meddled", [True, False])
def test_what_a_failed_stage_would_go_on_from_stays_until_it_has_ended_well(project, meddled):
    state = project / "state"
    state.touch()

    def trains() -> str:
        runner.afterwards(state.unlink)
        if meddled:
            change_params(Path("params.yaml"), {"train.epochs": 77})
        return "done"

    with pytest.raises(UserError, match="changed while train ran") if meddled else nullcontext():
        runner.watched("train", trains)
    assert state.exists() == meddled


@pytest.mark.parametrize("stage", INDEXED)
def test_a_clip_of_the_index_is_an_input_of_whatever_reads_the_index(project, stage):
    def replaces() -> str:
        Path("clip.mp4").write_text("another")
        return "done"

    with pytest.raises(UserError, match=r"clip.mp4 was changed; .* `dvc repro` again"):
        runner.watched(stage, replaces)


@pytest.mark.parametrize("stage", ["scan"])
def test_the_first_of_many_changes_are_named(inputs, stage):
    def adds(name: str) -> str:
        for number in range(7):
            Path(f"data/raw/demo/{number}.mp4").touch()
        return "done"

    with pytest.raises(
        UserError, match=r"0.mp4 was added, .*, data/raw/demo/4.mp4 was added and 2 more;"
    ):
        runner.watched(stage, adds, name="demo")


def test_a_set_that_params_do_not_name_is_left_to_the_stage(project):
    assert runner.watched("scan", lambda name: f"no {name}", name="mine") == "no mine"


@pytest.mark.parametrize("stage", EACH_STAGE)
def test_wrong_params_are_refused_before_the_stage_does_anything_with_the_way_back(project, stage):
    change_params(Path("params.yaml"), {"train.epochs": -1})
    calls = itertools.count()
    with pytest.raises(UserError, match="train.epochs") as raised:
        runner.watched(stage, lambda **_: str(next(calls)), **STAGES[stage])
    assert next(calls) == 0
    assert "`git checkout params.yaml`" in raised.value.remedy
    assert "`dvc checkout`" in raised.value.remedy


def test_in_another_folder_nothing_is_to_be_brought_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"params\.yaml") as raised:
        runner.watched("split", lambda: "done")
    assert "dvc checkout" not in raised.value.remedy


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_runs_in_the_frame(stage):
    text = Path(f"stages/{stage}.py").read_text()
    assert text.rstrip().splitlines()[-1].startswith("    runner.run(main, __doc__")


@pytest.mark.slow
def test_dvc_records_nothing_of_a_scan_whose_params_were_edited_and_runs_it_again(tmp_path):
    folder, clips = copy_project(tmp_path / "project"), tmp_path / "clips"
    for name in ("real/a.mp4", "fake/b.mp4"):
        (clips / name).parent.mkdir(parents=True)
        (clips / name).write_text(name)
    mine = {"layout": "folder", "root": str(clips), "use": "train", "kind": "media"}
    change_params(folder / "params.yaml", {"data_sets": {"mine": mine}, "synthesize": {}})
    script, flag = folder / "stages/scan.py", folder / ".cache/meddle"
    meddle = (
        f"    if (flag := __import__('pathlib').Path({str(flag)!r})).exists():\n"
        "        flag.rename('params.yaml')\n    return f"
    )
    script.write_text(script.read_text().replace("    return f", meddle, 1))
    flag.parent.mkdir(exist_ok=True)
    shutil.copy(folder / "params.yaml", flag)
    change_params(flag, {"data_sets.mine.use": "test"})
    command = (sys.executable, "-m", "dvc", "repro", "scan@mine")
    done = run(folder, *command)
    assert done.returncode != 0
    assert "changed while scan ran: params.yaml: data_sets.mine" in done.stderr
    assert not (folder / "dvc.lock").exists()
    assert run(folder, *command).returncode == 0
    lock = YAML(typ="safe").load(folder / "dvc.lock")["stages"]["scan@mine"]
    assert lock["params"]["params.yaml"]["data_sets.mine"]["use"] == "test"
    assert ",test," in (folder / "data/scan/mine.csv").read_text()


@pytest.mark.parametrize("ends", [nullcontext(), pytest.raises(SystemExit)])
def test_while_a_stage_works_garbage_is_collected_but_not_of_what_was_loaded(monkeypatch, ends):
    seen = []

    def watched(*_) -> str:
        seen.append((gc.isenabled(), gc.get_freeze_count() > 0))
        if isinstance(ends, nullcontext):
            return "done"
        raise UserError("no")

    monkeypatch.setattr(sys, "argv", ["scan"])
    monkeypatch.setattr(runner, "watched", watched)
    try:
        with ends:
            runner.run(watched, "")
        assert (gc.isenabled(), gc.get_freeze_count()) == (False, 0)
    finally:
        gc.freeze()  # as it was
        gc.enable()
    assert seen == [(True, True)]
