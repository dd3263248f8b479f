"""A group of verbs that imports a verb's file only when that verb is typed."""

from __future__ import annotations

import importlib
from typing import Any

import click

from iper_bench.errors import unknown_name


class LazyGroup(click.Group):
    """A group whose verbs stand in a table ``name -> (module:attribute, one line of help)``.

    The line of help stands in the table because the listing of ``--help`` would otherwise import every verb.
    """

    def __init__(self, *, verbs: dict[str, tuple[str, str]], **settings: Any) -> None:
        super().__init__(**settings)
        self._verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Verbs in the order of the table, which is the order of work."""
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb, or return ``None`` when there is none of that name."""
        if cmd_name not in self._verbs:
            return None
        module, _, attribute = self._verbs[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}:{attribute} is {type(command).__name__}, not a click command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As in click, but an unknown verb names the nearest ones. Raises UserError."""
        if args and not args[0].startswith("-") and args[0] not in self._verbs:
            where = ctx.command_path if ctx.parent is not None else None
            raise unknown_name("verb", args[0], self._verbs, where=where)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs from the table, without importing any."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (_, text) in self._verbs.items()])
