"""``Layout``: the tables of arXiv 2011.09055 as data: which columns, which rows, measured with what.

Nothing here is measured or computed; ``paper_layout_rows.py`` looks for what the runs hold of a layout and
``paper_layout_fill.py`` makes the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from iper_bench.report import paper
from iper_bench.report.paper import Quote

IMITATION, TRANSFER, NOVEL_VIEW = "motion_imitation", "appearance_transfer", "novel_view"
PAIRED = ("PSNR", "SSIM", "LPIPS", "Body-CS", "Face-CS")
CROSS = ("Face-CS", "Face-FD", "Body-CS", "Body-FD", "FID")
WITHOUT, WITH = "without personalization", "with personalization"
#: ``attlwb[loss=...]`` -> the row of Table 6
LOSSES: Mapping[str, str] = {
    "lp": "Lp",
    "lp+adv": "Lp+Ladv",
    "lp+adv+lf": "Lp+Ladv+Lf",
    "full": "full",
}
#: name of a dataset in the paper -> ours
DATASETS: Mapping[str, str] = {
    "iPER": "iper",
    "MotionSynthetic": "motionsynthetic",
    "FashionVideo": "fashionvideo",
    "Youtube-Dancer-18": "youtube-dancer18",
}

Place = tuple[str, str]  # (block, metric): a column


@dataclass(frozen=True)
class Block:
    """Columns under one heading. ``key``: setting, or dataset where columns of several stand side by side."""

    key: str
    title: str
    metrics: tuple[str, ...]

    @property
    def places(self) -> tuple[Place, ...]:
        """Its columns."""
        return tuple((self.key, metric) for metric in self.metrics)


@dataclass(frozen=True)
class Layout:
    """One table of the paper.

    Attributes
    ----------
    number: ``"1"`` to ``"6"``. caption: what it shows, in short. task: what was done.
    sn: number of sources it was measured with, ``None`` where the paper does not say.
    datasets: the paper's names of what it was measured on.
    blocks: its columns. command: what fills it.
    """

    number: str
    caption: str
    task: str
    sn: int | None
    datasets: tuple[str, ...]
    blocks: tuple[Block, ...]
    command: str

    @property
    def ours(self) -> tuple[str, ...]:
        """Our names of its datasets."""
        return tuple(DATASETS[name] for name in self.datasets)

    @property
    def quotes(self) -> tuple[Quote, ...]:
        """Its printed numbers."""
        return paper.quotes(f"table{self.number}")


_IMITATION_BLOCKS = (Block("self", "Self-imitation", PAIRED), Block("cross", "Cross-imitation", CROSS))
_DANCERS = ("Youtube-Dancer-18",)
LAYOUTS = (
    Layout(
        "1",
        "motion imitation, one source",
        IMITATION,
        1,
        ("iPER", "MotionSynthetic", "FashionVideo"),
        _IMITATION_BLOCKS,
        "iper-bench run --method attlwb,lwb@FILE,pg2@FILE --dataset iper --sn 1",
    ),
    Layout(
        "2",
        "motion imitation, two sources",
        IMITATION,
        2,
        _DANCERS,
        _IMITATION_BLOCKS,
        "iper-bench run --method attlwb,lwb@FILE,spade@FILE --dataset youtube-dancer18 --sn 2",
    ),
    Layout(
        "3",
        "appearance transfer",
        TRANSFER,
        None,
        ("iPER",),
        (Block("self", "Appearance transfer", PAIRED),),
        "iper-bench run --method attlwb,lwb@FILE --dataset iper --tasks transfer",
    ),
    Layout(
        "4",
        "novel view synthesis",
        NOVEL_VIEW,
        None,
        ("iPER", "MotionSynthetic"),
        tuple(Block(name, name, PAIRED[:3]) for name in ("iPER", "MotionSynthetic")),
        "iper-bench run --method attlwb,lwb@FILE,appflow@FILE --dataset iper --tasks view",
    ),
    Layout(
        "5",
        "personalization",
        IMITATION,
        2,
        _DANCERS,
        (Block("self", "Self-imitation", (*PAIRED, "FID")),),
        "iper-bench sweep --method attlwb --dataset youtube-dancer18 --sn 2 --steps 0,100",
    ),
    Layout(
        "6",
        "loss functions",
        IMITATION,
        None,
        _DANCERS,
        (Block("self", "Self-imitation", PAIRED),),
        "iper-bench run --method 'attlwb[loss=lp]@FILE,attlwb[loss=full]@FILE' --dataset youtube-dancer18",
    ),
)


@cache
def _printed_names() -> dict[str, str]:
    return {quote.method.casefold(): quote.method for layout in LAYOUTS for quote in layout.quotes}


def paper_name(method: str) -> str | None:
    """How the paper calls a method of ours (``"attlwb"``: ``"AttLWB"``), or ``None`` when it has no such row.

    Our names are the paper's in small letters. Labels and methods with options are not the paper's: what they
    stand for is for the reader to judge.
    """
    return _printed_names().get(method) if method == method.casefold() else None


def quoted_place(layout: Layout, quote: Quote) -> tuple[str, Place]:
    """Row and column of a printed number in its layout."""
    if layout.number == "4":
        return quote.method, (quote.dataset, quote.metric)
    if layout.number in ("3", "5", "6"):
        words = quote.setting.rpartition(",")[2]
        row = {"3": "", "5": f", {words}", "6": f", {words}"}[layout.number]
        return quote.method + row, ("self", quote.metric)
    return quote.method, (quote.trial_setting, quote.metric)
