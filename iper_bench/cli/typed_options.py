"""Options that were typed on the command line and mean nothing to what was asked for."""

from __future__ import annotations

from collections.abc import Collection

import click
from click.core import ParameterSource

from iper_bench.errors import UserError


def refuse_others(context: click.Context, known: Collection[str], what: str) -> None:
    """Raise UserError for a typed option that is not among ``known`` (parameter names); ``what`` is what it
    means nothing to.
    """
    for option in context.command.params:
        typed = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        if typed and option.name not in known:
            options = {one.name: one.opts[0] for one in context.command.params}
            raise UserError(
                f"means nothing to {what}",
                where=option.opts[0],
                expected=", ".join(options[name] for name in known if name != "method"),
            )
