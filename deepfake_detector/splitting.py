"""Split items into train, val and test so that whatever shares a person, a source, an original or a file stays together."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from deepfake_detector import UserError

PARTS = ("train", "val", "test")


def links(index: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    """Every link (item, item, why) between rows of the index: a shared source, a published original, the same file."""
    holders: dict[tuple[str, str], str] = {}
    for row in index.sort_values("item").itertuples():
        marks = [("source", source) for source in row.sources.split(";") if source]
        marks += [("original", row.original or row.item), ("file", row.md5)]
        for mark in marks:
            holder = holders.setdefault(mark, row.item)
            if holder != row.item:
                yield holder, row.item, f"{mark[0]} {mark[1]}"


def groups(index: pd.DataFrame) -> pd.Series:
    """Item -> the group it belongs to: the connected components of `links`, named after their first item."""
    items = index["item"].sort_values().to_list()
    number = {item: position for position, item in enumerate(items)}
    pairs = np.array([(number[one], number[other]) for one, other, _ in links(index)], int).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(items), len(items)))
    _, component = connected_components(graph, directed=False)
    names = pd.Series(items).groupby(component).transform("min")
    return pd.Series(names.to_numpy(), index=items, name="group")


def assign(items: pd.DataFrame, shares: dict[str, float], seed: int) -> pd.Series:
    """Group -> part, for items with columns item, label, method, group and use.

    Groups that hold an item of `use: test` go to test. Of the others every part with a share gets both classes first;
    then each group, largest first, goes where it brings the counts of every method nearest to the shares.
    Raises UserError where the groups do not suffice to give each part both classes.
    """
    held_out = items.groupby("group")["use"].agg(lambda use: (use == "test").any())
    placed = dict.fromkeys(held_out.index[held_out], "test")
    counts = pd.crosstab(items["group"], items["method"])
    free = [group for group in counts.index if group not in placed]
    order = np.random.default_rng(seed).permutation(len(free))
    free = sorted((free[position] for position in order), key=lambda group: -counts.loc[group].sum())
    parts = [part for part in PARTS if shares[part] > 0]
    targets = pd.DataFrame({part: counts.loc[free].sum() * shares[part] for part in parts}).T
    filled = pd.DataFrame(0.0, index=parts, columns=counts.columns)
    for part, group in _both_classes(free, counts, parts, shares):
        placed[group] = part
        filled.loc[part] += counts.loc[group]
    for group in free:
        if group not in placed:
            placed[group] = min(parts, key=lambda part: _excess(filled.loc[part], counts.loc[group], targets.loc[part]))
            filled.loc[placed[group]] += counts.loc[group]
    return pd.Series(placed, name="part").rename_axis("group").sort_index()


def leaks(index: pd.DataFrame, part_of: dict[str, str]) -> list[str]:
    """Links between items of different parts, a sentence each; items without a part are left out."""
    return [
        f"{one} ({part_of[one]}) and {other} ({part_of[other]}) share {why}"
        for one, other, why in links(index[index["item"].isin(part_of)])
        if part_of[one] != part_of[other]
    ]


def _both_classes(
    free: list[str], counts: pd.DataFrame, parts: list[str], shares: dict[str, float]
) -> Iterator[tuple[str, str]]:
    """(part, group) pairs that give each part, the smallest first, both classes from its share of smallest groups."""
    real = counts.get("real", pd.Series(0, index=counts.index))
    fake = counts.sum(axis=1) - real
    left = sorted(free, key=lambda group: counts.loc[group].sum())
    for part in sorted(parts, key=lambda part: shares[part]):
        mixed = next((group for group in left if real[group] and fake[group]), None)
        chosen = [mixed] if mixed else [next((g for g in left if kind[g]), None) for kind in (real, fake)]
        groups = [group for group in chosen if group]
        if len(groups) < len(chosen):
            raise UserError(
                f"too few groups to give {', '.join(parts)} both classes each: {len(free)} groups, "
                f"{int((real[free] > 0).sum())} with real and {int((fake[free] > 0).sum())} with fake items; add material, "
                "or set split.test to 0 and name a data set with `use: test`"
            )
        for group in groups:
            left.remove(group)
            yield part, group


def _excess(filled: pd.Series, added: pd.Series, target: pd.Series) -> float:
    """How much further from its target a part is with the group added, over all methods."""
    scale = target.clip(lower=1e-9)
    return float((((filled + added - target) ** 2 - (filled - target) ** 2) / scale).sum())
