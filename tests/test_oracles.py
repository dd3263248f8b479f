"""The finder of the numeric references, and the committed set that a public clone is proven by."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests import oracles
from tests.oracles import GOLDEN, UNCOMMITTED, VARIABLE, MissingOracleError, cases, config, load, oracle_files

TESTS = Path(__file__).resolve().parent
LARGEST = 5_000_000  # bytes of all committed files


def asked_families() -> list[str]:
    """The patterns that the tests ask for, read from their source.

    Raises ValueError for a call whose pattern is no literal, which this search could not see.
    """
    found = set()
    for path in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if not named or node.func.id != "oracle_files" or path == Path(__file__).resolve():
                continue
            (pattern,) = node.args
            if not isinstance(pattern, ast.Constant):
                raise ValueError(f"{path.name}, line {node.lineno}: the pattern is no literal")
            found.add(pattern.value)
    return sorted(found)


FAMILIES = asked_families()


@pytest.mark.parametrize("pattern", FAMILIES)
def test_the_committed_set_has_every_family(pattern: str) -> None:
    assert bool(list(GOLDEN.glob(pattern))) != (pattern in UNCOMMITTED)


@pytest.mark.parametrize("pattern", FAMILIES)
def test_a_family_is_a_pattern(pattern: str) -> None:
    """Another set may hold more files of a family, under other names."""
    assert pattern.endswith("*.npz")


def test_the_committed_set_is_small_and_every_file_is_read() -> None:
    files = set(GOLDEN.rglob("*.npz"))
    assert sum(path.stat().st_size for path in GOLDEN.rglob("*")) < LARGEST
    assert {path for pattern in FAMILIES for path in GOLDEN.glob(pattern)} == files


def test_only_families_that_are_asked_for_are_excused() -> None:
    assert set(UNCOMMITTED) <= set(FAMILIES)


def test_a_named_folder_without_any_oracle_fails(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    (path,) = oracle_files("lwg/gen_*.npz")
    for read in (load, config):
        with pytest.raises(MissingOracleError, match=r"lwg/gen_\*\.npz .*IPER_BENCH_ORACLES") as caught:
            read(path)
        assert "\n" not in str(caught.value)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(FileNotFoundError, match="not a folder"):
        oracle_files("lwg/gen_*.npz")


def test_a_part_of_a_set_skips_what_it_lacks(tmp_path, monkeypatch) -> None:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "lpips.npz").write_bytes(b"")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    (path,) = oracle_files("lwg/gen_*.npz")
    with pytest.raises(pytest.skip.Exception, match=r"lwg/gen_\*\.npz"):
        load(path)


def test_a_named_folder_is_the_only_one(tmp_path, monkeypatch) -> None:
    mine = tmp_path / "lwg" / "gen_mine.npz"
    mine.parent.mkdir()
    mine.write_bytes(b"")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert oracle_files("lwg/gen_*.npz") == [mine]


def test_the_default_is_shared_then_committed(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(oracles, "SHARED", tmp_path)
    committed = oracle_files("lwg/gen_*.npz")
    assert committed
    assert all(path.is_relative_to(GOLDEN) for path in committed)
    shared = tmp_path / "lwg" / "gen_shared.npz"
    shared.parent.mkdir()
    shared.write_bytes(b"")
    assert oracle_files("lwg/gen_*.npz") == [shared]


def test_a_file_without_cases_is_refused() -> None:
    assert cases({"pred_b": None, "pred_a": None, "ref_a": None}, "pred_") == ["a", "b"]
    with pytest.raises(ValueError, match="no array named pred_"):
        cases({"ref_a": None}, "pred_")
