"""Settings of `crop_faces`, and the files of face detectors that are fetched."""

from typing import Literal

from pydantic import Field, model_validator

from deepfake_detector.common.settings import Sha256, StrictModel
from deepfake_detector.storage.assets import Asset

FaceDetectorName = Literal["haar", "yunet"]
YUNET = Asset(
    "yunet",
    "face_detection_yunet_2023mar.onnx",
    "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/face_detection_yunet_2023mar.onnx",
    "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    "crop_faces.detector_sha256",
)
DETECTOR_ASSETS = (YUNET,)


class CropFaces(StrictModel):
    """Which detector finds the faces, and how they are tracked and cut."""

    detector: FaceDetectorName = Field(
        "yunet", description="yunet (`fetch-assets yunet`), or haar (embedded, for the demo)"
    )
    detect_size: int = Field(
        320,
        ge=64,
        le=4096,
        description="pixels of the longer side that frames are scaled to for it, or more for min_face",
    )
    min_score: float = Field(
        0.6,
        ge=0,
        le=12,
        description="minimum score: YuNet's confidence 0..1; Haar's last stage weight 0..12",
    )
    detector_sha256: Sha256 = Field(YUNET.sha256, description="of the detector's file (yunet)")
    min_face: int = Field(
        64,
        ge=8,
        le=2048,
        description="pixels of the smallest face that is judged; under 28 it may not be found",
    )
    margin: float = Field(
        1.3, ge=1, le=3, description="side of the square crop, as a multiple of the face box"
    )
    crop_size: int = Field(256, ge=32, le=1024, description="pixels a side of a stored crop")
    dominant: Literal["area", "frames"] = Field(
        "area",
        description="the track a clip's label is about: area (largest sum of boxes) or frames (in most)",
    )
    realign: bool = Field(
        True,
        description="ready crops (kind: face): true: detect and cut the face again; false: as they are",
    )
    share_boxes: bool = Field(
        False,
        description="detect in originals only; fakes with the same frames get the same boxes",
    )

    @model_validator(mode="after")
    def _a_confidence_is_at_most_1(self) -> "CropFaces":
        if self.detector == "yunet" and self.min_score > 1:
            raise ValueError(f"min_score {self.min_score:g}: yunet's scores are 0 to 1")
        return self
