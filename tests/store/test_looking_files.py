"""Films of an exhibit, facts of frames and errors by part: whole or absent, damage in one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from iper_bench.errors import UserError
from iper_bench.store.exhibit import Exhibit
from iper_bench.store.format import FORMAT
from iper_bench.store.frame_facts import FrameFacts, path_of, read_frame_facts, write_frame_facts
from iper_bench.store.part_errors import PARTS, PartErrors, read_part_errors, write_part_errors
from iper_bench.store.pictures import Images

FACTS = FrameFacts(
    "self:a",
    2,
    None,
    [10.0, None],
    [0.5, 0.6],
    [0.0, 0.1],
    {1: [0.25, 0.5]},
    {1: [3.0, None]},
    {1: [1.0, 0.0]},
)


def grey(*levels: int) -> Images:
    return np.broadcast_to(np.array(levels, np.uint8)[:, None, None, None], (len(levels), 16, 16, 3)).copy()


def level(frames: Images) -> list[int]:
    return [round(float(frame.mean())) for frame in frames]


def test_films_lie_beside_the_pictures(tmp_path: Path) -> None:
    exhibit = Exhibit(tmp_path / "x")
    exhibit.write({"source": {3: grey(1)[0]}}, {"truth": [grey(0, 60), grey(120)], "reference": [grey(240)]})
    assert sorted(file.name for file in exhibit.path.iterdir()) == [
        "reference.webm",
        "source_00003.png",
        "truth.webm",
    ]
    assert level(exhibit.read_film("truth", [2, 0])) == pytest.approx([120, 0], abs=2)
    assert level(exhibit.read_film("reference", [0])) == pytest.approx([240], abs=2)
    with pytest.raises(UserError, match="no frame 1"):
        exhibit.read_film("reference", [1])


def test_one_film_serves_both_in_self_imitation_and_never_the_other_way(tmp_path: Path) -> None:
    both, driver = Exhibit(tmp_path / "self"), Exhibit(tmp_path / "cross")
    both.write({}, {"truth": [grey(50)]})
    driver.write({}, {"reference": [grey(90)]})
    assert both.film("reference") == both.film("truth") == tmp_path / "self" / "truth.webm"
    assert (driver.film("reference"), driver.film("truth")) == (tmp_path / "cross" / "reference.webm", None)
    with pytest.raises(UserError, match="no film 'truth'"):
        driver.read_film("truth", [0])


def test_an_exhibit_without_films_is_read(tmp_path: Path) -> None:
    exhibit = Exhibit(tmp_path / "x")
    exhibit.write({"truth": {0: grey(7)[0]}})
    assert level(np.stack(list(exhibit.read("truth").values()))) == [7]
    assert exhibit.film("truth") is None
    with pytest.raises(ValueError, match="film 'source'"):
        exhibit.film("source")


def test_frames_that_cannot_be_decoded_leave_no_exhibit(tmp_path: Path) -> None:
    def broken() -> Iterator[Images]:
        yield grey(1)
        raise UserError("frame 1 is damaged")

    with pytest.raises(UserError) as caught:
        Exhibit(tmp_path / "x").write({"source": {0: grey(1)[0]}}, {"truth": broken()})
    assert type(caught.value) is UserError  # a failure of the unit, not of the store
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="kind 'clothes'"):
        Exhibit(tmp_path / "x").write({}, {"clothes": [grey(1)]})


def test_a_damaged_film_is_one_line(tmp_path: Path) -> None:
    exhibit = Exhibit(tmp_path / "x")
    exhibit.write({}, {"truth": [grey(*range(0, 200, 10))]})
    film = exhibit.path / "truth.webm"
    film.write_bytes(b"no film")
    with pytest.raises(UserError, match=r"truth\.webm.*delete it"):
        exhibit.read_film("truth", [0])


def test_facts_come_back(tmp_path: Path) -> None:
    assert read_frame_facts(tmp_path, "t") is None
    write_frame_facts(tmp_path, "t", FACTS)
    assert read_frame_facts(tmp_path, "t") == FACTS
    missing = FrameFacts("self:a", 2, "no bodies")
    write_frame_facts(tmp_path, "u", missing)
    assert read_frame_facts(tmp_path, "u") == missing
    assert "view" not in json.loads(path_of(tmp_path, "u").read_text())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"view": [1.0]}, "'view' is no list of 2 values"),
        ({"size": [1.0, "x"]}, "'size', frame 1"),
        ({"size": [1.0, True]}, "'size', frame 1"),
        ({"occlusion": [1.0, 0.0]}, "'occlusion'"),
        ({"occlusion": {"1": [0.0]}}, "occlusion.1"),
        ({"frames": "two"}, "'frames'"),
        ({"format": FORMAT + 1}, "newer"),
    ],
)
def test_damaged_facts_are_one_line(tmp_path: Path, change: dict[str, object], said: str) -> None:
    write_frame_facts(tmp_path, "t", FACTS)
    path = path_of(tmp_path, "t")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=said) as caught:
        read_frame_facts(tmp_path, "t")
    assert "\n" not in str(caught.value)


def test_part_errors_come_back_and_must_be_complete(tmp_path: Path) -> None:
    errors = PartErrors({part: [float(number), None] for number, part in enumerate(PARTS)})
    write_part_errors(tmp_path, "u", {"name": "x"}, errors)
    assert read_part_errors(tmp_path, "u") == errors
    with pytest.raises(ValueError, match="one length"):
        write_part_errors(tmp_path, "u", {}, PartErrors({"head": [1.0]}))
    path = tmp_path / "parts" / "u.json"
    content = json.loads(path.read_text())
    del content["errors"]["head"]
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"u\.json"):
        read_part_errors(tmp_path, "u")
    path.write_text("{")
    with pytest.raises(UserError, match="not JSON"):
        read_part_errors(tmp_path, "u")
