"""The label page in a real browser; skipped where there is no Chromium, or no Playwright to drive it."""

from contextlib import contextmanager

import pytest

from cosod.active_learning.points import PointSet
from cosod.active_learning.session import Session
from cosod.errors import OutputError
from tests.active_learning.asked import ASKED, make_run
from tests.apps.serve.conftest import labeling
from tests.browser import needs_browser, new_context

pytestmark = needs_browser


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path)


@contextmanager
def serving(run, queries=ASKED):
    state, pool = run
    with labeling(Session(pool, queries, state.points_file)) as server:
        yield server


@pytest.fixture
def server(run):
    with serving(run) as server:
        yield server


@pytest.fixture
def opened(browser):
    """Opens windows; at the end nothing may have gone wrong in any, nor been asked of another site."""
    contexts, wrong, addresses = [], [], []

    def open_window(server, context=None, **options):
        if context is None:
            context = new_context(browser, **options)
            contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: addresses.append(request.url))
        page.goto(server.url)
        ready(page)
        return page

    yield open_window
    for context in contexts:
        context.close()
    assert wrong == []
    assert all(address.startswith(("http://127.0.0.1:", "data:")) for address in addresses)


def wait(page, condition, argument=None):
    """Until a JavaScript condition holds; by the clock, as a window behind another draws nothing."""
    page.wait_for_function(condition, arg=argument, polling=30)


def ready(page):
    """Until the page takes an answer, or has nothing more to ask."""
    wait(page, "() => document.getElementById('work').hidden || document.getElementById('stage').ariaBusy === 'false'")


def press(page, key):
    ready(page)
    page.keyboard.press(key)


def click(page, button):
    ready(page)
    page.click(button)


def count(page):
    return page.text_content("#count")


def until(page, text, where="#count"):
    wait(page, "([where, text]) => document.querySelector(where).textContent.includes(text)", [where, text])


def answers(run):
    points = run[0].points(run[1])
    labels = {(name, p.x, p.y): p.label for name in points.images() for p in points.points(name)}
    return [labels.get((name, *at)) for name, asked in ASKED.items() for at in asked]


def saved(page, run, *expected):
    """The answers come to be these in the file, in the order of the questions."""
    comes_to_be(page, lambda: answers(run), list(expected))


def comes_to_be(page, value, expected):
    """``value()`` is ``expected`` before long: what a page sends arrives after it was shown."""
    for _ in range(1000):
        if value() == expected:
            return
        page.wait_for_timeout(30)
    assert value() == expected


def test_answers_by_key_and_by_mouse_are_in_the_file_at_once(opened, server, run):
    page = opened(server)
    assert count(page) == "0 of 5 points" and "3 of 3 images" in page.text_content("#left")
    assert page.text_content("#name") == "a/one.png" and page.is_disabled("#undo")
    press(page, "1")
    assert count(page) == "1 of 5 points"
    saved(page, run, 1, None, None, None, None)
    click(page, "#no")
    saved(page, run, 1, 0, None, None, None)
    assert page.text_content("#name") == 'b/tú "&".png' and "2 of 3 images" in page.text_content("#left")
    press(page, "s")
    assert "1 skipped" in page.text_content("#left")
    click(page, "#yes")
    saved(page, run, 1, 0, None, 1, None)
    assert page.text_content("#spoken") == "on the object. 3 of 5 points"
    assert "c.png, point at 12, 39 of 30 by 40 pixels" in page.get_attribute("#image", "aria-label")


def test_undo_by_key_and_by_button(opened, server, run):
    page = opened(server)
    for key in "101u":
        press(page, key)
    saved(page, run, 1, 0, None, None, None)
    assert page.text_content("#name") == 'b/tú "&".png'
    press(page, "Backspace")
    click(page, "#undo")
    saved(page, run, None, None, None, None, None)
    ready(page)
    assert page.is_disabled("#undo") and page.text_content("#name") == "a/one.png"
    press(page, "0")
    saved(page, run, 0, None, None, None, None)


def test_reload_goes_on_where_it_was_and_can_still_undo(opened, server, run):
    page = opened(server)
    for key in "1s0":
        press(page, key)
    saved(page, run, 1, None, 0, None, None)
    page.reload()
    ready(page)
    assert count(page) == "2 of 5 points" and "1 skipped" in page.text_content("#left")
    assert "point at 20, 3" in page.get_attribute("#image", "aria-label")
    press(page, "u")
    saved(page, run, 1, None, None, None, None)


def test_answers_wait_in_the_window_while_the_server_is_away(opened, server, run):
    page = opened(server)
    press(page, "1")
    saved(page, run, 1, None, None, None, None)
    page.route("**/api/answer", lambda route: route.abort())
    press(page, "0")
    press(page, "1")
    until(page, "waiting in this window: 2", "#trouble")
    assert count(page) == "3 of 5 points" and answers(run) == [1, None, None, None, None]
    page.unroute("**/api/answer")
    saved(page, run, 1, 0, 1, None, None)
    page.wait_for_selector("#trouble", state="hidden")


def test_an_open_window_when_the_program_is_started_anew(opened, server, run):
    page = opened(server)
    for key in "1s":
        press(page, key)
    # Skipping leaves no trace in the file; it must not arrive only when the new session is there.
    comes_to_be(page, lambda: server.session.state()["answers"], [1, "skip", None, None, None])
    server.session = Session(run[1], ASKED, run[0].points_file)
    press(page, "0")
    saved(page, run, 1, None, 0, None, None)
    wait(page, "() => !document.getElementById('left').textContent.includes('skipped')")
    assert count(page) == "2 of 5 points"
    server.session = Session(run[1], {"c.png": [(1, 1)]}, run[0].points_file)
    until(page, "reload this page", "#trouble")


def test_a_disk_that_takes_no_more(opened, server, run, monkeypatch):
    def full(self, path):
        raise OutputError("cannot write points.json: no space left; check space")

    page = opened(server)
    with monkeypatch.context() as patch:
        patch.setattr(PointSet, "save", full)
        press(page, "1")
        until(page, "no space left", "#trouble")
    saved(page, run, 1, None, None, None, None)
    page.wait_for_selector("#trouble", state="hidden")


def test_a_second_window_sees_what_the_first_answers(opened, server, run):
    first = opened(server)
    second = opened(server, first.context)
    press(first, "1")
    until(second, "1 of 5")
    assert "Answered in another window: on the object" in second.text_content("#notice")
    assert "point at 47, 31" in second.get_attribute("#image", "aria-label")
    press(second, "0")
    first.bring_to_front()
    until(first, "2 of 5")
    saved(first, run, 1, 0, None, None, None)


def test_of_two_windows_that_contradict_each_other_the_first_stands_until_taken_back(opened, server, run):
    first, second = opened(server), opened(server)
    second.route("**/api/changes*", lambda route: route.abort())  # it does not hear of the other in time
    press(first, "1")
    saved(first, run, 1, None, None, None, None)
    press(second, "0")
    until(second, "Another window answered this point: on the object", "#notice")
    assert answers(run) == [1, None, None, None, None] and count(second) == "1 of 5 points"
    press(second, "u")
    saved(second, run, None, None, None, None, None)
    assert "point at 0, 0" in second.get_attribute("#image", "aria-label")
    press(second, "0")
    saved(second, run, 0, None, None, None, None)
    until(first, "1 of 5")


def test_the_end_and_the_points_that_were_skipped(opened, server, run):
    page = opened(server)
    for key in "1s1s1":
        press(page, key)
    assert page.is_visible("#done") and page.text_content("#sum") == "3 of 5 points answered, 2 skipped."
    assert page.evaluate("document.activeElement.tagName") == "H1"
    assert page.text_content("#next") == "cosod active query RUN --give-up"
    click(page, "#again")
    for key in "00":
        press(page, key)
    assert page.text_content("#done h1") == "All points are answered"
    assert page.text_content("#next") == "cosod active query RUN"
    saved(page, run, 1, 0, 1, 0, 1)
    press(page, "u")
    assert page.is_visible("#work")
    saved(page, run, 1, 0, 1, None, 1)


def test_an_image_that_is_gone_can_only_be_skipped(opened, server, run):
    run[1].path("a/one.png").unlink()
    page = opened(server)
    assert "cannot be read" in page.text_content("#missing") and page.is_disabled("#yes")
    press(page, "1")
    assert count(page) == "0 of 5 points"
    for key in "ss1":
        press(page, key)
    assert page.is_hidden("#missing") and page.is_enabled("#yes")
    saved(page, run, None, None, 1, None, None)


def middle(page, canvas):
    """Color in the middle of a canvas."""
    return page.evaluate(
        "id => { const c = document.getElementById(id);"
        " return [...c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data.slice(0, 3)] }",
        canvas,
    )


def test_the_point_is_in_the_middle_of_the_inset_and_not_hidden(opened, run):
    with serving(run, {"c.png": [(9, 9), (25, 33)]}) as server:  # in the red square, and out of it
        page = opened(server)
        red, green, blue = middle(page, "inset")
        assert red > 190 and green < 110 and blue < 90
        press(page, "1")
        ready(page)
        assert max(middle(page, "inset")) < 130


def drawn(page):
    """What the image's canvas shows when the ring that closes in on a new point is gone."""
    page.wait_for_timeout(500)
    return page.evaluate("document.getElementById('image').toDataURL()")


def test_zoom_by_wheel_and_key(opened, server):
    page = opened(server)
    whole = drawn(page)
    box = page.locator("#image").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    near = drawn(page)
    page.mouse.down()
    page.mouse.move(x + 50, y)
    page.mouse.up()
    moved = drawn(page)
    press(page, "+")
    assert len({whole, near, moved, drawn(page)}) == 4
    press(page, "f")
    assert drawn(page) == whole and count(page) == "0 of 5 points"


def test_zoom_by_two_fingers(opened, server):
    page = opened(server, viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True)
    touch = page.context.new_cdp_session(page)

    def fingers(kind, *places):
        points = [{"x": x, "y": 250, "id": number} for number, x in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    whole = drawn(page)
    fingers("touchStart", 180)
    fingers("touchStart", 180, 210)
    for apart in range(40, 161, 20):
        fingers("touchMove", 195 - apart / 2, 195 + apart / 2)
    fingers("touchEnd")
    assert drawn(page) != whole
    assert page.evaluate("visualViewport.scale") == 1 and count(page) == "0 of 5 points"


def test_a_phone_in_the_dark(opened, server, run):
    phone = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True, "color_scheme": "dark"}
    page = opened(server, **phone)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for button in ("yes", "no", "skip", "undo"):
        box = page.locator(f"#{button}").bounding_box()
        assert box["height"] >= 44 and box["x"] >= 0 and box["x"] + box["width"] <= 360
        assert box["y"] + box["height"] <= 640
    assert page.locator("#image").bounding_box()["height"] > 250
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, background[4:-1].split(","))) < 60
    for button in ("#yes", "#skip", "#no"):
        ready(page)
        page.tap(button)
    saved(page, run, 1, None, 0, None, None)
