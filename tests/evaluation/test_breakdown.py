"""The figures of a run: intervals where they belong, methods against their own reals, slices, and
nothing undefined."""

import math

import numpy as np
import pandas as pd
import pytest
from made import contract_terms

from deepfake_detector.common.verdicts import Reason
from deepfake_detector.evaluation import breakdown
from deepfake_detector.evaluation.breakdown import by_data_set, by_method, by_slice, of
from deepfake_detector.scoring import metrics, scores
from deepfake_detector.scoring.intervals import WITH_INTERVAL
from deepfake_detector.scoring.metrics import Aspect, Metric
from deepfake_detector.scoring.quality import Limit

DECISION = contract_terms(
    decision={
        "min_faces": 1,
        "temperature": 2.0,
        "threshold": 0.5,
        "band_low": 0.4,
        "band_high": 0.6,
        "several": (),
        "recalibrated": "",
    }
).decision


def rows(count: int = 80, groups: int = 20, seed: int = 0, **columns: object) -> pd.DataFrame:
    """Scored rows, real and fake in turn, of two methods in one data set."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    logits = rng.normal(0, 2, count) + labels
    table = pd.DataFrame(
        {
            "item": [f"i{number}" for number in range(count)],
            "label": labels,
            "data_set": "one",
            "method": np.where(
                labels == 0, "real", np.where(np.arange(count) % 4 == 1, "swap", "reenact")
            ),
            "group": np.arange(count) * groups // count,
            "logit": logits,
            "fake_probability": scores.probability(logits, 2.0),
            "split": "test",
        }
    )
    return table.assign(**columns)


def test_figures_that_have_an_interval_have_it_beside_them():
    found = of(rows(), 0.5)
    for name in WITH_INTERVAL:
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"], name
    assert "interval_reason" not in found
    assert found["ece"] != found["ece_before_scaling"]
    assert all(value == round(value, 6) for value in found.values() if isinstance(value, float))


def test_the_figures_are_those_of_the_table():
    found = of(rows(verdict="FAKE"), 0.5)
    beside = {name for name in found if name.endswith(("_low", "_high"))}
    assert sorted(set(found) - beside) == sorted(one.name for one in breakdown.FIGURES)
    assert {name.rpartition("_")[0] for name in beside} == set(WITH_INTERVAL)
    assert set(breakdown.CHIEF) <= set(breakdown.HEADLINE) <= set(found)


def test_a_new_metric_is_one_entry_and_has_no_interval_without_its_weighted_form(monkeypatch):
    prevalence = Metric(
        "prevalence",
        "fakes",
        Aspect.CLASSES,
        lambda labels, *_: float(labels.mean()),
        lambda labels, _: len(labels) > 0,
    )
    without = of(rows(), 0.5)
    monkeypatch.setattr(metrics, "METRICS", (*metrics.METRICS, prevalence))
    assert of(rows(), 0.5) == without | {"prevalence": 0.5}
    assert of(rows().iloc[:0], 0.5)["prevalence"] is None


@pytest.mark.parametrize(
    ("table", "none"),
    [
        (rows(groups=4), set()),
        (rows()[lambda own: own["label"] == 0], {"roc_auc", "recall", "eer"}),
        (rows(logit=math.nan, fake_probability=math.nan), {"roc_auc", "accuracy", "ece", "brier"}),
        (rows().iloc[:0], {"roc_auc", "coverage", "ece"}),
    ],
    ids=["four groups", "reals alone", "nothing judged", "nothing there"],
)
def test_without_an_interval_it_says_why_and_nothing_is_nan(table, none):
    found = of(table, 0.5)
    assert found["interval_reason"] == "too few groups"
    assert none <= {name for name, value in found.items() if value is None}
    assert all(math.isfinite(value) for value in found.values() if isinstance(value, float))
    assert not any(name.endswith("_low") for name in found)


def test_an_exact_bound_is_named():
    labels = rows()["label"]
    found = of(rows(fake_probability=0.2 + 0.6 * labels, logit=labels), 0.5)
    assert (found["roc_auc"], found["roc_auc_high"]) == (1.0, 1.0)
    assert 0.7 < found["roc_auc_low"] < 1
    assert "roc_auc" in found["interval_exact"].split()


def test_verdicts_give_the_share_left_open_and_the_accuracy_of_the_rest():
    logits = pd.DataFrame(
        {"logit": [-4, -0.1, 0.1, 4, 4, math.nan], "reason": [""] * 5 + ["no face"]}
    ).assign(people=1)
    clips = breakdown.with_verdicts(logits, DECISION)
    assert clips["verdict"].tolist() == [
        "REAL",
        *["INCONCLUSIVE"] * 2,
        "FAKE",
        "FAKE",
        "INCONCLUSIVE",
    ]
    assert clips["reason"].tolist() == [
        "",
        *["score in the inconclusive band"] * 2,
        "",
        "",
        "no face",
    ]
    found = of(clips.assign(label=[0, 0, 1, 1, 0, 0], group=range(6)), 0.5)
    assert (found["inconclusive"], found["decided_accuracy"]) == (0.5, round(2 / 3, 6))
    assert found["coverage"] == round(5 / 6, 6)


def seen(item: str, track: int, logit: float, sharpness: float, count: int = 2) -> list[dict]:
    """Faces of one person in a clip, alike in all."""
    measures = {"sharpness_ratio": sharpness, "flatness": 0.1}
    return [{"item": item, "track": track, "logit": logit} | measures] * count


LIMITS = {"sharpness_ratio": Limit(least=0.5, most=None)}
SHARP, BLURRED = 0.7, 0.4
BEYOND = "quality outside what this model was checked on: sharpness ratio 0.4, checked from 0.5"


@pytest.mark.parametrize(
    ("people", "verdict", "reason"),
    [
        ([(4, SHARP)], "FAKE", ""),
        ([(4, BLURRED)], "INCONCLUSIVE", BEYOND),
        ([(-4, BLURRED)], "INCONCLUSIVE", BEYOND),
        ([(0, BLURRED)], "INCONCLUSIVE", BEYOND),
        ([(4, BLURRED), (3, SHARP)], "FAKE", ""),
        ([(4, BLURRED), (-4, SHARP)], "INCONCLUSIVE", BEYOND),
        ([(4, BLURRED), (3, BLURRED)], "INCONCLUSIVE", BEYOND),
        ([(4, SHARP), (3, BLURRED)], "FAKE", ""),
        ([(-3, SHARP), (-4, SHARP)], "REAL", ""),
        ([(-3, SHARP), (-4, BLURRED)], "INCONCLUSIVE", str(Reason.NOT_ALL)),
        ([], "INCONCLUSIVE", "no face"),
    ],
)
def test_a_clip_is_judged_by_those_within_the_limits_of_quality(people, verdict, reason):
    faces = [face for track, one in enumerate(people) for face in seen("a", track, *one)]
    table = pd.DataFrame(faces, columns=["item", "track", "logit", "sharpness_ratio", "flatness"])
    sampled = pd.DataFrame({"item": "a", "frame": range(2), "status": "ok"})
    clips = scores.score_clips(sampled if people else sampled.assign(status="no face"), table, 1)
    clips = breakdown.with_verdicts(clips, DECISION)
    found = breakdown.within_limits(clips, table, DECISION, LIMITS)
    assert found[["verdict", "reason"]].to_numpy().tolist() == [[verdict, reason]]
    assert found.drop(columns=["verdict", "reason"]).equals(
        clips.drop(columns=["verdict", "reason"])
    )


def test_who_is_seen_too_seldom_makes_no_clip_fake():
    faces = pd.DataFrame(seen("a", 0, 4, BLURRED, 6) + seen("a", 1, 4, SHARP, 2))
    sampled = pd.DataFrame({"item": "a", "frame": range(6), "status": "ok"})
    decision = DECISION.model_copy(update={"min_faces": 3})
    clips = breakdown.with_verdicts(scores.score_clips(sampled, faces, 3), decision)
    found = breakdown.within_limits(clips, faces, decision, LIMITS)
    assert found["verdict"].tolist() == ["INCONCLUSIVE"]


@pytest.mark.parametrize(("faces", "verdict"), [(2, "REAL"), (3, "INCONCLUSIVE")])
def test_whoever_is_fake_for_a_short_while_keeps_a_clip_from_being_real(faces, verdict):
    table = pd.DataFrame(seen("a", 0, -4, SHARP, 20) + seen("a", 1, 4, SHARP, faces))
    sampled = pd.DataFrame({"item": "a", "frame": range(20), "status": "ok"})
    decision = DECISION.model_copy(update={"min_faces": 8})
    clips = breakdown.with_verdicts(scores.score_clips(sampled, table, 8), decision)
    assert breakdown.within_limits(clips, table, decision, LIMITS)["verdict"].tolist() == [verdict]


def test_each_method_stands_against_all_reals_of_its_own_data_set():
    table = pd.concat([rows(), rows(seed=1, data_set="two")], ignore_index=True)
    found = by_method(table, 0.5)
    assert list(found) == ["one/reenact", "one/swap", "two/reenact", "two/swap"]
    assert {name: own["count"] for name, own in found.items()} == dict.fromkeys(found, 60)
    own = table[(table["data_set"] == "two") & (table["method"].isin(["real", "swap"]))]
    wanted = metrics.figures(own["label"], own["fake_probability"], 0.5)["roc_auc"]
    assert found["two/swap"]["roc_auc"] == pytest.approx(wanted, abs=1e-6)
    assert set(by_data_set(table, 0.5)) == {"one", "two"}


def test_a_sampled_frame_without_a_face_is_not_covered():
    """Of a real clip two of four frames have a face, of a fake one all of two."""
    clips = rows(count=2, frames_sampled=[4, 2], frames_with_face=[2, 2])
    frames = clips.loc[[0, 0, 1, 1]].assign(
        track=0, width=40.0, height=40.0, sharpness=9.0, brightness=90.0
    )
    stranger = frames.iloc[:1].assign(track=1)  # not the dominant face: it covers no frame
    levels = breakdown.levels_of(pd.concat([frames, stranger]), clips, 2.0)
    assert len(levels["frame"]) == 6
    found = breakdown.all_figures(levels, ["test"], 0.5)
    assert found["test"]["frame"]["coverage"] == round(4 / 6, 6)
    assert found["test"]["frame"]["count"] == 4
    assert found["methods"]["one/swap"]["test"]["frame"]["coverage"] == round(4 / 6, 6)
    assert found["test"]["video"]["coverage"] == 1.0


@pytest.mark.slow
def test_a_held_out_data_set_stands_for_itself_and_is_in_no_other_figure():
    mine, theirs = rows(), rows(data_set="theirs", seed=1)
    table = pd.concat([mine, theirs.assign(split="theirs")], ignore_index=True)
    places = breakdown.places(table)
    assert places == ["test", "theirs"]
    assert [breakdown.title(one) for one in places] == ["test (in-set)", "theirs (held out)"]
    found = breakdown.all_figures({"video": table}, places, 0.5)
    assert found["test"]["video"] == of(mine, 0.5)
    assert found["held_out"] == {"theirs": {"video": of(theirs, 0.5)}}
    assert "data_sets" not in found  # of what was learned from there is one
    assert {name: [*own] for name, own in found["methods"].items()} == {
        "one/reenact": ["test"],
        "one/swap": ["test"],
        "theirs/reenact": ["theirs"],
        "theirs/swap": ["theirs"],
    }


def test_a_held_out_methods_fakes_are_measured_against_test_reals_and_in_no_other_figure():
    table = rows()
    unseen = table["method"] == "swap"
    placed = table.assign(split=table["split"].mask(unseen, "one/swap"))
    found = breakdown.all_figures({"video": placed}, breakdown.places(placed), 0.5)
    assert found["test"]["video"] == of(table[~unseen], 0.5)
    against = table[unseen | (table["label"] == 0)]
    assert found["held_out"] == {"one/swap": {"video": of(against, 0.5)}}
    assert {name: [*own] for name, own in found["methods"].items()} == {
        "one/reenact": ["test"],
        "one/swap": ["one/swap"],
    }


@pytest.mark.slow
def test_where_test_holds_held_out_sets_alone_there_is_no_figure_of_it():
    table = pd.concat([rows(split="val"), rows(data_set="theirs", split="theirs", seed=1)])
    found = breakdown.all_figures({"video": table}, breakdown.places(table), 0.5)
    assert [*found] == ["val", "held_out", "methods"]


def test_the_summary_is_short_and_names_the_worst_held_out_set():
    def on(auc: float | None, **more: float) -> dict:
        return {"video": {"roc_auc": auc, "log_loss": 0.5} | more}

    figures = {"val": on(0.9), "test": on(0.8, roc_auc_low=0.7, roc_auc_high=0.95)}
    figures["held_out"] = {"a": on(0.6), "b": on(0.55), "c": on(None)}
    found = breakdown.summary(figures)
    assert found == {
        "val_auc": 0.9,
        "val_loss": 0.5,
        "test_auc": 0.8,
        "test_lo": 0.7,
        "test_hi": 0.95,
        "held_auc": 0.55,
        "held_set": "b",
    }
    assert len(found) <= 8
    assert max(map(len, found)) <= 8
    assert breakdown.summary({"val": on(None)}) == {"val_loss": 0.5}


@pytest.mark.slow
def test_several_data_sets_are_told_apart_and_one_is_not_told_twice():
    table = rows()
    found = breakdown.all_figures({"frame": table, "video": table}, ["test"], 0.5)
    assert set(found) == {"test", "methods"}
    assert set(found["test"]) == set(found["methods"]["one/swap"]["test"]) == {"frame", "video"}
    both = pd.concat([table, rows(data_set="two", seed=1)])
    found = breakdown.all_figures({"frame": both, "video": both}, ["test"], 0.5)
    assert found["data_sets"]["two"]["test"]["video"]["count"] == 80


def test_slices_hold_about_equally_many_and_every_row_once():
    table = rows(count=90, face_size=np.arange(90) * 2.0)
    found = by_slice(table, ("face_size",), 0.5)
    assert [one.count for one in found] == [30, 30, 30]
    assert (found[0].low, found[-1].high) == (0, 178)
    assert [one.few for one in found] == [False] * 3
    assert found[0].accuracy == of(table.iloc[:30], 0.5)["accuracy"]


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        (np.full(40, 7.0), [40]),
        (np.repeat([1.0, 2.0], 20), [40]),
        (np.repeat([1.0, 2.0, 3.0], [10, 20, 10]), [10, 30]),
        (np.full(40, math.nan), []),
    ],
    ids=["all alike", "two values", "three values", "unknown"],
)
def test_repeated_and_unknown_facts_make_fewer_slices(values, counts):
    assert [
        one.count for one in by_slice(rows(count=40, sharpness=values), ("sharpness",), 0.5)
    ] == counts


def test_a_slice_of_few_videos_is_marked_however_many_frames_it_has():
    table = rows(
        count=90, brightness=np.arange(90.0), item=[f"i{number % 15}" for number in range(90)]
    )
    assert [(one.videos, one.few) for one in by_slice(table, ("brightness",), 0.5)] == [
        (15, True)
    ] * 3


def test_frames_are_those_of_dominant_tracks_and_videos_know_their_typical_face():
    frames = pd.DataFrame(
        {
            "item": ["a", "a", "a", "b"],
            "track": [0, 0, 1, 0],
            "logit": [1.0, 2.0, 9.0, 0.0],
            "width": [10.0, 20.0, 99.0, 40.0],
            "height": [12.0, 18.0, 99.0, 30.0],
            "sharpness": [1.0, 3.0, 9.0, 5.0],
            "brightness": [100.0, 110.0, 9.0, 90.0],
        }
    )
    clips = pd.DataFrame(
        {
            "item": ["a", "b", "c"],
            "frames_sampled": [2, 1, 0],
            "frames_with_face": [2, 1, 0],
            "logit": [9.0, 0.0, math.nan],
        }
    )
    levels = breakdown.levels_of(frames, clips, 2.0)
    assert levels["frame"]["face_size"].tolist() == [12, 20, 40]
    assert levels["frame"]["fake_probability"].tolist() == pytest.approx(
        scores.probability(np.array([1, 2, 0]), 2)
    )
    assert levels["video"][["face_size", "sharpness"]].iloc[:2].to_numpy().tolist() == [
        [16, 2],
        [40, 5],
    ]
    assert levels["video"].iloc[2][["face_size", "sharpness", "brightness"]].isna().all()
