"""The panel of standings: order, what the protocol could have shown, and its warning."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iper_bench.report.evidence import Evidence
from iper_bench.report.panel import ReportContext
from iper_bench.report.ranking import differences
from iper_bench.report.ranking_panel import TITLE, blocks_of, build, order
from iper_bench.report.statistics import actors_to_detect, smallest_detectable
from tests.report.claims_made_up import evidence, measurement


def three(actors: int = 14) -> Evidence:
    gains = {"a|<b>": 6.0, "b": 3.0, "c": 3.01}
    return evidence(
        [
            measurement(name, metric, gain=gain, noise=0.5, actors=actors)
            for name, gain in gains.items()
            for metric in ("PSNR", "LPIPS")
        ]
    )


def test_order_shows_groups_by_the_direction_of_the_metric() -> None:
    (block,) = blocks_of(three())
    assert block.comparisons == 6
    assert block.warnings == ()
    assert order(block.columns["self", "PSNR"]) in ("a|<b> > b, c", "a|<b> > c, b")
    assert order(block.columns["self", "LPIPS"]) in ("b, c > a|<b>", "c, b > a|<b>")


def test_a_line_holds_what_the_protocol_could_have_shown() -> None:
    held = three()
    (block,) = blocks_of(held)
    best, last = block.columns["self", "PSNR"][0], block.columns["self", "PSNR"][-1]
    assert (best.detectable, best.needed) == (None, None)
    paired = differences(last.measurement, best.measurement)
    assert last.detectable == smallest_detectable(paired, comparisons=6)
    assert last.needed == actors_to_detect(paired, paired.mean, comparisons=6)
    assert last.standing.actors == 14


def test_too_few_actors_are_said_with_the_number_that_is_needed() -> None:
    (block,) = blocks_of(three(actors=5))
    (warning,) = block.warnings
    assert warning == "5 actors; nothing can be told with fewer than 8 for 6 comparisons"
    assert " > " not in order(block.columns["self", "PSNR"])
    panel = build(ReportContext(three(actors=5), (), {}))
    assert panel is not None
    assert warning in panel.html
    assert warning in panel.markdown


def test_clips_without_an_actor_are_said_to_count_as_actors() -> None:
    held = three()
    nameless = replace(held, measurements=tuple(replace(m, clip_actors={}) for m in held.measurements))
    (block,) = blocks_of(nameless)
    assert block.columns["self", "PSNR"][-1].standing.actors == 28
    assert [said[:30] for said in block.warnings] == ["28 clips without a known actor"]


def test_each_method_stands_at_its_largest_t_and_references_do_not_take_part() -> None:
    held = [
        measurement("a", steps=10),
        measurement("a", steps=100, gain=1.0),
        measurement("b"),
        measurement("truth", gain=9.0),
    ]
    found = evidence(held)
    found = replace(found, runs=(replace(found.runs[0], references={"truth": "truth"}),))
    (block,) = blocks_of(found)
    assert {line.measurement.method: line.measurement.steps for line in block.columns["self", "PSNR"]} == {
        "a": 100,
        "b": 0,
    }


def test_the_panel_escapes_names_and_sorts_by_numbers() -> None:
    panel = build(ReportContext(three(), (), {}))
    assert panel is not None
    assert panel.title == TITLE
    assert "<b>" not in panel.html
    assert "a|&lt;b&gt;" in panel.html
    assert "a\\|<b>" in panel.markdown
    assert panel.html.count("data-sortable") == 2
    value = blocks_of(three())[0].columns["self", "PSNR"][0].measurement.value
    assert f'data-value="{value!r}"' in panel.html


@pytest.mark.parametrize("held", [[], [measurement("a")]])
def test_nothing_to_compare_is_no_panel(held: list[object]) -> None:
    assert build(ReportContext(evidence(held), (), {})) is None  # type: ignore[arg-type]
