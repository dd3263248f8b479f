"""The files that a gate or a comparison leaves for a CI server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from iper_bench.atomic import explain, write_bytes, write_text
from iper_bench.report import compare_text, gate_text
from iper_bench.report.compare import Comparison
from iper_bench.report.gate import GateResult
from iper_bench.report.junit import junit_xml

#: GitHub Actions shows what is added to the file of this name on the page of the job
SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"


def write_gate(
    result: GateResult,
    *,
    markdown: Path | None = None,
    html: Path | None = None,
    junit: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Write what was asked for, and the Markdown to the step summary where a CI server names one.

    Raises UserError when the disk refuses.
    """
    if junit is not None:
        write_bytes(junit, junit_xml(f"gate {result.baseline.stem}", result.findings))
    if markdown is not None:
        write_text(markdown, gate_text.to_markdown(result, beside=markdown.parent))
    if html is not None:
        write_text(html, gate_text.to_html(result, beside=html.parent))
    variables = os.environ if environment is None else environment
    if variables.get(SUMMARY_VARIABLE):
        _add(Path(variables[SUMMARY_VARIABLE]), gate_text.to_markdown(result))


def write_comparison(
    result: Comparison,
    *,
    markdown: Path | None = None,
    junit: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """As :func:`write_gate`."""
    if junit is not None:
        write_bytes(junit, junit_xml(f"compare {result.first.name} {result.second.name}", result.findings))
    if markdown is not None:
        write_text(markdown, compare_text.to_markdown(result))
    variables = os.environ if environment is None else environment
    if variables.get(SUMMARY_VARIABLE):
        _add(Path(variables[SUMMARY_VARIABLE]), compare_text.to_markdown(result))


def _add(path: Path, text: str) -> None:
    """Add to a file that other steps of a job write to as well: the one file that is not written whole."""
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(f"{text}\n")
    except OSError as error:
        raise explain(error, f"{SUMMARY_VARIABLE}={path}") from error
