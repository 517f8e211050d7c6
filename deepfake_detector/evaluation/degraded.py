"""Validation clips, corrupted copies of them and the mildest copy that `predict --stress` makes:
how their faces are cut out again, their verdicts, what limits of quality do to these, and which
verdicts are firm.

The faces are those that were found in the clean frames, so that a copy differs in its pixels alone.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from deepfake_detector.datasets import subset
from deepfake_detector.evaluation.breakdown import with_verdicts, within_limits
from deepfake_detector.evaluation.corruptions import corrupt, key_of
from deepfake_detector.faces.cutting import cut, given_crop
from deepfake_detector.faces.face import Face
from deepfake_detector.media.recompression import compressed_again
from deepfake_detector.media.stored_frames import frame_pictures
from deepfake_detector.scoring.decision import Decision
from deepfake_detector.scoring.firmness import VerdictsByFirmness
from deepfake_detector.scoring.quality import MEASURES, Limits, clip_measures
from deepfake_detector.scoring.scores import score_clips
from deepfake_detector.storage.archive import ArchiveReader

CLEAN, MILDEST = "none", "mildest copy"
AT_HAND = 8  # pictures that several threads look at
CELL = ["corruption", "level"]


def copies(
    faces: pd.DataFrame, items: Iterable[str], frames: int, cells: Iterable[tuple[str, int]]
) -> pd.DataFrame:
    """The rows of the faces table once as clean ones, those of `items` once more as the mildest
    copy, and those of at most so many `frames` of each of `items` for each of the `cells`; with the
    columns corruption and level."""
    chosen = faces[faces["item"].isin(list(items))]
    few = pd.concat(
        rows[rows["frame"].isin(subset.evenly(sorted(rows["frame"].dropna().unique()), frames))]
        for _, rows in chosen.groupby("item")
    )
    parts = [faces.assign(corruption=CLEAN, level=0), chosen.assign(corruption=MILDEST, level=0)]
    parts += [few.assign(corruption=name, level=level) for name, level in cells]
    # what is cut out of one frame lies together
    return pd.concat(parts).sort_values(["item", "frame"], kind="stable", ignore_index=True)


class Cutter:
    """Cuts faces out of corrupted frames; called with the number of a row of `rows` (those of
    `copies` with a face).

    `frames` and `index` are rows of those tables, `source` the folder of the frames' archives;
    `margin` and `size` are those of the crop; the items in `given` are ready-made ones.
    """

    def __init__(
        self,
        rows: pd.DataFrame,
        frames: pd.DataFrame,
        index: pd.DataFrame,
        source: Path,
        margin: float,
        size: int,
        given: Collection[str],
        seed: int,
    ) -> None:
        self._rows = rows[["item", "frame", *CELL, "x", "y", "width", "height"]].to_dict("records")
        self._kinds = dict(zip(index["item"], index["kind"], strict=True))
        keep = lru_cache(AT_HAND)  # rows of one frame lie together
        self._picture = keep(frame_pictures(frames, index, ArchiveReader(source)))
        self._changed = keep(self._change)
        self._margin, self._size, self._given, self._seed = margin, size, given, seed

    def __call__(self, number: int) -> np.ndarray | None:
        """The crop of a row, (size, size, 3) RGB uint8; None for a clean row, whose crop is
        stored."""
        row = self._rows[number]
        if row["corruption"] == CLEAN:
            return None
        changed = self._changed(**{name: row[name] for name in ("item", "frame", *CELL)})
        if row["item"] in self._given:
            return given_crop(changed, self._size)
        face = Face(row["x"], row["y"], row["width"], row["height"], 1.0)
        return cut(changed, face, self._margin, self._size)

    def _change(self, item: str, frame: float, corruption: str, level: int) -> np.ndarray:
        image = self._picture(item, int(frame))
        if corruption == MILDEST:
            return compressed_again(image, self._kinds[item])
        return corrupt(image, corruption, level, key_of(self._seed, item, int(frame)))


def clips_of(
    faces: pd.DataFrame, judged: pd.DataFrame, split: pd.DataFrame, decision: Decision
) -> pd.DataFrame:
    """A row for every clip and copy that has a score: item, label, corruption, level, track,
    people, frames_sampled, reason, verdict, clean, wrong (NaN without a verdict), and the measures
    of whoever decides.

    `faces` are those of `copies`, `judged` the ones with a face, with logit and measures.
    """
    parts = []
    for (name, level), rows in judged.groupby(CELL, sort=False):
        of_cell = faces[(faces["corruption"] == name) & (faces["level"] == level)]
        scored = with_verdicts(score_clips(of_cell, rows, decision.min_faces), decision)
        scored = scored.dropna(subset="logit").merge(split[["item", "label"]], on="item")
        by_track = {
            key: clip_measures(of_person[list(MEASURES)].to_dict("records"))
            for key, of_person in rows.groupby(["item", "track"])
        }
        measured = [by_track[key] for key in zip(scored["item"], scored["track"], strict=True)]
        parts.append(
            pd.concat([scored, pd.DataFrame(measured, columns=list(MEASURES))], axis=1).assign(
                corruption=name, level=level
            )
        )
    clips = pd.concat(parts, ignore_index=True)
    return clips.assign(clean=clips["corruption"] == CLEAN, wrong=_wrong(clips, "verdict"))


def limited(
    clips: pd.DataFrame, judged: pd.DataFrame, decision: Decision, limits: Limits
) -> pd.DataFrame:
    """The clips of `clips_of`, from the same faces, with the columns left and left_wrong: the
    verdict that is left with the limits, as the page gives it, and whether it is wrong."""
    faces = dict(tuple(judged.groupby(CELL)))
    verdicts = [
        within_limits(rows, faces[cell], decision, limits)["verdict"]
        for cell, rows in clips.groupby(CELL)
    ]
    clips = clips.assign(left=pd.concat(verdicts))
    return clips.assign(left_wrong=_wrong(clips, "left"))


def figures(clips: pd.DataFrame) -> dict:
    """Coverage (the fraction of clips with a verdict) and accuracy of the verdicts, without the
    limits and with them.

    They are those of the clips of `limited`, by corruption and level (`none` 0: as they are), and
    of all copies together. An accuracy is None where there is no verdict.
    """
    result: dict = {"all copies": _both(clips[~clips["clean"]])}
    for (name, level), rows in clips.groupby(CELL, sort=False):
        result.setdefault(name, {})[str(level)] = _both(rows)
    return result


def by_firmness(clips: pd.DataFrame) -> VerdictsByFirmness:
    """Counts of the verdicts that are left on the clean clips of `limited`, by whether the mildest
    copy has the same verdict. Clips without such a copy are left out."""
    by_item = clips.set_index("item")
    copied = by_item.loc[by_item["corruption"] == MILDEST, "left"]
    clean = by_item[by_item["clean"] & by_item.index.isin(copied.index)]
    decided = clean[clean["left"] != "INCONCLUSIVE"]
    firm = decided["left"] == copied.reindex(decided.index)
    wrong = decided["left_wrong"] == 1
    return VerdictsByFirmness(
        firm=int(firm.sum()),
        firm_wrong=int((firm & wrong).sum()),
        not_firm=int((~firm).sum()),
        not_firm_wrong=int((~firm & wrong).sum()),
    )


def error_of(clips: pd.DataFrame) -> float:
    """The fraction of the verdicts on clean clips that is wrong; 0 where there are none."""
    wrong = clips.loc[clips["clean"], "wrong"].dropna()
    return float(wrong.mean()) if len(wrong) else 0.0


def _wrong(clips: pd.DataFrame, verdict: str) -> pd.Series:
    """For each clip 1 where that column is the wrong verdict, 0 where the right one, else NaN."""
    wrong = ((clips[verdict] == "FAKE") != (clips["label"] == 1)).astype(float)
    return wrong.where(clips[verdict] != "INCONCLUSIVE")


def _both(rows: pd.DataFrame) -> Mapping[str, float | None]:
    return {
        f"{figure}_{which}": value if value is None else round(value, 6)
        for which, wrong in (("without", rows["wrong"]), ("with", rows["left_wrong"]))
        for figure, value in (
            ("coverage", float(wrong.notna().mean())),
            ("accuracy", _accuracy(wrong.dropna())),
        )
    }


def _accuracy(wrong: pd.Series) -> float | None:
    return 1 - float(wrong.mean()) if len(wrong) else None
