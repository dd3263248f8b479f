"""The layouts of the paper's qualitative figures, filled from the runs.

Figure 9: motion imitation, a trial per row: sources, reference (the driving frame), every method.
Figure 10: methods compared on one frame, with enlarged details.
Figure 11: appearance transfer: source, reference of the clothes, results.
Figure 12: novel views: a method per row, the source and then the views by angle.
Figure 13: ablation: variants side by side, with and without personalisation, and more sources along a row.

Trials are the first by name, frames the middle one of those that the run keeps: nothing is chosen by looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from iper_bench.errors import UserError
from iper_bench.report.frame_index import NO_TRUTH, NOT_RUN, FrameIndex, Missing, Picture, Shown
from iper_bench.report.frame_values import SELF, UnitPlace
from iper_bench.report.gallery_details import most_different
from iper_bench.report.gallery_grid import Cell, GalleryGrid, Line
from iper_bench.store.pictures import Images

MOTION, TRANSFER, VIEW = "motion_imitation", "appearance_transfer", "novel_view"
VIEWS = 8  # columns of novel views: every 45 degrees of a full turn
CHOICE = "Trials are the first by name, frames the middle one of those kept; nothing is chosen by looks."

Place = tuple[str, str, int, int]  # method, trial, sn, T


@dataclass(frozen=True)
class Stock:
    """The units of one dataset, protocol and task, of all settings, with their pictures.

    Attributes
    ----------
    title: the conditions in words. name: of files. task: as the protocol calls it.
    units: of every (method, trial, sn, T) the one with the lowest seed.
    trials: setting -> the first trials by name.
    """

    index: FrameIndex
    title: str
    name: str
    task: str
    units: Mapping[Place, UnitPlace]
    trials: Mapping[str, tuple[str, ...]]

    @property
    def methods(self) -> list[str]:
        """Sorted."""
        return sorted({method for method, *_ in self.units})

    @property
    def sn(self) -> int:
        """The largest number of sources."""
        return max(sn for _, _, sn, _ in self.units)

    def steps(self, method: str) -> list[int]:
        """T of a method, rising."""
        return sorted({steps for own, _, _, steps in self.units if own == method})

    def find(self, method: str, trial: str, sn: int, steps: int | None = None) -> UnitPlace | None:
        """The unit, at the largest T unless one is given."""
        wanted = self.steps(method)[-1] if steps is None else steps
        return self.units.get((method, trial, sn, wanted))

    def any_unit(self, trial: str) -> UnitPlace:
        """A unit of the trial, to find its run by: of the largest sn, the first by run and method."""
        own = [unit for (_, name, _, _), unit in self.units.items() if name == trial]
        return min(own, key=lambda unit: (-unit.sn, unit.run, unit.method, unit.steps))

    def middle(self, trial: str) -> int:
        """The middle one of the driving frames that the run keeps, else of all frames."""
        unit = self.any_unit(trial)
        saved = self.index.saved(unit.run, trial)
        return saved[len(saved) // 2] if saved else unit.frames // 2

    def result(self, method: str, trial: str, sn: int, number: int, steps: int | None = None) -> Shown:
        """A method's frame."""
        unit = self.find(method, trial, sn, steps)
        return Missing(NOT_RUN) if unit is None else self.index.prediction(unit.run, unit.unit, number)

    def label(self, method: str) -> str:
        """A method, with its largest T where it trains."""
        most = self.steps(method)[-1]
        return f"{method}, T = {most}" if most else method


def layouts(stock: Stock) -> list[GalleryGrid]:
    """The grids that the stock allows, without those that would be hatched all over."""
    found: list[GalleryGrid | None]
    if stock.task == TRANSFER:
        found = [_transfer(stock)]
    elif stock.task == VIEW:
        found = [_views(stock)]
    else:
        found = [_motion(stock), _comparison(stock)]
    found += [_ablation(stock), _more_sources(stock)]
    return [grid for grid in found if grid is not None and _results_shown(grid)]


def _results_shown(grid: GalleryGrid) -> bool:
    cells = (one for line in grid.lines for cell in line.cells for one in cell)
    return any(isinstance(one, Picture) and one.container.kind == "prediction" for one in cells)


def _listed(stock: Stock) -> list[str]:
    return [trial for trials in stock.trials.values() for trial in trials]


def _motion(stock: Stock) -> GalleryGrid:
    lines, paired = [], []
    for trial in _listed(stock):
        number, unit = stock.middle(trial), stock.any_unit(trial)
        sources: Cell = tuple(stock.index.sources(unit.run, trial, stock.sn))
        driver = stock.index.driver(unit.run, trial, number)
        truth = stock.index.truth(unit.run, trial, number)
        paired.append("truth" not in stock.index.beside(unit.run, trial, stock.sn, number))
        ends: Cell = () if truth == Missing(NO_TRUTH) else (truth,)
        results = [(stock.result(method, trial, stock.sn, number),) for method in stock.methods]
        lines.append(Line(f"{trial}, frame {number}", (sources, (driver,), ends, *results)))
    methods = [stock.label(method) for method in stock.methods]
    columns = (f"sources (sn = {stock.sn})", "reference", "truth", *methods)
    caption = "In self-imitation the reference is the truth. " if SELF in stock.trials else ""
    if all(paired):  # a column that repeats the one before it, or is empty
        columns = columns[:2] + columns[3:]
        lines = [replace(line, cells=line.cells[:2] + line.cells[3:]) for line in lines]
    return GalleryGrid(
        f"gallery-{stock.name}-imitation",
        f"Motion imitation, in the layout of Figure 9: {stock.title}",
        f"{caption}{CHOICE}",
        columns,
        tuple(lines),
    )


def _comparison(stock: Stock) -> GalleryGrid | None:
    if len(stock.methods) < 2:
        return None
    lines: list[Line] = []
    for trial in _listed(stock):
        number, unit = stock.middle(trial), stock.any_unit(trial)
        source = stock.index.sources(unit.run, trial, stock.sn)[0]
        beside = [source, stock.index.driver(unit.run, trial, number)]
        results = [stock.result(method, trial, stock.sn, number) for method in stock.methods]
        cells = tuple((one,) for one in (*beside, *results))
        lines.append(Line(f"{trial}, frame {number}", cells))
        cross = trial not in stock.trials.get(SELF, ())
        blank = {0, 1} if cross else {0}  # where the place of a detail shows something else
        boxes = _details(stock.index, results)
        parts = tuple(
            tuple(replace(one, crop=box) for box in boxes)
            if isinstance(one, Picture) and column not in blank
            else ()
            for column, (one,) in enumerate(cells)
        )
        if boxes:
            lines.append(Line("details", parts, detail=True))
    return GalleryGrid(
        f"gallery-{stock.name}-comparison",
        f"Comparison of methods, in the layout of Figure 10: {stock.title}",
        "Enlarged: the two squares, a quarter of the frame wide, in which the methods differ most from each "
        "other. "
        f"{CHOICE}",
        ("source", "reference", *(stock.label(method) for method in stock.methods)),
        tuple(lines),
    )


def _details(index: FrameIndex, results: Sequence[Shown]) -> list[tuple[float, float, float, float]]:
    images: list[Images] = []
    for one in results:
        if isinstance(one, Picture):
            try:
                images.append(index.read(one.container, [one.number])[0])
            except UserError:
                continue  # the grid itself says that the picture is damaged
    same = [image for image in images if image.shape == images[0].shape]
    return most_different(same) if len(same) > 1 else []


def _transfer(stock: Stock) -> GalleryGrid:
    lines = []
    for trial in _listed(stock):
        number, unit = stock.middle(trial), stock.any_unit(trial)
        sources: Cell = tuple(stock.index.sources(unit.run, trial, stock.sn))
        clothes: Cell = tuple(stock.index.clothes(unit.run, trial, stock.sn))
        results = [(stock.result(method, trial, stock.sn, number),) for method in stock.methods]
        truth = stock.index.truth(unit.run, trial, number)
        ends: Cell = () if truth == Missing(NO_TRUTH) else (truth,)
        lines.append(Line(f"{trial}, frame {number}", (sources, clothes, *results, ends)))
    return GalleryGrid(
        f"gallery-{stock.name}-transfer",
        f"Appearance transfer, in the layout of Figure 11: {stock.title}",
        f"The last column is the truth. {CHOICE}",
        ("source", "reference clothes", *(stock.label(method) for method in stock.methods), "truth"),
        tuple(lines),
    )


def _views(stock: Stock) -> GalleryGrid | None:
    trials = _listed(stock)
    if not trials:
        return None
    columns: tuple[str, ...] = ()
    lines: list[Line] = []
    for trial in trials:
        unit = stock.any_unit(trial)
        numbers, angles = _turn(stock, trial)
        if columns and len(angles) != len(columns) - 1:
            continue  # another number of views: another grid
        columns = columns or ("source", *angles)
        source = stock.index.sources(unit.run, trial, stock.sn)[0]
        truths = [(stock.index.truth(unit.run, trial, number),) for number in numbers]
        lines.append(Line(f"{trial}, truth", ((source,), *truths)))
        for method in stock.methods:
            results = [(stock.result(method, trial, stock.sn, number),) for number in numbers]
            lines.append(Line(f"{trial}, {stock.label(method)}", ((source,), *results)))
    return GalleryGrid(
        f"gallery-{stock.name}-views",
        f"Novel views, in the layout of Figure 12: {stock.title}",
        f"Views evenly spaced over the targets, with their angles where the plan states them. {CHOICE}",
        columns,
        tuple(lines),
    )


def _turn(stock: Stock, trial: str) -> tuple[list[int], list[str]]:
    """Numbers and labels of the views: the frames that the run keeps, else evenly spaced ones."""
    unit = stock.any_unit(trial)
    numbers = stock.index.saved(unit.run, trial)[:VIEWS]
    if not numbers:
        count = min(VIEWS, unit.frames)
        numbers = sorted({place * unit.frames // max(count, 1) for place in range(count)})
    stated = stock.index.trial(unit.run, trial)[1].get("target_angles") or []
    labels = []
    for number in numbers:
        angle = stated[number] if number < len(stated) else None
        labels.append(f"frame {number}" if angle is None else f"{float(angle):.0f}°")
    return numbers, labels


def _ablation(stock: Stock) -> GalleryGrid | None:
    trained = [method for method in stock.methods if stock.steps(method)[-1] > 0]
    both = [method for method in trained if stock.steps(method)[0] == 0]
    if not both and len(trained) < 2:
        return None
    places = [(m, steps) for m in trained for steps in sorted({stock.steps(m)[0], stock.steps(m)[-1]})]
    lines = []
    for trial in _listed(stock):
        number, unit = stock.middle(trial), stock.any_unit(trial)
        source = stock.index.sources(unit.run, trial, stock.sn)[0]
        driver = stock.index.driver(unit.run, trial, number)
        results = [(stock.result(method, trial, stock.sn, number, steps),) for method, steps in places]
        lines.append(Line(f"{trial}, frame {number}", ((source,), (driver,), *results)))
    return GalleryGrid(
        f"gallery-{stock.name}-ablation",
        f"Ablation, in the layout of Figure 13: {stock.title}",
        "Every method that trains, at its smallest and largest T: strategies and losses side by side, with "
        f"and without personalisation. {CHOICE}",
        ("source", "reference", *(f"{method}, T = {steps}" for method, steps in places)),
        tuple(lines),
    )


def _more_sources(stock: Stock) -> GalleryGrid | None:
    counts = sorted({sn for _, _, sn, _ in stock.units})
    if len(counts) < 2:
        return None
    lines = []
    for trial in _listed(stock):
        number, unit = stock.middle(trial), stock.any_unit(trial)
        driver = stock.index.driver(unit.run, trial, number)
        for method in stock.methods:
            if len({sn for own, _, sn, _ in stock.units if own == method}) > 1:
                results = [(stock.result(method, trial, sn, number),) for sn in counts]
                lines.append(Line(f"{trial}, {stock.label(method)}, frame {number}", ((driver,), *results)))
    return GalleryGrid(
        f"gallery-{stock.name}-sources",
        f"More sources, in the layout of Figure 13: {stock.title}",
        f"Every method at its largest T, with rising numbers of sources sn along a row. {CHOICE}",
        ("reference", *(f"sn = {sn}" for sn in counts)),
        tuple(lines),
    )
