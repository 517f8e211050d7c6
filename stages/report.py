"""The run as one page for a person, which needs no network: figures, charts, what was checked, and the limits.

    python -m stages.report

reads   metrics/*.json, plots/*.csv, plots/mistakes/, models/decision.json
makes   plots/run_report.html
"""

import json
from pathlib import Path

import pandas as pd

from deepfake_detector import console, contract, html_page, params, run_report
from deepfake_detector.files import write_whole
from deepfake_detector.html_page import Section

METRICS = ("split", "verify", "train", "evaluation", "robustness")
TABLES = ("roc", "pr", "scores", "reliability", "methods", "slices", "robustness", "training")
PAGE = Path("plots/run_report.html")


def main() -> str:
    data_sets, split, train, evaluate = params.read("data_sets", "split", "train", "evaluate")
    metrics = {name: json.loads(Path(f"metrics/{name}.json").read_text()) for name in METRICS}
    tables = {name: pd.read_csv(f"plots/{name}.csv") for name in TABLES}
    threshold = contract.read_decision("models/decision.json").threshold
    sheets = {path.stem: path.read_bytes() for path in sorted(Path("plots/mistakes").glob("*.jpg"))}
    drawn = all(data_set.layout == "demo" for data_set in data_sets.values() if data_set.use == "train")
    sections = [
        run_report.in_short(
            metrics["split"], metrics["train"], metrics["evaluation"], split.policy, train.model_dump()
        ),
        run_report.headline(metrics["evaluation"]),
        run_report.charts(tables, evaluate.splits, threshold),
        run_report.across_sets(metrics["evaluation"], {name: one.use for name, one in data_sets.items()}),
        run_report.by_kind(tables, evaluate.splits),
        run_report.robustness(metrics["robustness"], tables["robustness"]),
        *run_report.mistakes(sheets),
        run_report.training(tables["training"], metrics["train"]),
        run_report.data_checks(metrics["verify"]),
        Section("Limits", run_report.LIMITS),
    ]
    page = html_page.render("The run", [run_report.DEMONSTRATION] if drawn else [], sections)
    write_whole(PAGE, page)
    return f"{PAGE}, {len(page) / 1e6:.1f} MB"


if __name__ == "__main__":
    console.run_stage(main, __doc__)
