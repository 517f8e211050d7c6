"""What a report found, drawn into its pictures: whose face is where in a frame, each with the
number that the report calls them by, and which regions of a face raised its score."""

from bisect import bisect_right

import numpy as np

from deepfake_detector.common.percent import percent
from deepfake_detector.common.verdicts import FileVerdict, decided
from deepfake_detector.contract import Contract
from deepfake_detector.contract.model_file import STRIDE
from deepfake_detector.pages import boxes, overlay
from deepfake_detector.pages.boxes import Box
from deepfake_detector.serving import seen_frames
from deepfake_detector.serving.inference import FaceFrame, FaceTrack, Report
from deepfake_detector.serving.seen_frames import SeenFrame

NEIGHBOURS = 1.5  # sampling steps between two frames that were looked at one after the other
LASTING = 1.0  # seconds that a box is shown at most, before and after the frame it was found in


def marked(report: Report, seen: SeenFrame) -> np.ndarray:
    """A kept frame with the faces that were judged in it: (height, width, 3) RGB uint8."""
    in_frame = [
        box_of(report, track, face, face.box, (seen.scale, seen.scale))
        for track in report.faces
        for face in track.frames
        if face.frame == seen.frame
    ]
    return boxes.draw(seen_frames.picture(seen), in_frame, letters=boxes.LARGE)


def regions_marked(
    crop: np.ndarray, activation: np.ndarray, terms: Contract, people: int
) -> np.ndarray:
    """A crop (S, S, 3) RGB uint8 with the regions that raised its score drawn in; of so many judged
    `people` a score that is FAKE for one may not be."""
    stride = STRIDE * len(crop) / terms.crop.input_size
    decision = terms.decision
    return overlay.draw(crop, activation, stride, decision.temperature, decision.fake_from(people))


def boxes_at(report: Report, time: float, scale: tuple[float, float]) -> list[Box]:
    """The faces at a second of the clip, in a frame scaled so in width and height. Between two
    frames that were looked at boxes are interpolated; where a face jumps from one place to another,
    as at a cut, it stays where it was until the middle."""
    step = (report.facts.get("duration") or 0.0) / max(1, report.frames_sampled)
    boxes_then = []
    for track in report.faces:
        if seen := _at(track.frames, time, step):
            face, place = seen
            boxes_then.append(box_of(report, track, face, place, scale))
    return boxes_then


def box_of(
    report: Report,
    track: FaceTrack,
    face: FaceFrame,
    place: tuple[float, float, float, float],
    scale: tuple[float, float],
) -> Box:
    """The box of a person's face at `place` (left, top, width, height), scaled so in width and
    height. It has the person's number and, where the report has a score to stand behind, the
    verdict on the person and the score of this face."""
    wide, high = scale
    left, top, width, height = place
    scaled = left * wide, top * high, width * wide, height * high
    if report.fake_probability is None or not track.scored:
        return Box(scaled, track.verdict, str(track.person))
    label = f"{track.person} {_in_short(track.verdict, face.fake_probability)}"
    return Box(scaled, track.verdict, label)


def in_short(report: Report) -> str:
    """The verdict on the whole in a few letters, for a frame's corner."""
    if report.fake_probability is None:
        return "no verdict"
    return _in_short(report.verdict, report.fake_probability)


def _in_short(verdict: FileVerdict, fake_probability: float) -> str:
    word = verdict if decided(verdict) else "no verdict"
    return f"{word}, {percent(fake_probability)} fake"


def _at(
    frames: tuple[FaceFrame, ...], time: float, step: float
) -> tuple[FaceFrame, tuple[float, float, float, float]] | None:
    """The face that is nearest in time, and where it is then; None where it is not seen."""
    after = bisect_right([face.time for face in frames], time)
    before, later = frames[max(after - 1, 0)], frames[min(after, len(frames) - 1)]
    nearer = before if time - before.time <= later.time - time else later
    gap = later.time - before.time
    followed = before.time <= time and 0 < gap <= min(NEIGHBOURS * step, 2 * LASTING)
    if followed:
        share = (time - before.time) / gap
        return nearer, _between(before.box, later.box, share) or nearer.box
    return (nearer, nearer.box) if abs(nearer.time - time) <= min(step / 2, LASTING) else None


def _between(
    first: tuple[float, ...], second: tuple[float, ...], share: float
) -> tuple[float, float, float, float] | None:
    """A box on the way from one to the other; None where they do not overlap."""
    for start, size in ((0, 2), (1, 3)):
        inner = max(first[start], second[start])
        if inner >= min(first[start] + first[size], second[start] + second[size]):
            return None
    left, top, width, height = (
        start + (end - start) * share for start, end in zip(first, second, strict=True)
    )
    return left, top, width, height
