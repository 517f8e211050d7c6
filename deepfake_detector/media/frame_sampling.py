"""Frames of a file as RGB arrays, spread evenly over it: of a video, an animation or a still."""

import bisect
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np

from deepfake_detector.media import animation, probing
from deepfake_detector.media.probing import Probe
from deepfake_detector.media.reading import (
    LIMITS,
    Limits,
    MediaError,
    Source,
    check_size,
    demuxed,
    opened,
    video,
    video_errors,
)
from deepfake_detector.media.stills import image_errors, read_image, still


@dataclass(frozen=True)
class Frame:
    """One decoded frame.

    index: its place among the frames of the clip in order of presentation, from 0.
    pts: presentation time in the container's units; None where the container has none.
    time: seconds from the clip's first frame.
    image: (height, width, 3) RGB uint8, upright.
    rotation: degrees clockwise that it was turned by to be upright.
    """

    index: int
    pts: int | None
    time: float
    image: np.ndarray
    rotation: int = 0


def sample_frames(
    source: Source,
    count: int,
    threads: int = 0,
    limits: Limits = LIMITS,
    probe: Probe | None = None,
) -> Iterator[Frame]:
    """Yield up to `count` frames spread evenly over the whole clip, in order of presentation.

    The clip is cut into `count` equal parts and the middle frame of each is taken; a clip of fewer
    frames gives all of them, a still its one. Positions come from the packets that are there, not
    from what the header claims. `probe` is what `probing.probe` told of this source; without it the
    source is probed here. `threads` decode (0: one per core). Raises MediaError where no frame can
    be decoded or a limit is passed.
    """
    probe = probe or probing.probe(source, limits)
    if probe.failure:
        raise MediaError(probe.failure)
    if probe.kind == "image":
        yield Frame(0, None, 0.0, read_image(source, limits))
        return
    _check_duration(probe, limits.duration)
    if probe.stream is None:
        yield from _animated(source, count, limits, probe)
        return
    with video_errors(), opened(source, limits.work) as file:
        if not probe.timestamps:
            with video(file, probe.stream, threads) as stream:
                total = sum(1 for _ in _frames(stream))
            file.seek(0)
        with video(file, probe.stream, threads) as stream:
            upright = _Upright(threads, limits.pixels)
            yield from (
                _decoded(stream, probe, count, upright)
                if probe.timestamps
                else _decoded_by_count(stream, total, count, upright)
            )


def _animated(source: Source, count: int, limits: Limits, probe: Probe) -> Iterator[Frame]:
    wanted = _middles(len(probe.timestamps), count)
    with opened(source, limits.work) as file, image_errors(), still(file) as image:
        for place, shown in zip(wanted, animation.pictures(file, image, wanted), strict=True):
            stamp = probe.timestamps[place]
            yield Frame(place, stamp, float(stamp * probe.time_base), shown)


def _check_duration(probe: Probe, most: float) -> None:
    stamps = probe.timestamps
    seconds = float((stamps[-1] - stamps[0]) * probe.time_base) if stamps else 0.0
    if seconds > most:
        raise MediaError(f"too long: {seconds:.0f} seconds, the limit is {most:g}")


def _decoded(
    stream: av.VideoStream, probe: Probe, count: int, upright: "_Upright"
) -> Iterator[Frame]:
    stamps = probe.timestamps
    wanted = [stamps[position] for position in _middles(len(stamps), count)]
    found = 0
    for frame in _frames(stream, frozenset(wanted)):
        if frame.pts is None or frame.pts < wanted[found]:
            continue
        index = bisect.bisect_left(stamps, frame.pts)
        time = float((frame.pts - stamps[0]) * probe.time_base)
        yield Frame(index, frame.pts, time, upright(frame), _rotation(frame))
        found = bisect.bisect_right(wanted, frame.pts)
        if found == len(wanted):
            return
    if not found:
        raise MediaError("no frame could be decoded")


def _decoded_by_count(
    stream: av.VideoStream, total: int, count: int, upright: "_Upright"
) -> Iterator[Frame]:
    """For containers without presentation times: `total` frames were counted before."""
    if not total:
        raise MediaError("no frame could be decoded")
    rate = float(stream.average_rate or 25)
    wanted = set(_middles(total, count))
    for index, frame in enumerate(_frames(stream)):
        if index in wanted:
            yield Frame(index, None, index / rate, upright(frame), _rotation(frame))


def _frames(
    stream: av.VideoStream, wanted: frozenset[int] | None = None
) -> Iterator[av.VideoFrame]:
    """All frames that decode; damaged packets are passed over, as a player does.

    With the times of those that are `wanted`, a frame is left out that is neither wanted nor needed
    to decode another.
    """
    for packet in demuxed(stream):
        if wanted is not None:
            needed = packet.pts is None or packet.pts in wanted
            stream.codec_context.skip_frame = "DEFAULT" if needed else "NONREF"
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue
    yield from stream.decode(None)


def _middles(total: int, count: int) -> list[int]:
    count = min(total, count)
    return [(2 * part + 1) * total // (2 * count) for part in range(count)]


class _Upright:
    """Turns a clip's decoded frames into upright RGB pictures.

    One converter serves them all, on so many threads.
    """

    def __init__(self, threads: int, pixels: int) -> None:
        self._converter, self._threads, self._pixels = (
            av.video.reformatter.VideoReformatter(),
            threads,
            pixels,
        )

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        check_size(frame.width, frame.height, self._pixels)
        image = self._converter.reformat(frame, format="rgb24", threads=self._threads).to_ndarray()
        turns = _rotation(frame) // 90
        return np.ascontiguousarray(np.rot90(image, -turns)) if turns else image


def _rotation(frame: av.VideoFrame) -> int:
    """Degrees clockwise; FFmpeg counts the other way."""
    return -round(frame.rotation / 90) * 90 % 360
