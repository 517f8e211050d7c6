"""Profiles are differences from the defaults, and switching to one loses nothing."""

import re
import shutil
import subprocess
from functools import reduce
from pathlib import Path

import pytest
import yaml as pyyaml
from made import change_params
from ruamel.yaml import YAML

from deepfake_detector import UserError, params
from deepfake_detector.cli import profiles
from deepfake_detector.common.settings import StrictModel

PROJECT = Path(__file__).resolve().parents[2]
every_profile = pytest.mark.parametrize("name", profiles.names())


def keys(model: StrictModel, changed: bool = False, above: str = "") -> list[str]:
    """Paths of all settings but those of data sets; with `changed` of those that a file sets."""
    found = []
    for name in type(model).model_fields:
        value = getattr(model, name)
        if changed and name not in model.model_fields_set or isinstance(value, dict):
            continue
        found += (
            keys(value, changed, f"{above}{name}.")
            if isinstance(value, StrictModel)
            else [above + name]
        )
    return found


def value(of: StrictModel, path: str) -> object:
    return reduce(getattr, path.split("."), of)


def captions(text: str) -> dict[str, str]:
    """Path of a key -> the words behind it; data sets are called NAME."""
    found, above = {}, []
    for line in text.splitlines():
        if match := re.fullmatch(r"( *)(\w+):(?: .*?)??(?: +# (.*))?", line):
            depth = len(match[1]) // 2
            name = "NAME" if depth == 1 and above[0] in ("data_sets", "synthesize") else match[2]
            above = [*above[:depth], name]
            found[".".join(above)] = match[3] or ""
    return found


def test_a_missing_folder_of_profiles_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="profiles: no profile in this folder; `git checkout"):
        profiles.load("demo")


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A repository of params.yaml and the profiles, as the working folder."""
    folder = tmp_path / "project"
    shutil.copytree(PROJECT / "profiles", folder / "profiles")
    monkeypatch.chdir(folder)
    (folder / "params.yaml").write_text(profiles.text("demo", {}))
    git("init", "-q")
    commit()
    return folder


@pytest.fixture
def clips(tmp_path) -> Path:
    (tmp_path / "clips").mkdir()
    return tmp_path / "clips"


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True)


def commit() -> None:
    git("add", "-A")
    git("-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "-q", "-m", "state")


@every_profile
def test_a_profile_becomes_a_params_file_with_every_setting(name, tmp_path):
    (tmp_path / "params.yaml").write_text(profiles.text(name, {}))
    assert params.load(tmp_path / "params.yaml") == profiles.load(name)


@every_profile
def test_a_profile_holds_its_differences_alone(name):
    chosen, defaults = profiles.load(name), profiles.load("folder")
    assert [
        key for key in keys(chosen, changed=True) if value(chosen, key) == value(defaults, key)
    ] == []


def test_the_committed_params_are_the_demo_profile():
    assert (PROJECT / "params.yaml").read_text() == profiles.text("demo", {})


@every_profile
def test_every_value_of_a_params_file_has_a_caption(name):
    own = captions(profiles.text(name, {}))
    sections = {key.rpartition(".")[0] for key in own}
    assert [key for key, caption in own.items() if not caption and key not in sections] == []


@pytest.mark.parametrize("number", [1e-06, 3e-4, 1e-05, 2.5e-07, 1e22, 0.0, 1.0, 100.0])
def test_a_float_is_one_for_yaml_1_1_too(number):
    demo = profiles.load("demo")
    changed = demo.model_copy(update={"train": demo.train.model_copy(update={"lr": number})})
    text = params.rendered(changed, [])
    assert [pyyaml.safe_load(text)["train"]["lr"], YAML(typ="safe").load(text)["train"]["lr"]] == [
        number
    ] * 2


def test_a_profile_becomes_params_yaml_whole_with_its_captions_and_an_absolute_root(project, clips):
    assert profiles.use("folder", {"mine": "../clips"}) == ["mine"]
    assert params.load(project / "params.yaml").data_sets["mine"].root == str(clips)


def test_nothing_but_the_root_is_changed(project, clips):
    profiles.use("faceforensics", {"faceforensics": str(clips)})
    lines = zip(
        profiles.text("faceforensics", {}).splitlines(),
        Path("params.yaml").read_text().splitlines(),
        strict=True,
    )
    assert [one.split(":")[0].strip() for one, other in lines if one != other] == ["root"]


@pytest.mark.slow
def test_the_demo_comes_back_byte_for_byte(project, clips):
    profiles.use("folder", {"mine": str(clips)})
    profiles.use("demo", {})
    assert (project / "params.yaml").read_bytes() == (PROJECT / "params.yaml").read_bytes()


@pytest.mark.parametrize("name", ["a: b", "# c", "'d'", "é", "l" * 200])
def test_a_folder_of_any_name_is_read_back(project, tmp_path, name):
    (tmp_path / name).mkdir()
    profiles.use("folder", {"mine": str(tmp_path / name)})
    assert params.load(project / "params.yaml").data_sets["mine"].root == str(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "roots", "said"),
    [
        ("nothing", {}, "no such profile; there are celebdf, demo, dfdc, faceforensics"),
        ("folder", {}, "profile folder needs the folder of mine; add --root mine=/absolute/path"),
        ("folder", {"yours": "."}, "--root yours=…: profile folder takes mine"),
        ("demo", {"demo": "."}, "--root demo=…: profile demo takes no roots"),
        ("folder", {"mine": "missing"}, "--root mine=missing: no such folder"),
        ("folder", {"mine": "params.yaml"}, "--root mine=params.yaml: no such folder"),
    ],
)
def test_a_wrong_call_is_refused_and_changes_nothing(project, name, roots, said):
    before = (project / "params.yaml").read_bytes()
    with pytest.raises(UserError) as raised:
        profiles.use(name, roots)
    assert said in str(raised.value)
    assert (project / "params.yaml").read_bytes() == before


def test_changes_that_are_not_committed_are_not_overwritten(project, clips):
    change_params(project / "params.yaml", {"train.epochs": 3})
    with pytest.raises(UserError, match=r"params\.yaml has changes that are not committed"):
        profiles.use("folder", {"mine": str(clips)})
    assert params.load(project / "params.yaml").train.epochs == 3


def test_without_a_repository_nothing_tells_what_changed(project, clips):
    change_params(project / "params.yaml", {"train.epochs": 3})
    shutil.rmtree(project / ".git")
    with pytest.raises(
        UserError, match="without Git nobody can say whether params.yaml has uncommitted"
    ):
        profiles.use("folder", {"mine": str(clips)})


def test_changes_that_are_committed_may_be_replaced(project, clips):
    change_params(project / "params.yaml", {"train.epochs": 3})
    commit()
    assert profiles.use("folder", {"mine": str(clips)}) == ["mine"]


@pytest.mark.slow
def test_profiles_may_be_switched_to_and_fro_without_a_commit(project, clips):
    for name, roots in (
        ("folder", {"mine": str(clips)}),
        ("demo", {}),
        ("faceforensics", {"faceforensics": "."}),
    ):
        assert profiles.use(name, roots) == list(params.load(project / "params.yaml").data_sets)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["train: [", "", "- 1\n", "data_sets:\n"], ids=["syntax", "empty", "list", "no sets"]
)
def test_a_broken_params_yaml_that_is_not_committed_is_refused_like_any_other_change(project, text):
    (project / "params.yaml").write_text(text)
    with pytest.raises(UserError, match=r"params\.yaml has changes that are not committed"):
        profiles.use("demo", {})


def test_a_missing_params_yaml_is_written(project):
    (project / "params.yaml").unlink()
    profiles.use("demo", {})
    assert params.load(project / "params.yaml")


def test_scans_of_sets_that_are_no_longer_named_are_removed(project, clips):
    (project / "data/scan").mkdir(parents=True)
    for name in ("demo", "mine"):
        (project / f"data/scan/{name}.csv").touch()
    profiles.use("folder", {"mine": str(clips)})
    assert [path.name for path in (project / "data/scan").iterdir()] == ["mine.csv"]
