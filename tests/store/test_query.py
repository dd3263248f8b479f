"""Questions in SQL: views hold what the files hold, nothing else can be reached, mistakes are one line."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from benchmarks.made_up_run import write_run
from iper_bench.errors import UserError
from iper_bench.store import query_load
from iper_bench.store.frame_facts import PER_FRAME, PER_SN, FrameFacts, write_frame_facts
from iper_bench.store.frame_table import to_pandas
from iper_bench.store.part_errors import PARTS, PartErrors, write_part_errors
from iper_bench.store.planned import planned_units
from iper_bench.store.query import ask, write_answer
from iper_bench.store.query_views import VIEWS
from iper_bench.store.rows import read_rows
from iper_bench.store.run_folder import RunFolder
from tests.cli.command_line import assert_one_line, run_line


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every kind of file, in a folder whose name is full of patterns."""
    path = write_run(
        tmp_path_factory.mktemp("query") / "a[b]*'c?", methods=3, clips=4, frames=5, metrics=6, actors=2
    )
    folder = RunFolder.open(path)
    units = planned_units(folder.plan)
    for unit, head in ((units[0], {}), (units[1], {"name": units[1].name, "method": "m", "trial": "t"})):
        (path / "units" / f"{unit.id}.json").unlink()
        if head:
            folder.write_failure(unit.id, {**head, "sn": 2, "steps": 0, "seed": 0}, "no luck", "trace")
    (path / "predictions" / units[0].id).mkdir(parents=True)
    write_frame_facts(path, units[2].trial_id, facts(units[2].trial))
    errors = {part: [float(number), None, 2.5] for number, part in enumerate(PARTS)}
    write_part_errors(
        path,
        units[2].id,
        {"method": units[2].method, "trial": units[2].trial, "sn": 2, "steps": 0, "seed": 0},
        PartErrors(errors),
    )
    return path


def facts(trial: str) -> FrameFacts:
    random = np.random.default_rng(0)

    def drawn() -> list[float | None]:
        return [round(float(value), 3) for value in random.random(4)] + [None]

    single = {name: drawn() for name in PER_FRAME}
    by_sn = {name: {1: drawn(), 2: drawn()} for name in PER_SN}
    return FrameFacts(trial, 5, **single, **by_sn)


def one(sql: str, *paths: Path) -> Any:
    rows = ask(sql, paths).rows
    assert len(rows) == 1, rows
    return rows[0][0] if len(rows[0]) == 1 else rows[0]


def test_rows_are_the_stores_rows(run: Path) -> None:
    wanted = {(row.unit, row.profile, row.metric): row for row in read_rows(run)}
    names = VIEWS["rows"].names()[1:]
    found = ask("SELECT * EXCLUDE (run) FROM rows", [run]).rows
    assert len(found) == len(wanted) == 60
    for values in found:
        content = dict(zip(names, values, strict=True))
        row = wanted[content["unit"], content["profile"], content["metric"]].to_json()
        assert content == {name: row[name] for name in names}
    assert one("SELECT DISTINCT run FROM rows", run) == str(run)


def test_frames_are_the_rows_lists(run: Path) -> None:
    found: dict[tuple[str, str], list[tuple[int, float | None, bool]]] = {}
    for unit, metric, *rest in ask("SELECT unit, metric, frame, value, counts FROM frames", [run]).rows:
        found.setdefault((unit, metric), []).append(tuple(rest))
    for row in read_rows(run):
        frames = sorted(found.pop((row.unit, row.metric)))
        assert [value for _, value, _ in frames] == row.per_frame
        assert [frame for frame, _, _ in frames] == list(range(5))
        assert [counts for _, _, counts in frames] == [value is not None for value in row.per_frame or ()]
    assert not found


def test_frames_without_a_partner_do_not_count(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", methods=1, clips=1, frames=4, metrics=4, actors=1)
    file = next((path / "units").iterdir())
    content = json.loads(file.read_text(encoding="utf-8"))
    for row in content["rows"]:
        row["pairs"] = 3 if row["metric"] == "Body-CS" else None
    file.write_text(json.dumps(content), encoding="utf-8")
    sql = "SELECT count(*) FILTER (WHERE counts) FROM frames WHERE metric = "
    assert one(f"{sql} 'Body-CS'", path) == 3
    assert one(f"{sql} 'PSNR'", path) == 4


def test_the_mean_of_frames_is_the_value_of_the_row(run: Path) -> None:
    sql = """SELECT max(abs(v - value)), count(*) FROM rows JOIN
             (SELECT unit, metric, avg(value) AS v FROM frames WHERE counts GROUP BY ALL)
             USING (unit, metric)"""
    apart, count = one(sql, run)
    assert count == 60
    assert apart < 1e-12  # sums in another order


def test_stale_rows_are_left_out(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", methods=1, clips=2, frames=3, metrics=2, actors=2)
    file = sorted((path / "units").iterdir())[0]
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**content, "definitions": {"offline": "older"}}), encoding="utf-8")
    assert one("SELECT count(*) FROM rows", path) == len(read_rows(path)) == 2
    assert ask("SELECT state, count(*) FROM units GROUP BY ALL ORDER BY ALL", [path]).rows == [
        ("measured", 1),
        ("waiting", 1),
    ]


def test_units_timings_failures_runs(run: Path) -> None:
    states = dict(ask("SELECT state, count(*) FROM units GROUP BY ALL", [run]).rows)
    assert states == {"measured": 10, "failed": 1, "predicted": 1}
    assert ask("SELECT predictions FROM units WHERE state = 'predicted'", [run]).rows == [("png",)]
    assert one("SELECT name, reason, details, sn FROM failures", run)[1:] == ("no luck", "trace", 2)
    folder = RunFolder.open(run)
    for unit, personalise, frames in ask("SELECT unit, personalise, frames FROM timings", [run]).rows:
        assert folder.timing(unit)["personalise"] == personalise
        assert frames == 5
    held = ask("SELECT * FROM runs", [run])
    content = dict(zip(held.columns, held.rows[0], strict=True))
    assert (content["planned"], content["measured"], content["failed"], content["ended"]) == (12, 10, 1, True)
    assert content["methods"] == [method["name"] for method in folder.plan["methods"]]
    assert content["packages"] == folder.environment()["environments"][-1]["packages"]


def test_aggregates_are_those_of_the_file(run: Path) -> None:
    entries = RunFolder.open(run).aggregates()["entries"]
    found = ask("SELECT * EXCLUDE (run) FROM aggregates", [run])
    assert len(found.rows) == len(entries)
    for values, entry in zip(found.rows, entries, strict=True):
        assert dict(zip(found.columns, values, strict=True)) == entry


def test_facts_and_parts_unfold(run: Path) -> None:
    unit = planned_units(RunFolder.open(run).plan)[2]
    held = facts(unit.trial)
    for sn, frame, view, pose in ask("SELECT sn, frame, view, pose_distance FROM facts", [run]).rows:
        assert view == held.view[frame]
        assert pose == held.pose_distance[sn][frame]
    assert one("SELECT count(*) FROM facts", run) == 2 * 5
    rows = ask("SELECT part, frame, error FROM parts WHERE unit = (SELECT min(unit) FROM parts)", [run]).rows
    assert {(part, frame): error for part, frame, error in rows} == {
        (part, frame): error
        for number, part in enumerate(PARTS)
        for frame, error in enumerate((float(number), None, 2.5))
    }
    joined = "SELECT count(*) FROM frames JOIN facts USING (run, trial, sn, frame)"
    assert one(joined, run) == 3 * 6 * 5 - 6 * 5 * sum(
        1 for unit in planned_units(RunFolder.open(run).plan)[:2] if unit.trial == held.trial
    )


def test_several_runs_stand_side_by_side(run: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", methods=1, clips=1, frames=2, metrics=1, actors=1)
    found = ask("SELECT run, count(*) FROM rows GROUP BY ALL ORDER BY 2", [run, other]).rows
    assert found == [(str(other), 1), (str(run), 60)]


def test_small_batches_give_the_same(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = "SELECT * FROM rows ORDER BY ALL"
    whole = ask(sql, [run])
    monkeypatch.setattr(query_load, "_AT_ONCE", 1)
    assert ask(sql, [run]) == whole


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT metod FROM rows", ["unknown column 'metod'", "did you mean method"]),
        ("SELECT * FROM rws", ["unknown table 'rws'", "did you mean rows"]),
        ("SELEC 1", ["syntax error", "query --schema"]),
        ("SELECT 1; SELECT 2", ["2 statements", "one SELECT"]),
        ("COPY rows TO '/tmp/never.csv'", ["COPY", "--csv FILE"]),
        ("EXPORT DATABASE '/tmp/never'", ["EXPORT", "SELECT"]),
        ("ATTACH '/tmp/never.db'", ["ATTACH", "SELECT"]),
        ("INSTALL httpfs", ["more than read"]),
        ("SET memory_limit = '1TB'", ["SET", "more than read"]),
        ("PRAGMA enable_profiling", ["more than read"]),
        ("DELETE FROM runs", ["DELETE"]),
        ("SELECT * FROM read_text('/etc/passwd')", ["out of reach"]),
        ("SELECT * FROM read_csv('https://example.org/x.csv')", ["SQL"]),
        ("SELECT * FROM glob('/*')", ["out of reach"]),
        ("SELECT 1/'a'", ["Could not convert"]),
        ("", ["0 statements"]),
    ],
)
def test_what_cannot_be_answered_is_one_line(run: Path, sql: str, words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        ask(sql, [run])
    line = str(error.value)
    assert "\n" not in line
    for word in words:
        assert word in line, line
    assert not list(Path("/tmp").glob("never*"))


def test_a_variable_of_the_program_is_no_table(run: Path) -> None:
    paths = [[1, 2, 3]]
    assert paths
    with pytest.raises(UserError, match="unknown table 'paths'"):
        ask("SELECT * FROM paths", [run])


def test_too_much_memory_is_one_line(run: Path) -> None:
    with pytest.raises(UserError, match=r"needs more than 0\.1 GB"):
        ask("SELECT list(a.range) FROM range(20000000) a", [run], memory_gb=0.1)


def test_damage_is_named(run: Path, tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", methods=1, clips=3, frames=2, metrics=1, actors=1)
    file = sorted((path / "units").iterdir())[1]
    whole = file.read_text(encoding="utf-8")
    for text, words in (
        (whole[:100], "damaged: not JSON"),
        ("[1]", "damaged|no valid format"),
        (whole.replace('"format": 2', '"format": 3'), "newer"),
        (whole.replace('"format": 2', '"format": 1'), f"upgrade {path}"),
        (whole.replace('"metric": "PSNR",', ""), "damaged rows"),
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=words) as error:
            ask("SELECT * FROM rows", [path])
        assert "damaged rows" in words or file.name in str(error.value)
    assert one("SELECT count(*) FROM units", path) == 3  # a table that needs no rows still answers
    with pytest.raises(UserError, match="no run here"):
        ask("SELECT 1", [tmp_path / "none"])


def test_the_files_hold_the_answer(run: Path, tmp_path: Path) -> None:
    sql = "SELECT unit, metric, value, provenance FROM rows ORDER BY ALL -- a comment\n;"
    wanted = ask(sql.rstrip("\n;"), [run]).rows
    assert write_answer(sql, [run], tmp_path / "new" / "a.parquet", "parquet") == 60
    found = duckdb.sql(f"SELECT * FROM '{tmp_path}/new/a.parquet'").fetchall()
    assert found == wanted
    assert write_answer(sql, [run], tmp_path / "a.csv", "csv", limit=7) == 7
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as stream:
        header, *lines = csv.reader(stream)
    assert header == ["unit", "metric", "value", "provenance"]
    assert [(unit, metric, float(value)) for unit, metric, value, _ in lines] == [
        row[:3] for row in wanted[:7]
    ]
    before = (tmp_path / "a.csv").read_bytes()
    with pytest.raises(UserError, match="unknown column"):
        write_answer("SELECT nothing_like_it FROM rows", [run], tmp_path / "a.csv", "csv")
    assert (tmp_path / "a.csv").read_bytes() == before
    with pytest.raises(UserError, match="a folder"):
        write_answer("SELECT 1", [run], tmp_path, "csv")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.csv", "new"]


def test_the_verb(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = run_line(
        capsys, "query", "SELECT method, count(*) AS n FROM units GROUP BY ALL ORDER BY 1", str(run)
    )
    assert line.status == 0
    assert [text.split() for text in line.out.splitlines() if "avglwb" in text] == [["avglwb", "4"]]
    shown = run_line(capsys, "query", "SELECT frame FROM frames ORDER BY ALL", str(run))
    assert "the first 50 rows" in shown.err
    limited = run_line(
        capsys, "query", "SELECT value, 1/0 AS odd FROM rows ORDER BY 1", str(run), "--json", "--limit", "3"
    )
    listed = json.loads(limited.out)
    assert len(listed) == 3
    assert all(math.isfinite(row["value"]) and row["odd"] is None for row in listed)
    schema = run_line(capsys, "query", "--schema")
    assert all(f"{name}: " in schema.out for name in VIEWS)
    out = tmp_path / "x.csv"
    assert run_line(capsys, "query", "SELECT 1 AS a", str(run), "--csv", str(out)).out == f"{out}: 1 rows\n"
    assert out.read_text(encoding="utf-8") == "a\n1\n"
    pivot = "PIVOT (SELECT method, metric, value FROM rows) ON metric USING avg(value)"
    assert run_line(capsys, "query", pivot, str(run), "--csv", str(out)).status == 0
    assert out.read_text(encoding="utf-8").splitlines()[0].split(",")[:2] == ["method", "Body-CS"]
    assert_one_line(run_line(capsys, "query"), "no SQL")
    assert_one_line(run_line(capsys, "query", "SELECT metod FROM rows", str(run)), "did you mean method")
    assert_one_line(run_line(capsys, "query", "SELECT 1", str(tmp_path / "none")), "no run here")


def test_names_of_strangers_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_run(tmp_path / "run", methods=1, clips=1, frames=1, metrics=1, actors=1)
    line = run_line(capsys, "query", "SELECT chr(27) || '[31m[bold]red' AS x", str(path))
    assert "\x1b" not in line.out
    assert "\\x1b[31m[bold]red" in line.out


def test_pandas_has_types_and_the_stores_numbers(run: Path) -> None:
    table = to_pandas(run)
    rows = read_rows(run)
    assert list(table.columns) == VIEWS["rows"].names()
    assert table["value"].tolist() == [row.value for row in rows]  # in the store's own order
    assert table["unit"].astype(str).tolist() == [row.unit for row in rows]
    assert (str(table.method.dtype), str(table.sn.dtype), str(table.value.dtype)) == (
        "category",
        "Int32",
        "float64",
    )
    frames = to_pandas(str(run), what="frames")
    assert list(frames.columns) == VIEWS["frames"].names()
    wanted = [math.nan if value is None else value for row in rows for value in row.per_frame or ()]
    np.testing.assert_array_equal(frames["value"], wanted)
    np.testing.assert_array_equal(frames["frame"], np.tile(np.arange(5), len(rows)))
    np.testing.assert_array_equal(frames["counts"], ~np.isnan(wanted))
    assert frames["metric"].astype(str).tolist()[::5] == [row.metric for row in rows]
    assert all(len(to_pandas(run, what=name).columns) == len(VIEWS[name].columns) for name in VIEWS)
    with pytest.raises(UserError, match="did you mean frames"):
        to_pandas(run, what="frame")
