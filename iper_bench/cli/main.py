"""``iper-bench``: the table of verbs and the one place where errors become lines and exit statuses.

Importing this module imports neither torch nor numpy, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from iper_bench import __version__
from iper_bench.cli.failures import finish
from iper_bench.cli.lazy import LazyGroup
from iper_bench.cli.threads import set_threads
from iper_bench.device import PATTERN as DEVICE_PATTERN
from iper_bench.device import VARIABLE as DEVICE_VARIABLE

VERBS = {
    "data": ("iper_bench.cli.data:data", "make, verify, prepare and look into datasets"),
    "protocol": ("iper_bench.cli.protocol:protocol", "list, show, check and make evaluation protocols"),
    "body": ("iper_bench.cli.body:body", "body files, and bodies found in pictures"),
    "method": ("iper_bench.cli.method:method", "list what can be benchmarked, check or start a method"),
    "metric": ("iper_bench.cli.metric:metric", "list metrics, show their exact definitions"),
    "cache": ("iper_bench.cli.cache:cache", "show and clear the features kept on disk"),
    "weights": ("iper_bench.cli.weights:weights", "list, show and convert weights"),
    "train": ("iper_bench.cli.train:train", "train a method on a dataset"),
    "imitate": ("iper_bench.cli.imitate:imitate", "draw a person in somebody else's motion"),
    "swap": ("iper_bench.cli.swap:swap", "draw a person with the head or the clothes of others"),
    "view": ("iper_bench.cli.view:view", "draw a person from all around"),
    "check": ("iper_bench.cli.check:check", "look over predictions before they are measured"),
    "score": ("iper_bench.cli.score:score", "measure predictions that are there"),
    "run": ("iper_bench.cli.run:run", "evaluate methods on a dataset under a protocol"),
    "predict": ("iper_bench.cli.predict:predict", "the frames of a run without their measurement"),
    "sweep": ("iper_bench.cli.sweep:sweep", "the same over numbers of sources and personalisation steps"),
    "merge": ("iper_bench.cli.merge:merge", "put the shards of a run together"),
    "query": ("iper_bench.cli.query:query", "ask runs in SQL"),
    "upgrade": ("iper_bench.cli.upgrade:upgrade", "bring run folders of before to today's format"),
    "report": ("iper_bench.cli.report:report", "tables, plots and pictures of finished runs"),
    "claims": ("iper_bench.cli.claims:claims", "which of the paper's findings runs bear out"),
    "time": ("iper_bench.cli.time:time_", "measure preprocessing, personalisation and inference"),
    "compare": ("iper_bench.cli.compare:compare", "which numbers of two runs differ beyond noise"),
    "explain": ("iper_bench.cli.explain:explain", "why two numbers differ, step by step"),
    "selftest": ("iper_bench.cli.selftest:selftest", "compare this machine's metrics with stored values"),
    "gate": ("iper_bench.cli.gate:gate", "compare a run with a committed baseline"),
}


def _device_name(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse what is no device name; whether the device is there shows when it is used."""
    if value is not None and not DEVICE_PATTERN.fullmatch(value):
        raise click.BadParameter(f"'{value[:40]}'; expected auto, cpu, cuda or cuda:N")
    return value


@click.group(cls=LazyGroup, verbs=VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="iper-bench")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="CPU threads; 1 is best on a busy machine  [default: OMP_NUM_THREADS, else the cores, at most 4]",
)
@click.option(
    "--rasteriser",
    type=click.Choice(["torch", "warp"]),
    help="how bodies are drawn; warp is faster, needs the extra 'fast' and gives the same pixels  "
    "[default: IPER_BENCH_RASTERISER, else torch]",
)
@click.option(
    "--device",
    callback=_device_name,
    metavar="auto|cpu|cuda|cuda:N",
    help="where bodies are drawn and networks run; auto is CUDA where there is a device  "
    "[default: IPER_BENCH_DEVICE, else auto]",
)
def program(threads: int | None, rasteriser: str | None, device: str | None) -> None:
    """Evaluate human image synthesis: motion imitation, appearance transfer, novel view synthesis.

    A first look, with the dataset and the weights that come with the package:

    \b
      iper-bench data make-synthetic
      iper-bench run --method attlwb,warp --dataset synthetic --out runs/first
      iper-bench report runs/first --out runs/first-report
    """
    set_threads(threads)
    if rasteriser is not None:
        # Named here and not imported: help and mistakes load nothing heavy. tests/cli keeps the two in step.
        os.environ["IPER_BENCH_RASTERISER"] = rasteriser
    if device is not None:
        os.environ[DEVICE_VARIABLE] = device


def invoke(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status (see :mod:`iper_bench.cli.failures`)."""
    try:
        status = program.main(args=list(arguments), prog_name="iper-bench", standalone_mode=False)
        if sys.stdout is not None:  # it is None where the caller closed it
            sys.stdout.flush()
    except BaseException as error:
        if isinstance(error, SystemExit):
            # Verbs end through their context. Only click calls sys.exit here, with 1, when the reader (head,
            # less) went away; for ``gate`` that status would mean a regression.
            if error.code == 1:
                return finish(BrokenPipeError(), arguments)
            raise
        return finish(error, arguments)
    return status if isinstance(status, int) else 0


def main() -> None:
    """Entry point of the ``iper-bench`` script."""
    if sys.stderr is None:  # the caller closed it (2>&-); notes, bars and errors have nowhere to go then
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # for as long as the process lives
    sys.exit(invoke(sys.argv[1:]))


if __name__ == "__main__":
    main()
