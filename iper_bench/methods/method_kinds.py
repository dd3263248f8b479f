"""What each registered method is, in words: the one place from which lists take it."""

from __future__ import annotations

from iper_bench.lwg.strategy import GENERATOR_OF, PACKAGED_METHOD
from iper_bench.methods.method import METHODS
from iper_bench.methods.reference_names import OTHERS, PARAMETERS, REFERENCE_NAMES, SOURCES, TRUTH

BASELINES = "iper_bench.baselines."  # modules that the folders of baselines are
OWN = "iper_bench."
OUTSIDE_FORMS = (
    ("folder:PATH", "-", "outside: predictions that are there, one folder of frames or video per clip"),
    ("process:SPEC.yaml", "-", "outside: a command that is run for every clip"),
    ("python:MODULE:NAME", "-", "outside: a class or function of a module, not registered"),
)
_MADE_FROM = {
    SOURCES: "reference made from the sources",
    OTHERS: "reference made from a source of the next person",
    TRUTH: "reference made from the truth",
}
_KIND_OF = {"other-person": OTHERS, **dict.fromkeys(PARAMETERS, TRUTH)}


def list_methods() -> list[tuple[str, str, str]]:
    """Name, origin and what it is, of every registered method; then the forms of the others."""
    return [*((name, METHODS.origin(name), what_it_is(name)) for name in METHODS.names()), *OUTSIDE_FORMS]


def what_it_is(name: str) -> str:
    """A registered method in words. Raises UserError for an unknown name. Nothing is imported."""
    entry = METHODS.get_entry(name)
    if name in REFERENCE_NAMES:
        words = _MADE_FROM[_KIND_OF.get(name, SOURCES)]
        parameter, default = PARAMETERS.get(name, ("", ""))
        return f"{words}; {name}[{parameter.upper()}], default {default}" if parameter else words
    if name == PACKAGED_METHOD:
        return f"weights of the package, or {name}@FILE"
    place = entry if isinstance(entry, str) else getattr(entry, "__module__", "")
    if name in GENERATOR_OF or place.startswith(BASELINES):
        return f"needs weights: {name}@FILE"
    return "method" if place.startswith(OWN) else "outside: an installed package"
