"""A prepared copy is read as it was written, and preferred."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from iper_bench.data.clip import BodyTrack
from iper_bench.data.layouts.iper import open_iper
from iper_bench.data.layouts.published import open_published
from iper_bench.data.prepared_folder import TRACK, ClipRecord, ClipWriter, PreparedFolder, PreparedSettings
from iper_bench.data.track_file import TrackFile, write_track
from iper_bench.errors import UserError
from tests.data.layouts.trees import SIZE, bodies, make_iper, matte, picture

CLIPS = ["001/1/1", "002/1/1"]
SIDE = 16


def prepare(folder: Path, clips: list[str], body: str = "open-coarse", dataset: str = "iper") -> Path:
    """What data prepare leaves: the frames of another side, so that they can be told from the others."""
    settings = PreparedSettings(dataset=dataset, size=SIDE, body=body, factor=0.0)
    with PreparedFolder(folder, settings) as prepared:
        for name in clips:
            writer = ClipWriter(prepared.clip_folder(name))
            for index in range(4):
                writer.write_frame(str(index), picture(name, index, SIDE))
                writer.write_matte(str(index), matte(index, SIDE))
            held = {key: value.astype(np.float32) for key, value in bodies(name).items()}
            track = BodyTrack(held["shape"][0], held["pose"], held["cams"])
            write_track(writer.folder / TRACK, TrackFile(track, body))
            writer.add(TRACK)
            whole = (0, SIZE, 0, SIZE)
            writer.finish(ClipRecord(4, None, "x", (SIZE, SIZE), whole, 0.5, (0.0, 0.0), "y"))
        prepared.write_splits({"val": clips})
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_iper(tmp_path / "iper", {"train": CLIPS[:1], "val": CLIPS[1:]})


def test_prepared_copy_is_preferred(root: Path) -> None:
    prepare(root / "prepared", CLIPS)
    data = open_iper(root=str(root))
    assert (data.image_size, data.layout.words, data.body) == (SIDE, "prepared", "open-coarse")
    assert data.splits() == ["test", "train", "val"]  # as published
    clip = data.clip(CLIPS[0])
    assert (len(clip), clip.subject, list(clip.frame_names)) == (4, "001", [f"{i}.png" for i in range(4)])
    np.testing.assert_array_equal(clip.frames([3])[0], picture(CLIPS[0], 3, SIDE))
    np.testing.assert_array_equal(clip.masks([2]), matte(2, SIDE)[None])
    np.testing.assert_array_equal(clip.track.poses, bodies(CLIPS[0])["pose"].astype(np.float32))
    assert open_iper(root=str(root), size=SIZE).clip(CLIPS[0]).frames([0]).shape == (1, SIZE, SIZE, 3)


def test_published_data_can_still_be_opened(root: Path) -> None:
    prepare(root / "prepared", CLIPS)
    assert open_published("iper", str(root)).layout.words == "images_HD with smpls"
    with pytest.raises(UserError, match="made and not published"):
        open_published("synthetic")
    with pytest.raises(UserError, match="did you mean iper"):
        open_published("ipr")


def test_prepared_folder_is_a_root(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "copy", CLIPS)
    data = open_iper(root=str(folder))
    assert (data.splits(), data.clip_names(), data.found_names()) == (["test", "val"], CLIPS, CLIPS)
    assert len(data.clip(CLIPS[1]).track) == 4


def test_clip_that_is_not_finished(root: Path) -> None:
    prepare(root / "prepared", CLIPS[:1])
    data = open_iper(root=str(root))
    assert data.clip_names() == CLIPS  # nothing disappears
    with pytest.raises(UserError, match=f"'{CLIPS[1]}' in .*: not finished.*data prepare iper --data-root"):
        data.clip(CLIPS[1])
    (root / "prepared/clips" / CLIPS[0] / "clip.json").unlink()
    with pytest.raises(UserError, match="not finished"):
        open_iper(root=str(root)).clip(CLIPS[0])


def test_prepared_clip_that_lost_a_frame(root: Path) -> None:
    prepare(root / "prepared", CLIPS)
    (root / "prepared/clips" / CLIPS[0] / "images/2.png").unlink()
    with pytest.raises(UserError, match=r"3 frames, but clip.json says 4"):
        len(open_iper(root=str(root)).clip(CLIPS[0]))


def test_prepared_copy_of_another_dataset(root: Path) -> None:
    prepare(root / "prepared", CLIPS, dataset="fashionvideo")
    with pytest.raises(UserError, match=r"a prepared copy of 'fashionvideo', not of 'iper'"):
        open_iper(root=str(root))


def test_body_of_a_prepared_copy(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IPER_BENCH_BODY", raising=False)
    licensed = tmp_path / "SMPL.pkl"
    licensed.write_bytes(b"")
    # "smpl", or a path: a record does not decide which file is opened
    for body in ("smpl", str(licensed)):
        shutil.rmtree(root / "prepared", ignore_errors=True)
        prepare(root / "prepared", CLIPS, body=body)
        with pytest.raises(UserError, match=rf"the body '{body}', which is not here.*IPER_BENCH_BODY"):
            _ = open_iper(root=str(root)).body
    monkeypatch.setenv("IPER_BENCH_BODY", str(licensed))
    data = open_iper(root=str(root))
    assert data.body == str(licensed)
    assert len(data.clip(CLIPS[0]).track) == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not a record of data prepare"),
        (b"[]", "not a record of data prepare"),
        (b'{"format": 2}', "expected format 1"),
        (b'{"format": 1, "dataset": "iper", "size": 0, "body": "x"}', "field 'size' or 'dataset'"),
        (b'{"format": 1, "dataset": "iper", "size": 8}', "field 'body'"),
    ],
)
def test_damaged_record(root: Path, content: bytes, message: str) -> None:
    prepare(root / "prepared", CLIPS)
    (root / "prepared/prepared.json").write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        open_iper(root=str(root))
    assert "prepared.json" in str(caught.value)


def test_fingerprint_follows_the_record(root: Path) -> None:
    prepare(root / "prepared", CLIPS)
    before = open_iper(root=str(root)).fingerprint
    path = root / "prepared/clips" / CLIPS[0] / "clip.json"
    record = json.loads(path.read_bytes())
    record["sha256"]["images/0.png"] = "0" * 64  # as if one pixel were another
    path.write_text(json.dumps(record))
    assert open_iper(root=str(root)).fingerprint != before
