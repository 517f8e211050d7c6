"""A file to spare is given up for whoever waits, and for nobody else."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import made
import pytest
from patience import HANG

from app import judging
from app.arrival import Arrival
from app.history import History, Room
from app.work import GivenUpError
from deepfake_detector.media.reading import LIMITS
from deepfake_detector.scoring.firmness import Firmness, Outcome
from deepfake_detector.serving import engine
from deepfake_detector.serving.engine import Engine
from deepfake_detector.serving.inference import Report


class Detector:
    """Looks at a file for as long as it is watched."""

    sha256 = ""

    def __init__(self) -> None:
        self.looks = threading.Event()

    def predict(self, data, name, watch, **others):
        while True:
            watch(0, 1)
            self.looks.set()


SAME = Outcome("re-encoded", "compressed again at high quality", "REAL", "", 0.1)


@pytest.mark.parametrize("tested", [False, True])
def test_a_verdict_that_was_tested_is_tested_again_with_its_file(monkeypatch, tested):
    """Dropped again, it would come back untested, and as firm as any."""
    asked = []

    class Quick:
        sha256, contract = "cd" * 32, made.contract_terms()

        def predict(self, data, name, *, sha256, stressed, **_):
            asked.append(stressed)
            report = Report(name, sha256, "image", "REAL", fake_probability=0.1)
            return replace(report, firmness=Firmness("REAL", (SAME,))) if stressed else report

    monkeypatch.setattr(engine.Detector, "load", lambda path, sha256: Quick())
    history, only = History(Room(0)), Engine(1)  # no room for the file
    arrival = Arrival("key", "a.png", lambda: b"a picture")
    for stressed in (tested, False):
        of = judging.order(arrival, history, only, Path("none.onnx"), LIMITS, stressed)
        of.judge(lambda *_: None, lambda: False)
    assert asked == [tested, tested]


def nobody(before: int) -> None:
    pass


@pytest.mark.parametrize("spare", [True, False])
def test_one_to_spare_is_given_up_for_whoever_waits(monkeypatch, spare):
    detector, done, left = Detector(), threading.Event(), threading.Event()
    monkeypatch.setattr(engine.Detector, "load", lambda path, sha256: detector)
    only = Engine(1)
    arrival = Arrival("key", "a.mp4", lambda: b"a clip")
    order = judging.order(arrival, History(Room()), only, Path("none.onnx"), LIMITS)

    def tell(share: float, doing: str) -> None:
        if left.is_set():
            raise GivenUpError

    def judge() -> None:
        with pytest.raises(GivenUpError):
            order.judge(tell, lambda: spare)
        done.set()

    threading.Thread(target=judge, daemon=True).start()
    assert detector.looks.wait(HANG)
    assert not done.is_set(), "nobody waits"
    came = threading.Event()

    def come() -> None:
        with only.turn(Path("none.onnx"), nobody):
            came.set()

    threading.Thread(target=come, daemon=True).start()
    if not spare:
        end = time.monotonic() + HANG
        while not only.wanted():
            assert time.monotonic() < end, "nobody came"
            time.sleep(0.001)
        for _ in range(3):
            detector.looks.clear()
            while not detector.looks.is_set():
                assert not done.is_set(), "it is judged on"
                assert time.monotonic() < end, "nothing is looked at"
                time.sleep(0.001)
        assert not came.is_set()
        left.set()
    assert done.wait(HANG)
    assert came.wait(HANG)
