"""Two ways to forge a drawn clip, made the way real face forgeries are: render small, warp,
colour-match, blend.

`swap` puts the inner face of one person on another's head, as face-swapping networks do; `reenact`
gives a person another mouth movement, as reenactment does. Both work on recorded frames, so the
pasted part lacks the camera's noise and has been through a smaller picture.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from deepfake_detector.datasets.synthesis.people import (
    Person,
    Pose,
    Scene,
    draw,
    face_coordinates,
    landmarks,
)


@dataclass(frozen=True)
class Flaws:
    """How badly one forged clip is made."""

    # size of the pasted part when rendered, as a fraction of its size in the picture
    resolution: float
    colour_match: float  # 0 not matched .. 1 mean and spread of the colours taken over
    feather: float  # width of the blending seam, in head half-widths
    drift: float  # misplacement of the pasted part, in head half-widths
    grain: float  # camera noise put back over the pasted part, as a fraction of the camera's own


def swapped_face(
    shape: tuple[int, int],
    target: Person,
    source: Person,
    pose: Pose,
    scene: Scene,
    flaws: Flaws,
    wobble: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The inner face of `source`, warped to where `target` has its own, and the mask that blends it
    in.

    `scene` lights the source; `wobble` (x, y in -1..1) says where the misplacement stands in this
    frame. Returns RGB float32 (height, width, 3) and a mask (height, width) in 0..1.
    """
    painted = _rendered_small(source, pose, scene, flaws.resolution, shape)
    goal = landmarks(target, pose) + (flaws.drift * pose.scale * wobble).astype(np.float32)
    warp, *_ = np.linalg.lstsq(np.c_[landmarks(source, pose), np.ones(5)], goal, rcond=None)
    painted = cv2.warpAffine(
        painted, warp.T, shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    u, v = face_coordinates(target, pose, shape)
    middle = 0.5 * (target.eye_line - target.brow_gap + target.mouth_line) + 0.02
    return painted, _soft_ellipse(u, v - np.float32(middle), 0.74, 0.75, flaws.feather)


def reenacted_mouth(
    shape: tuple[int, int], target: Person, pose: Pose, scene: Scene, flaws: Flaws, driver: Pose
) -> tuple[np.ndarray, np.ndarray]:
    """The mouth of `target` moved as `driver` moves it, and the mask that blends it in (as
    `swapped_face` returns)."""
    spoken = replace(pose, mouth_open=driver.mouth_open, smile=driver.smile)
    painted = _rendered_small(target, spoken, scene, flaws.resolution, shape)
    u, v = face_coordinates(target, pose, shape)
    return painted, _soft_ellipse(
        u, v - np.float32(target.mouth_line - 0.02), 0.62, 0.40, flaws.feather
    )


def paste(
    frame: np.ndarray, painted: np.ndarray, mask: np.ndarray, flaws: Flaws, noise: np.ndarray
) -> np.ndarray:
    """`painted` blended into the recorded `frame` under `mask`, colours matched, some of the
    camera's `noise` put back."""
    pasted = (
        _colour_matched(painted, frame, mask, flaws.colour_match) + np.float32(flaws.grain) * noise
    )
    return frame + (pasted - frame) * mask[..., None]


def _rendered_small(
    person: Person, pose: Pose, scene: Scene, resolution: float, shape: tuple[int, int]
) -> np.ndarray:
    """The person as a generator of limited resolution paints them, enlarged to a picture of
    `shape`."""
    small = (max(8, round(shape[1] * resolution)), max(8, round(shape[0] * resolution)))
    factor = small[0] / shape[1]
    plain = np.broadcast_to(person.skin, (small[1], small[0], 3)).astype(np.float32)
    painted = draw(person, pose.scaled(factor), replace(scene, background=plain))
    return cv2.resize(painted, shape[::-1], interpolation=cv2.INTER_CUBIC)


def _soft_ellipse(
    u: np.ndarray, v: np.ndarray, width: float, height: float, feather: float
) -> np.ndarray:
    rim = (1 - np.hypot(u / np.float32(width), v / np.float32(height))) * np.float32(
        min(width, height)
    )
    t = np.clip(rim / np.float32(feather), 0, 1)
    return t * t * (3 - 2 * t)


def _colour_matched(
    pasted: np.ndarray, frame: np.ndarray, mask: np.ndarray, strength: float
) -> np.ndarray:
    """Mean and standard deviation of each channel taken over from the frame under the mask
    (Reinhard et al. 2001, in RGB)."""
    under = (mask > 0.5).astype(np.uint8)
    mean, spread = cv2.meanStdDev(pasted, mask=under)
    goal, goal_spread = cv2.meanStdDev(frame, mask=under)
    gain = np.clip(goal_spread / np.maximum(spread, 1e-3), 0.6, 1.6)
    matched = (pasted - mean.T.astype(np.float32)) * gain.T.astype(np.float32) + goal.T.astype(
        np.float32
    )
    return pasted + np.float32(strength) * (matched - pasted)
