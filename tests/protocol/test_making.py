"""Protocols made for folders that have none: by hand, by law, and what is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from iper_bench.errors import UserError
from iper_bench.protocol.making import Made, make_protocol, rule_protocol
from iper_bench.protocol.parts import names_digest
from iper_bench.protocol.reading import read_protocol
from iper_bench.protocol.schema import FrameRange, Protocol
from iper_bench.protocol.trials import build_trials
from iper_bench.protocol.validation import validate
from iper_bench.protocol.writing import protocol_yaml
from tests.protocol.reels import LYING, Reel, Reels, turning


def made(dataset: Reels, **options: Any) -> Made:
    return make_protocol(dataset, name="mine", split="all", **options)


def written(folder: Path, protocol: Protocol) -> Protocol:
    """Through the file and back."""
    path = folder / "mine.yaml"
    path.write_text(protocol_yaml(protocol), encoding="utf-8")
    return read_protocol(path)


def dancers() -> Reels:
    """Unequal lengths; one that lies down twice; one without tracks; one whose names start at 1."""
    lying = [*turning(30, 10.0), LYING, LYING, LYING, *turning(20, 30.0), LYING]
    counted = [f"img_{at:08d}.png" for at in range(1, 41)]
    return Reels(
        [
            *(Reel("a", turning(40)), Reel("b", lying), Reel("c", 25)),
            *(Reel("d", turning(40, 20.0), counted), Reel("e", [3.0] * 30)),
        ]
    )


@pytest.mark.parametrize("picks", ["yaw", "metapix"])
@pytest.mark.parametrize("options", [{}, {"limit_frames": 4}, {"limit_frames": 0}, {"train_percent": 50}])
def test_the_made_protocol_gives_the_trials_of_the_rules(
    picks: str, options: dict[str, int], tmp_path: Path
) -> None:
    dataset = dancers()
    found = made(dataset, picks=picks, **options)
    assert found.rejected == {}
    ruled = build_trials(rule_protocol(dataset, name="mine", split="all", picks=picks, **options), dataset)
    assert build_trials(found.protocol, dataset) == ruled
    again = written(tmp_path, found.protocol)
    assert again == found.protocol
    assert build_trials(again, dataset) == ruled
    assert [one for one in validate(again, dataset) if one.severity == "error"] == []


def test_a_limit_leaves_the_trials_as_they_are() -> None:
    """The first clip is driven by the second, which a limit of 1 leaves out and which has lost frames."""
    dataset = dancers()
    ruled = rule_protocol(dataset, name="mine", split="all")
    for protocol in (ruled, made(dataset).protocol):
        whole = {trial.name: trial for trial in build_trials(protocol, dataset)}
        assert whole["cross:a<-b"].target_frames == (45, 46, 47, 48, 49, 50)  # 42 to 47 of those left
        for limit in (1, 2):
            limited = build_trials(protocol, dataset, limit=limit)
            assert len(limited) == 2 * limit
            assert all(whole[trial.name] == trial for trial in limited)


def test_names_without_leading_zeros_are_right(tmp_path: Path) -> None:
    """As text, 10 stands before 2; a folder whose names are ordered so says its numbers nevertheless."""
    clip = Reel("a", turning(40), [f"{at}.png" for at in range(40)])
    protocol = made(Reels([clip])).protocol
    assert protocol.clips[0].names[0].name == "0.png"
    assert validate(written(tmp_path, protocol), Reels([clip])) == []


def test_one_entry_by_hand() -> None:
    """Forty frames, 34 to train on; the neighbour has 45 that count, 38 to train on."""
    first, second = made(
        Reels([Reel("a", turning(40)), Reel("b", turning(45))]), limit_frames=5
    ).protocol.clips
    assert first.candidates == tuple(range(8))
    assert first.view_angles == (0, 45, 90, 135, 180, 225, 270, 315)
    assert first.sources == {1: (0,), 2: (0, 4), 4: (0, 2, 4, 6), 8: tuple(range(8))}
    assert first.own_bin == (True,) * 8
    assert first.self_drive is not None
    assert first.self_drive.frames == FrameRange(34, 38)
    assert first.cross_drive is not None
    assert first.cross_drive.frames == FrameRange(38, 42)
    assert first.cross_drive.real == FrameRange(34, 38)
    assert first.digest == names_digest([f"{at:04d}.jpg" for at in range(40)])
    assert second.cross_drive is not None
    assert second.cross_drive.video == "a"


def test_names_are_written_where_they_say_the_frame() -> None:
    clips = {entry.video: entry for entry in made(dancers()).protocol.clips}
    assert clips["a"].names[1].name == "0001.jpg"
    assert clips["a"].frame_names == ()
    # frames left out, or counted from 1: indices, and the names beside them
    assert clips["b"].names == ()
    assert clips["b"].removed == (FrameRange(30, 32), FrameRange(53, 53))
    assert clips["d"].names == ()
    assert clips["d"].frame_names[0] == "img_00000001.png"
    assert clips["c"].view_angles == ()


def test_measured_headings_are_written_and_do_not_enter_the_hash(tmp_path: Path) -> None:
    protocol = made(dancers()).protocol
    still = next(entry for entry in protocol.clips if entry.video == "e")
    assert still.own_bin == (True, *[False] * 7)  # 3 degrees, always
    text = protocol_yaml(protocol)
    assert "own_bin: [true, false" in text
    path = tmp_path / "mine.yaml"
    lines = [line for line in text.splitlines() if not line.startswith(("  headings", "  own_bin"))]
    path.write_text("\n".join(lines), encoding="utf-8")
    without = read_protocol(path)
    assert without.hash == protocol.hash
    assert without.clips[0].headings == ()
    assert any(one.kind == "missing_view" and one.video == "e" for one in validate(protocol, None))


def test_short_videos_are_named_and_left_out() -> None:
    dataset = Reels([Reel("a", turning(40)), Reel("b", turning(9)), Reel("c", [LYING] * 40)])
    found = made(dataset)
    assert [entry.video for entry in found.protocol.clips] == ["a"]
    assert set(found.rejected) == {"b", "c"}
    assert "9 usable frames give a train part of 7 and a test part of 2" in str(found.rejected["b"])
    assert found.protocol.clips[0].cross_drive is None  # a single video
    with pytest.raises(UserError, match="no video of split 'all' can be used; of 'b': 9 usable frames"):
        made(Reels([Reel("b", turning(9))]))
    with pytest.raises(UserError, match="no video of split 'all'"):
        made(Reels([], splits={"all": []}))


def test_names_that_no_protocol_can_hold() -> None:
    """A folder's name may be anything; a frame's, too."""
    odd = Reel("e", turning(40), [f"\udcff{at:04d}.jpg" for at in range(40)])
    dataset = Reels([odd, Reel("a\x07", turning(40)), Reel("b\\c", turning(40))])
    found = made(dataset)
    assert set(found.rejected) == {"a\x07", "b\\c"}
    (entry,) = found.protocol.clips
    assert entry.names == entry.frame_names == ()
    assert entry.digest is not None


def test_the_digest_tells_other_frames(tmp_path: Path) -> None:
    protocol = written(tmp_path, made(Reels([Reel("a", turning(40))])).protocol)
    other = Reels([Reel("a", turning(41))])
    with pytest.raises(UserError, match="are not those the protocol was made on"):
        build_trials(protocol, other)
    assert [one.kind for one in validate(protocol, other)] == ["other_frames"]


def test_arguments_out_of_range() -> None:
    dataset = Reels([Reel("a", turning(40))])
    for options in ({"picks": "jaw"}, {"limit_frames": -1}, {"train_percent": 0}, {"train_percent": 100}):
        with pytest.raises(ValueError, match="picks"):
            made(dataset, **options)
    with pytest.raises(UserError, match="unknown split 'tset'"):
        make_protocol(dataset, name="mine", split="tset")
