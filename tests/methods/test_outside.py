"""Outside methods: how they are named, imported and looked over."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from iper_bench.errors import UserError
from iper_bench.methods.folder_method import FolderMethod
from iper_bench.methods.method import METHODS
from iper_bench.methods.method_choice import MethodChoice, parse_choices
from iper_bench.registry import Registry
from tests.methods.broken_methods import GOOD


@pytest.mark.parametrize(
    ("text", "label", "method"),
    [
        ("folder:runs/mine", "mine", "folder:runs/mine"),
        ("a.b=folder:runs/a=b@c[1]/d e", "a.b", "folder:runs/a=b@c[1]/d e"),
        ("folder:runs/a=b@c[1]", "a-b-c-1-", "folder:runs/a=b@c[1]"),
        ("process:dir/spec.v2.yaml", "spec.v2", "process:dir/spec.v2.yaml"),
        ("x=process:s.yaml", "x", "process:s.yaml"),
        ("python:a.b:C", "a.b.C", "python:a.b:C"),
        ("c=python:a.b:C.make", "c", "python:a.b:C.make"),
    ],
)
def test_parse(text: str, label: str, method: str) -> None:
    choice = MethodChoice.parse(text)
    assert (choice.label, choice.method, choice.weights) == (label, method, None)
    assert choice.origin() == method
    # a plan holds the label alone; it is read as a label again when a run is scored
    assert MethodChoice.parse(label).label == label


def test_python_takes_options_and_weights() -> None:
    choice = MethodChoice.parse("python:a.b:C[size=2]@w/x=y@z.pt")
    assert (choice.label, choice.method) == ("a.b.C[size=2]", "python:a.b:C")
    assert (choice.weights, choice.options) == (Path("w/x=y@z.pt"), {"size": "2"})


@pytest.mark.parametrize(
    "text",
    ["folder:", "process:", "python:", "python:a", "python:a:", "python:a/b:C", "a b=folder:x", "=folder:x"],
)
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(UserError):
        MethodChoice.parse(text)


def test_two_of_one_name_with_the_origin_of_both(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"'mine' is named twice.*folder:a/mine and from process:b/mine\.yaml"
    ):
        parse_choices(["folder:a/mine", "process:b/mine.yaml"])
    with pytest.raises(UserError, match=r"'warp' is named twice.*iper_bench and from folder:a/warp.*LABEL="):
        parse_choices(["folder:a/warp"])
    assert [one.label for one in parse_choices(["w=folder:a/warp", "warp"])] == ["w", "warp"]


def test_two_packages_with_one_name_are_both_named() -> None:
    registry: Registry[object] = Registry("method")
    registry.add("mine", "first.module:create", origin="first-package")
    with pytest.raises(
        UserError, match=r"^first-package and second-package: method 'mine' is registered twice"
    ):
        registry.add("mine", "second.module:create", origin="second-package")


def test_references_are_added_once_and_unknown_ones_refused() -> None:
    labels = [one.label for one in parse_choices(["mine=warp", "attlwb"], ["warp", "truth-shift[2]"])]
    assert labels == ["mine", "attlwb", "truth-shift[2]"]
    labels = [one.label for one in parse_choices(["truth-shift[2]"], ["truth-shift[1]"])]
    assert labels == ["truth-shift[2]", "truth-shift[1]"]
    with pytest.raises(UserError, match="--references: unknown reference 'attlwb'"):
        parse_choices(["warp"], ["attlwb"])
    with pytest.raises(UserError, match=r"'warp' is named twice.*from iper_bench"):
        parse_choices(["warp=attlwb"], ["warp"])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, from which Python imports nothing else than before."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return tmp_path


def test_a_module_of_the_current_folder(here: Path) -> None:
    (here / "outsider.py").write_text(GOOD)
    made = MethodChoice.parse("python:outsider:Good").open()
    assert (made.name, made.trains) == ("good", True)


@pytest.mark.parametrize(
    ("source", "name", "words"),
    [
        (None, "Good", r"cannot import 'outsider' \(ModuleNotFoundError: No module named 'outsider'\)"),
        ("import nowhere_at_all", "Good", r"No module named 'nowhere_at_all'"),
        ("raise RuntimeError('no GPU\\nhere')", "Good", r"cannot import 'outsider' \(RuntimeError: no GPU\)"),
        ("def f(:\n", "Good", r"SyntaxError"),
        (GOOD, "Goood", r"unknown name 'Goood'.*did you mean Good"),
        ("Good = 3", "Good", "int cannot be called"),
        ("class Good:\n    name = 'x'", "Good", "Good lacks identity, trains, personalize, checkpoints"),
        ("def Good(): raise OSError('disk on fire')", "Good", r"cannot be made \(OSError: disk on fire\)"),
        ("def Good(*, size): pass", "Good", r"cannot be made \(TypeError: .*size"),
    ],
)
def test_modules_that_cannot_be_used(here: Path, source: str | None, name: str, words: str) -> None:
    if source is not None:
        (here / "outsider.py").write_text(source)
    with pytest.raises(UserError, match=words) as caught:
        MethodChoice.parse(f"python:outsider:{name}").open()
    assert "\n" not in str(caught.value)


def test_a_registered_method_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    METHODS.names()
    monkeypatch.setitem(METHODS._entries, "theirs", "not_installed_anywhere.method:create")
    monkeypatch.setitem(METHODS._origins, "theirs", "their-package")
    with pytest.raises(UserError, match=r"^method 'theirs' of their-package: cannot import .*not_installed"):
        MethodChoice.parse("theirs").open()


def test_no_outsider_gets_the_truth(here: Path) -> None:
    """A class that says it is a reference is looked over as a method."""
    (here / "outsider.py").write_text(
        "from iper_bench.methods.truth_reference import TruthShift\ndef make(): return TruthShift(1)\n"
    )
    with pytest.raises(UserError, match="TruthShift lacks personalize, checkpoints"):
        MethodChoice.parse("python:outsider:make").open_any()


def test_folder_identity_is_that_of_the_content(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "clip").mkdir(parents=True)
        (tmp_path / name / "clip" / "0.png").write_bytes(b"one")
    (tmp_path / "a" / ".hidden").write_bytes(b"x")
    first, second = (FolderMethod(tmp_path / name).identity for name in ("a", "b"))
    assert first == second
    (tmp_path / "a" / "clip" / "0.png").write_bytes(b"two")
    assert FolderMethod(tmp_path / "a").identity != first
    (tmp_path / "b" / "clip" / "0.png").rename(tmp_path / "b" / "clip" / "1.png")
    assert FolderMethod(tmp_path / "b").identity != second
    with pytest.raises(UserError, match="not a folder"):
        FolderMethod(tmp_path / "none")
    (tmp_path / "b" / "out.png").symlink_to(tmp_path / "a" / "clip" / "0.png")
    with pytest.raises(UserError, match="a link that leads out"):
        FolderMethod(tmp_path / "b")


def test_folder_places(tmp_path: Path) -> None:
    (tmp_path / "actor").mkdir()
    plain = FolderMethod(tmp_path)
    assert plain.place("self", 2) == tmp_path
    plain.require(["self"], [2])
    with pytest.raises(UserError, match=r"without folders for the settings self and cross.*--settings self"):
        plain.require(["self", "cross"], [2])
    with pytest.raises(UserError, match=r"without folders for sn = 1, 2.*--sn 1"):
        plain.require(["self"], [1, 2])
    for name in ("self", "cross"):
        (tmp_path / "sn1" / name).mkdir(parents=True)
    both = FolderMethod(tmp_path)
    both.require(["self", "cross"], [1])
    assert both.place("cross", 1) == tmp_path / "sn1" / "cross"
    with pytest.raises(UserError, match="no folder 'sn2'"):
        both.place("self", 2)
