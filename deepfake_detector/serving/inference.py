"""An exported model and its contract: from an image or a video to a report.

Example:

    from deepfake_detector import Detector

    report = Detector.load("models/detector.onnx").predict(Path("clip.mp4"))
    print(report.verdict, report.fake_probability)
"""

import hashlib
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from deepfake_detector import UserError
from deepfake_detector.common import cores
from deepfake_detector.common.input_stamps import stamps
from deepfake_detector.common.verdicts import FileVerdict, Reason, Verdict
from deepfake_detector.contract import Contract, golden, model_file
from deepfake_detector.contract.model_file import Model
from deepfake_detector.faces.cutting import cut, given_crop
from deepfake_detector.faces.degradation import measures
from deepfake_detector.faces.detection import load_detector
from deepfake_detector.faces.face import Face
from deepfake_detector.faces.tracking import View, follow, view
from deepfake_detector.media.facts import alterations
from deepfake_detector.media.frame_sampling import (
    Frame,
    facts_of,
    sample_frames,
    without_image,
)
from deepfake_detector.media.probing import MediaKind, Probe, probe
from deepfake_detector.media.reading import (
    LIMITS,
    Limits,
    MediaError,
    Source,
    check_file,
    reason,
)
from deepfake_detector.media.variants import VARIANTS
from deepfake_detector.scoring import scores
from deepfake_detector.scoring.decision import (
    BRIEFLY,
    Judgement,
    in_doubt,
    judge,
    judge_clip,
    judge_person,
)
from deepfake_detector.scoring.firmness import Firmness
from deepfake_detector.scoring.quality import Measure, clip_measures, outside
from deepfake_detector.scoring.scores import ClipScore
from deepfake_detector.serving import seen_frames, stress
from deepfake_detector.serving.familiar import unfamiliar
from deepfake_detector.serving.seen_frames import SeenFrame
from deepfake_detector.storage.files import file_hash

MODEL = Path("models/detector.onnx")
AHEAD = 2  # frames decoded before they are looked at; each is a whole picture
DEMONSTRATION = (
    "Demonstration model: it has only seen drawn people and cannot judge real ones. It gives "
    "verdicts for the demo's own files alone."
)
GIVEN = "The model learned from ready-made crops; these faces were cut out by the detector, so the score may be off."
UNPROVEN_MODEL = (
    "Unproven model: {why}. It gives no verdicts. It needs clips of more people, or more of them, "
    "until its validation shows that it tells real from fake."
)
FAULT = "an error of this program itself; its log says more"
JOINED = "Another video before or after this one in the file was not looked at."
CUT_OFF = "The file is cut off: what it announces is not all there, and the rest was not looked at."
LOST = "Only {} of {} parts of the clip could be looked at: the others are damaged."
LATER = "In a player these moments come {:.1f} s later: the video starts after the file does."
SEEN_LATER = 0.5  # seconds
MOST_LOST = 0.25  # of the parts; single ones may be missing where nothing is damaged
TOO_SMALL = "Faces too small to judge were seen in {} of the {} frames that were looked at."
DAMAGED = "{} of the {} frames that were looked at follow damaged data; they may be distorted."


@dataclass(frozen=True)
class FaceFrame:
    """One face in one frame: its box in pixels, its probability of fake, the crop that was judged
    (RGB), and where in it the network saw fake (activation map: logits by place, any side)."""

    frame: int
    time: float
    box: tuple[float, float, float, float]
    fake_probability: float
    crop: np.ndarray = field(repr=False, compare=False)
    activation: np.ndarray = field(repr=False, compare=False)


@dataclass(frozen=True)
class FaceTrack:
    """One person followed through the clip. `reason` says why the verdict is INCONCLUSIVE,
    `details` the numbers behind that; `quality` are the measures of faces.degradation."""

    track: int
    verdict: Verdict
    reason: str
    fake_probability: float
    frames: tuple[FaceFrame, ...]
    details: str = ""
    quality: Mapping[Measure, float] = field(default_factory=dict)

    @property
    def person(self) -> int:
        """The number by which this person is called everywhere, from 1."""
        return self.track + 1

    @property
    def judgement(self) -> Judgement:
        """Verdict, reason and probability as `scoring.decision` takes them."""
        return Judgement(self.verdict, self.reason, self.fake_probability)

    @property
    def scored(self) -> bool:
        """Whether this person was seen well enough for a score."""
        return self.reason in ("", Reason.IN_BAND, Reason.OF_SEVERAL, Reason.NOT_FIRM)


@dataclass(frozen=True)
class Report:
    """What was found in one input.

    `reason` says why the verdict is INCONCLUSIVE or ERROR, `details` the numbers behind that;
    `fake_probability` is None where there is no probability to stand behind; `decided_by` is the
    track that the verdict comes from, the highest of so many judged `people`. `facts` are those of
    the file: bytes, container, codec, width, height, duration …; `notes` say what was done to its
    pictures before they were looked at. All times are from the first frame on, before which a
    player waits `starts_at` seconds. `least_face` is the side in pixels of the smallest face that
    could be found in every frame; None where none was looked for. `firmness` is what changed copies
    of the file came to; None where its verdict was not tested. `judged_at` is the time in UTC (ISO
    8601); `frames` are those looked at, where they were asked for.
    """

    input: str
    sha256: str | None
    kind: MediaKind | None
    verdict: FileVerdict
    reason: str = ""
    details: str = ""
    fake_probability: float | None = None
    decided_by: int | None = None
    frames_sampled: int = 0
    frames_with_face: int = 0
    faces: tuple[FaceTrack, ...] = ()
    facts: dict = field(default_factory=dict)
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    error: str | None = None
    notes: tuple[str, ...] = ()
    starts_at: float = 0.0
    people: int = 0
    least_face: float | None = None
    firmness: Firmness | None = None
    judged_at: str = field(default="", compare=False)
    frames: tuple[SeenFrame, ...] = field(default=(), repr=False, compare=False)

    @classmethod
    def unreadable(cls, name: str, why: str) -> "Report":
        """The report on a file of which nothing is known but `why` it cannot be read."""
        return cls(name, None, None, "ERROR", reason=Reason.UNREADABLE, error=why)


class _JudgedFace(NamedTuple):
    """A face of a sampled frame: its crop (S, S, 3) RGB uint8, and what the network made of it."""

    frame: Frame
    face: Face
    crop: np.ndarray
    logit: float
    activation: np.ndarray


@dataclass
class _Seen:
    """What was found in the sampled frames: the frames without their pictures, the faces of each,
    and the crops that go to the network. By `views` people are followed; without them (ready crops)
    all are of one person."""

    frames: list[Frame] = field(default_factory=list)
    faces: list[list[Face]] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    # by the face's place in its frame
    crops: list[dict[int, np.ndarray]] = field(default_factory=list)
    least_face: float | None = None
    kept: list[SeenFrame] = field(default_factory=list)

    def with_too_small(self) -> int:
        """Frames with a face that is too small to judge."""
        return sum(
            len(faces) > len(crops) for faces, crops in zip(self.faces, self.crops, strict=True)
        )

    def tracks(self, dominant: str) -> list[list[int]]:
        """Track numbers of each frame's faces."""
        return follow(self.views, dominant) if self.views else [[0]] * len(self.faces)


class Detector:
    """An exported model, ready to judge. One object serves several threads, one input at a time.

    Crops are judged one by one, `at_once` of them side by side: the result for one crop does not
    depend on the others, and the cores have work from the first face on.
    """

    def __init__(self, model: Model, source: str, at_once: int) -> None:
        self.contract, self.sha256 = model.contract, model.sha256
        self._model, self._at_once, self._lock = model, at_once, threading.Lock()
        detection = self.contract.detection
        self._faces = load_detector(
            detection.name,
            detection.detect_size,
            self.contract.crop.min_face,
            detection.min_score,
            detection.sha256,
        )
        if self._faces.sha256 != detection.sha256:
            raise UserError(
                f"the {detection.name} face detector here is another file than the model was "
                f"trained with (sha256 {self._faces.sha256}, expected {detection.sha256})",
                "install the versions of requirements.txt",
            )
        golden.check(self.contract.golden, self._faces, self.contract.crop, model.judge, source)

    @classmethod
    def load(
        cls,
        path: str | Path = MODEL,
        threads: int = 0,
        sha256: str | None = None,
        device: str = "cpu",
    ) -> "Detector":
        """The model at `path`, computing on `cpu` with so many threads (0: one per core), or on
        `cuda`; with `sha256` no other file than that one.

        Raises UserError, saying why, where it is missing, damaged, no model of ours or computes
        something else here.
        """
        model = model_file.load(path, 1, sha256, device)
        # of a GPU's memory each at once would take its own share
        at_once = 1 if device == "cuda" else threads or cores.available()
        return cls(model, str(path), at_once)

    @property
    def banner(self) -> str:
        """What to know of this model before any of its verdicts; empty where there is nothing."""
        return banner(self.contract)

    def predict(
        self,
        source: Source | str,
        name: str = "",
        kind: str = "auto",
        watch: Callable[[int, int], None] | None = None,
        limits: Limits = LIMITS,
        sha256: str | None = None,
        stressed: bool = False,
        keep_frames: bool = False,
    ) -> Report:
        """Judge an image or a video, a path or its bytes.

        `kind` is `auto`, or `face` where the picture is a face crop already: UserError where the
        model cuts faces out itself. `watch` is called with the frames done and the most that there
        may be. `sha256` is that of the source's bytes, from a caller who has it; else it is
        computed. `keep_frames`: the report holds the frames looked at, small, to show. Anything
        wrong with the input, a limit that it exceeds too, gives a report with the verdict ERROR,
        never an exception. `stressed`: a verdict of REAL or FAKE is also tested on changed copies
        in memory, which takes several times as long and may make it INCONCLUSIVE.
        """
        self.check_kind(kind)
        source = Path(source) if isinstance(source, str) else source
        started = time.monotonic()
        parts = 1 + len(VARIANTS) if stressed else 1

        def judged(source: Source, part: int, limits: Limits, sha256: str | None) -> Report:
            def watch_part(done: int, most: int) -> None:
                if watch:
                    watch(part * most + done, parts * most)

            return self._predicted(
                source, name, kind, watch_part, limits, sha256, keep_frames and not part
            )

        report = judged(source, 0, limits, sha256)
        if stressed:
            # a copy of one of the demo's files is judged as that file is
            judge_copy = partial(judged, sha256=report.sha256)
            report = stress.tested(report, source, judge_copy, limits)
        return replace(report, seconds=time.monotonic() - started)

    def check_kind(self, kind: str) -> None:
        """Raises UserError where pictures of this `kind` are not what the model judges."""
        if kind == "face" and self.contract.crop.kind != "given":
            raise UserError(
                "this model cuts the faces out itself, of ready crops too; `face` is for one that "
                "learned from ready crops as they are (crop_faces.realign: false)",
                "leave out --kind (from Python: kind)",
            )

    def _predicted(
        self,
        source: Source,
        name: str,
        kind: str,
        watch: Callable[[int, int], None],
        limits: Limits,
        sha256: str | None,
        keep_frames: bool,
    ) -> Report:
        report = Report(
            name or (str(source) if isinstance(source, Path) else "upload"),
            None,
            None,
            "ERROR",
            judged_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        try:
            check_file(source)
            before = stamps(_on_disk(source))
            report = replace(report, sha256=sha256 or _sha256(source))
            probed = probe(source, limits)
            known = probed.facts.keys() > {"bytes"}  # what is no media is tried as a video
            report = replace(
                report,
                kind=probed.kind if known else None,
                facts=probed.facts,
                starts_at=probed.starts_at,
                warnings=_unseen(probed),
            )
            with self._lock:
                frames = sample_frames(source, self.contract.frames, limits, probed)
                judged = self._judge(
                    report, _ahead(frames), probed, kind, watch, limits.work, keep_frames
                )
            if stamps(_on_disk(source)) != before:  # hash, facts and faces may be of several
                raise MediaError(
                    "its content changed while it was judged",
                    "judge it again once nothing writes to it any more",
                )
        except (MediaError, OSError) as error:
            return replace(report, reason=Reason.UNREADABLE, error=reason(error))
        return judged

    def score(
        self, frames: Iterable[Frame], ready_crops: bool = False
    ) -> tuple[ClipScore, dict[int, dict[int, float]]]:
        """The score of a clip of these frames, and of each track the logit by frame number.

        `ready_crops`: each frame is a face crop already.
        """
        with self._lock:
            seen, judged = self._looked_at(frames, ready_crops)
        tracks = self._tracks(seen, judged)
        return self._clip(seen, tracks), {
            track: {face.frame.index: face.logit for face in faces}
            for track, faces in tracks.items()
        }

    def _judge(
        self,
        report: Report,
        frames: Iterable[Frame],
        probed: Probe,
        kind: str,
        watch: Callable[[int, int], None],
        seconds: float,
        keep_frames: bool,
    ) -> Report:
        most = 1 if report.kind == "image" else self.contract.frames

        def watch_frame(done: int) -> None:
            watch(done, most)

        seen, judged = self._looked_at(frames, kind == "face", watch_frame, seconds, keep_frames)
        tracks = self._tracks(seen, judged)
        clip, facts = self._clip(seen, tracks), report.facts | facts_of(seen.frames)
        asked = min(most, report.facts.get("frames_found") or most)
        places = [frame.index for frame in seen.frames]
        timeline = probed.timeline
        parts = len(places) if timeline is None else timeline.parts_seen(places, asked)
        lost = parts < (1 - MOST_LOST) * asked
        warnings = [
            *self._warnings_of_model(report, kind, facts),
            *([LOST.format(parts, asked)] if lost else []),
            *_warnings_of_frames(seen, facts["frames_distrusted"], bool(tracks)),
        ]
        report = replace(
            report,
            frames_sampled=len(seen.frames),
            frames_with_face=_with_face(seen),
            least_face=seen.least_face,
            faces=tuple(
                self._track(track, tracks[track], len(seen.frames), clip.people)
                for track in sorted(tracks)
            ),
            facts=facts,
            notes=(*alterations(facts), *_later(report.starts_at)),
            warnings=tuple(warnings),
            frames=tuple(seen.kept),
        )
        return self._decided(report, clip, in_part=lost or probed.cut_off or probed.joined)

    def _warnings_of_model(
        self, report: Report, kind: str, facts: Mapping[str, Any]
    ) -> Iterator[str]:
        """The model's own warning, then those of the file, then how the two do not fit."""
        learned = self.contract.trained_on
        if self.banner:
            yield self.banner
        yield from report.warnings
        if self.contract.crop.kind == "given" and kind == "auto":
            yield GIVEN
        if report.kind and not learned.demonstration:
            yield from unfamiliar(report.kind, facts, learned.inputs)

    def _decided(self, report: Report, clip: ClipScore, in_part: bool) -> Report:
        """The report with its verdict. `in_part`: not all of the file could be looked at, so it is
        not known to be REAL."""
        terms = self.contract
        if silent := self._silent_on(report.sha256):
            nobody = tuple(
                replace(track, verdict="INCONCLUSIVE", reason=silent, details="")
                for track in report.faces
            )
            return replace(report, verdict="INCONCLUSIVE", reason=silent, faces=nobody)
        judged, decides = judge(clip.logit, clip.reason, terms.decision, clip.people), clip.track
        details = clip.details
        if clip.track is not None:
            people = {person.track: person for person in report.faces}
            judgements = {track: person.judgement for track, person in people.items()}
            judged, decides = judge_clip(judged, clip.track, judgements)
            details = people[clip.track].details if decides is None else ""
            if judged.reason == Reason.NOT_ALL:
                details = _in_doubt(report.faces)
        verdict, reason = judged.verdict, judged.reason
        if verdict == "REAL" and in_part:
            verdict, reason = "INCONCLUSIVE", Reason.IN_PART
        if reason == Reason.IN_BAND and any(track.verdict == "REAL" for track in report.faces):
            reason = Reason.DISAGREE
        return replace(
            report,
            verdict=verdict,
            reason=reason,
            details=details,
            fake_probability=judged.fake_probability,
            decided_by=decides,
            people=clip.people,
        )

    def _silent_on(self, sha256: str | None) -> str:
        """Why the model gives no verdict on this file, whatever its score; empty where it does."""
        learned = self.contract.trained_on
        if learned.demonstration and sha256 not in learned.demo_files:
            return Reason.NOT_JUDGED
        return Reason.UNPROVEN if self.contract.decision.unproven else ""

    def _looked_at(
        self,
        frames: Iterable[Frame],
        ready_crops: bool,
        watch: Callable[[int], None] | None = None,
        seconds: float = math.inf,
        keep_frames: bool = False,
    ) -> tuple[_Seen, list[tuple[float, np.ndarray]]]:
        """The frames' faces, and logit and activation map of each crop in order; the network judges
        while the next frames are looked at. Raises MediaError after so many `seconds`."""
        seen, end = _Seen(), time.monotonic() + seconds
        judged: list[Future] = []
        with ThreadPoolExecutor(self._at_once) as network:
            for frame in frames:
                if ready_crops:
                    self._take(frame.image, seen)
                else:
                    self._find(frame.image, seen)
                if keep_frames:
                    seen.kept.append(seen_frames.kept(frame))
                seen.frames.append(without_image(frame))
                crops = seen.crops[-1].values()
                judged += [network.submit(self._model.judge, [crop]) for crop in crops]
                if time.monotonic() > end:
                    raise MediaError(f"took longer than {seconds:g} seconds")
                if watch:
                    watch(len(seen.frames))
            return seen, _in_order(judged)

    def _find(self, image: np.ndarray, seen: _Seen) -> None:
        crop, faces = self.contract.crop, self._faces.detect(image)
        large = {place: face for place, face in enumerate(faces) if face.side >= crop.min_face}
        seen.faces.append(faces)
        seen.views.append(view(image, faces))
        seen.crops.append(
            {place: cut(image, face, crop.margin, crop.size) for place, face in large.items()}
        )
        seen.least_face = max(seen.least_face or 0, self._faces.least_face(*image.shape[:2]))

    def _take(self, image: np.ndarray, seen: _Seen) -> None:
        height, width = image.shape[:2]
        seen.faces.append([Face(0, 0, width, height, 1.0)])
        seen.crops.append({0: given_crop(image, self.contract.crop.size)})

    def _tracks(
        self, seen: _Seen, judged: list[tuple[float, np.ndarray]]
    ) -> dict[int, list[_JudgedFace]]:
        """The faces judged, by track."""
        results = iter(judged)
        tracks: dict[int, list[_JudgedFace]] = {}
        for frame, faces, crops, row in zip(
            seen.frames, seen.faces, seen.crops, seen.tracks(self.contract.dominant), strict=True
        ):
            for place, crop in crops.items():
                face = _JudgedFace(frame, faces[place], crop, *next(results))
                tracks.setdefault(row[place], []).append(face)
        return tracks

    def _clip(self, seen: _Seen, tracks: dict[int, list[_JudgedFace]]) -> ClipScore:
        too_small = sum(
            len(faces) - len(crops) for faces, crops in zip(seen.faces, seen.crops, strict=True)
        )
        logits = {track: [face.logit for face in faces] for track, faces in tracks.items()}
        return scores.score_clip(
            logits,
            len(seen.frames),
            self.contract.decision.min_faces,
            too_small,
            _with_face(seen),
        )

    def _track(self, track: int, faces: list[_JudgedFace], sampled: int, people: int) -> FaceTrack:
        decision = self.contract.decision
        frames = tuple(
            FaceFrame(
                judged.frame.index,
                judged.frame.time,
                (judged.face.x, judged.face.y, judged.face.width, judged.face.height),
                self._probability(judged.logit),
                judged.crop,
                judged.activation,
            )
            for judged in faces
        )
        logits = [judged.logit for judged in faces]
        quality = clip_measures([measures(frame.crop) for frame in frames])
        beyond = outside(quality, self.contract.quality)
        judgement, details = judge_person(logits, sampled, decision, people, beyond)
        return FaceTrack(
            track,
            judgement.verdict,
            judgement.reason,
            self._probability(scores.track_logit(logits)),
            frames,
            details,
            quality,
        )

    def _probability(self, logit: float) -> float:
        return float(scores.probability(logit, self.contract.decision.temperature))


def banner(terms: Contract) -> str:
    """What to know of a model before any of its verdicts; empty where there is nothing."""
    demonstration = DEMONSTRATION if terms.trained_on.demonstration else ""
    why = terms.decision.unproven
    return " ".join(filter(None, (demonstration, why and UNPROVEN_MODEL.format(why=why))))


def _unseen(probed: Probe) -> tuple[str, ...]:
    """Warnings of what is not looked at of a file, as its probe shows."""
    return (*([CUT_OFF] if probed.cut_off else []), *([JOINED] if probed.joined else []))


def _warnings_of_frames(seen: _Seen, distrusted: int, has_people: bool) -> Iterator[str]:
    """Warnings of damaged frames, and of faces too small to judge beside those that were judged."""
    sampled, small = len(seen.frames), seen.with_too_small()
    if distrusted:
        yield DAMAGED.format(distrusted, sampled)
    if has_people and small >= min(BRIEFLY, sampled):
        yield TOO_SMALL.format(small, sampled)


def of_the_file(warnings: Iterable[str], banner: str) -> str:
    """A report's warnings in one text, without the model's `banner`."""
    return " ".join(warning for warning in warnings if warning != banner)


def _sha256(source: Source) -> str:
    return hashlib.sha256(source).hexdigest() if isinstance(source, bytes) else file_hash(source)


def _on_disk(source: Source) -> list[Path]:
    return [source] if isinstance(source, Path) else []


def _in_doubt(people: Iterable[FaceTrack]) -> str:
    """Who keeps a clip from being REAL, and why."""
    return "; ".join(
        f"person {person.person}: {scores.with_details(person.reason, person.details)}"
        for person in people
        if in_doubt(person.reason)
    )


def _later(starts_at: float) -> list[str]:
    return [LATER.format(starts_at)] if starts_at >= SEEN_LATER else []


def _with_face(seen: _Seen) -> int:
    """Frames with a face that is judged."""
    return sum(bool(crops) for crops in seen.crops)


def _in_order(futures: list[Future]) -> list[tuple[float, np.ndarray]]:
    return [
        (float(logit), activation)
        for future in futures
        for logit, activation in zip(*future.result(), strict=True)
    ]


def _ahead(frames: Iterator[Frame]) -> Iterator[Frame]:
    """The same frames, decoded by a thread of their own while those before are looked at."""
    with ThreadPoolExecutor(1) as decoder:
        waiting = deque(decoder.submit(next, frames, None) for _ in range(AHEAD))
        while (frame := waiting.popleft().result()) is not None:
            waiting.append(decoder.submit(next, frames, None))
            yield frame
