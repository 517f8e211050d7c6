"""The data as one page for a person: what there is, what was dropped and why, what could be learned
instead of faces.

Made by `python -m stages.verify`; the page is one HTML file that needs nothing else.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from deepfake_detector.common import statuses
from deepfake_detector.datasets.audit import across_labels, dropped_by_kind, kind_of_reason
from deepfake_detector.datasets.shortcuts import Shortcut, caption
from deepfake_detector.pages.contact_sheet import COLUMNS, contact_sheet
from deepfake_detector.pages.html_page import Section

NAMED = 20  # items named in one table
Picture = Callable[[str, int], np.ndarray]


def what_there_is(
    index: pd.DataFrame,
    verified: pd.DataFrame,
    media: pd.DataFrame,
    faces: pd.DataFrame,
    filled_in: pd.Series,
) -> Section:
    """How many items there are and stay, and by data set and method with the medians of their
    files' facts side by side; `filled_in` is the fraction of an item's crops that repeats the
    edge."""
    tried = faces.dropna(subset="frame").assign(found=lambda rows: rows["status"] == statuses.OK)
    seen = tried.groupby(["item", "frame"])["found"].any().groupby("item").mean().rename("coverage")
    joined = (
        index.merge(verified, on="item")
        .merge(media, on="item", how="left")
        .merge(seen, on="item", how="left")
        .merge(filled_in, on="item", how="left")
    )
    rows = []
    for (data_set, _, method), items in joined.groupby(["data_set", "label", "method"]):
        rows.append(
            {
                "data set": data_set,
                "method": method,
                "items": len(items),
                "kept": int(items["keep"].sum()),
                "frames with a face": _share(items["coverage"].mean()),
                "crop outside the picture": _share(items["filled_in"].median()),
                "width": _median(items["width"]),
                "height": _median(items["height"]),
                "seconds": _median(items["duration"], 1),
                "frames/s": _median(items["frame_rate"], 1),
                "Mbit/s": _median(items["bitrate"] / 1e6, 2),
                "JPEG quality": _median(items["jpeg_quality"]),
                "codecs": ", ".join(sorted(set(items["codec"].dropna()) - {""})),
            }
        )
    text = [_counted(joined), "In the table, medians over the items of each method."]
    return Section("What there is", text, rows)


def _counted(items: pd.DataFrame) -> str:
    """How many items of each class there are and stay, and why the others do not."""
    by_kind = dropped_by_kind(items)
    total = f"{_of_classes(items, ' items')} of {', '.join(sorted(items['data_set'].unique()))}; "
    if not by_kind:
        return f"{total}all are kept."
    why = ", ".join(f"{count} {kind}" for kind, count in by_kind.items())
    return f"{total}{_of_classes(items[items['keep'] == 1])} are kept. Dropped: {why}."


def _of_classes(items: pd.DataFrame, noun: str = "") -> str:
    fakes = int(items["label"].sum())
    return f"{len(items)}{noun} ({len(items) - fakes} real, {fakes} fake)"


def dropped(verified: pd.DataFrame, frames: pd.DataFrame, picture: Picture) -> list[Section]:
    """A section for each reason why items were dropped, with middle frames of the first ones."""
    out = verified[verified["keep"] == 0]
    if out.empty:
        return [Section("What was dropped", ["Nothing."])]
    middle = (
        statuses.ok(frames).groupby("item")["frame"].apply(lambda rows: rows.iloc[len(rows) // 2])
    )
    sections = []
    for kind, rows in out.groupby(out["reason"].map(kind_of_reason)):
        shown = [item for item in rows["item"] if item in middle.index][:COLUMNS]
        named = [{"item": row.item, "reason": row.reason} for row in rows.head(NAMED).itertuples()]
        more = [f"The first {NAMED} are named."] if len(rows) > NAMED else []
        pictures = [picture(item, int(middle[item])) for item in shown]
        sheet = (
            contact_sheet(pictures, [item.partition("/")[2] for item in shown]) if shown else b""
        )
        sections.append(Section(f"Dropped: {kind} ({len(rows)})", more, named, sheet))
    return sections


def look_alikes(
    near: pd.DataFrame, index: pd.DataFrame, frames: pd.DataFrame, picture: Picture
) -> Section:
    """Pairs of items that look alike though nothing said that they belong together, and the first
    of them in pictures."""
    if near.empty:
        return Section(
            "Nearly the same pictures", ["None but of items that are known to belong together."]
        )
    across = across_labels(near, index)
    first = statuses.ok(frames).groupby("item")["frame"].first()
    shown = [item for row in near.head(COLUMNS * 2).itertuples() for item in (row.item, row.other)]
    sheet = contact_sheet(
        [picture(item, int(first[item])) for item in shown],
        [item.partition("/")[2] for item in shown],
    )
    text = [
        f"{len(near)} pairs, {across} of them of a real and a fake item. Both of a pair are kept "
        f"on one side of the split. The first {min(NAMED, len(near))} are named; their first "
        "frames stand side by side."
    ]
    return Section(
        "Nearly the same pictures",
        text,
        near.head(NAMED).round({"correlation": 4}).to_dict("records"),
        sheet,
    )


def shortcut(result: Shortcut, limit: float) -> Section:
    """What a classifier makes of the files' facts alone."""
    title = "What could be learned instead of faces"
    if result.auc is None:
        return Section(title, [f"Not examined: {result.reason}."])
    kind = f" of kind {result.among}" if result.among else ""
    text = (
        "A classifier that sees no picture, only facts of the files, tells fake from real with a "
        f"ROC-AUC of {result.auc:.3f} on items it has not seen ({result.items} items{kind}; 0.5 is "
        f"guessing, verify.max_shortcut_auc is {limit:g})."
    )
    rows = [
        {
            "fact": caption(carrier.fact),
            "ROC-AUC of it alone": f"{carrier.auc:.3f}",
            "usual of the reals": _usual(carrier.real),
            "usual of the fakes": _usual(carrier.fake),
        }
        for carrier in result.carriers
    ]
    return Section(title, [text], rows)


def odd_files(oddities: dict[str, list[str]]) -> Section:
    """A table of the properties that readers of video often get wrong, as `audit.oddities` has
    them."""
    rows = [
        {"what": oddity, "items": len(items), "for example": ", ".join(items[:3])}
        for oddity, items in oddities.items()
        if items
    ]
    return Section("Odd files", ["They are read as they should be."] if rows else ["None."], rows)


def sheets(jpegs: dict[str, bytes]) -> list[Section]:
    """A section for each contact sheet."""
    return [Section(f"Faces: {name.replace('_', ' ')}", jpeg=jpeg) for name, jpeg in jpegs.items()]


def _median(values: pd.Series, digits: int = 0) -> str:
    return "" if values.isna().all() else f"{values.median():.{digits}f}"


def _usual(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"


def _share(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.1%}"
