"""The doctor: what a machine or a data set lacks is a problem with a remedy, and what is well is
told as such."""

import os
import shutil
import subprocess
from collections import namedtuple
from importlib import metadata
from pathlib import Path

import av
import made
import numpy as np
import pytest
import torch
from conftest import PROJECT

from deepfake_detector import UserError, params
from deepfake_detector.cli import doctor, profiles
from deepfake_detector.cli.doctor import Finding
from deepfake_detector.common import arithmetic, cores, packages
from deepfake_detector.faces.haar import Haar
from deepfake_detector.faces.settings import YUNET
from deepfake_detector.storage import assets
from deepfake_detector.storage.files import file_hash
from deepfake_detector.training.backbones import imagenet_asset
from deepfake_detector.training.settings import Train

Usage = namedtuple("Usage", "total used free")
CLIPS = ("real/a.mp4", "fake/swap/b.mp4", "fake/blend/c.mp4")


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch) -> Path:
    """An empty project as the working folder, without a GPU, with no asset and 1 TB of disk."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("pyproject.toml", "requirements.txt"):
        (folder / name).symlink_to(PROJECT / name)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DEEPFAKE_ASSETS", str(tmp_path / "assets"))
    monkeypatch.setattr(doctor, "_gpu", lambda: None)
    monkeypatch.setattr(doctor, "published_weights", lambda names: [*map(imagenet_asset, names)])
    monkeypatch.setattr(profiles, "FOLDER", PROJECT / "profiles")
    set_free(monkeypatch, 1e12)
    return folder


def set_free(monkeypatch, free: float) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: Usage(2e12, 0, free))


@pytest.fixture
def tree(tmp_path):
    """Makes a folder of clips of the names given, or of `contents` where they name some bytes."""

    def make(*names: str, contents: dict[str, bytes] | None = None) -> Path:
        some = made.clip(frames=3)
        for name, data in (dict.fromkeys(names, some) | (contents or {})).items():
            (tmp_path / "clips" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "clips" / name).write_bytes(data)
        return tmp_path / "clips"

    return make


def settings(tmp_path: Path, profile: str = "demo", **changes: object) -> params.Params:
    """A profile with keys like `train__init` set."""
    path = tmp_path / "params.yaml"
    path.write_text(profiles.text(profile, {}))
    made.change_params(path, {key.replace("__", "."): value for key, value in changes.items()})
    return params.load(path)


def folder_settings(tmp_path: Path, root: Path, **changes: object) -> params.Params:
    return settings(tmp_path, "folder", data_sets__mine__root=str(root), **changes)


def found(of: params.Params, what: str) -> list[Finding]:
    """The findings about `what`; every problem among all has a remedy."""
    findings = list(doctor.examine(of))
    assert [one for one in findings if one.level == "problem" and not one.remedy] == []
    return [one for one in findings if one.subject == what]


def the(of: params.Params, what: str) -> Finding:
    (one,) = found(of, what)
    return one


def test_a_folder_that_is_no_repository_is_told_as_dvc_does_nothing_there(project):
    assert not list(doctor._repository())
    shutil.rmtree(project / ".git")
    (finding,) = doctor._repository()
    assert (finding.level, finding.subject) == ("problem", "Git")


@pytest.mark.slow
def test_the_demo_is_fit_to_run_and_every_check_is_told(tmp_path):
    findings = list(doctor.examine(settings(tmp_path)))
    assert [one.subject for one in findings] == [
        "packages",
        "device",
        "decoder",
        "face detector",
        "data set demo",
        "disk",
    ]
    not_ok = {one.subject: one.level for one in findings if one.level != "ok"}
    assert not_ok == ({} if arithmetic.is_portable_here() else {"device": "note"})


INSTALLED = metadata.version("pydantic")


def pin(project: Path, needed: list[str], lock: str | None) -> None:
    """Give a project other packages: those of its pyproject.toml for the stages, and their pins."""
    for name in ("pyproject.toml", "requirements.txt"):
        (project / name).unlink()
    (project / "pyproject.toml").write_text(
        f"[project]\nname = 'this'\ndependencies = {needed[:1]}\n"
        "optional-dependencies = "
        f"{{ serve = {needed[1:]}, train = ['this[serve]'], dev = ['x'] }}\n"
    )
    if lock:
        (project / "requirements.txt").write_text(lock)


@pytest.mark.parametrize(
    ("needed", "lock", "level", "said"),
    [
        (
            ["pydantic"],
            f"pydantic=={INSTALLED}\n    # via this\nnot-named==1\n",
            "ok",
            ", 1 packages as pinned",
        ),
        (
            ["ruamel.yaml>=1"],
            f"ruamel-yaml=={metadata.version('ruamel.yaml')} ; x\n",
            "ok",
            ", 1 packages",
        ),
        (
            ["pydantic"],
            "pydantic==0.1\n",
            "problem",
            f"lacks what requirements.txt pins: pydantic 0.1 ({INSTALLED})",
        ),
        (
            ["pydantic", "no-such"],
            f"no-such==2\npydantic=={INSTALLED}\n",
            "problem",
            "pins: no-such 2 (missing)",
        ),
        (["pydantic"], None, "note", "requirements.txt is not there, so versions are not checked"),
    ],
    ids=["right", "dots in its name", "another version", "missing", "no pins"],
)
def test_packages_are_compared_with_their_pins(tmp_path, project, needed, lock, level, said):
    pin(project, needed, lock)
    one = the(settings(tmp_path), "packages")
    assert one.level == level
    assert one.text.startswith("Python 3.") and said in one.text


def test_a_local_build_of_a_pinned_version_is_that_version(tmp_path, project, monkeypatch):
    monkeypatch.setattr(packages.metadata, "version", lambda _: "2.1+cpu")
    pin(project, ["torch"], "torch==2.1\n")
    assert the(settings(tmp_path), "packages").level == "ok"


@pytest.mark.parametrize(
    ("program", "why"),
    [("import missing", "No module named 'missing'"), ("exit(3)", "exit code 3")],
)
def test_a_torch_that_cannot_be_asked_is_a_problem_with_the_device(monkeypatch, program, why):
    monkeypatch.undo()
    monkeypatch.setattr(doctor, "ASK_FOR_GPU", program)
    finding = doctor._device(Train(accelerator="auto", arithmetic="fastest"))
    assert (finding.level, finding.subject) == ("problem", "device")
    assert why in finding.text
    assert "activate the project's environment" in finding.remedy


@pytest.mark.slow
def test_the_gpu_is_asked_for_in_another_process(monkeypatch):
    monkeypatch.undo()
    found = doctor._gpu()
    expected = None
    if torch.cuda.is_available():
        expected = [torch.cuda.get_device_name(), torch.cuda.mem_get_info()[1]]
    assert (found and [found[0], found[2]]) == expected


@pytest.mark.parametrize(
    ("can", "level", "remedy"), [(True, "ok", ""), (False, "note", "train.arithmetic to fastest")]
)
def test_portable_arithmetic_needs_no_gpu_but_avx2(tmp_path, monkeypatch, can, level, remedy):
    monkeypatch.setattr(doctor, "_gpu", lambda: ("Big GPU", 70e9, 80e9))
    monkeypatch.setattr(doctor.arithmetic, "is_portable_here", lambda: can)
    one = the(settings(tmp_path, train__arithmetic="portable"), "device")
    assert (one.level, one.text.startswith("CPU, ")) == (level, True)
    assert remedy in one.remedy and bool(remedy) == bool(one.remedy)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("accelerator", "free", "level", "text", "remedy"),
    [
        ("auto", None, "note", "CPU, ", "train.accelerator auto or cuda (it is auto)"),
        ("cpu", 70e9, "note", "CPU, ", "train.accelerator auto or cuda (it is cpu)"),
        (
            "cuda",
            None,
            "problem",
            "train.accelerator: cuda, but torch finds no GPU",
            "train.accelerator to auto",
        ),
        ("auto", 70e9, "ok", "Big GPU, 70 GB of 80 GB free", ""),
        ("cuda", 4e9, "ok", "Big GPU, 4.0 GB of 80 GB free", ""),
        (
            "cuda",
            3.5e9,
            "note",
            "Big GPU, 3.5 GB of 80 GB free",
            "lower train.micro_batch_size (it is 16)",
        ),
    ],
)
def test_the_device_is_named_with_what_it_is_short_of(
    tmp_path, monkeypatch, accelerator, free, level, text, remedy
):
    monkeypatch.setattr(doctor, "_gpu", lambda: free and ("Big GPU", free, 80e9))
    changes = {"train__arithmetic": "fastest", "train__accelerator": accelerator}
    one = the(settings(tmp_path, **changes), "device")
    assert one.level == level
    assert one.text.startswith(text)
    assert remedy in one.remedy and bool(remedy) == bool(one.remedy)


@pytest.mark.parametrize(
    ("lacking", "level", "said"),
    [
        ([], "ok", "decodes H.264, HEVC, VP9, AV1, MPEG-4"),
        (["hevc", "libdav1d"], "note", "does not decode HEVC, AV1"),
        (["h264", "vp9"], "problem", "does not decode H.264, VP9"),
    ],
)
def test_decoders_that_are_missing_are_named(tmp_path, monkeypatch, lacking, level, said):
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - set(lacking))
    one = the(settings(tmp_path), "decoder")
    assert one.level == level
    assert one.text == f"FFmpeg {av.ffmpeg_version_info} {said}"
    assert (f"av=={av.__version__}" in one.remedy) == bool(lacking)


def test_a_missing_cascade_is_a_problem_where_it_is_the_detector(tmp_path, monkeypatch):
    monkeypatch.setattr(Haar, "file", tmp_path / "cascade.xml")
    one = the(settings(tmp_path), "face detector")
    assert (one.level, one.text) == ("problem", f"{tmp_path / 'cascade.xml'}: not there")
    (tmp_path / "cascade.xml").touch()
    assert the(settings(tmp_path), "face detector").level == "ok"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "name", "changes", "hash_key"),
    [
        (
            "face detector",
            "yunet",
            {"crop_faces__detector": "yunet"},
            "crop_faces__detector_sha256",
        ),
        *(
            (
                "ImageNet weights",
                network,
                {"train__init": "imagenet", "train__network": network},
                "train__imagenet_sha256",
            )
            for network in ("resnet18", "efficientnet_b0")
        ),
    ],
)
def test_files_not_shipped_are_checked_by_hash(tmp_path, what, name, changes, hash_key):
    asset = YUNET if name == YUNET.name else imagenet_asset(name)
    path = assets.folder() / asset.file
    one = the(settings(tmp_path, **changes), what)
    assert (one.level, one.text) == ("problem", f"{path}: not there")
    assert f"`python -m deepfake_detector fetch-assets {name}`" in one.remedy

    path.parent.mkdir()
    path.write_bytes(b"another")
    one = the(settings(tmp_path, **changes), what)
    assert one.level == "problem" and f"{path}: sha256 is" in one.text
    assert f"delete it and run `python -m deepfake_detector fetch-assets {name}`" in one.remedy

    right = settings(tmp_path, **changes | {hash_key: file_hash(path)})
    assert the(right, what) == Finding("ok", what, f"{name}: {path}")


@pytest.mark.slow
def test_weights_of_ones_own_have_to_be_there(tmp_path):
    of = settings(tmp_path, train__init=str(tmp_path / "own.pt"))
    one = the(of, "initial weights")
    assert (one.level, one.text) == ("problem", f"{tmp_path / 'own.pt'}: not there")
    assert "train.init" in one.remedy
    assert the(settings(tmp_path, train__init=str(tmp_path)), "initial weights").level == "problem"
    (tmp_path / "own.pt").touch()
    assert the(of, "initial weights") == Finding("ok", "initial weights", str(tmp_path / "own.pt"))


def test_a_drawn_set_is_told_as_drawn(tmp_path):
    assert (
        the(settings(tmp_path, synthesize__demo__pairs=7), "data set demo").text
        == "drawn by `synthesize`: 7 pairs of people"
    )


def test_a_data_set_is_counted_by_method_reals_first(tmp_path, tree):
    root = tree("real/a.mp4", "real/b.mp4", "fake/a_swap/b.mp4", "fake/blend/c.mp4")
    one = the(folder_settings(tmp_path, root), "data set mine")
    assert one == Finding("ok", "data set mine", "4 items: 2 real, 1 a_swap, 1 blend")


def test_notes_of_a_layout_are_passed_on(tmp_path, tree):
    one, note = found(folder_settings(tmp_path, tree(*CLIPS, "new/d.mp4")), "data set mine")
    assert (one.level, note.level) == ("ok", "note")
    assert note.text.startswith("1 videos and images are left out")


@pytest.mark.parametrize(
    ("contents", "text", "remedy"),
    [
        (
            None,
            "{root}: no such folder",
            "set data_sets.mine.root to where mine lies, or run `use-profile`",
        ),
        (
            {"readme.txt": b"x"},
            "{root}: nothing in it has the layout 'folder' (1 file is left out, as no videos or "
            "images: 1 .txt)",
            "docs/data-sets.md shows that layout",
        ),
        (
            {"real/a.mp4": b"x", "metadata.csv": b"path,label\nreal/a.mp4,real\nreal/a.mp4,real\n"},
            "{root}/metadata.csv: line 3: real/a.mp4 is listed more than once",
            "keep one line",
        ),
        (
            {"real/a.mp4": b"x", "metadata.csv": b""},
            "{root}/metadata.csv: not a CSV table that can be read (it is empty)",
            "fix or remove it (docs/data-sets.md)",
        ),
    ],
    ids=["no folder", "nothing in it", "its error has a remedy", "its error has none"],
)
def test_a_data_set_that_cannot_be_listed_is_one_problem(tmp_path, tree, contents, text, remedy):
    root = tree(contents=contents)
    of = folder_settings(tmp_path, root)
    assert found(of, "data set mine") == [
        Finding("problem", "data set mine", text.format(root=root), remedy)
    ]
    assert found(of, "data sets") == []


@pytest.mark.parametrize(
    ("error", "text", "remedy"),
    [
        (
            UserError("a; b. Cut nowhere", "first this; then that. Then all again"),
            "a; b. Cut nowhere",
            "first this; then that. Then all again",
        ),
        (
            UserError("a; b. Cut nowhere"),
            "a; b. Cut nowhere",
            "fix or remove it (docs/data-sets.md)",
        ),
        (OSError("a; b"), "a; b", "fix or remove it (docs/data-sets.md)"),
        (PermissionError("a; b"), "a; b", "get permission to read it"),
    ],
    ids=["with a remedy", "without", "of the system", "no permission"],
)
def test_an_errors_problem_and_remedy_are_told_whole(
    tmp_path, tree, monkeypatch, error, text, remedy
):
    def refuse(*_):
        raise error

    monkeypatch.setattr(doctor.layouts, "scan", refuse)
    of = folder_settings(tmp_path, tree(*CLIPS))
    assert found(of, "data set mine") == [Finding("problem", "data set mine", text, remedy)]


def test_a_link_that_leads_nowhere_is_noted(tmp_path, tree):
    root = tree(
        contents={
            "real/a.png": made.picture(np.zeros((64, 64, 3), np.uint8)),
            "fake/b.mp4": made.clip(3),
        }
    )
    (root / "real/b.png").symlink_to(tmp_path / "nowhere.png")
    _, one = found(folder_settings(tmp_path, root), "data set mine")
    assert one.level == "note" and "links to nothing, pipes or devices: real/b.png" in one.text


@pytest.mark.parametrize(
    ("names", "use", "missing"),
    [
        (CLIPS, "train", []),
        (CLIPS[:1], "train", ["fake"]),
        (CLIPS[1:], "train", ["real"]),
        (CLIPS, "test", ["fake", "real"]),
    ],
    ids=["both", "reals", "fakes", "for test alone"],
)
def test_training_needs_reals_and_fakes(tmp_path, tree, names, use, missing):
    problems = found(folder_settings(tmp_path, tree(*names), data_sets__mine__use=use), "data sets")
    assert [(one.level, one.text) for one in problems] == [
        ("problem", f"no data set with use: train has a {label} item") for label in missing
    ]
    assert [label in one.remedy for one, label in zip(problems, missing, strict=True)] == [
        True
    ] * len(missing)


@pytest.mark.parametrize(
    ("hold_out", "wrong"),
    [
        ({"methods": ["swap"]}, ""),
        ({"select_by": "blend"}, ""),
        ({"methods": ["Swap", "blend"]}, "Swap"),
        ({"methods": ["swap"], "select_by": "Blend"}, "Blend"),
        ({"methods": ["of_test"]}, "of_test"),
    ],
)
def test_a_held_out_method_that_no_training_set_has_is_told_before_hours_of_work(
    tmp_path, tree, hold_out, wrong
):
    more = {"layout": "folder", "root": str(tmp_path / "clips/b"), "use": "test", "kind": "media"}
    tree("a/real/a.mp4", "a/fake/swap/b.mp4", "a/fake/blend/c.mp4", "b/real/a.mp4")
    tree("b/fake/of_test/a.mp4")
    changes = {f"split__hold_out__{name}": value for name, value in hold_out.items()}
    of = folder_settings(tmp_path, tmp_path / "clips/a", data_sets__more=more, **changes)
    said = f"split.hold_out: {wrong} is no forgery method of the data sets of `use: train`"
    findings = [(one.level, one.text) for one in found(of, "split")]
    assert (("problem", said) in findings) == bool(wrong)


@pytest.mark.parametrize(
    ("clips", "changes", "level", "said"),
    [
        (2, {}, "problem", "both classes"),
        (12, {}, "note", "2 real items of 2 source groups and 2 fake ones of 2"),
        (50, {}, "note", "it takes at least 18 of each, of 6 groups"),
        (50, {"calibrate__band_error": 0.15}, "ok", "validation has 8 real items of 8 source"),
        (12, {"calibrate__min_groups": 2, "calibrate__band_error": 0.25}, "ok", "2 real items"),
        (12, {"split__policy": "official"}, "problem", "no item has a published split"),
        (130, {}, "ok", "of 20 source groups and"),
    ],
    ids=[
        "too few to split",
        "too few groups",
        "too few clips",
        "enough for more errors",
        "enough for fewer groups",
        "no published split",
        "enough",
    ],
)
def test_what_the_split_will_come_to_is_told_before_hours_of_work(
    tmp_path, tree, clips, changes, level, said
):
    names = [f"{folder}/{i}.mp4" for folder in ("real", "fake/swap") for i in range(clips)]
    findings = found(folder_settings(tmp_path, tree(*names), **changes), "split")
    assert [(one.level, said in one.text) for one in findings] == [(level, True)]


def test_clips_of_one_person_are_one_group_to_the_doctor(tmp_path, tree):
    names = [f"{folder}/{i}.mp4" for folder in ("real", "fake/swap") for i in range(50)]
    people = [f"{name},{'fake' if 'fake' in name else 'real'},anna" for name in names]
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips/metadata.csv").write_text("\n".join(["path,label,sources", *people]))
    finding = the(folder_settings(tmp_path, tree(*names)), "split")
    assert (finding.level, "one group holds 100 of 100 items" in finding.text) == ("problem", True)


@pytest.mark.parametrize(("use", "missing"), [("train", 0), ("test", 1)])
def test_another_training_set_may_have_the_other_label(tmp_path, tree, use, missing):
    more = {"layout": "folder", "root": str(tmp_path / "clips/b"), "use": use, "kind": "media"}
    tree("a/real/a.mp4", "b/fake/b.mp4")
    of = folder_settings(tmp_path, tmp_path / "clips/a", data_sets__more=more)
    assert len(found(of, "data sets")) == missing


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("fake/swap/b.mp4", b"", "empty file"),
        ("fake/swap/b.mp4", b"no video", "neither an image nor a video that can be decoded"),
        ("fake/swap/b.mp4", made.audio_only(), "no video in it"),
        ("fake/swap/b.jpg", b"no picture", "neither an image nor a video that can be decoded"),
    ],
    ids=["empty", "text", "audio only", "still"],
)
def test_the_first_item_of_a_method_is_opened_and_a_broken_one_noted(
    tmp_path, tree, name, data, why
):
    root = tree("real/a.mp4", "fake/swap/c.mp4", "fake/blend/d.mp4", contents={name: data})
    one, *notes = found(folder_settings(tmp_path, root), "data set mine")
    assert one.level == "ok"
    assert [(note.level, note.text.startswith(f"{root / name}: {why}")) for note in notes] == [
        ("note", True)
    ]


def test_only_the_first_item_of_a_method_is_opened(tmp_path, tree):
    root = tree("real/a.mp4", "fake/b.mp4", contents={"real/z.mp4": b"broken"})
    assert [one.level for one in found(folder_settings(tmp_path, root), "data set mine")] == ["ok"]


def test_ready_crops_are_opened_as_pictures(tmp_path, tree):
    face = made.picture(np.zeros((64, 64, 3), np.uint8))
    root = tree(contents={"real/a.png": face, "fake/b.png": face})
    of = folder_settings(tmp_path, root, data_sets__mine__kind="face")
    assert [one.text for one in found(of, "data set mine")] == ["2 items: 1 real, 1 fake"]
    (root / "fake/b.png").unlink()
    assert found(of, "data set mine")[0].text == "1 item: 1 real"


FACE = 1000**2 * doctor.CROP
STILL = made.picture(np.random.default_rng(1).integers(0, 255, (600, 600, 3), np.uint8), "BMP")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("contents", "changes", "stored"),
    [
        ({}, {}, 3 * 100 * (640 * 480 * doctor.FRAME["jpeg"] + FACE)),
        ({}, {"extract_frames__format": "png"}, 3 * 100 * (640 * 480 * doctor.FRAME["png"] + FACE)),
        ({}, {"extract_frames__frames": 200}, 3 * 200 * (640 * 480 * doctor.FRAME["jpeg"] + FACE)),
        (
            {"real/s.bmp": STILL},
            {},
            3 * 100 * (640 * 480 * doctor.FRAME["jpeg"] + FACE) + len(STILL) + FACE,
        ),
        ({"real/s.bmp": STILL}, {"data_sets__mine__kind": "face"}, FACE),  # clips are left out
        ({"fake/swap/b.mp4": b"broken"}, {}, 3 * 100 * (640 * 480 * doctor.FRAME["jpeg"] + FACE)),
    ],
    ids=["jpeg", "png", "more frames", "a still", "ready crops", "a broken clip"],
)
def test_what_a_run_stores_is_estimated_from_its_material(
    tmp_path, tree, contents, changes, stored
):
    root = tree(
        contents=dict.fromkeys(CLIPS, made.clip(frames=3, width=640, height=480)) | contents
    )
    of = folder_settings(
        tmp_path, root, **{"extract_frames__frames": 100, "crop_faces__crop_size": 1000} | changes
    )
    needed = (doctor.MODELS + doctor.COPIES * stored) / 1e6
    size = f"{needed:.0f} MB" if needed < 1000 else f"{needed / 1000:.1f} GB"
    assert the(of, "disk").text.startswith(f"a run from scratch stores about {size}, 1000 GB free")


@pytest.mark.slow
def test_a_drawn_set_is_estimated_by_its_clips(tmp_path):
    small, long, many = (
        the(
            settings(tmp_path, synthesize__demo__seconds=seconds, synthesize__demo__pairs=pairs),
            "disk",
        ).text
        for seconds, pairs in ((2.0, 24), (60.0, 24), (2.0, 500))
    )
    sizes = [text.split("about ")[1].split(",")[0] for text in (small, long, many)]
    assert sizes == ["630 MB", "4.8 GB", "6.0 GB"]


@pytest.mark.parametrize(
    ("free", "there", "level", "said"),
    [
        (1e9, 0, "ok", "stores about 613 MB, 1.0 GB free; there already: nothing"),
        (53e6, 0, "problem", "stores about 613 MB, 53 MB free; there already: nothing"),
        (570e6, 50, "note", "stores about 613 MB, 570 MB free; there already: data 50 MB"),
        (12e9, 50, "ok", "stores about 613 MB, 12 GB free; there already: data 50 MB"),
        (530e6, 50, "problem", "stores about 613 MB, 530 MB free; there already: data 50 MB"),
    ],
)
def test_free_space_is_compared_with_what_a_run_stores(
    tmp_path, project, monkeypatch, free, there, level, said
):
    set_free(monkeypatch, free)
    fill(project / "data/frames/a.zip", there)
    one = the(settings(tmp_path), "disk")
    assert one.level == level
    assert one.text == f"a run from scratch {said}"
    assert ("lower extract_frames.frames" in one.remedy) == (level != "ok")


def fill(path: Path, megabytes: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.truncate(path, megabytes * 1_000_000)


def test_files_linked_into_several_folders_count_once(tmp_path, project):
    fill(project / "data/frames/a.zip", 3)
    fill(project / ".dvc/cache/files/b", 4)
    fill(project / ".cache/items/c.zip", 2)
    os.link(project / "data/frames/a.zip", project / ".cache/items/a.zip")
    (project / "data/d.zip").symlink_to(project / ".dvc/cache/files/b")
    assert the(settings(tmp_path), "disk").text.endswith(
        ": data 3 MB, DVC cache 4 MB, scratch store 2 MB"
    )


def test_findings_are_printed_line_by_line_with_their_remedies_and_a_count(capsys):
    findings = [
        Finding("ok", "project", "/here"),
        Finding("note", "device", "a\nb\x1b[31m", "take\nanother"),
        Finding("problem", "disk", "full", "empty it"),
    ]
    assert doctor.print_findings(findings) == 1
    assert capsys.readouterr().out.splitlines() == [
        "ok       project                 /here",
        "note     device                  a?b?[31m",
        "         -> take?another",
        "PROBLEM  disk                    full",
        "         -> empty it",
        "1 problem",
    ]


@pytest.mark.parametrize(
    ("count", "last"), [(0, "no problems"), (1, "1 problem"), (2, "2 problems")]
)
def test_the_last_line_counts_the_problems(capsys, count, last):
    assert doctor.print_findings([Finding("problem", "disk", "full", "empty it")] * count) == count
    assert capsys.readouterr().out.splitlines()[-1] == last


def test_findings_are_printed_as_they_come(capsys):
    def findings():
        yield Finding("ok", "project", "/here")
        assert capsys.readouterr().out == "ok       project                 /here\n"
        yield Finding("ok", "disk", "much")

    assert doctor.print_findings(findings()) == 0


@pytest.mark.slow
def test_real_clips_are_listed_and_opened(tmp_path, shared_data):
    of = settings(
        tmp_path, "faceforensics", data_sets__faceforensics__root=str(shared_data / "faceforensics")
    )
    counts, *notes = found(of, "data set faceforensics")
    assert counts.text == "37 items: 9 real, 7 Deepfakes, 7 Face2Face, 7 FaceSwap, 7 NeuralTextures"
    assert notes[0] == Finding("note", "data set faceforensics", "found 9 of 1000 original")
    assert {note.level for note in notes} == {"note"}


def git(*command: str) -> None:
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    subprocess.run(["git", *author, *command], check=True, capture_output=True)


def test_a_merge_conflict_in_dvc_lock_is_told_from_a_torn_one_and_its_remedy_works(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    git("checkout", "-q", "-b", "first")
    Path("dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    git("add", "dvc.lock")
    git("commit", "-qm", "one")
    git("checkout", "-q", "-b", "second")
    Path("dvc.lock").write_text("schema: '2.0'\nstages: {a: {cmd: a}}\n")
    git("commit", "-qam", "two")
    git("checkout", "-q", "first")
    Path("dvc.lock").write_text("schema: '2.0'\nstages: {b: {cmd: b}}\n")
    git("commit", "-qam", "three")
    with pytest.raises(subprocess.CalledProcessError):
        git("merge", "second")
    (finding,) = doctor._torn()
    assert (finding.level, finding.text) == ("problem", "holds a merge conflict")
    command = finding.remedy.split("`")[1]
    assert command == "git checkout HEAD -- dvc.lock"
    git(*command.split()[1:])
    assert list(doctor._torn()) == []


@pytest.mark.parametrize(
    ("text", "setting", "level"),
    [(b"a\n", "false", None), (b"a\n", "true", "note"), (b"a\r\n", "false", "problem")],
)
def test_line_ends_that_git_changes_are_told(tmp_path, monkeypatch, text, setting, level):
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    git("config", "core.autocrlf", "false")
    Path("file.py").write_bytes(text)
    git("add", "file.py")
    git("config", "core.autocrlf", setting)
    assert [one.level for one in doctor._line_ends()] == [level] * (level is not None)


def test_outside_of_a_repository_nothing_is_said_of_line_ends(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    assert list(doctor._line_ends()) == []


def test_a_quota_of_the_container_is_told(monkeypatch):
    monkeypatch.setattr(cores, "visible", lambda: 8)
    monkeypatch.setattr(cores, "quota", lambda: 2)
    assert doctor._cores() == "2 cores of 8, by the quota of this container (cpu.max)"
    monkeypatch.setattr(cores, "quota", lambda: None)
    assert doctor._cores() == "8 cores"
