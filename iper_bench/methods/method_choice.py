"""``[LABEL=]METHOD[OPTIONS][@WEIGHTS]``: how a method is named on the command line, and the method it stands
for.

A label keeps two choices of one method apart in units, tables and plots, for example the weights of the
package and those of one's own training. Options stand in brackets: ``attlwb[loss=lp]``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from iper_bench.errors import UserError, unknown_name
from iper_bench.lwg.strategy import split_options
from iper_bench.methods.method import METHODS, Method

OPTION = "--method"
FORM = "[LABEL=]METHOD[@WEIGHTS]"
# Labels stand in tables, file names of plots and shell lines.
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_OPTIONS = re.compile(r"\[[^\[\]]*\]")


@dataclass(frozen=True)
class MethodChoice:
    """One method of a run.

    Attributes
    ----------
    label: the name in units and tables; without one, the method with its options. method: registry name.
    weights: file that takes the place of the method's own weights, or ``None``.
    options: by name, as typed.
    """

    label: str
    method: str
    weights: Path | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> MethodChoice:
        """Read one choice, without looking the method up. Raises UserError for another form."""
        bracketed = _OPTIONS.search(text)
        # Paths, among the options and behind '@', may hold '=' and '@' of their own.
        if bracketed is not None and "@" not in text[: bracketed.start()]:
            start, after = text[: bracketed.start()], text[bracketed.end() :]
            options = split_options(start + bracketed.group())[1]
            file, at, shown = after[1:], after[:1], bracketed.group()
            wrong = bool(after) and at != "@"
        else:
            start, at, file = text.partition("@")
            options, shown, wrong = {}, "", False
        label, labelled, method = start.rpartition("=")
        wrong = wrong or "[" in method or "]" in method
        if wrong or (labelled and not _LABEL.fullmatch(label)) or not method or (at and not file):
            raise UserError(
                f"cannot read '{text}'",
                where=OPTION,
                expected=f"{FORM}, LABEL of letters, digits and . _ + -",
                hint="mine=attlwb@runs/train/weights.safetensors",
            )
        return cls(label or method + shown, method, Path(file) if at else None, options)

    def open(self) -> Method:
        """Build the method. Raises UserError when it takes no weights or no such option, or cannot read those
        given.
        """
        factory = METHODS.get(self.method)
        known = inspect.signature(factory).parameters
        anything = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in known.values())
        given: dict[str, object] = {key.replace("-", "_"): value for key, value in self.options.items()}
        for key in given:
            if key == "weights":
                raise UserError(
                    "weights stand behind '@', not between brackets",
                    where=OPTION,
                    expected=FORM,
                    hint=f"{self.method}@{given[key]}",
                )
            if key not in known and not anything:
                names = [name for name in known if name != "weights"]
                raise unknown_name("option", key, names, where=f"method '{self.method}'")
        if self.weights is not None:
            if "weights" not in known:
                raise UserError(
                    f"method '{self.method}' takes no weights",
                    where=OPTION,
                    expected=f"'{self.method}' alone",
                )
            given["weights"] = self.weights
        return factory(**given)


def parse_choices(texts: Sequence[str]) -> list[MethodChoice]:
    """Read all choices of a run. Raises UserError for none, an unknown method, a label used twice."""
    if not texts:
        raise UserError("no method", where=OPTION, expected=f"some of {', '.join(METHODS.names())}")
    choices = [MethodChoice.parse(text) for text in texts]
    for choice in choices:
        METHODS.get_entry(choice.method)
    labels = [choice.label for choice in choices]
    for label in labels:
        if labels.count(label) > 1:
            raise UserError(
                f"method '{label}' is named twice",
                where=OPTION,
                expected="each name once",
                hint="another label for one of them",
            )
    return choices
