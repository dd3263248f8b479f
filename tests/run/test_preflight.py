"""The pre-flight as a whole: one thing wrong at a time, and exactly that is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

from iper_bench.data.dataset import DATASETS
from iper_bench.data.frame_list import open_frames
from iper_bench.data.image_io import encode_png
from iper_bench.data.video_io import VideoFile
from iper_bench.errors import UserError
from iper_bench.run import preflight_clip
from iper_bench.run.preflight import CheckRequest, check_predictions
from iper_bench.run.preflight_finding import ERROR, NOTE, WARNING, ClipCheck, Finding, ranges
from iper_bench.run.preflight_signature import SIDE, read_signatures, signature_of
from tests.run.drawn_clips import Frames, noisy, peak_bytes, wanderer
from tests.run.toys import PROTOCOL, ToyDataset

COUNT = 16
FIRST = 100  # number of the first frame of the truth


def write(folder: Path, frames: Frames, first: int = FIRST) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames, first):
        (folder / f"{number:05d}.png").write_bytes(encode_png(np.ascontiguousarray(frame)))
    return folder


def film(path: Path, frames: Frames) -> Path:
    with VideoFile(path, 25) as video:
        for frame in frames:
            video.write(frame)
    return path


@pytest.fixture
def truth() -> Frames:
    return wanderer(COUNT)


@pytest.fixture
def folders(tmp_path: Path, truth: Frames) -> tuple[Path, Path]:
    """Predictions of some quality, and the truth."""
    return write(tmp_path / "mine", noisy(truth, 4.0)), write(tmp_path / "truth", truth)


def only(predictions: Path, references: Path, **options: Any) -> ClipCheck:
    report = check_predictions(CheckRequest(predictions, references, **options))
    (clip,) = report.clips
    return clip


def kinds(clip: ClipCheck) -> dict[str, str]:
    return {finding.kind: finding.severity for finding in clip.findings}


def test_nothing_is_found_where_nothing_is_wrong(folders: tuple[Path, Path]) -> None:
    report = check_predictions(CheckRequest(*folders))
    assert [clip.findings for clip in report.clips] == [()]
    assert report.clips[0].usable == COUNT
    assert report.exit_status == 0
    assert report.summary.startswith(f"mine: {COUNT} of {COUNT} frames usable in 1 clip; 0 errors")


def _remove(folder: Path, truth: Frames) -> None:
    (folder / "00103.png").unlink()
    (folder / "00104.png").unlink()


def _copy(folder: Path, truth: Frames) -> None:
    (folder / "103.png").write_bytes((folder / "00103.png").read_bytes())


def _more(folder: Path, truth: Frames) -> None:
    write(folder, truth[:1], FIRST + COUNT)


def _cut(folder: Path, truth: Frames) -> None:
    path = folder / "00103.png"
    path.write_bytes(path.read_bytes()[:200])


def _black(folder: Path, truth: Frames) -> None:
    write(folder, np.zeros_like(truth[:2]), FIRST + 3)


def _constant(folder: Path, truth: Frames) -> None:
    write(folder, np.full_like(truth[:2], 128), FIRST + 3)


def _repeat(folder: Path, truth: Frames) -> None:
    write(folder, np.stack([truth[3]] * 2), FIRST + 3)


def _small(folder: Path, truth: Frames) -> None:
    write(folder, truth[3:5, ::2, ::2], FIRST + 3)


def _jpeg(folder: Path, truth: Frames) -> None:
    for number in (3, 4):
        Pil.fromarray(truth[number]).save(folder / f"00{FIRST + number}.png", "JPEG", quality=95)


def _grey(folder: Path, truth: Frames) -> None:
    for number in (3, 4):
        Pil.fromarray(truth[number, ..., 1]).save(folder / f"00{FIRST + number}.png")


Fault = Callable[[Path, Frames], None]


@pytest.mark.parametrize(
    ("fault", "kind", "severity", "frames"),
    [
        (_remove, "missing", ERROR, "103-104"),
        (_copy, "duplicate", ERROR, "103"),
        (_more, "extra", WARNING, ""),
        (_cut, "unreadable", ERROR, "103"),
        (_black, "black", ERROR, "103-104"),
        (_constant, "constant", ERROR, "103-104"),
        (_repeat, "repeated", WARNING, "103-104"),
        (_small, "size", ERROR, "103-104"),
        (_jpeg, "lossy", WARNING, "103-104"),
        (_grey, "picture", NOTE, "103-104"),
    ],
)
def test_one_fault_is_found_and_its_frames_are_named(
    folders: tuple[Path, Path], truth: Frames, fault: Fault, kind: str, severity: str, frames: str
) -> None:
    fault(folders[0], truth)
    clip = only(*folders)
    assert kinds(clip).get(kind) == severity
    found = next(finding for finding in clip.findings if finding.kind == kind)
    assert found.where == frames
    assert set(kinds(clip)) - {kind} <= {"picture"}  # JPEG under the name of a PNG is a note as well
    lost = {"missing": 2, "duplicate": 1, "unreadable": 1}.get(kind, 0)
    assert clip.usable == COUNT - lost


@pytest.mark.parametrize(
    ("change", "kind", "severity"),
    [
        (lambda frames: frames[::-1], "order", ERROR),
        (lambda frames: np.concatenate([frames[:1], frames[:-1]]), "order", ERROR),
        (lambda frames: frames[..., ::-1], "swapped_channels", ERROR),
        (lambda frames: (frames * (219 / 255) + 16).astype(np.uint8), "video_range", WARNING),
        (lambda frames: (255 * (frames / 255) ** 2.2).astype(np.uint8), "gamma", WARNING),
        (lambda frames: np.clip(frames.astype(int) + 15, 0, 255).astype(np.uint8), "levels", WARNING),
    ],
)
def test_what_only_content_tells(
    tmp_path: Path, truth: Frames, change: Callable[[Frames], Frames], kind: str, severity: str
) -> None:
    ours = write(tmp_path / "mine", change(noisy(truth, 2.0, blur=0.5)))
    found = kinds(only(ours, write(tmp_path / "truth", truth)))
    found.pop("repeated", None)  # a shift holds the first frame
    assert found == {kind: severity}


def test_positions_are_understood_and_numbers_from_one_are_told(tmp_path: Path, truth: Frames) -> None:
    references = write(tmp_path / "truth", truth)
    clip = only(write(tmp_path / "from0", truth, 0), references)
    assert clip.findings == ()
    assert "position" in clip.numbering
    clip = only(write(tmp_path / "from1", truth, 1), references)
    assert {"missing": ERROR, "extra": WARNING, "order": ERROR}.items() <= kinds(clip).items()
    missing = next(finding for finding in clip.findings if finding.kind == "missing")
    assert "from 1" in missing.advice


def test_ambiguous_numbers_are_a_finding_until_told(tmp_path: Path, truth: Frames) -> None:
    references = write(tmp_path / "truth", truth, 4)
    ours = write(tmp_path / "mine", truth[:8], 4)
    assert kinds(only(ours, references)) == {"numbering": ERROR}
    clip = only(ours, references, numbering="frames")
    assert kinds(clip) == {"missing": ERROR}
    assert clip.usable == 8


def test_a_short_video_says_how_many_it_holds(tmp_path: Path, truth: Frames) -> None:
    clip = only(film(tmp_path / "mine.mkv", truth[:12]), write(tmp_path / "truth", truth, 0))
    (finding,) = clip.findings
    assert finding.kind == "missing"
    assert finding.where == "12-15"
    assert "the video holds 12 frames; write all 16" in finding.advice


def test_lossy_video_is_a_warning_and_no_alarm_on_content(tmp_path: Path, truth: Frames) -> None:
    clip = only(film(tmp_path / "mine.mp4", truth), write(tmp_path / "truth", truth, 0))
    assert kinds(clip) == {"lossy": WARNING}


def test_bad_references_are_told_from_bad_predictions(folders: tuple[Path, Path]) -> None:
    (folders[1] / "00105.png").write_bytes(b"no picture")
    (finding,) = only(*folders).findings
    assert (finding.kind, finding.where) == ("unreadable_reference", "105")


def test_black_truth_is_no_fault(tmp_path: Path, truth: Frames) -> None:
    truth[3:6] = 0
    ours = write(tmp_path / "mine", truth)
    assert only(ours, write(tmp_path / "truth", truth)).findings == ()


def test_several_clips_and_what_belongs_to_none(tmp_path: Path, truth: Frames) -> None:
    for name in ("a/x", "a/y", "b"):
        write(tmp_path / "truth" / name, truth, 0)
    write(tmp_path / "mine/a_x", truth, 0)
    film(tmp_path / "mine/b.mkv", truth[:3])
    write(tmp_path / "mine/a_yy", truth, 0)
    report = check_predictions(CheckRequest(tmp_path / "mine", tmp_path / "truth"))
    assert [(clip.name, list(kinds(clip))) for clip in report.clips] == [
        ("a/x", []),
        ("a/y", ["no_predictions"]),
        ("b", ["missing"]),
    ]
    (unused,) = report.findings
    assert "a_yy (meant to be a_y?)" in unused.text
    assert report.exit_status == 1
    chosen = check_predictions(CheckRequest(tmp_path / "mine", tmp_path / "truth", clips=("a/x",)))
    assert chosen.exit_status == 0
    assert chosen.findings == ()


def test_an_empty_clip_is_a_finding(tmp_path: Path, truth: Frames) -> None:
    write(tmp_path / "truth/a", truth)
    write(tmp_path / "truth/b", truth)
    write(tmp_path / "mine/a", truth)
    (tmp_path / "mine/b").mkdir()
    report = check_predictions(CheckRequest(tmp_path / "mine", tmp_path / "truth"))
    assert [list(kinds(clip)) for clip in report.clips] == [[], ["unreadable"]]


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The dataset of noise, and the path of its protocol."""
    DATASETS.names()
    monkeypatch.setitem(DATASETS._entries, "toy", lambda *, root=None, size=None: ToyDataset())  # type: ignore[attr-defined]
    monkeypatch.setitem(DATASETS._origins, "toy", "tests")  # type: ignore[attr-defined]
    path = tmp_path / "toy.yaml"
    path.write_text(PROTOCOL, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("first", [0, 8])
def test_a_dataset_gives_truth_by_position_and_by_frame(tmp_path: Path, toy: str, first: int) -> None:
    for name in ToyDataset().clip_names():
        frames = ToyDataset().clip(name).frames(range(8, 14))
        write(tmp_path / "mine" / name.replace("/", "_"), frames, first)
    report = check_predictions(CheckRequest(tmp_path / "mine", dataset="toy", protocol=toy))
    assert report.exit_status == 0
    assert [(clip.name, clip.usable, clip.findings) for clip in report.clips] == [
        (name, 6, ()) for name in ToyDataset().clip_names()
    ]


def test_cross_imitation_asks_for_the_driver_and_colours_of_the_source(tmp_path: Path, toy: str) -> None:
    write(tmp_path / "mine/p0_c0", ToyDataset().clip("p0/c0").frames(range(8, 12)), 0)
    request = CheckRequest(tmp_path / "mine", dataset="toy", protocol=toy, setting="cross", clips=("p0/c0",))
    (clip,) = check_predictions(request).clips
    assert (clip.expected, clip.usable, clip.findings) == (4, 4, ())


def test_every_frame_is_read_once(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[str, int]] = []

    def counting(frames: Any, indices: Any) -> Any:
        chosen = list(indices)
        read.extend((frames.source, index) for index in chosen)
        return read_signatures(frames, chosen)

    monkeypatch.setattr(preflight_clip, "read_signatures", counting)
    check_predictions(CheckRequest(*folders))
    assert len(read) == 2 * COUNT
    assert len(set(read)) == 2 * COUNT


def test_memory_does_not_grow_with_pictures(tmp_path: Path) -> None:
    side, count = 256, 24
    folder = write(tmp_path / "in", np.repeat(wanderer(1, side=side), count, axis=0), 0)
    frames = open_frames(folder)
    assert len(read_signatures(frames, range(count)).good) == count
    peak = peak_bytes(lambda: read_signatures(frames, range(count)))
    assert peak < 8 * side * side * 3 + count * (8 << 10)  # a few copies of one frame, and the signatures


def test_signatures_are_small_and_tell_every_pixel() -> None:
    image = np.random.default_rng(0).integers(0, 256, (300, 200, 3), dtype=np.uint8)
    one = signature_of(image)
    assert one.small.shape == (SIDE, SIDE, 3)
    assert one.small.nbytes + len(one.digest) < 4 << 10
    assert one.size == (300, 200)
    image[250, 100, 1] ^= 1
    assert signature_of(image).digest != one.digest
    assert not one.flat
    assert signature_of(np.zeros((5, 4, 3), np.uint8)).black
    assert signature_of(image.reshape(200, 300, 3)).digest != signature_of(image).digest


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, ["neither --references nor --dataset"]),
        ({"dataset": "toy", "references": Path("x")}, ["both"]),
        ({"dataset": "tyo"}, ["unknown dataset 'tyo'"]),
        ({"dataset": "toy", "setting": "slef"}, ["unknown setting 'slef'", "self"]),
        ({"dataset": "toy", "clips": ("p0/c1",)}, ["--clip", "unknown clip 'p0/c1'", "p0/c0"]),
        ({"dataset": "toy"}, ["one clip, but 3 clips", "--clip p0/c0"]),
        ({"references": Path("absent")}, ["absent", "no such file or folder"]),
    ],
)
def test_questions_that_cannot_be_asked(
    folders: tuple[Path, Path], toy: str, options: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(UserError) as caught:
        check_predictions(CheckRequest(folders[0], protocol=toy, **options))
    for word in words:
        assert word in str(caught.value)


def test_one_clip_of_references_and_a_folder_of_folders(folders: tuple[Path, Path]) -> None:
    with pytest.raises(UserError, match="references are the frames of one clip"):
        check_predictions(CheckRequest(folders[0].parent, folders[1]))


def test_report_is_plain_json(folders: tuple[Path, Path], truth: Frames) -> None:
    _remove(folders[0], truth)
    report = check_predictions(CheckRequest(*folders, name="method\x1b[31m"))
    content = json.loads(json.dumps(report.content(), allow_nan=False, ensure_ascii=False))
    assert content["format"] == 1
    assert content["exit_status"] == 1
    assert content["counts"] == {"error": 1, "warning": 0, "note": 0}
    assert content["clips"][0]["findings"][0]["frames"] == [103, 104]
    assert "\x1b" not in content["summary"]


@pytest.mark.parametrize(
    ("ids", "text"),
    [([], ""), ([3], "3"), ([0, 1, 2, 7, 8, 10], "0-2, 7-8, 10"), ([2, 1, 1], "1-2"), ([5, "a"], "5, a")],
)
def test_ranges(ids: list[int | str], text: str) -> None:
    assert ranges(ids) == text
    assert Finding(NOTE, "x", "x", tuple(ids)).where == text
