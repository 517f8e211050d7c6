"""People and source videos that several data sets name alike."""

import pandas as pd


def same_names(index: pd.DataFrame) -> list[str]:
    """Names among the sources that several data sets use, each for itself, sorted."""
    named: dict[str, set[str]] = {}
    for data_set, sources in zip(index["data_set"], index["sources"], strict=True):
        for source in filter(None, sources.split(";")):
            prefix, _, name = source.partition(":")
            if prefix == data_set:
                named.setdefault(name, set()).add(data_set)
    return sorted(name for name, sets in named.items() if len(sets) > 1)
