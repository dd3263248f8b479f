"""Names of the references. Importing this file imports nothing heavy, so that ``--help`` can tell them."""

from __future__ import annotations

#: what a reference is made from
SOURCES, TRUTH, OTHERS = "sources", "truth", "others"
MADE_FROM = (SOURCES, TRUTH, OTHERS)

#: parameter and default of the references that have one; typed as NAME[VALUE]
PARAMETERS = {
    "truth-shift": ("pixels", "1"),
    "truth-blur": ("sigma", "1"),
    "truth-jpeg": ("quality", "50"),
}
#: those that ``iper-bench run`` adds, as they are typed, from the weakest to the nearest to the truth
DEFAULT_REFERENCES = (
    "other-person",
    "copy-source",
    "nearest-source",
    "warp",
    *(f"{name}[{default}]" for name, (_, default) in PARAMETERS.items()),
)
REFERENCE_NAMES = tuple(name.partition("[")[0] for name in DEFAULT_REFERENCES)
