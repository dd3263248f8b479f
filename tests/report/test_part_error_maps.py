"""Errors by body part in a report: means and differences by hand, colours, damage."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from html import escape, unescape
from pathlib import Path

import numpy as np
import pytest

from iper_bench.errors import UserError
from iper_bench.report import part_errors
from iper_bench.report.part_errors_body import STEPS, drawn, nice_top, scale, tone
from iper_bench.store.part_errors import PARTS, path_of
from tests.report import made_up
from tests.report.hard_frames import FRAMES, HALF, context_of, rows_with_frames, write_hard_run, write_parts

CLIPS = made_up.clip_names(4)


def run(path: Path, methods: tuple[str, ...] = ("a", "b")) -> Path:
    """``methods[0]`` errs by 20 at the left hand where it is seen, by 2 elsewhere; the others by 5
    everywhere.
    """
    random = np.random.default_rng(0)
    rows = rows_with_frames(
        {(m, "PSNR", clip): random.normal(22, 1, FRAMES) for m in methods for clip in CLIPS}
    )
    write_hard_run(path, rows)
    hand = [20.0] * HALF + [None] * HALF
    own = {part: [2.0] * FRAMES for part in PARTS} | {"left_hand": hand, "head": [None] * FRAMES}
    write_parts(path, rows, {methods[0]: own})
    return path


def test_means_and_differences_by_hand(tmp_path: Path) -> None:
    panel = part_errors.build(context_of(run(tmp_path / "run")))
    assert panel is not None
    rows = [line.split(" | ") for line in panel.markdown.splitlines() if line.startswith("| ")]
    heads, ours = rows[0], rows[2]
    cells = dict(zip(heads, ours, strict=True))
    assert cells["| method"] == "| a"  # the lowest mean over the body comes first
    assert (cells["left hand"], cells["torso"], cells["head"]) == ("20.0", "2.0 ▼", "–")
    assert float(cells["body"]) == pytest.approx((20.0 + 12 * 2.0) / 13, abs=0.05)
    against = next(row for row in rows if row[0] == "| b" and "[" in row[-1])
    assert "3.0 [3.0, 3.0]" in against[3]  # torso: 5 - 2, the same in every clip
    assert "−15.0 [−15.0, −15.0]" in " ".join(against)
    assert panel.script
    values = json.loads(unescape(re.search(r'data-values="([^"]+)"', panel.html).group(1)))  # type: ignore[union-attr]
    assert values["a"]["left_hand"] == [20.0] * 4
    assert values["a"]["head"] == [None] * 4


def test_the_drawing_is_whole_and_every_part_has_its_colour() -> None:
    values = {part: float(number) for number, part in enumerate(PARTS)} | {"head": None}
    picture = ElementTree.fromstring(drawn(values, float(len(PARTS)), 'a "b" <c>'))
    shapes = {shape.get("data-part"): shape for shape in picture.iter() if shape.get("data-part")}
    assert set(shapes) == set(PARTS)
    assert shapes["head"].get("class") == "tonex"
    for part, value in values.items():
        assert shapes[part].get("class") == tone(value, float(len(PARTS)))
    said = [title.text for title in picture.iter("title")]
    assert "left upper arm: 3.0" in said
    assert "head: not seen" in said
    assert picture.get("aria-label") == 'a "b" <c>'


def test_colours_grow_with_the_value() -> None:
    steps = [int(tone(value, 10.0).removeprefix("tone")) for value in np.linspace(0.0, 12.0, 50)]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (0, STEPS)
    assert tone(-10.0, 10.0) == f"less{STEPS}"
    assert tone(-0.01, 10.0) == "tone0"
    assert tone(None, 1.0) == "tonex"
    # beside a difference of 80 one of 4 is seen, one of 0.5 is none
    assert [tone(one, 80.0, power=0.5) for one in (0.5, 4.0, -4.0, 80.0)] == [
        "tone0",
        "tone1",
        "less1",
        "tone5",
    ]
    legend = scale(80.0, both=False, words="x", power=0.5)
    assert re.findall(r'class="(.*?)".*?<span>(.*?)</span>', legend.split("</span>", 1)[1]) == [
        *(("tone0", "0.0"), ("tone1", "3.2"), ("tone2", "12.8")),
        *(("tone3", "28.8"), ("tone4", "51.2"), ("tone5", "80.0")),
    ]
    assert scale(10.0, both=True, words="x").count("<svg") == 2 * STEPS + 1


@pytest.mark.parametrize(
    ("values", "top"), [([0.0], 1.0), ([], 1.0), ([17.0], 20.0), ([-33.0, 2.0], 40.0), ([0.02], 0.02)]
)
def test_scales_end_at_round_numbers(values: list[float], top: float) -> None:
    assert nice_top(values) == pytest.approx(top)


def test_one_method_has_no_differences_and_an_older_run_no_panel(tmp_path: Path) -> None:
    panel = part_errors.build(context_of(run(tmp_path / "one", ("a",))))
    assert panel is not None
    assert "Differences" not in panel.html
    assert panel.script == ""
    rows = rows_with_frames({("a", "PSNR", clip): np.ones(FRAMES) for clip in CLIPS})
    assert part_errors.build(context_of(write_hard_run(tmp_path / "old", rows))) is None


def test_missing_and_damaged_files_are_said(tmp_path: Path) -> None:
    folder = run(tmp_path / "run")
    unit = made_up.unit_id("a", f"self:{CLIPS[0]}", 2, 0)
    path_of(folder, unit).write_text("[]")
    with pytest.raises(UserError, match=unit):
        part_errors.build(context_of(folder))
    path_of(folder, unit).unlink()
    panel = part_errors.build(context_of(folder))
    assert panel is not None
    assert "Of 4 trials errors by part are there for: a 3; for the others all." in panel.html


def test_names_are_escaped(tmp_path: Path) -> None:
    hostile = '"><script>alert(1)</script>'
    panel = part_errors.build(context_of(run(tmp_path / "run", (hostile, "b"))))
    assert panel is not None
    assert hostile not in panel.html
    assert escape(hostile) in panel.html
