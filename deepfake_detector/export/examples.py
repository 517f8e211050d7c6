"""Example clips for the page, taken from a drawn data set."""

from pathlib import Path

import pandas as pd

from deepfake_detector.storage.files import write_whole


def write(drawn: pd.DataFrame, test: pd.DataFrame, folder: Path) -> int:
    """Copy one clip of each method and one still of each from the test split to `folder`, and
    return how many.

    `drawn` holds the index rows of drawn data sets, `test` the rows of the test split: people the
    model has not learned from. Real data are never copied.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = drawn[drawn["item"].isin(test["item"])].sort_values("item")
    chosen = rows.drop_duplicates(["method", "kind"])
    for row in chosen.itertuples():
        label = "real" if row.label == 0 else f"fake_{row.method}"
        name = f"{label}_{row.kind}{Path(row.path).suffix}"
        write_whole(folder / name, Path(row.path).read_bytes())
    return len(chosen)
