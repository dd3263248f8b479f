"""``imitate``, ``swap`` and ``view`` as typed: what comes out, and every mistake in one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from iper_bench.body.camera import STRATEGIES
from iper_bench.cli.task_options import CAMERAS
from iper_bench.cli.task_options import INTERRUPTED as OPTIONS_INTERRUPTED
from iper_bench.data.clip import Images
from iper_bench.data.dataset import DATASETS
from iper_bench.data.image_io import decode_png, encode_png
from iper_bench.data.track_file import TrackFile, write_track
from iper_bench.data.video_io import open_footage
from iper_bench.methods.method import Sources, Targets
from iper_bench.methods.warp import Warp, WarpSubject
from iper_bench.tasks.delivery import GAP
from tests.cli.command_line import Outcome, run_line
from tests.tasks.people import FRAMES, SIDE, OnDisk, People, open_people

WARP = ("--method", "warp")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> OnDisk:
    return OnDisk(tmp_path_factory.mktemp("files"))


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    """``people:a`` and ``people:b`` can be named."""
    monkeypatch.setitem(DATASETS._entries, "people", open_people)


def frames_in(folder: Path) -> Images:
    return np.stack([decode_png(path.read_bytes()) for path in sorted(folder.glob("*.png"))])


def succeeded(outcome: Outcome, out: Path) -> None:
    assert outcome.status == 0, outcome.err
    assert outcome.out.splitlines()[-1] == str(out)


def failed(outcome: Outcome, *words: str) -> None:
    """One line says what is wrong, notes may stand before it, and there is no traceback."""
    assert outcome.status == 2, outcome.err
    lines = outcome.err.strip().splitlines()
    assert all(
        line.startswith(("iper-bench: note: ", "preparing the sources: start")) for line in lines[:-1]
    ), outcome.err
    assert lines[-1].startswith("iper-bench: error: "), lines[-1]
    for word in words:
        assert word in lines[-1], f"{word!r} not in {lines[-1]!r}"
    assert outcome.out == ""


def test_imitating_oneself_is_what_the_method_draws(
    files: OnDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Camera and motion as they are: the frames equal those of the method under the same bodies."""
    out = tmp_path / "out"
    motion = ("--target-track", str(files.track), "--camera", "copy", "--no-smooth")
    more = ("--source-frames", "0,4", *motion, *WARP, "--size", str(SIDE), "--out", str(out))
    succeeded(run_line(capsys, "imitate", *files.source(*more)), out)
    clip = files.clip
    sources = Sources(clip.frames([0, 4]), clip.masks([0, 4]), clip.track.take([0, 4]), "open-coarse")
    subject = Warp().personalize(sources, steps=0, seed=0)
    assert np.array_equal(
        frames_in(out / "frames"), np.concatenate(list(subject.render(Targets(clip.track, True))))
    )
    assert len(open_footage(out / "video.mp4")) == FRAMES
    record = json.loads((out / "record.json").read_text())
    assert record["task"] == "imitate"
    assert record["people"][0]["frames"] == [0, 4]
    assert record["motion"]["camera"] == "copy"
    assert record["motion"]["smooth"] is None
    assert record["method"]["identity"] == Warp().identity


def test_driver_beside_the_result(
    files: OnDisk, named: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.mkv"
    motion = ("--target", str(files.video), "--target-track", str(files.track), "--target-frames", "2-4")
    line = ("--source", "people:b", *motion, *WARP, "--side-by-side", "--out", str(out))
    succeeded(run_line(capsys, "imitate", *line), out)
    footage = open_footage(out)
    assert footage.fps == pytest.approx(10.0)  # the driver's
    pictures = np.stack(list(footage.stream(range(3))))
    assert len(footage) == 3
    assert pictures.shape[1:] == (SIDE, 3 * SIDE + 2 * GAP, 3)
    assert np.array_equal(pictures[:, :, :SIDE], np.repeat(People().clip("b").frames([0]), 3, axis=0))
    assert np.array_equal(pictures[:, :, SIDE + GAP : 2 * SIDE + GAP], files.clip.frames([2, 3, 4]))


def test_wide_pictures_come_back_wide(
    files: OnDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The track says for which shape it was made; the square is cut back, unless it is to be kept."""
    track = tmp_path / "wide.npz"
    write_track(track, TrackFile(files.clip.track, "open-coarse", (SIDE, SIDE + 16)))
    line = ("--source", str(files.wide), "--source-track", str(track), "--target-track", str(files.track))
    shapes = []
    for more in ((), ("--keep-square",)):
        out = tmp_path / f"out{len(more)}"
        line = (*line, "--target-frames", "0", *WARP, "--size", str(SIDE + 16))
        outcome = run_line(capsys, "imitate", *line, *more, "--out", str(out))
        succeeded(outcome, out)
        assert "padded by their border to a square" in outcome.err
        shapes.append(frames_in(out / "frames").shape[1:3])
    assert shapes == [(SIDE, SIDE + 16), (SIDE + 16, SIDE + 16)]


@pytest.mark.usefixtures("named")
def test_swap_of_one_pose_is_one_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "swap.png"
    line = ("--source", "people:a", "--take", "upper,lower=people:b", "--take", "head=people:b")
    succeeded(
        run_line(capsys, "swap", *line, "--take-frames", "0", "--take-frames", "-", *WARP, "--out", str(out)),
        out,
    )
    drawn = decode_png(out.read_bytes())
    inside = People().clip("a").masks([0])[0] > 0
    other = People().clip("b").frames([0])[0]
    assert np.abs(drawn.astype(int) - other)[inside].mean() < 8  # everything but the wall is b's
    assert np.median(drawn[~inside]) == 200
    record = json.loads((tmp_path / "swap.png.json").read_text())
    assert record["parts"] == [[], ["upper", "lower"], ["head"]]
    assert [len(person["frames"]) for person in record["people"]] == [2, 1, 2]


@pytest.mark.usefixtures("named")
def test_swap_in_somebody_elses_motion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "swap"
    line = ("--source", "people:a", "--take", "lower=people:b", "--target", "people:b", *WARP)
    succeeded(run_line(capsys, "swap", *line, "--all-flows", "--out", str(out)), out)
    assert len(frames_in(out / "frames")) == FRAMES
    assert json.loads((out / "record.json").read_text())["selected_flows"] is False


@pytest.mark.usefixtures("named")
def test_turntable_and_one_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    turn, side = tmp_path / "turn", tmp_path / "side.png"
    line = ("--source", "people:a", "--sn", "8", *WARP)
    succeeded(run_line(capsys, "view", *line, "--views", "9", "--out", str(turn)), turn)
    frames = frames_in(turn / "frames").astype(int)
    # the clip turns by 45 degrees a frame, and so does the table; both stand on their feet
    truth = People().clip("a").frames([0, 1, 2, 3, 4, 5, 6, 7, 0]).astype(int)
    assert np.abs(frames - truth).mean() < 4
    single = ("--views", "1", "--rotate", "0,90,0", "--out", str(side))
    succeeded(run_line(capsys, "view", *line, *single), side)
    assert np.abs(decode_png(side.read_bytes()).astype(int) - frames[2]).mean() < 1


@pytest.mark.usefixtures("named")
def test_bullet_time_of_ones_own_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "bullet"
    line = ("--source", "people:a", "--bullet-time", "3:5", "--bullet-time", "6:2", *WARP)
    succeeded(run_line(capsys, "view", *line, "--out", str(out)), out)
    assert len(frames_in(out / "frames")) == FRAMES + 7


@pytest.mark.usefixtures("named")
def test_ctrl_c_says_what_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = WarpSubject.render

    def render(self: WarpSubject, targets: Targets) -> Iterator[Images]:
        yield next(iter(whole(self, targets)))[:3]
        raise KeyboardInterrupt

    monkeypatch.setattr(WarpSubject, "render", render)
    line = ("--source", "people:a", "--target", "people:b", *WARP, "--out", str(tmp_path / "a.mp4"))
    outcome = run_line(capsys, "imitate", *line)
    assert outcome.status == OPTIONS_INTERRUPTED == 130
    assert outcome.out == ""
    kept = tmp_path / "a.partial.mp4"
    assert outcome.err.splitlines()[-1].endswith(f"the first 3 of 8 frames are kept in {kept}")
    assert len(open_footage(kept)) == 3


@pytest.mark.usefixtures("named")
def test_out_of_memory_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def personalize(self: Warp, sources: Sources, *, steps: int, seed: int) -> None:
        raise MemoryError

    monkeypatch.setattr(Warp, "personalize", personalize)
    line = ("--source", "people:a", "--target", "people:b", *WARP, "--size", "80")
    outcome = run_line(capsys, "imitate", *line, "--out", str(tmp_path / "a.mp4"))
    failed(outcome, "out of memory with frames of 80 px and 2 sources", "--size 64", "--sn 1")
    assert list(tmp_path.iterdir()) == []


BAD_SOURCES = [
    (("--source", "nothing.mp4"), "nothing.mp4: no such file or folder"),
    (("--source", "peopel:a"), "unknown dataset 'peopel'", "did you mean people"),
    (("--source", "people:c"), "unknown clip 'c'"),
    (("--source", ""), "an empty name"),
    (("--source", "people:a", "--source-frames", "3,3"), "--source-frames: frame 3 is named twice"),
    (("--source", "people:a", "--source-frames", "2,8"), "no frame 8 in people:a", "0 to 7"),
    (("--source", "people:a", "--source-frames", "2,x"), "'x' in '2,x'"),
    (("--source", "people:a", "--source-frames", "5-2"), "'5-2'", "smaller frame first"),
    (("--source", "people:a", "--sn", "9"), "--sn: 9 sources", "at most 8", "memory"),
    (("--source", "people:a", "--source-frames", "0-8"), "--source-frames: 9 sources", "at most 8"),
    (("--source", "people:a", "--sn", "0"), "--sn"),
    (("--source", "people:a", "--source-frames", "0", "--sn", "2"), "1 frames picked, but --sn 2"),
    (("--source", "people:a", "--source-masks", "x"), "masks given for a clip whose dataset brings its own"),
    (("--source", "people:a", "--body", "opne-coarse"), "unknown body 'opne-coarse'", "open-coarse"),
    (("--source", "people:a", "--method", "wrap"), "unknown method 'wrap'", "did you mean warp"),
]


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("case", BAD_SOURCES, ids=lambda case: " ".join(case[0][1:]) or "empty")
def test_bad_source(case: tuple, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options, *words = case
    line = (*WARP, *options, "--out", str(tmp_path / "out" / "a.mp4"))
    failed(run_line(capsys, "view", *line), *words)
    assert not (tmp_path / "out").exists()


BAD_TARGETS = [
    ((), "no motion", "--target"),
    (("--target", "people:c"), "unknown clip 'c'"),
    (("--target", "people:a", "--target-frames", "9"), "--target-frames: no frame 9"),
    (("--target", "people:a", "--camera", "smoth"), "smoth"),
    (("--target", "people:a", "--camera", "copy", "--stabilise"), "stabilised motion with camera 'copy'"),
    (("--target", "people:a", "--bullet-time", "3"), "expected FRAME:LENGTH"),
    (("--target", "people:a", "--bullet-time", "8:4"), "no frame 8"),
    (("--target", "people:a", "--fps", "0"), "--fps"),
    (("--target", "people:a", "--fps", "nan"), "nan"),
    (("--target", "people:a", "--view", "nan"), "nan"),
    (("--target", "people:a", "--target-track", "x.npz"), "a track given for a clip"),
    (("--target-track", "x.npz"), "x.npz: cannot read"),
]


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("case", BAD_TARGETS, ids=lambda case: " ".join(case[0]) or "none")
def test_bad_target(case: tuple, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options, *words = case
    line = ("--source", "people:a", *WARP, *options, "--out", str(tmp_path / "a.mp4"))
    failed(run_line(capsys, "imitate", *line), *words)
    assert list(tmp_path.iterdir()) == []


BAD_SWAPS = [
    ((), "--take"),
    (("--take", "people:b"), "cannot read 'people:b'", "PARTS=WHAT"),
    (("--take", "uper=people:b"), "unknown part 'uper'", "did you mean upper"),
    (("--take", "upper,=people:b"), "empty entry"),
    (("--take", "upper=people:c"), "unknown clip 'c'"),
    (
        ("--take", "upper=people:b", "--take-frames", "1", "--take-frames", "2"),
        "given 2 times for 1 of --take",
    ),
    (("--take", "upper=people:b", "--take-frames", "x"), "'x'"),
    (("--take", "upper=people:b", "--target-frames", "0-3"), "--target-frames without a motion"),
    (("--take", "upper=people:b", "--view", "30"), "--view without a motion"),
    (("--take", "upper=people:b", "--camera", "copy"), "--camera without a motion"),
    (("--take", "upper=people:b", "--no-stabilise"), "--stabilise without a motion"),
    (("--take", "upper=people:b", "--no-smooth"), "--smooth without a motion"),
]


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("case", BAD_SWAPS, ids=lambda case: " ".join(case[0]) or "none")
def test_bad_swap(case: tuple, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options, *words = case
    line = ("--source", "people:a", *WARP, *options, "--out", str(tmp_path / "a.png"))
    failed(run_line(capsys, "swap", *line), *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--rotate", "1,2"), "three angles"),
        (("--rotate", "1,2,inf"), "three angles"),
        (("--translate", "a,b"), "metres to the right and down"),
        (("--zoom", "0"), "--zoom"),
        (("--zoom", "nan"), "'nan' is no number;"),
        (("--views", "0"), "--views"),
        (("--pose", "x"), "--pose"),
        (("--bullet-time", "3:4", "--zoom", "2"), "--zoom together with --bullet-time"),
        (("--bullet-time", "3:4", "--views", "60"), "--views together with --bullet-time"),
    ],
)
def test_bad_view(options: tuple[str, ...], word: str, capsys: pytest.CaptureFixture[str]) -> None:
    failed(run_line(capsys, "view", "--source", "x", *options, "--out", "x.mp4"), word)


def test_person_who_is_not_there(files: OnDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    for number in range(FRAMES):
        matte = files.clip.masks([number])[0] * (number != 3)
        (masks / f"{number}.png").write_bytes(encode_png(matte.astype(np.uint8)))
    line = ("--source", str(files.images), "--source-track", str(files.track), "--source-masks", str(masks))
    outcome = run_line(
        capsys, "view", *line, "--source-frames", "2,3", *WARP, "--out", str(tmp_path / "a.mp4")
    )
    failed(outcome, "3.png: shows no person: its mask is empty")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("nan", ("field 'poses', frame 5", "nan")),
        ("away", ("0.png: the body lies wholly outside the frame", "right edge")),
        ("short", ("holds 7 bodies for 8 frames",)),
    ],
)
def test_track_that_does_not_fit(
    files: OnDisk, change: str, words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    track = files.clip.track
    arrays = {"betas": track.betas, "poses": track.poses.copy(), "cams": track.cams.copy()}
    if change == "nan":
        arrays["poses"][5, 7] = np.nan
    elif change == "away":
        arrays["cams"][:, 1] = 5.0
    else:
        arrays = {**arrays, "poses": arrays["poses"][:7], "cams": arrays["cams"][:7]}
    path = tmp_path / "track.npz"
    np.savez(path, **arrays)
    line = ("--source", str(files.images), "--source-track", str(path), "--source-masks", str(files.masks))
    failed(run_line(capsys, "view", *line, *WARP, "--out", str(tmp_path / "a.mp4")), *words)


def test_wide_pictures_with_a_track_for_squares(
    files: OnDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ("--source", str(files.wide), "--source-track", str(files.track), *WARP)
    outcome = run_line(capsys, "view", *line, "--out", str(tmp_path / "a.mp4"))
    failed(outcome, "64x48 pixels with a track, which refers to square frames")


def test_no_body_at_all(files: OnDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_line(capsys, "view", "--source", str(files.video), *WARP, "--out", str(tmp_path / "a.mp4"))
    failed(outcome, "nothing says where the body is", "--source-track FILE", "--body-weights FILE")


@pytest.mark.usefixtures("named")
def test_sources_that_show_nothing_of_the_motion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ("--source", "people:a", "--source-frames", "0", "--views", "1", "--rotate", "0,180,0", *WARP)
    outcome = run_line(capsys, "view", *line, "--out", str(tmp_path / "a.png"))
    failed(outcome, "the sources show nothing of the body in the only frame", "--sn or --source-frames")


@pytest.mark.usefixtures("named")
def test_motion_outside_the_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ("--source", "people:a", "--translate", "3,0", *WARP, "--out", str(tmp_path / "a.mp4"))
    failed(run_line(capsys, "view", *line), "wholly outside in every frame", "right edge")


@pytest.mark.usefixtures("named")
def test_frames_are_not_mixed_with_older_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ("--source", "people:a", "--views", "2", *WARP, "--out", str(tmp_path / "out"))
    assert run_line(capsys, "view", *line).status == 0
    failed(run_line(capsys, "view", *line), "holds 2 numbered frames already", "--overwrite")
    assert run_line(capsys, "view", *line, "--overwrite").status == 0


def test_cameras_are_those_of_the_strategies() -> None:
    assert [camera.replace("-", "_") for camera in CAMERAS] == list(STRATEGIES)
