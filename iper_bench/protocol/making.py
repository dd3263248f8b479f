"""``make_protocol``: an explicit protocol for a dataset that has none, by our own rule (protocols/README.md).

Per video: the first ``train_percent`` of the usable frames give candidates and sources, the rest is tested;
the next video in name order, cyclic, drives. What is written is what the rules give, clip by clip, with the
removed frames and a digest of the frame names, so that two people can tell whether they evaluate the same
thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from iper_bench.data.clip import Clip
from iper_bench.data.dataset import Dataset
from iper_bench.errors import UserError
from iper_bench.protocol.frame_span import frame_number, named_frames
from iper_bench.protocol.parts import kept_indices, names_digest
from iper_bench.protocol.resolution import resolve_clips, serviceable
from iper_bench.protocol.rule_reading import MOST_PERCENT, TRAIN_PERCENT
from iper_bench.protocol.schema import (
    CHOICES,
    IMITATION,
    NEXT_CLIP,
    TEST_PART,
    TRAIN_PART,
    YAW,
    CrossRule,
    Entry,
    NamedFrame,
    Protocol,
    Rules,
    SelfRule,
    SourceRule,
)
from iper_bench.protocol.video_name import video_name

RULE_VERSION = 1  # raised whenever the same videos would give another protocol
LIMIT_FRAMES = 300  # 10 s at 30 fps
COUNTS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Made:
    """A protocol that lists its clips, and the videos it leaves out with the reason of each."""

    protocol: Protocol
    rejected: dict[str, UserError]


def rule_protocol(
    dataset: Dataset,
    *,
    name: str,
    split: str,
    limit_frames: int = LIMIT_FRAMES,
    train_percent: int = TRAIN_PERCENT,
    picks: str = YAW,
) -> Protocol:
    """The rules that :func:`make_protocol` resolves, as a protocol."""
    limit = limit_frames or None
    rules = Rules(
        clip_limit=None,
        sources=SourceRule(TRAIN_PART, picks),
        self_rule=SelfRule(TEST_PART, limit),
        cross_rule=CrossRule(NEXT_CLIP, TEST_PART, TEST_PART, limit),
        train_percent=train_percent,
    )
    return Protocol(
        name=name,
        description=(
            f"Made by rule {RULE_VERSION}: sources from the first {train_percent} percent of every video "
            f"({picks}), targets from {f'the first {limit} frames of ' if limit else ''}the rest, the next "
            "video drives."
        ),
        task=IMITATION,
        dataset=dataset.name,
        split=split,
        image_size=None,
        source_counts=COUNTS,
        rules=rules,
        clips=(),
    )


def make_protocol(
    dataset: Dataset,
    *,
    name: str,
    split: str,
    limit_frames: int = LIMIT_FRAMES,
    train_percent: int = TRAIN_PERCENT,
    picks: str = YAW,
) -> Made:
    """Resolve the rules on a split of ``dataset`` and write down what they give.

    Parameters
    ----------
    limit_frames: test frames of a video at most, 0 = all.
    train_percent: of the usable frames, 1 to 99; the rest is tested.
    picks: ``"yaw"`` or ``"metapix"``. Without tracks the candidates of ``"yaw"`` are evenly spread and have
        no view angles.

    A single video gets no cross entry.

    Raises
    ------
    UserError for an unknown split, or when no video is left. ValueError for arguments out of range.
    """
    if picks not in CHOICES or limit_frames < 0 or not 1 <= train_percent <= MOST_PERCENT:
        raise ValueError(f"picks {picks!r}, limit_frames {limit_frames}, train_percent {train_percent}")
    ruled = rule_protocol(
        dataset,
        name=name,
        split=split,
        limit_frames=limit_frames,
        train_percent=train_percent,
        picks=picks,
    )
    clips, rejected = _named(dataset, split)
    rules = ruled.rules
    if rules is None:
        raise ValueError("a protocol of rules without rules")
    served, refused = serviceable(ruled, rules, clips)
    rejected |= refused
    if not served:
        first = next(iter(rejected.items()), None)
        why = f"; of '{first[0]}': {first[1].what}" if first else ""
        raise UserError(
            f"no video of split '{split}' can be used{why}",
            where=f"dataset '{dataset.name}'",
            expected="one or more videos",
        )
    entries = resolve_clips(ruled, rules, served).entries
    listed = tuple(_as_listed(entry, clip) for entry, clip in zip(entries, served, strict=True))
    return Made(replace(ruled, rules=None, clips=listed), rejected)


def _named(dataset: Dataset, split: str) -> tuple[list[Clip], dict[str, UserError]]:
    """The clips that open and whose names a protocol can hold; of the others why not."""
    clips, refused = [], {}
    for name in dataset.clip_names(split):
        try:
            video_name(name, "name")
            clips.append(dataset.clip(name))
        except UserError as error:
            refused[name] = error
    return clips, refused


def _as_listed(entry: Entry, clip: Clip) -> Entry:
    """The entry with names: of the frames themselves where they say their number, else beside them."""
    names = clip.frame_names
    kept = kept_indices(entry.removed, len(clip))
    frames = {"candidates": entry.candidates}
    frames |= {f"sources.{sn}": chosen for sn, chosen in entry.sources.items()}
    found = replace(entry, digest=names_digest([names[index] for index in kept]))
    used = [frame for some in frames.values() for frame in some]
    if not entry.removed and all(_says(names[frame], frame) for frame in used):
        written: tuple[NamedFrame, ...] = ()
        for place, chosen in frames.items():
            written += named_frames(place, [names[frame] for frame in chosen])
        return replace(found, names=written)
    beside = tuple(names[kept[frame]] for frame in entry.candidates)
    return replace(found, frame_names=beside if _writable(beside) else ())


def _says(name: str, frame: int) -> bool:
    """Whether a protocol that holds the name means this frame."""
    try:
        return _writable([name]) and frame_number(name, name) == frame
    except UserError:
        return False


def _writable(names: Sequence[str]) -> bool:
    """Whether YAML can hold the names: bytes that are not UTF-8 cannot be written."""
    return all(name.isprintable() for name in names)
