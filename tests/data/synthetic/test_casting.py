"""Splits: who is in which, and that held-out people and clothes never get into training."""

from __future__ import annotations

import pytest

from iper_bench.data.dataset import DATASETS
from iper_bench.data.synthetic.casting import cast
from iper_bench.data.synthetic.config import SyntheticConfig
from iper_bench.data.synthetic.dataset import SyntheticDataset, open_synthetic
from iper_bench.errors import UserError


def test_default_splits() -> None:
    splits = cast(SyntheticConfig())
    assert {split: len(parts) for split, parts in splits.items()} == {
        "train": 96,
        "test_actor": 12,
        "test_outfit": 4,
        "test": 16,
    }
    assert splits["train"][0].name == "actor006/outfit0"
    assert splits["test"] == sorted(splits["test_actor"] + splits["test_outfit"])


@pytest.mark.parametrize(
    "config",
    [
        SyntheticConfig(),
        SyntheticConfig(train_actors=300, outfits=5),
        SyntheticConfig(test_actors=9, unseen_outfits=3),
    ],
)
def test_no_leak_from_test_into_training(config: SyntheticConfig) -> None:
    splits = cast(config)
    trained = {(part.actor, part.outfit) for part in splits["train"]}
    people = {part.actor for part in splits["train"]}
    assert not people & {part.actor for part in splits["test_actor"]}
    assert {part.actor for part in splits["test_outfit"]} <= people
    assert not trained & {(part.actor, part.outfit) for part in splits["test_outfit"]}


def test_more_training_keeps_the_default_test_clips_out() -> None:
    default = {part.name for part in cast(SyntheticConfig())["test"]}
    large = {part.name for part in cast(SyntheticConfig(train_actors=500, outfits=8))["train"]}
    assert not default & large


def test_action_clips_have_their_own_split() -> None:
    config = SyntheticConfig(
        size=16, train_actors=1, test_actors=1, outfits=1, outfit_actors=0, action_clips=2, action_frames=4
    )
    splits = cast(config)
    assert [part.name for part in splits["action"]] == [
        "actor000/action0",
        "actor000/action1",
        "actor001/action0",
        "actor001/action1",
    ]
    assert not set(splits["action"]) & set(splits["train"] + splits["test"])


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"size": 3}, "size 3"),
        ({"train_actors": -1}, "--train-actors -1"),
        ({"outfits": 0}, "outfits 0"),
        ({"outfit_actors": 49}, "--outfit-actors 49"),
        ({"train_actors": 0, "test_actors": 0, "outfit_actors": 0}, "no actors"),
    ],
)
def test_nonsense_is_refused(settings: dict[str, int], word: str) -> None:
    with pytest.raises(UserError, match=word):
        SyntheticConfig(**settings)  # type: ignore[arg-type]


def test_fingerprint_follows_everything() -> None:
    base = SyntheticConfig()
    prints = {base.fingerprint("a"), base.fingerprint("b"), SyntheticConfig(seed=1).fingerprint("a")}
    prints.add(SyntheticConfig(size=64).fingerprint("a"))
    assert len(prints) == 4
    assert base.fingerprint("a") == SyntheticConfig().fingerprint("a")


def test_registry_and_defaults(home: object) -> None:
    dataset = DATASETS.get("synthetic")(root=None, size=None)
    assert isinstance(dataset, SyntheticDataset)
    assert (dataset.name, dataset.body, dataset.image_size) == ("synthetic", "open-coarse", 128)
    assert dataset.splits() == ["test", "test_actor", "test_outfit", "train"]
    assert dataset.clip_names() == sorted(dataset.clip_names("train") + dataset.clip_names("test"))
    assert open_synthetic(size=64).image_size == 64


def test_unknown_names_are_named(tiny: SyntheticDataset) -> None:
    with pytest.raises(UserError, match="unknown split 'tset'"):
        tiny.clip_names("tset")
    with pytest.raises(UserError, match=r"unknown clip 'actor0/outfit0'.*actor00"):
        tiny.clip("actor0/outfit0")
    with pytest.raises(UserError, match="no frame 18; expected 0 to 17"):
        tiny.clip("actor000/outfit0").frames([18])
    with pytest.raises(UserError, match="no-such-body"):
        SyntheticDataset(SyntheticConfig(body="no-such-body"))
