"""Archives have fixed bytes, hold every item's pictures apart, and say which of them is damaged."""

import pickle
import zipfile

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake_detector import UserError
from deepfake_detector.storage import archive
from deepfake_detector.storage.archive import (
    ArchiveReader,
    Item,
    archive_of,
    encode,
    member_of,
    pack,
    write_archive,
)

NOISE = np.random.default_rng(1).integers(0, 256, (7, 11, 3), np.uint8)
names = st.text("abc012_./", min_size=1, max_size=12).filter(lambda name: not name.startswith("/"))


def index(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        [{"item": item, "kind": kind, "path": f"/media/{item}", "label": 0} for item, kind in rows]
    )


def test_a_video_has_an_archive_of_its_own_and_stills_share_theirs():
    """`demo/real/5` and `demo/real/36` fall together because their MD5 starts alike."""
    packs = pack(
        index(
            ("other/x", "face"),
            ("demo/real/5", "image"),
            ("demo/swap/1", "video"),
            ("demo/real/36", "image"),
        )
    )
    assert [(each.archive, [item.item for item in each.items]) for each in packs] == [
        ("demo/_images/5e.zip", ["demo/real/5", "demo/real/36"]),
        ("demo/swap/1.zip", ["demo/swap/1"]),
        ("other/_images/63.zip", ["other/x"]),
    ]
    assert packs[1].items == (Item("demo/swap/1", "video", "/media/demo/swap/1"),)


def test_packs_are_sorted_by_archive_and_lose_no_item():
    stills = [(f"demo/still/{number}", "image") for number in range(600)]
    packs = pack(index(("demo/z", "video"), *stills, ("demo/a", "video")))
    archives = [each.archive for each in packs]
    assert archives == sorted(archives)
    assert sorted(item.item for each in packs for item in each.items) == sorted(
        ["demo/a", "demo/z", *dict(stills)]
    )
    assert len([name for name in archives if "/_images/" in name]) <= 256


@given(items=st.sets(st.text("ab1/_", min_size=1, max_size=9).map("demo/x{}".format), max_size=20))
def test_no_two_items_share_a_member(items):
    for kind in ("video", "image", "face"):
        assert len(
            {(archive_of(item, kind), member_of(item, kind, "000000.png")) for item in items}
        ) == len(items)


def test_members_are_named_after_the_frame_in_a_video_and_after_the_item_too_in_a_still():
    assert member_of("demo/real/000_0", "video", "000012.jpg") == "000012.jpg"
    assert member_of("demo/real/000_2", "image", "000000.jpg") == "real/000_2/000000.jpg"


def test_png_gives_back_every_pixel():
    data = np.frombuffer(encode(NOISE, "png"), np.uint8)
    np.testing.assert_array_equal(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1], NOISE)


def test_jpeg_keeps_colours_as_its_quality_allows():
    def error(quality: int) -> float:
        data = np.frombuffer(encode(NOISE, "jpg", quality), np.uint8)
        return float(
            np.abs(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].astype(int) - NOISE).mean()
        )

    assert error(100) < 2 < error(30)


@given(members=st.dictionaries(names, st.binary(max_size=20), max_size=6), data=st.data())
def test_the_same_members_give_the_same_bytes_in_whatever_order(tmp_path_factory, members, data):
    folder = tmp_path_factory.getbasetemp()
    write_archive(folder / "first.zip", members)
    write_archive(folder / "second.zip", dict(data.draw(st.permutations(list(members.items())))))
    assert (folder / "first.zip").read_bytes() == (folder / "second.zip").read_bytes()
    with ArchiveReader(folder) as reader:
        assert {name: reader.read("first.zip", name) for name in members} == members


def test_members_are_sorted_and_stored_as_they_are(tmp_path):
    write_archive(tmp_path / "new" / "a.zip", {"b": b"x" * 5000, "a": b"y"})
    with zipfile.ZipFile(tmp_path / "new" / "a.zip") as written:
        assert written.namelist() == ["a", "b"]
        assert {entry.compress_type for entry in written.infolist()} == {zipfile.ZIP_STORED}
        assert {entry.date_time for entry in written.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert (tmp_path / "new" / "a.zip").stat().st_size > 5000


def test_a_picture_comes_back_as_rgb(tmp_path):
    write_archive(tmp_path / "a.zip", {"noise.png": encode(NOISE, "png")})
    with ArchiveReader(tmp_path) as reader:
        np.testing.assert_array_equal(reader.picture("a.zip", "noise.png"), NOISE)


@pytest.mark.parametrize("content", [b"no picture", b""])
def test_a_member_that_is_not_a_picture_is_named_with_the_remedy(tmp_path, content):
    write_archive(tmp_path / "a.zip", {"text.png": content})
    with (
        ArchiveReader(tmp_path) as reader,
        pytest.raises(UserError, match="a.zip: text.png is not a picture; .*dvc checkout"),
    ):
        reader.picture("a.zip", "text.png")


@pytest.mark.parametrize(
    ("name", "member", "reason"),
    [
        ("gone.zip", "a", "No such file"),
        ("good.zip", "b", "no item named 'b'"),
        ("text.zip", "a", "not a zip file"),
        ("empty.zip", "a", "not a zip file"),
        ("flipped.zip", "a", "Bad CRC-32"),
        ("cut.zip", "a", "not a zip file"),
    ],
)
def test_what_cannot_be_read_is_named_with_the_remedy(tmp_path, name, member, reason):
    write_archive(tmp_path / "good.zip", {"a": b"content"})
    good = (tmp_path / "good.zip").read_bytes()
    (tmp_path / "text.zip").write_text("no archive")
    (tmp_path / "empty.zip").touch()
    (tmp_path / "flipped.zip").write_bytes(good.replace(b"content", b"contend"))
    (tmp_path / "cut.zip").write_bytes(good[:-20])
    with ArchiveReader(tmp_path) as reader:
        assert reader.read("good.zip", "a") == b"content"
        with pytest.raises(
            UserError, match=f"{name}: cannot read {member} .*{reason}.*dvc checkout"
        ):
            reader.read(name, member)


@pytest.mark.slow
def test_a_flipped_bit_anywhere_gives_the_right_bytes_or_an_error_that_names_the_archive(tmp_path):
    write_archive(tmp_path / "good.zip", {"a": b"content", "b": b"other"})
    good, bad = (tmp_path / "good.zip").read_bytes(), tmp_path / "bad.zip"
    refused = 0
    for position in range(8 * len(good)):
        flipped = bytearray(good)
        flipped[position // 8] ^= 1 << position % 8
        bad.write_bytes(flipped)
        with ArchiveReader(tmp_path) as reader:
            try:
                assert reader.read("bad.zip", "a") == b"content"
            except UserError as error:
                assert "bad.zip: cannot read a" in str(error)
                refused += 1
    assert refused >= 8 * len(b"content")


def test_a_reader_can_be_pickled_and_used_again_after_closing(tmp_path):
    write_archive(tmp_path / "a.zip", {"a": b"content"})
    with ArchiveReader(tmp_path) as reader:
        assert reader.read("a.zip", "a") == b"content"
        with pickle.loads(pickle.dumps(reader)) as copy:
            assert copy.read("a.zip", "a") == b"content"
    assert reader.read("a.zip", "a") == b"content"
    reader.close()


def test_a_reader_serves_more_archives_than_it_keeps_open(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "OPEN_ARCHIVES", 3)
    for number in range(8):
        write_archive(tmp_path / f"{number}.zip", {"a": bytes([number])})
    with ArchiveReader(tmp_path) as reader:
        for number in (*range(8), 0, 7, 3):
            assert reader.read(f"{number}.zip", "a") == bytes([number])
