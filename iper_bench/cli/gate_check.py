"""``iper-bench gate [RUN]``: does this run do worse than the committed baseline?"""

from __future__ import annotations

from pathlib import Path

import click

from iper_bench.cli.options import PATH


@click.command()
@click.argument("run", type=PATH, required=False)
@click.option(
    "--baseline",
    type=PATH,
    metavar="FILE",
    help="the committed numbers, JSON  [default: results/tracked/<protocol>.json of the package]",
)
@click.option("--all", "everything", is_flag=True, help="print unchanged numbers as well")
@click.option("--markdown", type=PATH, metavar="FILE", help="write the result as Markdown, pictures linked")
@click.option("--html", type=PATH, metavar="FILE", help="write the result as a page, pictures linked")
@click.option("--junit", type=PATH, metavar="FILE", help="write JUnit XML, one test case per number")
@click.option("--update", is_flag=True, hidden=True, help="is a verb today: gate update")
def check(
    run: Path | None,
    baseline: Path | None,
    everything: bool,
    markdown: Path | None,
    html: Path | None,
    junit: Path | None,
    update: bool,
) -> None:
    """Compare the run folder RUN with a baseline; without RUN, the newest run below runs/.

    Exit status 1: a number got worse. How that is told from noise: docs/gate.md. Where the environment names
    GITHUB_STEP_SUMMARY, the Markdown is added to that file.
    """
    if update:
        raise click.UsageError(
            "there is no option --update; a verb does it: "
            'iper-bench gate update RUN --baseline FILE --reason "why"'
        )
    from rich.console import Console

    from iper_bench.report.gate import check as check_run
    from iper_bench.report.gate_files import write_gate
    from iper_bench.report.gate_text import print_result
    from iper_bench.report.tracked import tracked_baseline
    from iper_bench.store.newest import newest_run

    run = run or newest_run()
    baseline = baseline or tracked_baseline(run)
    click.echo(f"{run} against {baseline}")
    result = check_run(run, baseline)
    print_result(result, Console(), everything=everything)
    write_gate(result, markdown=markdown, html=html, junit=junit)
    click.get_current_context().exit(result.exit_status)
