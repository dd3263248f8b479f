"""``iper-bench gate``: compare a run with a committed baseline, renew one, look at its history."""

from __future__ import annotations

from typing import Any

import click

from iper_bench.cli.lazy import LazyGroup

VERBS = {
    "check": ("iper_bench.cli.gate_check:check", "compare a run with a baseline; 'gate RUN' means this"),
    "update": ("iper_bench.cli.gate_update:update", "write a baseline from a run, with the reason"),
    "history": ("iper_bench.cli.gate_history:history", "how the guarded numbers changed, and why"),
}
_HELP = ("-h", "--help")


class GateGroup(LazyGroup):
    """The verbs of ``gate``; what is none of them is handed to ``check``, so that ``gate RUN`` is enough.

    A run folder that is called as a verb is typed with its path: ``gate ./update``.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self._verbs and args[0] not in _HELP):
            args = ["check", *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options of ``check`` as well: they are what is typed most."""
        check = self.get_command(ctx, "check")
        if check is not None:
            with formatter.section("Options of 'gate [RUN]'"):
                records = [one.get_help_record(ctx) for one in check.params]
                formatter.write_dl([record for record in records if record is not None])
        super().format_commands(ctx, formatter)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return ["[RUN] [OPTIONS] | VERB ..."]


def _settings() -> dict[str, Any]:
    return {"cls": GateGroup, "verbs": VERBS}


@click.group(**_settings())
def gate() -> None:
    """Compare the run folder RUN with a baseline; without RUN, the newest run below runs/.

    Exit status 1: a number got worse. How that is told from noise: docs/gate.md.

    \b
      iper-bench gate runs/demo
      iper-bench gate runs/demo --baseline numbers.json --junit gate.xml --markdown gate.md
      iper-bench gate update runs/demo --baseline numbers.json --reason "new loss weights"
      iper-bench gate history synthetic-demo --out runs/history
    """
