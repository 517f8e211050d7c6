"""How much of the crops lies outside their pictures, and repeats the edge.

A detector learns less from such crops, as the faces in them are smaller. Where one class was cut
more tightly than the other before it came here, it could learn that.
"""

import pandas as pd

from deepfake_detector.common import statuses
from deepfake_detector.faces.cutting import filled_in
from deepfake_detector.faces.face import Face
from deepfake_detector.storage.tables import DOMINANT

BOX = ["x", "y", "width", "height"]
TIGHT = 0.25  # of a crop; a face that is cut out of a whole picture is far below
NO_MARGIN = 1.0  # the square is the face box


def shares_filled_in(faces: pd.DataFrame, frames: pd.DataFrame, margin: float) -> pd.Series:
    """By item with a face, the median fraction (0..1) over its dominant track.

    `faces` and `frames` are the tables of these names; the crops were cut with that `margin`.
    """
    shown = statuses.ok(faces[faces["track"] == DOMINANT])
    sizes = frames[["item", "frame", "width", "height"]]
    rows = shown[["item", "frame", *BOX]].merge(sizes, on=["item", "frame"], suffixes=("", "_all"))
    shares = [
        filled_in(
            Face(row.x, row.y, row.width, row.height, 1.0), margin, row.width_all, row.height_all
        )
        for row in rows.itertuples()
    ]
    return pd.Series(shares, rows["item"], float, name="filled_in").groupby(level=0).median()


def warning(faces: pd.DataFrame, frames: pd.DataFrame, margin: float) -> list[str]:
    """A sentence for each data set of whose items the median crop repeats the edge in a quarter of
    it or more, where less than `margin` would make that less.

    `faces` and `frames` as for `shares_filled_in`.
    """
    now, least = (
        shares_filled_in(faces, frames, side).groupby(lambda item: item.split("/")[0]).median()
        for side in (margin, NO_MARGIN)
    )
    return [
        f"{name}: the pictures are tight, so {now[name]:.0%} of a crop repeats their edge; with "
        f"crop_faces.margin {NO_MARGIN:g} it would be {least[name]:.0%}"
        for name in now.index
        if now[name] >= TIGHT and least[name] < now[name]
    ]
