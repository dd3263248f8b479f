"""The disagreement browser: what is embedded, its bound, hostile names, and the page without JavaScript."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from iper_bench.report import disagreement
from iper_bench.report.contradictions import Answer, Question
from iper_bench.report.disagreement import bounded
from tests.report.framed import context_of, framed_rows, write_framed

HOSTILE = "</script><script>alert(1)</script>"


def embedded(html: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json">(.*?)</script>', html, flags=re.DOTALL)
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


def test_embedded_frames_hold_the_values_of_the_rows(tmp_path: Path) -> None:
    rows = framed_rows(["a", "b", "c"], metrics=["PSNR", "LPIPS", "SSIM"])
    run = write_framed(tmp_path / "run", rows, pictures=False)
    panel = disagreement.build(context_of(run, worst=2))
    assert panel is not None
    data = embedded(panel.html)
    assert [metric["name"] for metric in data["metrics"]] == ["PSNR", "SSIM", "LPIPS"]
    held = {(row.method, row.trial, row.metric): row.per_frame for row in rows}
    seen = 0
    for a, b, first, second, frames, _, share, entries in data["answers"]:
        assert frames == 48
        assert 0 <= share <= 1
        assert len(entries) <= 2
        for place, *numbers, strength in entries:
            frame = data["frames"][place]
            wanted = [
                (held[data["methods"][m], frame["trial"], data["metrics"][k]["name"]] or [])[frame["number"]]
                for k in (first, second)
                for m in (a, b)
            ]
            assert [float(number) for number in numbers] == pytest.approx(wanted, rel=1e-3)
            signs = [1 if data["metrics"][k]["higher"] else -1 for k in (first, second)]
            one, other = wanted[0] - wanted[1], wanted[2] - wanted[3]
            assert one * signs[0] * other * signs[1] < 0 < strength
            seen += 1
    assert seen > 9


def test_names_cannot_leave_their_place(tmp_path: Path) -> None:
    run = write_framed(tmp_path / "run", framed_rows([HOSTILE, "warp"]), pictures=False)
    panel = disagreement.build(context_of(run))
    assert panel is not None
    assert "<script>alert" not in panel.html
    assert panel.html.count("</script>") == 1
    assert HOSTILE in embedded(panel.html)["methods"]
    assert "<script>" not in panel.markdown


def test_the_first_question_stands_in_the_page_without_javascript(tmp_path: Path) -> None:
    run = write_framed(tmp_path / "run", framed_rows(["a", "b"]))
    panel = disagreement.build(context_of(run, worst=3))
    assert panel is not None
    assert panel.html.count('class="card"') == len(embedded(panel.html)["answers"][0][7]) == 3
    assert panel.html.count("<img") > 3
    names = {asset.name for asset in panel.assets}
    assert set(re.findall(r'src="([^"]+)"', panel.html)) <= names
    assert {shown[0] for shown in embedded(panel.html)["pictures"] if not isinstance(shown, str)} == names


def test_one_method_or_one_metric_cannot_disagree(tmp_path: Path) -> None:
    one = write_framed(tmp_path / "one", framed_rows(["a"]), pictures=False)
    assert disagreement.build(context_of(one)) is None
    plain = write_framed(tmp_path / "two", framed_rows(["a", "b"], metrics=["PSNR"]), pictures=False)
    assert disagreement.build(context_of(plain)) is None


def test_the_bound_keeps_what_disagrees_most_and_a_frame_of_each_question_first() -> None:
    def answer(number: int, *strengths: float) -> Answer:
        return Answer(Question(0, 1, 0, number), 9, 0.5, 0.1, tuple(range(len(strengths))), strengths)

    found = [answer(1, 0.9, 0.8, 0.7), answer(2, 0.3), answer(3), answer(4, 0.5, 0.4)]
    assert [len(one.columns) for one in bounded(found, 2)] == [1, 0, 0, 1]
    assert [len(one.columns) for one in bounded(found, 4)] == [2, 1, 0, 1]
    assert bounded(found, 99) == found
    assert all(len(one.columns) == len(one.strengths) for one in bounded(found, 4))
