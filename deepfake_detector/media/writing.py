"""Frames with their times as H.264 in MP4, the same bytes from the same pictures on any machine."""

import tempfile
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, pairwise
from typing import cast

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from deepfake_detector.media.reading import MediaError, video_errors

CLOCK = 90_000  # ticks a second, as in MPEG
USUAL_RATE = 25.0  # frames a second, where a clip has none
THREADS = 4  # what x264 makes depends on their number
# cpu-independent: x264's fastest routines give other bytes from call to call
SAME_BYTES = {"x264-params": "cpu-independent=1"}
BT709 = 1  # of ITU-T H.273: primaries, transfer and matrix


def h264_clip(
    frames: Iterable[tuple[float, np.ndarray]],
    crf: int,
    preset: str,
    *,
    rate: float = USUAL_RATE,
    duration: float = 0.0,
    most_bytes: int = 1 << 40,
) -> bytes:
    """A clip of `frames`, each with its second: RGB uint8 of one size, with even sides.

    A frame is shown until the next, the last until `duration` (seconds), or as `rate` (frames a
    second) says. Raises MediaError where a frame cannot be encoded and where the file gets
    larger than `most_bytes`.
    """
    with tempfile.TemporaryFile() as file:
        place = f"/proc/self/fd/{file.fileno()}"  # FFmpeg reads it again to put its index in front
        with av.open(place, "w", format="mp4", options={"movflags": "faststart"}) as output:
            options = {"crf": str(crf), "preset": preset} | SAME_BYTES
            stream = output.add_stream(
                "libx264", rate=Fraction(rate).limit_denominator(1001), options=options
            )
            context = stream.codec_context
            context.thread_count = THREADS
            context.pix_fmt = "yuv420p"
            context.time_base = stream.time_base = Fraction(1, CLOCK)
            context.colorspace = context.color_primaries = context.color_trc = BT709
            context.color_range = ColorRange.MPEG
            size = 0
            for frame in chain(_video_frames(frames, duration, 1 / rate), [None]):
                if frame and not frame.pts:
                    context.height, context.width = frame.height, frame.width
                with video_errors():
                    packets = stream.encode(frame)
                for packet in packets:
                    size += packet.size
                    if size > most_bytes:
                        raise MediaError(f"the clip made is larger than {most_bytes >> 20} MiB")
                    output.mux(packet)
        file.seek(0)
        return file.read()


def _video_frames(
    frames: Iterable[tuple[float, np.ndarray]], duration: float, usual: float
) -> Iterator[av.VideoFrame]:
    for ticks, lasts, image in _timed(frames, duration, usual):
        frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        frame.pts, frame.duration, frame.time_base = ticks, lasts, Fraction(1, CLOCK)
        yield frame


def _timed(
    frames: Iterable[tuple[float, np.ndarray]], duration: float, usual: float
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Each frame with its time and how long it is shown, in ticks."""
    ticks = 0
    for (_, image), (until, following) in pairwise(chain(frames, [(duration, None)])):
        lasts = round(until * CLOCK) - ticks
        if lasts <= 0:
            lasts = 1 if following is not None else round(usual * CLOCK)
        yield ticks, lasts, cast(np.ndarray, image)
        ticks += lasts
