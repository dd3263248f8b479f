"""``pair``: predictions and what they are compared with, brought together by id and never by place.

Two ways of numbering predictions are in use: by the frame index of the clip (16, 17, ... as a protocol names
its targets) and by position (0, 1, ... as videos are, and as a run writes them). Both are understood as long
as only one of them fits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from iper_bench.data.frame_list import FrameList
from iper_bench.data.frame_name import Id, printable
from iper_bench.errors import UserError

FRAMES, POSITIONS, NAMES = "frames", "positions", "names"
NUMBERINGS = (FRAMES, POSITIONS)
SENTENCES = {
    FRAMES: "predictions are numbered by the frame indices of the clip",
    POSITIONS: "predictions are numbered by position: 0 is the first expected frame",
    NAMES: "predictions are paired by the names of their files",
}


@dataclass(frozen=True)
class Match:
    """One pair. ``id``: of the expected frame. ``prediction``, ``reference``: indices into the two lists."""

    id: Id
    prediction: int
    reference: int


@dataclass(frozen=True)
class Pairing:
    """What belongs together and what is left over.

    Attributes
    ----------
    matched: pairs in the order of the expected frames.
    missing: expected ids without a prediction.
    extra: ids of predictions, as they are numbered, that nobody expects.
    duplicates: ids that several predictions carry -> their indices; none of them is matched, because any
        choice would be a guess.
    numbering: ``"frames"``, ``"positions"`` or ``"names"``.
    """

    matched: tuple[Match, ...]
    missing: tuple[Id, ...]
    extra: tuple[Id, ...]
    duplicates: dict[Id, tuple[int, ...]]
    numbering: str

    @property
    def sentence(self) -> str:
        """The numbering in words."""
        return SENTENCES[self.numbering]


def pair(
    predictions: FrameList, references: FrameList | Sequence[Id], *, numbering: str | None = None
) -> Pairing:
    """Pair by id.

    Parameters
    ----------
    predictions: frames handed in.
    references: the frames they are compared with, or the expected ids in order, for example
        ``Trial.target_frames``.
    numbering: ``"frames"`` or ``"positions"`` where the caller knows; ``None`` finds out.

    Raises
    ------
    UserError when both numberings fit and they differ, or an expected id stands twice. ValueError for an
    unknown numbering.
    """
    if numbering is not None and numbering not in NUMBERINGS:
        raise ValueError(f"numbering '{numbering}'; expected one of {', '.join(NUMBERINGS)}")
    given, listed = list(predictions.ids), isinstance(references, FrameList)
    expected = list(references.ids if isinstance(references, FrameList) else references)
    names = _names(predictions, references) if listed and numbering is None else None
    if names is not None:
        return _paired(names[0], names[1], names[1], NAMES)
    _require_once(expected, references.source if isinstance(references, FrameList) else "the expected frames")
    if numbering is None:
        numbering = _numbering(given, expected, predictions.source)
    keys: Sequence[Id] = range(len(expected)) if numbering == POSITIONS else expected
    return _paired(given, keys, expected, numbering)


def _require_once(expected: Sequence[Id], source: str) -> None:
    twice = [one for one, count in Counter(expected).items() if count > 1]
    if twice:
        raise UserError(
            f"frame {printable(str(twice[0]))} stands {expected.count(twice[0])} times",
            where=source,
            expected="every frame once",
            hint="remove or rename the files that carry one number",
        )


def _distinct_stems(frames: FrameList | Sequence[Id]) -> list[Id] | None:
    """Names of the files of a folder without their endings, where no two are the same."""
    files = getattr(frames, "files", None)
    if files is None:
        return None
    stems: list[Id] = [file.stem for file in files]
    return stems if len(set(stems)) == len(stems) else None


def _names(predictions: FrameList, references: FrameList | Sequence[Id]) -> tuple[list[Id], list[Id]] | None:
    """Names of both sides where the references have no numbers of their own to pair by (some repeats or is
    lacking), and some name stands on both sides.
    """
    ours, theirs = _distinct_stems(predictions), _distinct_stems(references)
    if ours is None or theirs is None or not isinstance(references, FrameList):
        return None
    numbers = {one for one in references.ids if isinstance(one, int)}
    return (ours, theirs) if len(numbers) < len(references) and set(ours) & set(theirs) else None


def _numbering(given: Sequence[Id], expected: Sequence[Id], source: str) -> str:
    """The one numbering that fits. Raises UserError when both do."""
    ids, frames, places = set(given), set(expected), set(range(len(expected)))
    if frames == places:
        return FRAMES
    fits = {FRAMES: ids <= frames, POSITIONS: ids <= places}
    if fits[FRAMES] != fits[POSITIONS]:
        return FRAMES if fits[FRAMES] else POSITIONS
    shared = {FRAMES: len(ids & frames), POSITIONS: len(ids & places)}
    if not fits[FRAMES] and shared[FRAMES] != shared[POSITIONS]:
        return FRAMES if shared[FRAMES] > shared[POSITIONS] else POSITIONS
    if not any(shared.values()):
        return FRAMES
    raise UserError(
        f"numbers {_span(given)} can be frame indices ({_span(expected)}) or positions "
        f"(0 to {len(expected) - 1})",
        where=source,
        expected="one numbering",
        hint="--numbering frames or --numbering positions",
    )


def _span(ids: Sequence[Id]) -> str:
    numbers = [one for one in ids if isinstance(one, int)]
    return f"{min(numbers)} to {max(numbers)}" if numbers else printable(str(ids[0])) if ids else "none"


def _paired(given: Sequence[Id], keys: Sequence[Id], expected: Sequence[Id], numbering: str) -> Pairing:
    places: dict[Id, list[int]] = {}
    for index, one in enumerate(given):
        places.setdefault(one, []).append(index)
    duplicates = {one: tuple(found) for one, found in places.items() if len(found) > 1}
    known = set(keys)
    return Pairing(
        matched=tuple(
            Match(expected[reference], places[key][0], reference)
            for reference, key in enumerate(keys)
            if len(places.get(key, ())) == 1
        ),
        missing=tuple(expected[place] for place, key in enumerate(keys) if key not in places),
        extra=tuple(one for one in places if one not in known),
        duplicates=duplicates,
        numbering=numbering,
    )
