"""The Jinja environment of the templates in ``templates/``, for pages and for parts of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from iper_bench.report import render

if TYPE_CHECKING:
    from jinja2 import Environment

    from iper_bench.report.table import Table


@cache
def environment(*, escape: bool) -> Environment:
    """Templates with (HTML) or without (Markdown) escaping of names; unknown names in a template are errors.

    Templates may call the functions of ``render.py`` below by their names, and the filter ``cell``, which
    makes text fit for a cell of a Markdown table.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("iper_bench.report", "templates"),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["cell"] = lambda text: str(text).replace("|", "\\|").replace("\n", " ")
    made.globals.update(
        heading=render.heading,
        comparison_note=render.comparison_note,
        side_tables=render.side_tables,
        missing_values=render.missing_values,
        to_markdown=render.to_markdown,
    )
    return made


def tables_html(tables: Iterable[Table]) -> str:
    """Tables one below the other as the macro ``show`` of ``table.html.j2`` draws them."""
    source = (
        "{% from 'table.html.j2' import show with context %}"
        "{% for table in tables %}{{ show(table) }}{% endfor %}"
    )
    return environment(escape=True).from_string(source).render(tables=list(tables)).strip()


def asset_text(name: str) -> str:
    """Content of a script or style sheet of ``templates/`` that is taken over as it is."""
    from importlib.resources import files

    return (files("iper_bench.report") / "templates" / name).read_text(encoding="utf-8")
