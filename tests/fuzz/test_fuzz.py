"""Hostile and damaged files, judged as in production: each gets an answer, costs only itself."""

import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import made
import numpy as np
import pytest
from fuzz import hostile
from fuzz.mutations import WALKS, mutated, parts
from fuzz.run import damaged, fuzz
from fuzz.seeds import STILLS, SUFFIXES, seeds

from deepfake_detector.media.frame_sampling import sample_frames
from deepfake_detector.media.probing import probe
from deepfake_detector.media.reading import Limits
from deepfake_detector.media.stills import read_image
from deepfake_detector.serving.inference import Detector

pytestmark = pytest.mark.slow

FILES = 150  # in this slice; `make fuzz` judges 20,000


@pytest.fixture(scope="module")
def detector(tmp_path_factory) -> Detector:
    return Detector.load(
        made.write_model(tmp_path_factory.mktemp("model") / "fake.onnx"), threads=1
    )


@pytest.fixture
def line() -> Iterator[tuple[str, list]]:
    """The address of a server on this machine, and who called it."""
    calls: list = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, caller = server.accept()
                except OSError:
                    return
                calls.append(caller)
                connection.close()

        threading.Thread(target=answer, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}", calls


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_seed_is_judged(detector, suffix):
    report = detector.predict(seeds()[suffix])
    assert (report.verdict, report.frames_with_face) == ("FAKE", report.frames_sampled)


def test_seeds_are_the_same_bytes_each_time():
    """So that a finding can be made again from its number."""
    again = seeds.__wrapped__()
    assert [suffix for suffix, data in seeds().items() if again[suffix] != data] == []


@pytest.mark.parametrize("suffix", sorted(WALKS))
def test_the_parts_of_a_seed_are_found_and_hold_numbers(suffix):
    data, found = seeds()[suffix], parts(seeds()[suffix], suffix)
    assert len(found) >= 2
    assert all(0 <= part.start < part.end <= len(data) for part in found)
    assert sum(len(part.numbers) for part in found) >= 10
    assert all(number.at + number.length <= len(data) for part in found for number in part.numbers)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_is_a_function_of_its_seed_and_changes_nearly_every_file(suffix):
    data = seeds()[suffix]
    once, again = (
        [mutated(data, suffix, np.random.default_rng(seed)) for seed in range(20)] for _ in range(2)
    )
    assert once == again
    assert sum(one != data for one in once) >= 18


def test_damaged_files_get_an_answer_and_leave_nothing_behind():
    found = fuzz(FILES, seed=7, workers=2)
    assert found.findings == []
    assert found.left == []
    assert sum(found.outcomes.values()) == FILES
    assert len(found.outcomes) >= 4
    assert damaged(3, 7) == damaged(3, 7) != damaged(3, 8)


@pytest.mark.parametrize("name", sorted(hostile.hostile()))
def test_a_hostile_file_is_answered_with_its_reason(detector, tmp_path, name):
    data, said = hostile.hostile()[name]
    (tmp_path / name).write_bytes(data)
    report = detector.predict(tmp_path / name)
    if said:
        assert (report.verdict, report.fake_probability) == ("ERROR", None)
        assert re.search(said, report.error)
    else:
        assert report.frames_with_face > 0 or report.verdict != "FAKE"


def test_a_clip_longer_than_the_limit_is_refused_by_its_times(detector):
    report = detector.predict(hostile.of_ten_hours(), limits=Limits(duration=600))
    assert report.error.startswith("too long: ")


@pytest.mark.parametrize("kind", sorted(hostile.playlists("x")))
@pytest.mark.parametrize(
    "scheme", ["http://{line}/x.mp4", "tcp://{line}", "file://{file}", "{file}", "concat:{file}"]
)
def test_no_file_makes_it_open_another_one_or_call_anybody(detector, tmp_path, line, kind, scheme):
    address, calls = line
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(seeds()["mp4"])
    data = hostile.playlists(scheme.format(line=address, file=secret))[kind]
    (tmp_path / f"list.{kind}").write_bytes(data)
    report = detector.predict(tmp_path / f"list.{kind}")
    assert calls == []
    if kind != "elsewhere.mp4":  # that one has pictures of its own
        assert (report.verdict, report.frames_sampled) == ("ERROR", 0)


@pytest.mark.parametrize("name", hostile.NAMES)
def test_a_name_is_only_a_name(detector, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(seeds()["mp4"])
    assert detector.predict(Path(name)).verdict == "FAKE"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_lies_in_the_seeds_is_what_their_suffix_says():
    for suffix, data in seeds().items():
        assert probe(data).kind == ("image" if suffix in STILLS else "video"), suffix
        assert (
            read_image(data) if suffix in STILLS else next(sample_frames(data, 1)).image
        ).ndim == 3
