"""Made for tests of the page: small models that judge at once, clips of several people, and the
page served."""

from pathlib import Path

import made
import numpy as np

from deepfake_detector.media.frame_sampling import sample_frames
from deepfake_detector.media.stills import read_image

VERDICTS = {  # name of a model -> how it decides
    "fake": made.SURE,
    "real": made.SURE | {"band_low": 1.0, "band_high": 1.0},
    "band": made.SURE | {"band_high": 1.0},
}


def side_by_side(*people: int) -> bytes:
    """A still of several drawn people."""
    return made.picture(_beside([read_image(made.person_still(person)) for person in people]))


def clip_side_by_side(*people: int, seconds: float = 0.5) -> bytes:
    """A clip of several drawn people, as long as the shortest of their own."""
    clips = [
        [frame.image for frame in sample_frames(made.person_clip(one, seconds), 400)]
        for one in people
    ]
    return made.clip_of([_beside(list(images)) for images in zip(*clips, strict=False)])


def _beside(images: list[np.ndarray]) -> np.ndarray:
    height = max(image.shape[0] for image in images)
    even = height + height % 2
    return np.hstack(
        [_padded(image, even - image.shape[0], image.shape[1] % 2) for image in images]
    )


def _padded(image: np.ndarray, below: int, right: int) -> np.ndarray:
    return np.pad(image, ((0, below), (0, right), (0, 0)), mode="edge")


def write_verdicts(folder: Path) -> dict[str, Path]:
    """A model for each verdict, by its name."""
    return {
        name: made.write_model(folder / f"{name}.onnx", decision=terms)
        for name, terms in VERDICTS.items()
    }
