"""What is installed: an editable tree and a built wheel expose the same packages and the same data."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.packaging.repository import PACKAGED, ROOT, packaged_files

#: runs in another process and prints what the installed package can see
PROBE = """
import importlib.resources, importlib.metadata, json
import iper_bench
seen = {}
for package in ("protocols", "baselines", "results", "body.assets", "lwg.weights"):
    root = importlib.resources.files("iper_bench." + package)
    stack, files = [(root, "")], []
    while stack:
        folder, prefix = stack.pop()
        for entry in folder.iterdir():
            if entry.name.startswith((".", "__pycache__")):
                continue
            if entry.is_dir():
                stack.append((entry, prefix + entry.name + "/"))
            else:
                files.append(prefix + entry.name)
    seen[package] = sorted(files)
print(json.dumps({"home": iper_bench.__file__, "seen": seen}))
"""


def _probe(folder: Path, *, path: str | None) -> dict[str, object]:
    import json

    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if path is not None:
        environment["PYTHONPATH"] = path
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def _expected(root: Path) -> dict[str, list[str]]:
    """The files of a source tree per probed package."""
    installed = [name for _, name in packaged_files(root)]
    expected = {}
    for package in ("protocols", "baselines", "results", "body.assets", "lwg.weights"):
        prefix = f"iper_bench/{package.replace('.', '/')}/"
        expected[package] = sorted(name.removeprefix(prefix) for name in installed if name.startswith(prefix))
    return expected


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the wheel is built from, because building leaves folders in the tree."""
    copy = tmp_path_factory.mktemp("source")
    for name in PACKAGED:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def files(source: Path) -> list[tuple[Path, str]]:
    """The packaged files of the copy, listed before anything is built in it."""
    return packaged_files(source)


@pytest.fixture(scope="module")
def wheel(source: Path, files: list[tuple[Path, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built without network."""
    out = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


def test_editable_installation_sees_all_data(tmp_path: Path) -> None:
    answer = _probe(tmp_path, path=None)
    assert answer["seen"] == _expected(ROOT)


def test_wheel_holds_every_file_of_the_packages(wheel: Path, files: list[tuple[Path, str]]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {entry.filename: entry.file_size for entry in archive.infolist()}
    missing = [name for path, name in files if inside.get(name) != path.stat().st_size]
    assert missing == []


def test_wheel_holds_nothing_else(wheel: Path, files: list[tuple[Path, str]]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert sorted(inside - {name for _, name in files}) == []


def test_wheel_carries_licences_and_script(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (entry_points,) = [name for name in names if name.endswith("entry_points.txt")]
        assert "iper-bench = iper_bench.cli.entry:main" in archive.read(entry_points).decode()
    for licence in ("LICENSE", "NOTICE", "LICENSE.CC0.txt"):
        assert any(".dist-info/licenses/" in name and name.endswith("/" + licence) for name in names), licence


def test_installed_wheel_runs(wheel: Path, source: Path, tmp_path: Path) -> None:
    """A wheel of pure Python is installed by unpacking it, which needs neither pip nor network."""
    target = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    answer = _probe(tmp_path, path=str(target))
    assert Path(str(answer["home"])).is_relative_to(target)
    assert answer["seen"] == _expected(source)
    done = subprocess.run(
        [sys.executable, "-m", "iper_bench.cli.main", "method", "list"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "attlwb" in done.stdout
