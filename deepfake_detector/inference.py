"""An exported model and its contract: from an image or a video to a report.

from deepfake_detector.inference import Detector

report = Detector.load("models/detector.onnx").predict(Path("clip.mp4"))
print(report.verdict, report.fake_probability)
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import onnxruntime

from deepfake_detector import UserError, contract, scores
from deepfake_detector.contract import Contract
from deepfake_detector.faces import Face, cut, follow, given_crop, load_detector, resize
from deepfake_detector.files import file_hash
from deepfake_detector.media import Frame, MediaError, Source, kind_of, read_image, reason, sample_frames
from deepfake_detector.scores import ClipScore

BATCH = 16
MODEL = Path("models/detector.onnx")
DEMONSTRATION = (
    "Demonstration model: it has only seen drawn people and cannot judge real ones. "
    "It gives verdicts for the demo's own files alone."
)
GIVEN = "The model learned from ready-made crops; these faces were cut out by the detector, so the score may be off."


@dataclass(frozen=True)
class FaceFrame:
    """One face in one frame: its box in pixels, its probability of fake, and the crop that was judged (RGB)."""

    frame: int
    time: float
    box: tuple[float, float, float, float]
    fake_probability: float
    crop: np.ndarray = field(repr=False, compare=False)


@dataclass(frozen=True)
class FaceTrack:
    """One person followed through the clip."""

    track: int
    fake_probability: float
    frames: tuple[FaceFrame, ...]


@dataclass(frozen=True)
class Report:
    """What was found in one input. `verdict` is REAL, FAKE, INCONCLUSIVE or ERROR; `reason` says why it is neither of
    the first two; `fake_probability` is None where there is no probability to stand behind."""

    input: str
    sha256: str | None
    kind: str | None
    verdict: str
    reason: str = ""
    fake_probability: float | None = None
    frames_sampled: int = 0
    frames_with_face: int = 0
    faces: tuple[FaceTrack, ...] = ()
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    error: str | None = None

    def as_json(self) -> dict:
        """The report as plain values, without pictures; probabilities to 6 decimals, boxes to a tenth of a pixel."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "faces"}
        plain["fake_probability"] = None if self.fake_probability is None else round(self.fake_probability, 6)
        plain["seconds"], plain["warnings"] = round(self.seconds, 3), list(self.warnings)
        faces = [
            {
                "track": track.track,
                "fake_probability": round(track.fake_probability, 6),
                "frames": [
                    {
                        "frame": one.frame,
                        "time": round(one.time, 3),
                        "box": [round(value, 1) for value in one.box],
                        "fake_probability": round(one.fake_probability, 6),
                    }
                    for one in track.frames
                ],
            }
            for track in self.faces
        ]
        return {name: faces if name == "faces" else plain[name] for name in self.__dataclass_fields__}


class Detector:
    """An exported model, ready to judge. One object serves several threads, one input at a time."""

    def __init__(self, session: onnxruntime.InferenceSession, terms: Contract, sha256: str) -> None:
        self.contract, self.sha256 = terms, sha256
        self._session, self._lock = session, threading.Lock()
        found = terms.detection
        self._faces = load_detector(found.name, found.detect_size, found.min_score, found.sha256)
        if self._faces.sha256 != found.sha256:
            raise UserError(
                f"the {found.name} face detector here is another file than the model was trained with "
                f"(sha256 {self._faces.sha256}, wanted {found.sha256}); install the versions of requirements.txt"
            )

    @classmethod
    def load(cls, path: str | Path = MODEL, threads: int = 0) -> "Detector":
        """The model at `path`, computing with so many threads (0: one per core).

        Raises UserError where it is missing, is no ONNX file or has no contract of ours.
        """
        path = Path(path)
        if not path.is_file():
            raise UserError(f"{path}: not there; `make repro` (or `dvc repro`) makes it, or name another with --model")
        onnxruntime.set_default_logger_severity(3)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        try:
            session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has a dozen kinds of its own
            raise UserError(f"{path}: not an ONNX model that can be loaded; export it again") from error
        text = session.get_modelmeta().custom_metadata_map.get(contract.KEY)
        return cls(session, contract.parse(text, str(path)), file_hash(path))

    def predict(
        self, source: Source, name: str = "", kind: str = "auto", watch: Callable[[int, int], None] | None = None
    ) -> Report:
        """Judge an image or a video, a path or its bytes.

        `kind` is `auto`, or `face` where the picture is a face crop already. `watch` is told (frames done, frames to
        come at most). Whatever is wrong with the input ends in a report with the verdict ERROR, never in an exception.
        """
        started = time.monotonic()
        report = Report(name or (str(source) if isinstance(source, Path) else "upload"), None, None, "ERROR")
        try:
            digest = hashlib.sha256(source).hexdigest() if isinstance(source, bytes) else file_hash(source)
            report = replace(report, sha256=digest)
            with self._lock:
                report = self._judge(report, source, kind, watch)
        except (MediaError, OSError) as error:
            report = replace(report, reason="cannot be read", error=reason(error))
        return replace(report, seconds=time.monotonic() - started)

    def score(
        self, frames: Iterable[Frame], ready_crops: bool = False
    ) -> tuple[ClipScore, dict[int, dict[int, float]]]:
        """What a clip of these frames comes to, and of each track the logit by frame number."""
        with self._lock:
            looked = [self._given(frame) for frame in frames] if ready_crops else self._looked_at(frames, None)
            tracks, too_small = self._tracks(looked)
        logits = {track: {frame.index: logit for frame, _, _, logit in rows} for track, rows in tracks.items()}
        own = {track: list(rows.values()) for track, rows in logits.items()}
        return scores.score_clip(own, len(looked), self.contract.decision.min_faces, too_small), logits

    def _judge(self, report: Report, source: Source, kind: str, watch: Callable | None) -> Report:
        terms = self.contract
        report = replace(report, kind=kind_of(source))
        warnings = [DEMONSTRATION] if terms.trained_on.demonstration else []
        if terms.crop.kind == "given" and kind == "auto":
            warnings.append(GIVEN)
        frames = self._frames(source, report.kind)
        looked = [self._given(frame) for frame in frames] if kind == "face" else self._looked_at(frames, watch)
        tracks, too_small = self._tracks(looked)
        logits = {track: [logit for _, _, _, logit in rows] for track, rows in tracks.items()}
        clip = scores.score_clip(logits, len(looked), terms.decision.min_faces, too_small)
        report = replace(
            report,
            frames_sampled=len(looked),
            frames_with_face=len({frame.index for rows in tracks.values() for frame, *_ in rows}),
            faces=tuple(self._track(track, tracks[track]) for track in sorted(tracks)),
            warnings=tuple(warnings),
        )
        return self._decided(report, clip)

    def _decided(self, report: Report, clip: ClipScore) -> Report:
        terms = self.contract
        if terms.trained_on.demonstration and report.sha256 not in terms.trained_on.demo_files:
            return replace(report, verdict="INCONCLUSIVE", reason="demonstration model")
        if clip.logit is None:
            return replace(report, verdict="INCONCLUSIVE", reason=clip.reason)
        probability = self._probability(clip.logit)
        verdict = scores.decide(probability, terms.decision.band_low, terms.decision.band_high)
        reason = "score in the inconclusive band" if verdict == "INCONCLUSIVE" else ""
        return replace(report, verdict=verdict, reason=reason, fake_probability=probability)

    def _frames(self, source: Source, kind: str) -> Iterable[Frame]:
        if kind == "image":
            return [Frame(0, None, 0.0, read_image(source))]
        return sample_frames(source, self.contract.frames)

    def _looked_at(self, frames: Iterable[Frame], watch: Callable | None) -> list[tuple[Frame, list]]:
        """Per frame (without its picture) the faces in it, each with its crop, or None where it is too small."""
        crop, looked = self.contract.crop, []
        for frame in frames:
            faces = [
                (face, None if face.side < crop.min_face else cut(frame.image, face, crop.margin, crop.size))
                for face in self._faces.detect(frame.image)
            ]
            looked.append((replace(frame, image=None), faces))
            if watch:
                watch(len(looked), self.contract.frames)
        return looked

    def _given(self, frame: Frame) -> tuple[Frame, list]:
        height, width = frame.image.shape[:2]
        return replace(frame, image=None), [
            (Face(0, 0, width, height, 1.0), given_crop(frame.image, self.contract.crop.size))
        ]

    def _tracks(self, looked: list[tuple[Frame, list]]) -> tuple[dict[int, list], int]:
        """Track -> (frame, face, crop, logit) for every face judged, and how many were too small."""
        numbers = follow([[face for face, _ in faces] for _, faces in looked])
        rows, too_small = [], 0
        for (frame, faces), row in zip(looked, numbers, strict=True):
            for (face, crop), track in zip(faces, row, strict=True):
                too_small += crop is None
                if crop is not None:
                    rows.append((track, frame, face, crop))
        tracks: dict[int, list] = {}
        for (track, *rest), logit in zip(rows, self._logits([row[3] for row in rows]), strict=True):
            tracks.setdefault(track, []).append((*rest, float(logit)))
        return tracks, too_small

    def _logits(self, crops: list[np.ndarray]) -> np.ndarray:
        """Fake minus real for each crop, float64."""
        crop = self.contract.crop
        mean, std = np.float32(crop.mean) * 255, np.float32(crop.std) * 255
        found = []
        for start in range(0, len(crops), BATCH):
            images = np.stack([resize(one, crop.input_size) for one in crops[start : start + BATCH]])
            inputs = np.ascontiguousarray(((images.astype(np.float32) - mean) / std).transpose(0, 3, 1, 2))
            (logits,) = self._session.run(["logits"], {"images": inputs})
            found.append(logits.astype(np.float64))
        both = np.concatenate(found) if found else np.zeros((0, 2))
        return both[:, 1] - both[:, 0]

    def _track(self, track: int, rows: list) -> FaceTrack:
        frames = tuple(
            FaceFrame(
                frame.index, frame.time, (face.x, face.y, face.width, face.height), self._probability(logit), crop
            )
            for frame, face, crop, logit in rows
        )
        return FaceTrack(track, self._probability(float(np.mean([row[-1] for row in rows]))), frames)

    def _probability(self, logit: float) -> float:
        return float(scores.probability(logit, self.contract.decision.temperature))
