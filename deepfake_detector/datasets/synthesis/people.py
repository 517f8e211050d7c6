"""Parametric people: an identity drawn from a seed, a pose, and the picture the two make.

Everything is an implicit function of face coordinates (u to the right, v down, the head about one
unit wide to either side of its centre), evaluated on the pixels round the head, so edges are smooth
at every size and bytes are the same everywhere.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

TEXTURE = 256  # pixels a side of a person's skin and hair texture
SKIN_TONES = ("#f2d6c4", "#e6b998", "#cf9870", "#b07a52", "#8a5a3b", "#6b4530")
HAIR_COLOURS = ("#17120f", "#2e1f15", "#4a3120", "#6e4a2a", "#9b7444", "#8a8580", "#7a2f1a")
IRIS_COLOURS = ("#3a2416", "#5b3a1e", "#4c6a3f", "#4a6f8f", "#6b7f86")


@dataclass(frozen=True)
class Person:
    """What stays the same in every clip of one drawn person. Lengths in head half-widths."""

    skin: np.ndarray  # RGB, 0..1
    hair: np.ndarray
    iris: np.ndarray
    lips: np.ndarray
    height: float  # half-height of the head
    jaw: float  # 0 round .. 1 narrow
    cheeks: float
    eye_apart: float
    eye_size: float
    eye_line: float
    eye_tilt: float
    brow_gap: float
    brow_weight: float
    brow_arch: float
    nose_length: float
    nose_width: float
    mouth_line: float
    mouth_width: float
    lip_upper: float
    lip_lower: float
    hairline: float
    hair_volume: float
    hair_length: float
    parting: float
    beard: float
    freckles: float
    skin_texture: np.ndarray  # (TEXTURE, TEXTURE), about -1..1
    hair_texture: np.ndarray


@dataclass(frozen=True)
class Pose:
    """What a person does in one frame, and where in the picture, in pixels."""

    x: float
    y: float
    scale: float  # pixels per head half-width
    roll: float = 0.0  # radians
    yaw: float = 0.0  # -1 .. 1
    pitch: float = 0.0
    eyes_open: float = 1.0
    gaze: float = 0.0
    mouth_open: float = 0.0
    smile: float = 0.0

    def seen_from(self, left: int, top: int) -> "Pose":
        """The same pose in the part of the picture that begins at column `left` and row `top`."""
        return replace(self, x=self.x - left, y=self.y - top)

    def scaled(self, factor: float) -> "Pose":
        """The same pose in a picture `factor` times the size (pixel centres at +0.5)."""
        return replace(
            self,
            x=(self.x + 0.5) * factor - 0.5,
            y=(self.y + 0.5) * factor - 0.5,
            scale=self.scale * factor,
        )


@dataclass(frozen=True)
class Scene:
    """What surrounds a person in one clip."""

    background: np.ndarray  # (height, width, 3), RGB 0..1
    clothes: np.ndarray  # RGB 0..1
    stripes: float  # stripe frequency of the clothes; 0 for plain
    light: tuple[float, float]  # direction the light comes from: right, down
    ambient: float


def colour(code: str) -> np.ndarray:
    """`#rrggbb` as RGB in 0..1."""
    return np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255


def draw_person(rng: np.random.Generator, tone: int) -> Person:
    """A new identity with skin tone `tone` (an index into SKIN_TONES)."""
    skin = colour(SKIN_TONES[tone]) * rng.uniform(0.95, 1.04) + rng.normal(0, 0.008, 3)
    darkest = 3 if tone > 2 else len(HAIR_COLOURS)
    hair = colour(HAIR_COLOURS[rng.integers(darkest)]) * rng.uniform(0.85, 1.2)
    iris = colour(IRIS_COLOURS[rng.integers(2 if tone > 2 else len(IRIS_COLOURS))])
    long_hair = rng.random() < 0.45
    return Person(
        skin=np.clip(skin, 0, 1).astype(np.float32),
        hair=np.clip(hair, 0, 1).astype(np.float32),
        iris=iris,
        lips=np.clip(skin * [0.86, 0.60, 0.60] + rng.normal(0, 0.02, 3), 0, 1).astype(np.float32),
        height=rng.uniform(1.24, 1.40),
        jaw=rng.uniform(0.15, 0.75),
        cheeks=rng.uniform(0.2, 1.0),
        eye_apart=rng.uniform(0.38, 0.45),
        eye_size=rng.uniform(0.155, 0.195),
        eye_line=rng.uniform(-0.20, -0.10),
        eye_tilt=rng.uniform(-0.12, 0.08),
        brow_gap=rng.uniform(0.22, 0.29),
        brow_weight=rng.uniform(0.035, 0.075),
        brow_arch=rng.uniform(0.1, 0.6),
        nose_length=rng.uniform(0.42, 0.54),
        nose_width=rng.uniform(0.17, 0.25),
        mouth_line=rng.uniform(0.66, 0.76),
        mouth_width=rng.uniform(0.32, 0.43),
        lip_upper=rng.uniform(0.05, 0.09),
        lip_lower=rng.uniform(0.07, 0.12),
        hairline=rng.uniform(-0.98, -0.78),
        hair_volume=rng.uniform(0.08, 0.25),
        hair_length=rng.uniform(0.9, 1.9) if long_hair else rng.uniform(-0.2, 0.25),
        parting=rng.uniform(-0.6, 0.6),
        beard=0.0 if long_hair or rng.random() < 0.55 else rng.uniform(0.25, 0.8),
        freckles=rng.uniform(0.3, 1.0),
        skin_texture=_skin_texture(rng),
        hair_texture=_octaves(rng, ((64, 4), (128, 8), (256, 16))),
    )


def draw(person: Person, pose: Pose, scene: Scene) -> np.ndarray:
    """One clean picture of the person in the scene: RGB float32 in 0..1, the size of the scene's
    background."""
    picture = scene.background.copy()
    softness = 1.2 / pose.scale  # edges about one pixel wide
    crown = -person.height - person.hair_volume - 0.15
    for paint, box in (
        (_paint_body, (-2.4, 0.3, 2.4, 9.0)),
        (_paint_mane, (-1.4, crown, 1.4, max(1.5, person.hair_length + 0.1))),
        (_paint_head, (-1.3, crown, 1.3, person.height + 0.1)),
    ):
        window = _window(pose, box, picture.shape[:2])
        if picture[window].size:
            paint(picture[window], person, pose, scene, *_head_plane(pose, window), softness)
    return picture


def head_window(person: Person, pose: Pose, shape: tuple[int, int]) -> tuple[slice, slice]:
    """The rows and columns of a picture of `shape` (height, width) that hold the head."""
    return _window(pose, (-1.1, -person.height, 1.1, person.height), shape)


def face_coordinates(
    person: Person, pose: Pose, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """(u, v) of every pixel of a picture of `shape` (height, width): where on the face it lies,
    whichever way turned."""
    return _turned(person, pose, *_head_plane(pose, (slice(0, shape[0]), slice(0, shape[1]))))


def landmarks(person: Person, pose: Pose) -> np.ndarray:
    """Both eyes, nose tip and mouth corners in picture pixels: (5, 2) float32 (x, y)."""
    points = np.array(
        [
            (-person.eye_apart, person.eye_line),
            (person.eye_apart, person.eye_line),
            (0, person.eye_line + person.nose_length),
            (-person.mouth_width, person.mouth_line),
            (person.mouth_width, person.mouth_line),
        ]
    )
    depth = np.sqrt(np.clip(1 - points[:, 0] ** 2 - (points[:, 1] / person.height) ** 2, 0, 1))
    x, y = points[:, 0] + 0.30 * pose.yaw * depth, points[:, 1] + 0.22 * pose.pitch * depth
    cosine, sine = np.cos(pose.roll), np.sin(pose.roll)
    placed = np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=1)
    return (placed * pose.scale + (pose.x, pose.y)).astype(np.float32)


def _window(
    pose: Pose, box: tuple[float, float, float, float], shape: tuple[int, int]
) -> tuple[slice, slice]:
    """The part of a picture of `shape` in which a box of the head plane (left, top, right, bottom)
    lies."""
    cosine, sine = np.cos(pose.roll), np.sin(pose.roll)
    corners = np.array([(x, y) for x in box[::2] for y in box[1::2]])
    columns = pose.x + pose.scale * (cosine * corners[:, 0] - sine * corners[:, 1])
    rows = pose.y + pose.scale * (sine * corners[:, 0] + cosine * corners[:, 1])
    left, right = np.clip([columns.min(), columns.max() + 1], 0, shape[1]).astype(int)
    top, bottom = np.clip([rows.min(), rows.max() + 1], 0, shape[0]).astype(int)
    return slice(top, bottom), slice(left, right)


def _head_plane(pose: Pose, window: tuple[slice, slice]) -> tuple[np.ndarray, np.ndarray]:
    """(x, y) of every pixel in the window: head half-widths from the centre of the head, upright
    with it."""
    rows, columns = (np.arange(part.start, part.stop, dtype=np.float32) for part in window)
    columns = (columns - np.float32(pose.x)) / np.float32(pose.scale)
    rows = (rows - np.float32(pose.y)) / np.float32(pose.scale)
    cosine, sine = np.float32(np.cos(pose.roll)), np.float32(np.sin(pose.roll))
    return (
        cosine * columns[None, :] + sine * rows[:, None],
        cosine * rows[:, None] - sine * columns[None, :],
    )


def _turned(
    person: Person, pose: Pose, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Turning the head moves what lies in front of it more than its rim."""
    depth = np.sqrt(np.clip(1 - x * x - (y / np.float32(person.height)) ** 2, 0, 1))
    return x - np.float32(0.30 * pose.yaw) * depth, y - np.float32(0.22 * pose.pitch) * depth


def _paint_body(
    region: np.ndarray,
    person: Person,
    pose: Pose,
    scene: Scene,
    x: np.ndarray,
    y: np.ndarray,
    softness: float,
) -> None:
    neck = np.minimum(0.50 - np.abs(x), y - 0.5)
    shade = 0.70 + 0.35 * _smooth(person.height, person.height + 0.5, y) + 0.2 * scene.light[0] * x
    _over(region, _edge(neck, softness), person.skin * (shade * scene.ambient)[..., None])
    slope = np.clip(np.abs(x) - 0.3, 0, None)
    shoulders = y - (person.height + 0.32 + 0.22 * slope * np.sqrt(slope))
    shade = 0.82 - 0.05 * np.minimum(x * x, 6) + 0.15 * scene.light[0] * x
    if scene.stripes:
        shade = shade * (1 - 0.25 * _edge(np.sin(np.float32(scene.stripes) * y), 0.3))
    _over(region, _edge(shoulders, softness), scene.clothes * shade[..., None])


def _paint_mane(
    region: np.ndarray,
    person: Person,
    pose: Pose,
    scene: Scene,
    x: np.ndarray,
    y: np.ndarray,
    softness: float,
) -> None:
    """The hair behind the head."""
    crown = 1 + person.hair_volume
    fall = np.minimum(
        crown - 0.02 - 0.06 * y * y - np.abs(x), np.minimum(person.hair_length - y, y + 0.2)
    )
    strands = _sample(person.hair_texture, x * 1.5, y * 0.35)
    shade = (0.62 + 0.22 * strands) * (scene.ambient + 0.25)
    _over(
        region,
        _edge(np.maximum(_skull(person, x, y), fall), 2 * softness),
        person.hair * shade[..., None],
    )


def _paint_head(
    region: np.ndarray,
    person: Person,
    pose: Pose,
    scene: Scene,
    x: np.ndarray,
    y: np.ndarray,
    softness: float,
) -> None:
    for side in (-1, 1):
        ear = 0.15 - np.hypot(x - side * 0.97, (y - 0.02) * 0.55)
        _over(region, _edge(ear, softness), person.skin * np.float32(0.55 * scene.ambient + 0.25))
    u, v = _turned(person, pose, x, y)
    skin = _lit_skin(person, scene, x, y, u, v)
    strands = _sample(person.hair_texture, u * 1.5, v * 0.35)
    _paint_features(_Face(skin, u, v, strands, softness), person, pose)
    outline = np.minimum(_half_width(person, y) - np.abs(x), person.height - np.abs(y))
    _over(region, _edge(outline, softness), skin)
    _paint_fringe(region, person, scene, x, y, u, v, strands, softness)


def _paint_fringe(
    region: np.ndarray,
    person: Person,
    scene: Scene,
    x: np.ndarray,
    y: np.ndarray,
    u: np.ndarray,
    v: np.ndarray,
    strands: np.ndarray,
    softness: float,
) -> None:
    """The hair before the head: everything of the skull above the hairline, and the sides of it."""
    hairline = (
        person.hairline
        + 0.25 * (u - person.parting) ** 2 * (1 - 0.4 * abs(person.parting))
        + 0.03 * strands
    )
    sides = np.minimum(np.abs(x) - 0.88 - 0.03 * strands, min(person.hair_length, 0.0) - y)
    hair = np.minimum(_skull(person, x, y), np.maximum(hairline - v, sides))
    shine = 0.20 * np.exp(-(((v - person.hairline + 0.12) / 0.12) ** 2))
    shade = (0.92 + 0.22 * strands + shine) * (scene.ambient + 0.35 + 0.25 * scene.light[0] * x)
    _over(region, _edge(hair, 2.5 * softness), person.hair * np.clip(shade, 0.2, 1.6)[..., None])


def _skull(person: Person, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Signed distance, about, to the outline of the hair on the head."""
    crown = 1 + person.hair_volume
    return crown - np.hypot(
        x, (y + 0.12) * np.float32(crown / (person.height + person.hair_volume))
    )


def _half_width(person: Person, y: np.ndarray) -> np.ndarray:
    """Half-width of the head at height y: an ellipse above, a jaw that narrows below."""
    t = np.clip(y / np.float32(person.height), -1, 1)
    below = np.clip(t, 0, 1)
    return np.sqrt(np.sqrt(np.clip(1 - t * t, 0, 1)) * np.clip(1 - np.abs(t), 0, 1) ** 0.15) * (
        1 - np.float32(0.30 * person.jaw) * below
    )


def _lit_skin(
    person: Person, scene: Scene, x: np.ndarray, y: np.ndarray, u: np.ndarray, v: np.ndarray
) -> np.ndarray:
    """Skin under one lamp: a rounded head, cheekbones, grain, freckles and beard."""
    nx = np.clip(x / 1.05, -1, 1)
    ny = np.clip(y / np.float32(person.height + 0.1), -1, 1)
    nz = np.sqrt(1 - 0.75 * nx * nx - 0.24 * ny * ny)
    light = scene.light[0] * nx + scene.light[1] * ny + 0.85 * nz
    shade = scene.ambient + (1.08 - scene.ambient) * np.clip(light, 0, 1.2)
    cheek = _blob(np.abs(u) - 0.52, v - 0.25, 0.24, 0.17)
    shade += (
        0.05 * cheek
        - 0.10 * _blob(u, v - person.height * 0.80, 0.25, 0.05)
        + 0.05 * _blob(u, v + 0.62, 0.45, 0.22)
    )
    grain = _sample(person.skin_texture, u, v)
    shade *= 1 + 0.04 * grain - 0.08 * person.freckles * np.clip(grain - 1, 0, 1)
    skin = person.skin * shade[..., None]
    skin[..., 0] += 0.035 * person.cheeks * cheek
    if person.beard:
        jaw = _smooth(0.25, 0.55, v + 0.18 * u * u) * (
            1 - _blob(u, v - person.mouth_line, 0.3, 0.10)
        )
        _over(skin, np.clip(person.beard * jaw * (0.55 + 0.28 * grain), 0, 0.85), person.hair * 0.9)
    return skin


@dataclass(frozen=True)
class _Face:
    """The skin under the brush, with the face coordinates of its pixels; parts of it are views."""

    skin: np.ndarray
    u: np.ndarray
    v: np.ndarray
    strands: np.ndarray
    softness: float

    def around(self, u: float, v: float, reach_u: float, reach_v: float) -> "_Face":
        near = (np.abs(self.u - np.float32(u)) < reach_u) & (
            np.abs(self.v - np.float32(v)) < reach_v
        )
        rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        part = (slice(0, 0), slice(0, 0))
        if rows.size:
            part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        return _Face(self.skin[part], self.u[part], self.v[part], self.strands[part], self.softness)


def _paint_features(face: _Face, person: Person, pose: Pose) -> None:
    tip = person.eye_line + person.nose_length
    brows = person.eye_line - person.brow_gap
    _paint_nose(face.around(0, 0.5 * (brows + tip), 0.45, 0.5 * (tip - brows) + 0.25), person)
    for side in (-1, 1):
        _paint_eye(
            face.around(side * person.eye_apart, person.eye_line, 0.40, 0.36), person, pose, side
        )
        _paint_brow(face.around(side * person.eye_apart, brows, 0.42, 0.22), person, pose, side)
    _paint_mouth(face.around(0, person.mouth_line, 0.62, 0.36), person, pose)


def _paint_nose(face: _Face, person: Person) -> None:
    u, v = face.u, face.v
    tip = person.eye_line + person.nose_length
    along = _smooth(person.eye_line - 0.1, tip, v)
    bridge = _smooth(person.eye_line - 0.25, person.eye_line, v) * (
        1 - _smooth(tip - 0.02, tip + 0.05, v)
    )
    ridge = np.exp(-((u / (0.05 + 0.05 * along)) ** 2))
    flank = np.exp(-(((np.abs(u) - 0.11 - 0.10 * along) / 0.06) ** 2))
    shade = 1 + 0.14 * (ridge - flank) * bridge + 0.10 * _blob(u, v - tip + 0.06, 0.07, 0.06)
    shade *= 1 - 0.26 * _blob(u, v - tip - 0.07, person.nose_width * 0.8, 0.035)
    shade *= 1 - 0.10 * _blob(np.abs(u) - person.nose_width, v - tip, 0.04, 0.07)
    shade *= 1 - 0.60 * _blob(np.abs(u) - person.nose_width * 0.52, v - tip - 0.045, 0.045, 0.026)
    _shade(face.skin, shade)


def _paint_eye(face: _Face, person: Person, pose: Pose, side: int) -> None:
    size = np.float32(person.eye_size)
    eu = (face.u - np.float32(side * person.eye_apart)) / size
    ev = (face.v - np.float32(person.eye_line)) / size - np.float32(person.eye_tilt * side) * eu
    almond = np.clip(1 - eu * eu, 0, 1)
    upper = -0.62 * almond * pose.eyes_open + 0.12 * (1 - pose.eyes_open)
    lower = 0.34 * almond
    inside = np.abs(eu) < 1
    socket = 1 - 0.30 * _blob(eu, ev + 0.35, 1.25, 0.85) - 0.10 * _blob(eu, ev - 1.0, 1.0, 0.30)
    _shade(face.skin, socket * (1 - 0.16 * np.exp(-(((ev - upper + 0.30) / 0.09) ** 2)) * inside))

    lit = 0.55 + 0.45 * float(np.clip(face.skin.mean(), 0.3, 1)) if face.skin.size else 1.0
    ball = (1 - 0.22 * eu * eu) * (0.86 + 0.14 * _smooth(-0.6, 0, ev)) * np.float32(lit)
    eye = np.array([0.90, 0.88, 0.86], np.float32) * ball[..., None]
    distance = np.hypot(eu - 0.35 * pose.gaze, ev + 0.08)
    glint = np.hypot(eu - 0.35 * pose.gaze - 0.16, ev + 0.28)
    _over(
        eye,
        _edge((0.50 - distance) * size, face.softness),
        person.iris * (0.75 + 0.5 * distance)[..., None],
    )
    _over(
        eye,
        _edge((0.21 - distance) * size, face.softness),
        np.array([0.02, 0.02, 0.02], np.float32),
    )
    _over(
        eye, _edge((0.10 - glint) * size, face.softness), np.array([0.95, 0.95, 0.95], np.float32)
    )
    _over(face.skin, _edge(np.minimum(ev - upper, lower - ev) * size, face.softness) * inside, eye)
    lash = np.exp(-(((ev - upper) / 0.13) ** 2)) * _edge(
        (1.08 - np.abs(eu)) * size, 2 * face.softness
    )
    _over(face.skin, 0.80 * lash, person.hair * 0.25)


def _paint_brow(face: _Face, person: Person, pose: Pose, side: int) -> None:
    along = (side * face.u - np.float32(person.eye_apart)) / np.float32(1.45 * person.eye_size)
    line = (
        person.eye_line
        - person.brow_gap
        - 0.02 * pose.smile
        + 0.10 * person.brow_arch * (along - 0.25) ** 2
    )
    weight = person.brow_weight * np.clip(1.15 - 0.45 * along, 0.3, 1.4)
    brow = np.exp(-(((face.v - line) / weight) ** 2))
    brow *= _edge((1 - np.abs(along)) * np.float32(person.eye_size), 4 * face.softness)
    _over(face.skin, np.clip(brow * (0.80 + 0.12 * face.strands), 0, 0.9), person.hair * 0.7)


def _paint_mouth(face: _Face, person: Person, pose: Pose) -> None:
    u, v, softness = face.u, face.v, face.softness
    width = person.mouth_width * (1 + 0.15 * pose.smile - 0.10 * pose.mouth_open)
    mu = np.clip(u / np.float32(width), -1.3, 1.3)
    inside = np.abs(mu) < 1
    arch = np.clip(1 - mu * mu, 0, 1)
    line = person.mouth_line - 0.07 * pose.smile * mu * mu
    gap = 0.16 * pose.mouth_open * arch
    upper, lower = line - 0.35 * gap, line + 0.65 * gap
    top = upper - person.lip_upper * np.sqrt(arch) * (1 - 0.25 * np.exp(-((mu / 0.16) ** 2)))
    bottom = lower + person.lip_lower * np.sqrt(arch)

    _shade(face.skin, 1 - 0.14 * _blob(u, v - bottom - 0.07, width * 0.6, 0.05) * inside)
    lit = float(np.clip(face.skin.mean() / person.skin.mean(), 0.4, 1.1)) if face.skin.size else 1.0
    shade = (0.88 + 0.25 * _smooth(0, 0.6 * person.lip_lower, v - lower)) * np.float32(lit)
    lips = _edge(np.minimum(v - top, bottom - v), 1.5 * softness) * inside
    _over(face.skin, 0.88 * lips, person.lips * shade[..., None])
    if pose.mouth_open > 0.05:
        teeth = _edge(upper + 0.05 - v, softness) * (np.abs(mu) < 0.8)
        cavity = np.broadcast_to(np.array([0.16, 0.05, 0.05], np.float32), face.skin.shape).copy()
        _over(cavity, teeth, np.array([0.82, 0.80, 0.76], np.float32) * np.float32(lit))
        _over(face.skin, _edge(np.minimum(v - upper, lower - v), softness) * inside, cavity)
    seam = np.exp(-(((v - line) / 0.018) ** 2)) * inside * (1 - min(1.0, 4 * pose.mouth_open))
    _shade(face.skin, 1 - 0.55 * seam)


def _over(below: np.ndarray, alpha: np.ndarray, above: np.ndarray) -> None:
    below += (above - below) * alpha[..., None]


def _shade(skin: np.ndarray, factor: np.ndarray) -> None:
    skin *= factor[..., None]


def _edge(distance: np.ndarray, softness: float) -> np.ndarray:
    """1 inside (distance > 0), 0 outside, a straight ramp between."""
    return np.clip(distance / np.float32(softness) + np.float32(0.5), 0, 1)


def _smooth(low: float, high: float, value: np.ndarray) -> np.ndarray:
    t = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _blob(x: np.ndarray, y: np.ndarray, width: float, height: float) -> np.ndarray:
    return np.exp(-((x / np.float32(width)) ** 2) - (y / np.float32(height)) ** 2)


def _octaves(rng: np.random.Generator, octaves: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Smooth noise of about unit variance: grids of random values, enlarged and added."""
    total = np.zeros((TEXTURE, TEXTURE), np.float32)
    for columns, rows in octaves:
        grid = rng.normal(size=(rows, columns)).astype(np.float32)
        total += cv2.resize(grid, (TEXTURE, TEXTURE), interpolation=cv2.INTER_LINEAR)
    return total / total.std()


def _skin_texture(rng: np.random.Generator) -> np.ndarray:
    return _octaves(rng, ((16, 16), (48, 48), (128, 128), (256, 256)))


def _sample(texture: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The texture at face coordinates; it spans -2..2 and repeats."""
    scale = np.float32(TEXTURE / 4)
    return cv2.remap(
        texture,
        (u + 2) * scale,
        (v + 2) * scale,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
