"""A plan in shards, done apart and merged: the same bytes, or one line that says what is missing."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from iper_bench.errors import UserError
from iper_bench.run.benchmark import default_name, evaluate, shard_of
from iper_bench.run.executors.sharding import in_shards
from iper_bench.run.merge import merge
from iper_bench.run.opened import plan_of
from iper_bench.run.request import UNITS_FAILED, RunReport
from iper_bench.store import gathering
from iper_bench.store.run_folder import RunFolder
from iper_bench.store.shard import SHARD_FILE, read_shard
from tests.cli.command_line import assert_one_line, run_line
from tests.run.run_bytes import compared
from tests.run.toys import ToyMethod, ToyOpener, ToyScorer, toy_request

UNITS = 24
COUNT = 3


def go(folder: Path, name: str, method: ToyMethod | None = None, **changes: Any) -> RunReport:
    method = method or ToyMethod()
    opened = ToyOpener(folder, (method,))(toy_request(folder / name))
    request = toy_request(folder / name, methods=[method.name], **changes)
    return evaluate(request, opened.protocol, opened.dataset, opened.methods, opened.scorer)


def shards(folder: Path, method: ToyMethod | None = None, **changes: Any) -> list[Path]:
    for number in range(1, COUNT + 1):
        go(folder, f"part{number}", method, shard=(number, COUNT), **changes)
    return [folder / f"part{number}" for number in range(1, COUNT + 1)]


def put_together(parts: list[Path], out: Path) -> RunReport:
    return merge(parts, out, open_scorer=lambda plan: ToyScorer())


@dataclass(frozen=True)
class Piece:
    id: str
    frame_count: int


def test_parts_are_whole_balanced_and_the_same_for_everybody() -> None:
    draw = random.Random(5)
    groups = [
        [Piece(f"{place}-{number}", draw.randint(1, 300)) for number in range(draw.randint(1, 6))]
        for place in range(60)
    ]
    for count in (1, 2, 3, 7):
        parts = in_shards(groups, count)
        assert sorted(group[0].id for part in parts for group in part) == sorted(g[0].id for g in groups)
        for part in parts:
            assert [groups.index(group) for group in part] == sorted(groups.index(group) for group in part)
        loads = [sum(piece.frame_count for group in part for piece in group) for part in parts]
        largest = max(sum(piece.frame_count for piece in group) for group in groups)
        assert max(loads) - min(loads) <= largest  # law of the rule: the next group went to the least loaded
        shuffled = draw.sample(groups, len(groups))
        again = in_shards(shuffled, count)
        assert [{g[0].id for g in part} for part in again] == [{g[0].id for g in part} for part in parts]
    assert [len(part) for part in in_shards(groups[:2], 4)] == [1, 1, 0, 0]
    with pytest.raises(ValueError, match="0 parts"):
        in_shards(groups, 0)


def test_three_shards_merged_give_the_bytes_of_one_run(tmp_path: Path) -> None:
    whole = go(tmp_path, "whole")
    parts = shards(tmp_path)
    held = [read_shard(part) for part in parts]
    assert sorted(unit for one in held if one for unit in one.units) == sorted(
        RunFolder.open(tmp_path / "whole").unit_ids()
    )
    for part in parts:
        assert not (part / "aggregates.json").exists()
    report = put_together([parts[2], parts[0], parts[1]], tmp_path / "merged")
    assert (report.total, report.kept, report.exit_status) == (UNITS, UNITS, 0)
    assert compared(tmp_path / "merged") == compared(tmp_path / "whole")
    assert not list((tmp_path / "merged").glob(SHARD_FILE))
    timings = {path.name for path in (tmp_path / "merged" / "timings").iterdir()}
    assert timings == {path.name for path in (tmp_path / "whole" / "timings").iterdir()}
    # a merged run is a run: the same command finds all of it done
    again = go(tmp_path, "merged")
    assert (again.kept, again.done) == (whole.total, 0)
    # and merging again changes nothing
    before = compared(tmp_path / "merged")
    put_together(parts, tmp_path / "merged")
    assert compared(tmp_path / "merged") == before


@pytest.mark.slow
def test_copies_where_links_are_not_possible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = shards(tmp_path, sn=(1,), steps=(0,))
    go(tmp_path, "whole", sn=(1,), steps=(0,))

    def refused(*arguments: Any) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(gathering.os, "link", refused)
    put_together(parts, tmp_path / "merged")
    assert compared(tmp_path / "merged") == compared(tmp_path / "whole")


@pytest.mark.slow
def test_a_merge_that_is_killed_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = shards(tmp_path, sn=(1,))
    go(tmp_path, "whole", sn=(1,))
    place, left = gathering._place, [0]

    class KilledError(BaseException):
        pass

    def dying(*arguments: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KilledError
        place(*arguments)

    ended = False
    for _ in range(9):
        left[0] = 70
        with monkeypatch.context() as patch:
            patch.setattr(gathering, "_place", dying)
            try:
                put_together(parts, tmp_path / "merged")
                ended = True
                break
            except KilledError:
                continue
    assert ended
    assert compared(tmp_path / "merged") == compared(tmp_path / "whole")
    assert not list((tmp_path / "merged").rglob("*.part"))


@pytest.mark.slow
def test_failed_units_stay_failed_and_are_told(tmp_path: Path) -> None:
    parts = shards(tmp_path, ToyMethod(fails_at=(5,)))
    go(tmp_path, "whole", ToyMethod(fails_at=(5,)))
    report = put_together(parts, tmp_path / "merged")
    assert (report.kept, len(report.failures), report.exit_status) == (UNITS // 2, UNITS // 2, UNITS_FAILED)
    ours, theirs = compared(tmp_path / "merged"), compared(tmp_path / "whole")
    records = {name for name in ours if name.startswith("failures")}
    assert len(records) == UNITS // 2
    without = [{name: run[name] for name in run if name not in records} for run in (ours, theirs)]
    assert without[0] == without[1]  # tracebacks in the records name lines, which may differ


def line(parts: list[Path], out: Path) -> str:
    with pytest.raises(UserError) as caught:
        put_together(parts, out)
    assert "\n" not in str(caught.value)
    assert not (out / "aggregates.json").exists()
    return str(caught.value)


def test_what_cannot_be_merged_is_one_line(tmp_path: Path) -> None:
    parts = shards(tmp_path, sn=(1,), steps=(0,))
    out = tmp_path / "merged"
    assert "1 of 3 shards are missing: 2/3" in line([parts[0], parts[2]], out)
    assert "--shard 2/3" in line([parts[0], parts[2]], out)
    go(tmp_path, "other", sn=(2,), steps=(0,), shard=(2, COUNT))
    assert "holds another plan than" in line([parts[0], tmp_path / "other", parts[2]], out)
    go(tmp_path, "half", sn=(1,), steps=(0,), shard=(2, 2))
    assert "half is 2/2; expected parts of one division" in line([*parts, tmp_path / "half"], out)
    go(tmp_path, "whole", sn=(1,), steps=(0,))
    assert "is a whole run" in line([*parts, tmp_path / "whole"], out)
    unit = RunFolder.open(parts[1]).unit_ids()[0]
    file = parts[1] / "units" / f"{unit}.json"
    kept = file.read_bytes()
    file.unlink()
    assert "1 of 2 units of shard 2/3 are neither done nor failed, the first" in line(parts, out)
    file.write_bytes(kept)
    twin = tmp_path / "twin"
    shutil.copytree(parts[1], twin)
    changed = json.loads(kept)
    changed["rows"][0]["value"] = 0.5
    (twin / "units" / file.name).write_text(json.dumps(changed))
    assert "has another result than in" in line([*parts, twin], out)
    (twin / SHARD_FILE).write_text("{")
    assert "damaged: not the record of a shard" in line([*parts, twin], out)
    shutil.rmtree(twin)
    put_together([*parts, parts[1]], out)  # one twice is no mistake
    assert compared(out) == compared(tmp_path / "whole")


def test_metrics_that_are_not_here_are_one_line(tmp_path: Path) -> None:
    from iper_bench.run.merge import scorer_of_plan

    plan = {"profiles": {"offline": {"metrics": {"PSNR": {"definitions": ["0123"]}}, "definitions": {}}}}
    with pytest.raises(
        UserError, match="metrics of this machine are not those of the plan: offline PSNR"
    ) as e:
        scorer_of_plan(plan, None, "cpu", None)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("typed", [None, ["PSNR", "FID/clip"], ["all"]])
def test_metrics_of_a_plan_are_found_again_however_they_were_typed(typed: list[str] | None) -> None:
    from iper_bench.run.merge import scorer_of_plan
    from iper_bench.run.scoring import SuiteScorer

    planned = SuiteScorer(["offline"], weights_dir=None, device="cpu", metrics=typed).definitions()
    plan = {"profiles": json.loads(json.dumps(planned))}
    assert scorer_of_plan(plan, None, "cpu", None).definitions() == planned


def test_a_shard_is_no_run(tmp_path: Path) -> None:
    (part, *_) = shards(tmp_path, sn=(1,), steps=(0,))
    with pytest.raises(UserError, match=r"is shard 1/3 of a run.*iper-bench merge") as caught:
        RunFolder.open(part).aggregates()
    assert "\n" not in str(caught.value)
    for shard in (None, (2, COUNT), (1, 2)):
        with pytest.raises(UserError, match="holds shard 1/3, not"):
            go(tmp_path, "part1", sn=(1,), steps=(0,), shard=shard)
    go(tmp_path, "run", sn=(1,), steps=(0,))
    with pytest.raises(UserError, match="holds the whole run, not shard 1/3"):
        go(tmp_path, "run", sn=(1,), steps=(0,), shard=(1, COUNT))
    resumed = go(tmp_path, "part1", sn=(1,), steps=(0,), shard=(1, COUNT))
    assert (resumed.done, resumed.kept) == (0, 2)


def test_shards_get_folders_of_their_own(tmp_path: Path) -> None:
    opened = ToyOpener(tmp_path)(toy_request(tmp_path))
    plan = plan_of(toy_request(tmp_path), opened.protocol, opened.dataset, opened.methods, opened.scorer)
    part = shard_of(plan, (2, 3))
    assert default_name("toy", plan.hash, part) == f"toy-{plan.hash[:8]}-shard-2-of-3"
    assert default_name("toy", plan.hash, None) == f"toy-{plan.hash[:8]}"
    with pytest.raises(UserError, match=r"found 4/3.*I/N"):
        shard_of(plan, (4, 3))


def test_the_command_as_typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = shards(tmp_path, sn=(1,), steps=(0,))
    typed = ["merge", *map(str, parts[:2]), "--out", str(tmp_path / "out")]
    assert_one_line(run_line(capsys, *typed), "1 of 3 shards are missing: 3/3", "iper-bench run --shard 3/3")
    assert not (tmp_path / "out").exists()
    assert_one_line(run_line(capsys, "merge", str(tmp_path), "--out", "x"), "no run here")
    assert run_line(capsys, "merge", "--out", "x").status == 2
    assert "SHARD..." in run_line(capsys, "merge", "--help").out
