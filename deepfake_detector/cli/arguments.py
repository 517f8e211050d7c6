"""The command line: judge files, check this machine, switch data sets, compare runs.

deepfake-detector COMMAND --help             where the package is installed
python -m deepfake_detector COMMAND --help   in a checkout
"""

import argparse
import sys
from functools import partial
from pathlib import Path

from deepfake_detector import UserError, params
from deepfake_detector.cli import commands, profiles
from deepfake_detector.common import console
from deepfake_detector.storage import assets

PIPELINE = Path("dvc.yaml")  # lies in the project's folder alone
PROFILES = f"those of the folder {profiles.FOLDER} of the project"


def main(program: str = "deepfake-detector") -> None:
    arguments = _parser(program).parse_args()
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
    if Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a folder; name a file")
    return Path(text)


def _folder(text: str) -> Path:
    """A folder to write into, made where it is missing."""
    if Path(text).exists() and not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a file; name a folder")
    return Path(text)


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description=(__doc__ or "").partition("\n")[0])
    parser.set_defaults(in_project=False)
    to = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (
        _add_predict,
        _add_doctor,
        _add_use_profile,
        _add_fetch_assets,
        _add_compare,
        _add_plots,
        _add_prune,
    ):
        add(to)
    return parser


def _add_predict(to: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = to.add_parser(
        "predict",
        help="judge images, videos and folders of them",
        description="Judge images, videos and folders. Exit code 0: every input got a verdict; 1: one was an ERROR. What was "
        "judged before a run was stopped is kept beside the file of --json or --csv; --resume goes "
        "on with it.",
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
    command.add_argument(
        "--model",
        type=Path,
        default=Path("models/detector.onnx"),
        help="exported model (default: %(default)s)",
    )
    command.add_argument(
        "--sha256", metavar="HEX", help="refuse any other model file than the one with this hash"
    )
    command.add_argument(
        "--kind",
        choices=("auto", "face"),
        default="auto",
        help="face: the pictures are face crops already (default: auto)",
    )
    command.add_argument(
        "--json", type=_file, metavar="FILE", help="the full reports (docs/report.schema.json)"
    )
    command.add_argument("--csv", type=_file, metavar="FILE", help="a row for each input")
    command.add_argument(
        "--html", type=_folder, metavar="FOLDER", help="a page of evidence for each input"
    )
    command.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    command.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="(default: %(default)s)"
    )
    command.add_argument(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="so many processes side by side (default: this one alone)",
    )
    command.add_argument(
        "--executor",
        choices=("local", "ray"),
        default="local",
        help="ray: a cluster (docs/scaling.md; default: local)",
    )
    command.add_argument(
        "--seconds-per-item",
        type=float,
        default=600,
        metavar="S",
        help="a worker's time for an input (default: 600)",
    )
    command.add_argument(
        "--memory-per-item",
        type=float,
        default=4,
        metavar="GIB",
        help="and its memory; 0: no limit (default: 4)",
    )
    command.set_defaults(run=partial(_predict, command))


def _predict(command: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    if not arguments.inputs and not arguments.list:
        command.error(
            "nothing to judge: name files or folders, or --list a file with one path a line"
        )
    return commands.predict(arguments)


def _add_doctor(to: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = to.add_parser(
        "doctor",
        help="check this machine and the data sets before anything runs",
        description="Check packages, device, disk, decoder, model files and every data set that params name. "
        "Exit code 0: nothing stands in the way; 1: something does, and what to do about it is "
        "said.",
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
    )
    command.add_argument("profile", help="one of these")
    command.add_argument(
        "--root",
        action="append",
        default=[],
        type=_root,
        metavar="NAME=PATH",
        help="folder of a data set the profile names",
    )
    command.set_defaults(run=commands.use_profile, in_project=True)


def _add_fetch_assets(to: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = to.add_parser(
        "fetch-assets",
        help="get the face detector and the ImageNet weights",
        description=f"Put files the project does not ship into {assets.folder()} ($DEEPFAKE_ASSETS), checked by sha256: "
        "the file of a face detector, or the ImageNet weights of a network.",
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
        "groups are drawn anew, the same for both runs.",
    )
    command.add_argument(
        "first", metavar="REV_A", help="a commit, branch or experiment, or `workspace`"
    )
    command.add_argument("second", metavar="REV_B", help="another one")
    command.add_argument(
        "--split",
        default="test",
        metavar="NAME",
        help="measured on: val, test, or a held-out data set (default: %(default)s)",
    )
    command.add_argument("--md", action="store_true", help="as Markdown tables")
    command.set_defaults(run=commands.compare, in_project=True)


def _add_plots(to: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = to.add_parser(
        "plots",
        help="every chart on one page that opens without a network",
        description="`dvc plots show`, or `dvc plots diff` of the revisions named, as a page that needs no network.",
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
    )
    command.set_defaults(run=commands.prune, in_project=True)
