"""What a stage decides by itself: which rows it hands to the library, and what it tells of them."""

import shutil
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import COLOURS, PROJECT
from made import SURE, change_params, contract_terms, write_model

from deepfake_detector import UserError
from deepfake_detector.common.parallel import Outcome
from deepfake_detector.storage import tables
from deepfake_detector.storage.archive import Item, encode, write_archive
from deepfake_detector.storage.files import read_json, write_json
from deepfake_detector.training import network
from deepfake_detector.training.progress import Epoch, Figures

RED, GREEN, _ = COLOURS


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A folder with the demo's params and nothing made, as the working folder; stages may be called
    in this process."""
    shutil.copy(PROJECT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: str, schema, rows: list[dict]) -> None:
    tables.write(path, tables.make(rows, schema), schema)


def call(stage: str) -> str:
    return import_module(f"stages.{stage}").main()


def item(name: str, fake: bool, **more: str) -> dict:
    row = {"item": name, "data_set": "d", "kind": "face", "path": name, "label": int(fake)}
    row |= {"method": "swap" if fake else "real", "use": "train", "md5": f"{name:0>32}"}
    return row | more


def face(name: str, track: int = 0, frame: int = 0, **more: float) -> dict:
    row = {"item": name, "frame": frame, "track": track, "status": "ok", "width": 80, "height": 80}
    row |= {"contrast": 30, "sharpness": 100, "brightness": 128}
    return row | {"archive": "faces.zip", "member": "green.png"} | more


def write_faces(rows: list[dict]) -> None:
    write("data/faces.csv", tables.FACES, rows)
    crops = {"red": RED, "green": GREEN}
    pictures = {name: np.full((32, 32, 3), colour, np.uint8) for name, colour in crops.items()}
    write_archive(
        Path("data/faces/faces.zip"),
        {f"{name}.png": encode(one, "png") for name, one in pictures.items()},
    )


@pytest.mark.slow
def test_the_shortcut_audit_leaves_out_what_is_held_out_and_what_was_dropped(project):
    """Of both of these, and of no others, the fakes have half the bitrate."""
    items, media, faces = [], [], []
    for kind in ("kept", "held", "dark"):
        for number in range(20):
            name, fake = f"{kind}{number}", number % 2 == 1
            items.append(item(name, fake, use="test" if kind == "held" else "train"))
            rate = 2e6 if fake and kind != "kept" else 4e6
            media.append({"item": name, "bytes": 1000, "bitrate": rate})
            faces.append(face(name, brightness=5 if kind == "dark" else 128))
    write("data/index.csv", tables.INDEX, items)
    write("data/media.csv", tables.MEDIA, media)
    write("data/frames.csv", tables.FRAMES, [])
    write_faces(faces)
    call("verify")
    found = read_json("metrics/verify.json")
    assert found["dropped"] == {"dark": 20}
    assert found["shortcut"] == {"roc_auc": 0.5, "reason": "", "among": "", "facts": {}}


@pytest.mark.parametrize(
    ("realign", "found"),
    [(True, {"filled_in": 1.0}), (False, {})],
)
def test_crops_of_one_class_that_were_cut_more_tightly_are_a_shortcut(project, realign, found):
    """Where the face is cut out again the smeared edge tells; crops that are used as they are have
    none."""
    items, media, frames, faces = [], [], [], []
    for number in range(20):
        name, fake = f"crop{number}", number % 2 == 1
        items.append(item(name, fake))
        media.append({"item": name, "bytes": 1000, "width": 100, "height": 100})
        frames.append({"item": name, "frame": 0, "width": 100, "height": 100, "status": "ok"})
        place, side = (5, 90) if fake else (25, 50)
        faces.append(face(name, x=place, y=place, width=side, height=side))
    change_params(
        project / "params.yaml",
        {
            "crop_faces.margin": 1.3,
            "crop_faces.realign": realign,
            "verify.on_shortcut": "warn",
        },
    )
    write("data/index.csv", tables.INDEX, items)
    write("data/media.csv", tables.MEDIA, media)
    write("data/frames.csv", tables.FRAMES, frames)
    write_faces(faces)
    call("verify")
    assert read_json("metrics/verify.json")["shortcut"]["facts"] == found


@pytest.mark.slow
@pytest.mark.parametrize(("policy", "left", "moved"), [("official", 1, 0), ("strict", 0, 1)])
def test_leaks_of_the_published_split_are_told_and_counted(project, capsys, policy, left, moved):
    items = [
        item(f"{part}{number}", number == 1, official_split=part)
        for part in ("train", "val", "test")
        for number in range(2)
    ]
    shared = {"sources": "anna", "method": "swap"}
    items += [
        item("one", True, official_split="train", **shared),
        item("other", True, official_split="test", **shared),
    ]
    change_params(project / "params.yaml", {"split.policy": policy})
    write("data/index.csv", tables.INDEX, items)
    write("data/verified.csv", tables.VERIFIED, [{"item": one["item"], "keep": 1} for one in items])
    write("data/near_duplicates.csv", tables.NEAR_DUPLICATES, [])
    call("split")
    found = read_json("metrics/split.json")
    named = {"source anna": "train one; test other"}
    assert found["leaks"] == {"found": 1, "left": left, "by_name": named}
    assert found["moved"] == moved
    assert (
        "  1 leaks of the published split:\n    source anna: train one; test other\n"
        in capsys.readouterr().out
    )


@pytest.mark.slow
def test_what_is_drawn_for_a_val_that_is_not_published_is_told(project, capsys):
    items = [
        item(
            f"{part}{number}", number % 2 == 1, official_split=part, sources=f"{part}{number // 2}"
        )
        for part in ("train", "test")
        for number in range(12)
    ]
    change_params(project / "params.yaml", {"split.policy": "official"})
    write("data/index.csv", tables.INDEX, items)
    write("data/verified.csv", tables.VERIFIED, [{"item": one["item"], "keep": 1} for one in items])
    write("data/near_duplicates.csv", tables.NEAR_DUPLICATES, [])
    call("split")
    counts = read_json("metrics/split.json")["items"]
    assert counts["test"]["real"] == counts["test"]["fake"] == 6
    drawn = counts["val"]["real"] + counts["val"]["fake"]
    assert drawn >= 2
    said = f"  no val is published: {drawn} items of the published train are drawn for it"
    assert said in capsys.readouterr().out.splitlines()


@pytest.mark.slow
def test_what_a_held_out_set_draws_away_from_training_is_told_with_the_remedy(project, capsys):
    items = [
        item(f"{person}{fake}", bool(fake), sources=person)
        for person in ("anna", "ben", "cleo", "dora", "emil", "fritz")
        for fake in (0, 1)
    ]
    held = {"data_set": "theirs", "use": "test"}
    items += [item("held", True, sources="anna", **held), item("more", False, **held)]
    items.append(item("twin", False, md5=f"{'anna0':0>32}", **held))
    verified = {one["item"]: {"item": one["item"], "keep": 1} for one in items}
    verified["anna0"] |= {"keep": 0, "reason": "duplicate of twin"}
    write("data/index.csv", tables.INDEX, items)
    write("data/verified.csv", tables.VERIFIED, list(verified.values()))
    near = {"item": "ben0", "other": "more", "frames": 1, "distance": 0, "correlation": 1.0}
    write("data/near_duplicates.csv", tables.NEAR_DUPLICATES, [near])
    summary = call("split")
    remedy = import_module("stages.split").REMEDY
    found = read_json("metrics/split.json")
    assert found["drawn_away"] == {
        "items": 3,
        "data_sets": {"d": 3},
        "ties": {
            "source anna": "drawn away anna0, anna1; held out held",
            f"file {'anna0':0>32}": "drawn away anna0; held out twin",
            "near-duplicates ben0 and more": "drawn away ben0; held out more",
        },
        "remedy": remedy,
    }
    assert found["items"]["held_out"]["theirs"] == {
        "groups": 2,
        "real": 2,
        "fake": 1,
        "fake_swap": 1,
    }
    in_set = [found["items"][part] for part in ("train", "val", "test")]
    assert sum(own["real"] + own["fake"] for own in in_set) == 11
    assert found["sources"] == {
        "d": {"items": 11, "named": 11},
        "theirs": {"items": 3, "named": 1},
    }
    assert "theirs (held out) 2 real + 1 fake; 3 items drawn away from training" in summary
    said = capsys.readouterr().out
    assert (
        "  3 in test, not in training: a held-out data set shares their group:\n    anna1\n" in said
    )
    assert remedy in said


def test_a_held_out_method_is_counted_apart_and_what_is_left_out_is_told(project):
    methods = ("swap", "morph")
    items = [item(f"{person}0", False, sources=person) for person in "abcdefghi"]
    items += [
        item(f"{person}{method}", True, sources=person, method=method)
        for person in "abcdefghi"
        for method in methods
    ]
    change_params(project / "params.yaml", {"split.hold_out.methods": ["morph"]})
    write("data/index.csv", tables.INDEX, items)
    write("data/verified.csv", tables.VERIFIED, [{"item": one["item"], "keep": 1} for one in items])
    write("data/near_duplicates.csv", tables.NEAR_DUPLICATES, [])
    summary = call("split")
    found = read_json("metrics/split.json")
    apart = found["items"]["held_out"]["d/morph"]
    assert apart["fake"] == apart["fake_morph"] == found["items"]["test"]["real"] > 0
    assert found["withheld"] == 9 - apart["fake"]
    assert all("fake_morph" not in found["items"][part] for part in ("train", "val", "test"))
    train = tables.read("data/splits/train.csv", tables.SPLIT)
    assert set(train["method"]) == {"real", "swap"}
    assert f"; {9 - apart['fake']} fakes of held-out methods left out" in summary


def test_the_table_of_epochs_is_replaced_whole_after_each(project):
    """A reader, such as `dvc plots show`, never sees half of it, and its end is that of one
    writing."""
    stage = import_module("stages.train")
    table = Path("plots/training.csv")
    history = [
        Epoch(number, 1e-3, 0.5, Figures(*(0.1 * (number + 1) for _ in range(4))))
        for number in range(3)
    ]
    stage._write_history(history)
    whole = table.read_bytes()
    table.unlink()
    stage._write_history(history[:1])
    first = table.open("rb")
    stage._write_history(history)
    assert first.read() == whole[: whole.index(b"\n2,") + 1]
    assert table.read_bytes() == whole


def reddish() -> torch.nn.Module:
    """Calls a picture the more fake, the redder it is."""
    head = torch.nn.Linear(3, 2, bias=False)
    head.weight.data = torch.tensor([[-1.0, 0, 0], [1.0, 0, 0]])
    return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), head)


def test_the_decision_is_fitted_on_the_highest_track_whichever_it_is(project, monkeypatch):
    """The second person alone gives the fakes away."""
    names = {f"{kind}{number}": kind == "fake" for kind in ("real", "fake") for number in range(3)}
    split = [
        {"item": name, "data_set": "d", "label": int(fake), "method": "m", "group": name}
        for name, fake in names.items()
    ]
    write("data/splits/val.csv", tables.SPLIT, split)
    write_faces(
        [
            face(name, track, member="red.png" if fake and track else "green.png")
            for name, fake in names.items()
            for track in (0, 1)
        ]
    )
    facts = {"arithmetic": "fastest", "accelerator": "cpu", "input_size": 32}
    monkeypatch.setattr(network, "load", lambda path: (reddish(), facts))
    call("calibrate")
    found = read_json("models/decision.json")
    scores = found["validation"]
    assert max(scores["real_scores"]) < found["threshold"] < min(scores["fake_scores"])


class BlindToBlur(torch.nn.Module):
    """Calls a picture the more fake, the more red there is in its finest detail: of one that was
    blurred it says that it is real."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(100.0))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        red = (images[:, 0] - images[:, 1]).diff(dim=1).diff(dim=2).abs().mean(dim=(1, 2))
        return torch.stack([torch.zeros_like(red), self.scale * (red - 0.05)], dim=1)


def test_quality_fits_limits_and_counts_firm_verdicts_on_copies_of_validation(project, monkeypatch):
    rng = np.random.default_rng(1)
    split, faces, frames, pictures = [], [], [], {}
    for number in range(12):
        name, fake = f"clip{number}", number % 2 == 1
        split.append(
            {"item": name, "data_set": "d", "label": int(fake), "method": "m", "group": name}
        )
        image = np.full((96, 96, 3), 128, np.uint8)
        image += rng.integers(0, 20, (96, 96, 1), np.uint8)
        image[..., 0] += rng.integers(0, 20, (96, 96), np.uint8) * np.uint8(fake)
        pictures[f"{name}.png"] = encode(image, "png")
        stored = {"archive": "all.zip", "member": f"{name}.png"}
        frames.append({"item": name, "frame": 0, "status": "ok"} | stored)
        faces.append(face(name, **stored) | {"x": 8, "y": 8})
    write("data/splits/val.csv", tables.SPLIT, split)
    clips = [item(one["item"], one["label"] == 1, kind="video") for one in split]
    write("data/index.csv", tables.INDEX, clips)
    write("data/frames.csv", tables.FRAMES, frames)
    write("data/faces.csv", tables.FACES, faces)
    for folder in ("frames", "faces"):
        write_archive(Path(f"data/{folder}/all.zip"), pictures)
    change_params(
        project / "params.yaml",
        {"quality.corruptions": ["blur", "jpeg"], "quality.levels": [1, 5]},
    )
    facts = {"arithmetic": "fastest", "accelerator": "cpu", "input_size": 96}
    monkeypatch.setattr(network, "load", lambda path: (BlindToBlur(), facts))
    Path("models").mkdir()
    decision = {"band_low": 0.5, "band_high": 0.5, "temperature": 1.0}
    terms = contract_terms(decision=decision)
    Path("models/decision.json").write_text(terms.decision.model_dump_json())
    said = call("quality")
    found, limits = read_json("metrics/quality.json"), read_json("models/quality.json")
    assert list(limits) == ["sharpness_ratio", "flatness"]
    assert limits["sharpness_ratio"]["least"] > 0.5
    assert found["clips"] == 12
    assert found["firmness"] == read_json("models/firmness.json")
    # the noise that the clips consist of does not stand H.264
    assert found["firmness"] == {"firm": 0, "firm_wrong": 0, "not_firm": 12, "not_firm_wrong": 0}
    assert found["none"]["0"] == {
        "coverage_without": 1.0,
        "accuracy_without": 1.0,
        "coverage_with": 1.0,
        "accuracy_with": 1.0,
    }
    assert found["blur"]["5"]["accuracy_without"] == 0.5
    assert found["blur"]["5"]["coverage_with"] == 0.0
    assert found["blur"]["5"]["accuracy_with"] is None
    assert set(found["jpeg"]) == {"1", "5"}
    assert said.startswith("sharpness ratio from 0.")
    assert "100% of the clips keep a verdict" in said


@pytest.mark.slow
def test_in_set_and_held_out_clips_are_never_pooled(project, monkeypatch):
    """Of their own clips the detector knows each, of the held-out ones none."""
    change_params(
        project / "params.yaml",
        {
            "evaluate.splits": ["test"],
            "data_sets.theirs": {"layout": "celebdf", "root": "/theirs", "use": "test"},
        },
    )
    split, faces = [], []
    for data_set in ("d", "theirs"):
        for number in range(12):
            name, fake = f"{data_set}{number}", number % 2 == 1
            split.append(item(name, fake, data_set=data_set) | {"group": name})
            shown = "red.png" if fake == (data_set == "d") else "green.png"
            faces.append(face(name, member=shown))
    faces.append(face("d0", frame=1) | {"status": "no face", "archive": "", "track": None})
    write("data/splits/test.csv", tables.SPLIT, split)
    write_faces(faces)
    facts = {"arithmetic": "fastest", "accelerator": "cpu", "input_size": 32}
    monkeypatch.setattr(network, "load", lambda path: (reddish(), facts))
    Path("models").mkdir()
    decision = contract_terms(decision=SURE).decision
    Path("models/decision.json").write_text(decision.model_dump_json())
    write_json("models/quality.json", {"sharpness_ratio": {"least": None, "most": None}})
    unproven = decision.model_copy(update={"unproven": "it is made so"})
    Path("models/decision.json").write_text(unproven.model_dump_json())
    call("evaluate")
    assert read_json("metrics/evaluation.json")["test"]["video"]["inconclusive"] == 1.0
    Path("models/decision.json").write_text(decision.model_dump_json())
    said = call("evaluate")
    found = read_json("metrics/evaluation.json")
    assert found["test"]["video"]["roc_auc"] == 1.0
    assert found["test"]["video"]["inconclusive"] == 0.0
    assert found["held_out"]["theirs"]["video"]["roc_auc"] == 0.0
    assert found["test"]["video"]["count"] == found["held_out"]["theirs"]["video"]["count"] == 12
    assert found["test"]["frame"]["coverage"] == round(12 / 13, 6)
    assert read_json("metrics/summary.json") == {
        "test_auc": 1.0,
        "test_lo": found["test"]["video"]["roc_auc_low"],
        "test_hi": 1.0,
        "held_auc": 0.0,
        "held_set": "theirs",
    }
    assert said.startswith("test (in-set) ROC-AUC 1.000 (")
    assert "; theirs (held out) ROC-AUC 0.000 (" in said
    clips = tables.read("data/clip_predictions.csv", tables.CLIP_PREDICTIONS)
    assert clips.groupby("split").size().to_dict() == {"test": 12, "theirs": 12}
    write_json("models/quality.json", {"sharpness_ratio": {"least": 0.5, "most": None}})
    call("evaluate")
    limited = read_json("metrics/evaluation.json")["test"]["video"]
    assert (limited["roc_auc"], limited["coverage"], limited["inconclusive"]) == (1.0, 1.0, 1.0)


@pytest.mark.slow
def test_robustness_is_of_what_is_not_held_out(project, monkeypatch):
    rows = [item(name, name in "bd") for name in "abcd"]
    for row in rows[2:]:
        row["use"] = "test"
    write("data/index.csv", tables.INDEX, rows)
    groups = [row | {"group": row["item"]} for row in rows]
    write("data/splits/test.csv", tables.SPLIT, groups)
    stage = import_module("stages.robustness")
    index = tables.read("data/index.csv", tables.INDEX)
    part, chosen = stage._in_set(index, ["val", "test"], [])
    assert (part, chosen["item"].to_list()) == ("test", ["a", "b"])
    part, chosen = stage._in_set(index, ["val", "test"], {"swap"})
    assert (part, chosen["item"].to_list()) == ("test", ["a"])
    write("data/splits/val.csv", tables.SPLIT, groups[:1])
    write("data/splits/test.csv", tables.SPLIT, groups[2:])
    part, chosen = stage._in_set(index, ["val", "test"], [])
    assert (part, chosen["item"].to_list()) == ("val", ["a"])


@pytest.mark.slow
def test_robustness_of_nothing_is_an_error_and_no_traceback(project, monkeypatch, capsys):
    rows = [item(name, name == "b") for name in "ab"]
    write("data/index.csv", tables.INDEX, rows)
    write("data/splits/test.csv", tables.SPLIT, [row | {"group": row["item"]} for row in rows])
    frames = [{"item": name, "frame": 0, "status": "ok"} for name in "ab"]
    write("data/frames.csv", tables.FRAMES, frames)
    stage = import_module("stages.robustness")
    late = Outcome(failure="took too long")
    monkeypatch.setattr(stage, "run", lambda _, tasks, __: [late for _ in tasks])
    with pytest.raises(UserError, match="none of the 2 test items could be measured"):
        stage.main()
    assert "a: left out, it took too long" in capsys.readouterr().out


@pytest.mark.slow
def test_robustness_is_measured_at_the_temperature_and_threshold_of_the_model(project, monkeypatch):
    logits = {"a": 0.2, "b": 1.6, "c": 1.9, "d": 3.0}
    rows = [item(name, name in "cd") for name in logits]
    frames = [{"item": name, "frame": 0, "status": "ok"} for name in logits]
    write("data/index.csv", tables.INDEX, rows)
    write("data/splits/test.csv", tables.SPLIT, [row | {"group": row["item"]} for row in rows])
    write("data/frames.csv", tables.FRAMES, frames)
    decision = {"temperature": 2.0, "threshold": 0.7}  # probabilities of 0.52, 0.69, 0.72 and 0.82
    write_model(project / "models/detector.onnx", decision=SURE | decision)

    def scored(clip: Item, _frames, _source, _model, cells: list[tuple[str, int]], _seed):
        row = {"item": clip.item, "logit": logits[clip.item]}
        found = [row | {"corruption": name, "level": level} for name, level in cells]
        return [one | {"frame": frame} for one in found for frame in (-1, 0)]

    stage = import_module("stages.robustness")
    monkeypatch.setattr(stage, "run", lambda _, tasks, __: [Outcome(scored(*t)) for t in tasks])
    stage.main()
    found = read_json("metrics/robustness.json")
    assert [found[of]["none"]["0"]["accuracy"] for of in ("frame", "video")] == [1, 1]
