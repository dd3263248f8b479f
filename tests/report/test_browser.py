"""The page in a real browser: sorting, passports, films in step, width of a phone, silence on console and
net.

Needs Debian's Chromium and the Python package playwright.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iper_bench.report.frame_index import player_anchor
from iper_bench.report.page import write_report
from iper_bench.report.panel import ReportOptions
from iper_bench.store.row import Row
from iper_bench.store.run_folder import RunFolder
from tests.report.made_up import DATASET, PROTOCOL, figure, rows_of, write_run

CHROMIUM = Path("/usr/bin/chromium")
playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="/usr/bin/chromium is not installed"),
]

SIDE, FRAMES = 32, 50  # two seconds at 25 frames a second
PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True}
PLAYER = "document.querySelector('.player')"
TIMES = f"[...{PLAYER}.querySelectorAll('video')].map((video) => video.currentTime)"


def rows() -> list[Row]:
    """Three methods; the first trial has frames to play, one value is missing, one method has a sweep."""
    lost = {("Face-CS", "actor1/outfit0"): "no face found"}
    listed = [*rows_of("warp"), *rows_of("copy <source>", gain=-1)]
    for steps in (0, 50):
        listed += rows_of("attlwb", steps=steps, gain=1 + steps / 100, noise=0.1, missing=lost)
    random = np.random.default_rng(3)
    return [
        dataclasses.replace(
            row,
            actor=row.clip.split("/")[0],
            per_frame=None
            if row.value is None or row.clip == "*"
            else [float(value) for value in row.value + random.normal(size=row.count) * 0.01],
            detections={"reference": 24, "prediction": 15, "both": 15, "frames": 24}
            if row.metric == "Face-CS" and row.clip != "*"
            else None,
        )
        for row in listed
    ]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index.html of a report with every panel."""
    folder = tmp_path_factory.mktemp("browser")
    listed = rows()
    run = write_run(folder / "run", listed, pictures=SIDE)
    held = RunFolder.open(run)
    for row in listed:
        if row.trial == "self:actor0/outfit0":
            frames = np.stack([figure(SIDE, row.clip, t, row.method) for t in range(FRAMES)])
            list(held.predictions(row.unit).write([frames]))
    for trial, content in held.plan["trials"].items():
        if content["name"] == "self:actor0/outfit0":
            exhibit = held.exhibit(trial)
            pictures = {kind: exhibit.read(kind) for kind in ("source", "reference", "truth")}
            exhibit.write(pictures, {"truth": [frames]})
    return write_report([run], folder / "out", ReportOptions(clips=1, worst=1)).html


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()


def wait(page: Any, condition: str) -> None:
    """Until an expression is true. (The page's policy forbids the browser to evaluate strings by itself.)"""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(25)
    raise AssertionError(condition)


class Tab:
    """An open page that remembers what the browser complained about and what it asked for."""

    def __init__(self, browser: Any, file: Path, anchor: str = "", **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", self._failed)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.route(lambda address: not address.startswith("file:"), lambda route: route.abort())
        self.page.goto(f"{file.as_uri()}{anchor}")

    def _failed(self, request: Any) -> None:
        # a film is asked for in pieces, and the browser drops a request when it has what it needs
        if request.failure != "net::ERR_ABORTED" or not request.url.endswith(".webm"):
            self.complaints.append(f"{request.failure}: {request.url}")

    def close(self) -> None:
        """Close, after a look at what happened."""
        assert self.complaints == []
        assert [address for address in self.asked if not address.startswith(("file:", "data:"))] == []
        assert any(address.endswith("assets/report.js") for address in self.asked)
        self.context.close()


@pytest.fixture
def tab(browser: Any, page_file: Path) -> Iterator[Tab]:
    opened = Tab(browser, page_file, viewport={"width": 1400, "height": 900})
    yield opened
    opened.close()


def test_tables_sort_by_click_and_by_key(tab: Tab) -> None:
    table = tab.page.locator("#detections table")
    names = table.locator("tbody tr > *:first-child")
    before = names.all_text_contents()
    assert len(set(before)) > 1
    head = table.locator("th", has_text="method")
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert names.all_text_contents() == sorted(before)
    head.get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert names.all_text_contents() == sorted(before, reverse=True)
    head.get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") is None
    assert names.all_text_contents() == before


def test_missing_values_stay_last_and_equal_ones_keep_their_order(tab: Tab) -> None:
    """On a table of its own: values, missing ones, ties, a true minus sign, a heading within the body."""
    order = tab.page.evaluate(
        """() => {
          const holder = document.createElement("div");
          const values = [["a", "2"], ["b", "–"], ["c", "−3"], ["d", "10"], ["e", ""], ["f", "2"]];
          holder.innerHTML = `<table data-sortable><thead><tr><th>n</th><th data-sort="number">v</th></tr>
            </thead><tbody><tr><th colspan="2">heading</th></tr>${values
              .map(([name, value]) =>
          `<tr><td>${name}</td><td>${value}</td></tr>`).join("")}</tbody></table>`;
          document.body.append(holder); makeSortable(holder.firstChild);
          const names = () => [...holder.querySelectorAll("tbody tr")].map((r) =>
          r.cells[0].textContent).join(""); const button = holder.querySelector("button");
          const found = [];
          for (let click = 0; click < 3; click += 1) { button.click(); found.push(names()); }
          holder.remove();
          return found;
        }"""
    )
    assert order == ["headingdafcbe", "headingcafdbe", "headingabcdef"]


def test_long_tables_have_a_filter(tab: Tab) -> None:
    tab.page.evaluate(
        """() => {
          const row = (_, n) => `<tr><td>row ${n}</td></tr>`;
          const rows = (count) => Array.from({ length: count }, row).join("");
          const table = (count) => `<table data-sortable><tbody>${rows(count)}</tbody></table>`;
          const holder = Object.assign(document.createElement("div"), { id: "long" });
          holder.innerHTML = `<div class="scroll">${table(15)}</div><div class="scroll">${table(16)}</div>`;
          document.querySelector("main").prepend(holder);
          holder.querySelectorAll("table").forEach(makeFilter);
        }"""
    )
    box = tab.page.locator("#long .filter")
    assert box.count() == 1, "of 16 rows, not of 15"
    shown = tab.page.locator("#long .filter + .scroll tbody tr:visible")
    for words, count in (("", 16), ("ROW 1", 7), ("row 15", 1), ("nothing of the kind", 0), ("", 16)):
        box.get_by_label("filter rows").fill(words)
        assert shown.count() == count
        assert box.locator("output").inner_text() == f"{count} of 16"


def test_passports_show_on_pointing_on_focus_and_on_touch(tab: Tab, browser: Any, page_file: Path) -> None:
    card = tab.page.locator("#passport-card")
    number = tab.page.locator("#tables [data-passport]:visible").first
    assert card.is_hidden()
    number.hover()
    card.wait_for(state="visible")
    definition = number.get_attribute("data-passport")
    assert definition
    assert definition in card.inner_text()
    assert "feature network" in card.inner_text()
    assert number.get_attribute("aria-describedby") == "passport-card"
    tab.page.keyboard.press("Escape")
    assert card.is_hidden()
    tab.page.mouse.move(0, 0)
    number.focus()
    card.wait_for(state="visible")
    box = card.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 1400
    phone = Tab(browser, page_file, **PHONE)
    phone.page.locator("#tables [data-passport]:visible").first.tap()
    phone.page.locator("#passport-card").wait_for(state="visible")
    phone.close()


def test_every_number_in_the_tables_has_a_passport(tab: Tab) -> None:
    found = tab.page.evaluate(
        """() => {
          const held = JSON.parse(document.getElementById("passport-data").textContent);
          const named = [...document.querySelectorAll("[data-passport]")].map((e) => e.dataset.passport);
          return { named: named.length, unknown: named.filter((one) => !(one in held)) };
        }"""
    )
    assert found["named"] > 20
    assert found["unknown"] == []


def test_films_play_in_step(tab: Tab) -> None:
    page, player = tab.page, tab.page.locator(".player").first
    assert page.evaluate(f"{PLAYER}.querySelectorAll('video').length") == 4, "driver and truth, three methods"
    assert page.evaluate(f"[...{PLAYER}.querySelectorAll('video')].every((v) => v.preload === 'none')")
    player.get_by_role("combobox", name="speed").select_option("0.5")
    player.get_by_role("button", name="play", exact=True).click()
    wait(page, f"{TIMES}.every((time) => time > 0.2)")
    for _ in range(5):
        times = page.evaluate(TIMES)
        assert max(times) - min(times) < 2 / 25, "two frames"
        page.wait_for_timeout(40)
    player.get_by_role("button", name="pause").click()
    wait(page, f"[...{PLAYER}.querySelectorAll('video')].every((v) => v.paused && !v.seeking)")
    assert len(set(page.evaluate(TIMES))) == 1, "the same frame"
    frame = page.evaluate(f"{PLAYER}.player.wanted")
    for name, by in (("one frame forward", 1), ("one frame back", 0)):
        player.get_by_role("button", name=name).click()
        wait(page, f"[...{PLAYER}.querySelectorAll('video')].every((v) => !v.seeking)")
        assert page.evaluate(TIMES) == pytest.approx([(frame + by + 0.5) / 25] * 4, abs=1e-3)
    player.get_by_role("slider", name="frame").fill(str(FRAMES - 1))
    wait(page, f"{TIMES}.every((time) => time > {(FRAMES - 1) / 25})")
    assert player.locator("output").inner_text() == f"frame {FRAMES - 1}"
    player.get_by_role("combobox", name="speed").select_option("2")
    player.get_by_role("button", name="play", exact=True).click()
    wait(page, f"{TIMES}.every((time) => time > 1.7)")
    wait(page, f"{TIMES}.every((time) => time < 1)")  # it begins again
    assert page.evaluate(f"{PLAYER}.player.playing")


def test_a_link_opens_what_is_closed_around_its_target(browser: Any, page_file: Path) -> None:
    anchor = "#" + player_anchor(DATASET, PROTOCOL, "motion_imitation", "self:actor0/outfit0")
    opened = Tab(browser, page_file, anchor)
    target = opened.page.locator(anchor)
    assert target.is_visible()
    inner = opened.page.locator("#tables details article.table").first
    assert inner.is_hidden()
    inner.evaluate("(element) => { element.id = 'inner'; location.hash = '#inner'; }")
    inner.wait_for(state="visible")
    opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_downwards_only(browser: Any, page_file: Path, tmp_path: Path, scheme: str) -> None:
    phone = Tab(browser, page_file, color_scheme=scheme, **PHONE)
    widths = phone.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1] == 390
    contents = phone.page.locator("nav.contents")
    contents.get_by_text("Contents").click()
    contents.get_by_role("link", name="Provenance").click()
    wait(phone.page, "location.hash === '#provenance'")
    assert phone.page.locator("#provenance h2").is_visible()
    assert contents.get_by_role("link", name="Provenance").is_hidden(), "the contents close"
    phone.page.screenshot(path=tmp_path / f"phone-{scheme}.png")
    assert (tmp_path / f"phone-{scheme}.png").stat().st_size > 10_000
    phone.close()


def test_everything_can_be_read_without_scripts(browser: Any, page_file: Path, tmp_path: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_file.as_uri())
    assert page.locator("#tables table").first.is_visible()
    assert page.locator("#passports table").is_visible()
    assert page.locator("video").first.get_attribute("controls") is not None
    page.screenshot(path=tmp_path / "plain.png")
    context.close()


def test_the_policy_lets_nothing_out(browser: Any, page_file: Path) -> None:
    """Even if a panel named an address, nothing would be sent there."""
    context = browser.new_context()
    page = context.new_page()
    failed: list[str | None] = []
    page.on("requestfailed", lambda request: failed.append(request.failure))
    page.goto(page_file.as_uri())
    blocked = page.evaluate(
        """() => new Promise((done) => {
          document.addEventListener("securitypolicyviolation", (event) => done(event.blockedURI));
          document.body.append(Object.assign(new Image(), { src: "http://127.0.0.1:9/x.png" }));
        })"""
    )
    assert blocked.startswith("http://127.0.0.1:9")
    assert failed == ["csp"]
    context.close()
