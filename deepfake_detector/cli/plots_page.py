"""Every chart of DVC on one page that opens without a network: its own page loads the drawing
library from the web."""

import subprocess
import sys
from pathlib import Path

import vl_convert

from deepfake_detector import UserError
from deepfake_detector.evaluation.run_charts import VEGA_LITE
from deepfake_detector.storage.files import write_whole

TEMPLATE = Path(".dvc/tmp/plots_page.html")
PAGE = Path("dvc_plots/index.html")  # where DVC writes it
HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Plots</title>
<style>body { font-family: sans-serif; margin: 2em; } img { max-width: 100%; }</style>
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
