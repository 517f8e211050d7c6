"""Made for tests: small clips and pictures with known content, scores, a contract and a network for
it, changed params."""

import io
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import onnx
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from pydantic import BaseModel
from ruamel.yaml import YAML

from deepfake_detector.contract import VERSION, Contract, golden, model_file
from deepfake_detector.datasets.synthesis.clips import Clip, produce
from deepfake_detector.faces.detection import load_detector
from deepfake_detector.faces.face import Face
from deepfake_detector.scoring.quality import Limit
from deepfake_detector.storage.onnx_session import open_session

few = settings(max_examples=40, deadline=None)
STEPS = st.integers(
    1, 19
)  # of probabilities in twentieths: equal scores are common, cuts between them are exact
LABELLED = st.lists(st.tuples(st.integers(0, 1), STEPS), min_size=2, max_size=9)
BOTH_CLASSES = LABELLED.filter(lambda rows: len({label for label, _ in rows}) == 2)
BOXES = st.builds(
    Face,
    st.floats(-50, 120),
    st.floats(-50, 90),
    st.floats(1, 90),
    st.floats(1, 90),
    score=st.floats(0, 1),
)
SURE = {"band_low": 0.0, "band_high": 0.0, "min_faces": 2}  # whoever is seen twice is FAKE
TERMS = {
    "version": VERSION,
    "network": "resnet18",
    "variant": "fp32",
    "labels": ("real", "fake"),
    "frames": 6,
    "detection": {"name": "haar", "sha256": "0" * 64, "detect_size": 240, "min_score": 0.0},
    "crop": {
        "kind": "detected",
        "min_face": 32,
        "margin": 1.1,
        "size": 96,
        "input_size": 64,
        "interpolation": "area, bilinear",
        "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225),
    },
    "dominant": "area",
    "decision": {
        "min_faces": 8,
        "temperature": 1.25,
        "threshold": 0.4,
        "band_low": 0.3,
        "band_high": 0.6,
        "several": (),
        "recalibrated": "",
        "unproven": "",
        "validation": {
            "real_clips": 3,
            "fake_clips": 2,
            "inconclusive": 1,
            "wrong_outside_band": 0,
            "real_scores": (0.1, 0.2, 0.5),
            "fake_scores": (0.7, 0.9),
        },
    },
    "quality": {},
    "firmness": {"firm": 40, "firm_wrong": 2, "not_firm": 20, "not_firm_wrong": 9},
    "golden": {"boxes": ((70.0, 52.0, 116.0, 116.0),), "logit": 0.5, "tolerance": 0.001},
    "trained_on": {
        "data_sets": {"möwe": {"real": 3, "swap": 2}},
        "inputs": {},
        "split": "grouped by source, seed 1",
        "demonstration": False,
    },
    "libraries": {"numpy": "2.0"},
}


KEPT = {"coverage_without": 1.0, "accuracy_without": 0.8}
QUALITY = {  # as metrics/quality.json has it
    "aim_error": 0.05,
    "clips": 60,
    "firmness": {"firm": 28, "firm_wrong": 1, "not_firm": 2, "not_firm_wrong": 1},
    "all copies": KEPT | {"coverage_with": 0.45, "accuracy_with": 0.954},
    "none": {"0": KEPT | {"coverage_with": 0.99, "accuracy_with": 0.98}},
    "blur": {"5": KEPT | {"coverage_with": 0.0, "accuracy_with": None}},
}
LIMITS = {
    "sharpness_ratio": Limit(least=0.53, most=0.77),
    "flatness": Limit(least=None, most=None),
}


def changed(settings: BaseModel, **changes: object) -> BaseModel:
    """The same settings with some of them changed."""
    return type(settings)(**settings.model_dump() | changes)


def square(x: float, y: float = 0.0, side: float = 10.0) -> Face:
    """A square box of a face."""
    return Face(x, y, side, side, 1.0)


def numbered_frame(number: int, width: int = 96, height: int = 64) -> np.ndarray:
    """A frame that says its own number, in grey levels that survive compression: `number_in` reads
    it back."""
    frame = np.full((height, width, 3), 40, np.uint8)
    for bit in range(8):
        left = bit * width // 8
        frame[: height // 2, left : left + width // 8] = 220 if number >> bit & 1 else 20
    return frame


def number_in(frame: np.ndarray) -> int:
    height, width = frame.shape[:2]
    means = [
        frame[: height // 2, bit * width // 8 : (bit + 1) * width // 8].mean() for bit in range(8)
    ]
    return sum(1 << bit for bit, mean in enumerate(means) if mean > 120)


def clip(
    frames: int = 24,
    rate: int = 12,
    stamps: list[int] | None = None,
    rotation: int = 0,
    width: int = 96,
    height: int = 64,
    container: str = "mp4",
) -> bytes:
    """An H.264 clip of `numbered_frame`s; `stamps` are presentation times in milliseconds (variable
    frame rate)."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(
            "libx264", rate=rate, options={"crf": "12", "preset": "ultrafast"}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if stamps:
            stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(
                numbered_frame(number, width, height), format="rgb24"
            )
            if stamps:
                frame.pts, frame.time_base = stamps[number], Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    data = buffer.getvalue()
    return rotated(data, rotation) if rotation else data


def clip_of(images: list[np.ndarray], rate: int = 12) -> bytes:
    """An H.264 clip of these pictures, whose sides are even and alike."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        stream = output.add_stream(
            "libx264", rate=rate, options={"crf": "12", "preset": "ultrafast"}
        )
        (stream.height, stream.width, _), stream.pix_fmt = images[0].shape, "yuv420p"
        for image in images:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode())
    return buffer.getvalue()


def rotated(data: bytes, degrees: int) -> bytes:
    """The MP4 with a display matrix in its header: players turn it clockwise by `degrees`."""
    at = (
        data.index(b"tkhd") + 4 + 40
    )  # version, flags, times, id, duration, layer, volume: then nine 32-bit numbers
    one, none, minus = 0x10000, 0, 0x100000000 - 0x10000
    turn = {
        90: (none, one, minus, none),
        180: (minus, none, none, minus),
        270: (none, minus, one, none),
    }[degrees]
    a, b, c, d = (value.to_bytes(4, "big") for value in turn)
    zero = bytes(4)
    return (
        data[:at]
        + a
        + b
        + zero
        + c
        + d
        + zero
        + zero
        + zero
        + (0x40000000).to_bytes(4, "big")
        + data[at + 36 :]
    )


def with_b_frames(container: str, frames: int = 20) -> bytes:
    """Frames lie in another order in the file than they are shown in."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(
            "libx264", rate=25, options={"crf": "12", "bf": "2", "b_strategy": "0"}
        )
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(frames):
            output.mux(
                stream.encode(av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24"))
            )
        output.mux(stream.encode())
    return buffer.getvalue()


def in_fragments(first: int = 0) -> bytes:
    """24 frames as a stream is saved, from this number on."""
    buffer = io.BytesIO()
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    with av.open(buffer, "w", format="mp4", options=options) as output:
        stream = output.add_stream("libx264", rate=25, options={"g": "12", "crf": "12", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(first, first + 24):
            shown = av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24")
            output.mux(stream.encode(shown))
        output.mux(stream.encode())
    return buffer.getvalue()


def packets(data: bytes) -> list[tuple[int, int]]:
    """Where each packet of a clip begins in its bytes, and its size."""
    with av.open(io.BytesIO(data)) as source:
        return [(packet.pos, packet.size) for packet in source.demux(video=0) if packet.size]


def without_first_time() -> bytes:
    """A transport stream whose first frame has no presentation time."""
    data = bytearray(clip(8, container="mpegts"))
    data[data.index(b"\0\0\1\xe0") + 7] &= 0x3F  # the flags of the first packet's header
    return bytes(data)


def on_another_stream() -> bytes:
    """A transport stream of 24 frames, whose numbers of streams (PID) are others than usual."""
    return in_container(clip(), "mpegts", {"mpegts_start_pid": "700"})


def too_large_a_frame() -> bytes:
    """An MP4 in fragments that says that a frame has more than four gigabytes."""
    data = bytearray(in_fragments())
    data[data.rfind(b"trun") + 20] = 0xFF
    return bytes(data)


def encrypted() -> bytes:
    """An MP4 with copy protection (ISO/IEC 23001-7)."""
    keys = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "0f" * 16,
        "encryption_kid": "f0" * 16,
    }
    return in_container(clip(8), "mp4", keys)


def in_container(data: bytes, container: str, options: dict[str, str] | None = None) -> bytes:
    """The same packets of a clip in another container."""
    buffer = io.BytesIO()
    with (
        av.open(io.BytesIO(data)) as source,
        av.open(buffer, "w", format=container, options=options or {}) as output,
    ):
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    return buffer.getvalue()


def audio_only() -> bytes:
    """An MP4 with a second of silence and no video."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 16000), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 16000
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return buffer.getvalue()


def late_clip(later: int, container: str = "mp4") -> bytes:
    """Half a second of 12 frames a second, which begins so many seconds after its silent sound."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        video = output.add_stream("libx264", rate=12, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = output.add_stream("aac", rate=16000, layout="mono")
        silence = np.zeros((1, 16000 * (later + 1)), np.float32)
        heard = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        heard.sample_rate = 16000
        output.mux([*sound.encode(heard), *sound.encode()])
        for number in range(6):
            shown = av.VideoFrame.from_ndarray(numbered_frame(number, 64, 48), format="rgb24")
            shown.pts, shown.time_base = 12 * later + number, Fraction(1, 12)
            output.mux(video.encode(shown))
        output.mux(video.encode())
    return buffer.getvalue()


@contextmanager
def usual_priority() -> Iterator[None]:
    """For what encodes AV1: run by root, SVT-AV1 puts the thread that calls it before all others of
    the machine, with every process that comes of it."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, *before)


def picture(image: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """A part of a PNG: its length, kind, content and checksum."""
    size, checksum = len(content), zlib.crc32(kind + content)
    return struct.pack(">I", size) + kind + content + struct.pack(">I", checksum)


def two_pictures(kind: str, first: np.ndarray, second: np.ndarray) -> bytes:
    return picture(first, kind, save_all=True, append_images=[Image.fromarray(second)])


def textured(size: int = 48) -> np.ndarray:
    """A crop with something to see at every scale."""
    rng = np.random.default_rng(2)
    coarse = np.kron(rng.integers(0, 200, (size // 8, size // 8, 3)), np.ones((8, 8, 1)))
    return (coarse + rng.integers(0, 55, (size, size, 3))).astype(np.uint8)


def person_clip(person: int = 0, seconds: float = 0.5) -> bytes:
    """A clip of one drawn person, as the demo has them."""
    return produce(Clip(person, 0), 5, seconds, (0.2, 0.3))


def person_still(person: int = 0) -> bytes:
    return produce(Clip(person, 2), 5, 1, (0.2, 0.3))


def change_params(path: Path, changes: Mapping[str, object]) -> None:
    """Set keys like `train.epochs` in a params file, its captions kept."""
    yaml = YAML()
    yaml.width = 200
    content = yaml.load(path)
    for key, value in changes.items():
        *parents, last = key.split(".")
        place = content
        for parent in parents:
            place = place[parent]
        place[last] = value
    yaml.dump(content, path)


def arrays(rows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities of what LABELLED and BOTH_CLASSES draw."""
    return np.array([label for label, _ in rows]), np.array([step / 20 for _, step in rows])


def skip_where_it_traps(accelerator: str, precision: str) -> None:
    """Skip a test in bf16 on a processor that announces a matrix unit and traps its use: oneDNN
    must be told before it computes anything, and other tests may have come first."""
    import torch

    from deepfake_detector.training import devices

    announced = accelerator == "cpu" and torch.cpu.get_capabilities().get("amx_bf16")
    if precision == "bf16" and announced and not devices.amx_works():
        pytest.skip("this processor's matrix unit cannot be used")


def contract_terms(terms: dict = TERMS, **changes: object) -> Contract:
    """A contract that differs from `terms` in some values:
    `contract_terms(frames=3, crop={"margin": 1.2})`."""
    changed = {
        part: terms.get(part, {}) | values if isinstance(values, dict) else values
        for part, values in changes.items()
    }
    return Contract(**terms | changed)


def write_model(path: Path, **terms: object) -> Path:
    """A small network with a contract that differs from TERMS in some values."""
    haar = load_detector("haar", 240, 32, 0.0, "")
    detection = {"name": "haar", "sha256": haar.sha256} | dict(terms.pop("detection", {}))
    contract = contract_terms(**{"decision": SURE, **terms}, detection=detection)
    network = small_network(contract.crop.input_size)
    judge = partial(model_file.judge, open_session(network.SerializeToString()), contract.crop)
    faces = load_detector("haar", contract.detection.detect_size, contract.crop.min_face, 0.0, "")
    sample = golden.sample(faces, contract.crop, judge, 1e-3)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model_file.sealed(network, contract.model_copy(update={"golden": sample})))
    return path


def small_network(side: int = 64, seed: int = 1) -> onnx.ModelProto:
    """A network with the inputs and outputs of an exported one and few weights, by the seed."""
    rng = np.random.default_rng(seed)
    kernel, head = (
        rng.normal(0, scale, shape) for scale, shape in ((0.02, (4, 3, 32, 32)), (1, (4, 2)))
    )
    weights = {"kernel": kernel, "head": head, "towards_fake": head[:, 1] - head[:, 0]}
    nodes = [
        helper.make_node(
            "Conv", ["images", "kernel"], ["features"], strides=[32, 32], auto_pad="SAME_UPPER"
        ),
        helper.make_node("ReduceMean", ["features", "places"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "head"], ["logits"]),
        helper.make_node(
            "Einsum", ["features", "towards_fake"], ["activation_map"], equation="nchw,c->nhw"
        ),
    ]
    places = -(-side // 32)
    shapes = {"images": [3, side, side], "logits": [2], "activation_map": [places, places]}
    images, *outputs = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])
        for name, shape in shapes.items()
    )
    values = [
        numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()
    ]
    values.append(numpy_helper.from_array(np.array([2, 3]), "places"))
    graph = helper.make_graph(nodes, "small", [images], outputs, values)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
