"""TensorBoard's events say what was written, and forget steps that are trained again."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboardX.proto.event_pb2 import Event

from iper_bench.errors import UserError
from iper_bench.training.events import Events


def events_of(folder: Path) -> list[Event]:
    """The framed messages of the only file: length (8 bytes), checksum (4), content, checksum (4)."""
    (path,) = folder.iterdir()
    raw, found = path.read_bytes(), []
    while raw:
        length = int.from_bytes(raw[:8], "little")
        found.append(Event.FromString(raw[12 : 12 + length]))
        raw = raw[16 + length :]
    return found


def test_numbers_and_pictures_come_back(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    events = Events(tmp_path / "new", 5)
    events.scalars(6, {"train/total": 0.75, "rate": 1e-4})
    events.image(7, "validation", picture)
    events.close()
    found = events_of(tmp_path / "new")
    values = {v.tag: (e.step, v) for e in found for v in e.summary.value}
    assert values["train/total"][0] == 6
    assert values["train/total"][1].simple_value == 0.75
    step, value = values["validation"]
    assert step == 7
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(value.image.encoded_image_string))), picture)
    starts = [event.step for event in found if event.HasField("session_log")]
    assert starts == [6]  # steps from here on of earlier files are forgotten


def test_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file"):
        Events(tmp_path / "file", 0)
