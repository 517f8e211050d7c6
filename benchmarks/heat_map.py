"""Whether the heat map shows what raised the score: faces blurred away, or brought back, in the
map's order.

    python -m benchmarks.heat_map [--model models/detector.onnx] [--part val] [--faces 400]

Run it in a project whose model is exported. Of fakes of that part of the split, one face of each,
the hottest places are blurred first (deletion: the score should fall soon), or are the first to be
seen sharp in a blurred face (insertion: it should rise soon); after Petsiuk et al. 2018. The same
by maps that know nothing of the network: places at random, and the nearest to the centre first. A
curve comes down to its mean logit; differences to the centre have 95 % intervals over groups.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from deepfake_detector.common import console
from deepfake_detector.contract import model_file
from deepfake_detector.faces.cutting import resize
from deepfake_detector.pages import overlay
from deepfake_detector.storage import tables
from deepfake_detector.storage.archive import FACES, ArchiveReader

STEPS = 8
BLUR = 1 / 8  # of the side: sigma; nothing of a face is left but its colours
RESAMPLES = 2000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", type=Path, default=Path("models/detector.onnx"), help="(default: %(default)s)"
    )
    parser.add_argument(
        "--part", choices=("val", "test"), default="val", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--faces", type=int, default=400, help="at most, evenly chosen (default: %(default)s)"
    )
    arguments = parser.parse_args()
    model = model_file.load(arguments.model)
    rows = _fakes(arguments.part, arguments.faces)
    found = pd.DataFrame(list(_areas(model, rows)))
    print(f"{len(rows)} fake faces of {rows['group'].nunique()} groups, {STEPS} steps")
    print("| order | deletion: mean logit, lower is better | insertion: higher is better |")
    print("|---|---|---|")
    for name in ("heat map", "centre", "random"):
        cells = [
            f"{found[name, way].mean():.2f} ({_difference(found, name, way, rows['group'])})"
            for way in ("deletion", "insertion")
        ]
        print(f"| {name} | {' | '.join(cells)} |")


def _fakes(part: str, most: int) -> pd.DataFrame:
    """The first face of the dominant track of fakes, evenly over the split."""
    split = tables.read(f"data/splits/{part}.csv", tables.SPLIT)
    faces = tables.read("data/faces.csv", tables.FACES)
    fakes = faces[faces["track"] == 0].merge(split[split["label"] == 1], on="item")
    firsts = fakes.groupby("item", sort=True).head(1).reset_index(drop=True)
    chosen = np.unique(np.linspace(0, len(firsts) - 1, most).astype(int))
    return firsts.iloc[chosen].reset_index(drop=True)


def _areas(model: model_file.Model, rows: pd.DataFrame) -> Iterator[dict[tuple[str, str], float]]:
    """Of each face the mean logit along each curve."""
    side = model.contract.crop.input_size
    with ArchiveReader(FACES) as reader:
        for number, row in console.progress(rows.iterrows(), len(rows), "faces", "face"):
            crop = resize(reader.picture(row["archive"], row["member"]), side)
            (_,), (heat,) = model.judge([crop])
            rng = np.random.default_rng(number)
            orders = {
                "heat map": overlay.spread(heat, side, model_file.STRIDE),
                "centre": _nearness_to_centre(side),
                "random": rng.random(heat.shape),
            }
            yield {
                (name, way): float(model.judge(_curve(crop, order, way))[0].mean())
                for name, order in orders.items()
                for way in ("deletion", "insertion")
            }


def _curve(crop: np.ndarray, order: np.ndarray, way: str) -> list[np.ndarray]:
    """The face with more and more of its places, the highest of `order` first, blurred or sharp."""
    side = len(crop)
    blurred = cv2.GaussianBlur(crop, (0, 0), side * BLUR)
    first, then = (blurred, crop) if way == "deletion" else (crop, blurred)
    large = cv2.resize(order.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)
    ranks = np.argsort(np.argsort(-large, axis=None, kind="stable")).reshape(side, side, 1)
    return [
        np.where(ranks < share * side * side, first, then) for share in np.linspace(0, 1, STEPS + 1)
    ]


def _nearness_to_centre(side: int) -> np.ndarray:
    away = np.abs(np.arange(side) - (side - 1) / 2)
    return -np.hypot(away[:, None], away)


def _difference(found: pd.DataFrame, name: str, way: str, groups: pd.Series) -> str:
    """To the centre: mean and percentile interval over resampled groups."""
    of_groups = (found[name, way] - found["centre", way]).groupby(groups).agg(["sum", "count"])
    rng = np.random.default_rng(1)
    drawn = rng.integers(0, len(of_groups), (RESAMPLES, len(of_groups)))
    sums, counts = (of_groups[column].to_numpy()[drawn].sum(1) for column in ("sum", "count"))
    low, high = np.quantile(sums / counts, [0.025, 0.975])
    mean = of_groups["sum"].sum() / of_groups["count"].sum()
    return f"{mean:+.2f}, {low:+.2f} to {high:+.2f}"


if __name__ == "__main__":
    main()
