"""``iper-bench body error``: how far off the bodies of an estimator are."""

from __future__ import annotations

from pathlib import Path

import click

from iper_bench.cli.listing import print_columns
from iper_bench.cli.options import DATA_ROOT, DATASET, PATH, SIZE


@click.command("error")
@click.option("--weights", type=PATH, required=True, metavar="FILE", help="weights of the body estimator")
@DATASET
@click.option("--split", default="test_actor", show_default=True, metavar="NAME", help="clips of which split")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="only N clips, spread evenly over the split"
)
@click.option("--json", "json_file", type=PATH, metavar="FILE", help="write the numbers to FILE too")
@DATA_ROOT
@SIZE
def error(
    weights: Path,
    dataset: str,
    split: str,
    limit: int | None,
    json_file: Path | None,
    data_root: str | None,
    size: int | None,
) -> None:
    """Measure a body estimator on clips whose bodies are known.

    MPJPE and PA-MPJPE over the body model's 24 joints, and the distance of projected joints; the last line is
    the constant mean body of the same estimator, which looks at nothing.

    \b
      iper-bench body error --weights hmr.safetensors --dataset synthetic --split test_actor
    """
    from iper_bench.atomic import require_place, write_json
    from iper_bench.training.body_regressor_error import BodyErrorRequest, body_errors

    if json_file is not None:
        require_place(json_file)
    found = body_errors(BodyErrorRequest(weights, dataset, split, data_root, size, limit))
    print_columns(found.table())
    if json_file is not None:
        write_json(json_file, found.to_json())
