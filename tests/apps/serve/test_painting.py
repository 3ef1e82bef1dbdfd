"""Marks, corrections and cut-outs on the page, in a headless browser."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from cosod.apps.serve.limits import Limits
from tests.apps.serve import test_page
from tests.apps.serve.conftest import running
from tests.apps.serve.test_page import MUGS, PHONE, canvas, done, drawn, with_photos

pytestmark = test_page.pytestmark
opened = test_page.opened  # a fixture
TABLE = MUGS[2]


def box_of(page, selector=".stage"):
    return page.locator(selector).bounding_box()


def paint(page, *places):
    """Paint along places, given as shares of the photo."""
    box = box_of(page)
    for number, (across, down) in enumerate(places):
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"], steps=4)
        if not number:
            page.mouse.down()
    page.mouse.up()


def choose(page, tool):
    page.locator(f"[name=tool][value={tool}]").check(force=True)


def result(page, server, view, number=0, **query):
    """A picture of a card, from the server."""
    address = page.locator(".save").nth(number).get_attribute("href").split("?")[0].rpartition("/")[0]
    answer = server.client.get(f"/{address}/{view}", params=query)
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def at(array, across, down):
    return array[int(down * array.shape[0]), int(across * array.shape[1])]


def painted_share(page):
    """Share of the painting layer that is painted on."""
    return page.evaluate(
        """() => {
            const canvas = document.querySelector(".stage .paint");
            const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            let count = 0;
            for (let i = 3; i < pixels.length; i += 4) count += pixels[i] > 127;
            return 4 * count / pixels.length;
        }"""
    )


def opened_mark(page, number=0, button=".mark"):
    page.locator(f".card {button}").nth(number).click()
    page.locator(".stage").wait_for()


def save(page):
    page.locator("#mark-save").click()
    page.locator("#marking").wait_for(state="hidden")


def find_again(page, count):
    page.locator("#find").click()
    done(page, count)


def test_what_is_painted_is_the_object_in_this_photo(opened, server):
    page = with_photos(opened, [TABLE, MUGS[0]])
    opened_mark(page)
    paint(page, (0.1, 0.75), (0.25, 0.75))  # the books, which nothing else shares
    choose(page, "background")
    paint(page, (0.18, 0.95), (0.3, 0.95))
    save(page)
    page.locator(".badge", has_text="Reference").wait_for()
    find_again(page, 2)
    mask = result(page, server, "mask")
    assert all(at(mask, across, 0.75) for across in (0.1, 0.18, 0.25))
    assert not at(mask, 0.55, 0.5) and not at(mask, 0.2, 0.95) and 0.02 < mask.mean() < 0.2
    page.locator("[value=mask]").check(force=True)
    drawn(page, "mask")
    shown = canvas(page).evaluate(
        "c => [...c.getContext('2d').getImageData(Math.round(.18 * c.width), Math.round(.75 * c.height), 1, 1).data]"
    )
    assert shown[0] == 255


def test_exactly_as_painted(opened, server):
    page = with_photos(opened, [TABLE, MUGS[0]])
    opened_mark(page)
    page.locator("#mark-exact").check()
    paint(page, (0.5, 0.5))
    save(page)
    find_again(page, 2)
    mask = result(page, server, "mask")
    radius = 0.06 * max(mask.shape)
    assert abs(mask.sum() / (np.pi * radius**2) - 1) < 0.05


def test_strokes_are_taken_back(opened):
    page = with_photos(opened, MUGS[:2])
    opened_mark(page)
    assert page.locator("#mark-undo").is_disabled()
    paint(page, (0.3, 0.3))
    one = painted_share(page)
    choose(page, "background")
    paint(page, (0.7, 0.7))
    two = painted_share(page)
    assert two > one > 0
    page.locator("#mark-undo").click()
    assert painted_share(page) == one
    page.locator("#mark-clear").click()
    assert painted_share(page) == 0
    page.keyboard.press("Control+z")
    assert painted_share(page) == one
    choose(page, "open")
    paint(page, (0.3, 0.3))
    assert painted_share(page) < 0.1 * one


def test_marks_that_show_no_object_are_refused_in_the_dialog(opened):
    page = with_photos(opened, MUGS[:2])
    opened_mark(page)
    choose(page, "background")
    paint(page, (0.5, 0.5))
    page.locator("#mark-save").click()
    assert "Nothing is marked" in page.locator("#mark-trouble").inner_text()
    choose(page, "object")
    page.locator("#brush").fill("20")
    for row in range(6):
        paint(page, (0.0, row / 5), (1.0, row / 5))
    page.locator("#mark-save").click()
    assert "whole photo" in page.locator("#mark-trouble").inner_text()
    page.locator("#mark-clear").click()
    save(page)
    assert page.locator(".badge:visible").count() == 0


def test_the_enlarged_view_paints_where_the_pointer_is(opened, server):
    page = with_photos(opened, [TABLE, MUGS[0]])
    opened_mark(page)
    page.locator("#mark-exact").check()
    box = box_of(page)
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.25 * box["height"])
    for _ in range(4):
        page.mouse.wheel(0, -300)
    page.wait_for_function("() => document.querySelector('.sheet').style.transform.includes('scale(11.')")
    paint(page, (0.25, 0.25))  # that place stayed where it was
    share = painted_share(page)
    page.locator("#zoom-fit").click()
    assert page.locator("#zoom-fit").is_disabled() and 0 < share < 0.001
    save(page)
    find_again(page, 2)
    mask = result(page, server, "mask")
    rows, columns = np.nonzero(mask)
    assert abs(rows.mean() / mask.shape[0] - 0.25) < 0.01 and abs(columns.mean() / mask.shape[1] - 0.25) < 0.01


def test_a_result_is_corrected_before_it_is_cut_out(opened, server):
    page = with_photos(opened, MUGS[:2])
    before = result(page, server, "map")
    opened_mark(page, button=".correct")
    assert page.locator("#mark-save").inner_text() == "Save correction" and not page.locator("#mark-exact").is_visible()
    paint(page, (0.2, 0.2), (0.4, 0.2))
    choose(page, "background")
    paint(page, (0.6, 0.8), (0.8, 0.8))
    save(page)
    page.locator("#status", has_text="corrected").wait_for()
    after = result(page, server, "map")
    assert at(after, 0.3, 0.2) == 255 and at(after, 0.7, 0.8) == 0
    away = (slice(int(0.4 * len(after)), int(0.6 * len(after))), slice(None))
    assert np.array_equal(after[away], before[away])
    assert at(result(page, server, "cutout"), 0.3, 0.2)[3] > 200
    page.locator("[value=cutout]").check(force=True)
    drawn(page, "cutout from the server")
    opened_mark(page, button=".correct")
    page.locator("#mark-clear").click()
    save(page)
    page.locator("#status", has_text="as it was found").wait_for()
    assert np.array_equal(result(page, server, "map"), before)


@pytest.mark.parametrize("status", [409, 413, 422])
def test_a_refused_correction_is_taken_back(browser, server, status):
    page = browser.new_page()  # not the one that takes every refusal for a mistake
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.set_input_files("#pick-photos", MUGS[:2])
    done(page, 2)
    page.locator("[value=map]").check(force=True)
    drawn(page, "map")
    before = test_page.histogram(page, 0)
    refusal = {"status": status, "json": {"detail": "the correction is not taken; paint another"}}
    page.route("**/correction", lambda route: route.fulfill(**refusal))
    opened_mark(page, button=".correct")
    paint(page, (0.1, 0.1), (0.9, 0.1))
    save(page)
    page.locator("#problems", has_text="the correction is not taken").wait_for()
    page.wait_for_function(
        f"before => JSON.stringify(({test_page.HISTOGRAM})(document.querySelector('.card canvas'), 0)) === before",
        arg=json.dumps(before, separators=(",", ":")),
    )
    assert "corrected" not in page.locator("#status").inner_text()
    page.close()


def test_messages_are_in_sight_where_the_person_is(opened):
    page = with_photos(opened, MUGS[:4], **PHONE)
    page.route("**/api/**", lambda route: route.abort())
    page.evaluate("() => scrollTo(0, document.body.scrollHeight)")
    page.locator(".card .negate").last.tap()
    page.locator("#problems", has_text="does not answer").wait_for()
    box = box_of(page, "#problems")
    assert page.evaluate("scrollY") > 0 and box["y"] >= 0 and box["y"] + box["height"] <= PHONE["viewport"]["height"]


def test_a_background_is_seen_before_the_server_answers(opened):
    page = with_photos(opened, MUGS[:2])
    page.route("**/cutout?**", lambda route: None)  # never answered
    page.locator("[value=cutout]").check(force=True)
    for chosen, shown in (("black", "rgb(0, 0, 0)"), ("own", "rgb(255, 217, 160)"), ("blur", None)):
        page.locator("#background").select_option(chosen)
        page.locator(".picture.busy").first.wait_for()
        ground = "() => getComputedStyle(document.querySelector('.picture')).backgroundColor"
        if shown:
            page.wait_for_function(f"shown => ({ground})() === shown", arg=shown)
    page.locator("#background").select_option("")
    page.locator(".picture.checked:not(.busy)").first.wait_for()


def test_background_and_size_of_cutouts(opened, server):
    page = with_photos(opened, MUGS[:2])
    assert not page.locator("#framing").is_visible()
    page.locator("[value=cutout]").check(force=True)
    page.locator("#background").select_option("black")
    page.locator("#size").select_option("own")
    page.locator("#size-width").fill("300")
    page.locator("#size-height").fill("200")
    address = "#zip[href*='background=black'][href*='size=300x200']"
    page.locator(address).wait_for()
    page.locator(".save[href*='size=300x200']").first.wait_for()
    link = page.locator(".save").first.get_attribute("href")
    picture = Image.open(io.BytesIO(server.client.get(f"/{link}").content))
    assert picture.mode == "RGB" and picture.size == (300, 200) and picture.getpixel((0, 0)) == (0, 0, 0)
    drawn(page, "cutout from the server")
    page.wait_for_function("() => document.querySelector('.card canvas').width === 300")


def test_a_server_that_is_gone_is_told_once_and_no_longer_than_that(opened):
    page = with_photos(opened, MUGS[:2])
    page.route("**/api/**", lambda route: route.abort())
    for view in ("thumbnail", "cutout", "thumbnail"):
        page.locator(f"[value={view}]").check(force=True)
        page.wait_for_timeout(600)
    for _ in range(3):
        page.locator("#find").click()
        page.locator("#find", has_text="Find again").wait_for()
    assert page.locator("body").inner_text().count("does not answer") == 1
    page.unroute("**/api/**")
    page.locator("#find").click()
    done(page, 2)
    assert not page.locator("#problems").is_visible()


def test_no_picture_of_the_last_search_is_asked_for_while_another_runs(opened):
    page = with_photos(opened, MUGS[:2])
    page.locator("[value=thumbnail]").check(force=True)
    drawn(page, "thumbnail from the server")
    page.locator("#threshold").fill("0.4")  # the page asks for new thumbnails in a moment, but finds again before
    page.locator("#find").click()
    page.locator("#status", has_text="Looking").wait_for()
    done(page, 2)
    drawn(page, "thumbnail from the server")


def test_of_too_many_photos_the_first_are_kept_and_the_limit_is_named(opened, detector, browser):
    with running(detector, Limits(photos=2)) as small:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{small.port}/")
        page.set_input_files("#pick-photos", MUGS[:4])
        page.locator("#status", has_text="Done: 2 photos").wait_for()
        assert page.locator(".card").count() == 2
        assert page.locator("#problems").inner_text() == "2 photos left out: a group has at most 2"
        page.close()


@pytest.mark.parametrize("viewport", [(390, 844), (375, 667), (360, 640), (740, 360)])
def test_save_is_on_the_first_screen_of_a_phone(opened, viewport):
    width, height = viewport
    page = with_photos(opened, MUGS[:4], **{**PHONE, "viewport": {"width": width, "height": height}})
    for selector in ("#zip", ".save") if height > 400 else ("#zip",):
        box = box_of(page, f"{selector} >> nth=0")
        assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["y"] + box["height"] <= height, selector
    for button in (".mark", ".correct"):
        page.locator(f".card {button}").first.tap()
        box = box_of(page, "#mark-save")
        assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["y"] + box["height"] <= height
        assert box_of(page)["height"] > 0.25 * height
        page.locator("#mark-cancel").tap()
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
