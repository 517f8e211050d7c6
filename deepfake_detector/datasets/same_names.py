"""People and source videos that several data sets name alike."""

import pandas as pd


def same_names(index: pd.DataFrame) -> dict[str, list[str]]:
    """Sources that several data sets name alike, each for itself: name -> those data sets."""
    named: dict[str, set[str]] = {}
    for data_set, sources in zip(index["data_set"], index["sources"], strict=True):
        for source in filter(None, sources.split(";")):
            prefix, _, name = source.partition(":")
            if prefix == data_set:
                named.setdefault(name, set()).add(data_set)
    return {name: sorted(sets) for name, sets in sorted(named.items()) if len(sets) > 1}
