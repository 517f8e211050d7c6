"""Small whole files of every format that is read, each with a drawn face in it: what the fuzzer
damages."""

import io
import os
from collections.abc import Iterator
from functools import cache

import av
import cv2
import made
import numpy as np
from media import icc
from media.field_pictures import fields, interlaced
from PIL import Image

from deepfake_detector.media.frame_sampling import sample_frames
from deepfake_detector.media.stills import read_image
from deepfake_detector.media.writing import SAME_BYTES

RATE = 12
CLIPS = {  # suffix -> container, codec and pixel format as FFmpeg names them
    "mp4": ("mp4", "libx264", "yuv420p"),
    "mov": ("mov", "mpeg4", "yuv420p"),
    "avi": ("avi", "mjpeg", "yuvj420p"),
    "webm": ("webm", "libvpx", "yuv420p"),
    "mkv": ("matroska", "libx264", "yuv420p"),
    "mpg": ("mpegts", "mpeg2video", "yuv420p"),
    "vob": ("mpeg", "mpeg1video", "yuv420p"),
    "mts": ("mpegts", "libx264", "yuv420p"),
    "hevc.mp4": ("mp4", "libx265", "yuv420p"),
    "vp9.webm": ("webm", "libvpx-vp9", "yuv420p"),
    "av1.mp4": ("mp4", "libsvtav1", "yuv420p"),
}
os.environ.setdefault("SVT_LOG", "1")  # of AV1's encoder errors alone; each file is a page else
ANIMATIONS = {"gif": "GIF", "apng": "PNG", "moving.webp": "WEBP"}
STILLS = {
    "jpg": "JPEG",
    "profile.jpg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "bmp": "BMP",
    "tif": "TIFF",
    "avif": "AVIF",
}
BY_FIELDS = "fields.mts"
SUFFIXES = sorted([*CLIPS, *ANIMATIONS, *STILLS, BY_FIELDS])
OPTIONS = {
    "avif": {"max_threads": 1},
    "profile.jpg": {"icc_profile": icc.of_rgb(icc.DISPLAY_P3, 2.2, "Display P3")},
}


@cache
def seeds() -> dict[str, bytes]:
    """Suffix -> bytes of a file that is judged without complaint."""
    images = [frame.image for frame in sample_frames(made.person_clip(0, 0.5), 6)]
    still = read_image(made.person_still())
    clips = {suffix: encoded(images, *how) for suffix, how in CLIPS.items()}
    films = {suffix: animated(images, kind) for suffix, kind in ANIMATIONS.items()}
    stills = {
        suffix: made.picture(still, kind, **OPTIONS.get(suffix, {}))
        for suffix, kind in STILLS.items()
    }
    return clips | films | stills | {BY_FIELDS: coded_by_fields(images)}


def coded_by_fields(images: list[np.ndarray]) -> bytes:
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]
    height, width = (side - side % 32 for side in grey[0].shape)
    return interlaced(
        "mpegts", False, fields([one[:height, :width] for one in grey]), width, height
    )


def animated(images: list[np.ndarray], kind: str) -> bytes:
    frames = [Image.fromarray(image) for image in images]
    return made.picture(
        images[0], kind, save_all=True, append_images=frames[1:], duration=1000 // RATE
    )


def encoded(images: list[np.ndarray], container: str, codec: str, pixels: str) -> bytes:
    """The same bytes each time: without random identifiers, by one thread."""
    buffer = io.BytesIO()
    exact = {"fflags": "bitexact"}
    with (
        made.usual_priority(),
        av.open(buffer, "w", format=container, container_options=exact) as output,
    ):
        stream = output.add_stream(
            codec,
            rate=25 if codec in ("mpeg1video", "mpeg2video") else RATE,
            options=SAME_BYTES if codec == "libx264" else {},
        )
        stream.thread_count = 1
        (stream.height, stream.width, _), stream.pix_fmt = images[0].shape, pixels
        for packet in _packets(stream, images):
            output.mux(packet)
    return buffer.getvalue()


def _packets(stream: av.VideoStream, images: list[np.ndarray]) -> Iterator[av.Packet]:
    for image in images:
        yield from stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24"))
    yield from stream.encode()
