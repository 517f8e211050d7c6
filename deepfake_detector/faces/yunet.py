"""YuNet (Wu, Peng and Yu 2023), the face detector of OpenCV's model zoo, run by ONNX Runtime.

OpenCV's own cv2.FaceDetectorYN finds the same faces and takes about twice as long:
python -m benchmarks.face_size
"""

import math
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import onnxruntime

from deepfake_detector.faces.detection_size import Reach
from deepfake_detector.faces.face import Face
from deepfake_detector.faces.settings import YUNET
from deepfake_detector.storage.assets import Asset
from deepfake_detector.storage.files import file_hash
from deepfake_detector.storage.onnx_session import open_session

STRIDES = 8, 16, 32  # pixels from one place of an output to the next
KINDS = "cls", "obj", "bbox", "kps"  # outputs at each stride: two confidences, box, points
OVERLAP = 0.3  # boxes that share more of their union than this are one face
DIGITS = 2  # of pixels, after the point: further ones differ between processors
SCORE_DIGITS = 4
GIVES_BACK = "memory.enable_memory_arena_shrinkage"  # what a huge picture took


class YuNet:
    """The network on pictures of any size.

    A face has five points: the eyes, the nose and the corners of the mouth, those on the picture's
    left first. The score is the network's confidence, 0..1.
    """

    file: ClassVar[Path | Asset] = YUNET
    reach: ClassVar[Reach] = Reach(22, 400)

    def __init__(self, path: Path, min_score: float) -> None:
        cv2.setNumThreads(1)  # others use the cores meanwhile
        self.sha256 = file_hash(path)
        self._session = _for_any_size(path)
        self._options = onnxruntime.RunOptions()
        self._options.add_run_config_entry(GIVES_BACK, "cpu:0")
        self._min_score = min_score

    def scaled(self, picture: np.ndarray, scale: float) -> np.ndarray:
        """The picture, its sides times `scale`: averaged over whole pixels, then bilinearly.

        OpenCV takes several times as long for means of parts of pixels, and no more faces are
        found.
        """
        whole = max(1, min(math.floor(1 / scale + 1e-9), *picture.shape[:2]))
        height, width = (side // whole for side in picture.shape[:2])
        means = picture[: height * whole, : width * whole]
        means = cv2.resize(means, (width, height), interpolation=cv2.INTER_AREA)
        size = tuple(max(1, round(side * whole * scale)) for side in (width, height))
        return cv2.resize(means, size, interpolation=cv2.INTER_LINEAR)

    def find(self, picture: np.ndarray) -> list[Face]:
        """The faces in an RGB uint8 picture, in its pixels, the highest score first."""
        height, width = picture.shape[:2]
        below, right = -height % STRIDES[-1], -width % STRIDES[-1]
        filled = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_CONSTANT)
        candidates = self._candidates(cv2.dnn.blobFromImage(filled, swapRB=True))
        boxes, scores = candidates[:, :4].tolist(), candidates[:, -1].tolist()
        kept = cv2.dnn.NMSBoxes(boxes, scores, self._min_score, OVERLAP)
        return [_face(candidates[place]) for place in kept]

    def _candidates(self, images: np.ndarray) -> np.ndarray:
        """Box, five points and score of each candidate face, (N, 15), in pixels."""
        names = [f"{kind}_{stride}" for stride in STRIDES for kind in KINDS]
        outputs = iter(self._session.run(names, {"input": images}, self._options))
        rows = []
        for stride in STRIDES:
            class_score, object_score, box, points = (next(outputs)[0] for _ in KINDS)
            scores = np.sqrt(class_score.clip(0, 1) * object_score.clip(0, 1))[:, 0]
            places = np.flatnonzero(scores >= self._min_score)
            corners = np.stack(np.divmod(places, images.shape[3] // stride)[::-1], axis=1)
            middle, size = box[places, :2] + corners, np.exp(box[places, 2:])
            points = points[places].reshape(-1, 5, 2) + corners[:, None]
            in_strides = np.hstack([middle - size / 2, size, points.reshape(-1, 10)])
            rows.append(np.hstack([in_strides * stride, scores[places, None]]))
        return np.concatenate(rows).astype(np.float32)


def _for_any_size(path: Path) -> onnxruntime.InferenceSession:
    """The network in that file, which is written for pictures of 640 pixels a side alone, though
    nothing in it depends on the size. One thread: the others decode and classify meanwhile."""
    import onnx  # costs a tenth of a second, and only models of this detector need it

    model = onnx.load(path)
    _, _, height, width = model.graph.input[0].type.tensor_type.shape.dim
    height.dim_param, width.dim_param = "height", "width"
    del model.graph.value_info[:]  # of each layer the size that it has then
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    return open_session(model.SerializeToString(), threads=1)


def _face(row: np.ndarray) -> Face:
    left, top, width, height, *points = (round(float(value), DIGITS) for value in row[:-1])
    return Face(left, top, width, height, round(float(row[-1]), SCORE_DIGITS), tuple(points))
