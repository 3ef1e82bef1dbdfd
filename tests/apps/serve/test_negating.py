"""Photos that are set to "not this object" on the page, in a headless browser."""

import numpy as np
import pytest
from PIL import Image

from tests.apps.serve import test_page
from tests.apps.serve.conftest import PHOTOS, hold
from tests.apps.serve.test_page import MUGS, PHONE, done, drawn, white_share, with_photos
from tests.apps.serve.test_painting import opened_mark, paint, result, save
from tests.waiting import eventually

pytestmark = test_page.pytestmark
opened = test_page.opened  # a fixture
APPLES = str(PHOTOS / "apples" / "fruit_bowl.jpg")


def negate(page, number=0):
    page.locator(".card .negate").nth(number).click()


def state(page, server, number=0):
    """What the server says of a card's photo."""
    _, _, group, _, photo, _ = page.locator(".save").nth(number).get_attribute("href").split("/")
    photos = server.client.get(f"/api/groups/{group}").json()["photos"]
    return next(entry for entry in photos if entry["id"] == photo)


def badge(page, text, number=0):
    page.locator(f".card:nth-of-type({number + 1}) .badge:visible", has_text=text).wait_for()


def find_again(page, text):
    page.locator("#find").click()
    page.locator("#status", has_text=f"Done: {text}").wait_for()


def test_a_photo_is_not_the_object_and_is_again(opened, server):
    page = with_photos(opened, [APPLES, *MUGS[:3]])
    page.locator("[value=mask]").check(force=True)
    page.locator("#threshold").fill("0.02")
    drawn(page, "mask")
    page.wait_for_function("() => document.querySelector('#threshold-value').value === '0.02'")
    before = result(page, server, "map"), result(page, server, "map", 1)
    assert before[0].any()
    negate(page)
    badge(page, "Not this object")
    page.locator("#status", has_text="fruit_bowl.jpg is not the object. Find again").wait_for()
    assert page.locator(".negate").first.get_attribute("aria-pressed") == "true"
    eventually(lambda: white_share(page) == 0)  # at once
    eventually(lambda: state(page, server)["negative"])
    assert page.locator(".correct").first.is_disabled() and not result(page, server, "mask").any()
    find_again(page, "3 photos, against 1")
    badge(page, "Not this object")
    assert white_share(page) == 0 and not np.array_equal(result(page, server, "map", 1), before[1])
    negate(page)
    page.locator("#status", has_text="counts again").wait_for()
    eventually(lambda: page.locator(".card .badge:visible", has_text="Not this object").count() == 0)
    find_again(page, "4 photos")
    assert all(np.array_equal(result(page, server, "map", i), before[i]) for i in range(2))
    assert white_share(page) > 0 and not state(page, server)["negative"]


def test_a_mark_rests_while_the_photo_is_not_the_object(opened, server):
    page = with_photos(opened, MUGS[:3])
    opened_mark(page)
    paint(page, (0.4, 0.5), (0.6, 0.5))
    save(page)
    find_again(page, "3 photos")
    assert state(page, server)["marked"]
    negate(page)
    eventually(lambda: state(page, server)["negative"] and not state(page, server)["marked"])
    badge(page, "Not this object")
    negate(page)
    eventually(lambda: state(page, server)["marked"] and not state(page, server)["negative"])
    badge(page, "Reference")
    for _ in range(5):  # faster than the server answers
        page.locator(".negate").first.evaluate("button => button.click()")
    eventually(lambda: state(page, server)["negative"] and not state(page, server)["marked"])
    opened_mark(page)  # whoever marks the object there says that it is there
    paint(page, (0.5, 0.3))
    save(page)
    badge(page, "Reference")
    find_again(page, "3 photos")
    assert state(page, server)["marked"] and not state(page, server)["negative"]


def test_every_photo_cannot_be_something_else(opened):
    page = with_photos(opened, MUGS[:2])
    negate(page, 0)
    negate(page, 1)
    page.locator("#find").click()
    page.locator("#problems", has_text="every photo is set").wait_for()
    negate(page, 0)
    page.locator("#find").click()
    page.locator("#status", has_text="One photo has nothing to share").wait_for()


def test_what_is_said_while_the_search_runs_does_not_end_it(opened, server, detector, monkeypatch):
    page = with_photos(opened, MUGS[:3])
    negate(page, 2)
    let_go = hold(monkeypatch, detector)
    page.locator("#find").click()
    page.locator("#status", has_text="Looking").wait_for()
    negate(page, 2)
    negate(page, 1)
    let_go.set()
    page.locator("#find", has_text="Find again").wait_for()
    badge(page, "Not this object", 1)
    assert not page.locator("#problems").is_visible() and page.locator("#find.main").count() == 1
    find_again(page, "2 photos, against 1")


def test_servers_that_have_deleted_the_photos_hear_it_again(browser, server):
    page = browser.new_page()  # not the one that takes any answer of 404 for a mistake
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.set_input_files("#pick-photos", MUGS[:3])
    done(page, 3)
    negate(page, 1)
    eventually(lambda: state(page, server, 1)["negative"])
    _, _, group, *_ = page.locator(".save").first.get_attribute("href").split("/")
    server.client.delete(f"/api/groups/{group}")
    find_again(page, "2 photos, against 1")
    assert state(page, server, 1)["negative"]
    page.close()


def refuse(page, kind):
    """Let the server refuse what is said of photos."""
    answer = {"detail": f"this network cannot use a {kind}; give another"}
    page.route(f"**/{kind}", lambda route: route.fulfill(status=422, json=answer))


def test_refused_negatives_are_taken_back_where_the_limits_are_not_known(opened, server):
    page = opened()
    page.route("**/api/limits", lambda route: route.abort())
    page.reload()
    page.set_input_files("#pick-photos", MUGS[:2])
    page.locator("#find:enabled", has_text="Find").wait_for()
    page.unroute("**/api/limits")
    page.locator("#find").click()
    done(page, 2)
    opened_mark(page)
    paint(page, (0.4, 0.5), (0.6, 0.5))
    save(page)
    find_again(page, "2 photos")
    before = result(page, server, "map")
    refuse(page, "negative")
    negate(page)
    page.locator("#problems", has_text="cannot use a negative").wait_for()
    page.locator("#status", has_text="counts as before").wait_for()
    assert page.locator(".negate").first.get_attribute("aria-pressed") == "false"
    badge(page, "Reference")
    eventually(lambda: state(page, server)["marked"])  # its mark, which a negative photo has not, is there again
    assert page.locator("#find.main").count() == 0 and np.array_equal(result(page, server, "map"), before)


def test_limits_that_are_known_late_take_the_button_away(opened, server):
    page = opened()
    known = server.client.get("/api/limits").json() | {"negatives": False}
    page.route("**/api/limits", lambda route: route.abort())
    page.reload()
    page.set_input_files("#pick-photos", MUGS[:2])
    page.locator("#find:enabled", has_text="Find").wait_for()
    page.unroute("**/api/limits")
    page.route("**/api/limits", lambda route: route.fulfill(json=known))
    page.locator("#find").click()
    done(page, 2)
    assert page.locator(".negate:visible").count() == 0 and page.locator(".mark:visible").count() == 2


def test_networks_that_cannot_have_no_such_button(opened, server):
    page = opened()
    page.route(
        "**/api/limits",
        lambda route: route.fulfill(json=server.client.get("/api/limits").json() | {"negatives": False}),
    )
    page.reload()
    page.set_input_files("#pick-photos", MUGS[:2])
    done(page, 2)
    assert page.locator(".mark:visible").count() == 2 and page.locator(".negate:visible").count() == 0


def test_a_tall_photo_has_room_for_all_buttons(opened, tmp_path):
    Image.effect_noise((90, 400), 80).convert("RGB").save(tmp_path / "a tall photo with a long name.png")
    page = with_photos(opened, [str(tmp_path / "a tall photo with a long name.png"), *MUGS[:3]])
    card = page.locator(".card").first.bounding_box()
    for part in (".name", ".save", ".mark", ".correct", ".negate", ".remove"):
        box = page.locator(f".card {part}").first.bounding_box()
        assert box["width"] > 30 and box["x"] >= card["x"] and box["x"] + box["width"] <= card["x"] + card["width"]
    heights = [page.locator(".picture").nth(number).bounding_box()["height"] for number in range(2)]
    assert heights[0] == pytest.approx(heights[1], abs=2)


@pytest.mark.parametrize("width", [390, 360])
def test_on_a_phone(opened, server, width):
    page = with_photos(opened, [APPLES, *MUGS[:3]], **{**PHONE, "viewport": {"width": width, "height": 780}})
    for button in (".save", ".mark", ".correct", ".negate", ".remove"):
        box = page.locator(f".card {button}").first.bounding_box()
        assert box["width"] >= 32 and box["height"] >= 32
    page.locator(".card .negate").first.tap()
    badge(page, "Not this object")
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    page.locator("#find").tap()
    page.locator("#status", has_text="Done: 3 photos, against 1 photo without").wait_for()
    page.locator(".card .negate").first.tap()
    page.locator("#status", has_text="counts again").wait_for()
    page.locator("#find").tap()
    done(page, 4)
    assert not state(page, server)["negative"]
