"""One generic registry: lazy, refuses silent replacement, knows where an entry came from, suggests the
nearest name.

An entry is either an object or a ``"package.module:attribute"`` string that is imported on first use, so
that listing names costs nothing. Third parties add entries through entry points of the group named at
construction.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Generic, TypeVar, cast

from iper_bench.errors import UserError, unknown_name

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to lazily imported objects of one kind.

    Parameters
    ----------
    kind: word used in messages, for example ``"method"``.
    group: entry point group read on first use, or ``None``.
    found: called on first use, before entry points: names to (entry, origin), for what is found by looking
        into folders.
    """

    def __init__(
        self,
        kind: str,
        *,
        group: str | None = None,
        found: Callable[[], Mapping[str, tuple[str, str]]] | None = None,
    ) -> None:
        self.kind = kind
        self._group = group
        self._found = found
        self._entries: dict[str, T | str] = {}
        self._origins: dict[str, str] = {}
        self._folders: set[str] = set()  # origins of what was found
        self._loaded_entry_points = False

    def add(self, name: str, entry: T | str, *, origin: str = "iper_bench") -> None:
        """Register ``entry`` under ``name``. Raises UserError when the name is taken."""
        if name in self._entries:
            raise UserError(
                f"{self.kind} '{name}' is registered twice",
                where=f"{self._origins[name]} and {origin}",
                expected="one origin per name",
            )
        self._entries[name] = entry
        self._origins[name] = origin

    def names(self) -> list[str]:
        """Sorted names, entry points included."""
        self._load_entry_points()
        return sorted(self._entries)

    def origin(self, name: str) -> str:
        """The distribution or package that registered ``name``."""
        self.get_entry(name)
        return self._origins[name]

    def get_entry(self, name: str) -> T | str:
        """The raw entry. Raises UserError with the nearest names when unknown."""
        self._load_entry_points()
        if name not in self._entries:
            raise unknown_name(self.kind, name, self._entries)
        return self._entries[name]

    def get(self, name: str) -> T:
        """The object registered under ``name``, imported on first use."""
        entry = self.get_entry(name)
        if isinstance(entry, str):
            module, _, attribute = entry.partition(":")
            entry = cast(T, self._imported(name, module, attribute))
            self._entries[name] = entry
        return entry

    def _imported(self, name: str, module: str, attribute: str) -> object:
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, SyntaxError, AttributeError) as error:
            if self._origins[name] not in self._folders:
                raise
            raise UserError(
                f"{self.kind} '{name}' cannot be imported ({error})",
                where=self._origins[name],
                expected=f"'{attribute}' in {module}",
            ) from error

    def __contains__(self, name: str) -> bool:
        self._load_entry_points()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def _load_entry_points(self) -> None:
        if self._loaded_entry_points:
            return
        self._loaded_entry_points = True
        for name, (entry, origin) in ({} if self._found is None else self._found()).items():
            self.add(name, entry, origin=origin)
            self._folders.add(origin)
        if self._group is None:
            return
        for point in entry_points(group=self._group):
            origin = point.dist.name if point.dist is not None else point.value
            self.add(point.name, point.value, origin=origin)
