"""``iper-bench explain``: why two numbers differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from iper_bench.cli.options import DATA_ROOT, PATH


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option(
    "--predictions",
    type=PATH,
    metavar="PATH",
    help="frames to measure both on: a folder, a video, or one per clip  [default: those of the run]",
)
@click.option("--references", type=PATH, metavar="PATH", help="what these are compared with")
@click.option("--clip", metavar="NAME", help="which clip of these  [default: the first]")
@click.option(
    "--numbering",
    type=click.Choice(["frames", "positions"]),
    help="what the numbers of predictions are  [default: found out where only one fits]",
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=32, show_default=True, metavar="N", help="frames measured"
)
@click.option("--words", is_flag=True, help="explain in words only, measure nothing")
@click.option(
    "--boxes",
    type=click.Choice(["tracks", "none"]),
    default="tracks",
    show_default=True,
    help="frames of a run come with the boxes of the bodies, or without; files have none",
)
@DATA_ROOT
@click.option("--weights-dir", type=PATH, metavar="FOLDER", help="metric weights that pip does not bring")
@click.option(
    "--device", default="cpu", show_default=True, metavar="NAME", help="torch device of the metrics"
)
@click.option("--json", "file", type=PATH, metavar="FILE", help="write the explanation as JSON as well")
def explain(file: Path | None, **options: Any) -> None:
    """Explain why the numbers A and B differ: field by field in words, and on frames step by step.

    A and B: PROFILE:METRIC[@SETTING], FOLDER#[PROFILE:]METRIC[@SETTING] with the folder of a run or a result,
    or two such folders (every metric that they measured by two definitions). How to read it: docs/explain.md.

    \b
      iper-bench explain paper:SSIM standard:SSIM
      iper-bench explain standard:PSNR legacy:psnr/uint8-wrap --predictions mine/ --references truth/
      iper-bench explain runs/a#SSIM paper:SSIM
      iper-bench explain runs/a runs/b
    """
    from rich.console import Console

    from iper_bench.atomic import write_json
    from iper_bench.run.explain import ExplainRequest
    from iper_bench.run.explain import explain as run_explain
    from iper_bench.run.explain_page import content, print_explanation

    explanation = run_explain(ExplainRequest(**options))
    if file is not None:
        write_json(file, content(explanation))
    print_explanation(explanation, Console())
