"""The published numbers of arXiv 2011.09055 as quoted rows, read from ``results/paper/*.csv``.

They are quoted beside ours and never mixed with ours: other data, other backbones. Where a cell's place in
a figure had to be reconstructed the row says so (``certainty``, ``alternatives``); see
``results/paper/README.md``.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from iper_bench.errors import UserError

SOURCE = "arXiv 2011.09055"
NOT_COMPARABLE = "other data, other backbones: not comparable"
CERTAIN = "certain"
COLUMNS = ("table", "dataset", "setting", "method", "metric", "direction", "value")
SETTINGS = {"self_imitation": "self", "cross_imitation": "cross"}  # the paper's words -> Trial.setting


@dataclass(frozen=True)
class Quote:
    """One printed number.

    Attributes
    ----------
    table: ``"1"`` to ``"6"`` or ``"fig14"`` to ``"fig16"``.
    dataset, setting, method, metric: as the CSV names them; Table 1 is an average over three datasets.
    higher_is_better: direction of the metric.
    value: the number; ``printed``: its digits as printed.
    certainty: ``"certain"``, or how sure the place in the figure is.
    extra: the remaining columns (sn, T, alternatives, votes ...), as text.
    """

    table: str
    dataset: str
    setting: str
    method: str
    metric: str
    higher_is_better: bool
    value: float
    printed: str
    certainty: str
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def trial_setting(self) -> str:
        """``"self"`` or ``"cross"`` for imitation tables, else the first word of ``setting``."""
        word = self.setting.split(",")[0]
        return SETTINGS.get(word, word)


@cache
def quotes(name: str) -> tuple[Quote, ...]:
    """Rows of ``results/paper/<name>.csv``, in file order. Raises UserError naming file and line of a bad
    row.
    """
    source = files("iper_bench.results").joinpath("paper", f"{name}.csv")
    where = f"results/paper/{name}.csv"
    if not source.is_file():
        raise UserError(
            "no such table of the paper", where=where, expected="table1 to table6, fig14 to fig16"
        )
    return tuple(parse(source.read_text(encoding="utf-8"), where))


def parse(text: str, where: str) -> list[Quote]:
    """Quotes from CSV text. Raises UserError naming ``where`` and the line for missing columns and
    unreadable numbers.
    """
    reader = csv.DictReader(text.splitlines())
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise UserError(f"column {missing[0]} is missing", where=where, expected=",".join(COLUMNS))
    rows = []
    for line, row in enumerate(reader, start=2):
        if row["direction"] not in ("higher", "lower"):
            raise UserError(
                f"direction '{row['direction']}'", where=f"{where} line {line}", expected="higher or lower"
            )
        try:
            value = float(row["value"])
        except (TypeError, ValueError):
            raise UserError(
                f"value '{row['value']}'", where=f"{where} line {line}", expected="a number"
            ) from None
        rows.append(
            Quote(
                **{name: row[name] for name in ("table", "dataset", "setting", "method", "metric")},
                higher_is_better=row["direction"] == "higher",
                value=value,
                printed=row["value"],
                certainty=row.get("certainty") or CERTAIN,
                extra={k: v or "" for k, v in row.items() if k not in COLUMNS and k != "certainty"},
            )
        )
    return rows
