"""Where results go, and what an early end leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from iper_bench.data.video_io import open_footage
from iper_bench.errors import UserError
from iper_bench.tasks.delivery import GAP, Delivery, Destination, Interrupted, side_by_side
from iper_bench.tasks.memory import sparing
from iper_bench.tasks.notes import Notes


def frame(level: int, height: int = 16, width: int = 16) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def deliver(destination: Destination, count: int = 3, fails: BaseException | None = None) -> Notes:
    notes = Notes()
    with Delivery(destination, count, 25.0, notes) as delivery:
        for number in range(count):
            if fails is not None and number == 2:
                raise fails
            delivery.write(frame(number))
    delivery.record({"task": "test"})
    return notes


def found(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


FRAMES = [f"frames/{k:08d}.png" for k in range(3)]


@pytest.mark.parametrize(
    ("out", "frames", "files"),
    [
        ("a.mp4", None, ["a.mp4", "a.mp4.json"]),
        ("a.mp4", True, ["a.mp4", "a.mp4.json", *(f"a_{name}" for name in FRAMES)]),
        ("a", None, [*(f"a/{name}" for name in FRAMES), "a/record.json", "a/video.mp4"]),
        ("a", False, ["a/record.json", "a/video.mp4"]),
    ],
)
def test_files(tmp_path: Path, out: str, frames: bool | None, files: list[str]) -> None:
    deliver(Destination(tmp_path / out, frames))
    assert found(tmp_path) == files


def test_one_frame_is_a_picture(tmp_path: Path) -> None:
    deliver(Destination(tmp_path / "a.png"), 1)
    deliver(Destination(tmp_path / "b"), 1)
    assert found(tmp_path) == [
        "a.png",
        "a.png.json",
        FRAMES[0].replace("frames", "b/frames"),
        "b/record.json",
    ]


def test_record_holds_versions_and_notes(tmp_path: Path) -> None:
    deliver(Destination(tmp_path / "a.mp4"))
    record = json.loads((tmp_path / "a.mp4.json").read_text())
    assert record["frames"] == 3
    assert record["notes"] == []
    assert {"iper-bench", "torch", "opencv-python-headless"} <= set(record["versions"])


@pytest.mark.parametrize(
    ("out", "count", "words"),
    [
        ("a.png", 3, "3 frames for one picture.*--out .*a.mp4"),
        ("a.gif", 3, "cannot write '.gif'; expected a name that ends in .mp4"),
        ("folder.mp4", 3, "folder.mp4: is a folder"),
        ("file", 3, "file: is a file"),
        ("file/a.mp4", 3, "cannot write"),
        ("file/a", 3, "cannot write"),
    ],
)
def test_refused_before_anything_is_drawn(tmp_path: Path, out: str, count: int, words: str) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=words):
        Delivery(Destination(tmp_path / out), count, 25.0, Notes())
    assert found(tmp_path) == ["file"]


def test_interrupted_keeps_what_was_drawn(tmp_path: Path) -> None:
    with pytest.raises(Interrupted) as caught:
        deliver(Destination(tmp_path / "a.mkv", frames=True), fails=KeyboardInterrupt())
    assert "the first 2 of 3 frames are kept in" in caught.value.line
    assert "a_frames and" in caught.value.line
    assert "a.partial.mkv" in caught.value.line
    assert found(tmp_path) == ["a.partial.mkv", *(f"a_{name}" for name in FRAMES[:2])]
    assert len(open_footage(tmp_path / "a.partial.mkv")) == 2


@pytest.mark.parametrize("out", ["a.mp4", "a"])
def test_interrupted_before_the_first_frame(tmp_path: Path, out: str) -> None:
    delivery = Delivery(Destination(tmp_path / out, frames=True), 3, 25.0, Notes())
    with pytest.raises(Interrupted, match="no frame was finished"), delivery:
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_failure_keeps_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="full"):
        deliver(Destination(tmp_path / "a.mp4"), fails=UserError("full"))
    assert "the first 2 of 3 frames are kept in" in capsys.readouterr().err


def test_side_by_side() -> None:
    row = side_by_side([frame(10, 32, 16), frame(20)])
    assert row.shape == (16, 8 + GAP + 16, 3)
    assert (row[:, :8] == 10).all()
    assert (row[:, 8 : 8 + GAP] == 255).all()
    assert (row[:, 8 + GAP :] == 20).all()


def out_of_memory() -> list[BaseException]:
    import torch

    words = "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."
    return [MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), RuntimeError(words)]


@pytest.mark.parametrize("error", out_of_memory(), ids=lambda error: type(error).__name__)
def test_out_of_memory_says_what_to_lower(error: BaseException) -> None:
    with pytest.raises(UserError, match=r"512 px and 4 sources.*--size 256, --sn 2"), sparing(512, 4):
        raise error


def test_other_errors_keep_their_names() -> None:
    with pytest.raises(RuntimeError, match="shape"), sparing(512, 4):
        raise RuntimeError("shape mismatch")
