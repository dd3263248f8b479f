"""A drawn body whose parts are coloured by a number: front view, the person's left on the right of the
picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

from iper_bench.report.numerals import number
from iper_bench.store.part_errors import BACKGROUND

STEPS = 5  # colours of a scale from 0, and of each side of one about 0
SIZE = (120, 236)
_ROUND = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)  # ends of scales, times a power of ten
#: shapes of the middle and of the person's right side (left in the picture); his left side is their mirror
# image
_MIDDLE = {
    "head": '<ellipse cx="60" cy="25" rx="14" ry="17"/>',
    "torso": '<path d="M51 43Q60 47 69 43L81 51Q80 78 76 112Q60 120 44 112Q40 78 39 51Z"/>',
}
_SIDE = {
    "upper_arm": '<rect x="30.5" y="51" width="12" height="42" rx="6" transform="rotate(14 36.5 54)"/>',
    "forearm": '<rect x="21.5" y="91" width="10" height="38" rx="5" transform="rotate(8 26.5 93)"/>',
    "hand": '<ellipse cx="21" cy="137" rx="6" ry="9" transform="rotate(6 21 137)"/>',
    "thigh": '<rect x="43" y="113" width="17" height="54" rx="8" transform="rotate(3 51.5 116)"/>',
    "shank": '<rect x="42.5" y="165" width="13" height="50" rx="6" transform="rotate(1 49 167)"/>',
    "foot": '<ellipse cx="44.5" cy="221" rx="9.5" ry="6"/>',
}
_BACKGROUND = '<rect x="1" y="1" width="118" height="234" rx="6"/>'

STYLE = "\n".join(
    [
        ".bodies { display: grid; gap: 0.8rem; }",
        ".bodies { grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); }",
        ".bodies figure { margin: 0; }",
        ".bodies svg { display: block; width: 100%; max-width: 11rem; height: auto; }",
        ".bodies figcaption { overflow-wrap: anywhere; }",
        ".bodies svg g > * { stroke: var(--ink); stroke-width: 0.7; stroke-opacity: 0.55; }",
        ".scale { display: flex; flex-wrap: wrap; align-items: center; gap: 0.15rem; font-size: 0.8rem; }",
        ".scale b { display: inline-flex; align-items: center; font-weight: 400; }",
        ".scale svg { width: 1.1rem; height: 1.1rem; }",
        ".scale rect { stroke: var(--soft); stroke-width: 0.6; }",
        ".scale span { color: var(--soft); padding: 0 0.4rem 0 0.1rem; }",
        ".tone0 { fill: var(--paper); }",
        ".tonex { fill: none; stroke-dasharray: 2 2; }",
        *(
            f".{name}{step} "
            f"{{ fill: color-mix(in oklab, var({colour}) {round(100 * step / STEPS)}%, var(--paper)); }}"
            for name, colour in (("tone", "--bad"), ("less", "--accent"))
            for step in range(1, STEPS + 1)
        ),
    ]
)


def spoken(part: str) -> str:
    """``"left_upper_arm"`` in words."""
    return part.replace("_", " ")


def tone(value: float | None, top: float, *, power: float = 1.0) -> str:
    """Class of a part: ``tone0`` to ``tone5`` by the value's share of ``top``, ``less1`` to ``less5`` below
    0, and ``tonex`` for a part that no frame shows. ``top``: where the last colour begins to be full, above
    0. ``power``: below 1, small values get colours of their own beside large ones.
    """
    if value is None:
        return "tonex"
    step = min(STEPS, math.floor((abs(value) / top) ** power * STEPS + 0.5))
    return f"{'less' if value < 0 and step else 'tone'}{step}"


def nice_top(values: list[float]) -> float:
    """End of a scale: the largest size, rounded up to a round number; 1 where all are 0."""
    largest = max(map(abs, values), default=0.0)
    if largest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(largest))
    return next(factor * power for factor in _ROUND if factor * power >= largest * (1 - 1e-9))


def drawn(values: Mapping[str, float | None], top: float, words: str, *, power: float = 1.0) -> str:
    """SVG of one body. ``values``: by part. ``words``: what it shows, for those who do not see it. ``power``:
    as :func:`tone`.
    """
    shapes = [_part(BACKGROUND, _BACKGROUND, values, top, power)]
    shapes += [_part(part, shape, values, top, power) for part, shape in _MIDDLE.items()]
    for side, turn in (("right", ""), ("left", ' transform="translate(120 0) scale(-1 1)"')):
        own = "".join(_part(f"{side}_{part}", shape, values, top, power) for part, shape in _SIDE.items())
        shapes.append(f"<g{turn}>{own}</g>")
    width, height = SIZE
    opened = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(words)}">'
    return f"{opened}<g>{''.join(shapes)}</g></svg>"


def _part(part: str, shape: str, values: Mapping[str, float | None], top: float, power: float) -> str:
    value = values.get(part)
    said = "not seen" if value is None else number(value, 1)
    start, rest = shape.split(" ", 1)
    opened = rest.removesuffix("/>")
    name = start.removeprefix("<")
    title = f"<title>{spoken(part)}: {said}</title>"
    return f'{start} class="{tone(value, top, power=power)}" data-part="{part}" {opened}>{title}</{name}>'


def scale(top: float, *, both: bool, words: str, power: float = 1.0) -> str:
    """HTML of a legend: the colours with the numbers in their middle. ``both``: below 0 as well. ``power``:
    as :func:`tone`.
    """
    steps = range(-STEPS if both else 0, STEPS + 1)
    boxes = []
    for step in steps:
        value = math.copysign((abs(step) / STEPS) ** (1 / power) * top, step)
        label = number(value, 1 if top >= 1 else 3)
        square = f'<rect width="10" height="10" class="{tone(value, top, power=power)}"/>'
        box = f'<svg viewBox="0 0 10 10" aria-hidden="true">{square}</svg>'
        boxes.append(f"<b>{box}<span>{label}</span></b>")
    return f'<div class="scale"><span>{escape(words)}</span>{"".join(boxes)}</div>'
