"""What was judged is kept under its token for its time, and for nobody else."""

import threading

import made

from app.visits import Visits
from app.work import LOST, Order
from deepfake_detector.serving.inference import Report


def test_a_visit_is_found_by_its_token_alone_and_ends_with_its_time():
    now = [0.0]
    visits = Visits(seconds=100, clock=lambda: now[0])
    visit = visits.opened(None, 1)
    assert visits.opened(visit.token, 1) is not visit, "nothing is kept of who did nothing"
    visits.keep(visit)
    assert visits.opened(visit.token, 1) is visit
    for other in (None, "", "guessed", visit.token[:-1]):
        stranger = visits.opened(other, 1)
        assert stranger.token not in (other, visit.token)
        assert stranger.history is not visit.history
    now[0] = 90.0
    visits.keep(visit)
    now[0] = 180.0
    assert visits.opened(visit.token, 1) is visit, "it counts from the last look"
    now[0] = 191.0
    visits.expire()
    assert visits.opened(visit.token, 1) is not visit


def test_a_visit_does_not_end_while_its_page_is_open():
    now, there = [0.0], [True]
    visits = Visits(seconds=100, clock=lambda: now[0])
    visit = visits.opened(None, 1)
    visits.keep(visit)
    visit.work.watch("somebody", lambda: bool(there))
    for now[0] in (90.0, 180.0, 270.0):
        assert visits.opened(visit.token, 1) is visit
    there.clear()
    now[0] = 371.0
    assert visits.opened(visit.token, 1) is not visit


class Waiting:
    """An order that is never done."""

    def __init__(self) -> None:
        self.order = Order("key", "a.mp4", self._judge)

    def _judge(self, tell, spare) -> int:
        while True:
            tell(0.5, "looking")


def test_what_waits_where_nobody_is_ends_with_its_page_and_with_its_visit():
    now = [0.0]
    visits = Visits(seconds=1000, clock=lambda: now[0])
    left, forgotten = visits.opened(None, 1), visits.opened(None, 1)
    for visit in (left, forgotten):
        visit.work.stop()
        visit.work.add([Waiting().order])
        visits.keep(visit)
    visits.forget(forgotten)
    assert forgotten.work.waiting == 0
    now[0] = LOST + 1
    visits.expire()
    assert (left.work.waiting, left.work.lost) == (0, ("a.mp4",))


def test_the_visit_of_an_open_page_is_the_last_to_make_room():
    visits = Visits(most=2)
    opened, left, new = (visits.opened(None, 1) for _ in range(3))
    opened.work.watch("somebody", lambda: True)
    for one in (opened, left):
        visits.keep(one)
    visits.expire()
    visits.keep(new)
    assert visits.opened(opened.token, 1) is opened
    assert visits.opened(left.token, 1) is not left


def test_so_many_visits_are_kept_and_one_can_be_forgotten():
    visits = Visits(most=2)
    opened = [visits.opened(None, 1) for _ in range(3)]
    for visit in opened:
        visits.keep(visit)
    assert [visits.opened(one.token, 1) is one for one in opened] == [False, True, True]
    visits.forget(opened[2])
    assert visits.opened(opened[2].token, 1) is not opened[2]


def test_what_is_forgotten_stays_so_where_another_tab_has_it_open():
    visits = Visits()
    visit = visits.opened(None, 1)
    report = Report("a.jpg", None, None, "ERROR", error="empty file")
    visit.history.add(report, made.contract_terms(), "ab" * 32, "m.onnx")
    visits.keep(visit)
    assert visits.opened(visit.token, 1) is visit
    visits.forget(visit)
    assert visit.history.forgotten
    assert not visit.history.rows()
    visits.keep(visit)  # as the other tab does
    assert visits.opened(visit.token, 1) is not visit


def test_tokens_cannot_be_guessed():
    tokens = {Visits().opened(None, 1).token for _ in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) >= 20


def test_several_threads_may_open_keep_and_forget():
    visits, failed = Visits(most=5), []

    def visit() -> None:
        try:
            for _ in range(200):
                visit = visits.opened(None, 1)
                visits.keep(visit)
                visits.expire()
                visits.forget(visit)
        except RuntimeError as error:
            failed.append(error)

    threads = [threading.Thread(target=visit) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert failed == []
