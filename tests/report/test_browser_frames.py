"""Worst frames and contradicting metrics in real Chromium: choices change what is shown, in silence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iper_bench.report.page import write_report
from iper_bench.report.panel import ReportOptions
from tests.report.framed import framed_rows, write_framed

CHROMIUM = Path("/usr/bin/chromium")
playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="/usr/bin/chromium is not installed"),
]
METHODS, METRICS = ("attlwb", "copy", "<b>warp"), ("PSNR", "SSIM", "LPIPS")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The open page of a small report; nothing was said on the console when the tests have ended."""
    folder = tmp_path_factory.mktemp("frames")
    run = write_framed(folder / "run", framed_rows(METHODS, metrics=METRICS))
    write_report([run], folder / "report", ReportOptions(films=False, worst=3))
    said: list[str] = []
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1200, "height": 900})
        opened.on("console", lambda message: said.append(message.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.goto((folder / "report" / "index.html").as_uri())
        yield opened
        browser.close()
    assert said == []


def test_the_choice_of_a_metric_shows_its_worst_frames_alone(page: Any) -> None:
    part = page.locator(".worst-frames")
    assert part.locator("details:visible").count() == 1
    part.locator("select").select_option(label="LPIPS ↓")
    assert part.locator("details:visible summary").inner_text() == "LPIPS ↓"
    assert part.locator(".card:visible").count() == len(METHODS) * 3
    assert "<b>warp" in part.inner_text()


def test_choices_show_the_frames_of_that_question(page: Any) -> None:
    part = page.locator(".disagreement")
    method_a, method_b, one, other = part.locator("select").all()
    method_a.select_option(label="<b>warp")
    method_b.select_option(label="copy")
    one.select_option(label="LPIPS")
    other.select_option(label="SSIM")
    cards = part.locator(".card").all_inner_texts()
    assert len(cards) == 3
    for text in cards:
        assert ("LPIPS ↓ prefers <b>warp" in text) != ("LPIPS ↓ prefers copy" in text)
        assert ("SSIM ↑ prefers <b>warp" in text) == ("LPIPS ↓ prefers copy" in text)
    assert part.locator("tr.chosen th").inner_text() == "SSIM, LPIPS"
    assert part.locator("tbody tr").count() == 3


def test_turning_the_methods_turns_the_numbers(page: Any) -> None:
    part = page.locator(".disagreement")
    method_a, method_b, one, other = part.locator("select").all()
    for choice, label in ((method_a, "attlwb"), (method_b, "copy"), (one, "PSNR"), (other, "LPIPS")):
        choice.select_option(label=label)
    before = part.locator(".card p span[data-passport]").all_inner_texts()
    method_a.select_option(label="copy")  # the other moves on
    assert method_b.input_value() != method_a.input_value()
    method_b.select_option(label="attlwb")
    after = part.locator(".card p span[data-passport]").all_inner_texts()
    turned = [" and ".join(reversed(text.strip().split(" and "))) for text in after]
    assert turned == [text.strip() for text in before]


def test_the_same_metric_twice_is_no_question(page: Any) -> None:
    one, other = page.locator(".disagreement select").all()[2:]
    one.select_option(label="PSNR")
    other.select_option(label="PSNR")
    assert one.input_value() != other.input_value()


def test_pictures_are_loaded(page: Any) -> None:
    part = page.locator(".disagreement")
    part.scroll_into_view_if_needed()
    first = part.locator(".card img").first
    page.wait_for_function("(image) => image.complete && image.naturalWidth > 0", arg=first.element_handle())
