"""``iper-bench claims``: runs read, findings judged, files written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from iper_bench.atomic import write_text
from iper_bench.report.claims import load_claims
from iper_bench.report.claims_panel import TITLE
from iper_bench.report.claims_text import as_json, markdown
from iper_bench.report.claims_verdict import Judged, judge
from iper_bench.report.given import sort_out
from iper_bench.report.reading import read_evidence
from iper_bench.report.seeds import over_seeds

MARKDOWN, JSON = "claims.md", "claims.json"


def judge_runs(
    runs: Sequence[Path], *, given: Mapping[str, str] | None = None, only: Sequence[str] = ()
) -> list[Judged]:
    """Judge the paper's findings by run folders, or by folders that hold run folders.

    ``given``: label -> our name of the method. ``only``: ids of claims, all for none. Raises UserError for
    runs that cannot be read or contradict each other, unknown labels and ids.
    """
    claims = load_claims().select(tuple(only))
    return judge(claims, over_seeds(read_evidence(sort_out(runs).runs)), given)


def write_claims(judged: Sequence[Judged], out: Path) -> list[Path]:
    """Write ``claims.md`` and ``claims.json`` into the folder ``out``, which is made when absent; both whole
    or not at all. Raises UserError when the folder cannot be written.
    """
    texts = {MARKDOWN: f"# {TITLE}\n\n{markdown(judged)}", JSON: as_json(judged)}
    for name, text in texts.items():
        write_text(out / name, text)
    return [out / name for name in texts]
