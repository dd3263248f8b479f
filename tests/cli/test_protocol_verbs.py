"""The verbs of ``iper-bench protocol``, as typed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from iper_bench.data.dataset import DATASETS, Dataset
from iper_bench.data.image_io import encode_png
from iper_bench.errors import UserError
from iper_bench.protocol.json_schema import schema_text
from iper_bench.protocol.load import list_protocols, load_protocol
from tests.cli.command_line import assert_one_line, run_line
from tests.protocol.official import official, packaged, published, write_official
from tests.protocol.reels import Reel, Reels, turning


@pytest.fixture(autouse=True)
def _keep_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())


def offer(patch: pytest.MonkeyPatch, name: str, dataset: Dataset | UserError) -> None:
    """Put a dataset, or the error of opening it, behind a name."""

    def opened(*, root: str | None = None, size: int | None = None) -> Dataset:
        if isinstance(dataset, UserError):
            raise dataset
        return dataset

    DATASETS.names()
    patch.setitem(DATASETS._entries, name, opened)  # type: ignore[attr-defined]
    patch.setitem(DATASETS._origins, name, "tests")  # type: ignore[attr-defined]


def iper(frames: int = 5752) -> Reels:
    """Clips of the names of iPER's test videos."""
    clips = []
    for entry in packaged("iper-imitation").clips:
        width = len(entry.names[0].name.partition(".")[0])
        clips.append(Reel(entry.video, frames, [f"{at:0{width}d}.jpg" for at in range(frames)]))
    return Reels(clips, "iper", splits={"val": [clip.name for clip in clips]})


def test_list_names_every_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_line(capsys, "protocol", "list")
    rows = [line.split() for line in outcome.out.splitlines()]
    assert [row[0] for row in rows] == list_protocols()
    assert ["iper-imitation", "motion_imitation", "iper", "42", "clips", "9", "repairs"] in rows
    assert ["synthetic-novel-view", "novel_view", "synthetic", "rules"] in rows


def test_show_prints_what_can_be_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, other in (("iper-novel-view", packaged), ("iper-novel-view@published", published)):
        outcome = run_line(capsys, "protocol", "show", name)
        path = tmp_path / "shown.yaml"
        path.write_text(outcome.out, encoding="utf-8")
        assert load_protocol(path) == other("iper-novel-view")
    flagged = run_line(capsys, "protocol", "show", "iper-novel-view", "--as-published")
    assert flagged.out == outcome.out
    assert f"hash {packaged('iper-novel-view').as_published().hash}" in flagged.out
    for name in ("iper-imitation-iccv", "synthetic-demo"):
        assert f"# hash {packaged(name).hash}" in run_line(capsys, "protocol", "show", name).out


def test_show_defects(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_line(capsys, "protocol", "show", "iper-imitation", "--defects")
    lines = outcome.out.splitlines()
    assert lines[0].split() == ["video", "field", "published", "repaired", "kind", "basis", "why"]
    assert len(lines) == 1 + 9
    assert lines[1].split()[:5] == ["001/9/2", "sources.4", "000.jpg", "0253.jpg", "wrong_name"]
    assert any("525, 595" in line and "if shorter than 596 frames" in line for line in lines)
    shots = run_line(capsys, "protocol", "show", "iper-imitation-iccv", "--defects").out
    assert "000.jpg, 0335.jpg, 253.jpg" in shots


def test_diff(capsys: pytest.CaptureFixture[str]) -> None:
    same = run_line(capsys, "protocol", "diff", "iper-imitation", "iper-imitation")
    assert (same.status, same.out) == (0, "iper-imitation and iper-imitation are the same\n")
    other = run_line(capsys, "protocol", "diff", "iper-imitation@published", "iper-imitation")
    assert other.status == 1
    assert "clips[010/3/1].cross.real: [290, 360] -> [250, 320]" in other.out
    assert_one_line(run_line(capsys, "protocol", "diff", "iper-imitation", "iper"), "unknown protocol 'iper'")


def test_validate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(monkeypatch, "iper", iper())
    file = tmp_path / "found.json"
    fine = run_line(capsys, "protocol", "validate", "iper-imitation", "--json", str(file))
    assert fine.status == 0
    assert fine.out.splitlines()[-1] == "iper-imitation: 0 errors, 58 notes on dataset 'iper'"
    found = json.loads(file.read_text())
    assert found["hash"] == packaged("iper-imitation").hash
    assert {one["kind"] for one in found["problems"]} == {
        *("missing_track", "repeated_angle", "real_outside_self_range")
    }
    before = run_line(capsys, "protocol", "validate", "iper-imitation", "--as-published")
    assert before.status == 1
    assert "error  001/9/2  sources.4: frame 0 stands more than once" in before.out
    again = run_line(capsys, "protocol", "validate", "iper-imitation@published")
    assert (again.status, again.out) == (before.status, before.out)


def test_validate_against_videos_that_are_too_short(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(monkeypatch, "iper", iper(300))
    outcome = run_line(capsys, "protocol", "validate", "iper-imitation")
    assert outcome.status == 1
    assert "error  001/9/1  self.frames: 0 to 300: the video ends at frame 299" in outcome.out


def test_validate_without_the_dataset(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is checked all the same."""
    offer(
        monkeypatch, "motionsynthetic", UserError("no folder of MotionSynthetic", hint="--data-root FOLDER")
    )
    outcome = run_line(capsys, "protocol", "validate", "motionsynthetic-imitation@published")
    assert_one_line(outcome, "no folder of MotionSynthetic", "--data-root FOLDER")
    assert outcome.out.count("drives itself") == 28
    assert outcome.out.splitlines()[-1].endswith("28 errors, 0 notes in the file alone")
    wrong = run_line(capsys, "protocol", "validate", "iper-imitation", "--dataset", "ipr")
    assert_one_line(wrong, "unknown dataset 'ipr'", "did you mean iper")


def test_import(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = official(published("iper-imitation"), published("iper-imitation-iccv"))
    path = str(write_official(tmp_path, content, "iPER_protocol.json"))
    shown = run_line(capsys, "protocol", "import", path)
    assert shown.status == 0
    assert "error  001/9/2  sources.4: frame 0 stands more than once" in shown.err
    out = tmp_path / "mine.yaml"
    done = run_line(capsys, "protocol", "import", path, "--out", str(out), "--iccv", "--repair")
    assert done.out.splitlines() == [str(out), str(tmp_path / "mine-iccv.yaml")]
    assert "11 places repaired" in done.err
    same = run_line(capsys, "protocol", "diff", str(out), "iper-imitation")
    assert same.status == 0, same.out
    assert (
        run_line(capsys, "protocol", "diff", str(tmp_path / "mine-iccv.yaml"), "iper-imitation-iccv").status
        == 0
    )
    path = str(write_official(tmp_path, shown.out, "shown.yaml"))
    assert run_line(capsys, "protocol", "diff", path, "iper-imitation@published").status == 0
    assert_one_line(run_line(capsys, "protocol", "import", path), "shown.yaml: not valid JSON")
    assert_one_line(run_line(capsys, "protocol", "import", str(tmp_path / "no.json")), "cannot be read")


def test_make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    offer(
        monkeypatch, "reels", Reels([Reel("a", turning(40)), Reel("b", turning(9)), Reel("c", turning(50))])
    )
    out = tmp_path / "mine.yaml"
    typed = ("protocol", "make", "reels", "--out", str(out), "--limit-frames", "4")
    done = run_line(capsys, *typed)
    assert (done.status, done.out) == (0, f"{out}: 2 videos, 1 left out\n")
    assert done.err.startswith("left out: b: ")
    assert len(done.err.splitlines()) == 1
    assert "9 usable frames give a train part of 7" in done.err
    assert run_line(capsys, "protocol", "validate", str(out)).status == 0
    trials = run_line(capsys, "protocol", "show", str(out), "--trials").out
    assert "# 4 trials" in trials
    before = out.read_bytes()
    assert_one_line(run_line(capsys, *typed), str(out), "is there already")
    assert out.read_bytes() == before
    second = run_line(capsys, *typed[:4], str(tmp_path / "two.yaml"), "--picks", "metapix", "--name", "two")
    assert second.status == 0
    assert run_line(capsys, "protocol", "diff", str(out), str(tmp_path / "two.yaml")).status == 1


def test_make_of_a_folder_of_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No tracks: candidates are evenly spread over the first eight tenths, as the names of files say."""
    for video, count in (("anna", 12), ("ben", 20), ("short", 3)):
        (tmp_path / "videos" / video).mkdir(parents=True)
        for frame in range(count):
            picture = np.full((16, 16, 3), frame, np.uint8)
            (tmp_path / "videos" / video / f"{frame:03d}.png").write_bytes(encode_png(picture))
    out = tmp_path / "mine.yaml"
    done = run_line(
        capsys, "protocol", "make", str(tmp_path / "videos"), "--out", str(out), "--train-percent", "80"
    )
    assert (done.status, done.out) == (0, f"{out}: 2 videos, 1 left out\n"), done.err
    first, second = load_protocol(out).clips
    assert [name.name for name in first.names[:8]] == [
        *("000.png", "001.png", "002.png", "003.png", "004.png", "005.png", "006.png", "007.png")
    ]  # floor(9 i / 8)
    assert second.candidates == (0, 2, 4, 6, 8, 10, 12, 14)
    root = ("--data-root", str(tmp_path / "videos"))
    assert run_line(capsys, "protocol", "validate", str(out), *root).status == 0
    (tmp_path / "videos" / "anna" / "003.png").unlink()
    changed = run_line(capsys, "protocol", "validate", str(out), *root)
    assert changed.status == 1
    assert "error  anna  frames_sha256" in changed.out


def test_make_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(monkeypatch, "reels", Reels([Reel("b", turning(9))], splits={"one": ["b"], "two": ["b"]}))
    out = ("--out", str(tmp_path / "mine.yaml"))
    cases = (
        (("reels", *out), "has the splits one, two", "--split one"),
        (("reels", *out, "--split", "one"), "no video of split 'one' can be used", "9 usable frames"),
        (("reeels", *out), "unknown dataset, and no folder, 'reeels'", "did you mean reels"),
        (("reels", "--out", str(tmp_path / "mine.txt")), "another ending", "NAME.yaml"),
        ((str(tmp_path), *out, "--data-root", "x"), "--data-root with a folder", "one of the two"),
        (("", *out), "no folder, ''", "expected one of"),
        (("reels", *out, "--split", "one", "--name", " "), "--name", "the name of a protocol"),
        (("reels", "--out", str(tmp_path / "a\udcff.yaml")), "--out", "the name of a protocol"),
        (("reels", *out, "--train-percent", "100"), "--train-percent", "100"),
    )
    for arguments, *words in cases:
        assert_one_line(run_line(capsys, "protocol", "make", *arguments), *words)
    assert list(tmp_path.iterdir()) == []


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_line(capsys, "protocol", "schema")
    assert outcome.out == schema_text()
    assert json.loads(outcome.out)["$schema"].startswith("https://json-schema.org/draft/2020-12")
