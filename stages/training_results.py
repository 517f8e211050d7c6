"""The figures of the training run: its best epoch on validation, and whether it learned anything.

    python -m stages.training_results

reads   plots/training.csv, data/validation.csv
makes   metrics/train.json
"""

import pandas as pd

from deepfake_detector.storage import tables
from deepfake_detector.storage.files import read_made, write_json
from deepfake_detector.training import results
from stages import runner


def main() -> str:
    history = read_made("plots/training.csv", pd.read_csv)
    validation = tables.read("data/validation.csv", tables.VALIDATION)
    figures = results.figures(history, validation)
    write_json("metrics/train.json", figures)
    auc, low, high = (figures[f"val_video_roc_auc{end}"] for end in ("", "_low", "_high"))
    if figures["learned"] is None:
        return f"validation ROC-AUC by video {auc:.3f}, {figures['reason']} for an interval"
    learned = "learned" if figures["learned"] else "learned nothing"
    return f"this run {learned}: validation ROC-AUC by video {auc:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    runner.run(main, __doc__)
