"""How an ONNX file is run here: the exported model, and YuNet."""

import os

import onnxruntime

from deepfake_detector.common import cores

WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"
SPINNING = "session.intra_op.allow_spinning"
PROVIDERS = {  # TF32 would round more than the golden sample allows
    "cpu": ["CPUExecutionProvider"],
    "cuda": [("CUDAExecutionProvider", {"use_tf32": 0}), "CPUExecutionProvider"],
}


def open_session(
    data: bytes, threads: int = 0, device: str = "cpu"
) -> onnxruntime.InferenceSession:
    """A session that computes on `cpu` with so many threads (0: one per core), or on `cuda`. Of
    these bytes alone: a model that keeps weights in another file is refused."""
    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or cores.quota() or 0
    # nothing lies below a device
    options.add_session_config_entry(WEIGHTS_FOLDER, os.devnull)
    # idle threads leave the cores to decoding and to other workers
    options.add_session_config_entry(SPINNING, "0")
    # no fallback to another device
    return onnxruntime.InferenceSession(
        data, options, providers=PROVIDERS[device], enable_fallback=0
    )
