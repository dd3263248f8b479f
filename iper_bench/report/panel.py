"""``Panel``: one kind of evidence on the page of a report, with the files that belong to it.

A panel is made by a module with one function ``build(context) -> Panel | None``; ``None`` where the runs hold
nothing for it. ``page.py`` lists those modules and puts what they give together, so that a new kind of
evidence is a new file and one entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from iper_bench.report.evidence import Evidence
from iper_bench.store.row import Row


@dataclass(frozen=True)
class Asset:
    """A file of the report.

    Attributes
    ----------
    name: path below the report's folder, with ``/``, for example ``"thumbs/worst-psnr-1.webp"``.
    write: puts the file at the path that it is given; called once, when the page is written, so that pictures
        need not be kept in memory.
    """

    name: str
    write: Callable[[Path], None]


@dataclass(frozen=True)
class Panel:
    """One part of the page.

    Attributes
    ----------
    anchor: id on the page, for example ``"worst-frames"``. title: its heading.
    html: what stands below the heading, escaped where it holds names or reasons. markdown: the same in words
        and tables for ``report.md``; empty where there is nothing to read without pictures.
    assets: its files. script, style: JavaScript and CSS that only this panel needs; each is put into the page
        once.
    """

    anchor: str
    title: str
    html: str
    markdown: str = ""
    assets: tuple[Asset, ...] = ()
    script: str = ""
    style: str = ""


@dataclass(frozen=True)
class ReportOptions:
    """How much a report shows.

    Attributes
    ----------
    clips: trials per setting that get players and rows in grids, the first by name.
    worst: frames per metric and method that are shown as the worst.
    films: whether films are made; without them a report holds still pictures only.
    """

    clips: int = 4
    worst: int = 6
    films: bool = True


@dataclass(frozen=True)
class ReportContext:
    """What every panel is made from.

    Attributes
    ----------
    evidence: all runs together, seeds pooled. runs: the run folders. rows: run folder -> every row of it,
        with the values per frame, read once.
    timings: folders written by ``iper-bench time``.
    """

    evidence: Evidence
    runs: tuple[Path, ...]
    rows: Mapping[Path, tuple[Row, ...]]
    timings: tuple[Path, ...] = ()
    options: ReportOptions = field(default_factory=ReportOptions)
