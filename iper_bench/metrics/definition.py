"""``Definition``: one metric, completely, as a table of choices.

A ``Kind`` is a family of metrics with one computation (PSNR, SSIM, similarity of features, ...) and the
fields in which members of the family differ, in the order in which frames pass through them. A definition
takes one choice per field. Nothing about a number is decided anywhere else, so that two definitions can be
compared and mixed field by field (``explanation.py``), and the hash of the choices, of the setting and of the
weights is the number's passport.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from iper_bench.errors import unknown_name
from iper_bench.hashing import content_hash
from iper_bench.metrics.metric import Setting

AVERAGE = "average"


@dataclass(frozen=True)
class Kind:
    """A family of metrics.

    Attributes
    ----------
    name: for example ``"ssim"``.
    version: raised when the computation changes its numbers under the same choices.
    fields: field -> choice -> what it means, in one sentence; fields in the order of the computation.
    """

    name: str
    version: int
    fields: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Definition:
    """One metric of one profile.

    Attributes
    ----------
    metric: as it stands in rows and tables.
    kind: the family.
    choices: field -> choice, for every field of the kind, in its order.
    source: where this definition comes from (a paper's section, a file of the official evaluator).

    Raises
    ------
    UserError for a field or a choice that the kind does not have. ValueError for a field without a choice.
    """

    metric: str
    kind: Kind
    choices: Mapping[str, str] = field(hash=False)
    source: str = ""

    def __post_init__(self) -> None:
        for name, choice in self.choices.items():
            if name not in self.kind.fields:
                raise unknown_name("field", name, self.kind.fields, where=self.metric)
            if choice not in self.kind.fields[name]:
                raise unknown_name(f"choice of '{name}'", choice, self.kind.fields[name], where=self.metric)
        open_fields = [name for name in self.kind.fields if name not in self.choices]
        if open_fields:
            raise ValueError(f"{self.metric}: no choice for {', '.join(open_fields)}")
        ordered = {name: self.choices[name] for name in self.kind.fields}
        object.__setattr__(self, "choices", ordered)

    def __getitem__(self, name: str) -> str:
        return self.choices[name]

    def get(self, name: str, otherwise: str) -> str:
        """The choice of a field, or ``otherwise`` where the kind has no such field."""
        return self.choices.get(name, otherwise)

    def having(self, **choices: str) -> Definition:
        """The same metric with other choices in the named fields."""
        return replace(self, choices={**self.choices, **choices})

    def named(self, metric: str, source: str = "", **choices: str) -> Definition:
        """Another metric that differs from this one in the named fields."""
        return replace(self.having(**choices), metric=metric, source=source or self.source)

    def words(self) -> dict[str, str]:
        """Field -> what was chosen, in words."""
        return {name: self.kind.fields[name][choice] for name, choice in self.choices.items()}


@dataclass(frozen=True)
class Passport:
    """A definition as it was measured: with profile, setting and the weights that were found.

    Attributes
    ----------
    weights: part (``network``, ``detector``) -> name and first hexadecimal digits of the weights' sha256.
    """

    profile: str
    setting: Setting
    definition: Definition
    weights: Mapping[str, str] = field(hash=False)

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits; equal for two numbers that were computed in exactly the same way."""
        return content_hash(self.identity())

    def identity(self) -> dict[str, object]:
        """What the id is taken from. Words are left out: a better sentence is not another number."""
        return {
            "profile": self.profile,
            "metric": self.definition.metric,
            "setting": self.setting,
            "kind": self.definition.kind.name,
            "version": self.definition.kind.version,
            "choices": dict(self.definition.choices),
            "weights": dict(sorted(self.weights.items())),
        }

    def to_json(self) -> dict[str, object]:
        """The complete definition for plans, reports and ``explain``."""
        return {**self.identity(), "words": self.definition.words(), "source": self.definition.source}
