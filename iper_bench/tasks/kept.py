"""A person who was personalized before and kept in a file, in place of pictures.

The file is that of :mod:`iper_bench.methods.tuned_subject`; its name ends in ``.subject``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from iper_bench.data.clip import Images
from iper_bench.errors import UserError
from iper_bench.methods.method import Method, Subject
from iper_bench.methods.tuned_subject import SubjectRecord, TunedSubject
from iper_bench.tasks.reel import Reel

SUFFIX = ".subject"


@runtime_checkable
class Restores(Protocol):
    """A method that can take up a kept person, beside what :class:`Method` asks."""

    def restore(self, record: SubjectRecord, where: str) -> Subject:
        """The person of ``record``, read from the file ``where``. Raises UserError when it belongs to another
        method or other weights.
        """


class KeptReel(Reel):
    """The sources of a kept person, all of them.

    Attributes
    ----------
    record: the content of the file.
    """

    def __init__(self, path: Path) -> None:
        self.name, self.paths = str(path), (path,)
        self.record = SubjectRecord.load(path)
        sources = self.record.sources
        self.track, self.body = sources.track, sources.body
        self.side = int(sources.frames.shape[1])
        if sources.frames.shape[1] != sources.frames.shape[2]:
            raise UserError("damaged subject file (frames that are not square)", where=self.name)

    def __len__(self) -> int:
        return len(self.record.sources)

    def frames(self, indices: Sequence[int]) -> Iterator[Images]:
        """See :class:`Reel`."""
        yield from self.record.sources.frames[list(indices)]

    def masks(self, indices: Sequence[int]) -> list[Images] | None:
        """See :class:`Reel`."""
        masks = self.record.sources.masks
        return None if masks is None else list(masks[list(indices)])


def check_path(path: Path) -> Path:
    """``path`` of a file to keep a person in. Raises UserError for another ending."""
    if path.suffix != SUFFIX:
        raise UserError(f"ends in '{path.suffix}'", where=str(path), expected=f"a name that ends in {SUFFIX}")
    return path


def steps_taken(reel: Reel, steps: int) -> int:
    """Personalisation steps behind what is drawn: those of now, or those of a kept person."""
    return reel.record.steps if isinstance(reel, KeptReel) else steps


def refuse_kept(reel: Reel) -> None:
    """Raise UserError for a kept person where pictures are needed."""
    if isinstance(reel, KeptReel):
        raise UserError(
            "a kept person cannot be taken apart: his weights are tuned to him alone",
            where=reel.name,
            expected="his pictures",
        )


def refuse_as_motion(text: str | None, where: str) -> None:
    """Raise UserError when ``text`` names a kept person where a motion is needed; ``where`` is the option."""
    if text is not None and text.endswith(SUFFIX):
        raise UserError(
            f"'{text}' is a kept person, who has no motion",
            where=where,
            expected="a video, images, DATASET:CLIP or a track",
        )


def taken_up(method: Method, reel: KeptReel) -> Subject:
    """The kept person as a subject of ``method``. Raises UserError when they do not go together."""
    if not isinstance(method, Restores):
        raise UserError(
            f"method '{method.name}' keeps no people",
            where=reel.name,
            expected=f"--method '{reel.record.method}', with which he was personalized",
        )
    return method.restore(reel.record, reel.name)


def keep(subject: Subject, path: Path, method: Method) -> None:
    """Write a personalized person. Raises UserError when the method's subjects cannot be kept, or the file
    cannot be written.
    """
    if not isinstance(subject, TunedSubject):
        raise UserError(
            f"people of method '{method.name}' cannot be kept",
            where=str(path),
            expected="a method that personalizes, for example attlwb",
        )
    subject.save(path)
