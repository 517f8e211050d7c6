"""Tables come back from their files as they were made, and nothing else is written or read."""

import itertools

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pandera.errors import SchemaError, SchemaErrors

from deepfake_detector import UserError
from deepfake_detector.common.verdicts import VERDICTS
from deepfake_detector.storage import tables

ROW = {
    "item": "d/real/a",
    "data_set": "d",
    "kind": "video",
    "path": "/d/real/a.mp4",
    "label": 0,
    "method": "real",
    "use": "train",
    "md5": "0" * 32,
}
AWKWARD = [
    "NA",
    "nan",
    "NaN",
    "null",
    "None",
    "a,b",
    'say "a"',
    '"',
    "a\nb",
    "a\rb",
    " a ",
    "é漢😀",
    "#",
    "0.10",
]
FILLED = st.sampled_from(AWKWARD) | st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
ANY_TEXT = st.just("") | FILLED
WHOLE = st.none() | st.integers(0, 2**53)
NUMBER = st.none() | st.floats(-1e6, 1e6).map(lambda value: round(value, 6))
INDEX_ROWS = st.lists(
    st.builds(
        lambda item, path, text: ROW | {"item": item, "path": path, "sources": text},
        FILLED,
        FILLED,
        ANY_TEXT,
    ),
    unique_by=lambda row: row["item"],
    max_size=6,
)
FRAMES_ROWS = st.lists(
    st.fixed_dictionaries(
        {"item": FILLED, "frame": WHOLE, "pts": WHOLE, "time": NUMBER, "status": FILLED}
    ),
    unique_by=lambda row: (row["item"], row["frame"]),
    max_size=6,
)
few = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
    ],  # tables are slow to check, and small enough unshrunk
)


def written(folder, rows, schema) -> bytes:
    tables.write(folder / "table.csv", tables.make(rows, schema), schema)
    return (folder / "table.csv").read_bytes()


@pytest.mark.parametrize("text", AWKWARD)
def test_an_awkward_text_comes_back_as_it_was(tmp_path, text):
    table = tables.make(
        [{"item": text, "keep": 1, "reason": text}, {"item": "b", "keep": 1}], tables.VERIFIED
    )
    tables.write(tmp_path / "table.csv", table, tables.VERIFIED)
    back = tables.read(tmp_path / "table.csv", tables.VERIFIED).set_index("item")
    assert back["reason"].to_dict() == {text: text, "b": ""}


@pytest.mark.slow
@few
@given(INDEX_ROWS)
def test_every_text_comes_back_as_it_was(tmp_path, rows):
    table = tables.make(rows, tables.INDEX)
    tables.write(tmp_path / "table.csv", table, tables.INDEX)
    pd.testing.assert_frame_equal(tables.read(tmp_path / "table.csv", tables.INDEX), table)
    assert {row["item"]: row["sources"] for row in rows} == dict(
        zip(table["item"], table["sources"], strict=True)
    )


@pytest.mark.slow
@few
@given(FRAMES_ROWS)
def test_numbers_come_back_and_missing_ones_stay_missing(tmp_path, rows):
    table = tables.make(rows, tables.FRAMES)
    tables.write(tmp_path / "table.csv", table, tables.FRAMES)
    pd.testing.assert_frame_equal(tables.read(tmp_path / "table.csv", tables.FRAMES), table)
    assert table["time"].isna().sum() == sum(row["time"] is None for row in rows)


@pytest.mark.slow
@few
@given(INDEX_ROWS.flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))))
def test_rows_in_any_order_give_the_same_file_sorted_by_key(tmp_path, orders):
    one, other = orders
    assert written(tmp_path, one, tables.INDEX) == written(tmp_path, other, tables.INDEX)
    items = tables.make(other, tables.INDEX)["item"].to_list()
    assert items == sorted(items)


def test_keys_of_several_columns_sort_from_left_to_right():
    rows = [
        {"item": item, "frame": frame, "status": "ok"}
        for item, frame in itertools.product("ba", (10, 9))
    ]
    table = tables.make(rows, tables.FRAMES)
    assert list(zip(table["item"], table["frame"], strict=True)) == [
        ("a", 9),
        ("a", 10),
        ("b", 9),
        ("b", 10),
    ]


def test_a_file_has_unix_lines_and_six_decimals(tmp_path):
    row = {"item": "a", "frame": 0, "time": 1 / 3, "status": "ok"}
    header = b"item,frame,pts,time,width,height,hash,archive,member,status"
    assert written(tmp_path, [row], tables.FRAMES) == header + b"\na,0,,0.333333,,,,,,ok\n"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([ROW, ROW], "not unique"),
        ([ROW | {"label": 2}], r"isin\(\[0, 1\]\)"),
        ([ROW | {"label": None}], "'label' contains null"),
        ([{key: value for key, value in ROW.items() if key != "label"}], "'label' contains null"),
        ([{key: value for key, value in ROW.items() if key != "path"}], "'path' failed"),
        ([ROW | {"item": ""}], "'item' failed"),
        ([ROW | {"kind": "sound"}], "'kind' failed"),
        ([ROW | {"official_split": "dev"}], "'official_split' failed"),
        ([ROW | {"md5": "abc"}], "'md5' failed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_rows_are_refused(rows, said):
    with pytest.raises(SchemaError, match=said):
        tables.make(rows, tables.INDEX)


def test_a_table_without_one_of_its_columns_is_not_written(tmp_path):
    with pytest.raises((SchemaError, SchemaErrors)):
        tables.write(
            tmp_path / "table.csv",
            tables.make([ROW], tables.INDEX).drop(columns="label"),
            tables.INDEX,
        )
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_said_with_what_makes_it(tmp_path):
    with pytest.raises(UserError, match=r"table\.csv: not there; `dvc repro` makes it"):
        tables.read(tmp_path / "table.csv", tables.INDEX)


HEADER = "item,data_set,label,method,group\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"name,age\nanna,3\n",
        b"item,data_set,label,method\na,d,0,real\n",
        f"{HEADER}a,d,2,real,a\n".encode(),
        f"{HEADER}a,d,fake,real,a\n".encode(),
        f"{HEADER}a,d,0.5,real,a\n".encode(),
        f"{HEADER}a,d,,real,a\n".encode(),
        f"{HEADER}a,d,0,real,a\na,d,0,real,a\n".encode(),
        f"{HEADER}a,d,0,real,a,more\n".encode(),
    ],
    ids=[
        "empty",
        "not text",
        "another table",
        "a column short",
        "unknown label",
        "label in words",
        "half a label",
        "no label",
        "key twice",
        "a cell too many",
    ],
)
def test_a_file_that_is_not_this_table_is_refused_with_what_to_do(tmp_path, content):
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(
        UserError, match=r"table\.csv: not the table this version writes; run `dvc repro`"
    ):
        tables.read(tmp_path / "table.csv", tables.SPLIT)


def test_columns_that_a_data_set_brings_along_come_back_as_text(tmp_path):
    rows = [ROW | {"extra.age": "07", "extra.a b": "NA"}, ROW | {"item": "d/real/b"}]
    made = tables.make(rows, tables.INDEX)
    tables.write(tmp_path / "t.csv", made, tables.INDEX)
    read = tables.read(tmp_path / "t.csv", tables.INDEX)
    pd.testing.assert_frame_equal(read, made)
    assert read[["extra.a b", "extra.age"]].to_numpy().tolist() == [["NA", "07"], ["", ""]]


def test_no_other_table_takes_columns_that_a_data_set_brings_along():
    row = {"item": "a", "keep": 1, "extra.age": "07"}
    with pytest.raises((SchemaError, SchemaErrors)):
        tables.make([row], tables.VERIFIED)


def test_the_verdicts_on_a_clip_are_those_that_there_are():
    (check,) = tables.CLIP_PREDICTIONS.columns["verdict"].checks
    assert set(check.statistics["allowed_values"]) == set(VERDICTS) - {"ERROR"}
