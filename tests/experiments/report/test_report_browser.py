"""The report in a real browser: nothing on its console, the table sorts, the slider moves, nothing overflows.

Skipped where there is no Chromium with its driver: on Debian, `apt-get install chromium chromium-driver`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDE, PHONE = (1280, 900), (390, 844)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if found is None or driver is None:
        pytest.skip("no Chromium with its driver here (Debian: apt-get install chromium chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = found
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    yield opened
    opened.quit()


def load(browser: Any, page: Path, size: tuple[int, int] = WIDE, scheme: str = "light") -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(page.as_uri())
    ended = "return document.body.dataset.ready === 'yes' || !document.getElementById('failed').hidden"
    WebDriverWait(browser, 60).until(lambda opened: opened.execute_script(ended))
    assert browser.execute_script("return document.body.dataset.ready") == "yes"


def run(browser: Any, script: str, *arguments: object) -> Any:
    return browser.execute_script(script, *arguments)


def becomes_other(browser: Any, place: str, before: str) -> None:
    """Waits until a text is another one than before; a page redraws when it has the time."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 30).until(lambda opened: text(opened, place) != before)


def column(browser: Any, place: int) -> list[str]:
    cells = "table.querySelectorAll(`tbody tr > :nth-child(${arguments[0] + 1})`)"
    table = "const table = document.querySelector('.ranking:not([hidden]) table');"
    return list(run(browser, f"{table} return [...{cells}].map((cell) => cell.textContent)", place))


def click_heading(browser: Any, place: int) -> str:
    click = "const head = document.querySelector('.ranking:not([hidden]) thead tr').cells[arguments[0]];"
    return str(run(browser, f"{click} head.querySelector('button').click(); return head.ariaSort", place))


def slide(browser: Any, step: int) -> None:
    set_it = "const s = document.getElementById('slider'); s.value = arguments[0]; s.dispatchEvent(new Event('input'));"
    run(browser, set_it, step)


def text(browser: Any, name: str) -> str:
    return str(run(browser, "return document.getElementById(arguments[0]).textContent", name))


def choose(browser: Any, name: str, place: int) -> None:
    set_it = "const s = document.getElementById(arguments[0]); s.selectedIndex = arguments[1];"
    run(browser, f"{set_it} s.dispatchEvent(new Event('change'));", name, place)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_every_picture_is_drawn_and_nothing_overflows(
    browser: Any, small_report: Path, size: tuple[int, int], scheme: str
) -> None:
    load(browser, small_report, size, scheme)
    root = "const root = document.documentElement; return [root.scrollWidth, root.clientWidth, window.innerWidth]"
    width, room, window = run(browser, root)
    assert window == size[0]
    assert width <= room
    boxes = "[...document.querySelectorAll('.chart')]"
    assert run(browser, f"return {boxes}.every((box) => box.querySelector('svg.main-svg'))")
    assert run(browser, f"return {boxes}.every((box) => box.scrollWidth <= box.clientWidth)")
    paper = run(browser, "return getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(18, 24, 30)" if scheme == "dark" else "rgb(255, 255, 255)")
    assert browser.get_log("browser") == []


def test_a_heading_sorts_the_table_both_ways(browser: Any, small_report: Path) -> None:
    load(browser, small_report)
    assert click_heading(browser, 1) == "descending"
    falling = [float(score) for score in column(browser, 1)]
    assert falling == sorted(falling, reverse=True)
    assert click_heading(browser, 1) == "ascending"
    rising = [float(score) for score in column(browser, 1)]
    assert rising == sorted(falling)
    assert rising != falling
    assert click_heading(browser, 0) == "ascending"
    assert column(browser, 0) == ["bound", "PeakOffset", "Random", "RunOnArrival"]
    assert click_heading(browser, 2) == "descending"
    assert column(browser, 2)[-1] == "–"
    assert browser.get_log("browser") == []


def test_the_slider_moves_clock_values_and_cursors(browser: Any, small_report: Path) -> None:
    load(browser, small_report)
    lefts = "return [...document.querySelectorAll('.cursor')].map((cursor) => parseFloat(cursor.style.left))"
    slide(browser, 0)
    first, clock, values = run(browser, lefts), text(browser, "clock"), text(browser, "readout")
    slide(browser, int(run(browser, "return document.getElementById('slider').max")))
    last = run(browser, lefts)
    assert len(last) == len(first) > 2
    assert all(after > before + 100 for before, after in zip(first, last, strict=True))
    assert text(browser, "clock") != clock
    assert text(browser, "readout") != values
    assert browser.get_log("browser") == []


def test_a_choice_of_method_and_of_scenario_is_followed(browser: Any, small_report: Path) -> None:
    load(browser, small_report)
    shown = text(browser, "saved-note")
    choose(browser, "method", 2)
    becomes_other(browser, "saved-note", shown)
    title = text(browser, "week-note")
    choose(browser, "board", 1)
    becomes_other(browser, "week-note", title)
    tables = "return [...document.querySelectorAll('.ranking')].filter((table) => !table.hidden).length"
    assert run(browser, tables) == 1
    assert browser.get_log("browser") == []


def test_a_pointer_over_a_picture_moves_through_time_and_a_click_on_a_row_chooses(
    browser: Any, small_report: Path
) -> None:
    load(browser, small_report)
    point = """
      const box = document.querySelector(arguments[0]), area = box.getBoundingClientRect();
      const size = box._fullLayout._size;
      const where = { bubbles: true, pointerType: "mouse", clientX: area.left + size.l + arguments[2] * size.w,
        clientY: area.top + box._fullLayout.yaxis._offset + arguments[3] * box._fullLayout.yaxis._length };
      const kind = arguments[1] === "click" ? MouseEvent : PointerEvent;
      box.querySelector("svg").dispatchEvent(new kind(arguments[1], where));
      return Number(document.getElementById("slider").value) / Number(document.getElementById("slider").max);
    """
    assert run(browser, point, "#saved", "pointermove", 0.75, 0.5) == pytest.approx(0.75, abs=0.05)
    run(browser, point, "#overviews .chart", "click", 0.25, 0.95)
    chosen = run(browser, "const s = document.getElementById('method'); return [s.selectedIndex, s.options.length]")
    assert chosen[0] == chosen[1] - 1
    assert browser.get_log("browser") == []


def test_play_goes_on_by_itself_until_it_is_stopped(browser: Any, small_report: Path) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    load(browser, small_report)
    slide(browser, 0)
    run(browser, "document.getElementById('play').click()")
    value = "return Number(document.getElementById('slider').value)"
    WebDriverWait(browser, 30).until(lambda opened: opened.execute_script(value) > 1)
    run(browser, "document.getElementById('play').click()")
    stopped = run(browser, value)
    later = "const done = arguments[0]; setTimeout(() => done(Number(document.getElementById('slider').value)), 400);"
    assert browser.execute_async_script(later) == stopped
    assert browser.get_log("browser") == []
