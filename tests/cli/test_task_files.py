"""The files of a task: nothing that is read is replaced; pictures of several shapes; no standard error."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from iper_bench.data.dataset import DATASETS
from iper_bench.data.image_io import encode_png
from iper_bench.data.track_file import TrackFile, write_track
from iper_bench.data.video_io import open_footage
from iper_bench.methods.warp import Warp
from tests.cli.command_line import run_line
from tests.tasks.people import FRAMES, SIDE, OnDisk, open_people

WARP = ("--method", "warp")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> OnDisk:
    return OnDisk(tmp_path_factory.mktemp("files"))


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    """``people:a`` can be named."""
    monkeypatch.setitem(DATASETS._entries, "people", open_people)


@pytest.mark.parametrize("out", ["in.mp4", "in", "masks"])
def test_the_result_does_not_replace_what_it_is_made_from(
    files: OnDisk, out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A source video, frames that an earlier result left in its folder, and masks that lie there."""
    source, frames, masks = tmp_path / "in.mp4", tmp_path / "in" / "frames", tmp_path / "masks" / "frames"
    source.write_bytes(files.video.read_bytes())
    for folder, images in ((frames, files.images), (masks, files.masks)):
        folder.mkdir(parents=True)
        for number in range(FRAMES):
            (folder / f"{number:08d}.png").write_bytes((images / f"{number}.png").read_bytes())
    before = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}
    given = source if out == "in.mp4" else frames
    line = ("--source", str(given), "--source-track", str(files.track), "--source-masks", str(masks))
    line = (*line, *WARP, "--views", "2", "--size", str(SIDE), "--overwrite", "--out", str(tmp_path / out))
    outcome = run_line(capsys, "view", *line)
    assert outcome.status == 2
    last = outcome.err.strip().splitlines()[-1]
    assert last.startswith("iper-bench: error: ")
    assert "would be replaced by the result" in last
    assert {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()} == before


@pytest.mark.usefixtures("named")
def test_driver_images_of_several_shapes_stand_in_one_video(
    files: OnDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A track admits shapes that differ by less than a pixel; the frames of a video may not differ at all."""
    images, track, out = tmp_path / "images", tmp_path / "track.npz", tmp_path / "a.mkv"
    images.mkdir()
    for number, width in enumerate((100, 101)):
        picture = np.full((64, width, 3), 90 * number, np.uint8)
        (images / f"{number}.png").write_bytes(encode_png(picture))
    write_track(track, TrackFile(files.clip.track.take([0, 1]), "open-coarse", (64, 100)))
    line = ("--source", "people:a", "--target", str(images), "--target-track", str(track), "--size", "100")
    outcome = run_line(capsys, "imitate", *line, *WARP, "--side-by-side", "--out", str(out))
    assert outcome.status == 0, outcome.err
    assert len(open_footage(out)) == 2


@pytest.mark.usefixtures("named")
def test_one_frame_in_a_folder_has_nothing_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ("--source", "people:a", "--views", "1", *WARP, "--side-by-side", "--out", str(tmp_path / "out"))
    outcome = run_line(capsys, "view", *line)
    assert outcome.status == 0, outcome.err
    assert "--side-by-side has no effect on one frame in a folder" in outcome.err


@pytest.mark.slow
def test_standard_error_may_be_closed(files: OnDisk, tmp_path: Path) -> None:
    line = ("view", "--source", str(files.images), "--source-track", str(files.track), "--views", "1")
    command = [sys.executable, "-m", "iper_bench.cli.entry", *line, *WARP, "--size", "32"]
    shell = f"{shlex.join([*command, '--out', str(tmp_path / 'a.png')])} 2>&-"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'a.png'}\n")


@pytest.mark.usefixtures("named")
def test_sources_that_the_method_leaves_out_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A method of one source: the back is not shown by a second one that it never looks at."""
    monkeypatch.setattr(Warp, "most_sources", 1, raising=False)
    line = ("--source", "people:a", "--views", "1", *WARP, "--out", str(tmp_path / "a.png"))
    outcome = run_line(capsys, "view", *line)
    assert outcome.status == 0, outcome.err
    assert "method 'warp' uses 1 source, so people:a, frame 4 shows it nothing" in outcome.err
    assert json.loads((tmp_path / "a.png.json").read_text())["people"][0]["frames"] == [0]
    outcome = run_line(capsys, "view", *line, "--rotate", "0,180,0")
    assert outcome.status == 2
    assert "the sources show nothing of the body" in outcome.err.strip().splitlines()[-1]
