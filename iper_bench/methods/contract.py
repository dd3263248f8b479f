"""``check_method``: what every method must do, tried on tiny clips and said in words.

What is wrong here would be wrong in a run: a unit that fails, a number that cannot be repeated, or frames
that depend on how a clip was cut into batches.
"""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from iper_bench.data.clip import Images
from iper_bench.errors import UserError
from iper_bench.methods.contract_case import Case, chosen
from iper_bench.methods.method import Method, Sources, Subject, Targets
from iper_bench.methods.python_method import require_members

OK, WARNING, WRONG = "ok", "warning", "wrong"
SEED = 0
STEPS = (0, 1, 2)  # T that a method which trains is asked for
#: levels by which a frame may differ when it is drawn in other company: convolutions of another batch size
#: add up in another order, and the result is rounded
TOLERANCE = 1
FLAT = 2.0  # standard deviation in levels below which a frame shows nothing


@dataclass(frozen=True)
class Finding:
    """What was looked at; :data:`OK`, :data:`WARNING` or :data:`WRONG`; what was found, in words."""

    item: str
    verdict: str
    words: str = ""


class BrokenContractError(Exception):
    """What a method did wrong, in words."""


def check_method(make: Callable[[], Any], cases: Sequence[Case]) -> list[Finding]:
    """Try a method; nothing that it raises gets out.

    Parameters
    ----------
    make: gives a new instance at every call. cases: at least two people.

    Returns
    -------
    One finding per item, in the order of trying. After one that leaves nothing to go on with, the others are
    left out.
    """
    found: list[Finding] = []
    try:
        method = make()
        require_members(method, "the method")
        _require_facts(method)
    except Exception as error:  # whatever somebody else's code raises is what is to be said
        return [Finding("can be made", WRONG, _words(error))]
    found.append(Finding("can be made", OK, f"name '{method.name}', trains: {str(method.trains).lower()}"))
    found.append(_tried("identity is that of the content", lambda: _identity(make, method)))
    first = _tried("frames of the right size, type and number", lambda: _frames(method, cases))
    found.append(first)
    if first.verdict == WRONG:
        return found
    for item, check in (
        ("the same frames again", lambda: _again(make, cases[0])),
        ("a subject can be drawn twice", lambda: _twice(method, cases[0])),
        ("frames do not depend on their neighbours", lambda: _neighbours(method, cases[0])),
        ("sources and targets are left as they are", lambda: _untouched(method, cases[0])),
        ("every T in rising order", lambda: _checkpoints(method, cases[0])),
        ("the driver gives the pose, not the shape", lambda: _shape(method, cases[0])),
        ("the frames show something", lambda: _something(method, cases)),
    ):
        found.append(_tried(item, check))
    return found


def _tried(item: str, check: Callable[[], str]) -> Finding:
    """``check`` returns a caution or nothing, and raises what is wrong."""
    try:
        caution = check()
    except Exception as error:  # see check_method
        return Finding(item, WRONG, _words(error))
    return Finding(item, WARNING if caution else OK, caution)


def _words(error: Exception) -> str:
    if isinstance(error, BrokenContractError | UserError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first} ({place.filename}, line {place.lineno})"


def _require_facts(method: Any) -> None:
    for field in ("name", "identity"):
        value = getattr(method, field)
        if not isinstance(value, str) or not value:
            raise BrokenContractError(f"'{field}' is {value!r}; expected text that is not empty")
    if not isinstance(method.trains, bool):
        raise BrokenContractError(f"'trains' is {method.trains!r}; expected True or False")


def _drawn(subject: Subject, targets: Targets, size: tuple[int, int]) -> Images:
    """All frames of a subject. Raises BrokenContractError for another shape, type or number."""
    render = getattr(subject, "render", None)
    if render is None:
        raise BrokenContractError(f"the subject, {type(subject).__name__}, has no 'render'")
    batches = []
    for batch in render(targets):
        if not isinstance(batch, np.ndarray):
            raise BrokenContractError(f"a batch is {type(batch).__name__}; expected a numpy array")
        if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[1:] != (*size, 3):
            raise BrokenContractError(
                f"a batch is {batch.dtype} {batch.shape}; expected uint8 (B, {size[0]}, {size[1]}, 3)"
            )
        batches.append(batch.copy())
    count = sum(len(batch) for batch in batches)
    if count != len(targets):
        raise BrokenContractError(f"{count} frames for {len(targets)} targets")
    return np.concatenate(batches)


def _draw(method: Method, case: Case, targets: Targets | None = None) -> Images:
    """All frames of a case, from copies: a method that writes into what it is given spoils its own check."""
    subject = _subject(method, case)
    return _drawn(subject, copy.deepcopy(case.targets if targets is None else targets), _size(case.sources))


def _subject(method: Method, case: Case) -> Subject:
    return method.personalize(copy.deepcopy(case.sources), steps=0, seed=SEED)


def _size(sources: Sources) -> tuple[int, int]:
    return int(sources.frames.shape[1]), int(sources.frames.shape[2])


def _identity(make: Callable[[], Any], method: Method) -> str:
    other = make().identity
    if other != method.identity:
        raise BrokenContractError(f"two instances have the identities '{method.identity}' and '{other}'")
    return ""


def _frames(method: Method, cases: Sequence[Case]) -> str:
    for case in cases:
        for targets, words in ((case.targets, "driven by himself"), (case.others, "driven by somebody else")):
            try:
                _draw(method, case, targets)
            except BrokenContractError as error:
                raise BrokenContractError(f"{case.name}, {words}: {error}") from error
    return ""


def _again(make: Callable[[], Any], case: Case) -> str:
    differing = _largest(_draw(make(), case), _draw(make(), case))
    if differing:
        raise BrokenContractError(
            f"a second instance with the same seed differs by up to {differing} levels; seed every draw"
        )
    return ""


def _twice(method: Method, case: Case) -> str:
    subject, size = _subject(method, case), _size(case.sources)
    differing = _largest(*(_drawn(subject, copy.deepcopy(case.targets), size) for _ in range(2)))
    if differing:
        raise BrokenContractError(f"the second time differs by up to {differing} levels")
    return ""


def _neighbours(method: Method, case: Case) -> str:
    """In self-imitation; in cross-imitation cameras may go by the first target."""
    whole = _draw(method, case)
    count = len(case.targets)
    for rows, words in (
        (list(range(count))[::-1], "in reverse order"),
        (list(range(0, count, 2)), "of every second target"),
        ([count - 1], "of the last target alone"),
    ):
        differing = _largest(_draw(method, case, chosen(case.targets, rows)), whole[rows])
        if differing > TOLERANCE:
            raise BrokenContractError(
                f"frames {words} differ by up to {differing} levels from those of all targets "
                f"(allowed: {TOLERANCE}); a frame may depend on its own target alone"
            )
    return ""


def _untouched(method: Method, case: Case) -> str:
    mine = copy.deepcopy(case)
    _drawn(method.personalize(mine.sources, steps=0, seed=SEED), mine.targets, _size(case.sources))
    compared: tuple[tuple[str, Any, Any], ...] = (
        ("frames of the sources", case.sources.frames, mine.sources.frames),
        ("masks of the sources", case.sources.masks, mine.sources.masks),
        ("bodies of the sources", _numbers(case.sources.track), _numbers(mine.sources.track)),
        ("bodies of the targets", _numbers(case.targets.track), _numbers(mine.targets.track)),
    )
    for field, before, after in compared:
        if before is not None and not np.array_equal(before, after):
            raise BrokenContractError(f"the {field} were changed in place; work on a copy")
    return ""


def _numbers(track: Any) -> Any:
    return np.concatenate([track.betas.ravel(), track.poses.ravel(), track.cams.ravel()])


def _checkpoints(method: Method, case: Case) -> str:
    steps = STEPS if method.trains else STEPS[:1]
    reached: list[int] = []
    for done, subject in _pairs(method.checkpoints(copy.deepcopy(case.sources), steps=steps, seed=SEED)):
        reached.append(done)
        _drawn(subject, chosen(case.targets, [0]), _size(case.sources))
    if tuple(reached) != steps:
        raise BrokenContractError(
            f"asked for T = {_listed(steps)}, got T = {_listed(reached)}; expected each once, rising"
        )
    return ""


def _pairs(given: Any) -> Iterator[tuple[int, Subject]]:
    for pair in given:
        if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[0], int):
            raise BrokenContractError(f"'checkpoints' gave {type(pair).__name__}; expected (T, subject)")
        yield pair


def _shape(method: Method, case: Case) -> str:
    track = case.others.track
    other = replace(case.others, track=replace(track, betas=track.betas + np.float32(1.0)))
    differing = _largest(_draw(method, case, case.others), _draw(method, case, other))
    if differing > TOLERANCE:
        return (
            f"a driver of another shape (betas) changes frames by up to {differing} levels: the person may "
            "take over the driver's figure"
        )
    return ""


def _something(method: Method, cases: Sequence[Case]) -> str:
    drawn = [_draw(method, case) for case in cases]
    cautions = []
    flat = sum(int(frame.std() < FLAT) for frames in drawn for frame in frames)
    if flat:
        cautions.append(f"{flat} of {sum(map(len, drawn))} frames are of one colour")
    if all(not _largest(frames, np.repeat(frames[:1], len(frames), axis=0)) for frames in drawn):
        cautions.append("all targets of a person get the same frame: the pose has no effect")
    if len(drawn) > 1 and not _largest(drawn[0], drawn[1]):
        cautions.append("two people get the same frames: the sources have no effect")
    return "; ".join(cautions)


def _largest(first: Images, second: Images) -> int:
    return int(np.abs(first.astype(np.int16) - second.astype(np.int16)).max(initial=0))


def _listed(values: Sequence[int]) -> str:
    return ", ".join(map(str, values)) or "none"
