"""What a row of the tables of frames and of faces came to, in its column `status`; of one that
could not be read it is the reason."""

import pandas as pd

OK = "ok"
NO_FACE = "no face"
TOO_SMALL = "face too small"


def ok(rows: pd.DataFrame) -> pd.DataFrame:
    """Those that have a picture."""
    return rows[rows["status"] == OK]
