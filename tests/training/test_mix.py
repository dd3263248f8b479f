"""Several datasets as one list of clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from iper_bench.data.clip import Clip
from iper_bench.data.dataset import DATASETS, Dataset
from iper_bench.errors import UserError
from iper_bench.hashing import content_hash
from iper_bench.lwg.inputs import InputOptions
from iper_bench.training.mix import Mix, MixPart, open_mix, parse_mix, source_candidates
from tests.turning_clip import TurningClip


@dataclass
class Small(Dataset):
    """Turning clips of some lengths, all in one split."""

    name: str = "small"
    lengths: tuple[int, ...] = (8,)
    split: str = "train"
    body: str = "open-coarse"
    size: int = 32

    def __post_init__(self) -> None:
        self.fingerprint = f"print of {self.name}"
        self.image_size = self.size

    def splits(self) -> list[str]:
        return [self.split]

    def clip_names(self, split: str | None = None) -> list[str]:
        return [f"{self.name}{k}" for k in range(len(self.lengths))]

    def clip(self, name: str) -> Clip:
        index = int(name.removeprefix(self.name))
        return TurningClip(name=name, side=self.size, count=self.lengths[index])

    def clips(self, split: str | None = None) -> Sequence[Clip]:
        return [self.clip(name) for name in self.clip_names(split)]


def test_text_forms() -> None:
    assert parse_mix("synthetic") == (MixPart("synthetic"),)
    assert parse_mix("synthetic", "/data") == (MixPart("synthetic", "/data"),)
    assert parse_mix("a, b@/x@y,b@/z") == (MixPart("a"), MixPart("b", "/x@y"), MixPart("b", "/z"))


@pytest.mark.parametrize(
    ("text", "root", "words"),
    [
        ("a,,b", None, "incomplete entry"),
        ("a@", None, "incomplete entry"),
        ("@/x", None, "incomplete entry"),
        ("a,b,a", None, "'a' stands twice"),
        ("a,b", "/data", "try: --dataset a@FOLDER,b@FOLDER"),
        ("a@/x", "/data", "names no root"),
    ],
)
def test_bad_text_is_one_line(text: str, root: str | None, words: str) -> None:
    with pytest.raises(UserError, match=words):
        parse_mix(text, root)


def test_unknown_dataset_names_the_nearest() -> None:
    with pytest.raises(UserError, match="synthetic"):
        open_mix(parse_mix("syntetic"), 32)


def test_parts_are_opened_with_their_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def get(name: str):
        def factory(*, root: str | None, size: int | None) -> Dataset:
            opened.append((name, root, size))
            return Small(name)

        return factory

    monkeypatch.setattr(DATASETS, "get", get)
    assert open_mix(parse_mix("a@/x,b"), 48).name == "a,b"
    assert opened == [("a", "/x", 48), ("b", None, 48)]


def test_fingerprint_of_one_is_its_own() -> None:
    one, two = Small("a"), Small("b")
    assert Mix((one,)).fingerprint == one.fingerprint
    assert Mix((one, two)).fingerprint == content_hash([one.fingerprint, two.fingerprint])
    assert Mix((one, two)).fingerprint != Mix((two, one)).fingerprint


def test_clips_keep_their_own_bodies_and_candidates() -> None:
    mix = Mix((Small("a", (8, 20)), Small("b", (5,), body="open-mid")))
    builders = mix.builders(32, InputOptions())
    clips = mix.training_clips(builders)
    assert [one.clip.name for one in clips] == ["a0", "a1", "b0"]
    assert [one.builder.body.name for one in clips] == ["open-coarse", "open-coarse", "open-mid"]
    assert clips[0].builder is clips[1].builder
    for one in clips:
        assert len(set(one.candidates)) == len(one.candidates) == min(16, len(one.clip))
        assert max(one.candidates) < len(one.clip)


def test_long_clips_have_sixteen_candidates_spread_over_them() -> None:
    found = source_candidates(Small(), TurningClip(side=32, count=40))
    assert found == [0, 2, 5, 7, 10, 12, 15, 17, 20, 22, 25, 27, 30, 32, 35, 37]


def test_dataset_without_training_clips_is_named() -> None:
    for bad, words in ((Small("b", split="test"), "'b' has no split 'train'"), (Small("b", ()), "empty")):
        mix = Mix((Small("a"), bad))
        with pytest.raises(UserError, match=words):
            mix.training_clips({})
    assert len(Mix((Small("a"), Small("b", split="test"))).clips("test", {"open-coarse": None})) == 1  # type: ignore[dict-item]
