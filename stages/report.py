"""The run as one page for a person, which needs no network: figures, charts, what was checked, and
the limits; and the exported model's card.

    python -m stages.report

reads   metrics/*.json, plots/*.csv, plots/mistakes/, models/decision.json, models/quality.json,
        data/splits/, .dvc/plots/*.json
makes   plots/run_report.html, models/MODEL_CARD.md
"""

from pathlib import Path

import pandas as pd

from deepfake_detector import contract, params
from deepfake_detector.datasets.settings import PARTS
from deepfake_detector.evaluation import model_card, run_report
from deepfake_detector.pages import html_page
from deepfake_detector.pages.html_page import Section
from deepfake_detector.storage import tables
from deepfake_detector.storage.files import read_json, read_made, write_whole
from stages import runner

METRICS = ("split", "verify", "train", "evaluation", "summary", "export", "quality", "robustness")
TEMPLATES = Path(".dvc/plots")
PAGE, CARD = Path("plots/run_report.html"), Path("models/MODEL_CARD.md")


def main() -> str:
    settings = params.load()
    data_sets = settings.data_sets
    metrics = {name: read_made(f"metrics/{name}.json", read_json) for name in METRICS}
    plots = {name: read_made(f"plots/{name}.csv", pd.read_csv) for name in run_report.CHARTS}
    templates = {name: read_json(TEMPLATES / f"{name}.json") for name in run_report.CHARTS}
    decision = contract.read_decision("models/decision.json")
    limits = contract.read_quality("models/quality.json")
    sheets = {path.stem: path.read_bytes() for path in sorted(Path("plots/mistakes").glob("*.jpg"))}
    measured = run_report.measured_last(metrics["evaluation"])
    charts = run_report.draw(templates, plots, list(measured), decision.threshold)
    policy, recipe = settings.split.policy, settings.train.model_dump()
    sections = [
        run_report.in_short(
            metrics["split"], metrics["train"], metrics["evaluation"], policy, recipe
        ),
        run_report.headline(
            metrics["summary"], measured | {"val": metrics["evaluation"].get("val", {})}
        ),
        run_report.in_pictures(charts),
        run_report.across_sets(metrics["evaluation"], run_report.learned_from(data_sets)),
        run_report.by_kind(charts),
        run_report.quality(limits, metrics["quality"]),
        run_report.robustness(metrics["robustness"], charts["robustness"]),
        *run_report.mistakes(sheets),
        run_report.training(metrics["train"], settings.train, charts["training"]),
        run_report.data_checks(metrics["verify"]),
        Section("Limits", run_report.LIMITS),
    ]
    stops = [run_report.DEMONSTRATION] if run_report.only_drawn(data_sets) else []
    page = html_page.render("The run", stops, sections, contents=True)
    write_whole(PAGE, page)
    card = model_card.card(metrics, decision, limits, _items(), data_sets, policy, recipe)
    write_whole(CARD, card.encode())
    return f"{PAGE}, {len(page) / 1e6:.1f} MB; {CARD}"


def _items() -> pd.DataFrame:
    """What was dealt out, with the part it went to."""
    return pd.concat(
        [tables.read(f"data/splits/{part}.csv", tables.SPLIT).assign(part=part) for part in PARTS]
    )


if __name__ == "__main__":
    runner.run(main, __doc__)
