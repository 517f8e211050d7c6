"""Where training runs: processor or GPUs, how many of them, and with which numbers."""

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy

from deepfake_detector import UserError
from deepfake_detector.common import arithmetic, cores
from deepfake_detector.training.network import without_tf32

PRECISIONS: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "fp32": "32-true",
    "bf16": "bf16-mixed",
    "fp16": "16-mixed",
}


def place(accelerator: str, precision: str, *, portable: bool = False) -> tuple[str, str]:
    """The device, cpu or cuda, and the precision that `setup` takes. Raises UserError where the
    device is missing or cannot compute in that precision."""
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "train.accelerator: cuda, but torch finds no GPU",
            "use auto or cpu, or check the driver",
        )
    on_gpu = accelerator != "cpu" and not portable and torch.cuda.is_available()
    wanted = "fp32" if portable else precision
    chosen = fastest_precision(on_gpu) if wanted == "auto" else wanted
    if not on_gpu and chosen == "fp16":
        raise UserError(
            "train.precision: fp16, but training runs on the processor, which has none",
            "use auto, fp32 or bf16",
        )
    return "cuda" if on_gpu else "cpu", chosen


def setup(
    accelerator: str,
    devices: int,
    precision: str,
    seed: int,
    *,
    portable: bool = False,
    unused_weights: bool = False,
) -> Fabric:
    """A Fabric on the devices asked for, everything seeded and deterministic; `portable`: on the
    processor, in fp32.

    With several devices it starts a process for each, which runs this same script; under torchrun
    those are there already. `unused_weights`: some may be frozen at times. Raises UserError where a
    device is missing or cannot compute in that precision.
    """
    device, chosen = place(accelerator, precision, portable=portable)
    if device == "cuda" and devices > torch.cuda.device_count():
        raise UserError(
            f"train.devices: {devices}, but this machine has {torch.cuda.device_count()} GPUs",
            "lower train.devices",
        )
    # without it deterministic CUDA raises
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    without_tf32()
    if portable:
        torch.set_num_threads(arithmetic.THREADS)  # fewer cores would give fewer
    elif limit := cores.quota():
        torch.set_num_threads(min(torch.get_num_threads(), limit))
    if device == "cpu" and chosen == "bf16" and not amx_works():
        os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")
    # torchrun says how many processes there are in all
    nodes = int(os.environ.get("WORLD_SIZE", devices)) // devices
    fabric = Fabric(
        accelerator=device,
        devices=devices,
        num_nodes=nodes,
        strategy=DDPStrategy(find_unused_parameters=unused_weights)
        if devices * nodes > 1
        else "auto",
        precision=PRECISIONS[chosen],
    )
    fabric.launch()
    torch.manual_seed(seed)
    return fabric


def mean_over_processes(fabric: Fabric, value: float) -> float:
    """The mean of `value` over the processes of the run, each of which must call this."""
    if fabric.world_size == 1:
        return value
    return float(_reduced(fabric, value, "mean"))


def in_any_process(fabric: Fabric, value: bool) -> bool:
    """Whether `value` is true in any process of the run, each of which must call this."""
    return value if fabric.world_size == 1 else bool(_reduced(fabric, float(value), "max"))


def _reduced(fabric: Fabric, value: float, operation: str) -> torch.Tensor:
    reduced = fabric.all_reduce(torch.tensor(value, dtype=torch.float64), reduce_op=operation)
    return cast(torch.Tensor, reduced)


def first_process() -> bool:
    """Whether this is the process that writes; asked before `setup`."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0


def fastest_precision(on_gpu: bool) -> str:
    """The precision the device computes fast.

    On GPUs bf16 unless it is emulated, else fp16; on processors bf16 where AMX works or AMD's
    AVX512-BF16 is there, else fp32. On Intel AVX512-BF16 without AMX was no faster than fp32 at 112
    and 224 pixels, on AMD 1.8 and 1.9 times as fast: python -m benchmarks.precision.
    """
    if on_gpu:
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "bf16" if amx_works() or _amd_bf16(torch.cpu.get_capabilities()) else "fp32"


def _amd_bf16(processor: Mapping[str, Any]) -> bool:
    return processor.get("avx512_bf16", False) and processor.get("cpu_name", "").startswith("AMD")


@cache
def amx_works() -> bool:
    """Whether this processor's matrix unit can be used: some virtual machines announce it and then
    trap its use."""
    if not torch.cpu.get_capabilities().get("amx_bf16"):
        return False
    program = "import torch; torch.ones(256, 256).bfloat16() @ torch.ones(256, 256).bfloat16()"
    return (
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode
        == 0
    )
