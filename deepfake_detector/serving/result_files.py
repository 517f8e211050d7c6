"""The files of a run that judged many: all reports as JSON, and the tables of them as CSV and as a
page."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from deepfake_detector.common.percent import percent
from deepfake_detector.common.verdicts import VERDICTS, FileVerdict
from deepfake_detector.pages import table_page
from deepfake_detector.pages.html_page import Badge
from deepfake_detector.pages.table_page import Cell, Row
from deepfake_detector.serving.batch import page_name
from deepfake_detector.serving.inference import of_the_file
from deepfake_detector.serving.report_model import JsonReport
from deepfake_detector.serving.sentences import LIMITS
from deepfake_detector.storage.files import write_whole

COLUMNS: dict[str, Callable[[JsonReport], object]] = {  # of the CSV, and how each is taken
    "input": lambda one: one.input.name,
    "verdict": lambda one: one.verdict,
    "fake_probability": lambda one: one.fake_probability,
    "reason": lambda one: one.reason,
    "in_words": lambda one: one.in_words,
    "warnings": lambda one: " ".join(one.warnings),
    "firmness": lambda one: one.firmness,
    "error": lambda one: one.error,
    "people": lambda one: len(one.people),
    "decided_by": lambda one: one.decided_by,
    "frames_sampled": lambda one: one.frames_sampled,
    "frames_with_face": lambda one: one.frames_with_face,
    "kind": lambda one: one.input.kind,
    "sha256": lambda one: one.input.sha256,
    "seconds": lambda one: one.seconds,
    "model_sha256": lambda one: one.model.sha256,
}
HEADS = ("verdict", "file", "probability of fake", "people", "in words")  # of the page's table


def write_json_list(target: Path, reports: Iterable[dict]) -> None:
    """One list of all reports, written whole."""

    def parts() -> Iterator[bytes]:
        yield b"["
        for number, one in enumerate(reports):
            yield (b",\n" if number else b"\n") + json.dumps(
                one, indent=2, ensure_ascii=True
            ).encode()
        yield b"\n]\n"

    write_whole(target, parts())


def write_csv(target: Path, reports: Iterable[dict], pages: bool = False) -> None:
    """The table of `csv_lines`, written whole."""
    write_whole(target, csv_lines(reports, page_name if pages else None))


def csv_lines(
    reports: Iterable[dict],
    page: Callable[[Path], str] | None = None,
    models: Sequence[str] | None = None,
) -> Iterator[bytes]:
    """A row for each report: its verdict and what that rests on, without the single faces, the name
    of its `page` of evidence, where it has one, and the name of the model that judged it, where
    that is told."""
    yield _csv_line([*COLUMNS, "page", *(["model"] if models else [])])
    for at, plain in enumerate(reports):
        one = JsonReport.model_validate(plain)
        row = [take(one) for take in COLUMNS.values()]
        own_page = page(Path(one.input.name)) if page else ""
        yield _csv_line([*row, own_page, *(models[at : at + 1] if models else [])])


def _csv_line(row: Sequence[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(row)  # ended by \r\n, so that a name with either of them is quoted
    return (line.getvalue().removesuffix("\r\n") + "\n").encode("utf-8", "backslashreplace")


def summary(counts: Mapping[FileVerdict, int]) -> str:
    """How many inputs got which verdict, in words."""
    total = sum(counts.values())
    each = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts.get(verdict))
    return f"{total} input{'s' * (total != 1)}: {each}"


def write_index(
    target: Path, reports: Iterable[dict], counts: Mapping[FileVerdict, int], banner: str
) -> None:
    """The page of `index_parts` in the folder of the pages of evidence, written whole."""
    write_whole(target, index_parts(reports, counts, banner, page_name))


def index_parts(
    reports: Iterable[dict],
    counts: Mapping[FileVerdict, int],
    banner: str,
    page: Callable[[Path], str] | None = None,
) -> Iterator[bytes]:
    """The table of all inputs as a page, which leads to the `page` of evidence of each where they
    have one; `banner` is what to know of the model first, if anything."""
    rows = (_index_row(JsonReport.model_validate(one), page, banner) for one in reports)
    text = [*filter(None, [banner]), f"{summary(counts)}.", *LIMITS]
    return table_page.render("Judged files", text, HEADS, rows)


def _index_row(one: JsonReport, page: Callable[[Path], str] | None, banner: str) -> Row:
    probability = one.fake_probability
    shown = ("", None) if probability is None else (percent(probability), probability)
    said = one.in_words, one.firmness if one.stress else "", of_the_file(one.warnings, banner)
    return Row(
        Badge(one.verdict),
        (
            Cell(one.input.name, link=page(Path(one.input.name)) if page else ""),
            Cell(*shown),
            Cell(str(len(one.people)), len(one.people)),
            Cell(" ".join(filter(None, said))),
        ),
    )
