"""Libraries are held to AVX2 before they load, and only where they can be."""

import os
import sys

import pytest
from conftest import PROJECT, run

from deepfake_detector.common import arithmetic

ALL = arithmetic.ARRAYS | arithmetic.PICTURES | arithmetic.NETWORK
OLD, AVX2, AVX512 = "sse4_2", "sse4_2 avx avx2", "avx avx2 avx512f avx512bw"
SEEN_BY_TORCH = (
    "import stages, torch; print(torch.get_num_threads(), torch.backends.cpu.get_cpu_capability())"
)
needs_avx2 = pytest.mark.skipif(not arithmetic.is_portable_here(), reason="needs AVX2 on Linux")


@pytest.mark.parametrize(
    ("flags", "network", "held"),
    [
        (OLD, True, {}),
        (None, True, {}),  # no Linux
        (AVX2, False, arithmetic.ARRAYS),
        (AVX2, True, arithmetic.ARRAYS | arithmetic.NETWORK),
        (AVX512, False, arithmetic.ARRAYS | arithmetic.PICTURES),
        (AVX512, True, ALL),
    ],
)
def test_what_is_held_follows_from_the_processor(tmp_path, monkeypatch, flags, network, held):
    environment = {"OMP_NUM_THREADS": "7"}
    monkeypatch.setattr(os, "environ", environment)
    monkeypatch.setattr(arithmetic, "CPUINFO", tmp_path / "cpuinfo")
    if flags is not None:
        (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : fpu {flags} sse2\n")
    arithmetic.hold(network)
    assert environment == {"OMP_NUM_THREADS": "7"} | held
    assert arithmetic.is_portable_here() == (flags in (AVX2, AVX512))


@pytest.mark.slow
@needs_avx2
@pytest.mark.parametrize(
    ("written", "threads", "expected"),
    [
        ("portable", "1", ["2", "AVX2"]),
        ("portable", "4", ["2", "AVX2"]),
        ("fastest", "1", ["1", "DEFAULT"]),
    ],
)
def test_a_stage_gives_torch_two_threads_and_avx2_where_params_say_portable(
    tmp_path, written, threads, expected
):
    (tmp_path / "params.yaml").write_text(f"train: {{arithmetic: {written}}}\n")
    seen = run(
        tmp_path,
        sys.executable,
        "-c",
        SEEN_BY_TORCH,
        PYTHONPATH=str(PROJECT),
        OMP_NUM_THREADS=threads,
        ATEN_CPU_CAPABILITY="default",
    )
    assert seen.stdout.split() == expected, seen.stderr


@pytest.mark.slow
@needs_avx2
def test_numpy_and_opencv_take_the_switches_without_a_word():
    command = "import stages, cv2, numpy; print(cv2.getCPUFeaturesLine())"
    seen = run(PROJECT, sys.executable, "-W", "error", "-c", command)
    assert seen.returncode == 0, seen.stderr
    assert seen.stderr == ""
    assert "*AVX512-SKX" not in seen.stdout.replace("*AVX512-SKX?", "")
