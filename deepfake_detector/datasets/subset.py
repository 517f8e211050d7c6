"""A smaller set that still stands for the whole: evenly over the order, never at random."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

One = TypeVar("One")


def evenly(many: Sequence[One], count: int) -> list[One]:
    """At most `count` of them, evenly over their order."""
    if len(many) <= count:
        return list(many)
    return [many[place] for place in ((np.arange(count) + 0.5) * len(many) / count).astype(int)]


def of_each_class(split: pd.DataFrame, per_class: int) -> pd.DataFrame:
    """The rows of so many items of each `label`, evenly over their names; 0: all."""
    if not per_class:
        return split
    items = [
        item for _, rows in split.groupby("label") for item in evenly(list(rows["item"]), per_class)
    ]
    return split[split["item"].isin(items)]
