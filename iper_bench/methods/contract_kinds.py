"""``check_choice``: the contract of whatever was named: a method, a reference, a folder of predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from iper_bench.data.frame_list import open_frames
from iper_bench.data.prediction_folder import list_clips
from iper_bench.errors import UserError
from iper_bench.methods.contract import OK, WRONG, Finding, check_method
from iper_bench.methods.contract_case import Case, embedded_cases
from iper_bench.methods.folder_method import FolderMethod
from iper_bench.methods.method_choice import MethodChoice
from iper_bench.methods.reference import Reference

SHOWN = 3  # clips named in a message


def check_choice(choice: MethodChoice, cases: Callable[[], Sequence[Case]] = embedded_cases) -> list[Finding]:
    """Findings of one choice; ``cases`` is called where something is drawn.

    Raises UserError for an unknown name and options or weights that do not fit; a method that cannot be
    imported or made is a finding.
    """
    choice.require_known()
    try:
        made = choice.open_any()
    except UserError as error:
        if choice.from_outside is None:
            raise
        return [Finding("can be made", WRONG, str(error))]
    if isinstance(made, FolderMethod):
        return _check_folder(made, choice)
    if isinstance(made, Reference):
        return _check_reference(made, cases())
    return check_method(choice.open_any, cases())


def _check_folder(method: FolderMethod, choice: MethodChoice) -> list[Finding]:
    """That what is there can be read. Whether it is what a protocol asks for shows in the run."""
    try:
        clips = list_clips(method.path)
    except UserError as error:
        return [Finding("holds frames", WRONG, str(error))]
    found = [Finding("holds frames", OK, f"{len(clips)} clips")]
    bad: list[str] = []
    uneven: list[str] = []
    for name, place in clips.items():
        try:
            frames = open_frames(place, method.path)
            sizes = {image.shape if isinstance(image, np.ndarray) else image for image in frames.stream()}
        except UserError as error:
            bad.append(str(error))
            continue
        bad += [str(one) for one in sizes if isinstance(one, UserError)]
        if len({one for one in sizes if isinstance(one, tuple)}) > 1:
            uneven.append(name)
    found.append(Finding("every frame can be read", WRONG if bad else OK, _some(bad)))
    found.append(Finding("one size per clip", WRONG if uneven else OK, _some(uneven)))
    again = choice.open_any().identity
    same = again == method.identity
    found.append(Finding("identity is that of the content", OK if same else WRONG, f"{method.identity}"))
    return found


def _some(lines: Sequence[str]) -> str:
    more = f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    return "; ".join(lines[:SHOWN]) + more


def _check_reference(reference: Reference, cases: Sequence[Case]) -> list[Finding]:
    given = cases[0].sources.frames
    before = given.copy()
    whole = reference.frames(given)
    right = whole.dtype == np.uint8 and whole.shape == given.shape
    parts = np.concatenate([reference.frames(given[k : k + 1]) for k in range(len(given))])
    items = (
        ("frames of the right size, type and number", right),
        ("the same frames again", np.array_equal(reference.frames(given), whole)),
        ("frames do not depend on their neighbours", np.array_equal(parts, whole)),
        ("what is given is left as it is", np.array_equal(given, before)),
    )
    made = Finding("can be made", OK, f"a reference made from {reference.made_from}; only a run can show it")
    return [made, *(Finding(item, OK if good else WRONG) for item, good in items)]
