"""How methods are named on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from iper_bench.errors import UserError
from iper_bench.lwg.packaged import packaged_path
from iper_bench.methods.method_choice import MethodChoice, parse_choices


@pytest.mark.parametrize(
    ("text", "label", "method", "weights"),
    [
        ("attlwb", "attlwb", "attlwb", None),
        ("mine=attlwb", "mine", "attlwb", None),
        ("attlwb@w.safetensors", "attlwb", "attlwb", Path("w.safetensors")),
        (
            "v1.2-b+c_d=attlwb@runs/a=b@c/w.safetensors",
            "v1.2-b+c_d",
            "attlwb",
            Path("runs/a=b@c/w.safetensors"),
        ),
    ],
)
def test_parse(text: str, label: str, method: str, weights: Path | None) -> None:
    assert MethodChoice.parse(text) == MethodChoice(label, method, weights)


@pytest.mark.parametrize(
    "text",
    [
        "attlwb[",
        "attlwb]",
        "attlwb[batch=2]x",
        "=attlwb",
        "attlwb@",
        "mine=",
        "a b=attlwb",
        "../x=attlwb",
        "a=b=attlwb",
        "@w",
    ],
)
def test_parse_refuses_other_forms(text: str) -> None:
    with pytest.raises(UserError, match=r"^--method: cannot read .*LABEL=.*try: mine=attlwb@"):
        MethodChoice.parse(text)


def test_a_label_is_used_once() -> None:
    with pytest.raises(UserError, match=r"method 'warp' is named twice.*another label"):
        parse_choices(["warp", "attlwb", "warp"])
    labels = [choice.label for choice in parse_choices(["warp", "again=warp"])]
    assert labels == ["warp", "again"]


def test_unknown_method_behind_a_label() -> None:
    with pytest.raises(UserError, match=r"unknown method 'atlwb'.*attlwb"):
        parse_choices(["mine=atlwb"])


def test_the_same_file_is_the_same_method() -> None:
    """Identity is about content: the packaged file given by path draws what the packaged weights draw."""
    packaged, named = parse_choices(["attlwb", f"mine=attlwb@{packaged_path()}"])
    assert packaged.open().identity == named.open().identity


def test_weights_for_a_method_that_has_none() -> None:
    with pytest.raises(UserError, match="method 'warp' takes no weights"):
        MethodChoice.parse("warp@w.safetensors").open()


def test_weights_that_are_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "absent.safetensors"
    with pytest.raises(UserError, match=r"absent\.safetensors"):
        MethodChoice.parse(f"attlwb@{missing}").open()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("attlwb[name=x]", "unknown option 'name'"),
        ("attlwb[weights=w]", "try: attlwb@w"),
        ("attlwb[]", r"cannot read 'attlwb\[\]'"),
        ("attlwb[time-step=2]", "these weights are not temporal"),
        ("attlwb[face-weights=f]", "option 'face-weights': a file for a term"),
        ("attlwb[perceptual-weights=f]", "option 'perceptual-weights': a file for a term"),
        ("attlwb[face=sphere20a]", "one of none; try|one of none$"),
    ],
)
def test_options_that_cannot_be_used(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        MethodChoice.parse(text).open()
