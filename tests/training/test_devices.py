"""Devices and precisions: what is asked for is there, or is told."""

import pytest
import torch

from deepfake_detector import UserError
from deepfake_detector.common import arithmetic
from deepfake_detector.training import devices, network

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


@pytest.fixture(autouse=True)
def not_deterministic_afterwards():
    yield
    torch.use_deterministic_algorithms(False)


@no_gpu
def test_a_gpu_that_is_not_there_is_told():
    with pytest.raises(
        UserError, match=r"train\.accelerator: cuda, but torch finds no GPU; use auto or cpu"
    ):
        devices.setup("cuda", 1, "fp32", 1)


def test_a_precision_that_the_processor_lacks_is_told():
    with pytest.raises(UserError, match=r"train\.precision: fp16, .*; use auto, fp32 or bf16"):
        devices.setup("cpu", 1, "fp16", 1)


@needs_gpu
def test_more_gpus_than_there_are_are_told():
    with pytest.raises(
        UserError, match=r"train\.devices: 1000, but this machine has \d+ GPUs; lower"
    ):
        devices.setup("cuda", 1000, "fp32", 1)


@no_gpu
def test_auto_falls_back_to_the_processor():
    assert devices.setup("auto", 1, "auto", 1).device.type == "cpu"


@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_portable_arithmetic_is_the_processors_in_fp32(monkeypatch, precision):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(devices, "fastest_precision", lambda on_gpu: "bf16")
    fabric = devices.setup("auto", 1, precision, 1, portable=True)
    assert fabric.device.type == "cpu"
    assert fabric.strategy.precision.precision == "32-true"


def test_portable_arithmetic_has_the_same_threads_however_many_cores_there_are():
    before = torch.get_num_threads()
    torch.set_num_threads(arithmetic.THREADS + 1)
    devices.setup("cpu", 1, "fp32", 1)
    other = torch.get_num_threads()
    devices.setup("cpu", 1, "fp32", 1, portable=True)
    found = torch.get_num_threads()
    torch.set_num_threads(before)
    assert (other, found) == (arithmetic.THREADS + 1, arithmetic.THREADS)


def test_setup_asks_for_deterministic_algorithms():
    devices.setup("cpu", 1, "fp32", 1)
    assert torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize(
    "start",
    [
        lambda: devices.setup("cpu", 1, "fp32", 1),
        lambda: network.to_device(network.FaceClassifier("resnet18"), "fastest", "auto"),
    ],
    ids=["training", "judging"],
)
def test_fp32_is_not_rounded_to_tf32(start):
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    start()
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize(
    ("arithmetic", "accelerator", "device"),
    [
        ("fastest", "auto", "cuda"),
        ("fastest", "cuda", "cuda"),
        ("fastest", "cpu", "cpu"),
        ("portable", "auto", "cpu"),
    ],
)
def test_a_model_is_judged_with_where_it_was_trained(monkeypatch, arithmetic, accelerator, device):
    moved = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(
        torch.nn.Module, "to", lambda network, *places, **_: moved.extend(places) or network
    )
    before = torch.get_num_threads()
    network.to_device(torch.nn.Linear(1, 1), arithmetic, accelerator)
    torch.set_num_threads(before)
    assert moved == [device]


@pytest.mark.parametrize(
    ("gpu", "asked", "found"),
    [
        (False, ("auto", "fp32", False), ("cpu", "fp32")),
        (False, ("cpu", "bf16", False), ("cpu", "bf16")),
        (True, ("auto", "fp16", False), ("cuda", "fp16")),
        (True, ("cpu", "fp32", False), ("cpu", "fp32")),
        (True, ("auto", "bf16", True), ("cpu", "fp32")),
    ],
)
def test_the_place_of_a_training_follows_from_params_and_machine(monkeypatch, gpu, asked, found):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    accelerator, precision, portable = asked
    assert devices.place(accelerator, precision, portable=portable) == found


def test_setup_seeds_the_weights():
    first, second = (devices.setup("cpu", 1, "fp32", 7) and torch.rand(3) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("on_gpu", [False, pytest.param(True, marks=needs_gpu)])
def test_the_fastest_precision_is_one_that_can_be_set(on_gpu):
    assert devices.fastest_precision(on_gpu) in devices.PRECISIONS


@pytest.mark.parametrize(
    ("processor", "amx", "chosen"),
    [
        ({"cpu_name": "AMD EPYC 9655", "avx512_bf16": True}, False, "bf16"),
        ({"cpu_name": "AMD EPYC 7763", "avx512_bf16": False}, False, "fp32"),
        ({"cpu_name": "Intel(R) Xeon(R)", "avx512_bf16": True}, False, "fp32"),
        ({"cpu_name": "Intel(R) Xeon(R)", "avx512_bf16": True}, True, "bf16"),
        ({"architecture": "aarch64"}, False, "fp32"),
    ],
)
def test_processors_that_compute_bf16_fast_get_it(monkeypatch, processor, amx, chosen):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: processor)
    monkeypatch.setattr(devices, "amx_works", lambda: amx)
    assert devices.fastest_precision(on_gpu=False) == chosen


@pytest.mark.parametrize(
    ("environment", "first"),
    [
        ({}, True),
        ({"LOCAL_RANK": "0"}, True),
        ({"LOCAL_RANK": "1"}, False),
        ({"RANK": "2", "LOCAL_RANK": "0"}, False),
    ],
)
def test_only_one_process_of_a_run_is_the_first(monkeypatch, environment, first):
    for name in ("RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert devices.first_process() == first
