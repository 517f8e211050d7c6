"""The drawn demo is scanned as it was planned."""

from pathlib import Path

import pytest

from deepfake_detector.datasets import layouts, splitting
from deepfake_detector.datasets.settings import DataSet
from deepfake_detector.datasets.synthesis.clips import plan
from deepfake_detector.storage import tables

PAIRS = 3


@pytest.fixture
def index(tmp_path):
    """The index of a demo with empty files: what is in them does not matter here."""
    for clip in plan(PAIRS):
        (tmp_path / clip.path).parent.mkdir(exist_ok=True)
        (tmp_path / clip.path).write_text(clip.path)
    result = layouts.scan("demo", DataSet(layout="demo", root=str(tmp_path), use="train"))
    assert result.notes == []
    return tables.make(layouts.index_rows("demo", "train", result.files), tables.INDEX)


def test_every_planned_clip_is_found_with_its_label_method_and_people(index):
    expected = {
        clip.path: (
            int(clip.source is not None),
            clip.method,
            [f"demo:{person:03d}" for person in (clip.target, clip.source) if person is not None],
        )
        for clip in plan(PAIRS)
    }
    found = {
        "/".join(Path(row.path).parts[-2:]): (row.label, row.method, row.sources.split(";"))
        for row in index.itertuples()
    }
    assert found == expected


def test_every_fake_names_the_film_it_was_made_from(index):
    reals = index[index["label"] == 0].set_index("item")
    fakes = index[index["label"] == 1]
    assert set(fakes["original"]) <= set(reals.index)
    for fake in fakes.itertuples():
        assert reals.loc[fake.original, "sources"] == fake.sources.split(";")[0]
        assert fake.item.split("_")[-1] == fake.original.split("_")[-1]


def test_reals_have_no_original(index):
    assert set(index.loc[index["label"] == 0, "original"]) == {""}


def test_clips_are_videos_and_stills_are_images(index):
    assert {(Path(row.path).suffix, row.kind) for row in index.itertuples()} == {
        (".mp4", "video"),
        (".jpg", "image"),
    }


def test_a_file_that_was_not_drawn_is_told_and_left_out(tmp_path):
    for name in ("real/000_0.mp4", "swap/000_001_0.mp4", "swap/x.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    result = layouts.scan("demo", DataSet(layout="demo", root=str(tmp_path), use="train"))
    assert {one.path.name for one in result.files} == {"000_0.mp4", "000_001_0.mp4"}
    assert "not drawn here" in " ".join(result.notes)


def test_each_pair_of_people_is_a_group(index):
    assert splitting.groups(index, tables.make([], tables.NEAR_DUPLICATES)).nunique() == PAIRS
