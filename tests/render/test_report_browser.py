"""The report in a real browser: Debian's Chromium driven by Selenium, offline, from file://."""

from __future__ import annotations

import io
import shutil
import time

import numpy as np
import pytest
from PIL import Image

from partdisc.render.report import ReportSource, write_report
from partdisc.render.runs import open_run

webdriver = pytest.importorskip(
    "selenium.webdriver", reason="selenium is not installed (pip install partdisc[dev])"
)
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="needs chromium and chromedriver (apt-get install chromium chromium-driver)",
)

HOSTILE = '<img src=x onerror="window.hit=1"><script>window.hit=1<∕script>.png'
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1200,900"
)


def read_image(path, size=None):
    image = Image.open(path).convert("RGB")
    return np.asarray(image if size is None else image.resize(size[::-1]))


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, make_run):
    """A report of two runs with annotation, opened; console errors and foreign requests fail the test."""
    names = [HOSTILE, *[f"sub/image {i}.png" for i in range(1, 7)]]
    runs = [open_run(make_run(name, file_names=names, seed=seed)) for seed, name in enumerate(("one", "two"))]
    source = ReportSource(
        runs,
        read_image,
        annotated_names=runs[0].annotated_names,
        annotation=lambda entry: runs[0].masks.labels(entry),
    )
    path = write_report(source, runs[0].folder / "report", verbosity=0)
    browser.get_log("browser"), browser.get_log("performance")
    browser.get(path.as_uri())
    browser.execute_script("document.getElementById('images').scrollIntoView()")
    wait_for(browser, "return document.querySelectorAll('.cell svg').length > 0")
    yield browser
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    requests = [
        e["message"] for e in browser.get_log("performance") if "Network.requestWillBeSent" in e["message"]
    ]
    assert requests
    assert not [message for message in requests if '"url":"http' in message]


def wait_for(browser, script, seconds=10):
    end = time.monotonic() + seconds
    while not browser.execute_script(script):
        assert time.monotonic() < end, f"never came true: {script}"
        time.sleep(0.05)


def pixels(browser, selector=".cell"):
    element = browser.find_element("css selector", selector)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    wait_for(browser, "return [...document.querySelectorAll('.cell canvas')].every((c) => c.dataset.drawn)")
    time.sleep(0.3)
    return np.asarray(Image.open(io.BytesIO(element.screenshot_as_png)).convert("RGB")).astype(int)


def ids(browser):
    return browser.execute_script("return [...document.querySelectorAll('.cell')].map((c) => c.title)")


def set_slider(browser, value):
    browser.execute_script(
        "const s = document.querySelector('.opacity'); s.value = arguments[0]; s.dispatchEvent(new Event('input'))",
        value,
    )


def test_toggling_a_part_changes_pixels_and_toggling_again_restores_them(page):
    before = pixels(page)
    box = page.find_elements("css selector", "#controls .toggles input")[0]
    box.click()
    hidden = pixels(page)
    assert (np.abs(hidden - before).max(2) > 8).sum() > 100
    box.click()
    assert (np.abs(pixels(page) - before).max(2) > 8).sum() < 10


def test_slider_changes_opacity_from_nothing_to_all(page):
    set_slider(page, 0)
    clear = pixels(page)
    set_slider(page, 100)
    full = pixels(page)
    set_slider(page, 50)
    half = pixels(page)
    assert (np.abs(full - clear).max(2) > 30).sum() > 500
    assert np.abs((clear + full) / 2 - half).mean() < 2
    sliders = page.find_elements("css selector", ".opacity")
    assert {slider.get_attribute("value") for slider in sliders} == {"50"}


def test_search_filters_and_sort_orders(page):
    page.find_element("id", "search").send_keys("IMAGE 3")
    wait_for(page, "return document.querySelectorAll('.cell').length === 1")
    assert ids(page) == ["sub/image 3.png"]
    page.find_element("id", "search").clear()
    page.execute_script("document.getElementById('search').dispatchEvent(new Event('input'))")
    wait_for(page, "return document.querySelectorAll('.cell').length > 1")
    page.execute_script(
        "const s = document.getElementById('sort'); s.value = 'up:part_miou'; s.dispatchEvent(new Event('change'))"
    )
    captions = page.execute_script(
        "return [...document.querySelectorAll('.caption')].map((c) => c.textContent)"
    )
    scores = [float(caption.split()[0]) for caption in captions]
    assert scores == sorted(scores)


def test_parts_filter_shows_only_images_with_the_part(page):
    page.execute_script(
        "const s = document.getElementById('with-part'); s.value = '1'; s.dispatchEvent(new Event('change'))"
    )
    count = page.execute_script("return document.querySelectorAll('.cell').length")
    with_part = page.execute_script(
        "return [...document.querySelectorAll('.cell')].filter((c) => c.querySelector('.part-1')).length"
    )
    assert count == with_part > 0


def test_comparison_shows_annotation_and_both_runs(page):
    titles = (
        "return [...document.querySelector('.cell').querySelectorAll('figcaption')].map((c) => c.textContent)"
    )
    assert page.execute_script(titles) == ["annotation", "one", "two"]
    paths = page.execute_script(
        "return [...document.querySelectorAll('.cell:nth-child(2) svg')].map((s) => s.innerHTML)"
    )
    assert paths[0] != paths[2]


def test_keyboard_opens_moves_and_closes(page):
    keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
    first = page.find_element("css selector", ".cell")
    first.send_keys(keys.ARROW_RIGHT)
    assert page.switch_to.active_element.get_attribute("title") == "sub/image 1.png"
    page.switch_to.active_element.send_keys(keys.ENTER)
    wait_for(page, "return document.getElementById('detail').open")
    assert page.find_element("id", "detail-title").text == "sub/image 1.png"
    page.find_element("id", "next").send_keys(keys.ENTER)
    assert page.find_element("id", "detail-title").text == "sub/image 2.png"
    page.find_element("id", "close").send_keys(keys.ESCAPE)
    wait_for(page, "return !document.getElementById('detail').open")


def test_hostile_file_name_stays_text(page):
    assert ids(page)[0] == HOSTILE
    page.find_element("css selector", ".cell").click()
    wait_for(page, "return document.getElementById('detail').open")
    assert page.find_element("id", "detail-title").text == HOSTILE
    page.find_element("id", "close").click()
    assert page.execute_script("return window.hit") is None


def test_page_fits_a_phone(page):
    size = page.get_window_size()
    page.set_window_size(500, 800)
    try:
        page.execute_script("document.getElementById('images').scrollIntoView()")
        wait_for(page, "return document.querySelectorAll('.cell svg').length > 0")
        assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    finally:
        page.set_window_size(size["width"], size["height"])
