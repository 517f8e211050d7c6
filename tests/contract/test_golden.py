"""The drawn face is the same everywhere, any detector finds it, and a model that makes something
else of it is refused."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from made import contract_terms, small_network

from deepfake_detector import UserError
from deepfake_detector.contract import golden, model_file
from deepfake_detector.faces.cutting import cut, given_crop
from deepfake_detector.faces.detection import load_detector
from deepfake_detector.faces.face import Face
from deepfake_detector.faces.haar import Haar
from deepfake_detector.faces.settings import YUNET
from deepfake_detector.serving.inference import Detector
from deepfake_detector.storage.files import file_hash
from deepfake_detector.storage.onnx_session import open_session

CROP = contract_terms().crop
BOX = (70.0, 52.0, 116.0, 116.0)


@dataclass
class Finds:
    """A face detector that always finds the same boxes."""

    boxes: list[tuple[float, float, float, float]]
    sha256: str = "0" * 64

    def detect(self, image: np.ndarray) -> list[Face]:
        return [Face(*box, score=1.0) for box in self.boxes]


@dataclass
class Says:
    """A network of one logit that remembers what it was shown."""

    logit: float
    shown: list[np.ndarray] = field(default_factory=list)

    def __call__(self, crops: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        self.shown += crops
        return np.full(len(crops), self.logit), np.zeros((len(crops), 2, 2), np.float32)


def moved(by: float) -> tuple[float, float, float, float]:
    return BOX[0] + by, *BOX[1:]


# the face


def test_the_drawn_face_is_the_same_on_every_machine():
    image = golden.image()
    assert (image.shape, image.dtype) == ((256, 256, 3), np.uint8)
    expected = "62bc7e7263acef658a6248a94d2a13db925da6520ab121fdc26b0261c564880f"
    assert hashlib.sha256(image.tobytes()).hexdigest() == expected


@pytest.mark.parametrize("detect_size", range(180, 481, 20))
@pytest.mark.parametrize(("name", "min_score"), [("haar", 0.0), ("yunet", 0.6)])
def test_one_face_is_found_in_it(request, name, min_score, detect_size):
    if name == "yunet":
        request.getfixturevalue("yunet")
    detector = load_detector(name, detect_size, 64, min_score, YUNET.sha256)
    (face,) = detector.detect(golden.image())
    assert abs(face.x + face.width / 2 - 128) < 12
    assert abs(face.y + face.height / 2 - 126) < 30
    assert 80 < face.side < 180


# what a model makes of it


@pytest.mark.parametrize(("tolerance", "logit"), [(0.001, 1.2346), (0.01, 1.235), (0.1, 1.23)])
def test_a_sample_is_what_the_detector_and_the_network_say(tolerance, logit):
    judge = Says(1.23456789)
    found = golden.sample(Finds([BOX, moved(50)]), CROP, judge, tolerance)
    assert found.model_dump() == {
        "boxes": (BOX, moved(50)),
        "logit": logit,
        "tolerance": tolerance,
    }
    (shown,) = judge.shown
    assert np.array_equal(shown, cut(golden.image(), Face(*BOX, 1.0), CROP.margin, CROP.size))


def test_where_no_face_is_found_the_whole_picture_is_judged():
    judge = Says(1.0)
    found = golden.sample(Finds([]), CROP, judge, tolerance=0.01)
    assert found.boxes == ()
    golden.check(found, Finds([]), CROP, judge, "model.onnx")
    for shown in judge.shown:
        assert np.array_equal(shown, given_crop(golden.image(), CROP.size))


@pytest.mark.parametrize(
    ("box", "logit"), [(BOX, 0.5), (moved(0.9), 0.5), (moved(-0.9), 0.509), (BOX, 0.491)]
)
def test_a_model_passes_within_a_pixel_and_the_tolerance(box, logit):
    expected = golden.sample(Finds([BOX]), CROP, Says(0.5), tolerance=0.01)
    judge = Says(logit)
    golden.check(expected, Finds([box]), CROP, judge, "model.onnx")
    (shown,) = judge.shown
    assert np.array_equal(shown, cut(golden.image(), Face(*BOX, 1.0), CROP.margin, CROP.size))


OTHER_FACES = r"the face detector finds other faces here than where the model was exported: .* expected \[\(70\.0, 52\.0"
OTHER_LOGIT = "the network computes something else here than where it was exported: logit"


@pytest.mark.parametrize(
    ("boxes", "logit", "message"),
    [
        ([moved(1.1)], 0.5, OTHER_FACES),
        ([moved(-40)], 0.5, OTHER_FACES),
        ([], 0.5, OTHER_FACES),
        ([BOX, BOX], 0.5, OTHER_FACES),
        (
            [BOX],
            0.511,
            rf"{OTHER_LOGIT} 0\.511000 .* expected 0\.500000 to 0\.01; install the versions of requirements\.txt",
        ),
        ([BOX], 0.489, f"{OTHER_LOGIT} 0.489000"),
        ([BOX], -0.5, f"{OTHER_LOGIT} -0.500000"),
        ([BOX], np.nan, f"{OTHER_LOGIT} nan"),
        ([BOX], np.inf, f"{OTHER_LOGIT} inf"),
    ],
    ids=[
        "moved a bit",
        "elsewhere",
        "no face",
        "one more face",
        "higher",
        "lower",
        "of another sign",
        "NaN",
        "infinite",
    ],
)
def test_a_model_that_finds_something_else_is_refused_by_name(boxes, logit, message):
    expected = golden.sample(Finds([BOX]), CROP, Says(0.5), tolerance=0.01)
    with pytest.raises(UserError, match=rf"^model\.onnx: {message}"):
        golden.check(expected, Finds(boxes), CROP, Says(logit), "model.onnx")


# in a file


@pytest.fixture
def written(tmp_path) -> Callable[[int], Path]:
    """Writes a network under a valid seal; the golden sample is that of the network of seed 1."""
    detection = {"sha256": file_hash(Haar.file)}
    terms = contract_terms(detection=detection)
    session = open_session(small_network(seed=1).SerializeToString())
    found = terms.detection
    haar = load_detector(
        found.name, found.detect_size, terms.crop.min_face, found.min_score, found.sha256
    )
    sample = golden.sample(
        haar, terms.crop, partial(model_file.judge, session, terms.crop), tolerance=1e-3
    )

    def write(seed: int) -> Path:
        terms = contract_terms(detection=detection, golden=sample)
        (tmp_path / f"{seed}.onnx").write_bytes(model_file.sealed(small_network(seed=seed), terms))
        return tmp_path / f"{seed}.onnx"

    return write


@pytest.mark.slow
def test_a_model_passes_its_own_sample_when_it_is_loaded(written):
    assert len(Detector.load(written(1)).contract.golden.boxes) == 1


@pytest.mark.slow
def test_other_weights_under_a_valid_seal_are_refused_when_they_are_loaded(written):
    assert model_file.load(written(2)).contract == model_file.load(written(1)).contract
    with pytest.raises(UserError, match=rf"2\.onnx: {OTHER_LOGIT}"):
        Detector.load(written(2))
