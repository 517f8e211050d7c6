"""params.yaml is checked as a whole, and everything wrong in it is named with its place."""

import shutil
from pathlib import Path

import pytest
from made import change_params

from deepfake_detector import UserError, params

FOLDER_SET = {"layout": "folder", "root": "/somewhere", "use": "train", "kind": "media"}
DRAWN_SET = {"seed": 1, "pairs": 3, "seconds": 1.0, "resolution": [0.1, 0.3]}


@pytest.fixture
def params_file(tmp_path) -> Path:
    return Path(shutil.copy("params.yaml", tmp_path))


def test_the_committed_file_is_valid():
    assert list(params.load(params.PARAMS_FILE).data_sets)


def test_without_a_path_the_file_in_the_working_folder_is_read(params_file, monkeypatch):
    change_params(params_file, {"train.epochs": 7})
    monkeypatch.chdir(params_file.parent)
    assert params.load().train.epochs == 7


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"split.tets": 0.2},
            "split.tets: unknown key; check its spelling, or remove it (it is 0.2)",
        ),
        ({"trian": {}}, "trian: unknown key"),
        (
            {"trian": {"a": "b" * 99}},
            f"trian: unknown key; check its spelling, or remove it (it is {{'a': '{'b' * 53}…)",
        ),
        ({"train": None}, "train: must be a section: keys with their values (it is None)"),
        ({"data_sets": None}, "data_sets: must be a section: keys"),
        ({"train.augment.blurr": 0.1}, "train.augment.blurr: unknown key"),
        ({"data_sets.demo.kind": "media"}, "data_sets.demo.kind: unknown key"),
        (
            {"train.epochs": "5"},
            "train.epochs: Input should be a valid integer (it is '5'; legal is at least 0, at "
            "most 10000)",
        ),
        (
            {"train.epochs": True},
            "train.epochs: Input should be a valid integer (it is True; legal is",
        ),
        ({"train.epochs": 5.0}, "train.epochs: Input should be a valid integer (it is 5.0; legal"),
        ({"train.epochs": None}, "train.epochs: Input should be a valid integer (it is None"),
        (
            {"train.lr": True},
            "train.lr: Input should be a valid number (it is True; legal is above 0, at most 10)",
        ),
        ({"train.lr": "fast"}, "train.lr: Input should be a valid number (it is 'fast'"),
        (
            {"train.precision": 5},
            "train.precision: Input should be 'auto', 'fp32', 'bf16' or 'fp16' (it is 5)",
        ),
        (
            {"crop_faces.detector": "dlib"},
            "crop_faces.detector: Input should be ",
        ),
        ({"train": [1]}, "train: must be a section: keys with their values (it is [1])"),
        (
            {"train.epochs": -1},
            "train.epochs: Input should be greater than or equal to 0 (it is -1; legal is at least "
            "0, at most 10000)",
        ),
        (
            {"train.epochs": 10_001},
            "train.epochs: Input should be less than or equal to 10000 (it is 10001",
        ),
        (
            {"train.augment.flip": 1.1},
            "train.augment.flip: Input should be less than or equal to 1 (it is 1.1; legal is at "
            "least 0, at most 1)",
        ),
        ({"train.lr": float("nan")}, "train.lr: "),
        ({"train.epochs": 0}, "train: epochs: 0 keeps the weights of init"),
        ({"train.devices": 5}, "train: batch_size 16 is no multiple of devices 5"),
        (
            {"train.fakes": "none", "train.self_blend": 0.5},
            "train: fakes: none leaves only self-blended ones",
        ),
        (
            {"train.arithmetic": "portable", "train.accelerator": "cuda"},
            "train: arithmetic: portable is that of a CPU in fp32",
        ),
        (
            {"train.arithmetic": "portable", "train.precision": "bf16"},
            "train: arithmetic: portable is that of a CPU in fp32",
        ),
        ({"crop_faces.min_score": float("nan")}, "crop_faces.min_score: "),
        ({"crop_faces.min_score": float("inf")}, "crop_faces.min_score: "),
        ({"crop_faces.min_score": -0.1}, "crop_faces.min_score: Input should be greater"),
        ({"crop_faces.min_score": 12.5}, "crop_faces.min_score: Input should be less"),
        (
            {"crop_faces.detector": "yunet", "crop_faces.min_score": 1.5},
            "crop_faces: min_score 1.5: yunet's scores are 0 to 1",
        ),
        (
            {
                "crop_faces.realign": False,
                "data_sets.mine": {
                    "layout": "folder",
                    "root": "/mine",
                    "use": "train",
                    "kind": "face",
                },
            },
            "crop_faces.realign: false takes ready crops (kind: face) as they are, and demo has none",
        ),
        ({"parallel.seconds_per_item": float("inf")}, "parallel.seconds_per_item: "),
        (
            {"crop_faces.detector_sha256": "8F23"},
            "crop_faces.detector_sha256: must be 64 digits of 0-9 and a-f (it is '8F23')",
        ),
        (
            {"synthesize.demo.resolution": [0.1]},
            "synthesize.demo.resolution: List should have at least 2 items",
        ),
        (
            {"synthesize.demo.resolution": [0.3, 0.1]},
            "synthesize.demo: resolution: the lower end of the range comes",
        ),
        ({"export": {}}, "export.clips_per_class: missing; every key must be there"),
        (
            {"split.policy": "random"},
            "split.policy: Input should be 'shares', 'official' or 'strict' (it is 'random')",
        ),
        (
            {"split.train": 0.5},
            "split: train, val and test must add up to 1, with train and val above 0",
        ),
        (
            {"split.val": 0.0, "split.test": 0.46},
            "split: train, val and test must add up to 1, with train and val",
        ),
        ({"evaluate.splits": ["val", "val"]}, "evaluate.splits: each of them once"),
        ({"quality.levels": [3, 3]}, "quality.levels: each of them once"),
        ({"robustness.corruptions": ["jpeg", "jpeg"]}, "robustness.corruptions: each of them once"),
        ({"evaluate.splits": []}, "evaluate.splits: List should have at least 1 item"),
        ({"data_sets": {}}, "data_sets: Dictionary should have at least 1 item"),
        ({"data_sets.Mine": FOLDER_SET}, "data_sets.Mine: a name is 1 to 31 of a-z, 0-9 and _"),
        (
            {"data_sets.test": FOLDER_SET},
            "data_sets.test: train, val, test are the parts of the split",
        ),
        (
            {"data_sets.size": FOLDER_SET},
            "data_sets.size: DVC would not notice a change of what is called size",
        ),
        ({"data_sets.demo.layout": "zip"}, "data_sets.demo: Input tag 'zip' found"),
        (
            {"data_sets.mine": FOLDER_SET | {"root": "clips"}},
            "data_sets.mine.root: 'clips' must be an absolute path",
        ),
        (
            {"data_sets.mine": FOLDER_SET | {"kind": "sound"}},
            "data_sets.mine.kind: Input should be 'media' or 'face'",
        ),
        (
            {"data_sets.demo.root": "data/raw/other"},
            "data_sets.demo: layout demo is drawn by `synthesize`, so its root",
        ),
        (
            {"data_sets.demo.root": "/data/raw/demo"},
            "data_sets.demo: layout demo is drawn by `synthesize`, so its root",
        ),
        ({"synthesize": {}}, "data_sets.demo: layout demo is drawn by `synthesize`, so its root"),
        (
            {"synthesize.other": DRAWN_SET},
            "synthesize.other: no data set of that name under data_sets",
        ),
        (
            {"synthesize.Other": DRAWN_SET},
            "synthesize.Other: a name is 1 to 31 of a-z, 0-9 and _, a letter first",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(params_file, changes, said):
    change_params(params_file, changes)
    with pytest.raises(UserError) as raised:
        params.load(params_file)
    assert str(params_file) in str(raised.value)
    assert said in str(raised.value)


def test_several_problems_are_named_at_once(params_file):
    change_params(params_file, {"split.tets": 1, "train.epochs": -1, "verify.min_side": "64"})
    with pytest.raises(UserError) as raised:
        params.load(params_file)
    places = [line.strip().split(":")[0] for line in str(raised.value).splitlines()[1:]]
    assert sorted(places) == ["split.tets", "train.epochs", "verify.min_side"]


@pytest.mark.parametrize(
    "changes",
    [
        {"train.lr": 1},
        {"split.train": 0.77, "split.test": 0.0},
        {"data_sets": {"mine": FOLDER_SET}, "synthesize": {}},
        {"data_sets.mine": FOLDER_SET | {"use": "test", "kind": "face"}},
    ],
    ids=["a whole number where a fraction may be", "no test share", "no demo", "a second set"],
)
def test_what_is_possible_is_accepted(params_file, changes):
    change_params(params_file, changes)
    assert params.load(params_file)


def test_a_float_as_dvc_writes_it_is_a_number(params_file):
    params_file.write_text(params_file.read_text().replace("lr: 0.0005", "lr: 1e-06"))
    assert params.load(params_file).train.lr == 1e-06


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"train: [1\n", "not valid YAML: line 2: expected ',' or ']'.*; correct that line$"),
        (b"train:\n\tlr: 1\n", "not valid YAML: line 2: found character .*; indent with spaces$"),
        (b"train: \xff\n", "not valid YAML: unacceptable character .*; save it as text in UTF-8$"),
        (
            b"a: 1\na: 2\n",
            'not valid YAML: line 2: found duplicate key "a"; remove one of the two$',
        ),
        (b"", "params.yaml: holds no settings; `use-profile` writes them again$"),
        (b"- 1\n", r"params: must be a section: keys with their values \(it is \[1\]\)$"),
    ],
    ids=["syntax", "tab", "not UTF-8", "key twice", "empty", "list"],
)
def test_a_file_that_is_no_mapping_of_keys_is_refused(params_file, text, said):
    params_file.write_bytes(text)
    with pytest.raises(UserError, match=said):
        params.load(params_file)


def test_a_missing_file_is_said_with_what_to_do(tmp_path):
    with pytest.raises(UserError, match="cannot be read .*; run this in the folder that holds it"):
        params.load(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("train: {lr: 0.1}", 0.1),
        ("train: {}", None),
        ("train: 3", None),
        ("other: {}", None),
        ("", None),
        ("a: [", None),
        (None, None),
    ],
)
def test_one_declared_value_is_read_from_whatever_lies_there(tmp_path, text, value):
    if text is not None:
        (tmp_path / "params.yaml").write_text(text)
    assert params.declared("train", "lr", path=tmp_path / "params.yaml") == value
