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
    """0 where every input got a verdict, 1 where one was an ERROR. `execution`: the workers, or
    None for this process alone."""
    # these cost a second that --help need not pay
    from deepfake_detector.serving import batch, result_files
    from deepfake_detector.serving.journal import Journal, journal_of

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
    inputs = found_in(arguments.inputs, arguments.list)
    inputs = without_copies(inputs, judge.is_copy)
    asked_for = [one for one in (arguments.json, arguments.csv) if one]
    listed = [Path(arguments.list)] if arguments.list not in (None, "-") else []
    index = arguments.html / batch.INDEX if arguments.html else None
    target = next(iter(asked_for), index)
    journals = [journal_of(target)] if target else []
    outputs.check(
        [*asked_for, *judge.targets(inputs), *journals], [*inputs, *listed, arguments.model]
    )
    print(f"{'verdict':<13} {'P(fake)':>8}  {'frames':>7}  input")
    if target is None:
        goes_on = arguments.annotate is not None
        judged = _judged(inputs, judge, execution)
        counts = Counter(_heard(path, one, detector.banner, goes_on) for path, one in judged)
    else:
        journal = Journal(
            target,
            {
                "model": detector.sha256,
                "kind": arguments.kind,
                "html": str(judge.html),
                "stress": arguments.stress,
                "annotate": str(judge.annotate),
            },
        )
        if arguments.resume and not journal.path.exists():
            print(f"! no {journal.path}: all are judged", file=sys.stderr)
        with journal.written(arguments.resume):
            journal.check_inputs(inputs)
            with _kept(journal):
                _judge_on(journal, inputs, judge, execution)
                counts = Counter[FileVerdict](one["verdict"] for one in journal.reports(inputs))
                if arguments.json:
                    result_files.write_json_list(arguments.json, journal.reports(inputs))
                if arguments.csv:
                    result_files.write_csv(
                        arguments.csv, journal.reports(inputs), pages=index is not None
                    )
                if index:
                    result_files.write_index(
                        index, journal.reports(inputs), counts, detector.banner
                    )
                journal.end()
    opens = f"; open {index}" if index else ""
    testable = (counts["REAL"] or counts["FAKE"]) and not arguments.stress
    untested = "; firmness not tested (--stress)" if testable else ""
    print(f"{result_files.summary(counts)}{untested}{opens}", file=sys.stderr)
    return int(counts["ERROR"] > 0)


def recalibrate(arguments: argparse.Namespace) -> int:
    from deepfake_detector.cli.recalibration import recalibrate  # needs ONNX's own package

    if not arguments.folder.is_dir():
        raise UserError(f"{arguments.folder}: no such folder", "name a folder of real clips")
    clips = found_in([arguments.folder])
    outputs.check([arguments.output], [arguments.model, *clips])
    print(recalibrate(arguments.model, clips, arguments.false_alarms, arguments.output))
    return 0


def serve(arguments: argparse.Namespace) -> int:
    """Ends with the signal that stops it."""
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
    api.serve(app, arguments.host, arguments.port, _told_address)
    return 0


def use_profile(arguments: argparse.Namespace) -> int:
    roots = dict(arguments.root)
    data_sets = profiles.use(arguments.profile, roots)
    print(
        f"params.yaml is now the profile {arguments.profile} ({', '.join(data_sets)}); next: dvc "
        "repro"
    )
    return 0


def fetch_assets(arguments: argparse.Namespace) -> int:
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

    return int(doctor.report(doctor.examine(params.load(arguments.params))) > 0)


def compare(first: list[str], second: list[str], split: str, markdown: bool) -> int:
    """Two runs, or the means over the runs of two sides."""
    from deepfake_detector.evaluation import comparison  # DVC's own library takes seconds to open

    levels = comparison.compare(first, second, split)
    show = _markdown if markdown else _columns
    for level in levels:
        left_out = (
            f", {level.left_out} left out that one run could not judge" if level.left_out else ""
        )
        print(f"{split}, {level.count} {level.name}s{left_out}\n")
        heads = ("figure", _side(first), _side(second), "difference", "95 % interval")
        print(show([heads, *(_row(one) for one in level.differences)]) + "\n")
        print(_conclusion(level) + "\n")
    return 0


def soup(revisions: list[str]) -> int:
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
    from deepfake_detector.cli import plots_page  # needs the drawing library

    pages = [plots_page.write(arguments.revisions)]
    if not arguments.revisions and (report := plots_page.write_report()):
        pages.append(report)
    for page in pages:
        print(f"open {page.absolute().as_uri()}")
    return 0


def prune(arguments: argparse.Namespace) -> int:
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


def _judged(
    paths: list[Path], judge: "batch.Judge", execution: Parallel | None
) -> Iterator[tuple[Path, dict]]:
    from deepfake_detector.serving import batch

    reports = batch.judge_all(paths, judge, execution)
    return zip(paths, console.progress(reports, len(paths), "predict", "input"), strict=True)


def _judge_on(
    journal: "Journal", inputs: list[Path], judge: "batch.Judge", execution: Parallel | None
) -> None:
    """Judge the inputs that the journal has not got yet."""
    left = [path for path in inputs if not (journal.has(path) and judge.has_page(path))]
    if len(left) < len(inputs):
        print(f"{len(inputs) - len(left)} of {len(inputs)} were judged before", file=sys.stderr)
    for path, one in _judged(left, judge, execution):
        journal.add(path, one)
        _heard(path, one, judge.detector().banner, goes_on=True)


def _heard(path: Path, found: dict, banner: str, goes_on: bool) -> FileVerdict:
    """What `_told` prints and returns. Where nobody reads it any more it `goes_on`, as for a file
    that was asked for."""
    try:
        return _told(path, found, banner)
    except BrokenPipeError:
        if not goes_on:
            raise
        console.drop_output()
        return found["verdict"]


@contextmanager
def _kept(journal: "Journal") -> Iterator[None]:
    """Says what to do where something ends the run."""
    try:
        yield
    except BaseException as error:
        kept = f"what was judged is kept in {journal.path}"
        if isinstance(error, OSError) and (told := console.of_the_disk(error, f"{kept}: {GO_ON}")):
            raise told from error
        print(f"{kept}: {GO_ON}", file=sys.stderr)
        raise


def _told(path: Path, found: dict, banner: str) -> FileVerdict:
    """Prints a report's line, what it warns of besides the model's `banner`, and gives its
    verdict."""
    from deepfake_detector.serving.inference import of_the_file

    why = found["error"] or found["reason"]
    seen = f"{found['frames_with_face']}/{found['frames_sampled']}"
    print(
        f"{found['verdict']:<13} {_shown(found['fake_probability']):>8}  {seen:>7}  "
        f"{console.printable(str(path))}{f'  ({why})' if why else ''}",
        flush=True,
    )
    if warned := of_the_file(found["warnings"], banner):
        print(f"  ! {console.printable(warned)}", flush=True)
    if found["stress"]:
        print("\n".join(_of_copies(found)), flush=True)
    return found["verdict"]


def _of_copies(found: dict) -> Iterator[str]:
    """What the changed copies of a file came to, a line each, and what that says."""
    from deepfake_detector.media.variants import VARIANTS

    words = {one.name: one.words for one in VARIANTS}
    for one in found["stress"]["copies"]:
        why = f"  ({one['reason']})" if one["reason"] else ""
        yield (
            f"  {one['verdict']:<11} {_shown(one['fake_probability']):>8}           copy: "
            f"{words[one['variant']]}{why}"
        )
    yield f"  {found['firmness']}"


def _shown(probability: float | None) -> str:
    """With three digits, and never as 0 or 1: no model is so sure."""
    if probability is None:
        return "-"
    if probability < 0.0005:
        return "<0.001"
    return ">0.999" if probability >= 0.9995 else f"{probability:.3f}"


def _told_address(address: str) -> None:
    print(f"the API: {address}/docs", flush=True)


def _row(one: "comparison.Difference") -> tuple[str, ...]:
    interval = (
        "-" if one.low is None else f"{one.low:+.4f} to {one.high:+.4f}{'  *' if one.sure else ''}"
    )
    first, second = _mean(one.first, one.first_spread), _mean(one.second, one.second_spread)
    return one.figure, first, second, f"{one.by:+.4f}", interval


def _side(revisions: list[str]) -> str:
    return revisions[0] if len(revisions) == 1 else f"mean of {', '.join(revisions)} (spread)"


def _mean(value: float, spread: float | None) -> str:
    return f"{value:.4f}" if spread is None else f"{value:.4f} ({spread:.4f})"


def _conclusion(level: "comparison.Level") -> str:
    if all(one.by == 0 and not one.low and not one.high for one in level.differences):
        return f"no difference by {level.name}"
    if level.reason:
        return f"no intervals: {level.reason}"
    sure = [one.figure for one in level.differences if one.sure]
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
