"""The package: what its wheel holds, and that an extra brings all that its commands import."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import made
import pytest
from conftest import copy_project

PROJECT = tomllib.loads(Path("pyproject.toml").read_text())["project"]
LOCKS = {
    "serve": "requirements-serve.txt",
    "train": "requirements.txt",
    "cluster": "requirements-cluster.txt",
    "dev": "requirements-dev.txt",
}
JUDGE = """
import sys
sys.modules.update(dict.fromkeys({blocked}))  # importing one of these fails
from streamlit.testing.v1 import AppTest
from deepfake_detector import Detector
from deepfake_detector.cli.arguments import main
page = AppTest.from_file("app/streamlit_app.py", default_timeout=60).run()
print(len(page.exception), page.title[0].value)
print(Detector.load({model!r}).predict({picture!r}).verdict)
sys.argv = ["deepfake-detector", "predict", {picture!r}, "--model", {model!r}]
main()
"""
HELP = """
import sys
sys.modules.update(dict.fromkeys({blocked}))
from deepfake_detector.cli.arguments import main
sys.argv = ["deepfake-detector", "predict", "--help"]
main()
"""


def canonical(name: str) -> str:
    return re.sub(r"[._-]+", "-", name).lower()


def named(extra: str) -> set[str]:
    """The distributions that an extra names, without this one."""
    wanted = PROJECT["optional-dependencies"][extra]
    names = {canonical(re.split(r"[^\w.-]", one, maxsplit=1)[0]) for one in wanted}
    return names - {PROJECT["name"]}


def pinned(lock: str) -> set[tuple[str, str]]:
    return set(re.findall(r"^([\w.-]+)==([^\s;]+)", Path(lock).read_text(), re.MULTILINE))


def modules_of(distributions: set[str]) -> list[str]:
    """The top-level modules that none but these distributions bring."""
    brought = metadata.packages_distributions()
    return sorted(
        module for module, by in brought.items() if set(map(canonical, by)) <= distributions
    )


def run(code: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_wheel_holds_the_library_its_type_marker_and_the_command(tmp_path):
    copy_project(tmp_path)
    build = ["pip", "wheel", ".", "--no-deps", "--no-build-isolation", "--no-index", "-w", "dist"]
    subprocess.run([sys.executable, "-m", *build], cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").iterdir()
    with ZipFile(wheel) as content:
        files = {name for name in content.namelist() if ".dist-info/" not in name}
        (commands,) = [name for name in content.namelist() if name.endswith("entry_points.txt")]
        command = content.read(commands).decode().splitlines()
    library = {path.as_posix() for path in Path("deepfake_detector").rglob("*.py")}
    data = {"deepfake_detector/py.typed", "deepfake_detector/serving/limits.toml"}
    assert files == library | data
    assert command == [
        "[console_scripts]",
        "deepfake-detector = deepfake_detector.cli.arguments:main",
    ]


@pytest.mark.parametrize(("extra", "lock"), LOCKS.items())
def test_a_lock_pins_all_that_its_extra_names(extra, lock):
    assert named(extra) <= {name for name, _ in pinned(lock)}


@pytest.mark.parametrize("lock", [lock for extra, lock in LOCKS.items() if extra != "train"])
def test_a_lock_has_the_versions_of_the_pipelines_own(lock):
    own = pinned(LOCKS["train"])
    others = pinned(lock) - own
    assert [one for one in sorted(others) if one[0] in dict(own)] == []


@pytest.mark.slow
def test_the_extra_serve_is_enough_to_judge_by_command_program_and_page(tmp_path):
    model, picture = made.write_model(tmp_path / "model.onnx"), tmp_path / "still.jpg"
    picture.write_bytes(made.person_still())
    served = {name for name, _ in pinned(LOCKS["serve"])}
    blocked = modules_of((named("train") | named("cluster") | named("dev")) - served)
    assert {"torch", "torchvision", "sklearn", "dvc"} <= set(blocked)
    done = run(JUDGE.format(blocked=blocked, model=str(model), picture=str(picture)))
    assert done.returncode == 0, done.stderr
    title, verdict, _, line = done.stdout.splitlines()
    assert title == "0 Is this face real?"
    assert line.split()[0] == verdict
    assert verdict in ("REAL", "FAKE", "INCONCLUSIVE")


@pytest.mark.slow
def test_no_extra_is_needed_for_help():
    blocked = modules_of(set().union(*map(named, LOCKS)))
    assert {"numpy", "cv2", "streamlit", "torch"} <= set(blocked)
    done = run(HELP.format(blocked=blocked))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: deepfake-detector predict")
