"""Every kind of damage once, in little trees of the published layouts."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from iper_bench.data.clip import BodyTrack
from iper_bench.data.image_io import encode_png
from iper_bench.data.prepared_folder import TRACK, ClipRecord, ClipWriter, PreparedFolder, PreparedSettings
from iper_bench.data.track_file import TrackFile, write_track
from iper_bench.data.verify import Report, VerifyRequest, verification, verify
from iper_bench.data.verify.facts import Facts, SplitFacts
from iper_bench.errors import UserError
from iper_bench.tasks.prepare import PrepareRequest, prepare
from tests.data.layouts import trees

CLIPS = {"train": ["001/1/1", "002/1/2"], "val": ["001/2/1", "003/1/1"]}
FACTS = Facts(
    clips=4,
    frames=16,
    counts={"actors": 3, "outfits": 4},
    levels={"actors": 1, "outfits": 2},
    name="[0-9]{3}/[1-9][0-9]*/[12]",
    splits={"train": SplitFacts(2), "val": SplitFacts(2, tuple(CLIPS["val"]))},
)


@pytest.fixture(autouse=True)
def small_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The published numbers of iPER are those of the little tree."""
    monkeypatch.setattr(verification, "published_facts", {"iper": FACTS}.get)


def _look(root: Path, *, deep: bool = False, dataset: str = "iper", **options: object) -> Report:
    return verify(VerifyRequest(dataset, str(root), deep=deep, jobs=1, **options))  # type: ignore[arg-type]


def _found(root: Path, *, deep: bool = False, dataset: str = "iper") -> list[tuple[str, str]]:
    """Kind and place of every finding, counts left out."""
    report = _look(root, deep=deep, dataset=dataset)
    return [(one.kind, one.file) for one in report.findings if one.kind != "count"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return trees.make_iper(tmp_path / "iper", CLIPS)


@pytest.mark.parametrize("layout", ["iccv", "tpami", "video"])
@pytest.mark.parametrize("deep", [False, True])
def test_whole_copies_have_no_finding(tmp_path: Path, layout: str, deep: bool) -> None:
    report = _look(trees.make_iper(tmp_path / "iper", CLIPS, layout=layout), deep=deep)
    assert report.findings == []
    assert report.exit_status == 0
    counts = {count.what: (count.found, count.verdict) for count in report.counts}
    assert counts["clips"] == (4, "all")
    assert counts["frames"] == (16, "all")
    assert counts["actors"] == (3, "all")
    assert counts["outfits"] == (4, "all")
    assert counts["split train"] == counts["split val"] == (2, "all")
    assert counts["clips with a track"] == (4, "all")
    assert counts["clips with mattes"] == (4 if layout == "tpami" else 0, "")


@pytest.mark.parametrize(
    ("dataset", "make"),
    [
        ("motionsynthetic", trees.make_motionsynthetic),
        ("fashionvideo", trees.make_fashionvideo),
        ("youtube-dancer18", trees.make_youtube),
        ("folder", trees.make_folder),
    ],
)
def test_other_datasets_are_whole(tmp_path: Path, dataset: str, make: Callable[[Path], Path]) -> None:
    assert _found(make(tmp_path / "data"), deep=True, dataset=dataset) == []


def _remove_clip(root: Path) -> None:
    shutil.rmtree(root / "images_HD/001/1/1")


def _remove_track(root: Path) -> None:
    (root / "smpls/001/1/1/pose_shape.pkl").unlink()


def _remove_frame(root: Path) -> None:
    (root / "images_HD/001/1/1/2.jpg").unlink()


def _remove_frames(root: Path) -> None:
    for path in (root / "images_HD/001/1/1").iterdir():
        path.unlink()


def _remove_split(root: Path) -> None:
    (root / "train.txt").unlink()


def _repeat_in_split(root: Path) -> None:
    (root / "val.txt").write_text("001/2/1\n003/1/1\n001/2/1\n", encoding="utf-8")


def _leave_root(root: Path) -> None:
    (root / "train.txt").write_text("001/1/1\n../../etc\n", encoding="utf-8")


def _list_another(root: Path) -> None:
    (root / "train.txt").write_text("001/1/1\n002/1/2\n1/9/1\n", encoding="utf-8")


def _list_test_clip(root: Path) -> None:
    (root / "train.txt").write_text("001/1/1\n002/1/2\n001/2/1\n", encoding="utf-8")


def _empty_picture(root: Path) -> None:
    (root / "images_HD/001/1/1/1.jpg").write_bytes(b"")


def _other_size(root: Path) -> None:
    (root / "images_HD/001/1/1/3.jpg").write_bytes(encode_png(np.zeros((16, 16, 3), np.uint8)))


def _other_width(root: Path) -> None:
    (root / "images_HD/001/1/1/2.jpg").rename(root / "images_HD/001/1/1/0002.jpg")


def _stray(root: Path) -> None:
    (root / "images_HD/001/1/1/Thumbs.db").write_bytes(b"x")
    (root / "images_HD/001/1/1/.DS_Store").write_bytes(b"x")


def _unlisted(root: Path) -> None:
    trees.write_frames(root / "images_HD/009/1/1", "x", trees.iper_names(4))
    trees.write_pickle(root / "smpls/009/1/1/pose_shape.pkl", trees.bodies("x", 4))


def _short_track(root: Path) -> None:
    trees.write_pickle(root / "smpls/001/1/1/pose_shape.pkl", trees.bodies("x", 3))


def _nan_track(root: Path) -> None:
    bodies = trees.bodies("x", 4)
    bodies["pose"][2, 5] = np.nan
    trees.write_pickle(root / "smpls/001/1/1/pose_shape.pkl", bodies)


def _cut_track(root: Path) -> None:
    path = root / "smpls/001/1/1/pose_shape.pkl"
    path.write_bytes(path.read_bytes()[:100])


FRAMES, SMPL = "images_HD/001/1/1", "smpls/001/1/1/pose_shape.pkl"


@pytest.mark.parametrize(
    ("damage", "expected", "words"),
    [
        (_remove_clip, [("missing_clip", FRAMES)], "is listed and not there"),
        (_remove_track, [("missing_track", SMPL)], "iper-bench data prepare iper --data-root"),
        (_remove_frame, [("missing_frames", FRAMES), ("broken_track", SMPL)], "number 2 is missing"),
        (_remove_frames, [("missing_frames", FRAMES)], "no picture in this folder"),
        (
            _remove_split,
            [("split_file", "train.txt"), ("unlisted_clip", FRAMES), ("unlisted_clip", "images_HD/002/1/2")],
            "nothing says which clips the split has",
        ),
        (_repeat_in_split, [("split_file", "val.txt")], "'001/2/1' stands there twice, in lines 1 and 3"),
        (_leave_root, [("split_file", "train.txt")], "line 2: name '../../etc'"),
        (
            _list_another,
            [("split_file", "train.txt"), ("missing_clip", "images_HD/1/9/1")],
            "no name of a clip",
        ),
        (_list_test_clip, [("split_file", "train.txt")], "published as clips of 'val'"),
        (_empty_picture, [("broken_picture", f"{FRAMES}/1.jpg")], "an empty file"),
        (_other_size, [("size", FRAMES)], "not 32 x 32 pixels"),
        (_other_width, [("frame_name", FRAMES)], "'0002.jpg' is written in another way"),
        (_stray, [("stray_file", f"{FRAMES}/Thumbs.db")], "no picture among the frames"),
        (_unlisted, [("unlisted_clip", "images_HD/009/1/1")], "no split lists it"),
        (_short_track, [("broken_track", SMPL)], "shorter than the video: 3 bodies for 4 frames"),
        (_nan_track, [("broken_track", SMPL)], "field 'pose', frame 2: value nan"),
        (_cut_track, [("broken_track", SMPL)], "pose_shape.pkl"),
    ],
)
def test_each_damage_is_found_where_it_is(
    root: Path, damage: Callable[[Path], None], expected: list[tuple[str, str]], words: str
) -> None:
    damage(root)
    for deep in (False, True):
        report = _look(root, deep=deep)
        assert [(one.kind, one.file) for one in report.findings if one.kind != "count"] == expected
        assert report.exit_status == 1
        assert any(words in str(one) for one in report.findings), report.lines()


def test_cut_pictures_need_a_deep_look(root: Path) -> None:
    path = root / f"{FRAMES}/1.jpg"
    path.write_bytes(path.read_bytes()[:-20])
    assert _found(root) == []
    assert _found(root, deep=True) == [("broken_picture", f"{FRAMES}/1.jpg")]


def test_sizes_between_the_ends_need_a_deep_look(root: Path) -> None:
    (root / f"{FRAMES}/1.jpg").write_bytes(encode_png(np.zeros((16, 16, 3), np.uint8)))
    assert _found(root) == []
    assert _found(root, deep=True) == [("size", FRAMES)]


def test_cut_videos_are_found(tmp_path: Path) -> None:
    root = trees.make_iper(tmp_path / "iper", CLIPS, layout="video")
    path = root / "iPER_256_video_release/001_1_1.mp4"
    path.write_bytes(path.read_bytes()[:200])
    assert ("broken_video", "iPER_256_video_release/001_1_1.mp4") in _found(root)


def test_missing_and_empty_mattes_are_found(tmp_path: Path) -> None:
    root = trees.make_fashionvideo(tmp_path / "fv")
    folder = "processed/train/81FyMPk-WIS.mp4/pred_masks"
    (root / folder / "mask_frame_00000001.png").unlink()
    (root / folder / "mask_frame_00000002.png").write_bytes(b"")
    assert _found(root, dataset="fashionvideo") == [
        ("missing_matte", folder),
        ("broken_picture", f"{folder}/mask_frame_00000002.png"),
    ]


def test_every_problem_is_told_and_not_only_the_first(root: Path) -> None:
    for damage in (_remove_track, _empty_picture, _stray, _unlisted, _repeat_in_split):
        damage(root)
    shutil.rmtree(root / "images_HD/002/1/2")
    report = _look(root)
    assert set(report.of_kind()) == {
        *("split_file", "count", "missing_clip", "missing_track", "broken_picture", "stray_file")
    }  # which clips no split lists is not known while a split cannot be read


def test_counts_of_a_partial_copy(root: Path) -> None:
    _remove_clip(root)
    report = _look(root)
    assert [one.text for one in report.findings if one.kind == "count"] == [
        "clips: 3 of 4, 1 missing",
        "split train: 1 of 2, 1 missing",
        "frames: 12 of 16, 4 missing",
        "outfits: 3 of 4, 1 missing",
    ]
    assert "clips                   3         4  1 missing" in report.lines()


def test_twenty_of_a_kind_are_shown_and_the_rest_counted(root: Path) -> None:
    for number in range(25):
        (root / FRAMES / f"note{number:02d}.txt").write_text("x", encoding="utf-8")
    lines = _look(root).lines()
    assert sum("note" in line for line in lines) == 20
    assert "  and 5 more (--json FILE holds all)" in lines
    assert lines[-1] == "25 findings"
    assert len(_look(root).content()["findings"]) == 25


def test_no_dataset_and_no_split_file_end_with_one_line(tmp_path: Path, root: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no dataset 'iper'"):
        _look(tmp_path / "empty")
    for name in ("train.txt", "val.txt"):
        (root / name).unlink()
    with pytest.raises(UserError, match="no split file"):
        _look(root)


def test_manifest_of_ones_own(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "iper.json"
    assert _look(root, write_manifest=path).notes[-1].endswith("26 files")
    assert (
        len(json.loads(path.read_text(encoding="utf-8"))["files"]) == 16 + 4 * 2 + 2
    )  # frames, pickles, lists
    assert _look(root, manifest=path).findings == []
    content = bytearray((root / "train.txt").read_bytes())
    (root / f"{FRAMES}/0.jpg").write_bytes(encode_png(trees.picture("another", 0)))
    (root / "train.txt").write_bytes(bytes(content) + b"\n")
    findings = [(one.kind, one.file) for one in _look(root, manifest=path).findings]
    assert findings == [("changed_file", f"{FRAMES}/0.jpg"), ("changed_file", "train.txt")]


def test_manifest_of_a_rendered_dataset_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lies in no folder"):
        verify(VerifyRequest("synthetic", write_manifest=tmp_path / "m.json"))


def _prepare(root: Path) -> Path:
    """A prepared copy of the tree, as the writer of ``data prepare`` makes it."""
    settings = PreparedSettings(dataset="iper", size=32, body="open-coarse", factor=0.0)
    with PreparedFolder(root / "prepared", settings) as folder:
        for name in [name for names in CLIPS.values() for name in names]:
            writer = ClipWriter(folder.clip_folder(name))
            for index in range(4):
                writer.write_frame(f"{index}", trees.picture(name, index))
                writer.write_matte(f"{index}", trees.matte(index))
            bodies = {field: value.astype(np.float32) for field, value in trees.bodies(name, 4).items()}
            track = BodyTrack(bodies["shape"][0], bodies["pose"], bodies["cams"])
            write_track(folder.clip_folder(name) / TRACK, TrackFile(track, body="open-coarse"))
            writer.add(TRACK)
            writer.finish(ClipRecord(4, 25.0, "source", (32, 32), (0, 32, 0, 32), 1.0, (0.0, 0.0), "inputs"))
        folder.write_splits(CLIPS)
    return root / "prepared" / "clips"


def test_prepared_copies_are_compared_with_their_records(root: Path) -> None:
    clips = _prepare(root)
    report = _look(root, deep=True)
    assert report.layout == "prepared"
    assert report.findings == []
    assert any("--published" in note for note in report.notes)
    (clips / "001/1/1/masks/1.png").write_bytes(encode_png(trees.matte(2)))
    (clips / "002/1/2/clip.json").unlink()
    (clips / "003/1/1/track.npz").unlink()
    assert _found(root) == [
        ("unfinished_clip", "prepared/clips/002/1/2"),
        ("missing_track", "prepared/clips/003/1/1/track.npz"),
        ("missing_file", "prepared/clips/003/1/1/track.npz"),
    ]
    assert ("changed_file", "prepared/clips/001/1/1/masks/1.png") in _found(root, deep=True)
    assert _look(root, published=True).findings == []


class _Payload:
    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self._marker}",)


def test_pickles_with_programs_are_told_and_not_run(root: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    trees.write_pickle(root / SMPL, {"cams": _Payload(marker)})
    assert _found(root, deep=True) == [("broken_track", SMPL)]
    assert not marker.exists()


def test_damage_of_preprocessed_clips(tmp_path: Path) -> None:
    root = trees.make_iper(tmp_path / "iper", CLIPS, layout="tpami")
    (root / "primitives/001/1/1/processed/vid_info.pkl").write_bytes(b"cut")
    (root / "primitives/001/2/1/processed/images/2.jpg").unlink()
    assert _found(root) == [
        ("broken_track", "primitives/001/1/1/processed/vid_info.pkl"),
        ("missing_frames", "primitives/001/2/1/processed/images"),
        ("broken_track", "primitives/001/2/1/processed/vid_info.pkl"),  # it lists the frame
    ]


def test_clips_whose_names_are_not_utf8_are_told(root: Path) -> None:
    (root / os.fsdecode(b"images_HD/001/1/\xff")).mkdir()
    assert [kind for kind, _ in _found(root)] == ["stray_file"]


def test_a_refused_name_is_told_once(tmp_path: Path) -> None:
    root = trees.make_folder(tmp_path / "mine", ("anna", "new\nline"))
    found = _look(root, dataset="folder").findings
    assert [(one.kind, one.clip) for one in found] == [("missing_clip", "new\nline")]


@pytest.mark.parametrize("prepared", [False, True])
def test_metapix_and_the_embedded_dataset_are_not_compared(
    tmp_path: Path, prepared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The published numbers are of other videos."""
    monkeypatch.setattr(verification, "published_facts", lambda name: Facts(clips=18))
    root = trees.make_youtube(tmp_path / "cut", layout="metapix")
    if prepared:
        prepare(PrepareRequest("youtube-dancer18", str(root), size=32, workers=1))
    kinds = [one.kind for one in _look(root, dataset="youtube-dancer18").findings]
    assert kinds == ["missing_track"] * 4
    root = trees.make_motionsynthetic(tmp_path / "made")
    assert [one.kind for one in _look(root, dataset="motionsynthetic").findings] == ["count"]
    (root / "export.json").write_text("{}")
    assert _look(root, dataset="motionsynthetic").findings == []


def test_a_variable_rate_has_another_remedy_than_a_cut_video(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with av.open(str(tmp_path / "mine" / "a.mkv"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 32
        for place in (0, 1, 2, 9):
            frame = av.VideoFrame.from_ndarray(trees.picture("a", place))
            frame.pts = place
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    found = _look(tmp_path / "mine", dataset="folder", deep=True).findings
    assert [one.hint for one in found if one.kind == "broken_video"] == [
        "data prepare with --fps N, which takes the frames nearest in time"
    ]


def test_pipes_are_told_and_not_opened(root: Path) -> None:
    (root / f"{FRAMES}/3.jpg").unlink()
    os.mkfifo(root / f"{FRAMES}/3.jpg")
    assert ("broken_picture", f"{FRAMES}/3.jpg") in _found(root)
    assert ("broken_picture", f"{FRAMES}/3.jpg") in _found(root, deep=True)
