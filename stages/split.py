"""Split the items into train, val and test; what shares a person, source, original, file or look
stays on one side.

split.hold_out keeps forgery methods from training: its fakes go to test where their group does.
split.policy: `shares` deals out whole groups; `official` keeps the published split and tells what
leaks in it; `strict` keeps it too, but for the groups that it tears apart: these move whole.

    python -m stages.split

reads   data/index.csv, data/verified.csv, data/near_duplicates.csv
makes   data/splits/{train,val,test}.csv, metrics/split.json
"""

from collections.abc import Iterable

import pandas as pd

from deepfake_detector import UserError, params
from deepfake_detector.datasets import held_out, splitting
from deepfake_detector.storage import tables
from deepfake_detector.storage.files import write_json
from stages import frame

NAMED = 100  # leaks and ties named in the metrics; all of them are printed
DRAWN, HELD_OUT = "drawn away", "held out"
REMEDY = (
    "To train on them, take what shares with them out of the held-out data set, mend wrong sources "
    "or originals, or give that set `use: train`."
)


def main() -> str:
    settings = params.load()
    split = settings.split
    index = tables.read("data/index.csv", tables.INDEX)
    verified = tables.read("data/verified.csv", tables.VERIFIED)
    near = tables.read("data/near_duplicates.csv", tables.NEAR_DUPLICATES)
    items = index[index["item"].isin(verified.loc[verified["keep"] == 1, "item"])]
    # grouped over the whole index: a dropped item still ties together the two it shares a
    # person with
    group = splitting.groups(index, near)
    items = items.assign(group=items["item"].map(group))
    splitting.refuse_one_group(index, near, items)
    shares = {part: getattr(split, part) for part in splitting.PARTS}
    items = items.assign(part=splitting.part_of(items, split.policy, shares, split.seed))
    left_out, items = items[items["part"].isna()], items.dropna(subset="part")
    methods, select_by = split.hold_out.methods, split.hold_out.selecting_method
    items = items.assign(part=splitting.without_unseen(items, methods, select_by))
    withheld, items = items[items["part"].isna()], items.dropna(subset="part")
    left = splitting.leaks(index, near, dict(zip(items["item"], items["part"], strict=True)))
    if left and split.policy != "official":
        raise UserError("the split leaks:\n  " + "\n  ".join(str(leak) for leak in left))
    found = _published_leaks(index, near, items, split.policy)
    splitting.refuse_one_class(items, split.policy, settings.train.fakes == "all")
    for part in splitting.PARTS:
        rows = items.loc[items["part"] == part, list(tables.SPLIT.columns)]
        tables.write(
            f"data/splits/{part}.csv",
            tables.make(rows.to_dict("records"), tables.SPLIT),
            tables.SPLIT,
        )
    sizes = items.groupby("group").size()
    published = items[items["official_split"] != ""]
    moved = published[published["official_split"] != published["part"]]
    theirs = set(items.loc[items["use"] == "test", "data_set"])
    place = held_out.places(items, items["part"], theirs, split.hold_out.unseen)
    counts = {part: _counts(items[place == part]) for part in splitting.PARTS}
    apart = items[~place.isin(splitting.PARTS)]
    held_counts = {name: _counts(own) for name, own in apart.groupby(place[apart.index])}
    drawn = splitting.drawn_away(items, split.policy)
    # dropped items as well: a duplicate of a held-out file ties its group to it
    tied = index[index["item"].map(group).isin(drawn["group"])]
    sides = {row.item: HELD_OUT if row.use == "test" else DRAWN for row in tied.itertuples()}
    ties = splitting.leaks(index, near, sides, (DRAWN, HELD_OUT))
    figures = {
        "groups": len(sizes),
        "largest_group_share": round(float(sizes.max() / sizes.sum()), 6),
        "leaks": {"found": len(found), "left": len(left), "by_name": _named(found)},
        "left_out": len(left_out),
        "moved": len(moved) if split.policy == "strict" else 0,
        **({"withheld": len(withheld)} if split.hold_out.unseen else {}),
        "items": counts | ({"held_out": held_counts} if held_counts else {}),
        "drawn_away": {
            "items": len(drawn),
            "data_sets": _by_data_set(drawn),
            "ties": _named(ties),
            "remedy": REMEDY if len(drawn) else "",
        },
        "sources": {
            name: {"items": len(own), "named": int((own["sources"] != "").sum())}
            for name, own in items.groupby("data_set")
        },
    }
    write_json("metrics/split.json", figures)
    if split.policy == "strict":
        _tell("moved, so that nothing is shared", moved["item"] + " -> " + moved["part"])
    _tell("left out: no published split", left_out["item"])
    if len(drawn):
        _tell("in test, not in training: a held-out data set shares their group", drawn["item"])
        _tell("ties to held-out data sets", ties)
        print(f"  {REMEDY}")
    _tell("leaks of the published split", found)
    named = counts | {f"{name} (held out)": own for name, own in held_counts.items()}
    told = ", ".join(
        f"{name} {own['real']} real + {own['fake']} fake" for name, own in named.items()
    )
    lost = (
        f"; {len(drawn)} items drawn away from training by held-out data sets" if len(drawn) else ""
    )
    if len(withheld):
        lost += f"; {len(withheld)} fakes of held-out methods left out, as their group is in training or validation"
    return f"{len(sizes)} groups, {len(left) or 'none'} on two sides: {told}{lost}"


def _published_leaks(
    index: pd.DataFrame, near: pd.DataFrame, items: pd.DataFrame, policy: str
) -> list[splitting.Leak]:
    """What leaks in the published split before `strict` mends it; nothing where no published split
    is used."""
    if policy == "shares":
        return []
    return splitting.leaks(index, near, splitting.assign_published(items, strict=False))


def _tell(what: str, lines: Iterable[object]) -> None:
    lines = list(lines)
    if lines:
        print(f"  {len(lines)} {what}:")
    for line in lines:
        print(f"    {line}")


def _named(shared: list[splitting.Leak]) -> dict[str, str]:
    return {one.shared: one.sides for one in shared[:NAMED]}


def _by_data_set(items: pd.DataFrame) -> dict[str, int]:
    return {name: int(count) for name, count in items.groupby("data_set").size().items()}


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


if __name__ == "__main__":
    frame.run(main, __doc__)
