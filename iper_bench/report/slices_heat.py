"""Small tables of view angle by method, shaded by what is lost at each angle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from iper_bench.report.frame_values import Metric, shown_name
from iper_bench.report.numerals import digits_for, number
from iper_bench.report.slices_losses import SliceLoss
from iper_bench.report.slices_table import passport_mark

VIEW = "view"
STEPS = (0.1, 0.25, 0.5, 1.0)  # spreads at which the shade grows

_SHADES = (14, 28, 44, 60)  # percent of the colour that is mixed in
STYLE = "\n".join(
    [
        "table.slices th { white-space: normal; }",
        "table.slices td.words { white-space: normal; min-width: 8rem; max-width: 18rem; text-align: left; }",
        "table.slices th[data-sort=text] { text-align: left; }",
        "table.heat td, table.heat th { padding: 0.3rem 0.6rem; }",
        "table.heat td small { display: block; color: var(--soft); font-size: 0.74rem; }",
        *(
            f"table.heat .{name}{place} "
            f"{{ background: color-mix(in srgb, var({colour}) {share}%, transparent); }}"
            for name, colour in (("worse", "--bad"), ("better", "--accent"))
            for place, share in enumerate(_SHADES, start=1)
        ),
        "table.heat td[class] small { color: inherit; }",
    ]
)


def shade(share: float) -> str:
    """Class of a cell: ``worse1`` to ``worse4`` by the loss in spreads, ``better1`` ... below 0, none near
    0.
    """
    strength = sum(abs(share) >= step for step in STEPS)
    return f"{'worse' if share > 0 else 'better'}{strength}" if strength else ""


def view_tables(losses: Sequence[SliceLoss], metrics: Mapping[Metric, str]) -> str:
    """HTML: one table per metric, folded; empty where no view is known. ``metrics`` -> ids of their
    passports.
    """
    held = [loss for loss in losses if loss.kind == VIEW]
    profiles = len({profile for profile, _ in metrics})
    found: list[str] = []
    for metric, passport in metrics.items():
        own = {(loss.method, loss.label): loss for loss in held if loss.metric == metric}
        if own:
            found.append(_table(shown_name(metric, profiles), passport, own, opened=not found))
    if not found:
        return ""
    words = (
        "The value at each angle and, below it, the loss in spreads (+ worse, − better); angles turn with "
        "the person's chest: 0° faces the camera, 90° the left edge of the image."
    )
    return f'<h4>View angle × method</h4><p class="remark">{words}</p>{"".join(found)}'


def _table(name: str, passport: str, own: Mapping[tuple[str, str], SliceLoss], *, opened: bool) -> str:
    labels = sorted({label for _, label in own}, key=lambda label: int(label.partition("°")[0]))
    methods = sorted({method for method, _ in own})
    digits = digits_for([abs(loss.value) for loss in own.values()])
    heads = "".join(f'<th scope="col" data-sort="number">{escape(_angle(label))}</th>' for label in labels)
    marked = passport_mark(passport)
    lines = []
    for method in methods:
        cells = "".join(_cell(own.get((method, label)), digits) for label in labels)
        lines.append(f'<tr{marked}><th scope="row">{escape(method)}</th>{cells}</tr>')
    head = f'<tr><th scope="col" data-sort="text">method</th>{heads}</tr>'
    table = f'<table data-sortable class="heat"><thead>{head}</thead><tbody>{"".join(lines)}</tbody></table>'
    start = "<details open>" if opened else "<details>"
    return f'{start}<summary{marked}>{escape(name)}</summary><div class="scroll">{table}</div></details>'


def _angle(label: str) -> str:
    return label.partition(" ")[0]


def _cell(loss: SliceLoss | None, digits: int) -> str:
    if loss is None:
        return "<td>–</td>"
    name = shade(loss.share)
    marked = f' class="{name}"' if name else ""
    sign = "+" if loss.share > 0 else ""
    return (
        f'<td data-value="{loss.value:.6g}"{marked}>{number(loss.value, digits)}'
        f"<small>{sign}{number(loss.share, 2)}</small></td>"
    )
