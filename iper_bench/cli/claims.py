"""``iper-bench claims``: which of the paper's findings runs bear out."""

from __future__ import annotations

from pathlib import Path

import click

from iper_bench.cli.name_pair import name_pair
from iper_bench.cli.options import PATH, split_names


def _labels(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    """``LABEL=NAME`` each, no label twice."""
    found: dict[str, str] = {}
    for text in value:
        names = name_pair(text)
        if names is None:
            raise click.BadParameter(f"'{text[:80]}'; expected LABEL=NAME, as in mine=attlwb")
        label, name = names
        if label in found:
            raise click.BadParameter(f"label '{label}' is named twice; expected each once")
        found[label] = name
    return found


@click.command()
@click.argument("runs", nargs=-1, type=PATH, metavar="[RUN...]")
@click.option("--only", callback=split_names, metavar="ID,...", help="these findings  [default: all]")
@click.option(
    "--as",
    "given",
    multiple=True,
    callback=_labels,
    metavar="LABEL=NAME",
    help="the method behind a label of the runs, as in mine=attlwb; may be repeated",
)
@click.option("--out", type=PATH, metavar="FOLDER", help="write claims.md and claims.json there as well")
@click.option("--markdown", "form", flag_value="markdown", help="print Markdown")
@click.option("--json", "form", flag_value="json", help="print JSON")
def claims(
    runs: tuple[Path, ...], only: tuple[str, ...], given: dict[str, str], out: Path | None, form: str | None
) -> None:
    """Hold the findings of the paper against the run folders RUN.

    Each is reproduced, close, contradicted, underpowered or not run, computed from clip values. Without RUN,
    the newest run below runs/. What the words mean: docs/claims.md.
    """
    from iper_bench.report import claims_text as texts
    from iper_bench.report.claims_verb import judge_runs, write_claims
    from iper_bench.store.newest import newest_run

    judged = judge_runs(runs or (newest_run(),), given=given, only=only)
    written = write_claims(judged, out) if out is not None else []
    shown = {"markdown": texts.markdown, "json": texts.as_json, None: texts.plain_text}[form]
    click.echo(shown(judged), nl=False)
    for path in written if form is None else ():
        click.echo(str(path))
