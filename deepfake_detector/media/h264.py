"""A picture as H.264 leaves it, coded on its own: what any clip's keyframe has been through."""

import io

import av
import cv2
import numpy as np


def through_h264(image: np.ndarray, crf: int) -> np.ndarray:
    """`image` (RGB uint8, any size) encoded as a frame on its own at `crf`, 0 (fine) to 51
    (coarse), and decoded again, by algorithms that do not depend on the processor."""
    height, width = image.shape[:2]
    padded = even(image)
    buffer = io.BytesIO()
    options = {"crf": str(crf), "x264-params": "cpu-independent=1"}
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.thread_count = 1
        stream.height, stream.width = padded.shape[:2]
        stream.pix_fmt = "yuv420p"
        for packet in (
            *stream.encode(av.VideoFrame.from_ndarray(padded, "rgb24")),
            *stream.encode(),
        ):
            container.mux(packet)
    buffer.seek(0)
    with av.open(buffer, "r") as written:
        frame = next(written.decode(video=0))
    return np.ascontiguousarray(frame.to_ndarray(format="rgb24")[:height, :width])


def even(image: np.ndarray) -> np.ndarray:
    """`image` with even sides, which H.264 asks for: its edge repeated where needed."""
    height, width = image.shape[:2]
    return cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
