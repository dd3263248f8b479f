"""``Fields``: a table of ``claims.yaml`` that says which claim and field is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from iper_bench.errors import UserError, unknown_name

_MISSING = object()


class Fields:
    """The fields of one table; ``where`` names file and claim in messages."""

    def __init__(self, held: Mapping[str, Any], where: str) -> None:
        self.held = held
        self.where = where

    @classmethod
    def of(cls, held: Any, where: str) -> Fields:
        """Raises UserError for what is no table."""
        if not isinstance(held, Mapping):
            raise UserError("holds no fields", where=where, expected="fields with their values")
        return cls(held, where)

    def only(self, *known: str) -> None:
        """Raise UserError with the nearest name for a field that there is not."""
        for name in self.held:
            if name not in known:
                raise unknown_name("field", str(name), known, where=self.where)

    def get(self, name: str, kind: type | tuple[type, ...], default: Any = _MISSING) -> Any:
        """The value of a field, or ``default``. Raises UserError when it is missing without one, or is of
        another type.
        """
        value = self.held.get(name, default)
        if value is _MISSING:
            raise UserError(f"field '{name}' is missing", where=self.where, expected=f"'{name}'")
        if value is not default and (not isinstance(value, kind) or isinstance(value, bool)):
            kinds = kind if isinstance(kind, tuple) else (kind,)
            words = " or ".join(one.__name__ for one in kinds)
            raise UserError(f"'{value}'", where=f"{self.where}, field '{name}'", expected=words)
        return value

    def number(self, name: str) -> float:
        """A number above 0. Raises UserError for another."""
        value = float(self.get(name, (int, float)))
        if not value > 0:
            raise UserError(f"'{value}'", where=f"{self.where}, field '{name}'", expected="a number above 0")
        return value

    def choice(self, name: str, known: Iterable[str]) -> str:
        """One of some words. Raises UserError with the nearest of them for another."""
        value = str(self.get(name, str))
        listed = list(known)
        if value not in listed:
            raise unknown_name(name, value, listed, where=self.where)
        return value

    def texts(self, name: str) -> dict[str, str]:
        """A table of texts."""
        return {str(key): str(value) for key, value in self.get(name, dict).items()}
