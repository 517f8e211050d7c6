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

COLUMNS: dict[str, Callable[[JsonReport], object]] = {  # of the CSV: name -> value
    "input": lambda report: report.input.name,
    "verdict": lambda report: report.verdict,
    "fake_probability": lambda report: report.fake_probability,
    "reason": lambda report: report.reason,
    "in_words": lambda report: report.in_words,
    "warnings": lambda report: " ".join(report.warnings),
    "firmness": lambda report: report.firmness,
    "error": lambda report: report.error,
    "people": lambda report: len(report.people),
    "decided_by": lambda report: report.decided_by,
    "frames_sampled": lambda report: report.frames_sampled,
    "frames_with_face": lambda report: report.frames_with_face,
    "kind": lambda report: report.input.kind,
    "sha256": lambda report: report.input.sha256,
    "seconds": lambda report: report.seconds,
    "model_sha256": lambda report: report.model.sha256,
}
HEADS = ("verdict", "file", "probability of fake", "people", "in words")  # of the page's table


def write_json_list(target: Path, reports: Iterable[dict]) -> None:
    """One JSON list of all reports, written whole."""

    def parts() -> Iterator[bytes]:
        yield b"["
        for number, report in enumerate(reports):
            text = json.dumps(report, indent=2, ensure_ascii=True)
            yield (b",\n" if number else b"\n") + text.encode()
        yield b"\n]\n"

    write_whole(target, parts())


def write_csv(target: Path, reports: Iterable[dict], pages: bool = False) -> None:
    """The table of `csv_lines`, written whole; with `pages` each row has the name of its page."""
    write_whole(target, csv_lines(reports, page_name if pages else None))


def csv_lines(
    reports: Iterable[dict],
    page: Callable[[Path], str] | None = None,
    models: Sequence[str] | None = None,
) -> Iterator[bytes]:
    """The lines of a CSV table in UTF-8, the heads first, then a row for each report.

    `page` gives the name of an input's page of evidence by its path; None leaves the column empty.
    `models` are the names of the models that judged, one for each report; None leaves the column
    out.
    """
    yield _csv_line([*COLUMNS, "page", *(["model"] if models else [])])
    for number, plain in enumerate(reports):
        report = JsonReport.model_validate(plain)
        row = [value(report) for value in COLUMNS.values()]
        name_of_page = page(Path(report.input.name)) if page else ""
        yield _csv_line([*row, name_of_page, *([models[number]] if models else [])])


def _csv_line(row: Sequence[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(row)  # ended by \r\n, so that a name with either of them is quoted
    return (line.getvalue().removesuffix("\r\n") + "\n").encode("utf-8", "backslashreplace")


def summary(counts: Mapping[FileVerdict, int]) -> str:
    """How many inputs there are, and how many of them got which verdict, in words."""
    total = sum(counts.values())
    each = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts.get(verdict))
    return f"{total} input{'s' * (total != 1)}: {each}"


def write_index(
    target: Path, reports: Iterable[dict], counts: Mapping[FileVerdict, int], banner: str
) -> None:
    """The page of `index_parts`, written whole; it leads to pages of evidence in the same
    folder."""
    write_whole(target, index_parts(reports, counts, banner, page_name))


def index_parts(
    reports: Iterable[dict],
    counts: Mapping[FileVerdict, int],
    banner: str,
    page: Callable[[Path], str] | None = None,
    models: Sequence[str] | None = None,
) -> Iterator[bytes]:
    """The HTML page with the table of all inputs, in parts.

    `counts` are the inputs by verdict, `banner` is the model's own warning (empty: none); `page`
    gives the name of an input's page of evidence by its path, which its row links to (None: no
    links). `models` are as in `csv_lines`.
    """
    rows = (
        _index_row(
            JsonReport.model_validate(report),
            page,
            banner,
            (Cell(models[number]),) if models else (),
        )
        for number, report in enumerate(reports)
    )
    text = [*filter(None, [banner]), f"{summary(counts)}.", *LIMITS]
    heads = (*HEADS, "model") if models else HEADS
    return table_page.render("Judged files", text, heads, rows)


def _index_row(
    report: JsonReport, page: Callable[[Path], str] | None, banner: str, model: tuple[Cell, ...]
) -> Row:
    probability, name = report.fake_probability, report.input.name
    firmness = report.firmness if report.stress else ""
    sentences = report.in_words, firmness, of_the_file(report.warnings, banner)
    return Row(
        Badge(report.verdict),
        (
            Cell(name, link=page(Path(name)) if page else ""),
            Cell("") if probability is None else Cell(percent(probability), probability),
            Cell(str(len(report.people)), len(report.people)),
            Cell(" ".join(filter(None, sentences))),
            *model,
        ),
    )
