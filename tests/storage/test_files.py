"""Files are written whole or not at all, in one format, and hashed as hashlib does."""

import hashlib
import json
import math
import os
import stat

import pandas as pd
import pytest

from deepfake_detector import UserError
from deepfake_detector.storage.files import (
    CHUNK,
    file_hash,
    read_json,
    read_made,
    write_json,
    write_whole,
)


def names_in(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_gets_its_folders_and_an_old_one_is_replaced(tmp_path):
    target = tmp_path / "deep" / "er" / "file.bin"
    for data in (b"first, and longer", b"second", b""):
        write_whole(target, data)
        assert target.read_bytes() == data
    assert names_in(target.parent) == ["file.bin"]


def test_whoever_has_the_old_file_open_still_reads_the_old_one(tmp_path):
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with target.open("rb") as reader:
        write_whole(target, b"new")
        assert reader.read() == b"old"
    assert target.read_bytes() == b"new"


def test_a_failure_while_writing_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with pytest.raises(TypeError):
        write_whole(target, "text is not bytes")
    assert target.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]


def test_a_failure_while_replacing_leaves_no_other_file(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError) as refused:
        write_whole(tmp_path / "folder", b"data")
    assert refused.value.filename == str(tmp_path / "folder")
    assert names_in(tmp_path) == ["folder"]


@pytest.mark.parametrize("name", ["n" * 255, "ü" * 127, ".hidden", "with blank"])
def test_any_name_the_file_system_takes_can_be_written(tmp_path, name):
    write_whole(tmp_path / name, b"data")
    assert names_in(tmp_path) == [name]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "file", b"data")
        assert os.umask(umask) == umask, "the umask itself has changed"
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_json_is_readable_ends_in_a_newline_and_comes_back(tmp_path):
    content = {"name": "Zoë", "values": [1, 0.1, None, True]}
    write_json(tmp_path / "file.json", content)
    text = (tmp_path / "file.json").read_text(encoding="utf-8")
    assert json.loads(text) == content
    assert "Zoë" in text
    assert text.endswith("}\n")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_json_refuses_numbers_that_are_not_finite_and_keeps_the_old_file(tmp_path, number):
    write_json(tmp_path / "file.json", 1)
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "file.json", {"deep": [number]})
    assert (tmp_path / "file.json").read_text() == "1\n"


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 1])
@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_hashes_are_those_of_hashlib(tmp_path, size, algorithm):
    data = bytes(position % 251 for position in range(size))
    (tmp_path / "file").write_bytes(data)
    assert file_hash(tmp_path / "file", algorithm) == hashlib.new(algorithm, data).hexdigest()
    assert file_hash(tmp_path / "file") == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("text", "pick", "said"),
    [
        (None, read_json, "in.txt: not there; `dvc repro` makes it"),
        ("<<<<<<< HEAD", read_json, "in.txt: not what its stage writes; run `dvc repro`"),
        ("", pd.read_csv, "in.txt: not what its stage writes; run `dvc repro`"),
    ],
    ids=["missing", "with conflicts", "an empty table"],
)
def test_what_another_stage_wrote_is_refused_where_it_is_something_else(tmp_path, text, pick, said):
    if text is not None:
        (tmp_path / "in.txt").write_text(text)
    with pytest.raises(UserError, match=said):
        read_made(tmp_path / "in.txt", pick)
