"""What `plots` opens: every chart of DVC on one page that needs no network, as DVC's own loads the
drawing library from the web; and the run's report, with what its own file may not hold."""

import subprocess
import sys
from datetime import datetime
from html import escape
from pathlib import Path

import vl_convert

from deepfake_detector import UserError
from deepfake_detector.common import cores
from deepfake_detector.evaluation import revisions, seeds
from deepfake_detector.evaluation.run_charts import VEGA_LITE
from deepfake_detector.storage.files import write_whole

TEMPLATE = Path(".dvc/tmp/plots_page.html")
PAGE = Path("dvc_plots/index.html")  # where DVC writes it
REPORT, OPENED_REPORT = Path("plots/run_report.html"), PAGE.with_name("run_report.html")
HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Plots</title>
<style>body { font-family: sans-serif; margin: 2em } img, svg.marks { max-width: 100%; height: auto }</style>
<script>
"""
TAIL = """
</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def write(revisions: list[str]) -> Path:
    """Draw the workspace's charts, or those of `revisions` over each other; returns the page.

    Raises UserError where there are none, or DVC cannot draw them.
    """
    library = vl_convert.javascript_bundle(
        "window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE
    ).replace("</script", "<\\/script")
    write_whole(TEMPLATE, (HEAD + library + TAIL).encode())
    PAGE.unlink(missing_ok=True)
    command = ["diff", *revisions] if revisions else ["show"]
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "plots", *command, "--html-template", str(TEMPLATE)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UserError(f"`dvc plots {command[0]}` failed: {done.stderr.strip()}")
    if not PAGE.exists():
        raise UserError("there is nothing to draw yet", "`dvc repro` makes it")
    return PAGE


def write_report() -> Path | None:
    """Write the run's report with its time, the commit, the processor and the figures of other
    seeds, none of which a file that DVC tracks may hold; returns its path. None where there is no
    report, as after a search up to `evaluate`."""
    if not REPORT.exists():
        return None
    stamp = (
        f"Made {datetime.fromtimestamp(REPORT.stat().st_mtime):%Y-%m-%d %H:%M}; opened at {_commit()} "
        f"on {cores.processor()}, {cores.available()} cores."
    )
    alike = seeds.of_one_recipe(revisions.kept(), revisions.is_evaluated)
    sentences = [*_earlier(), stamp, *filter(None, [seeds.spread(alike)])]
    page = REPORT.read_text(encoding="utf-8")
    added = "".join(f"\n<p>{escape(sentence)}</p>" for sentence in sentences)
    write_whole(OPENED_REPORT, page.replace("</h1>", f"</h1>{added}", 1).encode())
    return OPENED_REPORT


def _earlier() -> list[str]:
    """A warning where by dvc.lock the report is of another run than the workspace's."""
    lock = revisions.LOCK
    if not lock.exists() or not revisions.older_than_its_inputs(lock.read_bytes(), "report"):
        return []
    return ["This report is of an earlier run: `dvc repro` makes that of the last one."]


def _commit() -> str:
    """The commit of the workspace, in words; "no commit" where there is none, or no Git."""
    describe = ("git", "describe", "--always", "--dirty", "--exclude", "*")
    try:
        done = subprocess.run(describe, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "no commit"
    commit, changed = done.stdout.strip().removesuffix("-dirty"), "-dirty" in done.stdout
    if not commit:
        return "no commit"
    return f"commit {commit}" + (", with changes that are not committed," if changed else "")
