"""Scoring one clip from its bytes to a verdict, against decoding it and against the usual way,
process start excluded.

    python -m benchmarks.score_clip [CLIP] [--height 720] [--repeat 60] [--keyframes 1]
                                    [--detector yunet] [--rounds 5]

Without a CLIP, one is drawn: of 10 s at 1920 x 1080, or of 15 s at 1280 x 720. `--repeat` plays it
so often in one file, for the time of long clips. The network has random weights, which cost the
same. The usual way: seek to each of the 32 frames with OpenCV, look for faces with the Haar cascade
in the full frame, torch in one batch. All take turns, and so do the parts of scoring, each by
itself; medians of the rounds count. The processor time shows what a gap is made of: with all cores
busy to the end, nothing takes less than its processor time over the cores.
"""

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import torch

from benchmarks import goals
from benchmarks.extract_crop import crop_settings
from deepfake_detector import contract
from deepfake_detector.common import cores
from deepfake_detector.contract import golden, model_file
from deepfake_detector.datasets.synthesis.clips import Clip, produce
from deepfake_detector.export import onnx_graph
from deepfake_detector.export.int8 import to_int8
from deepfake_detector.faces.cutting import cut
from deepfake_detector.faces.detection import DETECTORS, detector_of
from deepfake_detector.faces.haar import Haar
from deepfake_detector.media.frame_sampling import sample_frames
from deepfake_detector.scoring.decision import Decision, Validation
from deepfake_detector.scoring.firmness import NOT_MEASURED
from deepfake_detector.serving.inference import Detector
from deepfake_detector.storage.onnx_session import open_session
from deepfake_detector.training import crops, network

FRAMES, MARGIN, CROP = 32, 1.3, 256
DRAWN = {1080: (10, 1.25), 720: (15, 2.0)}  # height: seconds, and the goal in times of decoding
KEYFRAMES = 250 / 30  # seconds from one to the next
LONG, OF_LONG = 60, 0.15  # times that the clip is played, and the goal then
USUAL = 12  # times slower the usual way is to be, at 1080


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        length = DRAWN[arguments.height][0]
        clip = arguments.clip or repeated(
            drawn(Path(folder), arguments.height, length, arguments.keyframes), arguments.repeat
        )
        net = network.FaceClassifier("resnet18").eval()
        paths = [
            saved(Path(folder), net, kind, arguments.side, arguments.detector)
            for kind in ("fp32", "int8")
        ]
        fp32, int8 = map(Detector.load, paths)
        kinds: dict[str, Callable[[], object]] = {
            "decoding with PyAV": lambda: _decode(clip),
            "Detector.predict, fp32": lambda: fp32.predict(clip),
            "Detector.predict, int8": lambda: int8.predict(clip),
            "the usual way": lambda: _usual(clip, net, arguments.side),
        }
        parts = _parts(clip, paths, arguments.detector)
        report = fp32.predict(clip)
        facts = report.facts
        print(
            f"{facts['width']} x {facts['height']}, {facts['duration']:.1f} s, {facts['codec']}: "
            f"{report.frames_with_face} of "
            f"{report.frames_sampled} frames with a face"
        )
        taken: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds | parts}
        for _ in range(arguments.rounds):
            for kind, measured in (kinds | parts).items():
                taken[kind].append(_seconds(measured))
    medians = {
        kind: tuple(map(statistics.median, zip(*own, strict=True))) for kind, own in taken.items()
    }
    floor = medians["decoding with PyAV"][0]
    for kind in kinds:
        wall, processor = medians[kind]
        print(
            f"{kind:<24} {wall:7.2f} s  {wall / floor:6.2f} x decoding, {processor:7.2f} processor "
            "seconds"
        )
    print(
        "processor seconds of the parts: "
        + ", ".join(f"{kind} {medians[kind][1]:.2f}" for kind in parts)
    )
    scored = medians["Detector.predict, fp32"][0]
    faster = medians["the usual way"][0] / scored
    print(f"fp32 is {faster:.1f} x faster than the usual way")
    if arguments.clip:
        return
    goal = DRAWN[arguments.height][1]
    if arguments.repeat >= LONG and arguments.keyframes <= 1:
        goal = OF_LONG
    length *= arguments.repeat
    quantity = f"score a clip of {length} s at {arguments.height}p, fp32"
    goals.at_most(f"{quantity}, against decoding it", scored / floor, goal, "x")
    if arguments.height == 1080 and arguments.repeat == 1:
        goals.at_least(f"{quantity}, faster than the usual way", faster, USUAL, "x")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip", nargs="?", type=Path, help="(default: one is drawn)")
    parser.add_argument(
        "--height",
        type=int,
        choices=sorted(DRAWN),
        default=1080,
        help="of what is drawn (default: 1080)",
    )
    parser.add_argument(
        "--repeat", type=int, default=1, help="of what is drawn, in one clip (default: 1)"
    )
    parser.add_argument(
        "--keyframes",
        type=float,
        default=KEYFRAMES,
        help="seconds from one to the next (default: 8.3)",
    )
    parser.add_argument(
        "--detector", choices=sorted(DETECTORS), default="haar", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--side",
        type=int,
        default=224,
        help="of the network's input, pixels (default: %(default)s)",
    )
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    return parser.parse_args()


def repeated(clip: Path, times: int) -> Path:
    """A clip that plays this one so often."""
    if times == 1:
        return clip
    path = clip.with_name("repeated.mp4")
    with av.open(str(path), "w") as output, av.open(str(clip)) as source:
        stream = source.streams.video[0]
        copied = output.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.size]
        for turn in range(times):
            later = (stream.duration or 0) * (turn > 0)
            for packet in packets:
                packet.pts = (packet.pts or 0) + later
                packet.dts = (packet.dts or 0) + later
                packet.stream = copied
                output.mux(packet)
    return path


def drawn(folder: Path, height: int, length: int, keyframes: float = KEYFRAMES) -> Path:
    """A drawn person, enlarged, with the noise of a camera; 2.4 Mbit/s, and a key frame every so
    many seconds: 8.3 in DFDC's clips."""
    buffer = io.BytesIO()
    rng = np.random.default_rng(1)
    width, count = height * 16 // 9, 30 * length
    noise = rng.integers(-4, 5, (height, width, 3), np.int16)
    with av.open(buffer, "w", format="mp4") as output:
        stream = output.add_stream(
            "libx264",
            rate=30,
            options={"g": str(round(30 * keyframes)), "sc_threshold": "0", "preset": "fast"},
        )
        stream.bit_rate = 2_400_000
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, frame in enumerate(
            sample_frames(produce(Clip(0, 0), 1, 1.5 * length, (0.2, 0.3)), count)
        ):
            image = cv2.resize(frame.image, (width, height), interpolation=cv2.INTER_CUBIC).astype(
                np.int16
            )
            noisy = (image + np.roll(noise, number * 37, axis=1)).clip(0, 255).astype(np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(noisy, format="rgb24")))
        output.mux(stream.encode())
    path = folder / "clip.mp4"
    path.write_bytes(buffer.getvalue())
    return path


def saved(
    folder: Path, net: network.FaceClassifier, variant: str, side: int, detector: str
) -> Path:
    """That network as an exported model; `variant` is `fp32` or `int8`."""
    settings, found = crop_settings(detector), detector_of(crop_settings(detector))
    crop = contract.Crop(
        kind="detected",
        min_face=settings.min_face,
        margin=MARGIN,
        size=CROP,
        input_size=side,
        interpolation="area, bilinear",
        mean=crops.MEAN,
        std=crops.STD,
    )
    graph = onnx_graph.to_onnx(net, side)
    if variant == "int8":
        graph = to_int8(
            graph, np.random.default_rng(1).normal(size=(16, 3, side, side)).astype(np.float32)
        )
    session = open_session(graph.SerializeToString())
    terms = contract.Contract(
        version=contract.VERSION,
        network=net.network,
        variant=variant,
        labels=("real", "fake"),
        frames=FRAMES,
        detection=contract.FaceDetection(
            name=detector,
            sha256=found.sha256,
            detect_size=settings.detect_size,
            min_score=settings.min_score,
        ),
        crop=crop,
        dominant=settings.dominant,
        decision=Decision(
            min_faces=8,
            temperature=1,
            threshold=0.5,
            band_low=0.5,
            band_high=0.5,
            several=(),
            recalibrated="",
            unproven="",
            validation=Validation(
                real_clips=0,
                fake_clips=0,
                inconclusive=0,
                wrong_outside_band=0,
                real_scores=(),
                fake_scores=(),
            ),
        ),
        quality={},
        firmness=NOT_MEASURED,
        golden=golden.sample(
            found, crop, lambda images: model_file.judge(session, crop, images), 0.1
        ),
        trained_on=contract.TrainedOn(data_sets={}, inputs={}, split="none", demonstration=False),
        libraries=contract.library_versions(),
    )
    path = folder / f"{variant}.onnx"
    path.write_bytes(model_file.sealed(graph, terms))
    return path


def _decode(clip: Path) -> int:
    with av.open(str(clip)) as container:
        container.streams.video[0].thread_type = "AUTO"
        return sum(1 for _ in container.decode(video=0))


def _seconds(measured: Callable[[], object]) -> tuple[float, float]:
    """Seconds of a call, and processor seconds of all its threads."""
    started, busy = time.perf_counter(), time.process_time()
    measured()
    return time.perf_counter() - started, time.process_time() - busy


def _parts(clip: Path, models: list[Path], detector: str) -> dict[str, Callable[[], object]]:
    """Each part of scoring the clip, to be done by itself."""
    finder = detector_of(crop_settings(detector))
    fp32, int8 = map(model_file.load, models)
    frames = list(sample_frames(clip, FRAMES))
    found = [(frame.image, face) for frame in frames for face in finder.detect(frame.image)]
    cuts = [cut(image, face, MARGIN, CROP) for image, face in found]
    return {
        "decoding the frames": lambda: list(sample_frames(clip, FRAMES)),
        "finding faces": lambda: [finder.detect(frame.image) for frame in frames],
        "cutting them out": lambda: [cut(image, face, MARGIN, CROP) for image, face in found],
        "the network, fp32": lambda: fp32.judge(cuts),
        "the network, int8": lambda: int8.judge(cuts),
    }


@torch.inference_mode()
def _usual(clip: Path, net: network.FaceClassifier, side: int) -> float:
    """As most public detectors do it, on all cores."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(cores.available())
    cascade = cv2.CascadeClassifier(str(Haar.file))
    capture = cv2.VideoCapture(str(clip))
    total = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    found = []
    for place in np.linspace(0, total - 1, FRAMES).astype(int):
        capture.set(cv2.CAP_PROP_POS_FRAMES, int(place))
        read, frame = capture.read()
        if not read:
            continue
        boxes = cascade.detectMultiScale(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), 1.1, 5)
        if len(boxes):
            x, y, width, height = max(boxes, key=lambda box: box[2] * box[3])
            found.append(cv2.resize(frame[y : y + height, x : x + width, ::-1], (side, side)))
    capture.release()
    cv2.setNumThreads(threads)
    images = torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2)
    return float(net(crops.normalise(images)).softmax(1)[:, 1].mean())


if __name__ == "__main__":
    main()
