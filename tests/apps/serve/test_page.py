"""The page as a person uses it, in a headless browser."""

import io
import re
import zipfile
from dataclasses import replace

import pytest
from PIL import Image

from tests.apps.serve.conftest import PHOTOS
from tests.browser import needs_browser, new_context
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, needs_browser]
MUGS = sorted(str(path) for path in (PHOTOS / "mugs").iterdir())
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
WAIT = 40_000  # milliseconds: a browser and a network share two processors here
#: Counts of the 256 values of one channel, counted in the browser: sending all pixels takes minutes.
HISTOGRAM = """(canvas, channel) => {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const counts = new Array(256).fill(0);
    for (let i = channel; i < pixels.length; i += 4) counts[pixels[i]]++;
    return counts;
}"""


@pytest.fixture
def opened(browser, server):
    """Opens the page; whatever a page logs as an error, or its policy blocks, fails the test."""
    contexts, troubles = [], []

    def open_page(**options):
        context = new_context(browser, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: troubles.append(request.url) if _elsewhere(request.url, server) else None)
        # Whoever listens turns the browser's own dialog off, without waiting until that is done: a test that begins to
        # listen just before the click may come too late, and the dialog opens where nobody sees it.
        page.on("filechooser", lambda chooser: None)
        page.goto(f"http://127.0.0.1:{server.port}/")
        # Before the first frame is shown a browser may drop keys, which no person could press by then.
        page.evaluate("() => new Promise(shown => requestAnimationFrame(() => requestAnimationFrame(shown)))")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not [text for text in troubles if "422" not in text and "ERR_FAILED" not in text]


def _elsewhere(url, server):
    return not url.startswith((f"http://127.0.0.1:{server.port}/", "blob:"))


def done(page, count):
    page.locator("#status", has_text=f"Done: {count} photos").wait_for()


def with_photos(opened, files, **options):
    page = opened(**options)
    page.set_input_files("#pick-photos", files)
    done(page, len(files))
    return page


def canvas(page, number=0):
    return page.locator(".card canvas").nth(number)


def histogram(page, channel, number=0):
    return canvas(page, number).evaluate(HISTOGRAM, channel)


def white_share(page):
    counts = histogram(page, 0)
    return counts[255] / sum(counts)


def drawn(page, view, number=0):
    page.locator(f".card:nth-of-type({number + 1}) canvas[data-view='{view}']").wait_for()


def test_upload_progress_maps_views_and_slider(opened):
    page = opened()
    page.set_input_files("#pick-photos", MUGS)
    page.locator("#progress").wait_for()
    page.locator("#find", has_text="Stop").wait_for()
    assert page.locator(".card").count() == len(MUGS)
    done(page, len(MUGS))
    assert page.locator("#find").inner_text() == "Find again" and not page.locator("#progress").is_visible()
    for view in ("photo", "map", "overlay", "mask"):
        page.locator(f"[value={view}]").check(force=True)
        drawn(page, view)
    shares = []
    for threshold in ("0.02", "0.5", "0.98"):
        page.locator("#threshold").fill(threshold)
        page.wait_for_function(
            "t => document.querySelector('#threshold-value').value === t", arg=f"{float(threshold):.2f}"
        )
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        shares.append(white_share(page))
    assert shares[0] > shares[2] and shares == sorted(shares, reverse=True)
    page.locator("#threshold").fill("0.5")
    page.locator("[value=cutout]").check(force=True)
    drawn(page, "cutout from the server")
    opacity = histogram(page, 3)
    assert opacity[0] > 0
    page.locator("[value=thumbnail]").check(force=True)
    drawn(page, "thumbnail from the server")
    assert canvas(page).evaluate("canvas => canvas.width === canvas.height")


def test_mask_in_the_page_is_the_mask_of_the_server(opened, server):
    page = with_photos(opened, MUGS[:2])
    page.locator("[value=mask]").check(force=True)
    drawn(page, "mask")
    link = page.locator(".save").first
    mask = Image.open(io.BytesIO(server.client.get(f"/{link.get_attribute('href')}").content))
    share = sum(mask.convert("L").histogram()[128:]) / (mask.width * mask.height)
    assert abs(white_share(page) - share) < 0.01


def test_remove_and_find_again(opened):
    page = with_photos(opened, MUGS[:3])
    page.get_by_role("button", name=re.compile("^Remove .*café")).click()
    page.locator("#status", has_text="Find again").wait_for()
    assert page.locator(".card").count() == 2
    page.locator("#find").click()
    done(page, 2)
    page.locator("#clear").click()
    page.locator("#drop").wait_for()
    assert page.locator(".card").count() == 0


def test_painted_mark_is_looked_for(opened, server):
    page = with_photos(opened, MUGS[2:5])
    page.locator("[value=map]").check(force=True)
    drawn(page, "map", 1)
    before = histogram(page, 0, 1)
    page.locator(".card .picture").first.click()
    stage = page.locator(".stage")
    stage.wait_for()
    box = stage.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + box["height"] * 0.45)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.6, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Save mark").click()
    page.locator(".badge", has_text="Reference").first.wait_for()
    page.locator("#find").click()
    done(page, 3)
    drawn(page, "map", 1)
    assert histogram(page, 0, 1) != before
    groups = [server.client.get(f"/api/groups/{path.name}").json() for path in server.store.root.iterdir()]
    marked = {photo["name"] for group in groups for photo in group["photos"] if photo["marked"]}
    assert "kitchen_table.jpg" in marked


def test_photo_without_the_object_is_told(opened, detector, monkeypatch):
    results = detector.results
    monkeypatch.setattr(
        detector, "results", lambda *given: (replace(found, presence=0.1 + found.index) for found in results(*given))
    )
    page = with_photos(opened, MUGS[:2])
    page.locator(".badge:visible", has_text="Perhaps not here").wait_for()
    assert page.locator(".badge:visible").count() == 1


def test_zip_is_downloaded(opened):
    page = with_photos(opened, MUGS[:2])
    with page.expect_download() as waited:
        page.locator("#zip").click()
    with zipfile.ZipFile(waited.value.path()) as archive:
        names = archive.namelist()
    assert waited.value.suggested_filename == "cosod.zip"
    assert len(names) == 2 * 5 + 1 and "masks/café table.png" in names


def test_file_that_is_no_photo_is_told(opened, tmp_path):
    (tmp_path / "notes.jpg").write_text("no photo")
    page = opened()
    page.set_input_files("#pick-photos", [*MUGS[:2], str(tmp_path / "notes.jpg")])
    done(page, 2)
    assert "notes.jpg: is a text file" in page.locator("#problems").inner_text()
    assert page.locator(".card").count() == 2


def test_files_are_dropped_on_the_page(opened):
    page = opened()
    transfer = page.evaluate_handle(
        """async () => {
            const transfer = new DataTransfer();
            for (const name of ["one.png", "two.png"]) {
                const canvas = new OffscreenCanvas(80, 60);
                const context = canvas.getContext("2d");
                context.fillStyle = "red";
                context.fillRect(30, 20, 20, 20);
                transfer.items.add(new File([await canvas.convertToBlob()], name, { type: "image/png" }));
            }
            return transfer;
        }"""
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    done(page, 2)


def test_keyboard_alone_is_enough(opened):
    page = opened()
    press = page.keyboard.press

    def focus_on(selector, key="Tab"):
        for _ in range(40):
            if page.evaluate("s => document.activeElement.matches(s)", selector):
                outline = page.evaluate(
                    "() => [document.activeElement, document.activeElement.nextElementSibling]"
                    ".some(e => e && getComputedStyle(e).outlineStyle === 'solid')"
                )
                assert outline, f"{selector} does not show that it has the focus"
                return
            press(key)
        raise AssertionError(f"{selector} cannot be reached by {key}")

    focus_on("[data-pick=photos]")
    with page.expect_file_chooser() as chooser:
        press("Enter")
    chooser.value.set_files(MUGS[:3])
    done(page, 3)
    focus_on("[name=view]")
    press("ArrowRight")
    press("ArrowRight")
    drawn(page, "mask")
    focus_on("#threshold")
    press("Home")
    assert page.locator("#threshold-value").inner_text() == "0.02"
    focus_on(".picture")
    press("Enter")
    page.locator(".stage:focus").wait_for()
    for key in ("ArrowDown", "Space", "Shift+ArrowRight", "Shift+ArrowRight"):
        press(key)
    focus_on("#mark-save")
    press("Enter")
    page.locator(".badge", has_text="Reference").first.wait_for()
    focus_on(".remove")
    press("Enter")
    assert page.locator(".card").count() == 2
    focus_on("#find", "Shift+Tab")
    press("Enter")
    page.locator("#status", has_text="Looking").wait_for()
    done(page, 2)


def test_phone_fits_and_paints_by_touch(opened):
    page = with_photos(opened, MUGS[:2], **PHONE)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    small = page.evaluate(
        "() => [...document.querySelectorAll('button, a.button, a.icon, .views label')].filter(e => e.offsetParent)"
        ".map(e => e.getBoundingClientRect()).filter(b => b.height < 32 || b.width < 32).length"
    )
    assert small == 0
    page.locator(".card .picture").first.tap()
    page.locator(".stage").tap()
    page.get_by_role("button", name="Save mark").tap()
    page.locator(".badge", has_text="Reference").first.wait_for()


def test_closed_page_leaves_nothing(opened, server):
    before = {path.name for path in server.store.root.iterdir()}
    page = with_photos(opened, MUGS[:2])
    (group,) = {path.name for path in server.store.root.iterdir()} - before
    page.goto("about:blank")
    eventually(lambda: server.client.get(f"/api/groups/{group}").status_code == 404)


def test_api_page_describes_the_routes(opened, server):
    page = opened()
    page.get_by_role("link", name="API").click()
    page.get_by_text("/api/groups/{group}/job").first.wait_for()
    assert page.locator(".doc section").count() > 10
