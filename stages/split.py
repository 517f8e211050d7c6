"""Split the items into train, val and test; what shares a person, source, original or file stays on one side.

    python -m stages.split

reads   data/index.csv, data/verified.csv
makes   data/splits/{train,val,test}.csv, metrics/split.json
"""

from deepfake_detector import UserError, console, params, splitting, tables
from deepfake_detector.files import write_json


def main() -> str:
    (split,) = params.read("split")
    index = tables.read("data/index.csv", tables.INDEX)
    verified = tables.read("data/verified.csv", tables.VERIFIED)
    items = index[index["item"].isin(verified.loc[verified["keep"] == 1, "item"])]
    # grouped over the whole index: a dropped item still ties together the two it shares a person with
    items = items.assign(group=items["item"].map(splitting.groups(index)))
    shares = {part: getattr(split, part) for part in splitting.PARTS}
    items = items.assign(part=items["group"].map(splitting.assign(items, shares, split.seed)))
    leaks = splitting.leaks(index, dict(zip(items["item"], items["part"], strict=True)))
    if leaks:
        raise UserError("the split leaks:\n  " + "\n  ".join(leaks))
    _refuse_one_class(items)
    for part in splitting.PARTS:
        rows = items.loc[items["part"] == part, list(tables.SPLIT.columns)]
        tables.write(f"data/splits/{part}.csv", tables.make(rows.to_dict("records"), tables.SPLIT), tables.SPLIT)
    sizes = items.groupby("group").size()
    figures = {
        "groups": len(sizes),
        "largest_group_share": round(float(sizes.max() / sizes.sum()), 6),
        "leaks": len(leaks),
        "items": {part: _counts(items[items["part"] == part]) for part in splitting.PARTS},
    }
    write_json("metrics/split.json", figures)
    told = ", ".join(
        f"{part} {counts['real']} real + {counts['fake']} fake" for part, counts in figures["items"].items()
    )
    return f"{len(sizes)} groups, none on two sides: {told}"


def _counts(rows) -> dict[str, int]:
    fakes = rows[rows["label"] == 1]
    methods = {f"fake_{method}": int(count) for method, count in fakes["method"].value_counts().sort_index().items()}
    return {"groups": rows["group"].nunique(), "real": len(rows) - len(fakes), "fake": len(fakes)} | methods


def _refuse_one_class(items) -> None:
    for part in splitting.PARTS:
        found = set(items.loc[items["part"] == part, "label"])
        if found != {0, 1}:
            raise UserError(
                f"{part} has {'no items' if not found else f'only label {found.pop()}'}: every part needs both classes; "
                "add material, change split's shares, or name a data set with `use: test`"
            )


if __name__ == "__main__":
    console.run_stage(main, __doc__)
