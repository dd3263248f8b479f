"""How the frames of a unit come about: drawn by a method's subject, read from a folder of predictions, or
made from frames that no method sees (references).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from iper_bench.data.clip import Images
from iper_bench.methods.appearance_subject import several_people
from iper_bench.methods.folder_method import FolderMethod
from iper_bench.methods.method import Method, Subject
from iper_bench.methods.method_choice import Benchmarked
from iper_bench.methods.reference import Reference
from iper_bench.methods.reference_names import TRUTH
from iper_bench.protocol.schema import BACKGROUNDS
from iper_bench.run.folder_frames import folder_frames
from iper_bench.run.material import BATCH, Material
from iper_bench.run.unit import Unit

Draw = Callable[[Unit, Material], Iterable[Images]]


def drawings(
    method: Benchmarked, unit: Unit, material: Material, steps: tuple[int, ...]
) -> Iterator[tuple[int, Draw]]:
    """``(T, draw)`` in rising order: along one personalisation, or one of its own per T for people taken
    apart. ``draw`` serves all units of one personalisation with that T.

    Parameters
    ----------
    unit: any of the units. material: of it.
    """
    if isinstance(method, Reference):
        yield 0, lambda unit, material: revealed(method, unit, material)
    elif isinstance(method, FolderMethod):
        yield 0, lambda unit, material: folder_frames(method, unit, material)
    else:
        for reached, subject in _subjects(method, unit, material, steps):
            yield reached, _drawn_by(subject)


def _drawn_by(subject: Subject) -> Draw:
    return lambda unit, material: subject.render(material.targets)


def _subjects(
    method: Method, unit: Unit, material: Material, steps: tuple[int, ...]
) -> Iterator[tuple[int, Subject]]:
    reference = unit.trial.reference
    if reference is None:
        yield from method.checkpoints(material.sources, steps=steps, seed=unit.seed)
        return
    for wanted in steps:
        yield (
            wanted,
            several_people(method, unit.method).appearance(
                material.people,
                [(), reference.take],
                steps=wanted,
                seed=unit.seed,
                selected_flows=False,
                background=BACKGROUNDS.index(reference.background),
            ),
        )


def revealed(reference: Reference, unit: Unit, material: Material) -> Iterator[Images]:
    """Frames of a reference: the truth or the other person of the unit, handed over batch by batch.

    Raises ValueError for a unit that has none; the plan holds no such unit.
    """
    given = material.truths() if reference.made_from == TRUTH else _other_person(unit, material)
    if given is None:
        raise ValueError(f"{unit.name} has nothing that '{reference.name}' could be made from")
    for batch in given:
        yield reference.frames(batch)


def _other_person(unit: Unit, material: Material) -> Iterator[Images] | None:
    if unit.other_person is None:
        return None
    clip, frame = unit.other_person
    shown = material.dataset.clip(clip).frames([frame])
    counts = [min(BATCH, unit.frame_count - start) for start in range(0, unit.frame_count, BATCH)]
    return (np.repeat(shown, count, axis=0) for count in counts)
