"""The API as a process of its own: what it answers while an upload is on its way, to several at
once, and to whatever its own description allows or forbids."""

import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import made
import pytest
from patience import HANG

pytestmark = pytest.mark.slow

KEY = {"X-API-Key": "k3y"}
LIMITS = (
    "upload_mb = 1\nclip_seconds = 60\nmegapixels = 64\nseconds_per_clip = 3600\n"
    "visitors_at_once = 2\nuploads_at_once = 16\n"
)
CALLS = os.environ.get("DEEPFAKE_API_CALLS", "20")  # generated for each operation


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("api")
    (folder / "limits.toml").write_text(LIMITS)
    model = made.write_model(folder / "m.onnx")
    environment = {
        "DEEPFAKE_API_KEY": KEY["X-API-Key"],
        "DEEPFAKE_LIMITS": str(folder / "limits.toml"),
    }
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "deepfake_detector", "serve", "--port", "0", "--model", model],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        told = server.stdout.readline()
        (found,) = re.findall(r"^the API: (http://127\.0\.0\.1:\d+)/docs$", told)
        yield found
        server.send_signal(signal.SIGTERM)
        server.wait(HANG)
        server.stdout.close()
    assert "Traceback" not in (folder / "log").read_text()


def test_a_body_over_the_limit_is_refused_before_it_is_sent(address):
    """As curl does it: it sends the head, and the body only when it is asked to go on."""
    place = urllib.parse.urlsplit(address)
    with socket.create_connection((place.hostname, place.port), timeout=HANG) as connection:
        head = [
            "POST /v1/judge HTTP/1.1",
            "Host: localhost",
            f"X-API-Key: {KEY['X-API-Key']}",
            "Content-Type: multipart/form-data; boundary=x",
            f"Content-Length: {1 << 40}",
            "Expect: 100-continue",
        ]
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        answer = b""
        while more := connection.recv(4096):
            answer += more
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer


def test_several_at_once_get_the_answers_to_their_own_files(address):
    stills = [made.person_still(person) for person in range(6)]

    def ask(number: int) -> tuple[str, bool]:
        data = stills[number % len(stills)]
        answer = httpx2.post(
            f"{address}/v1/judge",
            files={"file": (f"{number}.jpg", data)},
            headers=KEY,
            timeout=HANG,
        ).json()
        own = hashlib.sha256(data).hexdigest()
        return answer["input"]["name"], answer["input"]["sha256"] == own

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(24)))
    assert answers == [(f"{number}.jpg", True) for number in range(24)]


def test_whatever_its_description_allows_or_forbids_is_answered_as_described(address, tmp_path):
    program = Path(sys.executable).with_name("schemathesis")
    options = ("--max-examples", CALLS, "--checks", "all", "--seed", "1", "--no-color")
    done = subprocess.run(
        [
            program,
            "run",
            f"{address}/openapi.json",
            *options,
            "-H",
            f"X-API-Key: {KEY['X-API-Key']}",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested: 4" in done.stdout
