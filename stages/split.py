"""Split the items into train, val and test; what shares a person, source, original, file or look
stays on one side.

split.hold_out keeps forgery methods from training: its fakes go to test where their group does.
split.policy: `shares` deals out whole groups; `official` keeps the published split and reports what
leaks in it; `strict` keeps it too, but for the groups that it tears apart: these move whole. Where
no val is published, whole groups of the published train are drawn for it.

    python -m stages.split

reads   data/index.csv, data/verified.csv, data/near_duplicates.csv
makes   data/splits/{train,val,test}.csv, metrics/split.json
"""

from collections.abc import Collection, Iterable, Mapping

import pandas as pd

from deepfake_detector import UserError, params
from deepfake_detector.datasets import held_out, splitting
from deepfake_detector.storage import tables
from deepfake_detector.storage.files import write_json
from stages import runner

NAMED = 100  # leaks and ties named in the metrics; all of them are printed
DRAWN, HELD_OUT = "drawn away", "held out"
REMEDY = (
    "To train on them, take what shares with them out of the held-out data set, fix wrong sources "
    "or originals, or give that set `use: train`."
)


def main() -> str:
    settings = params.load()
    split = settings.split
    index = tables.read("data/index.csv", tables.INDEX)
    verified = tables.read("data/verified.csv", tables.VERIFIED)
    index = splitting.without_unread(index, verified)
    near = tables.read("data/near_duplicates.csv", tables.NEAR_DUPLICATES)
    items = index[index["item"].isin(verified.loc[verified["keep"] == 1, "item"])]
    # grouped over the whole index: a dropped item still ties together the two it shares a
    # person with
    group = splitting.groups(index, near)
    items = items.assign(group=items["item"].map(group))
    if split.policy != "official":
        splitting.refuse_one_group(index, near, group, items)
    items, left_out, withheld = splitting.placed(items, split)
    remaining = splitting.leaks(index, near, dict(zip(items["item"], items["part"], strict=True)))
    if remaining and split.policy != "official":
        raise UserError("the split leaks:\n  " + "\n  ".join(str(leak) for leak in remaining))
    published_leaks = _published_leaks(index, near, items, split.policy)
    splitting.refuse_one_class(items, split.policy, settings.train.fakes == "all")
    _write_parts(items)
    moved = splitting.moved(items)
    drawn = splitting.drawn_away(items, split.policy)
    ties = _ties(index, near, group, drawn)
    counts, held_counts = _counts_by_place(items, split.hold_out.unseen)
    sizes = items.groupby("group").size()
    figures = {
        "groups": len(sizes),
        "largest_group_share": round(float(sizes.max() / sizes.sum()), 6),
        "leaks": {
            "found": len(published_leaks),
            "left": len(remaining),
            "by_name": _named(published_leaks),
        },
        "left_out": len(left_out),
        "moved": len(moved) if split.policy == "strict" else 0,
        **({"withheld": len(withheld)} if split.hold_out.unseen else {}),
        "items": counts | ({"held_out": held_counts} if held_counts else {}),
        "drawn_away": _drawn_away(drawn, ties),
        "sources": {
            name: {"items": len(rows), "named": int((rows["sources"] != "").sum())}
            for name, rows in items.groupby("data_set")
        },
    }
    write_json("metrics/split.json", figures)
    if split.policy == "strict":
        _print_list("moved, so that nothing is shared", moved["item"] + " -> " + moved["part"])
    _print_list("left out: no published split", left_out["item"])
    if split.policy != "shares" and not splitting.has_val(items):
        count = int((items["part"] == "val").sum())
        print(f"  no val is published: {count} items of the published train are drawn for it")
    _print_drawn_away(drawn, ties)
    _print_list("leaks of the published split", published_leaks)
    calibrate = settings.calibrate
    if few := splitting.few_to_validate(items, calibrate.least_clips, calibrate.min_groups):
        print(f"  {few}; {splitting.MORE_TO_VALIDATE}")
    counted = _counts_in_words(counts, held_counts) + _losses_in_words(len(drawn), len(withheld))
    return f"{len(sizes)} groups, {len(remaining) or 'none'} on two sides: {counted}"


def _write_parts(items: pd.DataFrame) -> None:
    for part in splitting.PARTS:
        rows = items.loc[items["part"] == part, list(tables.SPLIT.columns)]
        tables.write(
            f"data/splits/{part}.csv",
            tables.make(rows.to_dict("records"), tables.SPLIT),
            tables.SPLIT,
        )


def _published_leaks(
    index: pd.DataFrame, near: pd.DataFrame, items: pd.DataFrame, policy: str
) -> list[splitting.Leak]:
    """What leaks in the published split before `strict` mends it; nothing where no published split
    is used."""
    if policy == "shares":
        return []
    return splitting.leaks(index, near, splitting.assign_published(items, strict=False))


def _ties(
    index: pd.DataFrame, near: pd.DataFrame, group: pd.Series, drawn: pd.DataFrame
) -> list[splitting.Leak]:
    """What the items `drawn` away share with held-out data sets; a dropped item may tie them too,
    as a duplicate of a held-out file."""
    tied = index[index["item"].map(group).isin(drawn["group"])]
    sides = {row.item: HELD_OUT if row.use == "test" else DRAWN for row in tied.itertuples()}
    return splitting.leaks(index, near, sides, (DRAWN, HELD_OUT))


def _drawn_away(drawn: pd.DataFrame, ties: list[splitting.Leak]) -> dict[str, object]:
    return {
        "items": len(drawn),
        "data_sets": _by_data_set(drawn),
        "ties": _named(ties),
        "remedy": REMEDY if len(drawn) else "",
    }


def _print_drawn_away(drawn: pd.DataFrame, ties: list[splitting.Leak]) -> None:
    if drawn.empty:
        return
    _print_list("in test, not in training: a held-out data set shares their group", drawn["item"])
    _print_list("ties to held-out data sets", ties)
    print(f"  {REMEDY}")


def _print_list(heading: str, lines: Iterable[object]) -> None:
    lines = list(lines)
    if lines:
        print(f"  {len(lines)} {heading}:")
    for line in lines:
        print(f"    {line}")


def _named(shared: list[splitting.Leak]) -> dict[str, str]:
    return {leak.shared: leak.sides for leak in shared[:NAMED]}


def _by_data_set(items: pd.DataFrame) -> dict[str, int]:
    return {name: int(count) for name, count in items.groupby("data_set").size().items()}


def _counts_by_place(items: pd.DataFrame, unseen: Collection[str]) -> tuple[dict, dict]:
    """Counts of each part, and of what is measured apart: held-out data sets and methods."""
    held_out_sets = set(items.loc[items["use"] == "test", "data_set"])
    place = held_out.places(items, items["part"], held_out_sets, unseen)
    apart = items[~place.isin(splitting.PARTS)]
    return (
        {part: _counts(items[place == part]) for part in splitting.PARTS},
        {name: _counts(rows) for name, rows in apart.groupby(place[apart.index])},
    )


def _counts(rows: pd.DataFrame) -> dict[str, int]:
    fakes = rows[rows["label"] == 1]
    methods = {
        f"fake_{method}": int(count)
        for method, count in fakes["method"].value_counts().sort_index().items()
    }
    return {
        "groups": rows["group"].nunique(),
        "real": len(rows) - len(fakes),
        "fake": len(fakes),
    } | methods


def _counts_in_words(counts: Mapping[str, dict], held_counts: Mapping[str, dict]) -> str:
    named = {**counts, **{f"{name} (held out)": figures for name, figures in held_counts.items()}}
    return ", ".join(
        f"{name} {figures['real']} real + {figures['fake']} fake" for name, figures in named.items()
    )


def _losses_in_words(drawn: int, withheld: int) -> str:
    losses = f"; {drawn} items drawn away from training by held-out data sets" if drawn else ""
    if withheld:
        losses += f"; {withheld} fakes of held-out methods left out, as their group is in training or validation"
    return losses


if __name__ == "__main__":
    runner.run(main, __doc__)
