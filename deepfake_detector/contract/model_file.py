"""An exported model as a file: sealed when it is written, checked whenever it is opened, and run.

The seal is the hash of the file with the seal's own 64 digits as zeros. It detects damage, not
forgery: whoever changes a file can seal it again. `pinned` names the one file that is accepted, and
does detect it.
"""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from deepfake_detector import UserError, contract
from deepfake_detector.contract import Contract, Crop
from deepfake_detector.faces.cutting import resize
from deepfake_detector.storage.onnx_session import open_session

if TYPE_CHECKING:
    import onnx

BATCH = 16
STRIDE = 32  # of the network's last feature map
MAX_BYTES = 2**31  # of the format itself
SEAL = "sha256"
ZEROS = b"0" * 64
_BEFORE_SEAL = b"\n\x06sha256\x12\x40"  # how the format writes an entry `sha256` of 64 characters
INPUT, OUTPUTS = "images", ("logits", "activation_map")
REMEDY = "export it again, or take another copy"
READABLE = "get permission to read it, or take another copy"


@dataclass(frozen=True)
class Model:
    """A network ready to run, its contract, and the hash of the file it came from."""

    session: onnxruntime.InferenceSession
    contract: Contract
    sha256: str

    def judge(self, crops: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """For N square RGB uint8 crops the logits (fake minus real; N, float64) and the activation
        maps (N, A, A), A = S/32 rounded up."""
        return judge(self.session, self.contract.crop, crops)


def judge(
    session: onnxruntime.InferenceSession, crop: Crop, crops: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """`Model.judge` for a session whose contract is still to be written."""
    mean, std = np.array(crop.mean, np.float32) * 255, np.array(crop.std, np.float32) * 255
    places = math.ceil(crop.input_size / STRIDE)
    logits, maps = [np.zeros((0, 2), np.float32)], [np.zeros((0, places, places), np.float32)]
    for start in range(0, len(crops), BATCH):
        images = np.stack(
            [resize(picture, crop.input_size) for picture in crops[start : start + BATCH]]
        )
        inputs = np.ascontiguousarray(
            ((images.astype(np.float32) - mean) / std).transpose(0, 3, 1, 2)
        )
        outputs = session.run(OUTPUTS, {INPUT: inputs})
        logits.append(outputs[0])
        maps.append(outputs[1])
    both = np.concatenate(logits).astype(np.float64)
    return both[:, 1] - both[:, 0], np.concatenate(maps)


def sealed(model: "onnx.ModelProto", terms: Contract) -> bytes:
    """The file's bytes, with the contract and the seal in its metadata; the same model and terms
    give the same bytes."""
    del model.metadata_props[:]
    for key, value in ((contract.KEY, terms.model_dump_json()), (SEAL, ZEROS.decode())):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    data = model.SerializeToString(deterministic=True)
    place = data.rindex(_BEFORE_SEAL) + len(_BEFORE_SEAL)
    digits = hashlib.sha256(data).hexdigest().encode()
    return data[:place] + digits + data[place + len(digits) :]


def load(
    path: str | Path, threads: int = 0, pinned: str | None = None, device: str = "cpu"
) -> Model:
    """The model at `path`, computing on `cpu` with so many threads (0: one per core), or on `cuda`.

    Raises UserError where it is missing, too large, not the `pinned` file (sha256), damaged, no
    ONNX file, without a contract of this version, withheld, or not of the shape that its contract
    promises, and where there is no such device.
    """
    if device == "cuda" and "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise UserError(
            "no GPU for ONNX Runtime here",
            "install onnxruntime-gpu in place of onnxruntime, or use --device cpu",
        )
    path = Path(path)
    data = _read(path)
    sha256 = hashlib.sha256(data).hexdigest()
    if pinned and sha256 != pinned.lower():
        raise UserError(
            f"{path}: not the file that was asked for (sha256 {sha256}, expected {pinned.lower()})",
            "take the file with that hash, or correct the hash",
        )
    is_sealed = _is_sealed(path, data)  # first: what is damaged is not parsed at all
    try:
        session = open_session(data, threads, device)
        entries = session.get_modelmeta().custom_metadata_map
    except Exception as error:  # ONNX Runtime has a dozen kinds of its own
        raise UserError(f"{path}: not an ONNX model that can be loaded", REMEDY) from error
    terms = contract.parse(entries.get(contract.KEY), str(path))
    if not is_sealed:
        raise UserError(f"{path}: no seal in it", REMEDY)
    if terms.withheld:
        raise UserError(f"{path}: not to be used: {terms.withheld}", "use models/detector.onnx")
    _check_shape(path, session, terms.crop.input_size)
    return Model(session, terms, sha256)


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise UserError(f"{path}: a folder", "name the .onnx file in it")
    if not path.is_file():
        raise UserError(
            f"{path}: not there",
            "check the path; `make repro` (or `dvc repro`) makes models/detector.onnx",
        )
    if path.stat().st_size > MAX_BYTES:
        raise UserError(f"{path}: larger than 2 GiB, which no exported model is", REMEDY)
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}", READABLE) from error


def _is_sealed(path: Path, data: bytes) -> bool:
    """Whether there is a seal in it. Raises UserError where there is one of other bytes."""
    place = data.rfind(_BEFORE_SEAL) + len(_BEFORE_SEAL)
    if place < len(_BEFORE_SEAL):
        return False
    unsealed = data[:place] + ZEROS + data[place + len(ZEROS) :]
    if hashlib.sha256(unsealed).hexdigest().encode() != data[place : place + len(ZEROS)]:
        raise UserError(f"{path}: damaged: its bytes are not those that were exported", REMEDY)
    return True


def _check_shape(path: Path, session: onnxruntime.InferenceSession, side: int) -> None:
    places = math.ceil(side / STRIDE)
    promised = {INPUT: [3, side, side], OUTPUTS[0]: [2], OUTPUTS[1]: [places, places]}
    takes, gives = (
        [(tensor.name, tensor.type, tensor.shape) for tensor in ends]
        for ends in (session.get_inputs(), session.get_outputs())
    )
    if takes + gives != [
        (name, "tensor(float)", ["batch", *shape]) for name, shape in promised.items()
    ]:
        raise UserError(
            f"{path}: another network than its contract says: takes {takes}, gives {gives}",
            REMEDY,
        )
