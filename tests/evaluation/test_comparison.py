"""Two runs side by side: paired, on the same files only, and told apart from chance."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import copy_toy_project, run

from deepfake_detector import UserError
from deepfake_detector.evaluation import comparison
from deepfake_detector.evaluation.comparison import compare
from deepfake_detector.scoring import metrics, scores
from deepfake_detector.storage import tables

ITEMS = [f"set/{'swap' if number % 2 else 'real'}/{number:02d}" for number in range(48)]
FRAMES = 3


def write_run(
    folder: Path, logits: np.ndarray, split: str = "test", temperature: float = 2.0, md5: str = "0"
) -> None:
    """The results of a run with these logits of 48 clips of 12 groups, three frames each."""
    clips, frames, index = [], [], []
    for number, (item, logit) in enumerate(zip(ITEMS, logits, strict=True)):
        facts = {"item": item, "data_set": "set", "label": number % 2, "method": item.split("/")[1]}
        group = {"group": f"g{number // 4:02d}", "split": split}
        decided = {"verdict": "FAKE", "frames_sampled": FRAMES, "frames_with_face": FRAMES}
        probability = scores.probability(logit, temperature)
        clips.append(facts | group | decided | {"logit": logit, "fake_probability": probability})
        for frame in range(0 if math.isnan(logit) else FRAMES):
            own = {"frame": frame, "time": float(frame), "track": 0, "logit": logit + frame - 1}
            frames += [facts | group | own, facts | group | own | {"track": 1, "logit": 99.0}]
        index.append(
            facts | {"kind": "video", "path": f"{item}.mp4", "use": "train", "md5": md5 * 32}
        )
    for path, rows, schema in (
        (comparison.CLIPS, clips, tables.CLIP_PREDICTIONS),
        (comparison.FRAMES, frames, tables.PREDICTIONS),
        (comparison.INDEX, index, tables.INDEX),
    ):
        tables.write(folder / path, tables.make(rows, schema), schema)
    decision = {
        "min_faces": 1,
        "temperature": temperature,
        "threshold": 0.5,
        "band_low": 0.5,
        "band_high": 0.5,
        "several": (),
        "recalibrated": "",
    }
    (folder / comparison.DECISION).parent.mkdir(parents=True, exist_ok=True)
    (folder / comparison.DECISION).write_text(json.dumps(decision))
    (folder / comparison.LOCK).write_text("stages: {}\n")


LOGITS = np.random.default_rng(0).normal(0, 2, 48) + np.arange(48) % 2
BETTER = LOGITS + 2 * (np.arange(48) % 2)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """`runs(name, logits)` writes a run that `compare` finds as a revision of that name."""
    monkeypatch.setattr(
        comparison, "content", lambda revision, path: (tmp_path / revision / path).read_bytes()
    )
    return lambda name, *arguments, **options: write_run(tmp_path / name, *arguments, **options)


def by_name(level: comparison.Level) -> dict[str, comparison.Difference]:
    return {one.figure: one for one in level.differences}


@pytest.mark.slow
def test_figures_stand_side_by_side_with_the_interval_of_second_less_first(runs):
    runs("a", LOGITS)
    runs("b", BETTER)
    frames, videos = compare(["a"], ["b"], "test")
    assert (frames.name, frames.count, videos.name, videos.count) == ("frame", 144, "video", 48)
    found = by_name(videos)["roc_auc"]
    labels = np.arange(48) % 2
    assert found.first == pytest.approx(
        metrics.figures(labels, scores.probability(LOGITS, 2.0), 0.5)["roc_auc"]
    )
    assert found.second == pytest.approx(
        metrics.figures(labels, scores.probability(BETTER, 2.0), 0.5)["roc_auc"]
    )
    assert 0 < found.low < found.by < found.high
    assert found.sure
    turned = by_name(compare(["b"], ["a"], "test")[1])["roc_auc"]
    assert (turned.by, turned.low) == (
        pytest.approx(-found.by),
        pytest.approx(-found.high, abs=0.02),
    )


@pytest.mark.slow
def test_each_run_is_measured_at_its_own_temperature(runs):
    runs("a", LOGITS)
    runs("b", LOGITS, temperature=1.0)
    found = by_name(compare(["a"], ["b"], "test")[1])
    assert found["roc_auc"].by == 0
    assert found["log_loss"].by > 0


@pytest.mark.slow
def test_the_same_run_does_not_differ(runs):
    runs("a", LOGITS)
    levels = compare(["a"], ["a"], "test")
    assert [level.name for level in levels] == ["frame", "video"]
    for level in levels:
        assert {(one.by, one.low, one.high) for one in level.differences} == {(0, 0, 0)}
        assert not any(one.sure for one in level.differences)


@pytest.mark.slow
def test_a_clip_that_one_run_could_not_judge_is_left_out_of_both(runs):
    runs("a", LOGITS)
    runs("b", np.where(np.arange(48) == 5, np.nan, LOGITS))
    frames, videos = compare(["a"], ["b"], "test")
    assert (videos.count, videos.left_out) == (47, 1)
    assert (frames.count, frames.left_out) == (141, 3)
    assert by_name(videos)["roc_auc"].by == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("other", "split", "error"),
    [
        (
            {"md5": "1"},
            "test",
            r"a and b were not measured on the same files: 48 only in a \(such as set/real/00\)",
        ),
        (
            {"split": "val"},
            "test",
            r"b: it was not measured on test \(evaluate\.splits, data_sets\); choose one of val with --split",
        ),
        ({}, "val", r"a: it was not measured on val"),
    ],
)
def test_what_cannot_be_compared_is_refused(runs, other, split, error):
    runs("a", LOGITS)
    runs("b", LOGITS, **other)
    with pytest.raises(UserError, match=error):
        compare(["a"], ["b"], split)


@pytest.mark.slow
def test_a_held_out_data_set_is_compared_by_its_name(runs):
    runs("a", LOGITS, split="theirs")
    assert [level.count for level in compare(["a"], ["a"], "theirs")] == [144, 48]


def test_revisions_are_read_from_dvcs_cache(toy_project, tmp_path, monkeypatch):
    project = copy_toy_project(toy_project, tmp_path / "project")
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    assert run(project, "git", "add", "dvc.lock").returncode == 0
    assert run(project, "git", *author, "commit", "-q", "-m", "results").returncode == 0
    shutil.rmtree(project / "data")
    monkeypatch.chdir(project)
    for level in compare(["HEAD"], ["HEAD"], "test"):
        assert level.count > 4
        assert {one.by for one in level.differences} == {0}


def test_an_unknown_revision_is_told_with_the_remedy(toy_project_alone):
    with pytest.raises(UserError, match=r"index\.csv of nothing cannot be found .*`dvc exp show`"):
        compare(["nothing"], ["workspace"], "test")


def test_a_repository_without_a_commit_is_told_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(tmp_path, "git", "init", "-q").returncode == 0
    assert run(tmp_path, "dvc", "init", "-q").returncode == 0
    with pytest.raises(
        UserError, match=r"HEAD: .*no commit yet.*make the first one \(`git add -A`"
    ):
        compare(["HEAD"], ["workspace"], "test")


@pytest.mark.parametrize(
    ("revision", "said"),
    [
        ("HEAD", "HEAD: this is no Git repository, so .*; name `workspace`, or work in a clone"),
        ("workspace", r"index\.csv cannot be found .*; `dvc repro` makes it$"),
    ],
)
def test_outside_a_repository_there_is_the_workspace_alone(tmp_path, monkeypatch, revision, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UserError, match=said):
        compare([revision], [revision], "test")


def test_figures_of_an_earlier_model_are_no_experiments(runs, tmp_path):
    """As after `dvc exp run train`, which leaves the predictions as they were."""
    runs("a", LOGITS)
    runs("trained", LOGITS)
    stages = {
        "train": {"outs": [{"path": "models/detector.pt", "md5": "2"}]},
        "evaluate": {"deps": [{"path": "models/detector.pt", "md5": "1"}]},
    }
    (tmp_path / "trained/dvc.lock").write_text(json.dumps({"stages": stages}))
    with pytest.raises(UserError, match=r"trained: models/detector\.pt was made again after"):
        compare(["a"], ["trained"], "test")


def test_means_over_seeds_are_compared_with_their_spread(runs):
    rng = np.random.default_rng(1)
    for number in range(3):
        runs(f"a{number}", LOGITS + rng.normal(0, 0.3, 48))
        runs(f"b{number}", BETTER + rng.normal(0, 0.3, 48))
    _, videos = compare(["a0", "a1", "a2"], ["b0", "b1", "b2"], "test")
    found = by_name(videos)["roc_auc"]
    single = [by_name(compare([f"{side}0"], [f"{side}1"], "test")[1])["roc_auc"] for side in "ab"]
    last = by_name(compare(["a2"], ["b2"], "test")[1])["roc_auc"]
    assert (last.first_spread, last.second_spread) == (None, None)
    for side, (one, mean, spread, third) in enumerate(
        [
            (single[0], found.first, found.first_spread, last.first),
            (single[1], found.second, found.second_spread, last.second),
        ]
    ):
        values = [one.first, one.second, third]
        assert mean == pytest.approx(np.mean(values)), side
        assert spread == pytest.approx(np.std(values, ddof=1)), side
    assert found.low < found.by < found.high


def test_every_run_of_a_side_must_be_of_the_same_files(runs):
    for name, md5 in (("a", "0"), ("b", "0"), ("c", "0"), ("d", "1")):
        runs(name, LOGITS, md5=md5)
    with pytest.raises(UserError, match="a and d were not measured on the same files"):
        compare(["a", "b"], ["c", "d"], "test")
