"""The command line: `python -m deepfake_detector predict | doctor | use-profile | fetch-assets | compare | plots | prune`."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deepfake_detector import UserError, assets, console, params, profiles
from deepfake_detector.files import write_json

if TYPE_CHECKING:
    from deepfake_detector import comparison


def main() -> None:
    arguments = _parser().parse_args()
    console.guarded(lambda: sys.exit(arguments.run(arguments)))


def predict(arguments: argparse.Namespace) -> int:
    """0 where every input got a verdict, 1 where one was an ERROR."""
    from deepfake_detector.inference import DEMONSTRATION, Detector  # costs a second that --help need not pay

    detector = Detector.load(arguments.model)
    if detector.contract.trained_on.demonstration:
        print(f"! {DEMONSTRATION}", file=sys.stderr)
    inputs = _inputs(arguments.inputs)
    print(f"{'verdict':<13} {'P(fake)':>8}  {'faces':>7}  input")
    reports = []
    for path in console.progress(inputs, len(inputs), "predict", "input"):
        report = detector.predict(path, kind=arguments.kind)
        reports.append(report)
        probability = "-" if report.fake_probability is None else f"{report.fake_probability:.3f}"
        why = report.error or report.reason
        seen = f"{report.frames_with_face}/{report.frames_sampled}"
        print(
            f"{report.verdict:<13} {probability:>8}  {seen:>7}  {_printable(path)}{f'  ({why})' if why else ''}",
            flush=True,
        )
    if arguments.json:
        write_json(arguments.json, [report.as_json() for report in reports])
    return int(any(report.verdict == "ERROR" for report in reports))


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


def _inputs(paths: list[Path]) -> list[Path]:
    """The files named, and of folders every file of a media type, sorted."""
    from deepfake_detector.datasets import files_below, media_kind

    found = []
    for path in paths:
        inside = [one for one in files_below(path) if media_kind(one)] if path.is_dir() else [path]
        if not inside:
            raise UserError(f"{path}: no image or video in this folder")
        found += inside
    return found


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

    command = commands.add_parser(
        "predict",
        help="judge images, videos and folders of them",
        description="Judge images, videos and folders. Exit code 0: every input got a verdict; 1: one was an ERROR.",
    )
    command.add_argument("inputs", nargs="+", type=Path, metavar="PATH", help="an image, a video, or a folder of them")
    command.add_argument(
        "--model", type=Path, default=Path("models/detector.onnx"), help="exported model (default: %(default)s)"
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="also write the full reports to FILE")
    command.add_argument(
        "--kind",
        choices=("auto", "face"),
        default="auto",
        help="face: the pictures are face crops already (default: auto)",
    )
    command.set_defaults(run=predict)

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

    command = commands.add_parser(
        "plots",
        help="every chart on one page that opens without a network",
        description="`dvc plots show`, or `dvc plots diff` of the revisions named, as a page that needs no network.",
    )
    command.add_argument(
        "revisions", nargs="*", metavar="REV", help="commits, branches or experiments to lay over each other"
    )
    command.set_defaults(run=plots)

    command = commands.add_parser(
        "prune",
        help="free the space of frames and faces that nothing uses any more",
        description="Drop from the scratch store (.cache/items) what the last run of extract_frames and crop_faces did not "
        "use. Outputs and DVC's own cache stay as they are (`dvc gc` is for that).",
    )
    command.set_defaults(run=prune)
    return parser
