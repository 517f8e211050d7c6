"""The command line: `python -m deepfake_detector predict | doctor | use-profile | fetch-assets | compare | plots | prune`."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from deepfake_detector import UserError, assets, console, params, profiles
from deepfake_detector.parallel import Execution

if TYPE_CHECKING:
    from deepfake_detector import batch, comparison


def main() -> None:
    arguments = _parser().parse_args()
    console.guarded(lambda: sys.exit(arguments.run(arguments)))


def predict(arguments: argparse.Namespace) -> int:
    """0 where every input got a verdict, 1 where one was an ERROR."""
    from deepfake_detector import batch  # costs a second that --help need not pay
    from deepfake_detector.inference import DEMONSTRATION

    execution = _execution(arguments)
    judge = batch.Judge(
        arguments.model.absolute(),
        arguments.sha256,
        arguments.device,
        1 if execution else 0,
        arguments.kind,
        arguments.html.absolute() if arguments.html else None,
    )
    detector = judge.detector()
    if detector.contract.trained_on.demonstration:
        print(f"! {DEMONSTRATION}", file=sys.stderr)
    inputs = _inputs(arguments.inputs, arguments.list)
    target = arguments.json or arguments.csv
    if arguments.resume and not target:
        raise UserError("--resume goes on with what lies beside the file of --json or --csv; name one")
    print(f"{'verdict':<13} {'P(fake)':>8}  {'faces':>7}  input")
    if target is None:
        verdicts = [_told(path, one) for path, one in _judged(inputs, judge, execution)]
        return int("ERROR" in verdicts)
    journal = batch.Journal(target, {"model": detector.sha256, "kind": arguments.kind, "html": str(judge.html)})
    journal.begin(arguments.resume)
    _judge_on(journal, inputs, judge, execution)
    if arguments.json:
        batch.write_json_list(arguments.json, journal.reports(inputs))
    if arguments.csv:
        batch.write_csv(arguments.csv, journal.reports(inputs))
    failed = any(one["verdict"] == "ERROR" for one in journal.reports(inputs))
    journal.end()
    return int(failed)


def use_profile(arguments: argparse.Namespace) -> int:
    roots = dict(pair for pair in arguments.root)
    data_sets = profiles.use(arguments.profile, roots)
    print(f"params.yaml is now the profile {arguments.profile} ({', '.join(data_sets)}); next: dvc repro")
    return 0


def fetch_assets(arguments: argparse.Namespace) -> int:
    for name in arguments.names or sorted(assets.ASSETS):
        print(f"{name}: {assets.fetch(name, arguments.source)}")
    return 0


def examine(arguments: argparse.Namespace) -> int:
    """0 where nothing stands in the way of a run, 1 where something does."""
    from deepfake_detector import doctor  # opens the video decoder and, later, torch

    return int(doctor.report(doctor.examine(params.load(arguments.profile))) > 0)


def compare(arguments: argparse.Namespace) -> int:
    from deepfake_detector import comparison  # DVC's own library takes seconds to open

    levels = comparison.compare(arguments.first, arguments.second, arguments.split)
    show = _markdown if arguments.md else _columns
    for level in levels:
        left_out = f", {level.left_out} left out that one run could not judge" if level.left_out else ""
        print(f"{arguments.split}, {level.count} {level.name}s{left_out}\n")
        heads = ("figure", arguments.first, arguments.second, "difference", "95 % interval")
        print(show([heads, *(_row(one) for one in level.differences)]) + "\n")
        print(_conclusion(level) + "\n")
    return 0


def plots(arguments: argparse.Namespace) -> int:
    from deepfake_detector import plots_page  # needs the drawing library

    print(f"open {plots_page.write(arguments.revisions).absolute().as_uri()}")
    return 0


def prune(arguments: argparse.Namespace) -> int:
    from deepfake_detector import store

    for stage in store.STAGES:
        dropped, freed = store.Store(store.root() / stage).prune()
        print(f"{stage}: {dropped} archives dropped, {freed / 1e6:.1f} MB freed")
    return 0


def _judged(paths: list[Path], judge: "batch.Judge", execution: Execution | None) -> Iterator[tuple[Path, dict]]:
    from deepfake_detector import batch

    reports = batch.judge_all(paths, judge, execution)
    return zip(paths, console.progress(reports, len(paths), "predict", "input"), strict=True)


def _judge_on(journal: "batch.Journal", inputs: list[Path], judge: "batch.Judge", execution: Execution | None) -> None:
    """Those that the journal has not got yet."""
    left = [path for path in inputs if not journal.has(path)]
    if len(left) < len(inputs):
        print(f"{len(inputs) - len(left)} of {len(inputs)} were judged before", file=sys.stderr)
    try:
        for path, one in _judged(left, judge, execution):
            journal.add(path, one)
            _told(path, one)
    except KeyboardInterrupt:
        print(f"what was judged is kept in {journal.path}: go on with --resume", file=sys.stderr)
        raise


def _execution(arguments: argparse.Namespace) -> Execution | None:
    """Workers where they were asked for; else this process judges alone, with all cores."""
    if arguments.executor == "local" and not arguments.workers:
        return None
    return Execution(arguments.executor, arguments.workers, arguments.seconds_per_item, arguments.memory_per_item)


def _inputs(paths: list[Path], listed: str | None) -> list[Path]:
    """The files named and listed, and of folders every file of a media type, sorted; each once."""
    from deepfake_detector.datasets import files_below, media_kind

    if listed:
        lines = sys.stdin if listed == "-" else _lines_of(Path(listed))
        paths = paths + [Path(line) for line in map(str.strip, lines) if line]
    if not paths:
        raise UserError("nothing to judge: name files or folders, or --list a file with one path a line")
    found = []
    for path in paths:
        inside = [one for one in files_below(path) if media_kind(one)] if path.is_dir() else [path]
        if not inside:
            raise UserError(f"{path}: no image or video in this folder")
        found += inside
    return list(dict.fromkeys(found))


def _lines_of(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a list of paths that can be read: {error}") from error


def _told(path: Path, found: dict) -> str:
    """Prints a report's line and gives its verdict."""
    probability = "-" if found["fake_probability"] is None else f"{found['fake_probability']:.3f}"
    why = found["error"] or found["reason"]
    seen = f"{found['frames_with_face']}/{found['frames_sampled']}"
    print(
        f"{found['verdict']:<13} {probability:>8}  {seen:>7}  {_printable(path)}{f'  ({why})' if why else ''}",
        flush=True,
    )
    return found["verdict"]


def _row(one: "comparison.Difference") -> tuple[str, ...]:
    interval = "-" if one.low is None else f"{one.low:+.4f} to {one.high:+.4f}{'  *' if one.sure else ''}"
    return one.figure, f"{one.first:.4f}", f"{one.second:.4f}", f"{one.by:+.4f}", interval


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
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _markdown(rows: list[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


def _printable(path: Path) -> str:
    """The path on one line, whatever its name holds."""
    return "".join(character if character.isprintable() else "?" for character in str(path))


def _root(text: str) -> tuple[str, str]:
    name, separator, folder = text.partition("=")
    if not separator or not name or not folder:
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=/absolute/path")
    return name, folder


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deepfake_detector", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_predict, _add_doctor, _add_use_profile, _add_fetch_assets, _add_compare, _add_plots, _add_prune):
        add(commands)
    return parser


def _add_predict(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "predict",
        help="judge images, videos and folders of them",
        description="Judge images, videos and folders. Exit code 0: every input got a verdict; 1: one was an ERROR. What was "
        "judged before a run was stopped is kept beside the file of --json or --csv; --resume goes on with it.",
    )
    command.add_argument("inputs", nargs="*", type=Path, metavar="PATH", help="an image, a video, or a folder of them")
    command.add_argument("--list", metavar="FILE", help="also the paths in FILE, one a line (-: standard input)")
    command.add_argument(
        "--model", type=Path, default=Path("models/detector.onnx"), help="exported model (default: %(default)s)"
    )
    command.add_argument("--sha256", metavar="HEX", help="refuse any other model file than the one with this hash")
    command.add_argument(
        "--kind",
        choices=("auto", "face"),
        default="auto",
        help="face: the pictures are face crops already (default: auto)",
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="the full reports (docs/report.schema.json)")
    command.add_argument("--csv", type=Path, metavar="FILE", help="a row for each input")
    command.add_argument("--html", type=Path, metavar="FOLDER", help="a page of evidence for each input")
    command.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    command.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="(default: %(default)s)")
    command.add_argument(
        "--workers", type=int, default=0, metavar="N", help="so many processes side by side (default: this one alone)"
    )
    command.add_argument(
        "--executor", choices=("local", "ray"), default="local", help="ray: a cluster (docs/scaling.md; default: local)"
    )
    command.add_argument(
        "--seconds-per-item", type=float, default=600, metavar="S", help="a worker's time for an input (default: 600)"
    )
    command.add_argument(
        "--memory-per-item", type=float, default=4, metavar="GIB", help="and its memory; 0: no limit (default: 4)"
    )
    command.set_defaults(run=predict)


def _add_doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "doctor",
        help="check this machine and the data sets before anything runs",
        description="Check packages, device, disk, decoder, model files and every data set that params name. "
        "Exit code 0: nothing stands in the way; 1: something does, and what to do about it is said.",
    )
    command.add_argument(
        "--profile", type=Path, default=params.PARAMS_FILE, metavar="FILE", help="params file (default: %(default)s)"
    )
    command.set_defaults(run=examine)


def _add_use_profile(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "use-profile",
        help="switch params.yaml to another data set's values",
        description=f"Write params.yaml from a complete file in profiles/: {', '.join(profiles.names())}.",
    )
    command.add_argument("profile", help="name of a file in profiles/, without .yaml")
    command.add_argument(
        "--root",
        action="append",
        default=[],
        type=_root,
        metavar="NAME=PATH",
        help="folder of a data set the profile names",
    )
    command.set_defaults(run=use_profile)


def _add_fetch_assets(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "fetch-assets",
        help="get the face detector and the ImageNet weights",
        description=f"Put files the project does not ship into {assets.folder()} ($DEEPFAKE_ASSETS), checked by sha256: "
        + ", ".join(f"{name} ({asset.file}, {asset.size_mb} MB)" for name, asset in assets.ASSETS.items()),
    )
    command.add_argument(
        "names", nargs="*", choices=sorted(assets.ASSETS), metavar="NAME", help="yunet, imagenet; all by default"
    )
    command.add_argument(
        "--from", dest="source", type=Path, metavar="FOLDER", help="take the files from FOLDER, not the web"
    )
    command.set_defaults(run=fetch_assets)


def _add_compare(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "compare",
        help="how far two runs differ, and whether that may be chance",
        description="Figures of two runs on the same items side by side, with the 95 % interval of their difference: source "
        "groups are drawn anew 2,000 times, the same for both runs.",
    )
    command.add_argument("first", metavar="REV_A", help="a commit, branch or experiment, or `workspace`")
    command.add_argument("second", metavar="REV_B", help="another one")
    command.add_argument("--split", choices=("test", "val"), default="test", help="measured on (default: %(default)s)")
    command.add_argument("--md", action="store_true", help="as Markdown tables")
    command.set_defaults(run=compare)


def _add_plots(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "plots",
        help="every chart on one page that opens without a network",
        description="`dvc plots show`, or `dvc plots diff` of the revisions named, as a page that needs no network.",
    )
    command.add_argument(
        "revisions", nargs="*", metavar="REV", help="commits, branches or experiments to lay over each other"
    )
    command.set_defaults(run=plots)


def _add_prune(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "prune",
        help="free the space of frames and faces that nothing uses any more",
        description="Drop from the scratch store (.cache/items) what the last run of extract_frames and crop_faces did not "
        "use. Outputs and DVC's own cache stay as they are (`dvc gc` is for that).",
    )
    command.set_defaults(run=prune)
