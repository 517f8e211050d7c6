"""How a file that was dropped is judged: in its turn, with its progress shown, and a row in any
case."""

import hashlib
import logging
from functools import partial
from pathlib import Path

from app.arrival import Arrival
from app.history import History
from app.work import GivenUpError, OnProgress, Order, Spare
from deepfake_detector import UserError
from deepfake_detector.media.reading import Limits
from deepfake_detector.serving.engine import Engine, without_folder
from deepfake_detector.serving.inference import FAULT, Detector, Report


def order(
    arrival: Arrival,
    history: History,
    engine: Engine,
    model: Path,
    limits: Limits,
    stressed: bool = False,
) -> Order:
    """The order to judge a file by the model at the path `model`; `stressed`: on changed copies
    too."""
    judge = partial(_judge, arrival, history, engine, model, limits, stressed)
    return Order(arrival.key, arrival.name, judge)


def refuse(history: History, detector: Detector, model: str, name: str, why: str) -> int:
    """Add a row for a file that cannot be judged, with the reason `why`; its number."""
    refused = Report.unreadable(name, why)
    return history.add(refused, detector.contract, detector.sha256, model).number


def _judge(
    arrival: Arrival,
    history: History,
    engine: Engine,
    model: Path,
    limits: Limits,
    stressed: bool,
    on_progress: OnProgress,
    spare: Spare,
) -> int:
    """Judges a file, unless the same model has judged it before and all of that is kept; the number
    of its row."""
    try:
        detector = engine.detector(model)
    except UserError as error:
        raise UserError(without_folder(str(error), model)) from error
    try:
        data = arrival.read()
    except OSError as error:
        return refuse(history, detector, model.name, arrival.name, str(error.strerror))
    sha256 = hashlib.sha256(data).hexdigest()
    row = history.find(arrival.name, sha256, detector.sha256)
    kept = history.evidence(row.number) if row else None
    if kept and kept.whole and not stressed:
        history.repeated.append(arrival.name)
        return kept.number
    stressed = stressed or bool(row and row.report["stress"])  # no verdict is firmer untested
    try:
        report = _judged_in_turn(
            arrival.name, data, sha256, engine, model, limits, stressed, on_progress, spare
        )
    except GivenUpError:
        raise
    except UserError as error:
        why = without_folder(str(error), model)
        return refuse(history, detector, model.name, arrival.name, why)
    except Exception:
        logging.getLogger(__name__).exception("%r could not be judged", arrival.name)
        return refuse(history, detector, model.name, arrival.name, FAULT)
    return history.add(report, detector.contract, detector.sha256, model.name, data).number


def _judged_in_turn(
    name: str,
    data: bytes,
    sha256: str,
    engine: Engine,
    model: Path,
    limits: Limits,
    stressed: bool,
    on_progress: OnProgress,
    spare: Spare,
) -> Report:
    """Every file waits in line, and one to spare is given up where somebody else waits, so that a
    visitor with many files does not keep the others waiting."""

    def show_place(before: int) -> None:
        ahead = {0: "You are next.", 1: "One visitor is before you."}.get(
            before, f"{before} visitors are before you."
        )
        on_progress(0.0, f"Waiting for your turn. {ahead}")

    def show_frames(done: int, total: int) -> None:
        if spare() and engine.wanted():
            raise GivenUpError
        if done >= total:
            on_progress(1.0, "Judging the faces found")
        else:
            where = " in it and in changed copies of it" if stressed else ""
            on_progress(done / total, f"Looking for faces{where}: frame {done} of {total}")

    with engine.turn(model, show_place, spare) as detector:
        on_progress(0.0, f"Reading {len(data) / 1e6:.1f} MB")
        return detector.predict(
            data,
            name,
            watch=show_frames,
            limits=limits,
            sha256=sha256,
            stressed=stressed,
            keep_frames=True,
        )
