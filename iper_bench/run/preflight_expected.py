"""``Expectation``: what the predictions of one clip are checked against, from files or from a protocol."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from iper_bench.data.dataset import DATASETS, Dataset
from iper_bench.data.frame_list import ClipFrames, FrameList, open_frames
from iper_bench.data.frame_name import printable
from iper_bench.data.prediction_folder import holds_frames, list_clips
from iper_bench.errors import UserError, unknown_name
from iper_bench.protocol.load import load_edition
from iper_bench.protocol.trial import SELF, Trial
from iper_bench.protocol.trials import SETTINGS, build_trials

ONE = "."  # name of the only clip where references are the frames of one clip


@dataclass(frozen=True)
class Expectation:
    """One clip.

    Attributes
    ----------
    name: by which its predictions are found.
    motion: frames whose order and size the predictions should have; their ids are the expected ids.
    colours: other frames of the predicted person, where ``motion`` shows somebody else; else ``None``.
    """

    name: str
    motion: FrameList
    colours: FrameList | None = None

    @property
    def same_person(self) -> bool:
        """Whether ``motion`` is the truth."""
        return self.colours is None


def expect_references(path: Path) -> dict[str, Expectation]:
    """References as files: one clip (name :data:`ONE`), or one folder or video per clip.

    Raises UserError when there is nothing to read.
    """
    if holds_frames(path):
        return {ONE: Expectation(ONE, open_frames(path))}
    return {name: Expectation(name, open_frames(place, path)) for name, place in list_clips(path).items()}


def expect_trials(
    dataset: str, *, protocol: str | None, setting: str, data_root: str | None, size: int | None
) -> dict[str, Expectation]:
    """What a protocol asks of a dataset in one setting, by :attr:`Trial.folder`.

    Parameters are those of ``iper-bench run``. Raises UserError for unknown names, a setting without trials,
    a name that has two.
    """
    if setting not in SETTINGS:
        raise unknown_name("setting", setting, SETTINGS, where="--setting")
    DATASETS.get_entry(dataset)
    rules = load_edition(protocol or f"{dataset}-imitation")
    opened = DATASETS.get(dataset)(root=data_root, size=size if size is not None else rules.image_size)
    trials = [trial for trial in build_trials(rules, opened) if trial.setting == setting]
    if not trials:
        raise UserError(
            f"no trial in the setting {setting}", where=f"protocol '{rules.name}'", hint="another --setting"
        )
    found: dict[str, Expectation] = {}
    for trial in trials:
        if trial.folder in found:
            raise UserError(
                f"two trials of '{printable(trial.folder)}'",
                where=f"protocol '{rules.name}', setting {setting}",
                expected="one per name, by which predictions are found",
            )
        found[trial.folder] = expectation_of(trial, opened)
    return found


def expectation_of(trial: Trial, dataset: Dataset) -> Expectation:
    """What one trial asks for: the truth, or the driver's frames and the real frames of the source."""
    motion = ClipFrames(dataset.clip(trial.target_clip), trial.target_frames)
    if trial.setting == SELF:
        return Expectation(trial.folder, motion)
    real = trial.real_frames or ()
    return Expectation(trial.folder, motion, ClipFrames(dataset.clip(trial.source_clip), real))


def chosen(expected: dict[str, Expectation], names: tuple[str, ...]) -> dict[str, Expectation]:
    """Only the clips ``names``, all where there are none. Raises UserError for an unknown name."""
    for name in names:
        if name not in expected:
            raise unknown_name("clip", name, expected, where="--clip")
    return {name: one for name, one in expected.items() if not names or name in names}
