"""How much of the crops lies outside their pictures, and repeats the edge.

Where a class was cut more tightly than the other before it came here, a detector could learn that.
"""

import pandas as pd

from deepfake_detector.faces.cutting import filled_in
from deepfake_detector.faces.face import Face
from deepfake_detector.storage.tables import DOMINANT

BOX = ["x", "y", "width", "height"]


def shares_filled_in(faces: pd.DataFrame, frames: pd.DataFrame, margin: float) -> pd.Series:
    """By item with a face, the median fraction (0..1) over its dominant track.

    `faces` and `frames` are the tables of these names; the crops were cut with that `margin`.
    """
    shown = faces[(faces["status"] == "ok") & (faces["track"] == DOMINANT)]
    sizes = frames[["item", "frame", "width", "height"]]
    rows = shown[["item", "frame", *BOX]].merge(sizes, on=["item", "frame"], suffixes=("", "_all"))
    shares = [
        filled_in(
            Face(row.x, row.y, row.width, row.height, 1.0), margin, row.width_all, row.height_all
        )
        for row in rows.itertuples()
    ]
    return pd.Series(shares, rows["item"], float, name="filled_in").groupby(level=0).median()
