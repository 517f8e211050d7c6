"""What the commands do (arguments.py says what they take), and what they print.

Each takes the parsed arguments and returns the exit code.
"""

import argparse
import math
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from deepfake_detector import UserError, params
from deepfake_detector.cli import outputs, profiles
from deepfake_detector.cli.inputs import found_in, without_copies
from deepfake_detector.cli.published_weights import published_weights
from deepfake_detector.common import console
from deepfake_detector.common.settings import Parallel
from deepfake_detector.common.verdicts import FileVerdict
from deepfake_detector.faces.settings import DETECTOR_ASSETS
from deepfake_detector.storage import assets
from deepfake_detector.storage.files import file_hash, write_whole
from deepfake_detector.training.settings import Network

if TYPE_CHECKING:
    from deepfake_detector.evaluation import comparison
    from deepfake_detector.serving import batch
    from deepfake_detector.serving.journal import Journal

ASSETS = {asset.name: asset for asset in DETECTOR_ASSETS}
NETWORKS = get_args(Network)
GO_ON = "go on with --resume"
WEIGHTS = Path("models/detector.pt")


def predict(arguments: argparse.Namespace, execution: Parallel | None) -> int:
    """0 where every input was judged, 1 where one was an ERROR. `execution` are the workers; None:
    this process judges."""
    # these cost a second that --help need not pay
    from deepfake_detector.serving import batch, result_files
    from deepfake_detector.serving.journal import journal_of

    judge = batch.Judge(
        arguments.model,
        sha256=arguments.sha256,
        device=arguments.device,
        threads=1 if execution else 0,
        kind=arguments.kind,
        html=arguments.html.absolute() if arguments.html else None,
        stress=arguments.stress,
        annotate=arguments.annotate.absolute() if arguments.annotate else None,
        seconds=execution.seconds_per_item if execution else math.inf,
    )
    detector = judge.detector()
    detector.check_kind(arguments.kind)
    if detector.banner:
        print(f"! {detector.banner}", file=sys.stderr)
    inputs = without_copies(found_in(arguments.inputs, arguments.list), judge.is_copy)
    index = arguments.html / batch.INDEX if arguments.html else None
    tables = [path for path in (arguments.json, arguments.csv) if path]
    target = next(iter(tables), index)  # which the journal lies beside
    journals = [journal_of(target)] if target else []
    listed = [Path(arguments.list)] if arguments.list not in (None, "-") else []
    outputs.check([*tables, *judge.targets(inputs), *journals], [*inputs, *listed, arguments.model])
    print(f"{'verdict':<13} {'P(fake)':>8}  {'frames':>7}  input")
    if target:
        counts = _predict_into(target, index, arguments, inputs, judge, execution)
    else:
        goes_on = arguments.annotate is not None
        judged = _judged(inputs, judge, execution)
        counts = Counter(
            _print_report(path, report, detector.banner, goes_on) for path, report in judged
        )
    opens = f"; open {index}" if index else ""
    testable = (counts["REAL"] or counts["FAKE"]) and not arguments.stress
    untested = "; firmness not tested (--stress)" if testable else ""
    print(f"{result_files.summary(counts)}{untested}{opens}", file=sys.stderr)
    return int(counts["ERROR"] > 0)


def recalibrate(arguments: argparse.Namespace) -> int:
    """Write a model whose threshold is fitted on real clips. Raises UserError where it cannot
    be."""
    from deepfake_detector.cli.recalibration import recalibrate  # needs ONNX's own package

    if not arguments.folder.is_dir():
        raise UserError(f"{arguments.folder}: no such folder", "name a folder of real clips")
    clips = found_in([arguments.folder])
    outputs.check([arguments.output], [arguments.model, *clips])
    print(recalibrate(arguments.model, clips, arguments.false_alarms, arguments.output))
    return 0


def serve(arguments: argparse.Namespace) -> int:
    """Serve the HTTP API until a signal stops it."""
    from deepfake_detector.serving import api, engine, limits  # FastAPI is for this command alone

    key = os.environ.get("DEEPFAKE_API_KEY")
    if key == "":
        raise UserError("DEEPFAKE_API_KEY is empty", "set it to the key, or unset it")
    model = arguments.model or engine.chosen()
    app = api.create(model, limits.read(), key, arguments.sha256)
    if app.state.banner:
        print(f"! {app.state.banner}", file=sys.stderr)
    if key is None:
        print("! no DEEPFAKE_API_KEY: whoever reaches this port may ask", file=sys.stderr)
    api.serve(app, arguments.host, arguments.port, _print_address)
    return 0


def use_profile(arguments: argparse.Namespace) -> int:
    """Replace params.yaml. Raises UserError where a root is missing or changes would be lost."""
    roots = dict(arguments.root)
    data_sets = profiles.use(arguments.profile, roots)
    print(
        f"params.yaml is now the profile {arguments.profile} ({', '.join(data_sets)}); next: dvc "
        "repro"
    )
    return 0


def fetch_assets(arguments: argparse.Namespace) -> int:
    """Fetch the files named (by default those that params.yaml needs), and print where they lie."""
    names = arguments.names or [*ASSETS, params.load().train.network]
    networks = [name for name in names if name in NETWORKS]
    weights = {asset.name: asset for asset in published_weights(networks)}
    for name in names:
        path = assets.fetch((ASSETS | weights)[name], arguments.source)
        print(f"{name}: {path}")
        if name in weights:
            print(f"  sha256 {file_hash(path)}, to be put into {weights[name].setting}")
    return 0


def examine(arguments: argparse.Namespace) -> int:
    """0 where nothing stands in the way of a run, 1 where something does."""
    from deepfake_detector.cli import doctor  # opens the video decoder and, later, torch

    return int(doctor.print_findings(doctor.examine(params.load(arguments.params))) > 0)


def compare(first: list[str], second: list[str], split: str, markdown: bool) -> int:
    """Print the differences of two runs, or of the means over the runs of two sides."""
    from deepfake_detector.evaluation import comparison  # DVC's own library takes seconds to open

    levels = comparison.compare(first, second, split)
    show = _markdown if markdown else _columns
    for level in levels:
        left_out = (
            f", {level.left_out} left out that one run could not judge" if level.left_out else ""
        )
        print(f"{split}, {level.count} {level.name}s{left_out}\n")
        heads = ("figure", _side(first), _side(second), "difference", "95 % interval")
        print(show([heads, *map(_row, level.differences)]) + "\n")
        print(_conclusion(level) + "\n")
    return 0


def soup(revisions: list[str]) -> int:
    """Write the mean of the runs' weights. Raises UserError where a run or its weights are missing,
    or their networks differ."""
    from deepfake_detector.evaluation.revisions import content
    from deepfake_detector.training.soup import write  # the one command that needs torch

    with tempfile.TemporaryDirectory() as folder:
        runs = [Path(folder) / f"{number}" / revision for number, revision in enumerate(revisions)]
        for path, revision in zip(runs, revisions, strict=True):
            write_whole(path, content(revision, WEIGHTS))
        out = write(runs, WEIGHTS.parent)
    print(
        f"{out}: the mean of {len(runs)} runs. Next: dvc exp run -n soup -S "
        f"train.init={out.absolute()} -S train.epochs=0; python -m deepfake_detector compare "
        f"{revisions[0]} soup --split val"
    )
    return 0


def plots(arguments: argparse.Namespace) -> int:
    """Draw the charts, without revisions the run's report too, and print where they lie."""
    from deepfake_detector.cli import plots_page  # needs the drawing library

    pages = [plots_page.write(arguments.revisions)]
    if not arguments.revisions and (report := plots_page.write_report()):
        pages.append(report)
    for page in pages:
        print(f"open {page.absolute().as_uri()}")
    return 0


def prune(arguments: argparse.Namespace) -> int:
    """Free the scratch store of what nothing uses, and print how much that was."""
    from deepfake_detector.common.locks import only_writer
    from deepfake_detector.storage import store

    for stage, folder in store.STAGES.items():
        with only_writer(store.LOCKS, stage):  # what a running one has just made is in no use yet
            dropped, freed = store.Store(store.root() / folder).prune()
        print(f"{folder}: {dropped} archives dropped, {freed / 1e6:.1f} MB freed")
    if begun := sorted((store.root().parent / "train").glob("*/*.pt")):
        size = sum(path.stat().st_size for path in begun)
        print(
            f"train: {size / 1e6:.1f} MB of trainings that have not ended; where none runs or is "
            f"to go on, delete {begun[0].parents[1]}"
        )
    return 0


def _predict_into(
    target: Path,
    index: Path | None,
    arguments: argparse.Namespace,
    inputs: list[Path],
    judge: "batch.Judge",
    execution: Parallel | None,
) -> Counter[FileVerdict]:
    """Judges with a journal beside `target`, so that a run that is stopped can go on, and writes
    the files asked for; the inputs by verdict."""
    from deepfake_detector.serving import result_files
    from deepfake_detector.serving.journal import Journal

    detector = judge.detector()
    terms = {
        "model": detector.sha256,
        "kind": arguments.kind,
        "html": str(judge.html),
        "stress": arguments.stress,
        "annotate": str(judge.annotate),
    }
    journal = Journal(target, terms)
    if arguments.resume and not journal.path.exists():
        print(f"! no {journal.path}: all are judged", file=sys.stderr)
    with journal.written(arguments.resume):
        journal.check_inputs(inputs)
        with _saying_what_is_kept(journal):
            _judge_the_rest(journal, inputs, judge, execution)
            counts = Counter[FileVerdict](report["verdict"] for report in journal.reports(inputs))
            if arguments.json:
                result_files.write_json_list(arguments.json, journal.reports(inputs))
            if arguments.csv:
                reports = journal.reports(inputs)
                result_files.write_csv(arguments.csv, reports, pages=index is not None)
            if index:
                reports = journal.reports(inputs)
                result_files.write_index(index, reports, counts, detector.banner)
            journal.end()
    return counts


def _judged(
    paths: list[Path], judge: "batch.Judge", execution: Parallel | None
) -> Iterator[tuple[Path, dict]]:
    """Each path with its report, in order, with a bar that counts them."""
    from deepfake_detector.serving import batch

    reports = batch.judge_all(paths, judge, execution)
    return zip(paths, console.progress(reports, len(paths), "predict", "input"), strict=True)


def _judge_the_rest(
    journal: "Journal", inputs: list[Path], judge: "batch.Judge", execution: Parallel | None
) -> None:
    """Judges the inputs that the journal has no verdict on yet, and prints a line for each."""
    missing = [path for path in inputs if not (journal.has(path) and judge.has_page(path))]
    if len(missing) < len(inputs):
        print(f"{len(inputs) - len(missing)} of {len(inputs)} were judged before", file=sys.stderr)
    for path, report in _judged(missing, judge, execution):
        journal.add(path, report)
        _print_report(path, report, judge.detector().banner, goes_on=True)


@contextmanager
def _saying_what_is_kept(journal: "Journal") -> Iterator[None]:
    """Where an error ends the block, names the journal and how to go on with it."""
    try:
        yield
    except BaseException as error:
        note = f"what was judged is kept in {journal.path}: {GO_ON}"
        if isinstance(error, OSError) and (known := console.of_the_disk(error, note)):
            raise known from error
        print(note, file=sys.stderr)
        raise


def _print_report(path: Path, report: dict, banner: str, goes_on: bool) -> FileVerdict:
    """Prints the lines on a report; its verdict. Where nobody reads the output any more,
    BrokenPipeError ends the run, unless it `goes_on` because it writes files too."""
    try:
        for line in _lines(path, report, banner):
            print(line, flush=True)
    except BrokenPipeError:
        if not goes_on:
            raise
        console.drop_output()
    return report["verdict"]


def _lines(path: Path, report: dict, banner: str) -> Iterator[str]:
    """A report's verdict, its warnings besides the model's `banner`, and its changed copies."""
    from deepfake_detector.serving.inference import of_the_file

    why = report["error"] or report["reason"]
    seen = f"{report['frames_with_face']}/{report['frames_sampled']}"
    yield (
        f"{report['verdict']:<13} {_three_digits(report['fake_probability']):>8}  {seen:>7}  "
        f"{console.printable(str(path))}{f'  ({why})' if why else ''}"
    )
    if warning := of_the_file(report["warnings"], banner):
        yield f"  ! {console.printable(warning)}"
    if report["stress"]:
        yield from _lines_on_copies(report)


def _lines_on_copies(report: dict) -> Iterator[str]:
    """A line for each changed copy of the file, and one on how firm the verdict is."""
    from deepfake_detector.media.variants import VARIANTS

    words = {variant.name: variant.words for variant in VARIANTS}
    for copy in report["stress"]["copies"]:
        why = f"  ({copy['reason']})" if copy["reason"] else ""
        yield (
            f"  {copy['verdict']:<11} {_three_digits(copy['fake_probability']):>8}           copy: "
            f"{words[copy['variant']]}{why}"
        )
    yield f"  {report['firmness']}"


def _three_digits(probability: float | None) -> str:
    """Never 0 or 1: no model is so sure."""
    if probability is None:
        return "-"
    if probability < 0.0005:
        return "<0.001"
    return ">0.999" if probability >= 0.9995 else f"{probability:.3f}"


def _print_address(address: str) -> None:
    print(f"the API: {address}/docs", flush=True)


def _row(difference: "comparison.Difference") -> tuple[str, ...]:
    first = _mean(difference.first, difference.first_spread)
    second = _mean(difference.second, difference.second_spread)
    interval = "-"
    if difference.low is not None:
        mark = "  *" if difference.sure else ""
        interval = f"{difference.low:+.4f} to {difference.high:+.4f}{mark}"
    return difference.figure, first, second, f"{difference.by:+.4f}", interval


def _side(revisions: list[str]) -> str:
    return revisions[0] if len(revisions) == 1 else f"mean of {', '.join(revisions)} (spread)"


def _mean(value: float, spread: float | None) -> str:
    return f"{value:.4f}" if spread is None else f"{value:.4f} ({spread:.4f})"


def _conclusion(level: "comparison.Level") -> str:
    if all(not (each.by or each.low or each.high) for each in level.differences):
        return f"no difference by {level.name}"
    if level.reason:
        return f"no intervals: {level.reason}"
    sure = [difference.figure for difference in level.differences if difference.sure]
    return (
        f"more than chance by {level.name} (*): {', '.join(sure)}"
        if sure
        else f"nothing more than chance by {level.name}"
    )


def _columns(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _markdown(rows: list[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])
