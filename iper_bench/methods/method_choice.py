"""``[LABEL=]METHOD[OPTIONS][@WEIGHTS]``: how a method is named on the command line, and the method it stands
for.

A label keeps two choices of one method apart in units, tables and plots, for example the weights of the
package and those of one's own training. Options stand in brackets: ``attlwb[loss=lp]``. METHOD is a
registered name or an outside method (:mod:`iper_bench.methods.outside`): ``folder:PATH``, ``process:SPEC``,
``python:module:NAME``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from iper_bench.errors import UserError, unknown_name
from iper_bench.lwg.strategy import split_options
from iper_bench.methods.folder_method import FolderMethod
from iper_bench.methods.method import METHODS, Method
from iper_bench.methods.outside import OUTSIDE, Outside, outside
from iper_bench.methods.python_method import entry_factory, made_by_others, require_members
from iper_bench.methods.reference import Reference
from iper_bench.methods.reference_names import PARAMETERS, REFERENCE_NAMES

OPTION = "--method"
FORM = "[LABEL=]METHOD[@WEIGHTS]"
#: everything that a run can evaluate
Benchmarked = Method | Reference | FolderMethod
# Labels stand in tables, file names of plots and shell lines.
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_OPTIONS = re.compile(r"\[[^\[\]]*\]")
_BARE = re.compile(r"\[\s*([^\[\]=,\s]+)\s*\]")
_OUTSIDE = re.compile(rf"(?:({_LABEL.pattern})=)?({'|'.join(OUTSIDE)}):(.*)", re.DOTALL)


@dataclass(frozen=True)
class MethodChoice:
    """One method of a run.

    Attributes
    ----------
    label: the name in units and tables; without one, the method with its options. method: registry name, or
        an outside method as typed, without options and weights.
    weights: file that takes the place of the method's own weights, or ``None``.
    options: by name, as typed.
    """

    label: str
    method: str
    weights: Path | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> MethodChoice:
        """Read one choice, without looking the method up. Raises UserError for another form."""
        from_outside = _OUTSIDE.fullmatch(text)
        if from_outside is not None:
            return cls._outside(*from_outside.groups())
        start, options, shown, file = _split(text)
        label, labelled, method = start.rpartition("=")
        if "[" in method or "]" in method or (labelled and not _LABEL.fullmatch(label)) or not method:
            raise _unreadable(text)
        if method in PARAMETERS:
            parameter, default = PARAMETERS[method]
            options = options or {parameter: default}
            shown = f"[{options[parameter]}]" if list(options) == [parameter] else shown
        return cls(label or method + shown, method, file, options)

    @classmethod
    def _outside(cls, label: str | None, kind: str, rest: str) -> MethodChoice:
        if OUTSIDE[kind].is_path:  # all that follows is the path, whatever signs it has
            one = outside(kind, rest)
            return cls(label or one.label, f"{kind}:{one.place}")
        place, options, shown, file = _split(rest)
        one = outside(kind, place)
        return cls(label or one.label + shown, f"{kind}:{one.place}", file, options)

    @property
    def from_outside(self) -> Outside | None:
        """Where the method comes from when it is no registered one."""
        kind, colon, place = self.method.partition(":")
        return outside(kind, place) if colon else None

    def with_weights(self, weights: Path | None) -> MethodChoice:
        """The choice with a weights file; itself for ``None``. Raises UserError when it has one already."""
        if weights is None:
            return self
        if self.weights is not None:
            raise UserError(
                f"two weights files: {self.weights} and {weights}", where="--weights", expected="one"
            )
        return replace(self, weights=weights)

    def require_known(self) -> None:
        """Raise UserError with the nearest names when no such method is registered."""
        if self.from_outside is None:
            METHODS.get_entry(self.method)

    def origin(self) -> str:
        """Who brings the method: a distribution, or what was typed."""
        return self.method if self.from_outside is not None else METHODS.origin(self.method)

    def open(self) -> Method:
        """Build the method. Raises UserError when it takes no weights or no such option, cannot read those
        given, cannot be imported, is no method, or can only be evaluated by a run.
        """
        made = self.open_any()
        if isinstance(made, Reference | FolderMethod):
            needs = (
                "frames that no method sees" if isinstance(made, Reference) else "the trials of a protocol"
            )
            raise UserError(
                f"'{self.method}' needs {needs}", where=OPTION, expected="a method", hint="iper-bench run"
            )
        return made

    def open_any(self) -> Benchmarked:
        """Build what a run can evaluate. Raises UserError as :meth:`open`."""
        factory, brought = self._factory()
        arguments = self._arguments(factory)
        made = made_by_others(factory, arguments, self.method) if brought else factory(**arguments)
        if isinstance(made, FolderMethod) or (isinstance(made, Reference) and self.method in REFERENCE_NAMES):
            return made
        require_members(made, f"method '{self.method}'")
        return cast(Method, made)

    def _factory(self) -> tuple[Callable[..., Any], bool]:
        """What makes the method, and whether it is somebody else's code, which may raise anything."""
        found = self.from_outside
        if found is not None:
            return found.factory(), not found.is_path
        entry = METHODS.get_entry(self.method)
        if isinstance(entry, str) and not entry.startswith("iper_bench."):
            origin = METHODS.origin(self.method)
            return entry_factory(lambda: METHODS.get(self.method), self.method, origin), True
        return METHODS.get(self.method), False

    def _arguments(self, factory: Callable[..., Any]) -> dict[str, object]:
        known = _parameters(factory)
        anything = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in known.values())
        given: dict[str, object] = {key.replace("-", "_"): value for key, value in self.options.items()}
        for key in given:
            if key == "weights":
                raise UserError(
                    "weights stand behind '@', not between brackets",
                    where=OPTION,
                    expected=FORM,
                    hint=f"{self.method}@{given[key]}",
                )
            if key not in known and not anything:
                names = [name for name in known if name != "weights"]
                raise unknown_name("option", key, names, where=f"method '{self.method}'")
        if self.weights is not None:
            if "weights" not in known:
                raise UserError(
                    f"method '{self.method}' takes no weights",
                    where=OPTION,
                    expected=f"'{self.method}' alone",
                )
            given["weights"] = self.weights
        return given


def parse_choices(texts: Sequence[str], references: Iterable[str] = ()) -> list[MethodChoice]:
    """Read all choices of a run.

    Parameters
    ----------
    references: names of references that are evaluated as well, unless they are among ``texts``.

    Raises
    ------
    UserError for none, an unknown method or reference, and a label used twice, with the origin of both.
    """
    if not texts:
        raise UserError("no method", where=OPTION, expected=f"some of {', '.join(METHODS.names())}")
    choices = read_choices(texts, references)
    held: dict[str, MethodChoice] = {}
    for choice in choices:
        choice.require_known()
        other = held.setdefault(choice.label, choice)
        if other is not choice:
            raise _named_twice(choice.label, other.origin(), choice.origin())
        found = choice.from_outside
        if found is not None and choice.label == found.label and choice.label in METHODS:
            raise _named_twice(choice.label, METHODS.origin(choice.label), choice.origin())
    return choices


def read_choices(texts: Sequence[str], references: Iterable[str] = ()) -> list[MethodChoice]:
    """The choices of :func:`parse_choices` without looking anything up. Raises UserError for another form and
    for what is no reference.
    """
    choices = [MethodChoice.parse(text) for text in texts]
    named = {(choice.method, *sorted(choice.options.items())) for choice in choices}
    for text in dict.fromkeys(references):
        one = MethodChoice.parse(text)
        if one.method not in REFERENCE_NAMES or one.weights is not None:
            raise unknown_name("reference", text, REFERENCE_NAMES, where="--references")
        if (one.method, *sorted(one.options.items())) not in named:
            choices.append(one)
    return choices


def _named_twice(label: str, first: str, second: str) -> UserError:
    return UserError(
        f"method '{label}' is named twice",
        where=OPTION,
        expected=f"each name once, but it comes from {first} and from {second}",
        hint=f"another label for one of them, as in LABEL={second if ':' in second else label}",
    )


def _split(text: str) -> tuple[str, dict[str, str], str, Path | None]:
    """What stands before options and weights, the options with their text, and the weights. Raises UserError
    for another form.
    """
    bracketed = _OPTIONS.search(text)
    # Paths, among the options and behind '@', may hold '=' and '@' of their own.
    if bracketed is None or "@" in text[: bracketed.start()]:
        start, at, file = text.partition("@")
        options, shown = {}, ""
    else:
        start, after = text[: bracketed.start()], text[bracketed.end() :]
        at, file, shown = after[:1], after[1:], bracketed.group()
        options = _bracketed(start, shown)
    if at not in ("", "@") or (at and not file):
        raise _unreadable(text)
    return start, options, shown, Path(file) if at else None


def _bracketed(start: str, shown: str) -> dict[str, str]:
    """Options between brackets; a reference with one parameter takes its value alone."""
    name = start.rpartition("=")[2]
    bare = _BARE.fullmatch(shown)
    if bare is not None and name in PARAMETERS:
        return {PARAMETERS[name][0]: bare[1]}
    return split_options(start + shown)[1]


def _parameters(factory: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    if not callable(factory):
        raise UserError(
            f"{type(factory).__name__} cannot be called",
            where=OPTION,
            expected="a class or function that makes a method",
        )
    try:
        return inspect.signature(factory).parameters
    except (TypeError, ValueError):  # some built-in callables tell nothing
        return {}


def _unreadable(text: str) -> UserError:
    return UserError(
        f"cannot read '{text}'",
        where=OPTION,
        expected=f"{FORM}, LABEL of letters, digits and . _ + -",
        hint="mine=attlwb@runs/train/weights.safetensors",
    )
