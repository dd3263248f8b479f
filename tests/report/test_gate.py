"""The gate end to end on run folders: verdicts, refusals, baselines."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from iper_bench.errors import UserError
from iper_bench.report.baseline import read_baseline, resolve_thresholds, thresholds
from iper_bench.report.gate import check, make_baseline, update
from iper_bench.report.gate_text import print_result, to_html, to_markdown
from iper_bench.report.verdict import CANNOT_TELL, IMPROVED, REGRESSED, UNCHANGED
from iper_bench.store.failure import Failure
from iper_bench.store.run_folder import RunFolder
from tests.report.made_up import rows_of, write_run


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    path = tmp_path / "tracked" / "demo.json"
    update(write_run(tmp_path / "before", rows_of("a", clips=12)), path, reason="first")
    return path


def run_of(tmp_path: Path, **changes: Any) -> Path:
    return write_run(tmp_path / "now", rows_of("a", **{"clips": 12, **changes}))


def verdicts(result: Any) -> dict[tuple[str, str], str]:
    words = (v.sample.name.split() for v in result.verdicts)
    return {(w[1], w[4]): v.verdict for w, v in zip(words, result.verdicts, strict=True)}


def test_the_same_run_is_unchanged(tmp_path: Path, baseline: Path) -> None:
    result = check(run_of(tmp_path), baseline)
    assert set(verdicts(result).values()) == {UNCHANGED}
    assert result.exit_status == 0
    assert result.summary == "gate passed: 10 unchanged of 10 numbers"


def test_a_small_clear_drop_fails_and_a_rise_passes(tmp_path: Path, baseline: Path) -> None:
    """0.25 spreads: 0.375 dB of PSNR, below the limit of 0.5, on every clip."""
    worse = check(run_of(tmp_path, gain=-0.25, noise=0.05), baseline)
    found = verdicts(worse)
    assert worse.exit_status == 1
    assert found["self", "PSNR"] == REGRESSED
    assert found["cross", "FID"] == CANNOT_TELL, "2.5 % of FID lies between tolerance and limit"
    better = check(write_run(tmp_path / "better", rows_of("a", clips=12, gain=0.25)), baseline)
    assert better.exit_status == 0
    assert verdicts(better)["self", "LPIPS"] == IMPROVED


def test_noise_passes(tmp_path: Path, baseline: Path) -> None:
    """0.1 spreads of noise per clip: 0.15 dB, three times the tolerance of PSNR."""
    for seed in range(3):
        run = write_run(tmp_path / str(seed), rows_of("a", clips=12, noise=0.1, seed=seed))
        assert check(run, baseline).exit_status == 0


def test_fewer_clips_are_compared_where_both_have_them(tmp_path: Path, baseline: Path) -> None:
    result = check(run_of(tmp_path, clips=3), baseline)
    found = verdicts(result)
    assert found["self", "PSNR"] == CANNOT_TELL or found["self", "PSNR"] == UNCHANGED
    assert found["cross", "FID"] == CANNOT_TELL
    assert any("other frames" in v.reason for v in result.verdicts)
    assert {v.clips for v in result.verdicts} == {3, None}


def test_too_few_clips_are_named_but_a_collapse_still_fails(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    update(write_run(tmp_path / "before", rows_of("a", clips=3)), path, reason="first")
    small = check(write_run(tmp_path / "small", rows_of("a", clips=3, gain=-0.2)), path)
    assert small.exit_status == 0
    assert "too few actors: 3, needs" in to_markdown(small)
    assert "only the limits guard: 3 actors" in small.summary
    assert "cannot tell" in small.summary
    assert check(write_run(tmp_path / "broken", rows_of("a", clips=3, gain=-2)), path).exit_status == 1


def test_a_value_that_got_lost_fails(tmp_path: Path, baseline: Path) -> None:
    lost = {("Face-CS", f"actor{i // 2}/outfit{i % 2}"): "no face found" for i in range(12)}
    result = check(run_of(tmp_path, missing=lost), baseline)
    assert verdicts(result)["self", "Face-CS"] == REGRESSED
    assert result.exit_status == 1
    assert "missing now: 12 of 12 trials without a value: no face found" in to_markdown(result)


def test_lost_frames_fail(tmp_path: Path, baseline: Path) -> None:
    lost = {("Face-CS", "actor0/outfit0"): "no face found", ("Face-CS", "actor1/outfit0"): "no face found"}
    result = check(run_of(tmp_path, missing=lost), baseline)
    assert "coverage fell from 100% to 83% of the frames" in to_markdown(result)
    assert result.exit_status == 1


def test_clips_of_one_actor_are_no_independent_witnesses(tmp_path: Path) -> None:
    """A drop that 12 clips of 12 actors prove is told by the baseline's own names of 6 actors as well, and
    not when the 12 clips are those of 3 actors; only then the summary says who guards.
    """
    path = tmp_path / "b.json"
    for actors, status in ((12, 1), (3, 0)):
        runs = []
        for name, gain in (("before", 0.0), ("now", -0.25)):
            rows = [r for r in rows_of("a", clips=12, gain=gain) if r.metric == "PSNR"]
            told = [dataclasses.replace(r, actor=f"p{i % actors}") for i, r in enumerate(rows)]
            runs.append(write_run(tmp_path / f"{name}{actors}", told))
        update(runs[0], path, reason="first")
        result = check(runs[1], path)
        assert (result.exit_status, result.verdicts[0].actors) == (status, actors)
        assert ("only the limits guard: 3 actors" in result.summary) == (actors == 3)


def test_other_seeds_cannot_be_told(tmp_path: Path, baseline: Path) -> None:
    content = json.loads(baseline.read_text())
    assert {tuple(entry["seeds"]) for entry in content["entries"]} == {(0,)}
    for entry in content["entries"]:
        entry["seeds"] = [0, 1]
    baseline.write_text(json.dumps(content))
    result = check(tmp_path / "before", baseline)
    assert {v.reason for v in result.verdicts} == {"other seeds: 0, 1 there, 0 here"}
    assert set(verdicts(result).values()) == {CANNOT_TELL}


def test_odd_names_break_neither_table_nor_page(tmp_path: Path) -> None:
    name, path = "<script>|a&b", tmp_path / "b.json"
    update(write_run(tmp_path / "before", rows_of(name, clips=3)), path, reason="first")
    result = check(write_run(tmp_path / "now", rows_of(name, clips=3, gain=-2)), path)
    page, text = to_html(result, beside=tmp_path), to_markdown(result)
    assert "<script" not in page + text
    assert "&lt;script&gt;|a&amp;b" in page
    assert {line.replace("\\|", "").count("|") for line in text.splitlines() if line.startswith("| ")} == {7}


def test_other_methods_are_neither_gained_nor_lost_silently(tmp_path: Path, baseline: Path) -> None:
    rows = [*rows_of("a", clips=12), *rows_of("b", clips=12)]
    more = check(write_run(tmp_path / "more", rows), baseline)
    assert len(more.new) == 10
    assert "10 not in the baseline" in more.summary
    update(tmp_path / "more", baseline, reason="b as well")
    less = check(run_of(tmp_path), baseline)
    assert [v.reason for v in less.verdicts if v.verdict == CANNOT_TELL] == ["not in this run"] * 10


def test_printed_table_shows_what_moved(tmp_path: Path, baseline: Path) -> None:
    result = check(run_of(tmp_path, gain=-1), baseline)
    stream = io.StringIO()
    print_result(result, Console(file=stream, width=120))
    text = stream.getvalue()
    assert "PSNR" in text
    assert "regressed" in text
    assert "[-" in text
    assert "gate FAILED" in text
    quiet = io.StringIO()
    print_result(
        check(write_run(tmp_path / "same", rows_of("a", clips=12)), baseline), Console(file=quiet, width=120)
    )
    assert quiet.getvalue().strip() == "gate passed: 10 unchanged of 10 numbers"


class TestBaseline:
    """The committed file."""

    def test_reads_back_and_guards_with_absolute_thresholds(self, baseline: Path) -> None:
        content = read_baseline(baseline)
        assert (content["format"], content["reason"]) == (2, "first")
        assert content["fingerprints"] == {"synthetic": "f1f1"}
        assert content["protocols"] == {"synthetic-imitation": "aa00"}
        entries = {(e["setting"], e["metric"]): e for e in content["entries"]}
        psnr, fid = entries["self", "PSNR"], entries["cross", "FID"]
        assert (psnr["tolerance"], psnr["limit"], len(psnr["clip_values"])) == (0.05, 0.5, 12)
        assert fid["tolerance"] == pytest.approx(0.02 * fid["value"])
        assert fid["clip_values"] == {}

    def test_is_the_same_twice(self, tmp_path: Path, baseline: Path) -> None:
        assert make_baseline(tmp_path / "before", reason="first") == json.loads(baseline.read_text())

    def test_thresholds_cover_the_paper(self) -> None:
        assert set(thresholds()["metrics"]) == (
            {"PSNR", "SSIM", "LPIPS", "Body-CS", "Face-CS", "Body-FD", "Face-FD", "FID"}
        )
        assert resolve_thresholds("KID", -2.0) == (0.04, 0.4)
        assert resolve_thresholds("PSNR/pooled", 26.0) == (0.05, 0.5)
        assert resolve_thresholds("Face-rate/prediction", 1.0) == (0.02, 0.2)
        for entry in thresholds()["metrics"].values():
            assert 0 < entry["tolerance"] < entry["limit"]
            assert entry["reason"]

    def test_directions_come_from_the_plan(self, tmp_path: Path) -> None:
        """A plan that turns a metric round turns the verdict round; 'neither' is not guarded."""
        rows = rows_of("a", clips=12)
        turned = {"offline": {"metrics": {"PSNR": {"direction": "lower"}, "SSIM": {"direction": "neither"}}}}
        run = write_run(tmp_path / "turned", rows, changes={"profiles": turned})
        entries = {e["metric"]: e for e in make_baseline(run)["entries"]}
        assert entries["PSNR"]["higher_is_better"] is False
        assert "SSIM" not in entries
        assert entries["LPIPS"]["higher_is_better"] is False, "the paper's direction where the plan has none"

    def test_needs_a_metric_with_a_direction(self, tmp_path: Path) -> None:
        rows = [dataclasses.replace(r, metric="strange") for r in rows_of("a") if r.metric == "PSNR"]
        with pytest.raises(UserError, match="nothing to guard"):
            make_baseline(write_run(tmp_path / "odd", rows, changes={"profiles": {}}))


class TestBadInput:
    """One line each; the gate never compares what is not comparable."""

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                lambda c: c["fingerprints"].update(synthetic="0000"),
                "dataset 'synthetic' is 0000 there and f1f1 here",
            ),
            (
                lambda c: c["protocols"].update({"synthetic-imitation": "b"}),
                "protocol 'synthetic-imitation' is b there",
            ),
            (lambda c: c["entries"][0].update(definition="old"), "definition of .* is old there"),
            (
                lambda c: [e.update(backbone="other 1") for e in c["entries"]],
                "backbone of .* is other 1 there",
            ),
            (lambda c: [e.update(method="zz") for e in c["entries"]], "no number in common"),
            (lambda c: c.update(format=9), "format 9 is newer"),
            (lambda c: c.update(format="1"), "no valid format number"),
            (lambda c: c.update(entries=[]), "'entries' is missing or empty"),
            (lambda c: c.pop("protocols"), "'protocols' is missing"),
            (lambda c: c["entries"][1].update(tolerance=-1), "entry 1: 'tolerance'"),
            (lambda c: c["entries"][1].update(value="x"), "entry 1: 'value'"),
            (lambda c: c["entries"][2].update(clip_values={"a": None}), "entry 2: 'clip_values'"),
            (lambda c: c["entries"][0].pop("higher_is_better"), "'higher_is_better'"),
            (lambda c: c["entries"][0].update(sn=True), "'sn'"),
            (lambda c: c["entries"].append(c["entries"][0]), "entries 0 and .* are the same number"),
        ],
    )
    def test_damaged_or_other_baseline(
        self, tmp_path: Path, baseline: Path, change: Any, message: str
    ) -> None:
        content = json.loads(baseline.read_text())
        change(content)
        baseline.write_text(json.dumps(content), encoding="utf-8")
        with pytest.raises(UserError, match=message) as caught:
            check(tmp_path / "before", baseline)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(("text", "message"), [("{", "not JSON"), ("[]", "not a JSON object")])
    def test_not_a_baseline(self, tmp_path: Path, baseline: Path, text: str, message: str) -> None:
        baseline.write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=message):
            check(tmp_path / "before", baseline)

    def test_no_baseline(self, tmp_path: Path, baseline: Path) -> None:
        with pytest.raises(UserError, match="no such baseline"):
            check(tmp_path / "before", tmp_path / "none.json")

    def test_run_that_has_not_ended(self, tmp_path: Path, baseline: Path) -> None:
        (tmp_path / "before" / "aggregates.json").unlink()
        with pytest.raises(UserError, match="has not ended"):
            check(tmp_path / "before", baseline)

    def test_run_with_failed_units(self, tmp_path: Path, baseline: Path) -> None:
        folder = RunFolder.open(tmp_path / "before")
        folder.write_failure("u1", {"name": "a self:x"}, "out of memory", "traceback")
        assert [f for f in folder.failures() if isinstance(f, Failure)]
        with pytest.raises(UserError, match="1 failed units, the first: a self:x: out of memory"):
            check(tmp_path / "before", baseline)
