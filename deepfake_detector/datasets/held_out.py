"""What training never sees is measured apart: the place of each row in figures and tables.

A place is a part of the split (of what is in-set), the name of a held-out data set, or
`<data set>/<method>` for the test fakes of a forgery method that is held out.
"""

from collections.abc import Collection

import pandas as pd


def places(
    rows: pd.DataFrame, part: pd.Series, data_sets: Collection[str], methods: Collection[str]
) -> pd.Series:
    """The place of each row (columns data_set, label, method); `data_sets` and `methods` are held
    out."""
    whole = rows["data_set"].isin(data_sets)
    unseen = (part == "test") & (rows["label"] == 1) & rows["method"].isin(methods) & ~whole
    of_method = rows["data_set"] + "/" + rows["method"]
    return part.mask(whole, rows["data_set"]).mask(unseen, of_method)


def rows_at(table: pd.DataFrame, place: str) -> pd.DataFrame:
    """The rows (columns split, data_set, label) that a place is measured on: its own, and for the
    fakes of a method the in-set test reals of their data set, which stand in the table once."""
    at_place = table["split"] == place
    if (data_set := place.partition("/")[0]) == place:
        return table[at_place]
    reals = (table["split"] == "test") & (table["label"] == 0) & (table["data_set"] == data_set)
    return table[at_place | reals]
