"""The command line: exit codes, what is printed where, and the reports it writes."""

import csv
import html
import io
import json
import re
import shutil
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import made
import numpy as np
import pytest

from deepfake_detector.cli import arguments, commands, profiles
from deepfake_detector.cli.arguments import main
from deepfake_detector.common import locks
from deepfake_detector.evaluation import comparison
from deepfake_detector.evaluation.comparison import Difference, Level
from deepfake_detector.faces.settings import YUNET
from deepfake_detector.media.reading import MediaError
from deepfake_detector.serving import annotation
from deepfake_detector.serving.batch import Judge
from deepfake_detector.serving.inference import DEMONSTRATION
from deepfake_detector.storage import assets, store
from deepfake_detector.storage.assets import Asset
from deepfake_detector.storage.files import file_hash
from deepfake_detector.training.backbones import BACKBONES

GREY = made.picture(np.full((80, 80, 3), 90, np.uint8))


@pytest.fixture
def call(monkeypatch, capsys):
    """Runs the command line in this process: `code, out, err = call("predict", "clip.mp4")`."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["deepfake_detector", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return (stopped.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def empty_assets(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("DEEPFAKE_ASSETS", str(tmp_path / "assets"))
    return tmp_path / "assets"


@pytest.mark.parametrize(
    "command",
    ["predict", "serve", "doctor", "use-profile", "fetch-assets", "compare", "plots", "prune"],
)
@pytest.mark.parametrize("program", ["deepfake-detector", "python -m deepfake_detector"])
def test_help_tells_what_a_command_does_with_an_example_that_can_be_typed(
    capsys, monkeypatch, program, command
):
    monkeypatch.setenv("COLUMNS", "80")
    parser = arguments._parser(program)
    with pytest.raises(SystemExit, match="^0$"):
        parser.parse_args([command, "--help"])
    out = capsys.readouterr().out
    assert out.startswith(f"usage: {program} {command} [-h]")
    (example,) = re.findall(rf"^example: {program} (.+)$", out, re.MULTILINE)
    assert "run" in parser.parse_args(example.split())


def test_without_a_command_all_are_listed(call):
    code, out, err = call()
    assert (code, out) == (2, "")
    assert err == arguments._parser("deepfake-detector").format_help()
    for command in ("predict", "serve", "doctor", "use-profile", "fetch-assets", "compare"):
        assert f"\n    {command} " in err or f"\n    {command}\n" in err


def test_what_the_command_is_for_is_told_in_a_whole_sentence():
    assert (arguments._parser("deepfake-detector").description or "").endswith("runs.")


def test_help_names_the_profiles_or_where_they_are(call, tmp_path, monkeypatch):
    assert "a profile: celebdf, demo, " in call("use-profile", "--help")[1]
    monkeypatch.chdir(tmp_path)
    assert "a profile: those of the folder profiles" in call("use-profile", "--help")[1]


@pytest.mark.parametrize(
    "command",
    [["doctor"], ["use-profile", "demo"], ["compare", "a", "b"], ["plots"], ["prune"]],
    ids=lambda command: command[0],
)
def test_commands_of_the_project_say_so_elsewhere(call, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    said = f"error: {tmp_path / 'dvc.yaml'}: not there; run it in the project's folder\n"
    assert call(*command) == (1, "", said)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "extra"),
    [(["predict", "clip.mp4"], "serve"), (["doctor"], "train")],
    ids=["predict", "doctor"],
)
def test_a_missing_package_is_named_with_the_extra_that_has_it(command, extra):
    without = (
        f"import sys; sys.modules['av'] = None; sys.argv += {command}; "
        "from deepfake_detector.cli.arguments import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", without], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: {sys.executable} has no av; activate the project's environment, or install this "
        f"package with its extra {extra} (docs/predict.md)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["judge", "clip.mp4"], "invalid choice: 'judge'"),
        (["predict", "clip.mp4", "--kind", "hand"], "invalid choice: 'hand'"),
        (["predict"], "predict: error: nothing to judge: name files or folders, or --list"),
        (
            ["predict", "clip.mp4", "--json", "tests"],
            "argument --json: 'tests' is a folder; name a file",
        ),
        (["predict", "clip.mp4", "--json", "-"], "argument --json: '-' is no file: results are"),
        (["predict", "clip.mp4", "--csv", "/dev/null"], "argument --csv: '/dev/null' is no file"),
        (
            ["predict", "clip.mp4", "--csv", "tests"],
            "argument --csv: 'tests' is a folder; name a file",
        ),
        (
            ["predict", "clip.mp4", "--html", "params.yaml"],
            "argument --html: 'params.yaml' is a file; name a folder",
        ),
        (
            ["predict", "clip.mp4", "--csv", "params.yaml/all.csv"],
            "argument --csv: 'params.yaml/all.csv' cannot be written: Not a directory",
        ),
        (
            ["predict", "clip.mp4", "--json", "/proc/new/all.json"],
            "argument --json: '/proc/new/all.json' cannot be written: ",
        ),
        (
            ["predict", "clip.mp4", "--html", "/proc/pages"],
            "argument --html: '/proc/pages' cannot be written: ",
        ),
        (
            ["predict", "clip.mp4", "--json", "all", "--csv", "all"],
            "--json and --csv name the same file, all",
        ),
        (
            ["predict", "clip.mp4", "--json", "all", "--csv", "app/../all"],
            "--json and --csv name the same file, all",
        ),
        (
            ["predict", "clip.mp4", "--resume"],
            "--resume goes on with what --json, --csv or --html began; name one of them",
        ),
        (["predict", "clip.mp4", "--sha256", "ab"], "'ab' is no SHA-256: 64 hexadecimal digits"),
        (["predict", "clip.mp4", "--workers", "-1"], "argument --workers: Input should be greater"),
        (
            ["predict", "clip.mp4", "--workers", "1", "--seconds-per-item", "0"],
            "argument --seconds-per-item: Input",
        ),
        (
            ["predict", "clip.mp4", "--workers", "1", "--memory-per-item", "nan"],
            "argument --memory-per-item: Input",
        ),
        (
            ["predict", "clip.mp4", "--memory-per-item", "2"],
            "argument --memory-per-item: a limit of workers; add --workers N",
        ),
        (["serve", "--port", "65536"], "argument --port: '65536' is no port: 0 to 65535"),
        (
            ["recalibrate", "clips", "--false-alarms", "x"],
            "argument --false-alarms: 'x' is no number between 0 and 1",
        ),
        (
            ["recalibrate", "clips", "--false-alarms", "1"],
            "argument --false-alarms: '1' is no number between 0 and 1",
        ),
        (["soup", "a"], "name at least two runs, each once"),
        (["soup", "a", "a"], "name at least two runs, each once"),
        (["compare", "a"], "name two revisions, or several and several others after --against"),
        (["compare", "a", "b", "--against", "c"], "name at least two runs on each side"),
        (["compare", "a", "b", "--against", "b", "c"], "a run is named twice"),
        (["use-profile"], "required: profile"),
        (["use-profile", "folder", "--root", "mine"], "'mine': write NAME=/absolute/path"),
        (
            ["use-profile", "folder", "--root", "mine=a", "--root", "mine=b"],
            "argument --root: mine is named twice; give it one folder",
        ),
        (
            ["fetch-assets", "everything"],
            "invalid choice: 'everything' (choose from yunet, resnet18,",
        ),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(call, arguments, said):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert said in err


@pytest.fixture
def compared(monkeypatch):
    """What `compare` is to find, in place of two runs."""
    differences = (
        Difference("roc_auc", 0.9, 0.95, 0.01, 0.08),
        Difference("accuracy", 0.8, 0.79, -0.05, 0.04),
    )
    levels = [
        Level("frame", 20, 2, differences, ""),
        Level("video", 5, 0, (Difference("roc_auc", 0.9, 0.95, None, None),), "too few groups"),
    ]
    monkeypatch.setattr(comparison, "compare", lambda *arguments: levels)
    return levels


def test_compare_tells_what_is_more_than_chance(call, compared):
    code, out, _ = call("compare", "main", "slower")
    assert code == 0
    assert "test, 20 frames, 2 left out that one run could not judge\n" in out
    assert "figure    main    slower  difference  95 % interval\n" in out
    assert "roc_auc   0.9000  0.9500  +0.0500     +0.0100 to +0.0800  *\n" in out
    assert "more than chance by frame (*): roc_auc\n" in out
    assert "no intervals: too few groups\n" in out


def test_compare_writes_markdown(call, compared):
    _, out, _ = call("compare", "main", "slower", "--md", "--split", "val")
    assert (
        "| figure | main | slower | difference | 95 % interval |\n|---|---|---|---|---|\n| roc_auc "
        "| 0.9000 |" in out
    )
    assert out.startswith("val, 20 frames")


def test_compare_over_seeds_tells_means_and_spreads(call, monkeypatch):
    asked = []

    def compare(*arguments):
        asked.append(arguments)
        one = Difference("roc_auc", 0.9, 0.95, 0.01, 0.08, 0.012, 0.008)
        return [Level("video", 20, 0, (one,), "")]

    monkeypatch.setattr(comparison, "compare", compare)
    code, out, _ = call("compare", "a", "b", "--against", "c", "d", "e")
    assert (code, asked) == (0, [(["a", "b"], ["c", "d", "e"], "test")])
    assert "mean of a, b (spread)  mean of c, d, e (spread)" in out
    assert "0.9000 (0.0120)        0.9500 (0.0080)" in out


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.0, 0.0, "no difference by video"), (-0.1, 0.1, "nothing more than chance by video")],
)
def test_compare_says_when_there_is_nothing(call, monkeypatch, low, high, said):
    second = 0.9 if high == 0 else 0.91
    level = Level("video", 50, 0, (Difference("roc_auc", 0.9, second, low, high),), "")
    monkeypatch.setattr(comparison, "compare", lambda *arguments: [level])
    assert said in call("compare", "a", "b")[1]


@pytest.mark.slow
def test_many_files_come_with_a_table_a_page_each_and_their_number(tmp_path, call):
    model, target = made.write_model(tmp_path / "m.onnx"), tmp_path / "out"
    files = {"b.jpg": made.person_still(), "a & <b>.png": GREY, "c.mp4": b"no video"}
    paths = [tmp_path / name for name in files]
    for path, data in zip(paths, files.values(), strict=True):
        path.write_bytes(data)
    copies = tmp_path / "copies"
    options = ("--model", model, "--html", target, "--csv", target / "all.csv")
    options += ("--annotate", copies)
    code, out, err = call("predict", *paths, *options)
    assert code == 1
    assert err.splitlines()[-1] == (
        "3 inputs: 1 FAKE, 1 INCONCLUSIVE, 1 ERROR; firmness not tested (--stress); "
        f"open {target / 'index.html'}"
    )
    with open(target / "all.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["verdict"] for row in rows] == ["FAKE", "INCONCLUSIVE", "ERROR"]
    assert [row["people"] for row in rows] == ["1", "0", "0"]
    assert "was found" in rows[1]["in_words"]
    table = (target / "index.html").read_text()
    for row in rows:
        assert (target / row["page"]).is_file()
        assert f'<a href="{row["page"]}">' in table
        assert html.escape(row["in_words"], quote=False) in html.unescape(table)
    assert sorted(path.name for path in target.iterdir()) == sorted(
        ["all.csv", "index.html", *(row["page"] for row in rows)]
    )
    judged = zip(rows[:2], (".jpg", ".png"), strict=True)
    assert sorted(path.name for path in copies.iterdir()) == sorted(
        str(Path(row["page"]).with_suffix(suffix)) for row, suffix in judged
    )


@pytest.mark.slow
def test_an_annotated_copy_that_cannot_be_made_is_told_in_the_report(tmp_path, call, monkeypatch):
    def failing(*_: object) -> bytes:
        raise MediaError("took longer than 1 seconds")

    monkeypatch.setattr(annotation, "annotated", failing)
    (tmp_path / "a.jpg").write_bytes(made.person_still())
    options = ("--model", made.write_model(tmp_path / "m.onnx"), "--json", tmp_path / "all.json")
    assert call("predict", tmp_path / "a.jpg", *options, "--annotate", tmp_path / "copies")[0] == 0
    (found,) = json.loads((tmp_path / "all.json").read_text())
    assert found["warnings"] == ["No annotated file was written: took longer than 1 seconds."]


def test_stress_tells_what_every_copy_came_to(tmp_path, call):
    model, still = made.write_model(tmp_path / "m.onnx"), tmp_path / "a.jpg"
    still.write_bytes(made.person_still())
    code, out, err = call(
        "predict", still, "--model", model, "--stress", "--csv", tmp_path / "a.csv"
    )
    assert code == 0
    assert "not tested" not in out + err
    assert out.count("copy: ") == 6
    (told,) = csv.DictReader((tmp_path / "a.csv").read_text().splitlines())
    assert out.splitlines()[-1].strip() == told["firmness"]
    assert "changed copies" in told["firmness"]


def test_a_page_that_cannot_be_written_is_refused_before_anything_is_judged(tmp_path, call):
    model, target = made.write_model(tmp_path / "m.onnx"), tmp_path / "out"
    (target / "index.html").mkdir(parents=True)
    code, out, err = call("predict", "a.jpg", "--model", model, "--html", target)
    assert (code, out) == (1, "")
    assert f"{target / 'index.html'}: a folder, where a file is to be written; rename or" in err
    assert [path.name for path in target.iterdir()] == ["index.html"]


@pytest.mark.slow
def test_pages_of_a_stopped_run_are_gone_on_with(tmp_path, call, monkeypatch):
    model, target = made.write_model(tmp_path / "m.onnx"), tmp_path / "out"
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(made.person_still())
    options = ("predict", tmp_path / "a.jpg", tmp_path / "b.jpg", "--model", model)
    judge = Judge.__call__

    def stopped(self: Judge, path: Path) -> dict:
        if path.name == "b.jpg":
            raise KeyboardInterrupt
        return judge(self, path)

    monkeypatch.setattr(Judge, "__call__", stopped)
    assert call(*options, "--html", target)[0] == 130
    monkeypatch.setattr(Judge, "__call__", judge)
    code, out, err = call(*options, "--html", target, "--resume")
    assert code == 0
    assert "1 of 2 were judged before" in err
    assert "2 inputs: 2 FAKE" in err
    assert len(list(target.iterdir())) == 3


def test_a_model_is_named_as_it_was_typed(tmp_path, call, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.onnx").write_bytes(b"none")
    for name, why in (("m.onnx", "not an ONNX model"), ("../n.onnx", "not there")):
        assert call("predict", "a.jpg", "--model", name)[2].startswith(f"error: {name}: {why}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "options", "said"),
    [
        ({"DEEPFAKE_API_KEY": ""}, [], "DEEPFAKE_API_KEY is empty; set it to the key, or unset it"),
        ({"DEEPFAKE_MODEL": "other.onnx"}, [], "other.onnx: not there"),
        ({}, ["--model", "mine.onnx"], "mine.onnx: not there"),
        ({"DEEPFAKE_LIMITS": "none.toml"}, [], "none.toml: No such file or directory"),
        (
            {},
            ["--model", "{model}", "--host", "192.0.2.1"],
            "192.0.2.1:8502: Cannot assign requested address; choose another address with --host",
        ),
        (
            {},
            ["--model", "{model}", "--sha256", "0" * 64],
            "m.onnx: not the file that was asked for",
        ),
    ],
)
def test_serve_ends_with_1_where_it_cannot(tmp_path, call, monkeypatch, environment, options, said):
    model = made.write_model(tmp_path / "m.onnx")
    monkeypatch.chdir(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code, out, err = call("serve", *(option.format(model=model) for option in options))
    assert (code, out) == (1, "")
    assert said in err


@pytest.mark.slow
def test_predict_says_that_a_model_is_unproven(tmp_path, call):
    model = made.write_model(tmp_path / "m.onnx", decision=made.SURE | {"unproven": "too few"})
    (tmp_path / "still.jpg").write_bytes(made.person_still())
    code, out, err = call("predict", tmp_path / "still.jpg", "--model", model)
    assert code == 0
    assert out.splitlines()[1].split()[:2] == ["INCONCLUSIVE", "-"]
    assert err.startswith("! Unproven model: too few. It gives no verdicts.")


def test_predict_prints_a_line_for_each_file_of_a_folder(in_toy_project, call):
    code, out, err = call("predict", "models/examples")
    names = sorted(path.as_posix() for path in Path("models/examples").iterdir())
    assert code == 0
    assert [line.split()[3] for line in out.splitlines()] == ["input", *names]
    assert {line.split()[0] for line in out.splitlines()[1:]} <= {"REAL", "FAKE", "INCONCLUSIVE"}
    assert err.splitlines()[0] == f"! {DEMONSTRATION}"


def test_predict_passes_over_what_is_no_media_in_a_folder(in_toy_project, call, tmp_path):
    (tmp_path / "deeper").mkdir()
    for name in ("b.jpg", "deeper/a.PNG", ".hidden.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(made.picture(np.zeros((64, 64, 3), np.uint8)))
    code, out, _ = call("predict", tmp_path)
    assert code == 0
    assert [line.split()[3] for line in out.splitlines()[1:]] == [
        str(tmp_path / name) for name in ("b.jpg", "deeper/a.PNG")
    ]


def test_predict_ends_with_1_where_an_input_is_an_error_and_judges_the_others(
    in_toy_project, call, tmp_path
):
    (tmp_path / "empty.mp4").touch()
    code, out, _ = call(
        "predict",
        tmp_path / "empty.mp4",
        tmp_path / "missing.mp4",
        "models/examples/real_video.mp4",
    )
    first, second, third = out.splitlines()[1:]
    assert code == 1
    assert first.startswith("ERROR ") and first.endswith("empty.mp4  (empty file)")
    assert second.startswith("ERROR ") and "No such file" in second
    assert third.split()[0] in ("REAL", "FAKE", "INCONCLUSIVE")


def test_predict_writes_the_full_reports_as_json(in_toy_project, call, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    inputs = ["models/examples/real_video.mp4", str(tmp_path / "text.mp4")]
    code, out, _ = call("predict", *inputs, "--json", tmp_path / "made" / "reports.json")
    judged, broken = json.loads((tmp_path / "made" / "reports.json").read_text())
    assert code == 1
    assert [judged["input"]["name"], broken["input"]["name"]] == inputs
    assert [line.split()[0] for line in out.splitlines()[1:]] == [
        judged["verdict"],
        broken["verdict"],
    ]
    assert f"{judged['fake_probability']:.3f}" in out
    assert judged["people"][0]["frames"]
    assert (broken["verdict"], broken["fake_probability"]) == ("ERROR", None)
    assert broken["error"] in out


def test_predict_takes_a_picture_as_a_face_where_told(in_toy_project, call, tmp_path):
    (tmp_path / "grey.png").write_bytes(made.picture(np.full((80, 60, 3), 90, np.uint8)))
    model = made.write_model(tmp_path / "m.onnx", crop={"kind": "given"})
    for kind, boxes in (("auto", []), ("face", [[0, 0, 60, 80]])):
        options = ("--model", model, "--kind", kind, "--json", tmp_path / "report.json")
        call("predict", tmp_path / "grey.png", *options)
        (report,) = json.loads((tmp_path / "report.json").read_text())
        assert [frame["box"] for person in report["people"] for frame in person["frames"]] == boxes


def test_predict_says_what_a_report_warns_of(in_toy_project, call, tmp_path):
    (tmp_path / "cut.mp4").write_bytes(made.in_fragments()[:-120])
    _, out, _ = call("predict", tmp_path / "cut.mp4")
    assert out.splitlines()[-1].startswith("  ! The file is cut off: ")
    assert "Demonstration model" not in out


@pytest.mark.parametrize(
    ("probability", "shown"),
    [
        (None, "-"),
        (0.0, "<0.001"),
        (0.0004, "<0.001"),
        (0.0006, "0.001"),
        (0.5, "0.500"),
        (0.9994, "0.999"),
        (0.9996, ">0.999"),
        (1.0, ">0.999"),
    ],
)
def test_no_probability_is_shown_as_0_or_1(probability, shown):
    assert commands._three_digits(probability) == shown


def test_a_model_that_cuts_faces_out_takes_no_picture_as_a_face(in_toy_project, call, tmp_path):
    (tmp_path / "grey.png").write_bytes(made.picture(np.full((80, 60, 3), 90, np.uint8)))
    code, out, err = call("predict", tmp_path / "grey.png", "--kind", "face")
    assert (code, out) == (1, "")
    assert "this model cuts the faces out itself" in err
    assert "leave out --kind" in err


def test_predict_prints_any_file_name_on_one_line(in_toy_project, call, tmp_path):
    (tmp_path / "a\nb\x1b[31m.mp4").touch()
    _, out, _ = call("predict", tmp_path)
    assert len(out.splitlines()) == 2
    assert "a?b?[31m.mp4" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{empty}"], "{empty}: no image or video in this folder"),
        (["clip.mp4", "--model", "{empty}/other.onnx"], "{empty}/other.onnx: not there"),
        (
            ["clip.mp4", "--sha256", "0" * 64],
            "models/detector.onnx: not the file that was asked for",
        ),
        (["--list", "/dev/null"], "/dev/null: no path in this list"),
        (["--list", "{empty}/list.txt"], "{empty}/list.txt: not a list that can be read"),
        (["clip.mp4", "--device", "cuda"], "no GPU for ONNX Runtime here"),
        (
            ["clip.mp4", "--executor", "ray"],
            "set RAY_ADDRESS" if find_spec("ray") else "pip install -r requirements-cluster.txt",
        ),
    ],
    ids=[
        "folder without media",
        "missing model",
        "another model",
        "empty list",
        "missing list",
        "no GPU",
        "no cluster",
    ],
)
def test_predict_ends_with_1_where_there_is_nothing_to_do(
    in_toy_project, call, tmp_path, arguments, said
):
    code, out, err = call("predict", *(one.format(empty=tmp_path) for one in arguments))
    assert code == 1
    assert "error: " in err
    assert said.format(empty=tmp_path) in err
    assert not [line for line in out.splitlines() if not line.startswith("verdict ")]


def plain(path: Path) -> list[dict]:
    """Reports without what differs between two runs."""
    return [
        {name: value for name, value in one.items() if name != "seconds"}
        for one in json.loads(path.read_text())
    ]


def test_predict_takes_a_list_each_path_once(in_toy_project, call, tmp_path, monkeypatch):
    names = sorted(str(path) for path in Path("models/examples").iterdir())
    (tmp_path / "list.txt").write_text("\n".join([*names[:2], "", names[0]]) + "\n")
    _, out, _ = call("predict", names[2], "--list", tmp_path / "list.txt")
    assert [line.split()[3] for line in out.splitlines()[1:]] == [names[2], *names[:2]]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{names[1]}\n".encode())))
    _, out, _ = call("predict", "--list", "-")
    assert [line.split()[3] for line in out.splitlines()[1:]] == [names[1]]


def test_workers_give_what_one_process_gives(in_toy_project, call, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    inputs = ("models/examples", tmp_path / "text.mp4")
    for name, options in (("alone", ()), ("many", ("--workers", 2, "--html", tmp_path / "pages"))):
        code, _, _ = call("predict", *inputs, "--json", tmp_path / f"{name}.json", *options)
        assert code == 1
    assert plain(tmp_path / "alone.json") == plain(tmp_path / "many.json")
    pages = sorted(path.name for path in (tmp_path / "pages").iterdir())
    assert len(pages) == len(plain(tmp_path / "many.json")) + 1  # the table of all
    assert all(b"<html" in (tmp_path / "pages" / name).read_bytes() for name in pages)


def test_a_worker_that_takes_too_long_costs_its_own_input(in_toy_project, call, tmp_path):
    code, out, _ = call(
        "predict", "models/examples/real_video.mp4", "--workers", 1, "--seconds-per-item", 0.001
    )
    assert code == 1
    assert "(took longer than 0.001 s)" in out


def test_a_stopped_run_goes_on_where_it_was(in_toy_project, tmp_path):
    examples = sorted(str(path) for path in Path("models/examples").iterdir())
    command = [
        sys.executable,
        "-m",
        "deepfake_detector",
        "predict",
        *examples,
        "--csv",
        str(tmp_path / "part.csv"),
    ]
    command += ["--json", str(tmp_path / "part.json")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as stopped:
        for _ in range(3):  # the head and two verdicts
            stopped.stdout.readline()
        stopped.kill()
    assert [path.name for path in tmp_path.iterdir()] == ["part.json.partial"]
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=True)
    before = len(examples) - len(done.stdout.splitlines()) + 1
    assert before >= 2
    assert f"{before} of {len(examples)} were judged before" in done.stderr
    whole = subprocess.run(
        [*command[:-3], str(tmp_path / "whole.csv"), "--json", str(tmp_path / "whole.json")],
        check=True,
    )
    assert whole.returncode == 0
    assert plain(tmp_path / "part.json") == plain(tmp_path / "whole.json")
    assert len((tmp_path / "part.csv").read_text().splitlines()) == 1 + len(examples)
    assert not list(tmp_path.glob("*.partial"))


def test_a_run_that_was_stopped_is_not_overwritten(in_toy_project, call, tmp_path):
    (tmp_path / "a.json.partial").write_text("what was judged")
    code, _, err = call("predict", "models/examples/real_image.jpg", "--json", tmp_path / "a.json")
    assert code == 1
    assert (
        "a.json.partial: left by a run that was stopped; go on with --resume, or delete it" in err
    )
    assert (tmp_path / "a.json.partial").read_text() == "what was judged"


@pytest.mark.parametrize(
    "command",
    [
        ["predict", "{clip}", "--json", "{model}"],
        ["predict", "{clip}", "--csv", "{clip}"],
        ["predict", "{clip}", "--json", "{clip}.json", "--csv", "{clip}.json.partial"],
        ["recalibrate", "{clip}", "--output", "{model}"],
        ["recalibrate", "{clip}", "--output", "{clip}"],
    ],
    ids=["model", "input", "journal", "recalibrated model", "recalibrated clip"],
)
def test_nothing_that_is_read_or_kept_is_written_over(in_toy_project, call, tmp_path, command):
    clip, model = tmp_path / "clip.jpg", tmp_path / "model.onnx"
    shutil.copy("models/examples/real_image.jpg", clip)
    shutil.copy("models/detector.onnx", model)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    filled = [one.format(clip=clip, model=model) for one in command]
    code, _, err = call(*filled, "--model", model)
    assert code != 0, err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_module_is_the_command(in_toy_project, tmp_path):
    command = [sys.executable, "-m", "deepfake_detector", "predict", str(tmp_path / "missing.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.splitlines()[1].startswith("ERROR ")
    assert done.stderr.splitlines() == [f"! {DEMONSTRATION}", "1 input: 1 ERROR"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["celebrities"], "profiles/celebrities.yaml: no such profile; there are celebdf, demo"),
        (["faceforensics"], "add --root faceforensics=/absolute/path"),
        (["demo", "--root", "demo=/somewhere"], "--root demo=…: profile demo takes no roots"),
    ],
)
def test_use_profile_ends_with_1_and_changes_nothing_where_it_cannot(
    in_toy_project, call, arguments, said
):
    before = Path("params.yaml").read_bytes()
    code, out, err = call("use-profile", *arguments)
    assert (code, out) == (1, "")
    assert said in err
    assert Path("params.yaml").read_bytes() == before


def test_use_profile_switches_params(toy_project, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(toy_project / "profiles", "profiles")
    shutil.copy(toy_project / "dvc.yaml", ".")
    code, out, _ = call("use-profile", "demo")
    assert code == 0
    assert out == "params.yaml is now the profile demo (demo); next: dvc repro\n"
    assert Path("params.yaml").is_file()


def test_fetch_assets_takes_files_from_a_folder(call, yunet, tmp_path, monkeypatch):
    source = assets.folder()
    monkeypatch.setenv("DEEPFAKE_ASSETS", str(tmp_path))
    code, out, _ = call("fetch-assets", "yunet", "--from", source)
    assert (code, out) == (0, f"yunet: {tmp_path / YUNET.file}\n")
    assert (tmp_path / YUNET.file).read_bytes() == (source / YUNET.file).read_bytes()


@pytest.fixture
def stick(tmp_path, monkeypatch) -> Path:
    """A folder with small files, which are those of all assets now; of a network's only the first
    digits are known."""
    folder = tmp_path / "stick"
    folder.mkdir()
    for name in ("finder", *BACKBONES):
        (folder / name).write_text(name)
    digits = {"finder": 64} | dict.fromkeys(BACKBONES, 8)
    small = {
        name: Asset(name, name, "", file_hash(folder / name)[:count], "its.setting")
        for name, count in digits.items()
    }
    monkeypatch.setattr(commands, "ASSETS", {"finder": small["finder"]})
    monkeypatch.setattr(commands, "published_weights", lambda names: [small[one] for one in names])
    return folder


@pytest.mark.parametrize(
    ("names", "fetched"),
    [
        (["finder"], ["finder"]),
        (["resnet34"], ["resnet34"]),
        (["resnet50", "finder", "resnet18"], ["resnet50", "finder", "resnet18"]),
        ([], ["finder", "efficientnet_b0"]),
    ],
    ids=["a face detector", "a network", "several", "what params.yaml names"],
)
def test_fetch_assets_gets_what_is_named_and_tells_the_hash_of_weights(
    call, stick, empty_assets, tmp_path, monkeypatch, names, fetched
):
    (tmp_path / "params.yaml").write_text(profiles.text("demo", {}))
    made.change_params(tmp_path / "params.yaml", {"train.network": "efficientnet_b0"})
    monkeypatch.chdir(tmp_path)
    code, out, _ = call("fetch-assets", *names, "--from", stick)
    lines = []
    for name in fetched:
        lines.append(f"{name}: {empty_assets / name}")
        if name != "finder":
            lines.append(f"  sha256 {file_hash(stick / name)}, to be put into its.setting")
    assert (code, out.splitlines()) == (0, lines)
    assert sorted(path.name for path in empty_assets.iterdir()) == sorted(fetched)


def test_fetch_assets_keeps_no_weights_of_another_hash(call, stick, empty_assets):
    expected = file_hash(stick / "resnet34")[:8]
    (stick / "resnet34").write_text("resnet18")
    code, out, err = call("fetch-assets", "resnet34", "--from", stick)
    assert (code, out) == (1, "")
    assert f"expected {expected}; not kept" in err
    assert not empty_assets.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file or directory; get"), (b"something else", "sha256 is")],
    ids=["missing", "another file"],
)
def test_fetch_assets_ends_with_1_and_keeps_nothing_it_was_not_asked_for(
    call, empty_assets, tmp_path, content, said
):
    if content:
        (tmp_path / YUNET.file).write_bytes(content)
    code, out, err = call("fetch-assets", "yunet", "--from", tmp_path)
    assert (code, out) == (1, "")
    assert YUNET.file in err
    assert said in err
    assert not (empty_assets / YUNET.file).exists()


@pytest.mark.slow
def test_doctor_says_what_is_missing_and_exits_1(call, tmp_path, empty_assets):
    (tmp_path / "other.yaml").write_text(profiles.text("folder", {"mine": str(tmp_path / "gone")}))
    code, out, _ = call("doctor", "--params", tmp_path / "other.yaml")
    assert code == 1
    assert f"{tmp_path / 'gone'}: no such folder" in out
    assert "fetch-assets yunet" in out
    assert out.splitlines()[-1] == "3 problems"  # the ImageNet weights are not there either


@pytest.mark.slow
def test_doctor_finds_nothing_wrong_with_the_demo(call):
    code, out, _ = call("doctor")
    assert (code, out.splitlines()[-1]) == (0, "no problems")


def test_prune_frees_what_no_outputs_use(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").touch()
    monkeypatch.delenv("DVC_ROOT", raising=False)
    kept = store.Store(store.root() / "frames")
    for key in ("used", "unused"):
        kept.put(key, store.Made({"frames": []}, {"picture": bytes(5_000_000)}))
    kept.mark({"used": ""})
    code, out, _ = call("prune")
    assert (code, out) == (
        0,
        "frames: 1 archives dropped, 5.0 MB freed\nfaces: 0 archives dropped, 0.0 MB freed\n",
    )
    assert (kept.has("used"), kept.has("unused")) == (True, False)


def test_prune_drops_nothing_that_a_running_stage_has_just_made(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").touch()
    monkeypatch.delenv("DVC_ROOT", raising=False)
    kept = store.Store(store.root() / "faces")
    kept.put("made", store.Made({"faces": []}, {"picture": b"face"}))
    monkeypatch.setattr(locks, "only_writer", partial(locks.only_writer, wait=0))
    with locks.only_writer(store.LOCKS, "crop_faces"):
        code, _, err = call("prune")
    assert code == 1
    assert "crop_faces is running here already" in err
    assert kept.has("made")
