"""Files the project does not ship: only the right one is used or kept, and errors name the file and
the remedy."""

import hashlib
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deepfake_detector import UserError
from deepfake_detector.storage.assets import Asset, fetch, folder, locate

CONTENT, OTHER = b"the weights", b"something else"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
TINY = Asset("tiny", "tiny.onnx", "http://127.0.0.1:9/tiny.onnx", SHA256, "some.setting")
DIGITS = replace(TINY, sha256=SHA256[:8])  # all that its publisher says
REMEDY = "python -m deepfake_detector fetch-assets tiny"


class Server(BaseHTTPRequestHandler):
    """Serves /right, /wrong and /short (which ends before all it promised has come)."""

    def do_GET(self) -> None:  # noqa: N802
        data = {"/right": CONTENT, "/wrong": OTHER, "/short": CONTENT}.get(self.path)
        self.send_response(200 if data else 404)
        self.send_header(
            "Content-Length", str(len(data or b"") + (10 if self.path == "/short" else 0))
        )
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Where the asset TINY has to lie; its address leads nowhere."""
    monkeypatch.setenv("DEEPFAKE_ASSETS", str(tmp_path / "assets"))
    return tmp_path / "assets" / "tiny.onnx"


def put(path, content: bytes):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path.parent


def test_assets_lie_in_the_home_folder_unless_the_environment_says_otherwise(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DEEPFAKE_ASSETS", str(tmp_path))
    assert folder() == tmp_path
    monkeypatch.setenv("DEEPFAKE_ASSETS", "")
    assert folder() == tmp_path / "home" / ".cache" / "deepfake-detector"
    monkeypatch.delenv("DEEPFAKE_ASSETS")
    assert folder() == tmp_path / "home" / ".cache" / "deepfake-detector"


def test_the_right_file_is_found(tiny):
    put(tiny, CONTENT)
    assert locate(TINY, SHA256) == tiny


def test_a_missing_file_is_named_with_the_remedy(tiny):
    with pytest.raises(UserError, match=f"{tiny}: not there.*`{REMEDY}`.*--from FOLDER"):
        locate(TINY, SHA256)


def test_another_file_is_refused_with_both_hashes_and_the_remedy(tiny):
    put(tiny, OTHER)
    digest = hashlib.sha256(OTHER).hexdigest()
    with pytest.raises(
        UserError,
        match=f"{tiny}: sha256 is {digest}, but params.yaml or the model expects {SHA256}.*`{REMEDY}`",
    ):
        locate(TINY, SHA256)


@pytest.mark.parametrize("asset", [TINY, DIGITS], ids=["the whole hash", "its first digits"])
def test_the_published_file_is_refused_where_another_is_wanted_and_the_setting_named(tiny, asset):
    put(tiny, CONTENT)
    said = f"{tiny}: sha256 is {SHA256}, but params.yaml or the model expects {'0' * 64}; .*set some.setting to its"
    with pytest.raises(UserError, match=said):
        locate(asset, "0" * 64)


@pytest.mark.parametrize("before", [None, OTHER], ids=["nothing there", "another file there"])
@pytest.mark.parametrize("asset", [TINY, DIGITS], ids=["the whole hash", "its first digits"])
def test_the_right_file_of_a_folder_is_put_in_place(tiny, tmp_path, before, asset):
    if before:
        put(tiny, before)
    assert fetch(asset, put(tmp_path / "stick" / "tiny.onnx", CONTENT)) == tiny
    assert locate(asset, SHA256).read_bytes() == CONTENT


@pytest.mark.parametrize("asset", [TINY, DIGITS], ids=["the whole hash", "its first digits"])
def test_the_right_file_in_place_is_not_fetched_again(tiny, asset):
    put(tiny, CONTENT)
    assert fetch(asset) == tiny


@pytest.mark.parametrize("before", [None, OTHER], ids=["nothing there", "another version there"])
@pytest.mark.parametrize("asset", [TINY, DIGITS], ids=["the whole hash", "its first digits"])
def test_a_wrong_file_of_a_folder_is_not_kept_and_costs_nothing(tiny, tmp_path, before, asset):
    if before:
        put(tiny, before)
    with pytest.raises(
        UserError,
        match=f"tiny.onnx from .*stick: sha256 is .*, expected {asset.sha256}; not kept; take",
    ):
        fetch(asset, put(tmp_path / "stick" / "tiny.onnx", b"wrong"))
    assert (tiny.read_bytes() if tiny.exists() else None) == before


def test_a_folder_without_the_file_is_named(tiny, tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path}/tiny.onnx: No such file or directory"):
        fetch(TINY, tmp_path)
    assert not tiny.exists()


def test_a_folder_that_is_none_is_told_though_the_file_is_in_place(tiny, tmp_path):
    put(tiny, CONTENT)
    with pytest.raises(UserError, match="nowhere: no such folder; name the folder that has tiny"):
        fetch(TINY, tmp_path / "nowhere")


def test_a_file_comes_from_the_web(tiny, server):
    assert fetch(replace(TINY, url=f"{server}/right")).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/missing", "/missing: Not Found; get tiny.onnx on a machine with a network"),
        ("/short", "/short: .*; get tiny.onnx on a machine with a network"),
        ("/wrong", "/wrong: sha256 is .*, expected .*; not kept"),
    ],
)
def test_what_the_web_does_not_give_is_named_and_not_kept(tiny, server, path, message):
    with pytest.raises(UserError, match=message):
        fetch(replace(TINY, url=server + path))
    assert not tiny.exists()


def test_without_a_network_the_remedy_is_named(tiny):
    with pytest.raises(
        UserError, match=f"127.0.0.1:9/tiny.onnx: .*refused.*`{REMEDY} --from FOLDER`"
    ):
        fetch(TINY)
