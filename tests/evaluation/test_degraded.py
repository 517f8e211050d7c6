"""Corrupted copies of validation clips: the faces are those of the clean frames, the decision is
that of whole clips, and what limits do is counted by corruption."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made import LIMITS, contract_terms, textured

from deepfake_detector.evaluation import degraded
from deepfake_detector.evaluation.corruptions import corrupt
from deepfake_detector.faces.cutting import given_crop
from deepfake_detector.media.recompression import compressed_again
from deepfake_detector.scoring.firmness import VerdictsByFirmness
from deepfake_detector.storage.archive import encode, write_archive

CELLS = [("blur", 5), ("noise", 1)]
INSIDE, BEYOND = {"sharpness_ratio": 0.6, "flatness": 0.1}, {"sharpness_ratio": 0.5, "flatness": 0}


def faces(item: str = "a", frames: int = 4) -> pd.DataFrame:
    rows = [{"item": item, "frame": number, "status": "ok", "track": 0} for number in range(frames)]
    return pd.DataFrame(rows).assign(x=8.0, y=8.0, width=32.0, height=32.0)


def test_clean_clips_and_mildest_copies_are_whole_and_others_have_a_few_of_their_frames():
    table = degraded.copies(pd.concat([faces("a"), faces("b")]), ["a"], 2, CELLS)
    counts = table.groupby(["item", "corruption", "level"])["frame"].apply(list).to_dict()
    assert counts == {
        ("a", "none", 0): [0, 1, 2, 3],
        ("a", "mildest copy", 0): [0, 1, 2, 3],
        ("a", "blur", 5): [1, 3],
        ("a", "noise", 1): [1, 3],
        ("b", "none", 0): [0, 1, 2, 3],
    }


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("kind", ["video", "image"])
def test_a_copy_is_cut_out_of_the_corrupted_frame(tmp_path, given, kind):
    image = textured(64)
    write_archive(tmp_path / "a.zip", {"0.png": encode(image, "png")})
    place = {"status": "ok", "archive": "a.zip", "member": "0.png"}
    frames = pd.DataFrame([{"item": "a", "frame": 0} | place])
    index = pd.DataFrame([{"item": "a", "kind": kind, "path": "a"}])
    rows = degraded.copies(faces(frames=1), ["a"], 1, [("blur", 5)])
    ready = {"a"} if given else set()
    cutter = degraded.Cutter(rows, frames, index, Path(tmp_path), 1.0, 32, ready, seed=1)
    changed = {
        "none": None,  # as it is: the stored one
        "mildest copy": compressed_again(image, kind),
        "blur": corrupt(image, "blur", 5, (1,)),
    }
    assert rows["corruption"].tolist() == list(changed)
    for number, one in enumerate(changed.values()):
        expected = one if one is None else given_crop(one, 32) if given else one[8:40, 8:40]
        assert np.array_equal(cutter(number), expected)


def test_a_frame_is_read_and_changed_once_for_all_its_faces(tmp_path, monkeypatch):
    write_archive(tmp_path / "a.zip", {"0.png": encode(textured(64), "png")})
    place = {"status": "ok", "archive": "a.zip", "member": "0.png"}
    frames = pd.DataFrame([{"item": "a", "frame": 0} | place])
    index = pd.DataFrame([{"item": "a", "kind": "video", "path": "a"}])
    rows = degraded.copies(pd.concat([faces(frames=1)] * 3), ["a"], 1, CELLS)
    done = []
    monkeypatch.setattr(degraded, "corrupt", lambda image, *of: done.append(of) or image)
    read = degraded.ArchiveReader.picture
    monkeypatch.setattr(degraded.ArchiveReader, "picture", lambda *of: done.append(of) or read(*of))
    cutter = degraded.Cutter(rows, frames, index, Path(tmp_path), 1.0, 32, set(), seed=1)
    assert sum(cutter(number) is not None for number in range(len(rows))) == 9
    assert len(done) == 1 + len(CELLS)


def judged(label: int, corruption: str, *tracks: tuple[float, dict]) -> pd.DataFrame:
    """Two frames of a clip; a logit and measures for each person."""
    item = f"{corruption}{label}"
    rows = [
        {"item": item, "frame": frame, "track": track, "status": "ok", "logit": logit} | measures
        for frame in range(2)
        for track, (logit, measures) in enumerate(tracks)
    ]
    level = 0 if corruption == degraded.CLEAN else 3
    return pd.DataFrame(rows).assign(corruption=corruption, level=level, label=label)


DECISION = contract_terms(decision={"temperature": 1.0, "band_low": 0.3, "band_high": 0.6}).decision


def clips(*parts: pd.DataFrame) -> pd.DataFrame:
    rows = pd.concat(parts, ignore_index=True)
    split = rows[["item", "label"]].drop_duplicates()
    seen = rows.drop(columns=["logit", "label", *INSIDE])
    return degraded.clips_of(seen, rows, split, DECISION)


def limited(*parts: pd.DataFrame) -> pd.DataFrame:
    return degraded.limited(clips(*parts), pd.concat(parts), DECISION, LIMITS)


def test_the_measures_are_those_of_whoever_decides():
    (one,) = clips(judged(1, "blur", (-3.0, INSIDE), (3.0, BEYOND))).to_dict("records")
    assert (one["verdict"], one["sharpness_ratio"]) == ("FAKE", 0.5)


def test_without_a_verdict_none_is_wrong():
    table = clips(
        judged(0, "none", (3.0, INSIDE)),
        judged(1, "none", (3.0, INSIDE)),
        judged(0, "blur", (0.0, INSIDE)),
    )
    wrong = dict(zip(table["item"], table["wrong"], strict=True))
    assert (wrong["none0"], wrong["none1"]) == (1, 0)
    assert math.isnan(wrong["blur0"])
    assert degraded.error_of(table) == 0.5


def test_what_the_limits_do_is_counted_by_corruption_and_level():
    table = limited(
        judged(0, "none", (-3.0, INSIDE)),
        judged(1, "none", (3.0, INSIDE)),
        judged(0, "blur", (-3.0, BEYOND)),
        judged(1, "blur", (-3.0, BEYOND)),
        judged(0, "noise", (-3.0, INSIDE)),
        judged(1, "noise", (-3.0, BEYOND)),
    )
    found = degraded.figures(table)
    names = ("coverage_without", "accuracy_without")
    names += ("coverage_with", "accuracy_with")
    values = {
        "none": {"0": (1, 1, 1, 1)},
        "blur": {"3": (1, 0.5, 0, None)},
        "noise": {"3": (1, 0.5, 0.5, 1)},
    }
    assert found.pop("all copies") == dict(zip(names, (1, 0.5, 0.25, 1), strict=True))
    assert found == {
        name: {level: dict(zip(names, own, strict=True)) for level, own in cells.items()}
        for name, cells in values.items()
    }


def test_where_whoever_decides_is_not_seen_well_another_fake_person_counts():
    """As on the page."""
    table = limited(
        judged(1, "none", (4.0, BEYOND), (3.0, INSIDE)),
        judged(1, "blur", (4.0, BEYOND), (-3.0, INSIDE)),
    )
    assert dict(zip(table["item"], table["left"], strict=True)) == {
        "none1": "FAKE",
        "blur1": "INCONCLUSIVE",
    }


def test_a_verdict_is_firm_where_the_mildest_copy_has_the_same_and_only_verdicts_count():
    """Eight clips: label, logit and measures as they are, then of the copy."""
    of_clips = [
        (1, (3.0, INSIDE), (2.0, INSIDE)),  # firm, right
        (0, (3.0, INSIDE), (3.0, INSIDE)),  # firm, wrong
        (0, (-3.0, INSIDE), (3.0, INSIDE)),  # fell to the other verdict, right
        (1, (-3.0, INSIDE), (0.0, INSIDE)),  # fell to none, wrong
        (1, (3.0, INSIDE), (3.0, BEYOND)),  # fell out of the limits, right
        (1, (0.0, INSIDE), (3.0, INSIDE)),  # had none
        (0, (3.0, BEYOND), (3.0, INSIDE)),  # the limits leave none
        (0, (3.0, INSIDE), None),  # not copied
    ]
    parts = [
        judged(label, corruption, one).assign(item=f"clip {number}")
        for number, (label, *both) in enumerate(of_clips)
        for corruption, one in zip(("none", "mildest copy"), both, strict=True)
        if one
    ]
    found = degraded.by_firmness(limited(*parts))
    assert found == VerdictsByFirmness(firm=2, firm_wrong=1, not_firm=3, not_firm_wrong=1)
