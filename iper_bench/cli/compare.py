"""``iper-bench compare``: two runs, two baselines, or two methods side by side."""

from __future__ import annotations

from pathlib import Path

import click

from iper_bench.cli.name_pair import name_pair
from iper_bench.cli.options import PATH


def split_pair(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[str, str] | None:
    """``"a=b"`` -> ``("a", "b")``, nothing typed -> ``None``."""
    if value is None:
        return None
    names = name_pair(value)
    if names is None:
        raise click.BadParameter(f"'{value[:80]}'; expected two names, as in a=b")
    return names


@click.command()
@click.argument("first", type=PATH, metavar="A")
@click.argument("second", type=PATH, metavar="[B]", required=False)
@click.option(
    "--methods",
    callback=split_pair,
    metavar="a=b",
    help="compare method a of A with method b of B; without B, of the same run",
)
@click.option("--all", "everything", is_flag=True, help="print numbers that are the same as well")
@click.option("--markdown", type=PATH, metavar="FILE", help="write everything as Markdown as well")
@click.option("--junit", type=PATH, metavar="FILE", help="write JUnit XML, one test case per number, as well")
def compare(
    first: Path,
    second: Path | None,
    methods: tuple[str, str] | None,
    everything: bool,
    markdown: Path | None,
    junit: Path | None,
) -> None:
    """Compare B with A, run folders or baseline files, number by number; print Markdown.

    Exit status 1: B is worse somewhere, by a test over actors and by more than the metric's tolerance. 0: not
    so. 2: they cannot be compared. How that is told: docs/gate.md.

    \b
      iper-bench compare runs/before runs/after
      iper-bench compare runs/demo --methods warp=attlwb
      iper-bench compare results/tracked/synthetic-demo.json runs/demo
    """
    from iper_bench.report.compare import compare as compare_sides
    from iper_bench.report.compare_text import to_markdown
    from iper_bench.report.gate_files import write_comparison

    result = compare_sides(first, second, methods)
    write_comparison(result, markdown=markdown, junit=junit)
    click.echo(to_markdown(result, everything=everything), nl=False)
    click.get_current_context().exit(result.exit_status)
