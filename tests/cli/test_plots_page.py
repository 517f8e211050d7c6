"""The page of charts opens without a network, and no chart on it is empty."""

import json
import os
import re
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from patience import BROWSER_HANG

from deepfake_detector import UserError
from deepfake_detector.cli import plots_page
from deepfake_detector.common import cores


def lock(train: str) -> str:
    """A dvc.lock whose report is of the first training."""
    stages = {
        "train": {"outs": [{"path": "metrics/train.json", "md5": train}]},
        "report": {"deps": [{"path": "metrics/train.json", "md5": "1"}]},
    }
    return json.dumps({"stages": stages})


@pytest.mark.slow
def test_without_charts_it_says_what_makes_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="nothing to draw yet; `dvc repro` makes it"):
        plots_page.write([])


def test_the_report_is_opened_with_what_its_own_file_may_not_hold(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert plots_page.write_report() is None
    own = Path("plots/run_report.html")
    own.parent.mkdir()
    own.write_text("<h1>The run</h1>\n<h2>In short</h2>")
    Path("dvc.lock").write_text(lock(train="1"))
    os.utime(own, (0, 0))

    def opened() -> str:
        head, stamp, rest = plots_page.write_report().read_text().split("\n")
        assert (head, rest) == ("<h1>The run</h1>", own.read_text().split("\n")[1])
        return stamp

    made = f"{datetime.fromtimestamp(0):%Y-%m-%d %H:%M}"
    cores_told = f"on {cores.processor()}, {cores.available()} cores."
    assert opened() == f"<p>Made {made}; opened at no commit {cores_told}</p>"
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    commit = git("rev-parse", "--short", "HEAD")
    assert opened() == f"<p>Made {made}; opened at commit {commit} {cores_told}</p>"
    own.write_text(own.read_text().replace("short", "long"))
    assert f"opened at commit {commit}, with changes that are not committed, on" in opened()
    Path("dvc.lock").write_text(lock(train="2"))
    assert "<p>This report is of an earlier run: " in plots_page.write_report().read_text()
    Path("dvc.lock").unlink()  # as after one that was torn
    assert "earlier run" not in plots_page.write_report().read_text()


def test_without_git_there_is_no_commit(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert plots_page._commit() == "no commit"


def git(*arguments: str) -> str:
    identity = "-c", "user.name=x", "-c", "user.email=x@example.org"
    return subprocess.run(
        ["git", *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_an_unknown_revision_is_told(toy_project_alone):
    with pytest.raises(UserError, match="`dvc plots diff` failed: .*nowhere"):
        plots_page.write(["HEAD", "nowhere"])


def test_every_chart_is_drawn_without_a_network(toy_project_alone, browser):
    page = plots_page.write([])
    assert "https://cdn" not in page.read_text().replace(plots_page.TEMPLATE.read_text(), "")
    charts = len(
        re.findall(r"^      - plots/.+\.csv:$", Path("dvc.yaml").read_text(), re.MULTILINE)
    )
    tab = browser.new_context(offline=True).new_page()
    failures: list[str] = []
    tab.set_default_timeout(BROWSER_HANG)
    tab.on("pageerror", lambda error: failures.append(str(error)))
    tab.goto(page.absolute().as_uri())
    tab.wait_for_function(
        "wanted => [...document.querySelectorAll('svg.marks')]"
        ".filter(chart => chart.textContent).length >= wanted",
        arg=charts,
    )  # those of metrics/*.json have neither text nor size
    empty = tab.evaluate(
        "[...document.querySelectorAll('svg.marks')].filter(chart => chart.textContent &&"
        " !chart.querySelector('.mark-line path, .mark-rect path, .mark-symbol "
        "path')).map(chart => chart.textContent)"
    )
    too_wide = tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    images = tab.evaluate("[...document.images].map(image => image.naturalWidth)")
    tab.context.close()
    assert failures == []
    assert charts >= 9
    assert empty == []
    assert too_wide <= 0
    assert images
    assert min(images) > 0
