"""Journal: means since the last line, pictures, and forgetting what is trained again."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch

from iper_bench.data.image_io import decode_png
from iper_bench.training.journal import EVENT_FOLDER, LOG_FILE, VALIDATION_FILE, Journal
from iper_bench.training.picture import GAP, step_picture


def lines(folder: Path, name: str = LOG_FILE) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def test_lines_hold_the_means_since_the_last_one(tmp_path: Path) -> None:
    with closing(Journal(tmp_path, 0)) as book:
        book.add({"total": 1.0, "mask": 0.5})
        book.add({"total": 2.0, "mask": 0.5})
        book.write(2, 1e-3, 1.234)
        book.add({"total": 5.0, "mask": 0.0})
        book.write(3, 1e-4, 2.0)
    assert lines(tmp_path) == [
        {"step": 2, "rate": 1e-3, "seconds": 1.23, "total": 1.5, "mask": 0.5},
        {"step": 3, "rate": 1e-4, "seconds": 2.0, "total": 5.0, "mask": 0.0},
    ]
    (events,) = (tmp_path / EVENT_FOLDER).iterdir()
    assert b"train/total" in events.read_bytes()


def test_pending_sums_carry_over(tmp_path: Path) -> None:
    with closing(Journal(tmp_path, 0)) as book:
        book.add({"total": 1.0})
        pending = json.loads(json.dumps(book.pending()))
    with closing(Journal(tmp_path, 1, pending)) as book:
        book.add({"total": 2.0})
        book.write(2, 1.0, 0.0)
    assert lines(tmp_path)[0]["total"] == 1.5


def test_later_lines_and_pictures_are_forgotten(tmp_path: Path) -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    with closing(Journal(tmp_path, 0)) as book:
        for step in (1, 2, 3):
            book.add({"total": float(step)})
            book.write(step, 1.0, 0.0)
            book.validation(step, {"PSNR": float(step)}, {"clips": 1})
            book.picture(step, "training", image)
    with (tmp_path / LOG_FILE).open("a") as stream:
        stream.write('{"step": 1, "tot')  # killed while it wrote
    (tmp_path / "pictures" / "training" / "step-of-mine.png").write_bytes(b"")
    with closing(Journal(tmp_path, 2)):
        pass
    assert [line["step"] for line in lines(tmp_path)] == [1, 2]
    assert [line["step"] for line in lines(tmp_path, VALIDATION_FILE)] == [1, 2]
    assert sorted(path.name for path in (tmp_path / "pictures" / "training").iterdir()) == [
        "step-0000001.png",
        "step-0000002.png",
        "step-of-mine.png",
    ]


def test_infinite_score_is_null(tmp_path: Path) -> None:
    with closing(Journal(tmp_path, 0)) as book:
        book.validation(1, {"PSNR": float("inf"), "LPIPS": 0.0}, {"profile": "offline"})
    assert lines(tmp_path, VALIDATION_FILE) == [{"step": 1, "PSNR": None, "LPIPS": 0.0, "profile": "offline"}]


def test_picture_has_its_tiles_in_order(tmp_path: Path) -> None:
    """Two people, three sources, two targets; each tile has one level."""
    level = torch.linspace(-1, 1, 24)

    def tiles(count: int, start: int) -> torch.Tensor:
        values = level[start : start + 2 * count].reshape(2, count, 1, 1, 1)
        return values.expand(2, count, 3, 8, 8)

    image = step_picture(tiles(3, 0), tiles(2, 6), tiles(2, 10), tiles(2, 14))
    assert image.shape == (4 * 8 + 3 * GAP, 6 * 8 + 5 * GAP, 3)
    to_level = [round((float(value) + 1) * 127.5) for value in level]
    corners = image[:: 8 + GAP, :: 8 + GAP, 0].tolist()
    wanted = [
        [*range(3 * person, 3 * person + 3), *(6 + 4 * k + 2 * person + target for k in range(3))]
        for person in range(2)
        for target in range(2)
    ]
    assert corners == [[to_level[k] for k in row] for row in wanted]
    with closing(Journal(tmp_path, 0)) as book:
        book.picture(7, "training", image)
    stored = tmp_path / "pictures" / "training" / "step-0000007.png"
    assert np.array_equal(decode_png(stored.read_bytes()), image)
