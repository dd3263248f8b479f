"""``[LABEL=]METHOD[@WEIGHTS]``: how a method is named on the command line, and the method it stands for.

A label keeps two choices of one method apart in units, tables and plots, for example the weights of the
package and those of one's own training.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from iper_bench.errors import UserError
from iper_bench.methods.method import METHODS, Method

OPTION = "--method"
FORM = "[LABEL=]METHOD[@WEIGHTS]"
# Labels stand in tables, file names of plots and shell lines.
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


@dataclass(frozen=True)
class MethodChoice:
    """One method of a run.

    Attributes
    ----------
    label: the name in units and tables. method: registry name.
    weights: file that takes the place of the method's own weights, or ``None``.
    """

    label: str
    method: str
    weights: Path | None = None

    @classmethod
    def parse(cls, text: str) -> MethodChoice:
        """Read one choice, without looking the method up. Raises UserError for another form."""
        # The file comes first: a path may hold '=' and '@' of its own.
        name, at, file = text.partition("@")
        label, labelled, method = name.rpartition("=")
        if (labelled and not _LABEL.fullmatch(label)) or not method or (at and not file):
            raise UserError(
                f"cannot read '{text}'",
                where=OPTION,
                expected=f"{FORM}, LABEL of letters, digits and . _ + -",
                hint="mine=attlwb@runs/train/weights.safetensors",
            )
        return cls(label or method, method, Path(file) if at else None)

    def open(self) -> Method:
        """Build the method. Raises UserError when it takes no weights, or cannot read those given."""
        factory = METHODS.get(self.method)
        if self.weights is None:
            return factory()
        if "weights" not in inspect.signature(factory).parameters:
            raise UserError(
                f"method '{self.method}' takes no weights", where=OPTION, expected=f"'{self.method}' alone"
            )
        return factory(weights=self.weights)


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
