"""The rules of the house that a machine can check: sizes, names, untrusted input."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.repository import PACKAGED, ROOT, pyproject, python_files

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
#: names that say nothing about what is inside
EMPTY_NAMES = {"util", "utils", "helper", "helpers", "misc", "common", "tools", "stuff"}

FILES = python_files(*PACKAGED)


def _ids(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _dotted(node: ast.expr) -> str:
    """``a.b.c`` for an attribute chain, empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return ""


def too_long_functions(tree: ast.Module) -> list[str]:
    """Functions with more lines than allowed, decorators not counted."""
    return [
        f"{node.name} has {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    ]


def unsafe_torch_loads(tree: ast.Module) -> list[str]:
    """Calls of ``torch.load`` that do not say ``weights_only=True`` literally."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _dotted(node.func) == "torch.load":
            said = [word.value for word in node.keywords if word.arg == "weights_only"]
            if not (said and isinstance(said[0], ast.Constant) and said[0].value is True):
                found.append(f"line {node.lineno}")
    return found


def unsafe_unpickling(tree: ast.Module) -> list[str]:
    """Reading of pickles other than by an own unpickler that decides in ``find_class`` what it admits."""
    found = []
    for line, name in _imports(tree):
        if name.split(".")[0] in {"cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve"}:
            found.append(f"line {line}: {name}")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "pickle":
            found.append(f"line {node.lineno}: from pickle import")
        if isinstance(node, ast.Call):
            if _dotted(node.func) in {"pickle.load", "pickle.loads", "pickle.Unpickler"}:
                found.append(f"line {node.lineno}: {_dotted(node.func)}")
            pickled = [word.value for word in node.keywords if word.arg == "allow_pickle"]
            if any(not (isinstance(value, ast.Constant) and value.value is False) for value in pickled):
                found.append(f"line {node.lineno}: allow_pickle")
        if isinstance(node, ast.ClassDef) and "pickle.Unpickler" in [_dotted(base) for base in node.bases]:
            methods = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
            if "find_class" not in methods:
                found.append(f"line {node.lineno}: {node.name} admits every class")
    return found


def unsafe_yaml(tree: ast.Module) -> list[str]:
    """YAML read by anything but ``safe_load`` or a loader made from ``SafeLoader`` in the same file."""
    safe = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any(_dotted(base).endswith("SafeLoader") for base in node.bases)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _dotted(node.func).startswith("yaml."):
            name = _dotted(node.func).removeprefix("yaml.")
            loaders = [_dotted(word.value) for word in node.keywords if word.arg == "Loader"]
            good = bool(loaders) and (loaders[0] in safe or loaders[0].endswith("SafeLoader"))
            unsafe = name in {"unsafe_load", "full_load", "unsafe_load_all", "full_load_all"}
            if unsafe or (name in {"load", "load_all"} and not good):
                found.append(f"line {node.lineno}: yaml.{name}")
    return found


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.lineno, node.module


@pytest.mark.parametrize("path", FILES, ids=_ids)
def test_file_keeps_the_rules(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = _tree(path)
    assert len(text.splitlines()) <= LONGEST_FILE
    assert path.stem not in EMPTY_NAMES
    assert too_long_functions(tree) == []
    assert unsafe_torch_loads(tree) == []
    assert unsafe_unpickling(tree) == []
    assert unsafe_yaml(tree) == []
    assert [f"line {n.lineno}" for n in ast.walk(tree) if isinstance(n, ast.Assert)] == []


def test_rules_find_what_they_look_for() -> None:
    bad = ast.parse(
        "import dill\nimport torch, yaml, pickle\ntorch.load('a')\ntorch.load('a', weights_only=False)\n"
        "torch.load('a', weights_only=True)\nyaml.load('b', Loader=yaml.Loader)\n"
        "numpy.load('c', allow_pickle=True)\npickle.load(f)\nclass A(pickle.Unpickler):\n    pass\n"
        "def long():\n" + "    pass\n" * LONGEST_FUNCTION
    )
    assert unsafe_torch_loads(bad) == ["line 3", "line 4"]
    assert sorted(found.split(":")[0] for found in unsafe_unpickling(bad)) == [
        f"line {n}" for n in (1, 7, 8, 9)
    ]
    assert unsafe_yaml(bad) == ["line 6: yaml.load"]
    assert too_long_functions(bad) == [f"long has {LONGEST_FUNCTION + 1} lines"]


def test_rules_admit_what_is_safe() -> None:
    good = ast.parse(
        "import pickle, yaml\nclass L(yaml.SafeLoader):\n    pass\nyaml.load('a', Loader=L)\n"
        "yaml.safe_load('a')\nnumpy.load('c', allow_pickle=False)\n"
        "class U(pickle.Unpickler):\n    def find_class(self, m, n):\n        pass\n"
    )
    assert unsafe_unpickling(good) == []
    assert unsafe_yaml(good) == []


def test_every_sub_package_is_declared() -> None:
    """setuptools cannot both search and map folders, so the list is by hand: compare it. The folders of
    baselines are package data, so that adding one is enough.
    """
    in_tree = {
        ".".join([package, *path.parent.relative_to(ROOT / folder).parts])
        for folder, package in PACKAGED.items()
        for path in (ROOT / folder).rglob("__init__.py")
        if not (folder == "baselines" and path.parent != ROOT / folder)
    }
    assert sorted(pyproject()["tool"]["setuptools"]["packages"]) == sorted(in_tree)


def test_pins_name_versions_and_no_address() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    for pin in pins:
        name, equals, version = pin.partition("==")
        assert name
        assert equals
        assert version
        assert not set(" @/;") & set(pin), pin


def test_no_package_index_is_named() -> None:
    for name in (
        "pyproject.toml",
        "constraints.txt",
        "Makefile",
        "tools/setup.sh",
        "tools/pins.sh",
        ".ci/run",
    ):
        text = (ROOT / name).read_text(encoding="utf-8")
        for word in (
            "--index-url",
            "--extra-index-url",
            "--find-links",
            "[[tool.uv.index]]",
            "index-url =",
            "--default-index",
        ):
            assert word not in text, f"{name}: {word}"


def test_every_dependency_is_explained() -> None:
    text = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    project = pyproject()["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {name_of(requirement) for group in groups for requirement in group}
    assert sorted(name for name in names if name not in text) == []
    assert sorted(extra for extra in project["optional-dependencies"] if f"`{extra}`" not in text) == []


def name_of(requirement: str) -> str:
    """``"torch>=2.4"`` -> ``"torch"``."""
    for sign in "<>=!~[; ":
        requirement = requirement.partition(sign)[0]
    return requirement
