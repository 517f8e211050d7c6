"""The Makefile: what `make app` runs, on which port, and when a browser opens."""

import re
import tomllib
from pathlib import Path

import pytest
from conftest import PROJECT, run


@pytest.mark.parametrize(("arguments", "port"), [((), 8501), (("PORT=8600",), 8600)])
@pytest.mark.parametrize(("display", "wayland"), [("", ""), (":0", ""), ("", "wayland-0")])
def test_app_serves_on_its_port_and_opens_a_browser_where_there_is_a_display(
    arguments, port, display, wayland
):
    typed = run(
        PROJECT, "make", "-n", "app", *arguments, DISPLAY=display, WAYLAND_DISPLAY=wayland, PORT="1"
    )
    assert typed.returncode == 0, typed.stderr
    *_, told, served = typed.stdout.splitlines()
    assert f"http://localhost:{port}" in told
    assert f"streamlit run app/streamlit_app.py --server.port {port}" in served
    assert ("--server.headless false" in served) == bool(display or wayland)


def test_whoever_serves_the_page_otherwise_opens_no_browser():
    config = tomllib.loads(Path(".streamlit/config.toml").read_text())
    assert config["server"]["headless"] is True


def test_make_alone_lists_every_target_in_a_line():
    told = run(PROJECT, "make").stdout.splitlines()
    targets = re.findall(r"^([a-z]+):", Path("Makefile").read_text(), re.MULTILINE)
    assert [line.split()[1] for line in told] == targets
    assert all(len(line) <= 110 for line in told)
