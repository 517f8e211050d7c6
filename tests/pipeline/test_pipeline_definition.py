"""dvc.yaml says what runs on what: imports and params are not tracked by DVC, so each stage must
list its own."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path

import networkx
import pytest
from dvc_data.hashfile.meta import Meta
from ruamel.yaml import YAML

import deepfake_detector
from deepfake_detector import HANDED_ON, params
from deepfake_detector.common.settings import UNSEEN_BY_DVC
from deepfake_detector.evaluation import run_report
from deepfake_detector.faces import cropping
from deepfake_detector.media import extraction
from deepfake_detector.training import run_folder

STAGES = YAML(typ="safe", pure=True).load(Path("dvc.yaml"))["stages"]
# cannot change what a stage writes: the error class, printing, checking of values that DVC tracks
# as params, scheduling, locking, the finding of files whose hash is a param, the check of the
# Python in use, and the watch over inputs
NOT_TRACKED = {
    "stages/__init__.py",
    "stages/runner.py",
    *(f"deepfake_detector/{name}.py" for name in ("__init__", "params", "storage/assets")),
    *(
        f"deepfake_detector/common/{name}.py"
        for name in (
            "arithmetic",
            "code_hash",
            "console",
            "cores",
            "input_stamps",
            "locks",
            "packages",
            "parallel",
        )
    ),
    *(path.as_posix() for path in Path("deepfake_detector").glob("*/settings.py")),
}
# what every param is there for, in words that the run's report shows
CAPTIONS = {file for file in NOT_TRACKED if file.endswith(("/params.py", "/settings.py"))}
UNTRACKED_SECTIONS = {
    "parallel",
    "runtime",
    "scratch",
}  # results do not depend on them, but for the limits
LIMITS = {"parallel.seconds_per_item", "parallel.memory_per_item"}
LEAVE_OUT = ("extract_frames", "crop_faces", "robustness")  # stages: what passes a limit


def definition(stage: str) -> dict:
    entry = STAGES[stage]
    return entry.get("do", entry)


def made(stage: str) -> list[str]:
    """The paths of a stage's outputs of all kinds."""
    entries = [
        entry for kind in ("outs", "metrics", "plots") for entry in definition(stage).get(kind, [])
    ]
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def module_files(name: str) -> list[Path]:
    """A module's file and the `__init__.py` of each package that it lies in, which importing it
    runs too."""
    package, _, last = name.rpartition(".")
    if package == deepfake_detector.__name__:
        name = HANDED_ON.get(last, name)
    path = Path(name.replace(".", "/"))
    packages = [folder / "__init__.py" for folder in (path, *path.parents)]
    return [
        file
        for file in (path.with_suffix(".py"), *packages)
        if file.is_file() and file.stat().st_size
    ]


def at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all below it, without what `if TYPE_CHECKING:` keeps for type checkers."""
    for_checkers = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    yield node
    for child in node.orelse if for_checkers else ast.iter_child_nodes(node):
        yield from at_run_time(child)


def imported(path: Path) -> set[Path]:
    """Files of this project that `path` imports anywhere in it."""
    text = path.read_text()
    by_name = 'import_module(f"{__name__}.' in text  # any module of its folder
    found = set(path.parent.glob("*.py")) if by_name else set()
    for node in at_run_time(ast.parse(text)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            if name.split(".")[0] in ("deepfake_detector", "stages"):
                found |= set(module_files(name))
    return found


def everything_imported(start: str) -> set[str]:
    todo, seen = [Path(start)], set()
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo += imported(path)
    return {path.as_posix() for path in seen}


def sections_read(stage: str) -> set[str]:
    """What a stage's script takes of `params.load()`, at once or of the name `settings`."""
    tree = ast.parse(Path(f"stages/{stage}.py").read_text())
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return {node.attr for node in nodes if ast.unparse(node.value) in ("params.load()", "settings")}


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_deps_hold_every_library_file_the_stage_imports(stage):
    listed = {
        dep for dep in definition(stage)["deps"] if dep.startswith(("stages", "deepfake_detector"))
    }
    covered = {
        file.as_posix()
        for dep in listed
        for file in ([Path(dep)] if dep.endswith(".py") else Path(dep).rglob("*.py"))
        if file.stat().st_size  # an empty __init__.py says nothing
    }
    left_out = NOT_TRACKED - CAPTIONS if stage == "report" else NOT_TRACKED
    assert covered == everything_imported(f"stages/{stage}.py") - left_out


def test_the_packages_own_names_are_imports_of_their_wing(tmp_path):
    """Else a stage that took `Detector` from the package would not depend on what judges."""
    (tmp_path / "stage.py").write_text("from deepfake_detector import Detector, UserError\n")
    files = {Path("deepfake_detector/__init__.py"), Path("deepfake_detector/serving/inference.py")}
    assert imported(tmp_path / "stage.py") == files


@pytest.mark.slow
def test_no_wing_takes_what_the_package_hands_on():
    """The import contracts in pyproject.toml cannot see where such a name comes from."""
    taken = {
        (path.as_posix(), alias.name)
        for path in Path("deepfake_detector").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == deepfake_detector.__name__
        for alias in node.names
    }
    assert taken
    assert [one for one in taken if one[1] in HANDED_ON] == []


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_params_hold_every_section_the_stage_reads(stage):
    params = set(definition(stage).get("params", []))
    listed = {param.split(".")[0] for param in params - LIMITS}
    assert listed == sections_read(stage) - UNTRACKED_SECTIONS
    assert LIMITS & params == (LIMITS if stage in LEAVE_OUT else set())


@pytest.mark.parametrize("name", [Meta.PARAM_SIZE, Meta.PARAM_NFILES])
def test_no_setting_has_a_name_that_dvc_leaves_out_of_the_key_of_a_run(name):
    schema = params.Params.model_json_schema()
    parts = (schema, *schema["$defs"].values())
    assert "crop_size" in set().union(*(part.get("properties", ()) for part in parts))
    assert name in UNSEEN_BY_DVC
    assert not any(name in part.get("properties", ()) for part in parts)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_hands_on_sections_and_never_all_settings(stage):
    tree = ast.parse(Path(f"stages/{stage}.py").read_text())
    taken_apart = [node.value for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    used = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "settings"]
    whole = [node for node in used if isinstance(node.ctx, ast.Load) and node not in taken_apart]
    assert whole == []


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_says_what_it_does(stage):
    assert definition(stage)["desc"].endswith(".")
    assert definition(stage)["cmd"].startswith(f"python -m stages.{stage}")


def test_no_output_persists_and_none_is_uncached_outside_metrics_and_plots():
    for stage in STAGES:
        assert all(isinstance(out, str) for out in definition(stage).get("outs", [])), stage


def test_the_summary_alone_is_among_dvcs_metrics():
    found = {stage: definition(stage).get("metrics") for stage in STAGES}
    assert {stage: own for stage, own in found.items() if own} == {
        "evaluate": [{"metrics/summary.json": {"cache": False}}]
    }


def test_nothing_before_evaluate_depends_on_test():
    """Neither the weights nor the decision can have seen a test label."""
    for stage in ("train", "calibrate", "quality"):
        assert "data/splits" not in definition(stage)["deps"]
        assert "data/splits/test.csv" not in definition(stage)["deps"]


def test_the_picture_of_the_pipeline_is_that_of_dvc_yaml():
    graph = networkx.DiGraph([("synthesize", "scan")])  # by the root that params.yaml names
    for one, other in product(STAGES, STAGES):
        outs = [*map(Path, made(one))]
        read = [Path(dep) for dep in definition(other)["deps"]]
        if one != other and any(
            out.is_relative_to(dep) or dep.is_relative_to(out) for out in outs for dep in read
        ):
            graph.add_edge(one, other)
    picture = re.search(
        r"```mermaid\n(.+?)```", Path("docs/architecture.md").read_text(), re.DOTALL
    )[1]
    drawn = {
        pair for line in picture.splitlines()[1:] for pair in pairwise(line.strip().split(" --> "))
    }
    assert {pair for pair in drawn if set(pair) <= set(STAGES)} == set(
        networkx.transitive_reduction(graph).edges
    )


def test_each_table_of_a_chart_is_drawn_by_the_template_of_its_name():
    drawn = {
        path: properties["template"]
        for stage in STAGES
        for entry in definition(stage).get("plots", [])
        if isinstance(entry, dict)
        for path, properties in entry.items()
        if not path.startswith("metrics/")  # which draw nothing
    }
    assert drawn == {f"plots/{path.stem}.csv": path.stem for path in Path(".dvc/plots").iterdir()}


def test_the_report_depends_on_the_table_and_the_template_of_each_of_its_charts():
    """By file: DVC takes the folder .dvc/plots for empty."""
    listed = {dep for dep in definition("report")["deps"] if dep.startswith((".dvc", "plots/"))}
    assert listed - {"plots/mistakes"} == {
        path
        for name in run_report.CHARTS
        for path in (f"plots/{name}.csv", f".dvc/plots/{name}.json")
    }


@pytest.mark.parametrize(
    ("module", "maker"),
    [
        (extraction, "deepfake_detector/media/extraction.py"),
        (cropping, "deepfake_detector/faces/cropping.py"),
        (run_folder, "stages/train.py"),
    ],
)
def test_what_is_kept_between_runs_is_named_by_all_the_code_that_makes_it(module, maker):
    """Else an entry made by other code would be taken for what this code makes."""
    moves_bytes_only = {
        f"deepfake_detector/storage/{name}.py" for name in ("files", "packs", "store", "tables")
    }
    names_it = {"stages/train.py", "deepfake_detector/training/run_folder.py"}
    makes = everything_imported(maker) - NOT_TRACKED - moves_bytes_only - names_it
    assert {f"deepfake_detector/{name}.py" for name in module.CODE} == makes
