"""The column `status` of the tables of frames and of faces: what became of a row. Of an item that
could not be read it is the reason."""

import pandas as pd

OK = "ok"
NO_FACE = "no face"
TOO_SMALL = "face too small"


def ok(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that have a picture."""
    return rows[rows["status"] == OK]
