"""What ``data info`` says of trees whose content is known."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from iper_bench.data.dataset import DATASETS
from iper_bench.data.summary import list_datasets, summarise
from tests.data.layouts import trees


def _rows(root: Path, name: str = "iper") -> dict[str, str]:
    return dict(summarise(DATASETS.get(name)(root=str(root), size=None)))


def test_rows_of_a_whole_tree(tmp_path: Path) -> None:
    rows = _rows(trees.make_iper(tmp_path, layout="tpami"))
    assert rows == {
        "dataset": "iper",
        "folder": str(tmp_path),
        "layout": "primitives",
        "prepared": f"no: iper-bench data prepare iper --data-root {tmp_path}",
        "frames": "512 x 512 pixels",
        "body": "open-coarse",
        "split test": "2 clips, 8 frames, 2 subjects",
        "split train": "2 clips, 8 frames, 2 subjects",
        "split val": "2 clips, 8 frames, 2 subjects",
        "subjects": "3",
        "tracks": "4 of 4 clips",
        "mattes": "4 of 4 clips",
    }


def test_clips_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    trees.make_iper(tmp_path)
    shutil.rmtree(tmp_path / "images_HD/001/1/1")
    (tmp_path / "smpls/002/1/2/pose_shape.pkl").unlink()
    rows = _rows(tmp_path)
    assert rows["split train"] == "2 clips, 4 frames, 1 subject, 1 not usable"
    assert rows["tracks"] == "2 of 3 clips"
    assert rows["mattes"] == "0 of 3 clips"
    assert rows["not usable"].startswith("1 clip, the first: ")
    assert "'001/1/1' is listed but not there" in rows["not usable"]


def test_a_split_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    trees.make_iper(tmp_path)
    (tmp_path / "train.txt").write_text("001/1/1\n001/1/1\n", encoding="utf-8")
    rows = _rows(tmp_path)
    assert "stands there twice" in rows["split train"]
    assert rows["split val"].startswith("2 clips")


def test_listing_says_what_is_there_and_what_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trees.make_iper(tmp_path / "iper")
    monkeypatch.setenv("IPER_BENCH_DATA", str(tmp_path))
    rows = dict(list_datasets())
    assert rows["iper"] == f"4 clips, images_HD with smpls, in {tmp_path / 'iper'}"
    assert rows["fashionvideo"].startswith("not found: ")
    assert rows["synthetic"] == "112 clips"
    assert list(rows) == sorted(DATASETS.names())
