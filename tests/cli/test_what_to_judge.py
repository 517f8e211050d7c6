"""Which files a command is to judge."""

import io
import os
import sys
from pathlib import Path

import pytest

from deepfake_detector import UserError
from deepfake_detector.cli.inputs import found_in, without_copies


class Standard:
    """Standard input with these bytes."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


@pytest.fixture(params=["file", "standard input"])
def listed(request, tmp_path, monkeypatch):
    """Gives the name of a list with these bytes."""

    def write(data: bytes) -> str:
        if request.param == "standard input":
            monkeypatch.setattr(sys, "stdin", Standard(data))
            return "-"
        (tmp_path / "list.txt").write_bytes(data)
        return str(tmp_path / "list.txt")

    return write


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"a.jpg\n\n  b.jpg \r\na.jpg", ["a.jpg", "b.jpg"]),
        (b"\xef\xbb\xbfa.jpg\n", ["a.jpg"]),
        ("a\u2028b.jpg\x0b.jpg\n".encode(), ["a\u2028b.jpg\x0b.jpg"]),
        (b"caf\xe9.jpg\n", [os.fsdecode(b"caf\xe9.jpg")]),
        (b"a" * 300 + b".mp4\nb.jpg", ["a" * 300 + ".mp4", "b.jpg"]),
    ],
    ids=["spaces and repeats", "byte order mark", "odd spaces", "not UTF-8", "too long"],
)
def test_a_list_has_one_path_a_line(listed, data, names):
    assert found_in([], listed(data)) == [Path(name) for name in names]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a.jpg\0b.jpg", ": not a list of paths: a zero byte in it; write one path a line"),
        (b" \n\r\n", ": no path in this list; write one path a line"),
    ],
)
def test_what_is_no_list_is_refused(listed, data, said):
    with pytest.raises(UserError, match=said):
        found_in([], listed(data))


def test_a_list_that_is_not_there_is_named():
    with pytest.raises(UserError, match="gone.txt: not a list that can be read: No such file"):
        found_in([], "gone.txt")


@pytest.fixture
def folders(tmp_path) -> Path:
    for name in ("full/b.jpg", "full/deeper/a.PNG", "full/notes.txt", "empty/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_an_empty_folder_costs_itself_alone(folders, capsys):
    found = found_in([folders / "empty", folders / "full"])
    assert found == [folders / "full" / "b.jpg", folders / "full" / "deeper" / "a.PNG"]
    first, *others = capsys.readouterr().err.splitlines()
    assert first == f"! {folders / 'empty'}: no image or video in this folder"
    assert all("left out" in one for one in others)


def test_nothing_but_empty_folders_is_an_error(folders):
    with pytest.raises(UserError, match="nothing to judge in what was named; name a picture"):
        found_in([folders / "empty"])


def test_a_folder_that_cannot_be_looked_into_is_an_input_that_cannot_be_read(folders, monkeypatch):
    shut, scandir = folders / "full" / "deeper", os.scandir

    def refusing(folder: Path):
        if Path(folder) == shut:
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    assert found_in([folders / "full"]) == [folders / "full" / "b.jpg", shut]
    assert found_in([shut]) == [shut]


def test_files_of_other_names_are_left_out_and_told(tmp_path, capsys):
    for name in ("a.mp4", "download", "b.FLV", "c.flv", "notes.t\nxt", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "dead.mp4").symlink_to("gone")
    (tmp_path / "dead.txt").symlink_to("gone")
    assert found_in([tmp_path]) == [tmp_path / "a.mp4", tmp_path / "dead.mp4"]
    assert capsys.readouterr().err == (
        f"! {tmp_path}: left out, as their names are none of a picture or a video: 4 (2 .flv, "
        "1 no suffix, 1 .t?xt); name such a file to have it judged\n"
    )


def test_the_rarest_kinds_of_many_are_not_told(tmp_path, capsys):
    for kind in "abcdef":
        (tmp_path / f"one.{kind}").touch()
    (tmp_path / "two.mp4").touch()
    found_in([tmp_path])
    assert "6 (1 .a, 1 .b, 1 .c, 1 .d, 1 .e, …)" in capsys.readouterr().err


def test_copies_that_the_run_makes_itself_are_not_judged(tmp_path, capsys):
    mine, copy = tmp_path / "a.jpg", tmp_path / "a.jpg.0123abcd.jpg"
    assert without_copies([mine, copy], {copy}.__contains__) == [mine]
    assert capsys.readouterr().err == "! left out: 1 annotated copies of others, from before\n"
    assert without_copies([mine, copy], lambda _: False) == [mine, copy]
    assert capsys.readouterr().err == ""
    with pytest.raises(UserError, match="nothing but annotated copies in what was named"):
        without_copies([copy], lambda _: True)


def test_files_of_one_name_behind_a_link_and_beside_it_are_two(tmp_path):
    for folder in ("here", "far/deep"):
        (tmp_path / folder).mkdir(parents=True)
    for place in ("here/x.jpg", "far/x.jpg"):
        (tmp_path / place).touch()
    (tmp_path / "here/link").symlink_to(tmp_path / "far/deep")
    two = [tmp_path / "here/link/../x.jpg", tmp_path / "here/x.jpg"]
    assert found_in(two) == two


def test_a_file_that_is_named_in_two_ways_is_judged_once_and_that_is_said(folders, capsys):
    one = folders / "full" / "b.jpg"
    assert found_in([one]) == [one]
    assert not capsys.readouterr().err
    assert found_in([one, folders / "full" / ".." / "full" / "b.jpg", one]) == [one]
    assert capsys.readouterr().err == "! named again, each file is judged once: 2\n"


@pytest.mark.parametrize("address", ["https://a.org/clip.mp4", "s3://a/clip.mp4"])
def test_an_address_is_refused_with_the_remedy(address):
    with pytest.raises(UserError, match="an address, which is not fetched; name a file"):
        found_in([Path(address)])
