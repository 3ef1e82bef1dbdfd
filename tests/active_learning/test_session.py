import pytest

from cosod.active_learning.points import Point, PointSet
from cosod.active_learning.session import ConflictError, Session
from cosod.errors import InputError, OutputError
from tests.active_learning.asked import ASKED, make_run


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path)


def open_session(run):
    state, pool = run
    return Session(pool, ASKED, state.points_file)


def saved(run):
    return run[0].points(run[1])


def test_every_answer_is_in_the_file_at_once(run):
    session = open_session(run)
    session.answer(0, 1, None)
    assert saved(run).points("a/one.png") == [Point(0, 0, 1)]
    session.answer(1, 0, None)
    session.answer(2, "skip", None)
    assert len(saved(run)) == session.answered == 2
    session.answer(0, None, 1)
    assert saved(run).points("a/one.png") == [Point(47, 31, 0)]
    assert session.state()["answers"] == [None, 0, "skip", None, None] and session.state()["order"] == [1, 2]


def test_it_goes_on_where_it_was_and_asks_again_what_was_skipped(run):
    session = open_session(run)
    session.answer(1, 0, None)
    session.answer(0, "skip", None)
    again = open_session(run)
    assert again.id == session.id and again.state()["answers"] == [None, 0, None, None, None]


def test_what_stands_is_taken_back_before_it_is_answered_otherwise(run):
    session = open_session(run)
    session.answer(0, 1, None)
    session.answer(0, 1, None)  # two windows agree
    with pytest.raises(ConflictError, match="another window answered this point: on the object") as error:
        session.answer(0, 0, None)
    assert error.value.answer == 1 and saved(run).points("a/one.png") == [Point(0, 0, 1)]
    with pytest.raises(ConflictError):
        session.answer(0, None, 0)
    session.answer(0, None, 1)
    session.answer(0, 0, None)
    assert saved(run).points("a/one.png") == [Point(0, 0, 0)]
    assert session.changes(1)["changes"] == [(0, None), (0, 0)]


def test_a_file_that_another_program_wrote_is_left_alone(run):
    session = open_session(run)
    session.answer(0, 1, None)
    other = PointSet(run[1].fingerprint)
    other.add("c.png", [Point(12, 39, 1)])
    other.save(session.path)
    with pytest.raises(OutputError, match="another program"):
        session.answer(1, 1, None)
    assert saved(run) == other and session.state()["answers"][1] is None


def test_what_could_not_be_written_does_not_count(run, monkeypatch):
    session = open_session(run)
    session.answer(0, 1, None)

    def full(self, path):
        raise OutputError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(PointSet, "save", full)
        with pytest.raises(OutputError):
            session.answer(0, None, 1)
        with pytest.raises(OutputError):
            session.answer(1, 0, None)
    assert session.state()["answers"] == [1, None, None, None, None]
    session.answer(1, 1, None)
    assert saved(run).points("a/one.png") == [Point(0, 0, 1), Point(47, 31, 1)]


@pytest.mark.parametrize(
    ("number", "answer"), [(5, 1), (-1, 1), ("0", 1), (True, 1), (0, 2), (0, True), (0, "x"), (0, [])]
)
def test_nonsense_is_refused(run, number, answer):
    with pytest.raises(InputError):
        open_session(run).answer(number, answer, None)
    assert not run[0].points_file.exists()


def test_what_cannot_be_asked(run):
    state, pool = run
    with pytest.raises(InputError, match="no points"):
        Session(pool, {"c.png": []}, state.points_file)
    with pytest.raises(InputError, match="outside"):
        Session(pool, {"c.png": [(30, 0)]}, state.points_file)
    PointSet("another").save(state.points_file)
    with pytest.raises(InputError, match="another pool"):
        open_session(run)
