"""Decoded frames as they are meant to be seen: shape and colour."""

from functools import cache
from typing import NamedTuple

import av
import cv2
import numpy as np
from av.sidedata.sidedata import SideDataContainer, Type
from av.video.reformatter import VideoReformatter

from deepfake_detector.media.reading import check_size, video_errors

SQUARE = 0.01  # pixels that deviate by less from a square are taken for one
LONGEST = 5  # times as wide as high, or as high as wide; what says more is no shape of a pixel
# Matrices of ITU-T H.273 that FFmpeg converts; RGB, 0, only where the planes are such
MATRICES = {1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc"}
UNSPECIFIED, RGB = 2, 0
GREYS = ("gray", "ya", "mono")  # how FFmpeg's names of pixel formats without colours begin
BT2020 = 9
RANGES = {1: "limited", 2: "full"}
PQ, HLG = 16, 18  # transfer characteristics of ITU-T H.273
TRANSFERS = {
    1: "bt709",
    6: "smpte170m",
    13: "srgb",
    14: "bt2020",
    15: "bt2020",
    PQ: "pq",
    HLG: "hlg",
}
# Rows of what takes (x, y) of the stored picture to the shown one, for turns clockwise by 0, 90,
# 180 and 270 degrees; mirrored ones are flipped left to right before.
TURNS = tuple(
    np.array(turn)
    for turn in (((1, 0), (0, 1)), ((0, -1), (1, 0)), ((-1, 0), (0, -1)), ((0, 1), (-1, 0)))
)
FLIP = np.array(((-1, 0), (0, 1)))

WHITE = 203  # cd/m2 of white in a picture of normal range shown as HDR (ITU-R BT.2408)
PEAK = 1000  # cd/m2 of the display that HLG is made for, whose system gamma is 1.2 (ITU-R BT.2100)
KNEE = 0.8  # of white; brighter light is compressed towards white
STEPS = 1 << 16
LUMA_2020 = np.array((0.2627, 0.6780, 0.0593), np.float32)
# linear light of BT.2020 to that of BT.709 (ITU-R BT.2407, annex 1)
TO_709 = np.array(
    ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187)), np.float32
)


def _unlisted(kinds: type[Type], number: int) -> Type:
    """A kind of side data that FFmpeg knows and PyAV's list lacks, as Exif in the frames of
    cameras: without this every frame that has it is refused."""
    kind = object.__new__(kinds)
    vars(kind).update(_value_=number, _name_=f"UNLISTED_{number}")
    return kind


Type._missing_ = classmethod(_unlisted)  # type: ignore[assignment]


class Colours(NamedTuple):
    """Matrix, transfer and range of a video's colours, as numbers of ITU-T H.273 and FFmpeg."""

    matrix: int
    transfer: int
    span: int


NOT_TOLD = Colours(UNSPECIFIED, UNSPECIFIED, 0)


def colours_of(source: av.VideoFrame | av.VideoCodecContext) -> Colours:
    """The colours that a frame declares, or before the first is decoded, its container."""
    return Colours(int(source.colorspace), int(source.color_trc), int(source.color_range))


class Upright:
    """Turns a clip's decoded frames into upright RGB pictures with square pixels.

    One converter serves them all, none of which may have more than so many `pixels`. `colours` are
    those of the container: they hold where a frame declares none, or `codec` cannot carry them.
    """

    def __init__(self, pixels: int, colours: Colours = NOT_TOLD, codec: str = "") -> None:
        self._converter, self._pixels, self._colours = VideoReformatter(), pixels, colours
        self._presumed = codec == "vp8"  # FFmpeg gives its frames BT.601 and limited range

    def __call__(self, frame: av.VideoFrame, aspect: float) -> tuple[np.ndarray, dict]:
        """The picture, (height, width, 3) RGB uint8, and what is known of it: columns of the media
        table. `aspect` is the width of a pixel over its height, as the file has it. Raises
        MediaError for a picture of too many pixels, and for one that cannot be converted."""
        check_size(frame.width, frame.height, self._pixels)
        aspect = sensible(aspect)
        self._fill_in(frame)
        turns, mirrored = orientation(matrix_of(frame))
        facts = {
            "rotation": 90 * turns,
            "mirrored": int(mirrored),
            "pixel_aspect": aspect,
            "pixel_format": frame.format.name,
            "colour_matrix": matrix_name(frame),
            "colour_range": RANGES.get(int(frame.color_range), ""),
            "transfer": TRANSFERS.get(int(frame.color_trc), ""),
            "interlaced": int(frame.interlaced_frame),
        }
        image = squared(self._rgb(frame), aspect, self._pixels)
        image = image[:, ::-1] if mirrored else image
        image = np.ascontiguousarray(np.rot90(image, -turns))
        return image, {"width": image.shape[1], "height": image.shape[0]} | facts

    def _fill_in(self, frame: av.VideoFrame) -> None:
        """Gives a frame the colours of its container, where it declares none of its own."""
        declared, fallback = colours_of(frame), self._colours
        if self._presumed:  # what the container does not declare is as the decoder presumes
            declared = Colours(
                declared.matrix if fallback.matrix == UNSPECIFIED else UNSPECIFIED,
                declared.transfer,
                declared.span if fallback.span == 0 else 0,
            )
        if declared.matrix == UNSPECIFIED and not frame.format.is_rgb:
            frame.colorspace = fallback.matrix
        if declared.transfer == UNSPECIFIED:
            frame.color_trc = fallback.transfer
        if declared.span == 0:
            frame.color_range = fallback.span

    def _rgb(self, frame: av.VideoFrame) -> np.ndarray:
        transfer, matrix = int(frame.color_trc), matrix_name(frame)
        if matrix == "unknown":
            frame.colorspace = UNSPECIFIED  # as players do
        if transfer not in (PQ, HLG):
            return self._converted(frame, "rgb24")
        if matrix in ("", "unknown"):
            frame.colorspace = BT2020  # HDR has no other (ITU-R BT.2100)
        return tone_mapped(self._converted(frame, "rgb48le"), transfer)

    def _converted(self, frame: av.VideoFrame, pixels: str) -> np.ndarray:
        with video_errors():
            image = self._converter.reformat(frame, format=pixels, threads=1).to_ndarray()
        limited = RANGES.get(int(frame.color_range)) == "limited"
        return expanded(image) if limited and frame.format.name.startswith(GREYS) else image


def expanded(image: np.ndarray) -> np.ndarray:
    """A grey picture of limited range (16 to 235 of 255), uint8 or uint16, brought to the full one.
    FFmpeg does so with colours, and takes all greys for full."""
    highest = np.iinfo(image.dtype).max
    levels = np.clip((np.linspace(0, 255, highest + 1) - 16) / 219, 0, 1)
    return np.rint(levels * highest).astype(image.dtype)[image]


def squared(image: np.ndarray, aspect: float, pixels: int) -> np.ndarray:
    """A picture of pixels so many times as wide as high, stretched until they are square. No side
    gets shorter, so no detail is lost. Raises MediaError where it gets more than so many pixels."""
    height, width = image.shape[:2]
    if abs(aspect - 1) <= SQUARE:
        return image
    size = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
    check_size(*size, pixels)
    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)


def sensible(aspect: float) -> float:
    """The aspect of a pixel; 1 where what the container says cannot be."""
    return aspect if 1 / LONGEST <= aspect <= LONGEST else 1.0


def matrix_name(frame: av.VideoFrame) -> str:
    """The matrix from which a frame's colours are made; empty where none is declared, `unknown`
    where it is one that cannot be used."""
    matrix = int(frame.colorspace)
    if frame.format.name.startswith(GREYS):
        return ""
    if matrix == UNSPECIFIED or (matrix == RGB and frame.format.is_rgb):
        return "rgb" if frame.format.is_rgb else ""
    return MATRICES.get(matrix, "unknown")


def matrix_of(frame: av.VideoFrame) -> np.ndarray:
    """The linear part of the frame's display matrix: takes a column (x, y) to where it is shown."""
    try:
        # not frame.side_data: a frame that keeps its container is a cycle, in memory until Python's
        # collector comes by, and by then it is gigabytes of pictures
        data = SideDataContainer(frame)[Type.DISPLAYMATRIX]  # type: ignore[call-arg]
    except KeyError:
        return np.eye(2)
    a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
    return np.array(((a, c), (b, d)), float)


def orientation(matrix: np.ndarray) -> tuple[int, bool]:
    """Quarter turns clockwise, and whether the picture is mirrored left to right before them: the
    nearest to this matrix. One that shows nothing, or no number, asks for neither."""
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-9:
        return 0, False
    scaled = matrix / np.linalg.norm(matrix, axis=0)
    mirrored = np.linalg.det(matrix) < 0
    turns = [turn @ FLIP if mirrored else turn for turn in TURNS]
    return int(np.argmax([np.sum(turn * scaled) for turn in turns])), bool(mirrored)


def tone_mapped(signal: np.ndarray, transfer: int) -> np.ndarray:
    """An HDR picture of BT.2020, (height, width, 3) uint16 of full range, as one of BT.709, uint8.

    Light on the display is that of ITU-R BT.2100: of HLG the scene's light to the power of the
    system gamma 1.2 of its luminance, on a display of 1,000 cd/m2; of PQ as SMPTE ST 2084 has it.
    203 cd/m2 become white (BT.2408). Primaries are converted linearly (BT.2407); light brighter
    than 0.8 of white is compressed by 1 - exp, hue kept; BT.1886's gamma 2.4 encodes it.
    """
    light = _decoding(transfer)[signal]
    if transfer == HLG:
        luminance = light @ LUMA_2020
        light *= (PEAK * np.maximum(luminance, 1e-6) ** 0.2)[..., None]
    light = np.maximum(light @ TO_709.T, 0) / np.float32(WHITE)
    brightest = light.max(axis=2)
    over = brightest > KNEE
    room = np.float32(1 - KNEE)
    squeezed = KNEE + room * (1 - np.exp((KNEE - brightest[over]) / room))
    light[over] *= (squeezed / brightest[over])[:, None]
    # the root of the light is stepped evenly, so that the dark end keeps its levels
    return _encoding()[np.rint(np.sqrt(light.clip(0, 1)) * (STEPS - 1)).astype(np.uint16)]


@cache
def _decoding(transfer: int) -> np.ndarray:
    """Light by signal: of HLG that of the scene, 0 to 1, of PQ that of the display in cd/m2."""
    signal = np.arange(STEPS) / (STEPS - 1)
    if transfer == HLG:  # ITU-R BT.2100, table 5
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
        return light.astype(np.float32)
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875  # table 4
    root = signal ** (1 / m2)
    return (10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)).astype(np.float32)


@cache
def _encoding() -> np.ndarray:
    """8-bit signal of BT.1886 by the root of light."""
    return np.rint(255 * (np.arange(STEPS) / (STEPS - 1)) ** (2 / 2.4)).astype(np.uint8)
