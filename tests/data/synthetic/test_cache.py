"""The cache: the same pixels with it, without it, whatever happens to it, and in another process."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from iper_bench.data.synthetic.cache import FrameCache, cache_folder
from iper_bench.data.synthetic.dataset import SyntheticDataset
from iper_bench.data.synthetic.parcel import DamagedParcelError, pack_block, seal, unpack_block, unseal
from tests.data.synthetic.conftest import TINY

NAME = "actor001/outfit0"
EVERY = range(18)


def everything(dataset: SyntheticDataset) -> str:
    clip = dataset.clip(NAME)
    track = clip.track
    parts = [
        clip.frames(EVERY),
        clip.masks(EVERY),
        clip.backgrounds([0]),
        track.betas,
        track.poses,
        track.cams,
    ]
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def files(home: Path) -> list[Path]:
    return sorted(path for path in home.rglob("*") if path.is_file())


@pytest.mark.slow
def test_two_renders_a_reading_and_another_process_agree(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = everything(SyntheticDataset(TINY))
    written = files(home)
    assert [path.name for path in written] == ["frames0000", "frames0016", "opening"]
    assert everything(SyntheticDataset(TINY)) == first, "read back"
    code = (
        "from tests.data.synthetic.test_cache import TINY, everything\n"
        "from iper_bench.data.synthetic.dataset import SyntheticDataset\n"
        "print(everything(SyntheticDataset(TINY)))\n"
    )
    # Another process, another cache, another number of threads.
    environment = dict(os.environ, IPER_BENCH_HOME=str(tmp_path / "other"), OMP_NUM_THREADS="2")
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=Path.cwd(),
    )
    assert done.stdout.strip() == first
    assert [path.read_bytes() for path in files(tmp_path / "other")] == [
        path.read_bytes() for path in written
    ]


def test_opening_a_dataset_writes_nothing(home: Path) -> None:
    SyntheticDataset(TINY).clips("train")
    assert not home.exists()


@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "foreign"])
def test_damaged_files_are_rendered_again(home: Path, harm: str, capsys: pytest.CaptureFixture[str]) -> None:
    first = everything(SyntheticDataset(TINY))
    for path in files(home):
        content = bytearray(path.read_bytes())
        if harm == "flip":
            content[-20] ^= 1
        harmed = {"flip": bytes(content), "cut": bytes(content[:-7]), "empty": b"", "foreign": b"hello" * 99}[
            harm
        ]
        path.write_bytes(harmed)
    assert everything(SyntheticDataset(TINY)) == first
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all("damaged" in line and "rendered again" in line for line in lines)
    assert everything(SyntheticDataset(TINY)) == first
    assert capsys.readouterr().err == "", "the damaged files were replaced"


def test_deleted_cache_is_no_matter(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import shutil

    dataset = SyntheticDataset(TINY)
    clip = dataset.clip(NAME)
    before = clip.frames([0])
    shutil.rmtree(home)
    assert np.array_equal(clip.frames([17]), SyntheticDataset(TINY).clip(NAME).frames([17]))
    assert np.array_equal(clip.frames([0]), before)
    assert capsys.readouterr().err == ""


def test_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = everything(SyntheticDataset(TINY))
    blocker = tmp_path / "file"
    blocker.write_text("a file where a folder should be")
    monkeypatch.setenv("IPER_BENCH_HOME", str(blocker))
    assert everything(SyntheticDataset(TINY)) == first
    lines = capsys.readouterr().err.splitlines()
    assert sum("rendered without a cache" in line for line in lines) == 1
    assert all(str(blocker) in line for line in lines)


def test_cache_folder_is_found_without_being_created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPER_BENCH_HOME", str(tmp_path / "nowhere"))
    assert cache_folder() == tmp_path / "nowhere" / "synthetic"
    monkeypatch.delenv("IPER_BENCH_HOME")
    assert "iper-bench" in str(cache_folder())
    assert not (tmp_path / "nowhere").exists()


def test_a_parcel_knows_its_own_damage(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frames, mattes, room = (
        random.integers(0, 256, shape, dtype=np.uint8) for shape in ((2, 4, 4, 3), (2, 4, 4), (4, 4, 3))
    )
    parcel = pack_block(frames, mattes, room)
    again = unpack_block(parcel, 2, room)
    assert np.array_equal(again[0], frames)
    assert np.array_equal(again[1], mattes)
    with pytest.raises(DamagedParcelError, match="expected"):
        unpack_block(parcel, 3, room)
    for position in range(0, len(parcel), 7):
        harmed = bytearray(parcel)
        harmed[position] ^= 4
        with pytest.raises(DamagedParcelError):
            unseal(bytes(harmed), 128)
    assert unseal(seal(b"abc"), 3) == b"abc"
    assert FrameCache(tmp_path).load("missing", bytes) is None
