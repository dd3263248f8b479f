"""``iper-bench body convert``: a licensed SMPL file as plain arrays."""

from __future__ import annotations

from pathlib import Path

import click

from iper_bench.cli.listing import print_columns
from iper_bench.cli.options import PATH


@click.command("convert")
@click.argument("file", metavar="FILE", type=PATH)
@click.option("--out", required=True, metavar="FILE.npz", type=PATH, help="the file to write")
@click.option("--overwrite", is_flag=True, help="replace the file if it exists")
def convert(file: Path, out: Path, overwrite: bool) -> None:
    """Write the arrays of an SMPL or SMPL+H .pkl to an .npz, which needs neither pickle nor chumpy.

    Nothing that the pickle holds is run. The arrays keep their official names and all their components; the
    licence of the model holds for the new file too.
    """
    from iper_bench.body.smpl_convert import convert_smpl_file

    made = convert_smpl_file(file, out, overwrite=overwrite)
    print_columns(
        [
            ("wrote", str(out)),
            ("model", made.kind),
            *((name, f"{'x'.join(map(str, shape))} {dtype}") for name, (shape, dtype) in made.arrays.items()),
            ("left out", ", ".join(made.left_out) or "nothing"),
            ("sha256", made.sha256),
        ]
    )
