"""A plain recipe to be measured against: what a short hand-written script makes of the same split.

    python -m benchmarks.reference_recipe [--epochs 14] [--out reference.csv] [--split val]
                                          [--against data/predictions.csv]

Run it in a project whose index holds ready crops (others are left out) and whose split exists.
ResNet-18 from random weights, pictures as they are at 128 pixels, AdamW with a one-cycle rate,
flip, shift and colour, mean over a flip at test; the last epoch counts, so validation is not used.
It writes the logits of validation and test, once, and prints the frame ROC-AUC of the split asked
for with its 95 % interval; with `--against`, the paired difference of the pipeline's predictions
for the same faces.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score
from torchvision.models import resnet18

from deepfake_detector.datasets.settings import PARTS
from deepfake_detector.scoring.intervals import Scores, intervals, mean_difference_intervals
from deepfake_detector.storage import tables

SIZE, BATCH, HIGHEST_RATE = 128, 64, 2e-3
MEAN = np.array([124, 116, 104], np.float32)
STD = np.array([58, 57, 57], np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=14, help="(default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, default=Path("reference.csv"), help="(default: %(default)s)"
    )
    parser.add_argument(
        "--split",
        choices=("val", "test"),
        default="val",
        help="whose figures are printed; test: once (default: %(default)s)",
    )
    parser.add_argument("--against", type=Path, help="the pipeline's data/predictions.csv")
    arguments = parser.parse_args()
    if not arguments.out.exists():
        _run(arguments.epochs).to_csv(arguments.out, index=False)
    _print(pd.read_csv(arguments.out), arguments.split, arguments.against)


def _run(epochs: int) -> pd.DataFrame:
    torch.manual_seed(1)
    index = tables.read("data/index.csv", tables.INDEX).set_index("item")
    index = index.loc[index["kind"] == "face", "path"]
    splits = (tables.read(f"data/splits/{part}.csv", tables.SPLIT) for part in PARTS)
    train, val, test = (split[split["item"].isin(index.index)] for split in splits)
    images, labels = _pictures(index[train["item"]]), torch.tensor(train["label"].to_numpy(int))
    net = resnet18(num_classes=2).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=HIGHEST_RATE, weight_decay=0.05)
    steps = len(images) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, HIGHEST_RATE, total_steps=steps * epochs
    )
    rng = np.random.default_rng(1)
    for epoch in range(epochs):
        net.train()
        total = 0.0
        for rows in rng.permutation(len(images))[: steps * BATCH].reshape(steps, BATCH):
            batch = _batch([_changed(images[row], rng) for row in rows])
            loss = torch.nn.functional.cross_entropy(net(batch), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1} of {epochs}: loss {total / steps:.4f}", flush=True)
    both = pd.concat([val.assign(split="val"), test.assign(split="test")])
    return both[["item", "label", "group", "split"]].assign(
        logit=_logits(net.eval(), _pictures(index[both["item"]]))
    )


@torch.inference_mode()
def _logits(net: torch.nn.Module, images: list[np.ndarray]) -> np.ndarray:
    logits = []
    for start in range(0, len(images), BATCH):
        part = images[start : start + BATCH]
        both = net(_batch(part)) + net(_batch([image[:, ::-1] for image in part]))
        logits.append((both[:, 1] - both[:, 0]).numpy() / 2)
    return np.concatenate(logits)


def _pictures(paths: pd.Series) -> list[np.ndarray]:
    return [
        cv2.resize(np.asarray(cv2.imread(path)), (SIZE, SIZE), interpolation=cv2.INTER_AREA)[
            ..., ::-1
        ]
        for path in paths
    ]


def _batch(images: list[np.ndarray]) -> torch.Tensor:
    pixels = torch.from_numpy(np.stack([(image - MEAN) / STD for image in images]))
    return pixels.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def _changed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.5:
        image = image[:, ::-1]
    image = np.roll(image, rng.integers(-8, 9, 2), axis=(0, 1))
    return np.clip(
        image * rng.uniform(0.85, 1.15, 3).astype(np.float32) + rng.uniform(-15, 15), 0, 255
    )


def _print(reference: pd.DataFrame, split: str, against: Path | None) -> None:
    reference = reference[reference["split"] == split]
    _print_one("reference", reference)
    if not against:
        return
    ours = tables.read(against, tables.PREDICTIONS)
    ours = ours[(ours["split"] == split) & (ours["track"] == 0)]
    both = reference.merge(ours[["item", "logit"]], on="item", suffixes=("_reference", ""))
    print(f"{len(both)} faces that both have judged, of {len(reference)}:")
    _print_one("the pipeline", both)
    _print_one("reference", both.assign(logit=both["logit_reference"]))
    labels, groups = both["label"].to_numpy(int), both["group"].to_numpy()
    ours_scored, theirs_scored = (
        [Scores(both[name].to_numpy())] for name in ("logit", "logit_reference")
    )
    sure = mean_difference_intervals(labels, ours_scored, theirs_scored, groups, ["roc_auc"])
    low, high = sure.ends["roc_auc"]
    difference = roc_auc_score(both["label"], both["logit"]) - roc_auc_score(
        both["label"], both["logit_reference"]
    )
    print(f"difference {difference:+.4f} (95 % interval {low:+.4f} to {high:+.4f})")


def _print_one(name: str, rows: pd.DataFrame) -> None:
    low, high = intervals(rows["label"], Scores(rows["logit"]), rows["group"], ["roc_auc"]).ends[
        "roc_auc"
    ]
    auc = roc_auc_score(rows["label"], rows["logit"])
    print(
        f"{name}: frame ROC-AUC {auc:.4f} (95 % interval {low:.4f} to {high:.4f}), {len(rows)} "
        "faces"
    )


if __name__ == "__main__":
    main()
