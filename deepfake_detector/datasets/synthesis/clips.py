"""The demo's clips: who is filmed how, and the files that come of it.

Closed pairs of people, as in FaceForensics++: each person is filmed twice, and each film is forged
once with the help of the other of the pair. A forged clip keeps size, frame rate, compression,
background and motion of the film it was made from, so only the face tells the two apart.
"""

import io
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import av
import cv2
import numpy as np
from PIL import Image

from deepfake_detector.datasets.synthesis.forgeries import (
    Flaws,
    paste,
    reenacted_mouth,
    swapped_face,
)
from deepfake_detector.datasets.synthesis.people import (
    SKIN_TONES,
    Person,
    Pose,
    Scene,
    draw,
    draw_person,
    head_window,
)

SIZES = ((320, 240), (352, 288), (384, 288), (288, 384), (426, 240))  # width, height
FRAME_RATES = (10, 12, 15, 20, 25)
METHODS = ("swap", "reenact")  # how takes 0 and 1 of each person are forged
CRF = (17, 25)  # of H.264; lower is better
# cpu-independent: x264's fastest routines for its look-ahead read memory they never wrote, so that
# the bytes change from call to call (6 files out of 30 encodings of one clip; 1 out of 60 with
# this)
H264 = {"preset": "veryfast", "x264-params": "cpu-independent=1"}
JPEG_QUALITY = (75, 95)
NOISE = (0.013, 0.033)  # standard deviation of the camera's noise, of 1
FLAWS = {
    "colour_match": (0.65, 0.92),
    "feather": (0.08, 0.24),
    "drift": (0.005, 0.03),
    "grain": (0.0, 0.15),
}
STILL = len(METHODS)  # the take that is a photo


@dataclass(frozen=True)
class Clip:
    """One file of the demo: `target` filmed in `take`, forged with the help of `source` unless
    real."""

    target: int
    take: int
    method: str = "real"
    source: int | None = None

    @property
    def path(self) -> str:
        """The file's path below the data set's folder: `<method>/<people>_<take>.<suffix>`."""
        people = (
            f"{self.target:03d}" if self.source is None else f"{self.target:03d}_{self.source:03d}"
        )
        return f"{self.method}/{people}_{self.take}.{'jpg' if self.take == STILL else 'mp4'}"


@dataclass(frozen=True)
class Film:
    """How one take is lit, filmed and compressed: the same for the real clip and the forgery made
    from it."""

    scene: Scene
    frames: int
    rate: int  # per second
    crf: int  # H.264 constant rate factor
    jpeg_quality: int
    noise: np.ndarray  # (height + SHIFT, width + SHIFT, 3)
    blur: float  # sigma in pixels
    tint: np.ndarray  # RGB gains of exposure and white balance


@dataclass(frozen=True)
class Shot:
    """One frame of a film, before anything is forged: `recorded` is RGB 0..1 with its `noise` in
    it."""

    pose: Pose
    recorded: np.ndarray
    noise: np.ndarray


# the noise field is this much larger than the picture, and cut at another place in every frame
SHIFT = 16


def plan(pairs: int) -> list[Clip]:
    """All clips of `pairs` closed pairs (people 0 and 1, 2 and 3, ...), sorted by path."""
    clips = []
    for person in range(2 * pairs):
        partner = person ^ 1
        for take, method in enumerate(METHODS):
            clips += [Clip(person, take), Clip(person, take, method, partner)]
        if person % 2 == 0:
            clips += [Clip(person, STILL), Clip(person, STILL, METHODS[person // 2 % 2], partner)]
    return sorted(clips, key=lambda clip: clip.path)


def produce(clip: Clip, seed: int, seconds: float, resolution: tuple[float, float]) -> bytes:
    """The finished file of `clip`: an H.264 MP4 of `seconds`, or a JPEG.

    `resolution` is the range of the forged part's own resolution, as a fraction of the picture's.
    The same arguments give the same bytes.
    """
    film = _film(seed, clip, seconds)
    return _file(clip, film, _shots(clip, film, seed), seed, resolution)


def produce_film(
    clips: list[Clip], seed: int, seconds: float, resolution: tuple[float, float]
) -> list[bytes]:
    """What `produce` makes of each of `clips`, which share target and take; drawn once, and kept in
    memory meanwhile."""
    film = _film(seed, clips[0], seconds)
    shots = list(_shots(clips[0], film, seed))
    return [_file(clip, film, shots, seed, resolution) for clip in clips]


def _person(seed: int, number: int) -> Person:
    return draw_person(np.random.default_rng([seed, 0, number]), _tone(number))


def _tone(number: int) -> int:
    """Every tone about equally often, the two of a pair at most one tone apart, as a forger would
    choose them."""
    pair, second = divmod(number, 2)
    return min(
        (pair % len(SKIN_TONES)) + second * (pair // len(SKIN_TONES) % 2), len(SKIN_TONES) - 1
    )


def _film(seed: int, clip: Clip, seconds: float) -> Film:
    rng = np.random.default_rng([seed, 1, clip.target, clip.take])
    width, height = SIZES[rng.integers(len(SIZES))]
    side = rng.choice([-1, 1])
    scene = Scene(
        background=_background(rng, width, height),
        clothes=rng.uniform(0.1, 0.85, 3).astype(np.float32),
        stripes=float(rng.choice([0, rng.uniform(12, 30)])),
        light=(float(side * rng.uniform(0.05, 0.55)), float(rng.uniform(-0.5, -0.1))),
        ambient=float(rng.uniform(0.45, 0.72)),
    )
    grey = rng.normal(0, 1, (height + SHIFT, width + SHIFT, 1))
    chroma = rng.normal(0, 0.5, (height + SHIFT, width + SHIFT, 3))
    rate = int(rng.choice(FRAME_RATES))
    return Film(
        scene=scene,
        frames=1 if clip.take == STILL else round(seconds * rate),
        rate=rate,
        crf=int(rng.integers(*CRF, endpoint=True)),
        jpeg_quality=int(rng.integers(*JPEG_QUALITY, endpoint=True)),
        noise=((grey + chroma) * rng.uniform(*NOISE)).astype(np.float32),
        blur=float(rng.uniform(0.3, 0.9)),
        tint=(rng.uniform(0.88, 1.08) * rng.uniform(0.95, 1.05, 3)).astype(np.float32),
    )


def _background(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A wall, its light falling off, and a few things out of focus."""
    picture: np.ndarray = np.empty((height, width, 3), np.float32)
    picture[:] = rng.uniform(0.2, 0.8, 3)
    for _ in range(rng.integers(3, 9)):
        corner, extent = rng.uniform(-0.2, 1, 2), rng.uniform(0.1, 0.6, 2)
        left, top = (corner * (width, height)).astype(int)
        right, bottom = ((corner + extent) * (width, height)).astype(int)
        cv2.rectangle(
            picture,
            (int(left), int(top)),
            (int(right), int(bottom)),
            rng.uniform(0.1, 0.9, 3).tolist(),
            -1,
        )
    picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(2, 9)))
    fall = np.linspace(rng.uniform(0.8, 1.1), rng.uniform(0.8, 1.1), width, dtype=np.float32)
    grain = cv2.resize(
        rng.normal(0, 0.02, (height // 3, width // 3)).astype(np.float32), (width, height)
    )
    return np.clip(picture * fall[None, :, None] + grain[..., None], 0, 1)


def _shots(clip: Clip, film: Film, seed: int) -> Iterator[Shot]:
    height, width = film.scene.background.shape[:2]
    target = _person(seed, clip.target)
    poses = _motion(
        np.random.default_rng([seed, 2, clip.target, clip.take]),
        width,
        height,
        film.frames,
        film.rate,
    )
    shifts = np.random.default_rng([seed, 3, clip.target, clip.take]).integers(
        0, SHIFT, (film.frames, 2)
    )
    for pose, (row, column) in zip(poses, shifts, strict=True):
        noise = film.noise[row : row + height, column : column + width]
        clean = cv2.GaussianBlur(draw(target, pose, film.scene), (0, 0), film.blur)
        yield Shot(pose, np.clip(clean * film.tint + noise, 0, 1), noise)


def _file(
    clip: Clip, film: Film, shots: Iterable[Shot], seed: int, resolution: tuple[float, float]
) -> bytes:
    forge = _forger(clip, film, seed, resolution)
    frames = (
        _to_8_bit(forge(position, shot) if forge else shot.recorded)
        for position, shot in enumerate(shots)
    )
    if clip.take == STILL:
        return _jpeg(next(frames), film.jpeg_quality)
    return _mp4(frames, film.scene.background.shape, film.rate, film.crf)


def _forger(
    clip: Clip, film: Film, seed: int, resolution: tuple[float, float]
) -> Callable[[int, Shot], np.ndarray] | None:
    """A function of (position, shot) that forges one frame; None for a real clip."""
    if clip.source is None:
        return None
    rng = np.random.default_rng([seed, 4, clip.target, clip.take, METHODS.index(clip.method)])
    flaws = Flaws(
        float(rng.uniform(*resolution)),
        **{name: float(rng.uniform(*ends)) for name, ends in FLAWS.items()},
    )
    height, width = film.scene.background.shape[:2]
    target, source = _person(seed, clip.target), _person(seed, clip.source)
    driver = _motion(rng, width, height, film.frames, film.rate)
    across, down = (float(part + rng.normal(0, 0.08)) for part in film.scene.light)
    lamp = replace(
        film.scene,
        light=(across, down),
        ambient=float(np.clip(film.scene.ambient + rng.normal(0, 0.04), 0.4, 0.8)),
    )
    phase = rng.uniform(0, 2 * math.pi, 2)

    def forge(position: int, shot: Shot) -> np.ndarray:
        window = head_window(target, shot.pose, (height, width))
        pose = shot.pose.seen_from(window[1].start, window[0].start)
        shape = shot.recorded[window].shape[:2]
        if clip.method == "swap":
            wobble = np.sin(phase + 5.0 * position / film.rate)
            painted, mask = swapped_face(shape, target, source, pose, lamp, flaws, wobble)
        else:
            painted, mask = reenacted_mouth(shape, target, pose, lamp, flaws, driver[position])
        forged = shot.recorded.copy()
        forged[window] = paste(
            shot.recorded[window], painted * film.tint, mask, flaws, shot.noise[window]
        )
        return np.clip(forged, 0, 1)

    return forge


def _motion(rng: np.random.Generator, width: int, height: int, count: int, rate: int) -> list[Pose]:
    """A person who sways, nods, blinks and talks for `count` frames at `rate` frames per second."""
    scale = min(width, height) * rng.uniform(0.16, 0.21)
    x, y = width * rng.uniform(0.42, 0.58), max(height * rng.uniform(0.40, 0.48), 1.75 * scale)
    seconds = np.arange(count) / rate

    def sway(size: float) -> np.ndarray:
        slow, fast = rng.uniform(0.15, 0.5), rng.uniform(0.6, 1.4)
        phases = rng.uniform(0, 2 * math.pi, 2)
        return size * (
            0.7 * np.sin(2 * math.pi * slow * seconds + phases[0])
            + 0.3 * np.sin(2 * math.pi * fast * seconds + phases[1])
        )

    blinks = np.cumsum(rng.uniform(0.8, 2.5, 4)) - rng.uniform(0, 1.5)
    eyes = np.prod(
        [1 - 0.95 * np.exp(-(((seconds - moment) / 0.07) ** 2)) for moment in blinks], axis=0
    )
    talks = rng.random() < 0.7
    syllables = (
        np.abs(np.sin(2 * math.pi * rng.uniform(1.5, 2.6) * seconds + rng.uniform(0, 6))) ** 1.5
    )
    phrase = np.clip(sway(1.0) + 0.6, 0, 1)
    mouth = talks * syllables * phrase * rng.uniform(0.5, 1.0)
    smile = np.clip(rng.uniform(-0.3, 0.7) + sway(0.25), -0.4, 1)
    columns = zip(
        x + sway(0.18 * scale),
        y + sway(0.10 * scale),
        scale * (1 + sway(0.03)),
        rng.normal(0, 0.03) + sway(0.06),
        rng.normal(0, 0.15) + sway(0.30),
        rng.normal(0, 0.10) + sway(0.25),
        eyes,
        sway(0.5),
        mouth,
        smile,
        strict=True,
    )
    return [Pose(*(float(value) for value in values)) for values in columns]


def _to_8_bit(picture: np.ndarray) -> np.ndarray:
    return np.rint(picture * 255).astype(np.uint8)


def _jpeg(frame: np.ndarray, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _mp4(frames: Iterator[np.ndarray], shape: tuple[int, ...], rate: int, crf: int) -> bytes:
    """H.264 in MP4 from one encoder thread and without timestamps, so that the bytes come back."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=rate, options=H264 | {"crf": str(crf)})
        stream.thread_count = 1
        stream.pix_fmt = "yuv420p"
        stream.height, stream.width = shape[:2]
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()
