"""A smaller set that still stands for the whole: evenly over the order, never at random."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

Item = TypeVar("Item")


def evenly(items: Sequence[Item], count: int) -> list[Item]:
    """At most `count` of the items, spread evenly over their order."""
    if len(items) <= count:
        return list(items)
    return [items[place] for place in ((np.arange(count) + 0.5) * len(items) / count).astype(int)]


def spread(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """At most `count` of the rows, spread evenly from the first to the last."""
    places = np.linspace(0, len(rows) - 1, min(len(rows), count)).round().astype(int)
    return rows.iloc[places]


def of_each_class(split: pd.DataFrame, per_class: int) -> pd.DataFrame:
    """The rows of at most `per_class` items of each label, spread evenly over the order of the
    rows; of all where it is 0."""
    if not per_class:
        return split
    items = [
        item for _, rows in split.groupby("label") for item in evenly(list(rows["item"]), per_class)
    ]
    return split[split["item"].isin(items)]
