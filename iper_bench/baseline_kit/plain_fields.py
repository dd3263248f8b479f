"""A frozen dataclass from plain values, strictly: unknown, missing and mistyped fields are named."""

from __future__ import annotations

import dataclasses
import math
import reprlib
from collections.abc import Mapping
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from iper_bench.errors import UserError, unknown_name

D = TypeVar("D")
_LONGEST = 80  # characters of a value in a message


def from_plain(kind: type[D], values: object, where: str) -> D:
    """``kind(**values)`` with checked types: int, float (whole numbers too), bool, str, tuples of those (from
    lists) and optional ones.

    Raises
    ------
    UserError for values that are no table, an unknown or missing field, and a value of another type or one
    that is not finite.
    """
    if not isinstance(values, Mapping):
        raise UserError(f"is {_said(values)}", where=where, expected="fields with values")
    hints = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in values:
        if name not in fields:
            raise unknown_name("field", str(name)[:_LONGEST], fields, where=where)
    for name, field in fields.items():
        missing = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if missing and name not in values:
            raise UserError(f"field '{name}' is missing", where=where, expected=_named(hints[name]))
    return kind(
        **{name: _value(hints[name], value, f"{where}, field '{name}'") for name, value in values.items()}
    )


def _value(hint: Any, value: object, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        if value is None:
            return None
        (hint,) = [one for one in get_args(hint) if one is not type(None)]
        return _value(hint, value, where)
    if origin is tuple and isinstance(value, list | tuple):
        inner, *rest = get_args(hint)
        if rest == [...] or len(get_args(hint)) == len(value):
            kinds = [inner] * len(value) if rest == [...] else get_args(hint)
            return tuple(_value(kind, one, where) for kind, one in zip(kinds, value, strict=True))
    elif hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf  # a whole number of more than 308 digits
        if math.isfinite(number):
            return number
    elif hint in (int, str, bool) and type(value) is hint:
        return value
    raise UserError(f"is {_said(value)}", where=where, expected=_named(hint))


def _said(value: object) -> str:
    said = "empty" if value is None else reprlib.repr(value)
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}..."


def _named(hint: Any) -> str:
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    if get_origin(hint) in (Union, UnionType):
        hint = get_args(hint)[0]
    if get_origin(hint) is tuple:
        return f"a list of {_named(get_args(hint)[0])}s".replace("a list of a ", "a list of ")
    return words.get(hint, str(hint))
