"""Body tracks at rest: what is written is read, two forms mean the same, and every fault is one line."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from iper_bench.data.clip import BodyTrack
from iper_bench.data.track_file import TrackFile, read_track, require_frames, write_track
from iper_bench.errors import UserError


def track(count: int = 4) -> BodyTrack:
    rng = np.random.default_rng(0)
    cams = rng.uniform(0.5, 1.0, (count, 3)).astype(np.float32)
    poses = rng.normal(size=(count, 72)).astype(np.float32)
    return BodyTrack(rng.normal(size=10).astype(np.float32), poses, cams)


def fields(**changes: object) -> dict[str, object]:
    one = track()
    return {"betas": one.betas, "poses": one.poses, "cams": one.cams, **changes}


def equal(found: BodyTrack, wanted: BodyTrack) -> bool:
    return all(np.array_equal(getattr(found, name), getattr(wanted, name)) for name in fields())


def test_round_trip(tmp_path: Path) -> None:
    write_track(tmp_path / "a.npz", TrackFile(track(), "open-coarse", (480, 640)))
    found = read_track(tmp_path / "a.npz")
    assert equal(found.track, track())
    assert (found.body, found.frame) == ("open-coarse", (480, 640))
    write_track(tmp_path / "b.npz", TrackFile(track()))
    assert read_track(tmp_path / "b.npz").body is None


@pytest.mark.parametrize("form", ["npy", "npz"])
def test_eighty_five_columns(tmp_path: Path, form: str) -> None:
    """Camera 3, pose 72, shape 10 per frame; the shape is the mean over the frames."""
    one = track()
    shapes = np.stack([one.betas + k for k in range(4)])
    smpls = np.concatenate([one.cams, one.poses, shapes], 1)
    path = tmp_path / f"a.{form}"
    np.save(path, smpls) if form == "npy" else np.savez(path, smpls=smpls)
    found = read_track(path).track
    assert np.allclose(found.betas, one.betas + 1.5, atol=1e-6)  # float32
    assert equal(found, BodyTrack(found.betas, one.poses, one.cams))


def test_shape_of_one_row_is_admitted(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **fields(betas=track().betas[None]))
    assert equal(read_track(tmp_path / "a.npz").track, track())


def bad(array: np.ndarray, place: tuple[int, ...], value: float) -> np.ndarray:
    changed = array.copy()
    changed[place] = value
    return changed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"poses": bad(track().poses, (2, 5), np.nan)}, "field 'poses', frame 2: value nan"),
        ({"cams": bad(track().cams, (3, 0), np.inf)}, "field 'cams', frame 3: value inf"),
        ({"betas": bad(track().betas, (1,), np.nan)}, "field 'betas': value nan"),
        ({"cams": bad(track().cams, (1, 0), 0.0)}, "field 'cams', frame 1: scale 0"),
        ({"poses": track().poses.astype(np.float64) * 1e39}, "field 'poses', frame 0"),
        ({"poses": track().poses[:3]}, "3 poses but 4 cams"),
        ({"poses": track().poses[:, :69]}, r"field 'poses' is \(4, 69\)"),
        ({"betas": np.zeros((4, 10))}, r"field 'betas' is \(4, 10\)"),
        ({"poses": np.zeros((0, 72)), "cams": np.zeros((0, 3))}, r"field 'poses' is \(0, 72\)"),
        ({"cams": np.array(["a"])}, "field 'cams' holds <U1"),
        ({"body": np.zeros(3)}, "field 'body' is no name"),
        ({"frame": np.array([1.5, 2.0])}, "field 'frame' is no size"),
    ],
)
def test_fault_names_file_field_and_frame(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    path = tmp_path / "walk.npz"
    np.savez(path, **fields(**changes))
    with pytest.raises(UserError, match=f"walk.npz: {words}"):
        read_track(path)


def test_missing_field(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", poses=track().poses)
    with pytest.raises(UserError, match="no field 'betas'"):
        read_track(tmp_path / "a.npz")


def test_smpls_with_other_columns(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 82)))
    with pytest.raises(UserError, match=r"field 'smpls' is \(4, 82\); expected smpls of shape \(T, 85\)"):
        read_track(tmp_path / "a.npy")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.npz: cannot read the file \(No such file"):
        read_track(tmp_path / "no.npz")


def test_other_content(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    for content in (b"", b"no arrays", pickle.dumps({"poses": 1})):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"a\.npz: (not a body track|cannot read)"):
            read_track(path)


def test_pickled_objects_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="not a body track"):
        read_track(path)


def test_one_body_per_frame(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds 4 bodies for 6 frames"):
        require_frames(tmp_path / "a.npz", track(), 6)


def test_tracks_in_memory_are_finite() -> None:
    with pytest.raises(UserError, match="body track: field 'cams', frame 2 is not finite"):
        BodyTrack(track().betas, track().poses, bad(track().cams, (2, 1), np.nan))


def test_damaged_archives(tmp_path: Path) -> None:
    """A flipped byte in every place of a compressed file ends in one line or goes unnoticed."""
    path = tmp_path / "a.npz"
    np.savez_compressed(path, **fields())
    whole = path.read_bytes()
    refused = 0
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            read_track(path)
        except UserError:
            refused += 1
    assert refused > len(whole) // 14


def test_archive_that_holds_no_arrays(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for field in ("betas", "poses", "cams"):
            archive.writestr(field, b"text")
    with pytest.raises(UserError, match="not a body track"):
        read_track(tmp_path / "a.npz")
