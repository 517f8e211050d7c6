"""The command line: judge files, serve programs, check a machine, switch data sets, compare runs.

Usage:

    deepfake-detector COMMAND --help             where the package is installed
    python -m deepfake_detector COMMAND --help   in a checkout
"""

import argparse
import math
import os
import re
import sys
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from deepfake_detector import UserError, params
from deepfake_detector.cli import commands, profiles
from deepfake_detector.common import console
from deepfake_detector.common.settings import Parallel
from deepfake_detector.storage import assets

PIPELINE = Path("dvc.yaml")  # lies in the project's folder alone
PROFILES = f"those of the folder {profiles.FOLDER} of the project"


def main(program: str = "deepfake-detector") -> None:
    """Run the command of sys.argv and exit with its code; `program` is the name in its help."""
    parser = _parser(program)
    arguments = parser.parse_args()
    if "run" not in arguments:
        parser.print_help(sys.stderr)
        sys.exit(2)
    console.guarded(lambda: sys.exit(_run(arguments)))


def _run(arguments: argparse.Namespace) -> int:
    """The command's exit code. Raises UserError where it needs another folder or packages that are
    missing."""
    if arguments.in_project and not PIPELINE.is_file():
        raise UserError(f"{PIPELINE.absolute()}: not there", "run it in the project's folder")
    try:
        return arguments.run(arguments)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("", "deepfake_detector"):
            raise
        extra = "train" if arguments.in_project else "serve"
        raise UserError(
            f"{sys.executable} has no {error.name}",
            f"activate the project's environment, or install this package with its extra {extra} "
            "(docs/predict.md)",
        ) from error


def _root(text: str) -> tuple[str, str]:
    name, separator, folder = text.partition("=")
    if not separator or not name or not folder:
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=/absolute/path")
    return name, folder


def _asset(text: str) -> str:
    """The name of an asset. `choices` would refuse a call without names in Python 3.11."""
    names = (*commands.ASSETS, *commands.NETWORKS)
    if text not in names:
        raise argparse.ArgumentTypeError(
            f"invalid choice: {text!r} (choose from {', '.join(names)})"
        )
    return text


def _file(text: str) -> Path:
    """A file to be written."""
    path = Path(os.path.realpath(text)) if os.path.islink(text) else Path(text)
    if os.path.isdir(path):
        raise argparse.ArgumentTypeError(f"{text!r} is a folder; name a file")
    if text == "-" or (os.path.exists(text) and not os.path.isfile(text)):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no file: results are written whole, not as a stream; name a file"
        )
    _check_writable(text, path.parent)
    return path


def _folder(text: str) -> Path:
    """A folder to write into, made where it is missing."""
    if os.path.exists(text) and not os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"{text!r} is a file; name a folder")
    _check_writable(text, Path(text))
    return Path(text)


def _check_writable(text: str, folder: Path) -> None:
    """Raises ArgumentTypeError, before hours of judging, where a target's folder cannot be written
    to."""
    try:
        existing = next(path for path in (folder, *folder.parents) if os.path.exists(path))
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written: {error.strerror}") from error


def _sha256(text: str) -> str:
    if not re.fullmatch("[0-9A-Fa-f]{64}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no SHA-256: 64 hexadecimal digits")
    return text


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number between 0 and 1")
    return share


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 to 65535")
    return int(text)


def _parser(program: str) -> argparse.ArgumentParser:
    about = " ".join((__doc__ or "").partition("\n\n")[0].split())
    parser = argparse.ArgumentParser(prog=program, description=about)
    parser.set_defaults(in_project=False)
    to = parser.add_subparsers(title="commands", metavar="COMMAND")
    for add in (
        _add_predict,
        _add_recalibrate,
        _add_serve,
        _add_doctor,
        _add_use_profile,
        _add_fetch_assets,
        _add_compare,
        _add_soup,
        _add_plots,
        _add_prune,
    ):
        add(to)
    return parser


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--model",
        type=Path,
        default=Path("models/detector.onnx"),
        metavar="FILE",
        help="exported model (default: %(default)s)",
    )


def _add_pin(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--sha256",
        type=_sha256,
        metavar="HEX",
        help="refuse any other model file than the one with this hash",
    )


def _add_predict(to: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = to.add_parser(
        "predict",
        help="judge images, videos and folders of them",
        description="Judge images, videos and folders. Exit code 0: every input was judged, INCONCLUSIVE or not; 1: one was "
        "an ERROR, or nothing could be judged at all; 2: wrong usage. What was judged before a run was stopped is kept beside "
        "the file of --json or --csv, or in the folder of --html; --resume goes on with it.",
        epilog="example: %(prog)s clips --csv all.csv --html pages",
    )
    command.add_argument(
        "inputs",
        nargs="*",
        type=Path,
        metavar="PATH",
        help="an image, a video, or a folder of them",
    )
    command.add_argument(
        "--list", metavar="FILE", help="also the paths in FILE, one a line (-: standard input)"
    )
    _add_model(command)
    _add_pin(command)
    command.add_argument(
        "--kind",
        choices=("auto", "face"),
        default="auto",
        help="face: the inputs are face crops already; only for a model trained on ready crops as they are "
        "(crop_faces.realign: false; default: auto)",
    )
    command.add_argument(
        "--stress",
        action="store_true",
        help="test each verdict on modified copies of the file; it becomes INCONCLUSIVE if the mildest copy gets "
        "another verdict",
    )
    command.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    _add_results(command)
    _add_workers(command)
    command.set_defaults(run=partial(_predict, command))


def _add_results(command: argparse.ArgumentParser) -> None:
    results = command.add_argument_group("what is written")
    results.add_argument(
        "--json", type=_file, metavar="FILE", help="the full reports (docs/report.schema.json)"
    )
    results.add_argument("--csv", type=_file, metavar="FILE", help="a row for each input")
    results.add_argument(
        "--html",
        type=_folder,
        metavar="FOLDER",
        help="a page of evidence for each input, and index.html, a table of them to sort and filter",
    )
    results.add_argument(
        "--annotate",
        type=_folder,
        metavar="FOLDER",
        help="a copy of each input with boxes, scores and the time drawn in, at most 1080p (clips: H.264)",
    )


def _add_workers(command: argparse.ArgumentParser) -> None:
    workers = command.add_argument_group("where it runs")
    workers.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="(default: %(default)s)"
    )
    workers.add_argument(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="number of worker processes (default: judge in this process)",
    )
    workers.add_argument(
        "--executor",
        choices=("local", "ray"),
        default="local",
        help="ray: a cluster (docs/scaling.md; default: local)",
    )
    workers.add_argument(
        "--seconds-per-item",
        type=float,
        metavar="S",
        help="time limit per input in a worker, seconds (default: 600)",
    )
    workers.add_argument(
        "--memory-per-item",
        type=float,
        metavar="GIB",
        help="memory limit per input in a worker, GiB; 0: no limit (default: 4)",
    )


def _predict(command: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    if not arguments.inputs and not arguments.list:
        command.error(
            "nothing to judge: name files or folders, or --list a file with one path a line"
        )
    if arguments.resume and not (arguments.json or arguments.csv or arguments.html):
        command.error("--resume goes on with what --json, --csv or --html began; name one of them")
    if arguments.json and arguments.csv and arguments.json.resolve() == arguments.csv.resolve():
        command.error(f"--json and --csv name the same file, {arguments.json}")
    return commands.predict(arguments, _execution(command, arguments))


def _execution(command: argparse.ArgumentParser, arguments: argparse.Namespace) -> Parallel | None:
    """The workers asked for; None where this process is to judge alone, with all cores."""
    alone = arguments.executor == "local" and not arguments.workers
    limits = {
        name: value
        for name in ("seconds_per_item", "memory_per_item")
        if (value := getattr(arguments, name)) is not None
    }
    if alone and limits:
        option = next(iter(limits)).replace("_", "-")
        command.error(f"argument --{option}: a limit of workers; add --workers N")
    try:
        execution = Parallel(executor=arguments.executor, workers=arguments.workers, **limits)
    except ValidationError as error:
        first = error.errors()[0]
        command.error(f"argument --{str(first['loc'][0]).replace('_', '-')}: {first['msg']}")
    return None if alone else execution


def _add_serve(to: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = to.add_parser(
        "serve",
        help="answer other programs: an image or a video in, the JSON report out",
        description="Serve the HTTP API, which /docs of its address describes, until Ctrl-C. DEEPFAKE_API_KEY: the key that "
        "every request for a verdict must send as X-API-Key; DEEPFAKE_LIMITS: a file of limits "
        "(docs/deploy.md).",
        epilog="example: %(prog)s --model models/detector.onnx",
    )
    command.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="exported model (default: $DEEPFAKE_MODEL, else models/detector.onnx)",
    )
    _add_pin(command)
    command.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    command.add_argument(
        "--port", type=_port, default=8502, help="0: any that is free (default: %(default)s)"
    )
    command.set_defaults(run=commands.serve)


def _add_recalibrate(to: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = to.add_parser(
        "recalibrate",
        help="a model with a threshold fitted on real clips of your own, where too much comes out as fake",
        description="Judge real clips of your own, each of one person, and write a new model file with a higher "
        "threshold: at most the chosen fraction of them is called FAKE. What the network sees in a face stays as it "
        "was, so fakes that score below the new threshold are missed. A model that calls no more of them FAKE is "
        "left as it is.",
        epilog="example: %(prog)s my_real_clips --false-alarms 0.05",
    )
    command.add_argument("folder", type=Path, metavar="FOLDER", help="a folder of real clips only")
    _add_model(command)
    command.add_argument(
        "--false-alarms",
        type=_share,
        default=0.05,
        metavar="RATE",
        help="at most this fraction of the clips is called FAKE, 0 to 1 (default: %(default)s)",
    )
    command.add_argument(
        "--output",
        type=_file,
        metavar="FILE",
        help="the new model (default: beside the other, NAME.recalibrated.onnx)",
    )
    command.set_defaults(run=partial(_recalibrate, command))


def _recalibrate(command: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    beside = arguments.model.with_name(f"{arguments.model.stem}.recalibrated.onnx")
    try:
        arguments.output = arguments.output or _file(str(beside))
    except argparse.ArgumentTypeError as error:
        command.error(f"{error}; --output names another file")
    return commands.recalibrate(arguments)


def _add_doctor(to: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = to.add_parser(
        "doctor",
        help="check this machine and the data sets before anything runs",
        description="Check packages, device, disk, decoder, model files and every data set that params name. "
        "Exit code 0: nothing stands in the way; 1: something does, and the output says what to do "
        "about it.",
        epilog="example: %(prog)s --params new.yaml",
    )
    command.add_argument(
        "--params",
        type=Path,
        default=params.PARAMS_FILE,
        metavar="FILE",
        help="params file (default: %(default)s)",
    )
    command.set_defaults(run=commands.examine, in_project=True)


def _add_use_profile(to: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = to.add_parser(
        "use-profile",
        help="switch params.yaml to another data set's values",
        description=f"Write params.yaml with the values of a profile: {', '.join(profiles.names()) or PROFILES}.",
        epilog="example: %(prog)s folder --root mine=clips",
    )
    command.add_argument("profile", help=f"one of {', '.join(profiles.names()) or PROFILES}")
    command.add_argument(
        "--root",
        action="append",
        default=[],
        type=_root,
        metavar="NAME=PATH",
        help="folder of a data set the profile names; once for each",
    )
    command.set_defaults(run=partial(_use_profile, command), in_project=True)


def _use_profile(command: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    for name, count in Counter(name for name, _ in arguments.root).items():
        if count > 1:
            command.error(f"argument --root: {name} is named twice; give it one folder")
    return commands.use_profile(arguments)


def _add_fetch_assets(to: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = to.add_parser(
        "fetch-assets",
        help="get the face detector and the ImageNet weights",
        description=f"Put files the project does not ship into {assets.folder()} ($DEEPFAKE_ASSETS), checked by sha256: "
        "the file of a face detector, or the ImageNet weights of a network.",
        epilog="example: %(prog)s yunet --from /media/stick",
    )
    command.add_argument(
        "names",
        nargs="*",
        type=_asset,
        metavar="NAME",
        help=f"{', '.join((*commands.ASSETS, *commands.NETWORKS))}; by default {', '.join(commands.ASSETS)} and "
        "the network of params.yaml",
    )
    command.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FOLDER",
        help="take the files from FOLDER, not the web",
    )
    command.set_defaults(run=commands.fetch_assets)


def _add_compare(to: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = to.add_parser(
        "compare",
        help="how far two runs differ, and whether that may be chance",
        description="Figures of two runs on the same items side by side, with the 95 % interval of their difference: source "
        "groups are resampled, the same for both runs. With --against the means of two recipes over several "
        "seeds: seeds are resampled too.",
        epilog="example: %(prog)s HEAD workspace --md",
    )
    command.add_argument(
        "revisions",
        nargs="+",
        metavar="REV",
        help="commits, branches or experiments, or `workspace`: two, or with --against the runs of "
        "one recipe",
    )
    command.add_argument("--against", nargs="+", metavar="REV", help="the runs of the other recipe")
    command.add_argument(
        "--split",
        default="test",
        metavar="NAME",
        help="measured on: val, test, a held-out data set, or DATA_SET/METHOD of a held-out method "
        "(default: %(default)s)",
    )
    command.add_argument("--md", action="store_true", help="as Markdown tables")
    command.set_defaults(run=partial(_compare, command), in_project=True)


def _compare(command: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    named, against = arguments.revisions, arguments.against
    if against is None:
        if len(named) != 2:
            command.error("name two revisions, or several and several others after --against")
        return commands.compare(named[:1], named[1:], arguments.split, arguments.md)
    if min(len(named), len(against)) < 2:
        command.error("name at least two runs on each side of --against: one has no spread")
    if len({*named, *against}) < len(named) + len(against):
        command.error("a run is named twice: it would count as two seeds")
    return commands.compare(named, against, arguments.split, arguments.md)


def _add_soup(to: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = to.add_parser(
        "soup",
        help="write the mean of several runs' weights to a file, for train.init",
        description="Write the mean of the weights of several runs of one recipe from the same pretrained weights. "
        "`train.epochs: 0` takes it through the pipeline as it is; `compare` then tells on validation whether it gains.",
        epilog="example: %(prog)s seed-1 seed-2 seed-3",
    )
    command.add_argument(
        "revisions",
        nargs="+",
        metavar="REV",
        help="commits, branches or experiments, or `workspace`",
    )
    command.set_defaults(run=partial(_soup, command), in_project=True)


def _soup(command: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    named = arguments.revisions
    if len(set(named)) < max(2, len(named)):
        command.error("name at least two runs, each once")
    return commands.soup(named)


def _add_plots(to: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = to.add_parser(
        "plots",
        help="every chart on one page that opens without a network, and the run's report",
        description="`dvc plots show`, or `dvc plots diff` of the revisions named, as a page that needs no network. Without "
        "revisions the run's report too, with its time, the commit and the processor.",
        epilog="example: %(prog)s HEAD workspace",
    )
    command.add_argument(
        "revisions",
        nargs="*",
        metavar="REV",
        help="commits, branches or experiments to lay over each other",
    )
    command.set_defaults(run=commands.plots, in_project=True)


def _add_prune(to: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = to.add_parser(
        "prune",
        help="free the space of frames and faces that nothing uses any more",
        description="Drop from the scratch store (.cache/items) what the last run of extract_frames and crop_faces did not "
        "use. Outputs and DVC's own cache stay as they are (`dvc gc` is for that).",
        epilog="example: %(prog)s",
    )
    command.set_defaults(run=commands.prune, in_project=True)
