"""A sealed model loads and judges; a file that is anything else is refused with its own reason."""

import hashlib
import io
import math
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import contract_terms, small_network
from onnx import TensorProto, helper, numpy_helper

from deepfake_detector import UserError, contract
from deepfake_detector.contract.model_file import MAX_BYTES, load, sealed
from deepfake_detector.faces.cutting import resize

TERMS = contract_terms()
GOOD = sealed(small_network(), TERMS)
WEIGHTS = numpy_helper.to_array(small_network().graph.initializer[0]).tobytes()
RNG = np.random.default_rng(3)

NO_MODEL = "not an ONNX model that can be loaded; export it again, or take another copy"
NO_CONTRACT = "an ONNX file without this project's contract; use one that the export stage made"
DAMAGED = (
    "damaged: its bytes are not those that were exported; export it again, or take another copy"
)
NO_SEAL = "no seal in it; export it again, or take another copy"
OTHER_NETWORK = "another network than its contract says: takes "


def written(folder: Path, data: bytes = GOOD) -> Path:
    (folder / "model.onnx").write_bytes(data)
    return folder / "model.onnx"


def crops(count: int, side: int = 64) -> list[np.ndarray]:
    return list(RNG.integers(0, 256, (count, side, side, 3), np.uint8))


# a good one


def test_a_sealed_model_loads_with_its_contract_and_its_hash(tmp_path):
    model = load(written(tmp_path))
    assert model.contract == TERMS
    assert model.sha256 == hashlib.sha256(GOOD).hexdigest()


def test_the_same_model_and_terms_give_the_same_bytes():
    twice = small_network()
    assert sealed(twice, TERMS) == sealed(twice, TERMS) == GOOD
    assert sealed(small_network(seed=2), TERMS) != GOOD
    assert sealed(small_network(), contract_terms(frames=7)) != GOOD


def test_a_model_sealed_again_has_the_new_terms_alone(tmp_path):
    other = contract_terms(variant="int8", decision={"threshold": 0.55})
    assert load(written(tmp_path, sealed(onnx.load_from_string(GOOD), other))).contract == other


@pytest.mark.parametrize("side", [64, 80])
def test_a_model_judges_crops_of_any_size_and_number_alike(tmp_path, side):
    model = load(
        written(tmp_path, sealed(small_network(side), contract_terms(crop={"input_size": side})))
    )
    given = crops(35, side) + crops(2, 96) + crops(2, 48)
    logits, maps = model.judge(given)
    alone = [model.judge([one]) for one in given]
    resized, _ = model.judge([resize(one, side) for one in given])
    assert (logits.shape, logits.dtype) == ((39,), np.float64)
    assert maps.shape == (39, math.ceil(side / 32), math.ceil(side / 32))
    assert logits == pytest.approx(np.concatenate([one for one, _ in alone]), abs=1e-5)
    assert maps == pytest.approx(np.concatenate([one for _, one in alone]), abs=1e-5)
    assert logits == pytest.approx(resized)
    assert logits.std() > 0.01


def test_crops_are_normalised_by_the_contracts_own_mean_and_deviation(tmp_path):
    terms = contract_terms(crop={"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)})
    given = crops(3)
    logits, _ = load(written(tmp_path, sealed(small_network(), terms))).judge(given)
    inputs = (np.stack(given) / 255 - terms.crop.mean) / terms.crop.std
    session = onnxruntime.InferenceSession(GOOD, providers=["CPUExecutionProvider"])
    both, _ = session.run(
        ["logits", "activation_map"], {"images": inputs.transpose(0, 3, 1, 2).astype(np.float32)}
    )
    assert logits == pytest.approx(both[:, 1] - both[:, 0], abs=1e-4)


def test_no_crop_gives_no_logit_and_no_map(tmp_path):
    logits, maps = load(written(tmp_path)).judge([])
    assert (logits.shape, maps.shape) == ((0,), (0, 2, 2))


@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_the_pinned_file_is_accepted(tmp_path, case):
    digest = hashlib.sha256(GOOD).hexdigest()
    assert load(written(tmp_path), pinned=case(digest)).sha256 == digest


# anything else


def flipped(place: int, bit: int = 0) -> bytes:
    return GOOD[:place] + bytes([GOOD[place] ^ 1 << bit]) + GOOD[place + 1 :]


def edited(before: bytes, after: bytes) -> bytes:
    assert GOOD.count(before) == 1
    assert len(before) == len(after)
    return GOOD.replace(before, after)


def with_entries(**entries: str) -> bytes:
    """The network with these entries alone in its metadata."""
    model = small_network()
    helper.set_model_props(model, entries)
    return model.SerializeToString()


def entry(key: str, value: str) -> bytes:
    """What appends an entry to a file's metadata."""
    return onnx.ModelProto(
        metadata_props=[onnx.StringStringEntryProto(key=key, value=value)]
    ).SerializeToString()


def network(change: Callable[[onnx.GraphProto], object]) -> bytes:
    """The small network, changed, with the contract of the unchanged one and a seal of its own."""
    model = small_network()
    change(model.graph)
    return sealed(model, TERMS)


def renamed(graph: onnx.GraphProto, before: str, after: str) -> None:
    for value in (*graph.input, *graph.output):
        value.name = after if value.name == before else value.name
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [after if name == before else name for name in names]


def of_doubles(graph: onnx.GraphProto) -> None:
    graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    graph.node[0].input[0] = "floats"
    graph.node.insert(0, helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT))


def with_another_input(graph: onnx.GraphProto) -> None:
    graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))


def with_a_fixed_batch(graph: onnx.GraphProto) -> None:
    graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2


def without_map(graph: onnx.GraphProto) -> None:
    del graph.node[-1], graph.output[-1]


def with_three_logits(graph: onnx.GraphProto) -> None:
    graph.initializer[1].CopyFrom(numpy_helper.from_array(np.ones((4, 3), np.float32), "head"))
    graph.output[0].type.tensor_type.shape.dim[1].dim_value = 3


def with_a_map_of_one_place(graph: onnx.GraphProto) -> None:
    graph.node[-1].input[0] = "one_place"
    graph.node.insert(3, helper.make_node("GlobalAveragePool", ["features"], ["one_place"]))
    for dim in graph.output[1].type.tensor_type.shape.dim[1:]:
        dim.dim_value = 1


def checkpoint() -> bytes:
    """Laid out as torch.save does: a zip with a pickle in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"weights": [0.5] * 100}))
    return buffer.getvalue()


def plain_onnx() -> bytes:
    """A valid ONNX model of somebody else."""
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])], "plain", value[:1], value[1:]
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10
    ).SerializeToString()


WITH_CONTRACT = with_entries(**{contract.KEY: TERMS.model_dump_json()})
EARLIER = TERMS.model_dump_json().replace(f'"version":{contract.VERSION}', '"version":1')
OLD = with_entries(**{contract.KEY: EARLIER})
GRAPH_END = len(with_entries())
TAMPERED = {
    "empty": (b"", NO_MODEL),
    "text": (b"no model, but text\n" * 9, NO_MODEL),
    "a pickle": (pickle.dumps({"weights": [0.5] * 100}), NO_MODEL),
    "a checkpoint": (checkpoint(), NO_MODEL),
    "cut after a byte": (GOOD[:1], NO_MODEL),
    "cut in the weights": (GOOD[: len(GOOD) // 2], NO_MODEL),
    "cut behind the graph": (GOOD[:GRAPH_END], NO_CONTRACT),
    "cut in the contract": (GOOD[: len(WITH_CONTRACT) - 200], NO_MODEL),
    "cut before the seal": (GOOD[: len(WITH_CONTRACT)], NO_SEAL),
    "last byte lost": (GOOD[:-1], f"{NO_MODEL}|{DAMAGED}"),
    "a bit of the weights": (flipped(GOOD.index(WEIGHTS) + 1000), DAMAGED),
    "a bit of the seal": (flipped(len(GOOD) - 20), DAMAGED),
    "a bit of the contract's text": (
        flipped(GOOD.index(b'"threshold"') + 3, bit=7),
        f"{NO_MODEL}|{DAMAGED}",
    ),
    "a threshold": (edited(b'"threshold":0.4', b'"threshold":0.9'), DAMAGED),
    "seal of zeros": (GOOD[:-64] + b"0" * 64, DAMAGED),
    "seal in capitals": (GOOD[:-64] + GOOD[-64:].upper(), DAMAGED),
    "no seal": (WITH_CONTRACT, NO_SEAL),
    "seal under another name": (edited(b"\x06sha256", b"\x06sha265"), NO_SEAL),
    "a contract put behind": (
        GOOD + entry(contract.KEY, contract_terms(frames=1).model_dump_json()),
        DAMAGED,
    ),
    "a byte put behind": (GOOD + b"\0", f"{NO_MODEL}|{DAMAGED}"),
    "of somebody else": (plain_onnx(), NO_CONTRACT),
    "of an earlier version": (
        OLD,
        r"its contract is not of version 7 \(version\); export the model again",
    ),
    "another input size": (sealed(small_network(96), TERMS), rf"{OTHER_NETWORK}.*3, 96, 96\]"),
    "another input's name": (
        network(lambda graph: renamed(graph, "images", "pixels")),
        f"{OTHER_NETWORK}.*pixels",
    ),
    "another output's name": (
        network(lambda graph: renamed(graph, "logits", "scores")),
        f"{OTHER_NETWORK}.*, gives .*scores",
    ),
    "doubles": (network(of_doubles), rf"{OTHER_NETWORK}.*tensor\(double\)"),
    "a fixed batch": (network(with_a_fixed_batch), rf"{OTHER_NETWORK}.*\[2, 3, 64, 64\]"),
    "one more input": (network(with_another_input), f"{OTHER_NETWORK}.*'more'"),
    "one output": (network(without_map), f"{OTHER_NETWORK}.*, gives (?!.*activation_map)"),
    "three logits": (network(with_three_logits), rf"{OTHER_NETWORK}.*, gives .*'logits'.*3\]"),
    "another map's size": (
        network(with_a_map_of_one_place),
        rf"{OTHER_NETWORK}.*, gives .*'activation_map'.*1, 1\]",
    ),
    "withheld": (
        sealed(small_network(), contract_terms(withheld="int8 loses 0.030")),
        "not to be used: int8 loses 0.030; use models/detector.onnx",
    ),
}


@pytest.mark.parametrize(("data", "message"), TAMPERED.values(), ids=TAMPERED)
def test_a_file_that_is_not_what_was_exported_is_refused(tmp_path, data, message):
    with pytest.raises(UserError, match=rf"^{tmp_path}/model\.onnx: ({message})"):
        load(written(tmp_path, data))


@pytest.mark.slow
@given(
    st.integers(0, 400) | st.integers(0, len(GOOD) - 1) | st.integers(GRAPH_END, len(GOOD) - 1),
    st.integers(0, 7),
)
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whichever_bit_is_flipped_the_file_is_refused(tmp_path, place, bit):
    with pytest.raises(UserError, match=r"model\.onnx: "):
        load(written(tmp_path, flipped(place, bit)))


def test_a_gpu_that_is_not_there_is_refused_and_not_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(
        UserError,
        match="no GPU for ONNX Runtime here; install onnxruntime-gpu .* or use --device cpu",
    ):
        load(written(tmp_path), device="cuda")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda path: None,
            r"not there; check the path; `make repro` \(or `dvc repro`\) makes models/detector.onnx",
        ),
        (Path.mkdir, r"a folder; name the \.onnx file in it"),
    ],
    ids=["nothing", "a folder"],
)
def test_a_path_without_a_file_is_refused_with_the_remedy(tmp_path, make, said):
    make(tmp_path / "model.onnx")
    with pytest.raises(UserError, match=rf"model\.onnx: {said}"):
        load(tmp_path / "model.onnx")


def test_a_file_of_more_than_two_gigabytes_is_refused_unread(tmp_path):
    with open(tmp_path / "model.onnx", "wb") as file:
        file.truncate(MAX_BYTES + 1)  # takes no space
    with pytest.raises(UserError, match=r"model\.onnx: larger than 2 GiB, .*; export it again"):
        load(tmp_path / "model.onnx")


def test_a_good_file_that_is_not_the_pinned_one_is_refused(tmp_path):
    other = hashlib.sha256(sealed(small_network(seed=2), TERMS)).hexdigest()
    found = hashlib.sha256(GOOD).hexdigest()
    wanted = (
        rf"model\.onnx: not the file that was asked for \(sha256 {found}, expected {other}\); "
        "take the file with that hash, or correct the hash"
    )
    with pytest.raises(UserError, match=wanted):
        load(written(tmp_path), pinned=other.upper())


@pytest.mark.parametrize(
    "where",
    ["weights.bin", "inner/../weights.bin", "{folder}/weights.bin", "../{name}/weights.bin"],
)
def test_weights_in_another_file_are_not_read(tmp_path, monkeypatch, where):
    """They are the right ones: were they read, the model would load."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inner").mkdir()
    (tmp_path / "weights.bin").write_bytes(WEIGHTS)
    model = small_network()
    kernel = model.graph.initializer[0]
    kernel.ClearField("raw_data")
    kernel.data_location = TensorProto.EXTERNAL
    place = {
        "location": where.format(folder=tmp_path, name=tmp_path.name),
        "offset": "0",
        "length": str(len(WEIGHTS)),
    }
    for key, value in place.items():
        kernel.external_data.add(key=key, value=value)
    with pytest.raises(UserError, match=rf"model\.onnx: {NO_MODEL}"):
        load(written(tmp_path, sealed(model, TERMS)))
