"""The clean figure is the page's own, every cell is there, and the random part comes back."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made import picture, textured, write_model

from deepfake_detector.evaluation import robustness
from deepfake_detector.evaluation.robustness import CLEAN, corrupted_scores, mean_relative_drop
from deepfake_detector.media.stored_frames import frame_rows
from deepfake_detector.serving import inference
from deepfake_detector.storage import tables
from deepfake_detector.storage.archive import Item

CELLS = [CLEAN, ("noise", 5), ("blur", 1)]


@pytest.fixture
def one_clip(in_toy_project):
    """The arguments for a test clip of the toy project."""
    index = tables.read("data/index.csv", tables.INDEX)
    test = tables.read("data/splits/test.csv", tables.SPLIT)["item"]
    row = next(row for row in index[index["item"].isin(test)].itertuples() if row.kind == "video")
    frames = tables.read("data/frames.csv", tables.FRAMES)
    own = frame_rows(frames[frames["item"] == row.item])
    return Item(row.item, row.kind, row.path), own, Path("data/frames"), inference.MODEL


def test_every_cell_has_a_row_for_the_clip_and_for_each_frame(one_clip):
    rows = pd.DataFrame(corrupted_scores(*one_clip, CELLS, seed=1))
    assert rows.groupby(["corruption", "level"])["frame"].apply(sorted).to_list() == [
        [-1, *sorted(row["frame"] for row in one_clip[1])]
    ] * len(CELLS)
    assert rows.groupby(["corruption", "level"])["logit"].mean().nunique() == len(CELLS)


def test_without_corruption_it_is_what_evaluate_found(one_clip):
    rows = pd.DataFrame(corrupted_scores(*one_clip, [CLEAN], seed=1))
    evaluated = tables.read("data/clip_predictions.csv", tables.CLIP_PREDICTIONS).set_index("item")
    assert rows.loc[rows["frame"] < 0, "logit"].item() == pytest.approx(
        evaluated.loc[one_clip[0].item, "logit"], abs=1e-4
    )
    frames = tables.read("data/predictions.csv", tables.PREDICTIONS)
    frames = frames[(frames["item"] == one_clip[0].item) & (frames["track"] == 0)]
    assert rows.loc[rows["frame"] >= 0, "logit"].tolist() == pytest.approx(
        frames["logit"].tolist(), abs=1e-4
    )


def test_noise_depends_on_the_seed_and_the_frame_alone(one_clip):
    item, frames, *rest = one_clip

    def noisy(own: list[dict], seed: int) -> dict:
        rows = corrupted_scores(item, own, *rest, [("noise", 5)], seed)
        return {row["frame"]: row["logit"] for row in rows if row["frame"] >= 0}

    assert noisy(frames, 1) == noisy(frames, 1)
    assert noisy(frames, 1) != noisy(frames, 2)
    alone = noisy(frames[:1], 1)
    assert alone == {frame: noisy(frames, 1)[frame] for frame in alone}


@pytest.mark.slow
def test_frames_that_show_the_same_get_noise_of_their_own(tmp_path):
    """A ready crop four times, so that the logits differ by their noise alone."""
    (tmp_path / "crop.png").write_bytes(picture(textured()))
    crop = Item("set/crop", "face", str(tmp_path / "crop.png"))
    frames = [{"frame": number, "time": 0.0} for number in range(4)]
    model = write_model(tmp_path / "model.onnx", crop={"kind": "given"})
    rows = pd.DataFrame(corrupted_scores(crop, frames, tmp_path, model, [CLEAN, ("noise", 5)], 1))
    logits = rows[rows["frame"] >= 0].groupby("corruption")["logit"]
    assert logits.nunique().to_dict() == {"none": 1, "noise": 4}


def measured() -> pd.DataFrame:
    """Four frames of two clips each, real and fake; blur turns all round and hides one's face."""
    rows = []
    for number, (name, level) in enumerate([CLEAN, ("jpeg", 1), ("blur", 5)]):
        for item in range(4):
            for frame in (-1, 0, 1):
                logit = (2.0 * (item % 2) - 1) * (1, 1, -1)[number]
                hidden = name == "blur" and item == 0
                row = {
                    "item": item,
                    "label": item % 2,
                    "corruption": name,
                    "level": level,
                    "frame": frame,
                }
                rows.append(row | {"logit": np.nan if hidden else logit})
    return robustness.table(pd.DataFrame(rows), 1.0, 0.5)


def test_figures_are_by_corruption_level_and_kind():
    table = measured()
    assert table[["corruption", "level", "of"]].to_numpy().tolist() == [
        [name, level, of]
        for name, level in (CLEAN, ("blur", 5), ("jpeg", 1))
        for of in ("frame", "video")
    ]
    blurred = table[table["corruption"] == "blur"].set_index("of")
    assert blurred.loc["video", ["roc_auc", "accuracy", "coverage", "count"]].tolist() == [
        0,
        0,
        0.75,
        4,
    ]
    assert blurred.loc["frame", "count"] == 8
    found = robustness.by_corruption(table)
    assert found["video"]["jpeg"]["1"] == {"roc_auc": 1.0, "accuracy": 1.0, "coverage": 1.0}
    assert found["video"]["mean_relative_drop"] == 0.5


def test_accuracy_is_at_the_threshold_given_and_of_scaled_probabilities():
    """Real and fake are apart at 0.7 alone, and with a temperature of 2 alone."""
    logits = [0.2, 1.6, 1.9, 3.0]  # probabilities of 0.52, 0.69, 0.72 and 0.82 at that temperature
    rows = [
        {"label": number // 2, "corruption": "none", "level": 0, "frame": -1, "logit": logit}
        for number, logit in enumerate(logits)
    ]
    accuracy = {
        (temperature, threshold): robustness.table(
            pd.DataFrame([*rows, *(row | {"frame": 0} for row in rows)]), temperature, threshold
        )["accuracy"].tolist()
        for temperature, threshold in ((2.0, 0.7), (2.0, 0.5), (1.0, 0.7))
    }
    assert accuracy == {(2.0, 0.7): [1, 1], (2.0, 0.5): [0.5, 0.5], (1.0, 0.7): [0.75, 0.75]}


def test_a_figure_that_is_undefined_is_null():
    table = measured()
    table.loc[table["corruption"] == "blur", "roc_auc"] = np.nan
    found = robustness.by_corruption(table)["video"]
    assert found["blur"]["5"]["roc_auc"] is None
    assert found["mean_relative_drop"] == 0  # of jpeg alone
    table.loc[table["corruption"] == "jpeg", "roc_auc"] = np.nan
    assert mean_relative_drop(table, "video") is None


def test_a_detector_that_has_nothing_to_lose_has_no_drop():
    table = measured()
    table.loc[table["corruption"] == "none", "roc_auc"] = 0.0
    assert mean_relative_drop(table, "video") is None


def test_every_line_starts_at_the_clean_figure():
    lines = robustness.lines(measured())
    starts = lines[lines["level"] == 0]
    assert set(starts["corruption"]) == {"blur", "jpeg"}
    assert (starts["roc_auc"] == 1).all()


def test_the_stage_tells_of_every_cell(in_toy_project):
    found = json.loads(Path("metrics/robustness.json").read_text())
    assert (found["split"], found["failed"]) == ("test", 0)
    assert (
        set(found["frame"])
        == set(found["video"])
        >= {"none", "noise", "h264", "mean_relative_drop"}
    )
    plotted = pd.read_csv("plots/robustness.csv")
    assert set(plotted.columns) == {
        "corruption",
        "level",
        "of",
        "count",
        "roc_auc",
        "accuracy",
        "coverage",
    }
    evaluated = json.loads(Path("metrics/evaluation.json").read_text())
    assert found["video"]["none"]["0"]["accuracy"] == pytest.approx(
        evaluated["test"]["video"]["accuracy"], abs=1e-6
    )
