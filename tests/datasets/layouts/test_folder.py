"""One's own material: labels from folders or metadata.csv, never from words in a name."""

import os
from pathlib import Path

import pytest

from deepfake_detector import UserError
from deepfake_detector.datasets import layouts, splitting
from deepfake_detector.datasets.settings import FolderSet
from deepfake_detector.storage import tables
from deepfake_detector.storage.tables import INDEX


def scan(root: Path, kind: str = "media") -> layouts.Scan:
    return layouts.scan("mine", FolderSet(layout="folder", root=str(root), use="train", kind=kind))


def rows(root: Path) -> dict[str, dict]:
    """Path below the root -> row of the index."""
    made = layouts.index_rows("mine", "train", scan(root).files)
    return {Path(row["path"]).relative_to(root).as_posix(): row for row in made}


@pytest.fixture
def tree(tmp_path):
    """Makes files of these names, each of other bytes, and a metadata.csv of these lines."""

    def make(*names: str, metadata: str | bytes | None = None) -> Path:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(name)
        if metadata is not None:
            (tmp_path / "metadata.csv").write_bytes(
                metadata if isinstance(metadata, bytes) else metadata.encode()
            )
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("name", "label", "method", "item"),
    [
        ("real/a.mp4", 0, "real", "mine/real/a"),
        ("real/deep/er/a.mp4", 0, "real", "mine/real/deep/er/a"),
        ("real/fake_smile.mp4", 0, "real", "mine/real/fake_smile"),
        ("real/fake/a.mp4", 0, "real", "mine/real/fake/a"),
        ("fake/a.mp4", 1, "fake", "mine/fake/a"),
        ("fake/real_looking.mp4", 1, "fake", "mine/fake/real_looking"),
        ("fake/swap/a.mp4", 1, "swap", "mine/swap/a"),
        ("fake/swap/real/a.mp4", 1, "swap", "mine/swap/real/a"),
    ],
)
def test_the_first_folder_gives_the_label_and_the_next_the_method(tree, name, label, method, item):
    row = rows(tree(name))[name]
    assert (row["label"], row["method"], row["item"]) == (label, method, item)


def test_a_fake_method_cannot_be_called_real(tree):
    """Its keys, and the counts of each method, would be those of the reals."""
    with pytest.raises(UserError, match="real"):
        rows(tree("real/a.mp4", "fake/real/b.mp4"))


def test_videos_and_images_are_told_apart_by_extension(tree):
    found = rows(
        tree(
            "real/a.MP4",
            "real/b.webm",
            "real/c.jpg",
            "fake/d.PNG",
            "fake/notes.txt",
            "fake/.e.mp4",
            "fake/.f/g.mp4",
        )
    )
    assert {name: row["kind"] for name, row in found.items()} == {
        "real/a.MP4": "video",
        "real/b.webm": "video",
        "real/c.jpg": "image",
        "fake/d.PNG": "image",
    }


def test_ready_crops_are_faces(tree):
    assert {one.kind for one in scan(tree("real/a.png", "fake/b.png"), "face").files} == {"face"}


def test_videos_among_ready_crops_are_left_out_and_noted(tree):
    result = scan(tree("real/a.png", "fake/b.png", "fake/c.mp4"), "face")
    assert {one.path.name for one in result.files} == {"a.png", "b.png"}
    assert result.notes == [
        "1 videos and images are left out, as they are videos, or neither below real/ or fake/ nor "
        "in metadata.csv: fake/c.mp4"
    ]


def test_videos_alone_are_no_ready_crops(tree):
    with pytest.raises(UserError, match=r"videos alone .*kind is face; set it to media"):
        scan(tree("real/a.mp4", "fake/b.mp4"), "face")


@pytest.mark.parametrize("folder", ["train", "Test", "validation"])
def test_a_folder_of_a_part_is_no_forgery_method(tree, folder):
    with pytest.raises(UserError, match=f"its folder would make {folder} the name of a forgery"):
        scan(tree("real/a.mp4", f"fake/{folder}/b.mp4"))
    named = f"path,label,method,split\nfake/{folder}/b.mp4,fake,swap,test\n"
    found = rows(tree(metadata=named))[f"fake/{folder}/b.mp4"]
    assert (found["method"], found["official_split"]) == ("swap", "test")


def test_a_real_one_is_tied_to_the_one_it_was_made_from(tree):
    text = "path,label,original\nreal/a_c40.mp4,real,real/a.mp4\nfake/b.mp4,fake,real/a_c40.mp4\n"
    found = rows(tree("real/a.mp4", "real/a_c40.mp4", "fake/b.mp4", metadata=text))
    assert found["real/a_c40.mp4"]["original"] == "mine/real/a"
    group = splitting.groups(
        tables.make(list(found.values()), tables.INDEX), tables.make([], tables.NEAR_DUPLICATES)
    )
    assert group.nunique() == 1


METADATA = """path,label,method,sources,original,split
real/a.mp4,fake,swap,anna;ben,real/b.mp4,test
fake/c.mp4,real,,ben,,train
other/d.mp4,fake,,,b,
fake/swap/e.mp4,fake,,,,
fake/swap/f.mp4,fake,blend,,,val
"""


def test_metadata_override_what_folders_say(tree):
    names = [
        "real/a.mp4",
        "real/b.mp4",
        "fake/c.mp4",
        "other/d.mp4",
        "fake/swap/e.mp4",
        "fake/swap/f.mp4",
    ]
    facts = ("item", "label", "method", "sources", "original", "official_split")
    assert {
        name: tuple(row[fact] for fact in facts)
        for name, row in rows(tree(*names, metadata=METADATA)).items()
    } == {
        "real/a.mp4": ("mine/swap/a", 1, "swap", "mine:anna;mine:ben", "mine/real/b", "test"),
        "real/b.mp4": ("mine/real/b", 0, "real", "", "", ""),
        "fake/c.mp4": ("mine/real/c", 0, "real", "mine:ben", "", "train"),
        "other/d.mp4": ("mine/fake/other/d", 1, "fake", "", "mine/real/b", ""),
        "fake/swap/e.mp4": ("mine/swap/e", 1, "swap", "", "", ""),
        "fake/swap/f.mp4": ("mine/blend/swap/f", 1, "blend", "", "", "val"),
    }


def test_files_of_one_name_in_the_folders_of_two_people_are_two_items(tree):
    metadata = "path,label,method\nfake/anna/1.mp4,fake,swap\nfake/ben/1.mp4,fake,swap\n"
    found = rows(tree("real/a.mp4", "fake/anna/1.mp4", "fake/ben/1.mp4", metadata=metadata))
    assert {row["item"] for row in found.values() if row["label"]} == {
        "mine/swap/anna/1",
        "mine/swap/ben/1",
    }


def test_metadata_of_a_spreadsheet_are_read(tree):
    text = "\ufeffpath,label\r\nclips/a.mp4,fake\r\n"
    assert rows(tree("clips/a.mp4", metadata=text))["clips/a.mp4"]["label"] == 1


def test_a_line_of_blanks_alone_is_none(tree):
    text = " \npath,label\n , \nreal/a.mp4,real\n  \nfake/b.mp4,fake\n,\n"
    assert set(rows(tree("real/a.mp4", "fake/b.mp4", metadata=text))) == {
        "real/a.mp4",
        "fake/b.mp4",
    }


def test_spaces_round_the_ids_of_sources_make_no_other_people(tree):
    text = "path,label,sources\nreal/a.mp4,real,ben\nfake/b.mp4,fake,anna; ben\n"
    found = rows(tree("real/a.mp4", "fake/b.mp4", metadata=text))
    assert found["fake/b.mp4"]["sources"] == "mine:anna;mine:ben"


def test_a_person_is_the_same_in_every_data_set(tree):
    text = (
        "path,label,sources\nreal/a.mp4,real,person:anna; ben\nfake/b.mp4,fake,person: anna;c:1\n"
    )
    found = rows(tree("real/a.mp4", "fake/b.mp4", metadata=text))
    assert found["real/a.mp4"]["sources"] == "person:anna;mine:ben"
    assert found["fake/b.mp4"]["sources"] == "person:anna;mine:c:1"


def test_two_ways_to_write_a_name_make_no_two_people(tree):
    composed, apart = "Jos\u00e9 B", "Jose\u0301  B"
    text = f"path,label,sources\nreal/a.mp4,real,{composed}\nfake/b.mp4,fake,{apart}\n"
    found = rows(tree("real/a.mp4", "fake/b.mp4", metadata=text))
    assert found["fake/b.mp4"]["sources"] == found["real/a.mp4"]["sources"]


def as_a_link_to_nothing(path: Path) -> None:
    path.symlink_to("nowhere")


def with_other_capitals(path: Path) -> None:
    path.with_name("Metadata.CSV").write_text("path,label\nreal/a.mp4,fake\n")


@pytest.mark.parametrize("make", [as_a_link_to_nothing, with_other_capitals])
def test_a_list_that_would_not_be_read_stops_the_scan(tree, make):
    root = tree("real/a.mp4", "fake/b.mp4")
    make(root / "metadata.csv")
    with pytest.raises(UserError, match=r"(?i)metadata\.csv: taken for the list"):
        scan(root)


def test_what_is_no_file_is_left_out_and_noted(tree):
    root = tree("real/a.mp4", "fake/b.mp4")
    (root / "real/c.mp4").symlink_to("nowhere")
    (root / "real/d.mp4").symlink_to("d.mp4")
    os.mkfifo(root / "fake/e.mp4")
    found = scan(root)
    assert [one.path.name for one in found.files] == ["b.mp4", "a.mp4"]
    assert found.notes == [
        "3 paths are left out, as links to nothing, pipes or devices: fake/e.mp4, real/c.mp4, real/d.mp4"
    ]


def test_sources_that_may_be_the_same_people_are_noted(tree):
    text = 'path,label,sources\nreal/a.mp4,real,anna\nfake/b.mp4,fake,"Anna, bob; anna"\n'
    text += "fake/c.mp4,fake,ANNA; session/1\n"
    found = scan(tree("real/a.mp4", "fake/b.mp4", "fake/c.mp4", metadata=text))
    assert found.notes == [
        "1 sources in metadata.csv hold a comma or a bar; `;` separates people: mine:Anna, bob",
        "1 sources in metadata.csv differ from another in capitals alone; they are taken for "
        "different people: mine:anna",
    ]


@pytest.mark.parametrize("written", ["person:Anna", "Person : Anna", "PERSON\uff1aAnna"])
def test_a_person_who_is_the_same_in_every_data_set(tree, written):
    text = f"path,label,sources\nreal/a.mp4,real,{written}\n"
    found = scan(tree("real/a.mp4", "fake/b.mp4", metadata=text)).files
    assert [one.sources for one in found] == [(), ("person:Anna",)]


@pytest.mark.parametrize(
    "original", ["real/x/a.v1.mp4", "real/x/a.v1", "a.v1.mp4", "a.v1", "x/a.v1.mp4"]
)
def test_an_original_may_be_named_by_path_or_name_with_or_without_extension(tree, original):
    text = f"path,label,original\nfake/b.mp4,fake,{original}\n"
    found = rows(tree("real/x/a.v1.mp4", "fake/b.mp4", metadata=text))
    assert found["fake/b.mp4"]["original"] == found["real/x/a.v1.mp4"]["item"]


def test_a_real_item_outside_of_real_can_be_an_original(tree):
    text = "path,label,original\nclips/a.mp4,real,\nfake/b.mp4,fake,clips/a.mp4\n"
    found = rows(tree("clips/a.mp4", "fake/b.mp4", metadata=text))
    assert found["fake/b.mp4"]["original"] == found["clips/a.mp4"]["item"]


def test_an_original_named_by_path_is_that_one_where_others_have_its_name(tree):
    text = "path,label,original\nfake/b.mp4,fake,real/x/a.mp4\n"
    found = rows(tree("real/x/a.mp4", "real/y/a.mp4", "fake/b.mp4", metadata=text))
    assert found["fake/b.mp4"]["original"] == found["real/x/a.mp4"]["item"]


def test_a_fake_and_its_original_share_a_group_where_a_photo_has_the_name_of_the_clip(tree):
    text = "path,label,original\nfake/b.mp4,fake,real/a.mp4\n"
    found = rows(tree("real/a.mp4", "real/a.jpg", "fake/b.mp4", metadata=text))
    index = tables.make(list(found.values()), tables.INDEX)
    group = splitting.groups(index, tables.make([], tables.NEAR_DUPLICATES))
    assert group[found["fake/b.mp4"]["item"]] == group[found["real/a.mp4"]["item"]]


def test_a_fake_may_be_made_from_a_fake(tree):
    text = "path,label,original\nfake/sw/b.mp4,fake,real/a.mp4\nfake/c.mp4,fake,fake/sw/b.mp4\n"
    found = rows(tree("real/a.mp4", "fake/sw/b.mp4", "fake/c.mp4", metadata=text))
    assert found["fake/c.mp4"]["original"] == found["fake/sw/b.mp4"]["item"]


def test_paths_may_be_written_whole(tree):
    root = tree("real/a.mp4", "fake/b.mp4")
    text = f"path,label,original\n{root}/fake/b.mp4,fake,{root}/real/a.mp4\n"
    (root / "metadata.csv").write_text(text)
    found = rows(root)
    assert found["fake/b.mp4"]["original"] == found["real/a.mp4"]["item"]


@pytest.mark.parametrize("original", ["fake/b.mp4", "fake/b"])
def test_a_fake_that_is_its_own_original_is_refused(tree, original):
    text = f"path,label,original\nfake/b.mp4,fake,{original}\nfake/c.mp4,fake,real/a.mp4\n"
    with pytest.raises(UserError, match=r"fake/b\.mp4: metadata\.csv calls it its own original"):
        scan(tree("real/a.mp4", "fake/b.mp4", "fake/c.mp4", metadata=text))


@pytest.mark.parametrize("original", ["gone", "real/"])
def test_an_original_that_names_no_item_is_told(tree, original):
    text = f"path,label,original\nfake/b.mp4,fake,{original}\nfake/c.mp4,fake,real/a.mp4\n"
    notes = scan(tree("real/a.mp4", "fake/b.mp4", "fake/c.mp4", metadata=text)).notes
    assert any("original" in note and original in note for note in notes)


@pytest.mark.parametrize(
    ("original", "said"),
    [
        ("a", "originals that are the name of more than one item: a"),
        ("real/x/a", "originals that are the name of more than one item: real/x/a"),
        ("/elsewhere/real/x/a.mp4", "no original names an item: /elsewhere/real/x/a.mp4"),
        ("reals/x/a.mp4", "no original names an item: reals/x/a.mp4"),
    ],
)
def test_originals_that_tie_nothing_or_anything_stop_the_scan(tree, original, said):
    """Else fakes are learned from whose originals are tested."""
    text = f"path,label,original\nfake/b.mp4,fake,{original}\n"
    names = ("real/x/a.mp4", "real/x/a.jpg", "real/y/a.mp4", "fake/b.mp4")
    with pytest.raises(UserError, match=said):
        scan(tree(*names, metadata=text))


def test_an_original_that_is_one_of_two_suffixes_in_other_letters_stops_the_scan(tree):
    text = "path,label,original\nfake/b.mp4,fake,real/a.MP4\n"
    with pytest.raises(UserError, match="originals that are the name of more than one item"):
        scan(tree("real/a.mp4", "real/a.MP4", "fake/b.mp4", metadata=text))


def test_where_no_real_is_at_hand_originals_tie_their_fakes(tree):
    text = "path,label,original\nfake/b.mp4,fake,a\nfake/c.mp4,fake,a\n"
    found = rows(tree("fake/b.mp4", "fake/c.mp4", metadata=text))
    assert {row["original"] for row in found.values()} == {"mine/real/a"}


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("", "not a CSV table that can be read"),
        (b"path,label\nreal/\xe9.mp4,real\n", "not text in UTF-8; save it as CSV in UTF-8"),
        ('path,label\n"real/a.mp4,real\n', "not a CSV table that can be read"),
        ("file,label\nreal/a.mp4,real\n", "its columns are file, label; name them path,label"),
        ("path\nreal/a.mp4\n", "its columns are path; name them path,label"),
        ("path;label\nreal/a.mp4;real\n", "its columns are path;label; save it as CSV in UTF"),
        ("path,label,label\nreal/a.mp4,real,fake\n", "a column is there twice: path, label, label"),
        ("path,label\nreal/a.mp4,1\n", "line 2: label '1'; only `real` and `fake` are known"),
        ("path,label\nreal/a.mp4\n", "line 2: label ''; only `real` and `fake` are known"),
        ("path,label\nreal/a.mp4,real,x\n", "line 2 has more cells than there are columns"),
        (
            'path,label,note\nreal/a.mp4,real,"two\nlines"\n\nreal/a.mp4,fakes,\n',
            "line 5: label 'fakes'; only `real` and `fake` are known",
        ),
        (
            "path,label,split\nreal/a.mp4,real,dev\n",
            "line 2: split 'dev'; only train, val, test or nothing are known",
        ),
        (
            "path,label\nreal/a.mp4,real\nreal\\a.MP4,fake\n",
            "line 3: real/a.mp4 is listed more than once; keep one line",
        ),
        (
            "path,label\nreal/a.mp4,real\nreal/gone.mp4,real\nreal/notes.txt,real\n",
            "no video or image below {root}: line 3 (real/gone.mp4), line 4 (real/notes.txt); "
            "correct the paths, or remove the lines",
        ),
    ],
)
def test_wrong_metadata_are_refused_with_what_is_wrong(tree, metadata, said):
    root = tree("real/a.mp4", "real/notes.txt", metadata=metadata)
    with pytest.raises(UserError) as raised:
        scan(root)
    expected = said.replace("{root}", str(root))
    assert str(raised.value).startswith(f"{root / 'metadata.csv'}: {expected}")


def test_without_surprises_there_is_nothing_to_note(tree):
    text = "path,label\nreal/a.mp4,real\nfake/b.mp4,fake\n"
    assert scan(tree("real/a.mp4", "fake/b.mp4", metadata=text)).notes == []
    (tree() / "metadata.csv").unlink()
    assert scan(tree()).notes == []


def test_what_is_left_out_or_not_listed_is_noted(tree):
    text = "path,label\nreal/a.mp4,real\n"
    left_out = (*(f"new/{n}.mp4" for n in range(5)), "b.TXT", "c.wmv", "x/d.txt", "e")
    notes = scan(tree("real/a.mp4", "fake/b.mp4", *left_out, metadata=text)).notes
    places = "neither below real/ or fake/ nor in metadata.csv"
    shown = ", ".join(f"new/{n}.mp4" for n in range(5))
    assert notes == [
        "1 files are not in metadata.csv; their folder gives the label: fake/b.mp4",
        f"5 videos and images are left out, as they are {places}: {shown}",
        "4 files are left out, as no videos or images: 2 .txt, 1 .wmv, 1 without suffix",
    ]


def test_many_files_that_are_left_out_are_counted_by_folder(tree):
    names = [*(f"new/{n}.mp4" for n in range(4)), *(f"old/x/{n}.jpg" for n in range(5)), "a.gif"]
    (note,) = scan(tree("real/a.mp4", *names)).notes
    assert note.endswith("nor in metadata.csv: 5 in old/x, 4 in new, 1 in .")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ["Real/a.mp4", "Fakes/b.mp4"],
            "no (real|fake) item, but videos or images in (Real|Fakes)/",
        ),
        (["real/a.mp4", "Fakes/b.mp4"], "no fake item, but videos or images in Fakes/"),
        (["fake/a.mp4", "videos/real/b.mp4"], "no real item, but videos or images in videos/real/"),
        (
            ["fake/a.mp4", "real_videos/b.mp4"],
            "no real item, .* in real_videos/; real/ is expected",
        ),
        (["clips/a.mp4", "b.mp4"], "nothing in it has the layout 'folder' .*: b.mp4, clips/a.mp4"),
        (["notes.txt"], r"nothing in it .* \(1 file is left out, .*: 1 .txt\)"),
        ([], "nothing in it has the layout 'folder'; docs/data-sets.md shows that layout"),
    ],
)
def test_a_tree_of_another_form_is_refused_with_what_was_found(tree, names, said):
    root = tree(*names)
    with pytest.raises(UserError, match=f"{root}: {said}"):
        scan(root)


@pytest.mark.parametrize("names", [["real/a.mp4", "reality/b.mp4"], ["fake/a.mp4", "real.mp4"]])
def test_names_that_only_look_like_a_class_stop_nothing(tree, names):
    assert len(scan(tree(*names)).files) == 1


@pytest.mark.parametrize(
    ("disk", "listed"),
    [
        ("real/x/a.mp4", r"real\x\a.mp4"),
        ("real/x/a.mp4", "./real/x/a.mp4"),
        ("real/x/a.mp4", r".\real\\x\a.mp4"),
        ("real/x/a.mp4", " real/x /a.mp4 "),
        ("real/x/a.MP4", "real/x/a.mp4"),
        ("real/x/a.mp4", "real/x/a.Mp4"),
        ("real/caf\u00e9.mp4", "real/cafe\u0301.mp4"),
        ("real/cafe\u0301.mp4", "real/caf\u00e9.mp4"),
    ],
)
def test_a_path_of_metadata_may_be_written_as_other_systems_do(tree, disk, listed):
    text = f"path,label,sources,original\n{listed},real,anna,\nfake/b.mp4,FAKE,anna,{listed}\n"
    found = rows(tree(disk, "fake/b.mp4", metadata=text))
    assert {row["sources"] for row in found.values()} == {"mine:anna"}
    assert found["fake/b.mp4"]["original"] == found[disk]["item"]


def test_a_path_that_fits_one_file_exactly_means_that_one(tree):
    text = "path,label,sources\nreal/a.MP4,real,anna\nreal/a.mp4,real,ben\n"
    found = rows(tree("real/a.mp4", "real/a.MP4", metadata=text))
    assert {name: row["sources"] for name, row in found.items()} == {
        "real/a.mp4": "mine:ben",
        "real/a.MP4": "mine:anna",
    }


def test_a_path_that_fits_two_files_is_refused(tree):
    root = tree("real/a.mp4", "real/a.MP4", metadata="path,label\nreal/a.Mp4,real\n")
    with pytest.raises(UserError, match=r"line 2: real/a.Mp4 may be real/a.MP4 or real/a.mp4"):
        scan(root)


@pytest.mark.parametrize("label", ["Real", "REAL", " real "])
def test_words_of_metadata_may_be_in_any_case(tree, label):
    text = f"Path, LABEL ,Split\nclips/a.mp4,{label},TRAIN\n"
    (row,) = rows(tree("clips/a.mp4", metadata=text)).values()
    assert (row["label"], row["official_split"]) == (0, "train")


def test_further_columns_are_kept_and_those_without_a_name_are_not(tree):
    text = ',path,label,Skin tone,extra.age\n0,real/a.mp4,real,"a, b",07\n1,fake/b.mp4,fake\n'
    index = tables.make(list(rows(tree("real/a.mp4", "fake/b.mp4", metadata=text)).values()), INDEX)
    assert [name for name in index.columns if name.startswith("extra.")] == [
        "extra.Skin tone",
        "extra.age",
    ]
    assert index.set_index("item").loc["mine/real/a", "extra.Skin tone"] == "a, b"
    assert index["extra.age"].tolist() == ["", "07"]


def test_a_linked_folder_below_the_root_stops_the_scan_by_name(tree, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "a.mp4").touch()
    root = tree("fake/b.mp4")
    (root / "real").symlink_to(elsewhere)
    with pytest.raises(UserError, match=f"links to folders.*: real -> {elsewhere};"):
        scan(root)


def test_the_root_may_be_a_link(tree, tmp_path_factory):
    link = tmp_path_factory.mktemp("links") / "mine"
    link.symlink_to(tree("real/a.mp4"))
    assert set(rows(link)) == {"real/a.mp4"}


def test_a_name_that_is_not_utf8_is_refused_before_it_breaks_a_table(tree):
    root = tree("real/a.mp4")
    Path(os.fsdecode(os.fsencode(root) + b"/real/caf\xe9.mp4")).touch()
    with pytest.raises(UserError, match="caf.*a name that is not UTF-8; rename the file"):
        tables.make(list(rows(root).values()), tables.INDEX)
