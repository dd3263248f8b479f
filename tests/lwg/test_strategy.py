"""Methods by name and the options between brackets."""

from __future__ import annotations

import pytest

from iper_bench.errors import UserError
from iper_bench.lwg.config import GENERATOR_NAMES
from iper_bench.lwg.strategy import (
    GENERATOR_OF,
    LOSS_SETS,
    WARPING_STRATEGIES,
    TrainedMethod,
    split_options,
)
from iper_bench.methods.method import METHODS


def test_every_released_generator_is_a_method() -> None:
    assert {*GENERATOR_NAMES} < {*GENERATOR_OF.values()}
    assert len({*GENERATOR_OF.values()}) == len(GENERATOR_OF) == 10
    assert {*WARPING_STRATEGIES} < GENERATOR_OF.keys()
    assert len(WARPING_STRATEGIES) == 7  # section 5.3
    for name in GENERATOR_OF:
        assert callable(METHODS.get(name)), name


def test_loss_sets_are_the_rows_of_table_6() -> None:
    terms = [(each.adversarial, each.face, each.attention) for each in LOSS_SETS.values()]
    assert list(LOSS_SETS) == ["lp", "lp+adv", "lp+adv+lf", "full"]
    assert terms == [(False, False, False), (True, False, False), (True, True, False), (True, True, True)]


@pytest.mark.parametrize("text", ["attlwb", "softgate-avg[loss=lp+adv]"])
def test_a_name_is_read_as_it_is_written(text: str) -> None:
    assert TrainedMethod.parse(text).text == text


def test_options_are_split() -> None:
    assert split_options("a") == ("a", {})
    assert split_options("a[b=c, d=/x/y=z@1.pth]") == ("a", {"b": "c", "d": "/x/y=z@1.pth"})


@pytest.mark.parametrize(
    "text", ["a]", "a[", "a[]", "a[b]", "a[b=]", "a[=c]", "a[b=1,b=2]", "[b=1]", "a[b=1]c"]
)
def test_other_forms_are_one_line(text: str) -> None:
    with pytest.raises(UserError, match=r"^--method: cannot read .*try: attlwb\[loss=lp\]$"):
        split_options(text)


def test_unknown_names_give_the_nearest() -> None:
    for text, words in (
        ("atlwb", "attlwb"),
        ("attlwb[loss=l]", "lp"),
        ("attlwb[lost=lp]", "did you mean loss"),
    ):
        with pytest.raises(UserError, match=words):
            TrainedMethod.parse(text)
