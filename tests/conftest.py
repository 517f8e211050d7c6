"""What several test files need: a toy-sized project that ran once, and the real material where it
lies beside the project."""

import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from hypothesis import settings
from made import change_params, textured
from patience import HANG
from ruamel.yaml import YAML

from deepfake_detector.common import arithmetic

if TYPE_CHECKING:
    from playwright.sync_api import Browser

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # tests run side by side; two pools of threads on the same cores wait for each other
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # a thread that waits leaves its core to others
settings.register_profile(
    "unhurried", deadline=None
)  # an example may take long where the machine is busy
settings.register_profile("quick", settings.get_profile("unhurried"), max_examples=20)
settings.load_profile("unhurried")
for handed_down in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
    os.environ.pop(handed_down, None)  # `make` in a test prints the same under `make test`
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else every stage of a copy is compiled anew
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # so a shell starts what runs in the background; a stage would not be stopped by Ctrl-C then
    signal.signal(signal.SIGINT, signal.default_int_handler)
PROJECT = Path(__file__).resolve().parent.parent
os.chdir(PROJECT)  # the tests name its files from there, wherever pytest was called
with patch.object(arithmetic, "hold"):  # stages called in this process compute as the tests do
    import_module("stages")
ENVIRONMENT = dict(os.environ)
SHARED = Path(os.environ.get("DEEPFAKE_TEST_MATERIAL", PROJECT.parent / "shared"))
COLOURS = (250, 10, 20), (10, 250, 20), (10, 20, 250)  # red, green, blue
WIDEST = 120  # columns of a table that a terminal shows whole
WAITING = [  # files that wait more than they work: they begin, while the toy project is made
    "test_isolation.py",
    "test_packs.py",
]
LONGEST = [  # files of minutes, in the order they begin: what comes late is waited for at the end
    "test_page_in_browser.py",
    "test_readme_commands.py",
    "test_resume.py",
    "test_faults.py",
    "test_page.py",
]
TOY = {
    "synthesize.demo.pairs": 4,
    "synthesize.demo.seconds": 0.5,
    "extract_frames.frames": 3,
    "crop_faces.crop_size": 64,
    "train.input_size": 64,
    "train.epochs": 2,
    "train.batch_size": 8,
    "train.self_blend": 0.5,
    "runtime.loader_workers": 1,
    "calibrate.min_groups": 1,
    "calibrate.band_error": 1.0,  # so few clips, learned from so shortly, prove nothing
    "quality.corruptions": ["noise", "blur"],
    "quality.levels": [5],
    "quality.clean_outside": 1e-5,  # so few clips do not show how far others go
    "robustness.levels": [5],
    "robustness.corruptions": ["noise", "jpeg", "h264"],
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with tests that need the toy project come last: of these the longest in front, so that
    no process is left alone with one."""
    for item in items:
        if "toy_project" in item.fixturenames:
            item.add_marker("slow")
    need_it = {item.path for item in items if "toy_project" in item.fixturenames}
    first = {name: at for at, name in enumerate([*WAITING, *LONGEST])}
    items.sort(key=lambda item: (item.path in need_it, first.get(item.path.name, len(first))))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Python looks for garbage among what the tests make, not among the tests and libraries."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """A process that tests beside others ends at once, all told: taking apart what it has loaded
    would take seconds."""
    gc.unfreeze()  # else a library complains of what is still there at the end
    if hasattr(config, "workerinput"):
        os._exit(0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """What a test and its fixtures draw does not depend on the tests before it."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


def run(
    folder: Path, *command: str, timeout: float = HANG, **environment: str
) -> subprocess.CompletedProcess:
    """Run a command in a project with this Python's programs first on PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": path} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def call_stages(folder: Path, *stages: str, **environment: str) -> subprocess.CompletedProcess:
    """Call stages in a project one after another, in one process that loads their libraries once;
    `scan demo` hands over an argument."""
    code = (
        "from importlib import import_module\n"
        "from stages import runner\n"
        f"for stage, *name in {[stage.split() for stage in stages]}:\n"
        "    main = import_module(f'stages.{stage}').main\n"
        "    runner.watched(stage, main, **dict(zip(['name'], name)))\n"
    )
    return run(folder, sys.executable, "-c", code, **environment)


def copy_project(target: Path) -> Path:
    """The project's own files, without what runs have made, as a Git repository of their own."""
    listed = run(
        PROJECT, "git", "ls-files", "--cached", "--others", "--exclude-standard"
    ).stdout.splitlines()
    made = ("dvc.lock", "metrics/", "plots/")
    for name in listed:
        if not name.startswith(made) and (PROJECT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, target / name)
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    for command in (("init", "-q"), ("add", "-A"), (*author, "commit", "-q", "-m", "start")):
        assert run(target, "git", *command).returncode == 0
    return target


def borrow_environment(folder: Path) -> None:
    """Give a project this environment as its `.venv`, so that `make` finds all installed."""
    environment = folder / ".venv"
    environment.mkdir()
    for part in Path(sys.prefix).iterdir():
        if part.name not in ("runtime", "dev"):
            (environment / part.name).symlink_to(part)
    for installed in ("runtime", "dev"):
        (environment / installed).touch()


@pytest.fixture(autouse=True)
def same_priority() -> Iterator[None]:
    """A test that leaves its process more urgent than others starves them, the browser first."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    before = os.sched_getscheduler(0)
    yield
    assert os.sched_getscheduler(0) == before


@pytest.fixture(autouse=True)
def same_environment() -> Iterator[None]:
    """What a test, or a library for it, puts into the environment ends with it: the processes that
    later tests start would inherit it, and compute in another way."""
    yield
    for name in os.environ.keys() - ENVIRONMENT.keys():
        if not name.startswith("PYTEST_"):
            del os.environ[name]
    os.environ.update(ENVIRONMENT)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory) -> Path:
    """One for all the processes that test side by side."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session", autouse=True)
def toy_project_begun(request, shared_folder) -> Iterator[None]:
    """Makes the toy project beside the tests that do not need it, or whoever needs it first would
    keep the others waiting."""
    needed = any("toy_project" in item.fixturenames for item in request.session.items)
    if not needed or os.environ.get("PYTEST_XDIST_WORKER") != "gw0":
        yield
        return
    making = get_context("spawn").Process(
        target=make_toy_project, args=(shared_folder,)
    )  # no test changes its environment
    making.start()
    yield
    making.join()


@pytest.fixture(scope="session")
def toy_project(shared_folder) -> Path:
    """A copy of the project in which `dvc repro` ran on a toy-sized demo. Read only for tests."""
    said = make_toy_project(shared_folder)
    assert not said, said
    return shared_folder / "toy"


def make_toy_project(shared: Path) -> str:
    """Make it unless it is there; what the run said where it failed."""
    folder, log = shared / "toy", shared / "toy/repro.log"
    with FileLock(shared / "toy.lock"):
        if log.exists():
            return ""
        shutil.rmtree(folder, ignore_errors=True)
        copy_project(folder)
        change_params(folder / "params.yaml", TOY)
        done = run(folder, "dvc", "repro")
        if done.returncode:
            return done.stdout + done.stderr
        log.write_text(done.stdout + done.stderr)
        return ""


def copy_toy_project(toy: Path, target: Path) -> Path:
    """A copy that a test may change; what a DVC at work next door writes for itself stays behind.
    DVC never writes to a file of its cache again, so both have the same ones."""

    def copy(source: str, copied: str) -> None:
        (os.link if "/.dvc/cache/files/" in source else shutil.copy2)(source, copied)

    left_out = shutil.ignore_patterns("tmp", "*.pyc.*")
    return shutil.copytree(toy, target, symlinks=True, ignore=left_out, copy_function=copy)


def outputs(folder: Path) -> dict[str, dict[str, str]]:
    """The stages that ran in a project, and of each what it made: path -> hash."""
    stages = YAML(typ="safe").load(folder / "dvc.lock")["stages"]
    return {
        name: {out["path"]: out["md5"] for out in stage["outs"]} for name, stage in stages.items()
    }


def forget(folder: Path, stages: list[str]) -> None:
    """Leave nothing of these stages: neither results nor DVC's memory of them."""
    known = YAML(typ="safe").load(folder / "dvc.lock")
    for stage in stages:
        for out in known["stages"].pop(stage, {"outs": []})["outs"]:
            made = folder / out["path"]
            shutil.rmtree(made) if made.is_dir() else made.unlink(missing_ok=True)
    YAML().dump(known, folder / "dvc.lock")
    shutil.rmtree(folder / ".dvc/cache/runs", ignore_errors=True)


def processes() -> dict[int, tuple[int, str]]:
    """Parent and command line of every process."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            found[int(entry.name)] = (
                parent,
                (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(),
            )
        except (OSError, IndexError):  # it has just ended
            continue
    return found


def descendants(of: int) -> list[int]:
    known = processes()
    found = [of]
    for pid in found:
        found += [child for child, (parent, _) in known.items() if parent == pid]
    return found[1:]


@pytest.fixture
def in_toy_project(toy_project, monkeypatch) -> Path:
    monkeypatch.chdir(toy_project)
    return toy_project


@pytest.fixture
def toy_project_alone(in_toy_project):
    """The toy project for tests that run DVC in it, which works for one at a time."""
    with FileLock(in_toy_project.parent / "toy.lock"):
        yield in_toy_project


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not (SHARED / "data").is_dir():
        pytest.skip(
            f"needs real clips under {SHARED / 'data'} (DEEPFAKE_TEST_MATERIAL names another "
            "folder)"
        )
    return SHARED / "data"


@pytest.fixture
def stored_crops(tmp_path, monkeypatch) -> pd.DataFrame:
    """Rows of four stored crops: red (real), green (fake), blue (real), textured (fake)."""
    monkeypatch.chdir(tmp_path)
    from deepfake_detector.faces.cutting import points_of_ready_crop
    from deepfake_detector.storage.archive import encode, write_archive

    pictures = [np.full((48, 48, 3), colour, np.uint8) for colour in COLOURS] + [textured()]
    write_archive(
        tmp_path / "data/faces" / "toy.zip",
        {f"{i}.png": encode(one, "png") for i, one in enumerate(pictures)},
    )
    members = [f"{i}.png" for i in range(4)]
    points = points_of_ready_crop()
    return pd.DataFrame(
        {"archive": "toy.zip", "member": members, "label": [0, 1, 0, 1], "points": points}
    )


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Chromium without a window, one for a file: its driver suffers no other event loop."""
    pytest.importorskip("playwright", reason="needs playwright (requirements-dev.txt)")
    from benchmarks.browser import MISSING, chromium, program

    if not program():
        pytest.skip(MISSING)
    with chromium() as browser:
        yield browser


@pytest.fixture
def no_hang():
    """Fails a test that would never end, as where a loader process waits for a lock that nobody
    gives back."""

    def stop(*_):
        raise TimeoutError(f"not over after {HANG} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(HANG)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def yunet(monkeypatch) -> None:
    """The YuNet file, wherever this machine has it."""
    from deepfake_detector.faces.settings import YUNET
    from deepfake_detector.storage import assets

    for folder in (assets.folder(), SHARED / "models"):
        if (folder / YUNET.file).exists():
            monkeypatch.setenv("DEEPFAKE_ASSETS", str(folder))
            return
    pytest.skip("needs the YuNet file (`python -m deepfake_detector fetch-assets yunet`)")
