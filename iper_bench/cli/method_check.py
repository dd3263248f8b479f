"""``iper-bench method check``: does a method do what every method must do?"""

from __future__ import annotations

from pathlib import Path

import click

from iper_bench.cli.listing import print_columns
from iper_bench.cli.options import PATH

BROKEN = 1  # exit status when something is wrong


@click.command()
@click.argument("name")
@click.option("--weights", type=PATH, metavar="FILE", help="weights file, the same as NAME@FILE")
@click.pass_context
def check(context: click.Context, name: str, weights: Path | None) -> None:
    """Try NAME on three tiny clips and say what is wrong.

    NAME is written as in iper-bench run --method: a registered name, folder:PATH, process:SPEC or
    python:MODULE:NAME. Exit status 1: something is wrong; warnings alone leave it at 0.

    \b
      iper-bench method check warp
      iper-bench method check python:my_package.method:create
    """
    from iper_bench.methods.contract import OK, WRONG
    from iper_bench.methods.contract_kinds import check_choice
    from iper_bench.methods.method_choice import MethodChoice

    choice = MethodChoice.parse(name).with_weights(weights)
    findings = check_choice(choice)
    print_columns([(finding.verdict, finding.item, finding.words) for finding in findings])
    wrong = sum(finding.verdict == WRONG for finding in findings)
    warned = sum(finding.verdict not in (OK, WRONG) for finding in findings)
    verdict = f"{wrong} wrong" if wrong else "keeps the contract"
    click.echo(f"{choice.label}: {verdict}" + (f", {warned} warnings" if warned else ""))
    context.exit(BROKEN if wrong else 0)
