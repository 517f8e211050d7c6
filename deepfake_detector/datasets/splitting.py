"""Split items into train, val and test so that items that share a person, a source, an original or
a file stay together."""

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from deepfake_detector import UserError
from deepfake_detector.datasets.settings import PARTS, Split

LARGEST_SHARE = 0.5  # of the items in one group
TIES_NAMED = 5
SHOWN = 3  # items named of each side of a leak
MORE_TO_VALIDATE = "add clips, of more people or other sources, or raise split.val"


@dataclass(frozen=True)
class Leak:
    """Something that items of more than one part share: `shared` names it, `items` are those items
    by part."""

    shared: str
    items: dict[str, list[str]]

    @property
    def sides(self) -> str:
        """The first items of each part, in words."""
        return "; ".join(f"{part} {_first_of(items)}" for part, items in self.items.items())

    def __str__(self) -> str:
        return f"{self.shared}: {self.sides}"


def marks(index: pd.DataFrame, near: pd.DataFrame) -> dict[str, list[str]]:
    """What ties items together (a source, a published original, the same file, look) -> the items
    that bear it, sorted.

    `near` has pairs of items (item, other) whose pictures are nearly alike.
    """
    bearers: dict[str, list[str]] = {}
    for row in index.sort_values("item").itertuples():
        item_marks = [f"source {source}" for source in row.sources.split(";") if source]
        # of what was made from it, and of what it was made from itself
        item_marks += [f"original {name}" for name in (row.item, row.original) if name]
        item_marks += [f"file {row.md5}"] if row.md5 else []
        for mark in dict.fromkeys(item_marks):
            bearers.setdefault(mark, []).append(row.item)
    items = set(index["item"])
    pairs = zip(near["item"], near["other"], strict=True)
    return bearers | {
        f"near-duplicates {item} and {other}": [item, other]
        for item, other in pairs
        if {item, other} <= items
    }


def without_unread(index: pd.DataFrame, verified: pd.DataFrame) -> pd.DataFrame:
    """The index, where files that could not be read (table `verified`) have no md5: to be the same
    empty file, or the same error page that was saved in its place, says nothing of two items."""
    unread = verified.loc[verified["reason"].str.startswith("unreadable"), "item"]
    return index.assign(md5=index["md5"].mask(index["item"].isin(unread), ""))


def groups(index: pd.DataFrame, near: pd.DataFrame) -> pd.Series:
    """Item -> the group it belongs to: the connected components of shared `marks`, named after
    their first item."""
    items = index["item"].sort_values().to_list()
    number = {item: position for position, item in enumerate(items)}
    tied = [
        (number[bearers[0]], number[other])
        for bearers in marks(index, near).values()
        for other in bearers[1:]
    ]
    pairs = np.array(tied, int).reshape(-1, 2)
    graph = coo_matrix(
        (np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(items), len(items))
    )
    _, component = connected_components(graph, directed=False)
    names = pd.Series(items).groupby(component).transform("min")
    return pd.Series(names.to_numpy(), index=items, name="group")


def refuse_one_group(
    index: pd.DataFrame, near: pd.DataFrame, group: pd.Series, items: pd.DataFrame
) -> None:
    """Raises UserError, with what ties them, where one `group` (of each item of the index) holds
    more than half of the `items` that are to be split."""
    to_split = items[items["use"] == "train"]
    sizes = to_split.groupby("group").size()
    if sizes.empty or sizes.max() <= LARGEST_SHARE * len(to_split):
        return
    borne = marks(index[index["item"].map(group) == sizes.idxmax()], near)
    ties = {mark: len(bearers) for mark, bearers in borne.items() if len(bearers) > 1}
    chief = sorted(ties, key=lambda mark: (-ties[mark], mark))[:TIES_NAMED]
    raise UserError(
        f"one group holds {sizes.max()} of {len(to_split)} items, so there is nothing to split; it is "
        f"tied by {', '.join(f'{mark} ({ties[mark]} items)' for mark in chief)}",
        "fix wrong sources or originals, add other material, or name the data set with `use: test`",
    )


def placed(items: pd.DataFrame, split: Split) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The items (with their group) that have a part, in the column `part`; those that the policy
    leaves out; and those that `hold_out` does. Raises UserError where that cannot be had."""
    shares = {part: getattr(split, part) for part in PARTS}
    items = items.assign(part=part_of(items, split.policy, shares, split.seed))
    left_out, items = items[items["part"].isna()], items.dropna(subset="part")
    methods, select_by = split.hold_out.methods, split.hold_out.selecting_method
    items = items.assign(part=without_unseen(items, methods, select_by))
    return items.dropna(subset="part"), left_out, items[items["part"].isna()]


def part_of(items: pd.DataFrame, policy: str, shares: dict[str, float], seed: int) -> pd.Series:
    """The part of each item (in their order) by `assign` or, with the policy `official` or
    `strict`, `assign_published`; none for what the policy leaves out. Where no val is published,
    whole groups of the published train are drawn for it. Raises UserError where there is no
    published split."""
    if policy == "shares":
        return items["group"].map(assign(items, shares, seed))
    to_split = items[items["use"] == "train"]
    if not (to_split["official_split"] != "").any():
        raise UserError(
            f"split.policy is {policy}, but no item has a published split",
            "put the published lists where docs/data-sets.md shows them, or set it to shares",
        )
    part = items["item"].map(assign_published(items, strict=policy == "strict"))
    if has_val(items):
        return part
    learned = items[(part == "train") & (items["use"] == "train")]
    both = shares["train"] + shares["val"]
    of_both = {"train": shares["train"] / both, "val": shares["val"] / both, "test": 0.0}
    drawn = learned["group"].map(assign(learned, of_both, seed))
    return part.where(~part.index.isin(learned.index), drawn)


def has_val(items: pd.DataFrame) -> bool:
    """Whether a val is published for those of the items that are of `use: train`."""
    return bool(((items["official_split"] == "val") & (items["use"] == "train")).any())


def moved(items: pd.DataFrame) -> pd.DataFrame:
    """Those of the items (columns official_split, use, part) of `use: train` that are not where
    they were published, except for what was drawn for a val where none is published."""
    published = items[(items["use"] == "train") & (items["official_split"] != "")]
    away = published[published["official_split"] != published["part"]]
    return away if has_val(items) else away[away["part"] != "val"]


def refuse_unknown_methods(held_out: Set[str], known: Set[str]) -> None:
    """Raises UserError unless the forgery methods `held_out` are among the `known` ones of the data
    sets of `use: train`."""
    if unknown := sorted(held_out - known):
        raise UserError(
            f"split.hold_out: {', '.join(unknown)} is no forgery method of the data sets of "
            "`use: train`",
            f"choose one of {', '.join(sorted(known))}",
        )


def without_unseen(
    items: pd.DataFrame, methods: Collection[str], select_by: str | None
) -> pd.Series:
    """The part of each item (columns item, label, method, group, use, part) where the forgery
    `methods` and `select_by` are kept from training; None for what is left out.

    The groups stay where they are, so that runs with and without can be compared: a fake of
    `methods` stands in test where its group does and is left out elsewhere, and so is one of
    `select_by` in train. Groups of nothing but `methods` go to test. Raises UserError where a
    method is not known, or is left without a fake that it is meant for.
    """
    fakes = (items["label"] == 1) & (items["use"] == "train")
    measured = [*((name, "test") for name in methods), *([(select_by, "val")] if select_by else [])]
    refuse_unknown_methods({name for name, _ in measured}, set(items["method"][fakes]))
    held = fakes & items["method"].isin(methods)
    apart = held.groupby(items["group"]).transform("all")
    part = items["part"].mask(apart, "test")
    selecting = fakes & items["method"].isin([select_by] if select_by else [])
    part = part.mask((held & ~part.isin(["test"])) | (selecting & part.isin(["train"])), None)
    for name, place in measured:
        if not (fakes & items["method"].isin([name]) & part.isin([place])).any():
            raise UserError(
                f"split.hold_out: no fake of {name} is in {place}, where it is to be measured",
                f"raise split.{place}, choose another split.seed, or add material",
            )
    return part


def refuse_one_class(items: pd.DataFrame, policy: str, learns_from_fakes: bool) -> None:
    """Raises UserError where a part (columns part, label) lacks a class; train needs fakes only
    where they are learned from."""
    remedy = (
        "add material, change split's shares, name a data set with `use: test`, or hold out fewer "
        "methods (split.hold_out)"
    )
    if policy != "shares":
        remedy = "the published split may have no such part: set split.policy to shares"
    for part in PARTS:
        labels = set(items.loc[items["part"] == part, "label"])
        wanted = {0, 1} if learns_from_fakes or part != "train" else {0}
        if not wanted <= labels:
            raise UserError(
                f"{part} has {'no items' if not labels else f'only label {labels.pop()}'}: it needs "
                f"{'both classes' if len(wanted) > 1 else 'real ones'}",
                remedy,
            )


def validation_in_words(items: pd.DataFrame) -> str:
    """How many of the items (columns part, label and group) validation has, of how many groups."""
    real, fake = _groups_in_val(items)
    return (
        f"validation has {len(real)} real items of {real.nunique()} source groups and {len(fake)} "
        f"fake ones of {fake.nunique()}"
    )


def few_to_validate(items: pd.DataFrame, least_items: int, least_groups: int) -> str:
    """A sentence where validation (items with columns part, label and group) has too few items of a
    class, or too few source groups with one, for any verdict; empty where it has enough."""
    classes = _groups_in_val(items)
    if all(len(group) >= least_items and group.nunique() >= least_groups for group in classes):
        return ""
    return (
        f"{validation_in_words(items)}; for verdicts it takes at least {least_items} of each, of "
        f"{least_groups} groups (calibrate.band_error, calibrate.min_groups)"
    )


def _groups_in_val(items: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The group of each real and of each fake item of validation."""
    val = items[items["part"] == "val"]
    return val.loc[val["label"] == 0, "group"], val.loc[val["label"] == 1, "group"]


def assign(items: pd.DataFrame, shares: dict[str, float], seed: int) -> pd.Series:
    """Group -> part, for items with columns item, label, method, group and use.

    Groups that hold an item of `use: test` go to test. Of the others every part with a share gets
    both classes first; then each group, largest first, goes where it brings the counts of every
    method nearest to the shares. Raises UserError where the groups do not suffice to give each part
    both classes.
    """
    uses = items.groupby("group")["use"]
    held_out = uses.agg(lambda use: (use == "test").any())
    drawn = int((held_out & (uses.nunique() > 1)).sum())
    part_by_group = dict.fromkeys(held_out.index[held_out], "test")
    counts = pd.crosstab(items["group"], items["method"])
    free = counts.index[~counts.index.isin(list(part_by_group))]
    shuffled = free[np.random.default_rng(seed).permutation(len(free))]
    # a stable sort: groups of one size stay shuffled
    free = shuffled[np.argsort(-counts.loc[shuffled].sum(axis=1).to_numpy(), kind="stable")]
    parts = [part for part in PARTS if shares[part] > 0]
    counts_by_group = dict(zip(free, counts.loc[free].to_numpy(), strict=True))
    target = np.outer([shares[part] for part in parts], counts.loc[free].sum())
    filled = np.zeros_like(target)
    for part, group in _both_classes(list(free), counts, parts, shares, drawn):
        part_by_group[group] = part
        filled[parts.index(part)] += counts_by_group[group]
    for group, added in counts_by_group.items():
        if group not in part_by_group:
            nearest = _excess(filled, added, target).argmin()
            part_by_group[group] = parts[nearest]
            filled[nearest] += added
    return pd.Series(part_by_group, name="part").rename_axis("group").sort_index()


def assign_published(items: pd.DataFrame, strict: bool) -> pd.Series:
    """Item -> part by the published split; items that have none are left out, those of `use: test`
    go to test.

    `strict` moves every group that the published split tears apart, whole, to the part that holds
    most of it (of equal ones train, then val), and takes items without a published split along with
    their group.
    """
    part = items.set_index("item")["official_split"].where(
        items.set_index("item")["use"] == "train", "test"
    )
    if not strict:
        return part[part != ""].rename("part")
    group = items.set_index("item")["group"]
    counts = pd.crosstab(group[part != ""], part[part != ""]).reindex(
        columns=list(PARTS), fill_value=0
    )
    held_out = items.loc[items["use"] == "test", "group"].unique()
    home = counts.idxmax(axis=1)  # of equal ones the first
    home.loc[home.index.isin(held_out)] = "test"
    return group.map(home).dropna().rename("part")


def drawn_away(items: pd.DataFrame, policy: str) -> pd.DataFrame:
    """Those of the items (columns item, group, use, official_split, part) that are of `use: train`
    and went to test with their group, as it holds an item of `use: test`."""
    if policy == "official":  # moves nothing
        return items.iloc[:0]
    held_out = items.loc[items["use"] == "test", "group"]
    drawn = items[(items["use"] == "train") & items["group"].isin(held_out)]
    return drawn[drawn["official_split"] != "test"] if policy == "strict" else drawn


def leaks(
    index: pd.DataFrame,
    near: pd.DataFrame,
    part_by_item: Mapping[str, str],
    parts: Sequence[str] = PARTS,
) -> list[Leak]:
    """What items of different `parts` share; items without a part are left out."""
    result = []
    for shared, bearers in marks(index, near).items():
        sides = {
            part: [item for item in bearers if part_by_item.get(item) == part] for part in parts
        }
        sides = {part: members for part, members in sides.items() if members}
        if len(sides) > 1:
            result.append(Leak(shared, sides))
    return result


def _first_of(items: list[str]) -> str:
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + more


def _both_classes(
    free: list[str], counts: pd.DataFrame, parts: list[str], shares: dict[str, float], drawn: int
) -> Iterator[tuple[str, str]]:
    """(part, group) pairs that give each part, the smallest first, both classes from its share of
    smallest groups; `drawn` groups more are lost to held-out data sets."""
    real = counts.get("real", pd.Series(0, index=counts.index))
    fake = counts.sum(axis=1) - real
    remaining = sorted(free, key=lambda group: counts.loc[group].sum())
    for part in sorted(parts, key=lambda part: shares[part]):
        mixed = next((group for group in remaining if real[group] and fake[group]), None)
        chosen = (
            [mixed]
            if mixed
            else [next((g for g in remaining if kind[g]), None) for kind in (real, fake)]
        )
        groups = [group for group in chosen if group]
        if len(groups) < len(chosen):
            raise UserError(
                f"too few groups to give {', '.join(parts)} both classes each: {len(free)} groups, "
                f"{int((real[free] > 0).sum())} with real and {int((fake[free] > 0).sum())} with "
                "fake items" + (f"; held-out data sets share {drawn} more" if drawn else ""),
                "add material, or set split.test to 0 and name a data set with `use: test`"
                if free
                else "name a data set with `use: train`",
            )
        for group in groups:
            remaining.remove(group)
            yield part, group


def _excess(filled: np.ndarray, added: np.ndarray, target: np.ndarray) -> np.ndarray:
    """How much further from its target each part (a row; a column is a method) is with the group
    added, over all methods."""
    scale = target.clip(min=1e-9)
    return (((filled + added - target) ** 2 - (filled - target) ** 2) / scale).sum(axis=1)
