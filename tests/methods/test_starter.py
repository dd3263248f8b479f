"""``method new``: what it writes works as it is, by name and without being installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from iper_bench.errors import UserError
from iper_bench.methods.contract import OK, check_method
from iper_bench.methods.contract_case import cases_of
from iper_bench.methods.method import METHODS
from iper_bench.methods.method_choice import MethodChoice
from iper_bench.methods.starter_folder import write_starter
from iper_bench.registry import Registry
from tests.turning_clip import TurningClip

CASES = cases_of(
    [TurningClip(name=f"clip{k}", side=32, plain=100 + 40 * k) for k in range(2)],
    "open-coarse",
    (0, 4),
    (0, 4),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A written starter of the name ``my-own``, which is the current folder."""
    found = tmp_path / "starter"
    write_starter("my-own", found)
    monkeypatch.chdir(found)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return found


def test_it_keeps_the_contract(folder: Path) -> None:
    choice = MethodChoice.parse("python:my_own.method:create")
    assert choice.label == "my_own.method.create"
    found = check_method(choice.open, CASES)
    assert [one for one in found if one.verdict != OK] == []
    assert found[0].words == "name 'my-own', trains: false"


def test_its_entry_point_is_found(folder: Path) -> None:
    """As ``pip install -e`` leaves it: the package on the path, its metadata beside it."""
    import tomllib

    project = tomllib.loads((folder / "pyproject.toml").read_text())
    points = project["project"]["entry-points"]
    assert points == {"iper_bench.methods": {"my-own": "my_own.method:create"}}
    assert project["tool"]["setuptools"]["packages"] == ["my_own"]
    info = folder / "my_own-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-own\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[iper_bench.methods]\nmy-own = my_own.method:create\n")
    sys.path.insert(0, str(folder))
    registry: Registry[object] = Registry("method", group="iper_bench.methods")
    assert registry.origin("my-own") == "my-own"
    factory = registry.get("my-own")
    assert callable(factory)
    assert factory().name == "my-own"


def test_what_is_written_is_tidy(folder: Path) -> None:
    texts = {path.name: path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert set(texts) == {"pyproject.toml", "README.md", "__init__.py", "method.py", "test_contract.py"}
    assert not any("$" in text for text in texts.values())
    for command in (
        "pip install -e .",
        "iper-bench method check my-own",
        "iper-bench run --method my-own --dataset synthetic",
    ):
        assert command in texts["README.md"]
    assert max(len(line) for text in texts.values() for line in text.splitlines()) <= 110


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("warp", "method 'warp' is there already, from iper_bench"),
        ("My-Own", "cannot be a method's name"),
        ("my_own", "cannot be a method's name"),
        ("../x", "cannot be a method's name"),
        ("", "cannot be a method's name"),
        ("x" * 61, "cannot be a method's name"),
        ("json", "'json' is a name of Python's own"),
        ("class", "'class' is a name of Python's own"),
        ("iper-bench", "'iper_bench' is a name of Python's own"),
    ],
)
def test_names_that_will_not_do(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        write_starter(name, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    for name in ("full", "full/mine.txt"):
        with pytest.raises(UserError, match=r"expected a new or empty folder"):
            write_starter("my-own", tmp_path / name)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    assert len(write_starter("my-own", tmp_path / "empty")) == 5
    assert "my-own" not in METHODS
