"""Two sides compared: pairing, verdicts, refusals."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from iper_bench.errors import UserError
from iper_bench.report.compare import compare
from iper_bench.report.compare_side import read_side
from iper_bench.report.compare_text import to_markdown
from iper_bench.report.gate import update
from iper_bench.report.verdict import CANNOT_TELL, IMPROVED, REGRESSED, UNCHANGED
from iper_bench.store.row import Row
from tests.report.made_up import rows_of, write_run

CLIPS = 18


def with_actors(rows: Sequence[Row]) -> list[Row]:
    """``actor3/outfit1`` shows ``actor3``."""
    return [dataclasses.replace(row, actor=row.clip.partition("/")[0]) for row in rows]


def run_of(path: Path, method: str = "a", **changes: Any) -> Path:
    """18 clips of 9 actors."""
    return write_run(path, with_actors(rows_of(method, **{"clips": CLIPS, **changes})))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that others are compared with."""
    return run_of(tmp_path_factory.mktemp("plain") / "a")


def verdicts(result: Any) -> dict[tuple[str, str], str]:
    return {(f.number.setting, f.number.metric): f.verdict.verdict for f in result.findings}


def test_a_run_with_itself_and_with_its_copy(plain: Path, tmp_path: Path) -> None:
    a, b = plain, run_of(tmp_path / "b")
    for other in (a, b):
        result = compare(a, other)
        assert set(verdicts(result).values()) == {UNCHANGED}
        assert (result.exit_status, len(result.findings)) == (0, 10)
        assert result.summary == "B is nowhere shown to be worse: 10 same of 10 numbers"


def test_exchanged_sides_exchange_the_verdicts(plain: Path, tmp_path: Path) -> None:
    """Law: what is worse one way is better the other way, by the same gain; only worse ends with 1."""
    a, b = plain, run_of(tmp_path / "b", gain=-0.3, noise=0.05)
    there, back = compare(a, b), compare(b, a)
    turned = {REGRESSED: IMPROVED, IMPROVED: REGRESSED, UNCHANGED: UNCHANGED, CANNOT_TELL: CANNOT_TELL}
    assert verdicts(back) == {key: turned[verdict] for key, verdict in verdicts(there).items()}
    gains = [[f.verdict.gain for f in result.findings] for result in (there, back)]
    assert gains[0] == pytest.approx([-(gain or 0.0) for gain in gains[1]])
    assert verdicts(there)["self", "PSNR"] == REGRESSED
    assert verdicts(there)["cross", "FID"] == CANNOT_TELL, "a set has no clips to test with"
    assert (there.exit_status, back.exit_status) == (1, 0)


def test_a_collapse_of_two_actors_is_no_proof(tmp_path: Path) -> None:
    """Unlike the gate: without a hard limit four clips of two actors show nothing; the summary says why."""
    a, b = run_of(tmp_path / "a", clips=4), run_of(tmp_path / "b", clips=4, gain=-3.0)
    result = compare(a, b)
    assert result.exit_status == 0
    assert "no test is possible: 2 actors, and with fewer than 6" in result.summary


def test_lost_values_are_told_and_are_no_verdict(plain: Path, tmp_path: Path) -> None:
    lost = {("Face-CS", f"actor{i // 2}/outfit{i % 2}"): "no face found" for i in range(CLIPS)}
    result = compare(plain, run_of(tmp_path / "b", missing=lost))
    assert verdicts(result)["self", "Face-CS"] == CANNOT_TELL
    assert result.exit_status == 0
    assert "no value: 18 of 18 trials without a value: no face found" in to_markdown(result)


class TestMethods:
    """``--methods a=b``."""

    def test_of_one_run(self, tmp_path: Path) -> None:
        rows = [*rows_of("weak", clips=CLIPS), *rows_of("strong", clips=CLIPS, gain=0.4, noise=0.05)]
        run = write_run(tmp_path / "run", with_actors(rows))
        assert compare(run, None, ("strong", "weak")).exit_status == 1
        result = compare(run, None, ("weak", "strong"))
        assert (result.exit_status, verdicts(result)["self", "SSIM"]) == (0, IMPROVED)
        assert result.findings[0].verdict.sample.name.startswith("weak : strong cross sn=2 T=0 ")
        assert "method strong" in to_markdown(result)

    def test_what_does_not_train_meets_every_t(self, tmp_path: Path) -> None:
        rows = [*rows_of("still", clips=12), *rows_of("tuned", clips=12, steps=5)]
        rows += rows_of("tuned", clips=12, steps=20, gain=0.5)
        run = write_run(tmp_path / "run", with_actors(rows))
        result = compare(run, None, ("still", "tuned"))
        assert len(result.findings) == 20
        assert {f.verdict.sample.name.split()[5] for f in result.findings} == {"T=0:5", "T=0:20"}

    def test_two_that_train_meet_at_equal_t(self, tmp_path: Path) -> None:
        rows = [row for name in "ab" for steps in (5, 20) for row in rows_of(name, clips=12, steps=steps)]
        result = compare(write_run(tmp_path / "run", with_actors(rows)), None, ("a", "b"))
        assert len(result.findings) == 20
        assert {f.verdict.sample.name.split()[5] for f in result.findings} == {"T=5", "T=20"}

    def test_unknown_one(self, tmp_path: Path) -> None:
        run = run_of(tmp_path / "run", "warp")
        with pytest.raises(UserError, match=r"unknown method 'wrap'.*did you mean warp"):
            compare(run, None, ("warp", "wrap"))

    def test_one_run_alone(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"only one run to compare.*--methods a=b"):
            compare(tmp_path, None)


class TestSides:
    """Runs and baselines."""

    def test_baseline_and_run(self, plain: Path, tmp_path: Path) -> None:
        run, path = plain, tmp_path / "b.json"
        update(run, path, reason="first")
        result = compare(path, run)
        assert set(verdicts(result).values()) == {UNCHANGED}
        assert {f.verdict.actors for f in result.findings} == {9, None}

    def test_an_old_baseline_counts_every_clip_and_says_so(self, plain: Path, tmp_path: Path) -> None:
        run, path = plain, tmp_path / "b.json"
        update(run, path, reason="first")
        content = json.loads(path.read_text())
        assert content["clip_actors"]["synthetic"]["actor3/outfit1"] == "actor3"
        del content["clip_actors"]
        path.write_text(json.dumps({**content, "format": 1}))
        assert all(not m.clip_actors for m in read_side(path).numbers)
        result = compare(path, path)
        assert {f.verdict.actors for f in result.findings} == {18, None}
        assert "is of format 1 and names no actors" in to_markdown(result)

    def test_what_one_side_alone_holds_is_named(self, plain: Path, tmp_path: Path) -> None:
        a = plain
        b = write_run(tmp_path / "b", with_actors([*rows_of("a", clips=CLIPS), *rows_of("b", clips=CLIPS)]))
        assert len(compare(a, b).only_second) == 10
        assert "Only in A: b cross sn=2 T=0" in to_markdown(compare(b, a))

    def test_half_a_run(self, plain: Path, tmp_path: Path) -> None:
        a, b = plain, run_of(tmp_path / "b")
        (b / "aggregates.json").unlink()
        with pytest.raises(UserError, match=r"has not ended.*resumes"):
            compare(a, b)

    def test_other_passports_are_named_with_the_verb_that_explains(self, plain: Path, tmp_path: Path) -> None:
        a, b = plain, run_of(tmp_path / "b", definition="other")
        with pytest.raises(UserError, match=r"not comparable: definition of .* in A and .* in B") as caught:
            compare(a, b)
        assert caught.value.hint == f"iper-bench explain {a} {b}"
        assert "\n" not in str(caught.value)

    def test_other_frames_under_one_name(self, plain: Path, tmp_path: Path) -> None:
        rows = [
            dataclasses.replace(r, provenance={**r.provenance, "dataset": "f2"})
            for r in rows_of("a", clips=CLIPS)
        ]
        with pytest.raises(UserError, match="dataset 'synthetic' is f1f1 in A and f2 in B"):
            compare(plain, write_run(tmp_path / "b", rows))

    def test_nothing_in_common(self, plain: Path, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="no number in common"):
            compare(plain, run_of(tmp_path / "b", "b"))

    @pytest.mark.parametrize(
        ("name", "message"), [("none", "no run here"), ("none.json", "no such baseline")]
    )
    def test_neither_run_nor_baseline(self, plain: Path, name: str, message: str, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=message):
            compare(plain, tmp_path / name)


def test_markdown_hides_what_is_the_same_and_names_the_worst_clips(plain: Path, tmp_path: Path) -> None:
    a, b = plain, run_of(tmp_path / "b", gain=-0.3, noise=0.05)
    short, whole = (to_markdown(compare(a, b), everything=every) for every in (False, True))
    assert "| a self sn=2 T=0 PSNR (offline) |" in short
    assert "B worse: beyond the tolerance" in short
    assert "18 clips of 9 actors" in short
    assert "* a self sn=2 T=0 PSNR (offline): actor" in short
    same = to_markdown(compare(a, a), everything=False)
    assert "| number |" not in same
    assert len(whole.splitlines()) >= len(short.splitlines())
