"""FaceForensics++ and DFD: both trees, one compression at a time, both identities of a fake,
partial downloads."""

import json
from pathlib import Path

import pytest

from deepfake_detector import UserError
from deepfake_detector.datasets import layouts, splitting
from deepfake_detector.datasets.settings import FaceForensicsSet
from deepfake_detector.storage import tables

YOUTUBE, ACTORS = "original_sequences/youtube", "original_sequences/actors"
DFD = "manipulated_sequences/DeepFakeDetection"
OFFICIAL = (
    f"{YOUTUBE}/c23/videos/000.mp4",
    f"{YOUTUBE}/c23/videos/003.mp4",
    f"{ACTORS}/c23/videos/24__outside_talking_still_laughing.mp4",
    f"{ACTORS}/c23/videos/23__podium.mp4",
    "manipulated_sequences/Deepfakes/c23/videos/000_003.mp4",
    "manipulated_sequences/Deepfakes/masks/videos/000_003.mp4",
    "manipulated_sequences/FaceShifter/c23/videos/003_000.mp4",
    f"{DFD}/c23/videos/24_23__outside_talking_still_laughing__YR5OVD4S.mp4",
    f"{DFD}/masks/videos/24_23__outside_talking_still_laughing__YR5OVD4S.mp4",
)
FLAT = (
    "original/000.mp4",
    "original/003.mp4",
    "Deepfakes/000_003.mp4",
    "NeuralTextures/003_000.mp4",
    "DeepFakeDetection/24_23__podium__YR5OVD4S.mp4",
)


@pytest.fixture
def tree(tmp_path):
    """Makes files of the names given, each of other bytes."""

    def make(*names: str) -> Path:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(name)
        return tmp_path

    return make


def scan(root: Path, compression: str = "c23") -> layouts.Scan:
    settings = {
        "layout": "faceforensics",
        "root": str(root),
        "use": "train",
        "compression": compression,
    }
    return layouts.scan("ff", FaceForensicsSet(**settings))


def rows(root: Path, compression: str = "c23") -> dict[str, dict]:
    """Item -> row of the index."""
    return {
        row["item"]: row for row in layouts.index_rows("ff", "train", scan(root, compression).files)
    }


def paths(root: Path, compression: str = "c23") -> set[str]:
    return {one.path.relative_to(root).as_posix() for one in scan(root, compression).files}


def test_the_official_tree_is_read_and_labels_come_from_its_folders(tree):
    assert {item: (row["label"], row["method"]) for item, row in rows(tree(*OFFICIAL)).items()} == {
        "ff/real/000": (0, "real"),
        "ff/real/003": (0, "real"),
        "ff/real/24__outside_talking_still_laughing": (0, "real"),
        "ff/real/23__podium": (0, "real"),
        "ff/Deepfakes/000_003": (1, "Deepfakes"),
        "ff/FaceShifter/003_000": (1, "FaceShifter"),
        "ff/DeepFakeDetection/24_23__outside_talking_still_laughing__YR5OVD4S": (
            1,
            "DeepFakeDetection",
        ),
    }


def test_the_flat_mirror_is_read_the_same_way(tree):
    assert {item: row["label"] for item, row in rows(tree(*FLAT)).items()} == {
        "ff/real/000": 0,
        "ff/real/003": 0,
        "ff/Deepfakes/000_003": 1,
        "ff/NeuralTextures/003_000": 1,
        "ff/DeepFakeDetection/24_23__podium__YR5OVD4S": 1,
    }


def test_masks_are_never_taken_for_videos(tree):
    root = tree(*OFFICIAL)
    assert paths(root) == {name for name in OFFICIAL if "masks" not in name}


def test_a_fake_carries_target_and_source_and_names_the_real_it_was_made_from(tree):
    found = rows(tree(*OFFICIAL))
    fake = found["ff/FaceShifter/003_000"]
    assert fake["sources"].split(";") == [
        found["ff/real/003"]["sources"],
        found["ff/real/000"]["sources"],
    ]
    assert fake["original"] == "ff/real/003"


def test_a_fake_of_actors_is_tied_to_both_and_to_the_scene_it_was_made_from(tree):
    found = rows(tree(*OFFICIAL))
    fake = found["ff/DeepFakeDetection/24_23__outside_talking_still_laughing__YR5OVD4S"]
    assert fake["original"] == "ff/real/24__outside_talking_still_laughing"
    actors = [found[fake["original"]]["sources"], found["ff/real/23__podium"]["sources"]]
    assert fake["sources"].split(";") == actors


def test_what_shares_a_person_is_one_group_and_numbers_of_actors_are_no_sequences(tree):
    found = rows(tree(*OFFICIAL, f"{YOUTUBE}/c23/videos/024.mp4", f"{YOUTUBE}/c23/videos/023.mp4"))
    groups = splitting.groups(
        tables.make(list(found.values()), tables.INDEX), tables.make([], tables.NEAR_DUPLICATES)
    )
    assert sorted(groups.value_counts()) == [1, 1, 3, 4]


@pytest.mark.parametrize("there", ["raw", "c0"])
@pytest.mark.parametrize("wanted", ["raw", "c0"])
def test_raw_and_c0_are_the_same(tree, there, wanted):
    assert paths(tree(f"{YOUTUBE}/{there}/videos/000.mp4"), wanted) == {
        f"{YOUTUBE}/{there}/videos/000.mp4"
    }


@pytest.mark.parametrize("compression", ["c23", "c40", "raw"])
def test_compressions_are_never_mixed(tree, compression):
    names = [
        f"{YOUTUBE}/{level}/videos/00{number}.mp4"
        for number, level in enumerate(("c23", "c40", "raw", "c0"))
    ]
    assert paths(tree(*names), compression) == {
        name for name in names if f"/{compression}/" in name
    }


def test_a_compression_that_is_not_there_is_refused_with_those_that_are(tree):
    root = tree(*OFFICIAL, f"{YOUTUBE}/c40/videos/000.mp4")
    with pytest.raises(UserError) as raised:
        scan(root, "raw")
    assert str(raised.value) == (
        f"{root}: no videos of compression 'raw'; folders as original_sequences/youtube/raw/videos "
        "are needed; there are those of: c23, c40"
    )


def test_a_tree_of_another_kind_is_refused(tree):
    with pytest.raises(UserError, match="nothing in it has the layout 'faceforensics'"):
        scan(tree("real/000.mp4", "fake/000_003.mp4"))


def test_published_splits_follow_the_pairs(tree):
    root = tree(*OFFICIAL)
    (root / "splits").mkdir()
    for split, pairs in {"train": [["001", "002"]], "val": [["000", "003"]], "test": []}.items():
        (root / f"splits/{split}.json").write_text(json.dumps(pairs))
    splits = {item: row["official_split"] for item, row in rows(root).items()}
    assert {item for item, split in splits.items() if split == "val"} == {
        "ff/real/000",
        "ff/real/003",
        "ff/Deepfakes/000_003",
        "ff/FaceShifter/003_000",
    }
    assert set(splits.values()) == {"val", ""}


@pytest.mark.parametrize("text", ["", "{", "5", "[5]", '[["000"]]', '[["0", "1", "2"]]'])
def test_a_broken_list_of_pairs_is_refused_by_name(tree, text):
    root = tree(*FLAT)
    (root / "splits").mkdir()
    (root / "splits/val.json").write_text(text)
    with pytest.raises(UserError) as raised:
        scan(root)
    assert str(raised.value).startswith(f"{root / 'splits/val.json'}: not a JSON list of pairs")


def test_a_partial_download_is_indexed_and_what_is_missing_is_told(tree):
    notes = scan(
        tree(
            "original/000.mp4",
            "Deepfakes/000_003.mp4",
            "Deepfakes/007_132.mp4",
            "Face2Face/007_132.mp4",
        )
    ).notes
    assert notes == [
        "found 1 of 1000 original",
        "found 2 of 1000 Deepfakes",
        "found 1 of 1000 Face2Face",
        "found no video of FaceSwap, NeuralTextures, FaceShifter in c23",
        "1 originals are not here, with fakes made from them: 007",
    ]


def test_an_original_whose_name_ties_it_to_no_fake_is_noted(tree):
    notes = scan(tree("original/000 (1).mp4", "original/003.mp4", "Deepfakes/003_000.mp4")).notes
    assert notes[0] == (
        "1 originals are not named by three digits, and no fake is tied to them: 000 (1).mp4"
    )


def test_a_long_list_of_missing_originals_is_cut(tree):
    notes = scan(tree("original/000.mp4", *(f"Deepfakes/10{n}_000.mp4" for n in range(6)))).notes
    assert (
        notes[-1]
        == "6 originals are not here, with fakes made from them: 100, 101, 102, 103, 104, …"
    )


@pytest.mark.parametrize(
    "name",
    [
        "Deepfakes/000.mp4",
        "Deepfakes/000_003_1.mp4",
        "Deepfakes/0_3.mp4",
        "Deepfakes/a000_003.mp4",
        "DeepFakeDetection/24_23.mp4",
        "DeepFakeDetection/24_23__podium.mp4",
        "DeepFakeDetection/24_23__podium__SHORT.mp4",
    ],
)
def test_a_fake_whose_people_its_name_does_not_tell_is_refused(tree, name):
    root = tree("original/000.mp4", name)
    with pytest.raises(UserError) as raised:
        scan(root)
    assert str(raised.value).startswith(
        f"{root / name}: not a name that FaceForensics++ gives; move the file"
    )


def test_what_is_no_video_or_lies_deeper_is_left_alone(tree):
    extra = (
        "original/readme.txt",
        "original/thumbs/000.mp4",
        "Deepfakes/000_003.png",
        "Deepfakes/.000_003.mp4",
    )
    assert paths(tree(*FLAT, *extra)) == set(FLAT)


def test_sequences_of_one_youtube_video_are_tied_through_the_conversion_table(tree):
    root = tree("original/605.mp4", "original/606.mp4", "original/000.mp4", "Deepfakes/606_000.mp4")
    (root / "conversion_dict.json").write_text(
        json.dumps({"605": "abc def 0", "606": "abc def 3", "000": "xyz 1"})
    )
    sources = {item: row["sources"].split(";") for item, row in rows(root).items()}
    assert sources["ff/real/605"] == ["faceforensics:605", "faceforensics:youtube:abc def"]
    assert sources["ff/real/606"][1] == sources["ff/real/605"][1] != sources["ff/real/000"][1]
    assert set(sources["ff/Deepfakes/606_000"]) == {
        *sources["ff/real/606"],
        *sources["ff/real/000"],
    }


@pytest.mark.parametrize("text", ["[1]", "{", '{"000": 5}'])
def test_a_broken_conversion_table_is_named(tree, text):
    root = tree("original/000.mp4")
    (root / "conversion_dict.json").write_text(text)
    with pytest.raises(
        UserError, match=r"conversion_dict\.json: not FaceForensics\+\+'s conversion table"
    ):
        scan(root)


def test_a_flat_mirror_without_its_originals_is_read(tree):
    assert rows(tree("Deepfakes/000_003.mp4"))["ff/Deepfakes/000_003"]["label"] == 1


def test_an_empty_folder_hides_no_videos_beside_it(tree):
    root = tree(f"{YOUTUBE}/c0/videos/000.mp4", "manipulated_sequences/Deepfakes/raw/videos/0.txt")
    (root / YOUTUBE / "raw/videos").mkdir(parents=True)
    assert paths(root, "raw") == {f"{YOUTUBE}/c0/videos/000.mp4"}


def test_an_official_tree_is_one_whatever_lies_beside_it(tree):
    extra = ("DeepFakeDetection/notes.txt", "Deepfakes/000_003.mp4")
    assert paths(tree(*OFFICIAL, *extra)) == paths(tree(*OFFICIAL)) != set()


def test_an_empty_official_folder_hides_no_flat_mirror(tree):
    root = tree(*FLAT)
    (root / "manipulated_sequences" / "Deepfakes").mkdir(parents=True)
    assert paths(root) == set(FLAT)


def test_of_a_flat_mirror_it_is_told_that_the_compression_is_not_known(tree):
    root = tree(*FLAT)
    assert "these folders do not tell whether they are c40" in scan(root, "c40").notes
    assert not any("do not tell" in note for note in scan(root).notes)
