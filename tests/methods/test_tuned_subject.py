"""A personalized person is kept exactly, in fewer bytes than the weights, and read without trust."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from iper_bench.errors import UserError
from iper_bench.lwg.checkpoint import load_safetensors, save_safetensors
from iper_bench.lwg.delta import applied, delta, packed
from iper_bench.methods.liquid_warping import LiquidWarping, attlwb
from iper_bench.methods.method import Sources, Targets
from iper_bench.methods.tuned_subject import SubjectRecord, TunedSubject
from tests.turning_clip import TurningClip

CLIP = TurningClip()
SOURCES = Sources(CLIP.frames([0, 4]), CLIP.masks([0, 4]), CLIP.track.take([0, 4]), "open-coarse")
TARGETS = Targets(CLIP.track.take([1, 6]), True)


@pytest.fixture(scope="module")
def method() -> LiquidWarping:
    return attlwb()


@pytest.fixture(scope="module")
def kept(method: LiquidWarping, tmp_path_factory: pytest.TempPathFactory) -> tuple[TunedSubject, Path]:
    subject = method.personalize(SOURCES, steps=2, seed=3)
    assert isinstance(subject, TunedSubject)
    path = tmp_path_factory.mktemp("subject") / "anna.safetensors"
    subject.save(path)
    return subject, path


def drawn(subject: object) -> np.ndarray:
    return np.concatenate(list(subject.render(TARGETS)))  # type: ignore[attr-defined]


def taken_up(method: LiquidWarping, path: Path) -> TunedSubject:
    return method.restore(SubjectRecord.load(path), str(path))


def test_the_same_person_comes_back(method: LiquidWarping, kept: tuple[TunedSubject, Path]) -> None:
    subject, path = kept
    record = SubjectRecord.load(path)
    again = method.restore(record, str(path))
    assert np.array_equal(drawn(again), drawn(subject))
    assert not np.array_equal(drawn(again), drawn(method.personalize(SOURCES, steps=0, seed=3)))
    assert (record.steps, record.seed, record.method) == (2, 3, "attlwb")
    assert np.array_equal(record.sources.frames, SOURCES.frames)
    assert record.sources.masks is not None
    assert np.array_equal(record.sources.masks, SOURCES.masks)
    assert path.stat().st_size < 0.8 * 5.7e6  # the packaged weights are 5.7 MB


def test_nothing_changed_is_nothing_kept(method: LiquidWarping, tmp_path: Path) -> None:
    subject = method.personalize(SOURCES, steps=0, seed=0)
    assert isinstance(subject, TunedSubject)
    subject.save(tmp_path / "plain.safetensors")
    assert SubjectRecord.load(tmp_path / "plain.safetensors").changes == {}
    assert (tmp_path / "plain.safetensors").stat().st_size < 40_000
    assert np.array_equal(drawn(taken_up(method, tmp_path / "plain.safetensors")), drawn(subject))


def test_delta_is_exact_and_left_out_where_equal() -> None:
    rng = torch.Generator().manual_seed(0)
    base = {name: torch.randn(7, 5, generator=rng) for name in "abc"}
    tuned = {**base, "b": base["b"] + 1e-4 * torch.randn(7, 5, generator=rng), "c": -base["c"] * 1e-30}
    changes = delta(base, tuned)
    assert changes.keys() == {"b", "c"}
    assert all(torch.equal(value, tuned[name]) for name, value in applied(base, changes, "x").items())
    with pytest.raises(ValueError, match="two states of one network"):
        delta(base, {"a": base["a"]})
    with pytest.raises(ValueError, match="'a' is not the same tensor"):
        delta(base, {**base, "a": torch.zeros(2)})


@pytest.mark.parametrize(
    "changes",
    [
        {"z": packed(np.zeros(140, np.uint8))},
        {"a": packed(np.zeros(139, np.uint8))},
        {"a": packed(np.zeros(10**7, np.uint8))},  # far more than the tensor holds: not unpacked
        {"a": torch.tensor([1, 2, 3], dtype=torch.uint8)},
        {"a": packed(np.full(140, 255, np.uint8))},  # bits of a number that is not finite
    ],
    ids=["unknown", "short", "bomb", "junk", "not-finite"],
)
def test_damaged_changes_are_one_line(changes: dict[str, torch.Tensor]) -> None:
    with pytest.raises(UserError, match=r"^x\.pt: damaged subject file"):
        applied({"a": torch.zeros(7, 5)}, changes, "x.pt")


def test_other_weights_and_other_files_are_refused(
    method: LiquidWarping, kept: tuple[TunedSubject, Path], tmp_path: Path
) -> None:
    path = kept[1]
    other = tmp_path / "other.safetensors"
    save_safetensors({"x": torch.zeros(1)}, other, {})
    with pytest.raises(UserError, match="is not a subject file"):
        taken_up(method, other)
    tensors, metadata = load_safetensors(path)
    for change, words in (
        ({"weights_sha256": "0" * 64}, "belongs to 'attlwb' with weights 000000000000"),
        ({"method": "lwb"}, "belongs to 'lwb'"),
        ({"frames": [2, 10**9, 10**9, 3]}, "damaged subject file"),
        ({"frames": [3, 64, 64, 3]}, "damaged subject file"),
        ({"steps": None}, "damaged subject file"),
    ):
        save_safetensors(tensors, other, {**metadata, **change})
        with pytest.raises(UserError, match=words):
            taken_up(method, other)
    broken = {**tensors, "sources/cams": torch.full((2, 3), float("nan"))}
    save_safetensors(broken, other, metadata)
    with pytest.raises(UserError, match="not finite"):
        taken_up(method, other)
