"""Strict reading of one YAML mapping: every key is asked for by name, and what nobody asked for is an error.

The file is untrusted: aliases (exponential expansion), repeated keys, absurd sizes and non-mappings are
refused with one line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from iper_bench.data.frame_name import printable
from iper_bench.errors import UserError, unknown_name
from iper_bench.protocol.bounded_text import LARGEST_NUMBER, bounded_text

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)")

T = TypeVar("T")


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses aliases, repeated keys, integers that no field can mean, those that are not
    written in decimal (YAML 1.1 reads ``0100`` as 64 and ``1:30`` as 90), and texts with control characters
    or halves of characters, which no terminal and no file can take.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            line = event.start_mark.line + 1
            raise yaml.YAMLError(f"alias '*{event.anchor}' in line {line} is not allowed")
        return super().compose_node(parent, index)

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        if isinstance(node, yaml.ScalarNode) and _UNPRINTABLE.search(node.value):
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"the text in line {line} has characters that cannot be printed")
        return super().construct_scalar(node)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        line = node.start_mark.line + 1
        if not _DECIMAL.fullmatch(node.value):
            raise yaml.YAMLError(
                f"the number {node.value[:20]} in line {line} is not decimal: write it without leading zeros,"
                " or in quotes where it is a name"
            )
        value = super().construct_yaml_int(node)
        if abs(value) > LARGEST_NUMBER:
            raise yaml.YAMLError(f"the number in line {line} is too large")
        return int(value)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            named = isinstance(key, str | int)
            if not named or key in seen:
                problem = "is repeated" if named else "is not a name or a number"
                raise yaml.YAMLError(f"key '{key}' in line {key_node.start_mark.line + 1} {problem}")
            seen.add(key)
        return super().construct_mapping(node, deep)


_StrictLoader.add_constructor("tag:yaml.org,2002:int", _StrictLoader.construct_yaml_int)


def read_yaml(path: Path) -> Any:
    """Content of a YAML file. Raises UserError, one line, when it is missing, too large, not UTF-8 or not
    strict YAML.
    """
    try:
        return yaml.load(bounded_text(path), Loader=_StrictLoader)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path), expected="YAML") from error
    except (ValueError, AttributeError, yaml.YAMLError, RecursionError) as error:
        # ValueError and AttributeError: not UTF-8, or a date or number that the YAML library cannot make
        text = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(f"not valid YAML: {text}", where=str(path)) from error


class Fields:
    """One mapping of the file. Ask for each key, then call :meth:`finish`.

    Parameters
    ----------
    content: what the YAML holds at this place.
    where: file and place, for messages.
    keys: every key that is allowed here. An unknown one raises UserError with the nearest of these at once.
    """

    def __init__(self, content: Any, where: str, keys: tuple[str, ...]) -> None:
        if not isinstance(content, dict):
            kind = "nothing" if content is None else type(content).__name__
            raise UserError(f"found {kind}", where=where, expected=f"a mapping with {', '.join(keys)}")
        self._content = content
        self._keys = keys
        self.where = where
        for key in content:
            if key not in keys:
                raise unknown_name("key", printable(str(key)), keys, where=where)

    def allows(self, key: str) -> bool:
        """Whether the key may stand here."""
        return key in self._keys

    def has(self, key: str) -> bool:
        """Whether the key is there and not null."""
        return self._content.get(key) is not None

    def place(self, key: str) -> str:
        """File and field, for messages."""
        return f"{self.where}: {key}" if self.where.endswith((".yaml", ".yml")) else f"{self.where}.{key}"

    def raw(self, key: str) -> Any:
        """The value. Raises UserError when the key is missing or null."""
        if not self.has(key):
            raise UserError(f"key '{key}' is missing", where=self.where, expected=f"'{key}: ...'")
        return self._content[key]

    def optional(self, key: str, read: Callable[[str], T]) -> T | None:
        """``read(key)``, or ``None`` when the key is missing or null."""
        return read(key) if self.has(key) else None

    def text(self, key: str) -> str:
        """A non-empty text of one line."""
        value = self.lines(key)
        if not value.isprintable():
            raise UserError(f"found {value!r}"[:80], where=self.place(key), expected="a text of one line")
        return value

    def lines(self, key: str) -> str:
        """A non-empty text."""
        value = self.raw(key)
        if not isinstance(value, str) or not value.strip():
            raise UserError(f"found {value!r}"[:80], where=self.place(key), expected="a text")
        return value

    def choice(self, key: str, names: tuple[str, ...]) -> str:
        """One of ``names``."""
        value = self.text(key)
        if value not in names:
            raise unknown_name("value", printable(value), names, where=self.place(key))
        return value

    def integer(self, key: str, least: int = 0) -> int:
        """An integer of at least ``least``."""
        return whole_number(self.raw(key), self.place(key), least)

    def integers(self, key: str, least: int = 0) -> tuple[int, ...]:
        """A non-empty list of integers."""
        return tuple(whole_number(item, self.place(key), least) for item in self.items(key))

    def items(self, key: str) -> list[Any]:
        """A non-empty list."""
        value = self.raw(key)
        if not isinstance(value, list) or not value:
            raise UserError(f"found {value!r}"[:80], where=self.place(key), expected="a list of one or more")
        return value


def whole_number(value: Any, where: str, least: int) -> int:
    """``value`` when it is an integer of at least ``least``, else UserError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UserError(f"found {value!r}"[:80], where=where, expected=f"an integer, {least} or more")
    return value
