"""Arithmetic that comes out the same on other processors.

Libraries choose their instructions by processor, and wider ones add numbers up in another order,
which changes last digits. Held to AVX2, and torch to two threads, they give the same bytes on the
processors this was tested on (docs/experiments.md). ONNX Runtime has no such switch.
"""

import os

from deepfake_detector.common.cores import CPUINFO

THREADS = 2  # of torch: sums are added up in another order with more or fewer
ARRAYS = {  # NumPy and SciPy
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "OPENBLAS_CORETYPE": "Haswell",
}
PICTURES = {"OPENCV_CPU_DISABLE": "AVX512-SKX"}  # OpenCV complains where it has nothing to disable
NETWORK = {  # torch, with oneDNN and MKL
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "MKL_DYNAMIC": "FALSE",  # else a machine with one core gets one thread
    "OMP_NUM_THREADS": f"{THREADS}",
    "MKL_NUM_THREADS": f"{THREADS}",
}


def is_portable_here() -> bool:
    """Whether libraries can be held here: on Linux, on an x86-64 processor with AVX2."""
    return "avx2" in _cpu_flags()


def hold(network: bool) -> None:
    """Hold NumPy, SciPy and OpenCV to AVX2, and torch too for the sake of a `network`, whatever the
    environment says.

    Does nothing where they cannot be held. Must be called before one of them is imported; child
    processes inherit it.
    """
    flags = _cpu_flags()
    if "avx2" not in flags:
        return
    os.environ.update(ARRAYS)
    if "avx512f" in flags:
        os.environ.update(PICTURES)
    if network:
        os.environ.update(NETWORK)


def _cpu_flags() -> set[str]:
    return set(CPUINFO.read_text().split()) if CPUINFO.exists() else set()
