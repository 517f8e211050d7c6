"""Measure the detector on validation and test, by frame and by video, at the decision fitted on validation.

    python -m stages.evaluate

reads   models/resnet18.pt, models/decision.json, data/splits/{val,test}.csv, data/faces.csv, data/faces/
makes   metrics/evaluation.json, data/predictions.csv (frames), data/clip_predictions.csv (clips with verdicts),
        plots/roc.csv, plots/pr.csv, plots/confusion.csv, plots/scores.csv
"""

import pandas as pd

from deepfake_detector import console, contract, crops, network, params, scores, tables
from deepfake_detector.contract import Decision
from deepfake_detector.files import write_json, write_whole

DOMINANT = 0  # frame figures are of the track a clip's label is about
LEVELS = ("frame", "video")
CHIEF = ("count", "roc_auc", "balanced_accuracy", "coverage")  # of each set and method; all would drown `dvc exp show`


def main() -> str:
    (evaluate,) = params.read("evaluate")
    detector, facts = network.load("models/resnet18.pt")
    decision = contract.read_decision("models/decision.json")
    detector = network.to_fastest(detector)
    faces = tables.read("data/faces.csv", tables.FACES)
    frames, clips = [], []
    for part in evaluate.splits:
        split = tables.read(f"data/splits/{part}.csv", tables.SPLIT)
        judged = crops.judge_faces(detector, faces, split, facts["input_size"])
        frames.append(judged.assign(split=part))
        scored = scores.score_clips(faces[faces["item"].isin(split["item"])], judged, decision.min_faces)
        clips.append(_with_verdicts(scored.merge(split, on="item"), decision).assign(split=part))
    frames, clips = pd.concat(frames), pd.concat(clips)
    _write_table("data/predictions.csv", frames, tables.PREDICTIONS)
    _write_table("data/clip_predictions.csv", clips, tables.CLIP_PREDICTIONS)
    main_track = frames[frames["track"] == DOMINANT]
    main_track = main_track.assign(
        fake_probability=scores.probability(main_track["logit"].to_numpy(), decision.temperature)
    )
    levels = {"frame": main_track, "video": clips}
    figures = _figures(levels, evaluate.splits, decision.threshold)
    write_json("metrics/evaluation.json", figures)
    _write_plots(levels, evaluate.splits, decision.threshold)
    return "; ".join(
        f"{part} ROC-AUC " + ", ".join(f"{_told(figures[part][level]['roc_auc'])} by {level}" for level in LEVELS)
        for part in evaluate.splits
    )


def _told(figure: float | None) -> str:
    return "undefined" if figure is None else f"{figure:.3f}"


def _with_verdicts(clips: pd.DataFrame, decision: Decision) -> pd.DataFrame:
    low, high = decision.band_low, decision.band_high
    probabilities = scores.probability(clips["logit"].to_numpy(), decision.temperature)
    verdicts = ["INCONCLUSIVE" if p != p else scores.decide(p, low, high) for p in probabilities]
    reasons = [
        reason or ("score in the inconclusive band" if verdict == "INCONCLUSIVE" else "")
        for reason, verdict in zip(clips["reason"], verdicts, strict=True)
    ]
    return clips.assign(fake_probability=probabilities, verdict=verdicts, reason=reasons)


def _figures(levels: dict[str, pd.DataFrame], splits: list[str], threshold: float) -> dict:
    """<split>.<level>.<figure>, then the chief ones of data_sets.<name>. (of several) and methods.<data set>/<name>."""
    result: dict = {part: {} for part in splits}
    sets, methods = {}, {}
    for part in splits:
        for level in LEVELS:
            rows = levels[level][levels[level]["split"] == part]
            result[part][level] = _of(rows, threshold)
            for name, own in rows.groupby("data_set"):
                sets.setdefault(name, {}).setdefault(part, {})[level] = _chief(own, threshold)
                for method in sorted(set(own.loc[own["label"] == 1, "method"])):
                    against = own[(own["label"] == 0) | (own["method"] == method)]
                    methods.setdefault(f"{name}/{method}", {}).setdefault(part, {})[level] = _chief(against, threshold)
    return result | ({"data_sets": sets} if len(sets) > 1 else {}) | {"methods": methods}


def _chief(rows: pd.DataFrame, threshold: float) -> dict:
    return {name: value for name, value in _of(rows, threshold).items() if name in CHIEF}


def _of(rows: pd.DataFrame, threshold: float) -> dict:
    """The figures of rows that have a score, and the share that has one (of frames: always all)."""
    scored = rows.dropna(subset="logit")
    figures = scores.figures(scored["label"], scored["fake_probability"], threshold)
    figures["coverage"] = len(scored) / len(rows)
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in figures.items()}


def _write_plots(levels: dict[str, pd.DataFrame], splits: list[str], threshold: float) -> None:
    roc, pr, confusion, histogram = [], [], [], []
    for part in splits:
        for level in LEVELS:
            rows = levels[level][levels[level]["split"] == part].dropna(subset="logit")
            labels, probabilities = rows["label"].to_numpy(int), rows["fake_probability"].to_numpy()
            curve = {"curve": f"{part}, {level}s"}
            if len(set(labels)) == 2:
                roc += [
                    curve | {"false_positive_rate": x, "recall": y} for x, y in scores.roc_points(labels, probabilities)
                ]
                pr += [curve | {"recall": x, "precision": y} for x, y in scores.pr_points(labels, probabilities)]
            confusion += _confusion(labels, probabilities, threshold, curve)
            for label, name in ((0, "real"), (1, "fake")):
                bins = scores.histogram(probabilities[labels == label])
                histogram += [curve | {"label": name, "fake_probability": middle, "count": n} for middle, n in bins]
    roc += [{"curve": "chance", "false_positive_rate": end, "recall": end} for end in (0.0, 1.0)]
    for name, rows in (("roc", roc), ("pr", pr), ("confusion", confusion), ("scores", histogram)):
        text = pd.DataFrame(rows).to_csv(index=False, float_format="%.6f", lineterminator="\n")
        write_whole(f"plots/{name}.csv", text.encode())


def _confusion(labels, probabilities, threshold: float, curve: dict) -> list[dict]:
    """The four cells, with the share of the actual class in each."""
    rows = []
    for label, actual in ((0, "real"), (1, "fake")):
        flagged = int((probabilities[labels == label] >= threshold).sum())
        total = int((labels == label).sum())
        for predicted, count in (("real", total - flagged), ("fake", flagged)):
            share = count / total if total else 0.0
            rows.append(curve | {"actual": actual, "predicted": predicted, "count": count, "share": share})
    return rows


def _write_table(path: str, rows: pd.DataFrame, schema) -> None:
    tables.write(path, tables.make(rows[list(schema.columns)].to_dict("records"), schema), schema)


if __name__ == "__main__":
    console.run_stage(main, __doc__)
