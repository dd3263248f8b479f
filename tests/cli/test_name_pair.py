"""Two names with '=' between them."""

from __future__ import annotations

import pytest

from iper_bench.cli.name_pair import name_pair


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a=b", ("a", "b")),
        (" a = b ", ("a", "b")),
        ("mine=attlwb[loss=lp]", ("mine", "attlwb[loss=lp]")),
        ("attlwb[loss=full]=attlwb[loss=lp+adv]", ("attlwb[loss=full]", "attlwb[loss=lp+adv]")),
        *(
            (text, None)
            for text in ("", "a", "a=", "=b", " = ", "a=b=c", "attlwb[loss=lp]", "a[x=b", "a=b[=]]")
        ),
    ],
)
def test_equals_in_brackets_divides_nothing(text: str, names: tuple[str, str] | None) -> None:
    assert name_pair(text) == names
