"""What a run writes of many files is in order, whole, and has one row for each input."""

import csv
import json
from pathlib import Path

import pytest
from made import contract_terms

from deepfake_detector.serving import result_files
from deepfake_detector.serving.batch import page_name
from deepfake_detector.serving.inference import FaceFrame, FaceTrack, Report
from deepfake_detector.serving.report_model import as_json


def report_on(name: str, verdict: str = "REAL") -> dict:
    """The report on a picture with one person, as JSON has it."""
    face = FaceFrame(0, 0.0, (0.0, 0.0, 64.0, 64.0), 0.25, None, None)
    person = FaceTrack(0, verdict, "", 0.25, (face,))
    report = Report(
        name,
        "ab" * 32,
        "image",
        verdict,
        fake_probability=0.25,
        decided_by=0,
        frames_sampled=1,
        frames_with_face=1,
        faces=(person,),
        seconds=0.1,
    )
    return as_json(report, contract_terms(), "cd" * 32)


def test_json_is_one_list(tmp_path):
    many = [report_on("a"), report_on("b\n\udcff", "FAKE")]
    result_files.write_json_list(tmp_path / "x.json", iter(many))
    assert json.loads((tmp_path / "x.json").read_text()) == many
    result_files.write_json_list(tmp_path / "x.json", iter([]))
    assert json.loads((tmp_path / "x.json").read_text()) == []


def test_csv_has_a_row_for_each_input_whatever_its_name(tmp_path):
    names = ["a.jpg", 'b,"c"\n.jpg', "c\r.jpg", "é.jpg", "con\udcff.jpg"]
    result_files.write_csv(tmp_path / "x.csv", map(report_on, names))
    with open(tmp_path / "x.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["input"] for row in rows] == [*names[:-1], "con\\udcff.jpg"]
    assert rows[0] == {
        "input": "a.jpg",
        "verdict": "REAL",
        "fake_probability": "0.25",
        "reason": "",
        "in_words": "No sign of face manipulation found.",
        "warnings": "",
        "firmness": "Firmness not tested.",
        "error": "",
        "people": "1",
        "decided_by": "1",
        "frames_sampled": "1",
        "frames_with_face": "1",
        "kind": "image",
        "sha256": "ab" * 32,
        "seconds": "0.1",
        "model_sha256": report_on("a.jpg")["model"]["sha256"],
        "page": "",
    }
    result_files.write_csv(tmp_path / "x.csv", map(report_on, names), pages=True)
    with open(tmp_path / "x.csv", newline="", encoding="utf-8") as file:
        pages = [row["page"] for row in csv.DictReader(file)]
    assert pages == [page_name(Path(name)) for name in names]
    result_files.write_csv(tmp_path / "x.csv", iter([]))
    assert (tmp_path / "x.csv").read_text().startswith("input,verdict,")


def test_tables_say_what_a_report_warns_of(tmp_path):
    warned = report_on("a.mp4") | {"warnings": ["Mind this.", "The file is cut off.", "And odd."]}
    result_files.write_csv(tmp_path / "x.csv", iter([warned]))
    with open(tmp_path / "x.csv", newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["warnings"] == "Mind this. The file is cut off. And odd."
    result_files.write_index(tmp_path / "index.html", iter([warned]), {"REAL": 1}, "Mind this.")
    page = (tmp_path / "index.html").read_text()
    assert "No sign of face manipulation found. The file is cut off. And odd." in page
    assert page.count("Mind this.") == 1  # of the model: it stands above


def test_the_table_of_pages_tells_what_a_test_of_the_verdict_came_to(tmp_path):
    plain, tested = report_on("a.jpg"), report_on("b.jpg")
    tested["stress"] = {"verdict": "REAL", "turned_by": None, "copies": []}
    tested["firmness"] = "Firm: all copies have the same verdict."
    result_files.write_index(tmp_path / "index.html", [plain, tested], {"REAL": 2}, "")
    assert (tmp_path / "index.html").read_text().count(tested["firmness"]) == 1
    assert "Firmness not tested" not in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, "0 inputs: "),
        ({"REAL": 1}, "1 input: 1 REAL"),
        ({"ERROR": 2, "FAKE": 1, "REAL": 0}, "3 inputs: 1 FAKE, 2 ERROR"),
    ],
)
def test_verdicts_are_counted_in_words(counts, said):
    assert result_files.summary(counts) == said


def test_names_are_text_in_the_table_of_pages(tmp_path):
    names = ["<script>alert(1)</script>.jpg", 'a" onclick="b.jpg', "con\udcff.mp4"]
    result_files.write_index(
        tmp_path / "index.html", map(report_on, names), {"REAL": 3}, "Mind this."
    )
    assert "Mind this." in (tmp_path / "index.html").read_text()
    page = (tmp_path / "index.html").read_text()
    assert page.count("<script>") == 1
    assert 'onclick="b' not in page
    assert "con?.mp4" in page
    assert "3 inputs: 3 REAL." in page


def test_what_fails_while_it_is_written_leaves_the_file_before(tmp_path):
    def half():
        yield report_on("a")
        raise OSError("disk full")

    (tmp_path / "x.json").write_text("before")
    with pytest.raises(OSError, match="disk full"):
        result_files.write_json_list(tmp_path / "x.json", half())
    assert (tmp_path / "x.json").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
