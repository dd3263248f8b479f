"""What ``iper-bench time`` measured beside the paper's Figure 16, as plain rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iper_bench.report import paper
from iper_bench.store.timing_file import Spread, TimingFile

FIGURE = "fig16"
PAPER_FRAMES = 165
PAPER_MACHINE = "Tesla V100S 32 GB, Xeon E5-2620 at 2.10 GHz"
PAPER_METHOD = "AttLWB, paper"
QUOTED_NOTE = (
    f"Quoted: {paper.SOURCE}, Figure 16, {PAPER_MACHINE}; {PAPER_FRAMES} frames, reading and writing files "
    "included. ~ marks two values that could be exchanged. Ours: median ± median absolute deviation of the "
    "rounds. Another machine, other networks for preprocessing: the order and the growth with resolution can "
    "be compared, the seconds cannot."
)
#: phase here -> metric of the quoted rows
QUOTED_PHASES = {
    "preprocess": "preprocess_seconds",
    "personalise": "personalization_seconds",
    "inference": "inference_seconds",
}
TITLES = {"preprocess": "preprocessing", "personalise": "personalization", "inference": "inference"}


@dataclass(frozen=True)
class TimingRow:
    """One method at one resolution.

    Attributes
    ----------
    method, machine: names. size: side of the frames in pixels.
    phases: seconds by phase, as measured. frames, steps, sn: of the measurement; 0 where nobody says.
    fps: frames per second of inference with files; rendered_fps: without, ``None`` where not measured.
    peak_mib, gpu_peak_mib: memory. quoted: from the paper. uncertain: phases whose place in the figure is
        likely only. reason: why nothing could be measured.
    """

    method: str
    machine: str
    size: int
    phases: Mapping[str, Spread]
    frames: int
    steps: int
    sn: int
    fps: float | None
    rendered_fps: float | None = None
    peak_mib: float | None = None
    gpu_peak_mib: float | None = None
    quoted: bool = False
    uncertain: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def scaled_inference(self) -> float | None:
        """Seconds of inference for the paper's number of frames, in proportion to the measured ones."""
        found = self.phases.get("inference")
        return None if found is None or not self.frames else found.median * PAPER_FRAMES / self.frames


def machine_name(machine: Mapping[str, Any]) -> str:
    """A machine in a line: accelerator or processor, cores, threads."""
    if machine.get("gpu"):
        return f"{machine['gpu']}, {machine.get('cpus')} cores"
    kind = machine.get("processor") or machine.get("machine", "unknown processor")
    return f"{kind}, {machine.get('cpus')} cores, {machine.get('threads')} threads, no GPU"


def measured_rows(content: TimingFile) -> list[TimingRow]:
    """Rows of one file, by method and resolution."""
    name = machine_name(content.machine)
    return [_measured(cell, name) for cell in content.cells]


def _measured(cell: Mapping[str, Any], machine: str) -> TimingRow:
    frames = int(cell.get("frames", 0))
    same: dict[str, Any] = {
        "method": str(cell["method"]),
        "machine": machine,
        "size": int(cell["size"]),
        "frames": frames,
        "steps": int(cell.get("steps", 0)) if cell.get("trains", True) else 0,
        "sn": int(cell.get("sn", 0)),
    }
    if "reason" in cell:
        return TimingRow(**same, phases={}, fps=None, reason=str(cell["reason"]))
    phases = {name: Spread.of(cell["seconds"][name]) for name in (*TITLES, "render")}
    return TimingRow(
        **same,
        phases=phases,
        fps=frames / phases["inference"].median if phases["inference"].median else None,
        rendered_fps=frames / phases["render"].median if phases["render"].median else None,
        peak_mib=cell.get("peak_mib"),
        gpu_peak_mib=cell.get("gpu_peak_mib"),
    )


def quoted_rows() -> list[TimingRow]:
    """The paper's values, by resolution."""
    quotes = paper.quotes(FIGURE)
    rows = []
    for resolution in dict.fromkeys(quote.setting for quote in quotes):
        found = {quote.metric: quote for quote in quotes if quote.setting == resolution}
        phases = {phase: Spread.of([found[metric].value]) for phase, metric in QUOTED_PHASES.items()}
        uncertain = [
            phase for phase, metric in QUOTED_PHASES.items() if found[metric].certainty != paper.CERTAIN
        ]
        size = int(resolution.partition("=")[2].partition("x")[0])
        rows.append(
            TimingRow(
                *(PAPER_METHOD, PAPER_MACHINE, size, phases, PAPER_FRAMES, 0, 0),
                found["inference_fps"].value,
                quoted=True,
                uncertain=tuple(uncertain),
            )
        )
    return sorted(rows, key=lambda row: row.size)


HEADS = (
    *("method", "machine", "size", "sn", "T", "frames", "phase", "median_seconds", "deviation_seconds"),
    *("low_seconds", "high_seconds", "fps", "rendered_fps", "scaled_to_165_frames_seconds", "peak_mib"),
    *("gpu_peak_mib", "quoted", "certainty", "reason"),
)


def to_csv(rows: Iterable[TimingRow]) -> str:
    """One line per row and phase."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(HEADS)
    for row in rows:
        for phase in row.phases or ("",):
            writer.writerow([_plain(value) for value in _line(row, phase)])
    return buffer.getvalue()


def _line(row: TimingRow, phase: str) -> Sequence[Any]:
    found = row.phases.get(phase)
    own = phase == "inference"
    return (
        *(row.method, row.machine, row.size, row.sn or None, row.steps, row.frames or None, phase),
        *((found.median, found.deviation, found.low, found.high) if found else (None,) * 4),
        row.fps if own else None,
        row.rendered_fps if phase == "render" else None,
        row.scaled_inference if own else None,
        *(row.peak_mib, row.gpu_peak_mib, row.quoted),
        ("likely" if phase in row.uncertain else "certain") if row.quoted else None,
        row.reason,
    )


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def to_markdown(rows: Sequence[TimingRow]) -> str:
    """Ours above the quoted ones."""
    lines = [
        "| method | size | sn | T | frames | preprocessing s | personalization s | inference s | fps | "
        f"inference for {PAPER_FRAMES} frames, scaled | peak memory MiB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        cells = [
            *(row.method, row.size, row.sn or "", "" if row.quoted else row.steps, row.frames or ""),
            *(_phase(row, phase) for phase in TITLES),
            "" if row.fps is None else f"{row.fps:.3g}",
            "" if row.scaled_inference is None or row.quoted else f"{row.scaled_inference:.1f}",
            _memory(row),
        ]
        name = f"*{row.method}* (quoted)" if row.quoted else row.method
        lines.append(f"| {' | '.join(_escaped(cell) for cell in (name, *cells[1:]))} |")
    lines.append("")
    lines += [f"* {row.method} at {row.size}: {row.reason}" for row in rows if row.reason]
    machines = dict.fromkeys(row.machine for row in rows if not row.quoted)
    lines += [f"Ours: {machine}  " for machine in machines]
    lines.append(QUOTED_NOTE)
    return "\n".join(lines) + "\n"


def _phase(row: TimingRow, phase: str) -> str:
    found = row.phases.get(phase)
    if found is None:
        return "–"
    if row.quoted:
        return f"{found.median:g}{'~' if phase in row.uncertain else ''}"
    return f"{found.median:.3g} ± {found.deviation:.2g}"


def _memory(row: TimingRow) -> str:
    if row.peak_mib is None:
        return ""
    return f"{row.peak_mib:.0f}" + ("" if row.gpu_peak_mib is None else f" + {row.gpu_peak_mib:.0f} GPU")


def _escaped(cell: object) -> str:
    return str(cell).replace("|", "\\|").replace("\n", " ")
