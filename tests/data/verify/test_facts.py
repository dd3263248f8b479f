"""The published numbers, and that the names of test clips are those of the packaged protocols."""

from __future__ import annotations

import re

import pytest

from iper_bench.data.verify.facts import published_facts
from iper_bench.protocol.load import load_protocol


def test_numbers_of_the_paper() -> None:
    iper, rendered = published_facts("iper"), published_facts("motionsynthetic")
    fashion, dancer = published_facts("fashionvideo"), published_facts("youtube-dancer18")
    assert iper is not None
    assert rendered is not None
    assert fashion is not None
    assert dancer is not None
    assert (iper.clips, iper.frames, iper.counts) == (206, 241_564, {"actors": 30, "outfits": 103})
    assert (rendered.clips, rendered.frames) == (120, 39_529)
    assert (fashion.clips, fashion.frames, dancer.clips) == (600, None, 18)


def test_a_dataset_without_published_numbers_has_no_facts() -> None:
    assert published_facts("synthetic") is None
    assert published_facts("../manifests/iper") is None


@pytest.mark.parametrize("name", ["iper", "motionsynthetic", "fashionvideo"])
def test_facts_agree_with_each_other_and_with_the_protocol(name: str) -> None:
    facts = published_facts(name)
    assert facts is not None
    assert sum(split.clips for split in facts.splits.values()) == facts.clips
    assert sum(facts.prefixes.values()) in (0, facts.clips)
    assert set(facts.levels) == set(facts.counts)
    names = facts.splits["val"].names
    assert len(names) == facts.splits["val"].clips == len(set(names))
    assert all(re.fullmatch(facts.name, clip) for clip in names)
    assert list(names) == sorted({entry.video for entry in load_protocol(f"{name}-imitation").clips})


def test_test_part_of_iper_has_the_actors_and_outfits_of_the_paper() -> None:
    facts = published_facts("iper")
    assert facts is not None
    names = [clip.split("/") for clip in facts.splits["val"].names]
    assert len({actor for actor, _, _ in names}) == 14
    assert len({(actor, outfit) for actor, outfit, _ in names}) == 21
    assert len(names) == 2 * 21  # both actions of each outfit
