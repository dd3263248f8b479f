"""Little trees on the disk in the layouts of the published datasets: real pictures, pickles and videos of
invented content.

Every frame of a tree is recognisable: :func:`picture` of its clip and index. Every maker returns the root.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from iper_bench.data.image_io import Image, encode_png
from iper_bench.data.layouts.processed_video import STAGES

Arrays = dict[str, np.ndarray]
FRAMES, SIZE = 4, 32
MOTION_VIEWS = np.array([0, 45, 315, 90, 180, 135, 225, 270])


def picture(clip: str, index: int, size: int = SIZE, width: int | None = None) -> Image:
    """Frame ``index`` of a clip: (size, width or size, 3) uint8, a ramp of one colour per clip and frame."""
    across = size if width is None else width
    ramp = np.linspace(0.0, 1.0, across)[None, :, None] * np.linspace(0.5, 1.0, size)[:, None, None]
    colour = np.array([crc32(clip.encode("utf-8", "surrogateescape")) % 199, (index * 37) % 199, 60]) + 50.0
    return (ramp * colour).astype(np.uint8)


def matte(index: int, size: int = SIZE) -> Image:
    """Matte ``index``: a bar of ``index + 1`` columns."""
    alpha = np.zeros((size, size), np.uint8)
    alpha[:, : index + 1] = 255
    return alpha


def bodies(clip: str, frames: int = FRAMES) -> Arrays:
    """``cams`` (T, 3), ``pose`` (T, 72), ``shape`` (T, 10) of a clip, as ``pose_shape.pkl`` holds them."""
    random = np.random.default_rng(crc32(clip.encode()))
    cams = np.concatenate([random.uniform(0.7, 1.1, (frames, 1)), random.uniform(-0.1, 0.1, (frames, 2))], 1)
    pose = random.normal(0.0, 0.2, (frames, 72))
    shape = np.tile(random.normal(0.0, 1.0, (1, 10)), (frames, 1))
    return {"cams": cams, "pose": pose, "shape": shape}


def write_pickle(path: Path, content: Any) -> Path:
    """As Python 2 tools write them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=2))
    return path


def write_frames(folder: Path, clip: str, names: Sequence[str], size: int = SIZE) -> None:
    """A picture per name, PNG inside whatever the ending."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(names):
        (folder / name).write_bytes(encode_png(picture(clip, index, size)))


def write_video(path: Path, clip: str, frames: int = FRAMES, size: int = SIZE, fps: float = 25.0) -> None:
    """A video of the pictures by OpenCV: close to them, not exact."""
    from iper_bench.data.video_io import VideoFile

    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoFile(path, fps) as video:
        for index in range(frames):
            video.write(picture(clip, index, size))


def write_processed(
    folder: Path, clip: str, names: Sequence[str], size: int = SIZE, *, shape_rows: int | None = None
) -> None:
    """``processed/`` of iPERCore: images, mattes and ``vid_info.pkl``."""
    write_frames(folder / "images", clip, names, size)
    (folder / "parse").mkdir()
    for index, name in enumerate(names):
        (folder / "parse" / f"{name.partition('.')[0]}_alpha.png").write_bytes(encode_png(matte(index, size)))
    ids = list(range(len(names)))
    info = dict.fromkeys([*STAGES, "has_finished"], True) | {
        "src_img_dir": "/somewhere/else",
        "orig_shape": (size, size),
        "valid_img_info": {"names": list(names), "ids": ids, "pose3d_ids": ids, "parse_ids": ids},
        "processed_pose3d": bodies(clip, len(names) if shape_rows is None else shape_rows),
        "processed_front_info": {"ft": {"ids": [0]}, "bk": {"ids": [len(names) - 1]}},
        "processed_deform": {"links": None, "offsets": None},
    }
    write_pickle(folder / "vid_info.pkl", info)


def write_splits(root: Path, clips: Mapping[str, Sequence[str]]) -> None:
    """``train.txt`` and so on: split -> names, no newline at the end."""
    root.mkdir(parents=True, exist_ok=True)
    for split, names in clips.items():
        (root / f"{split}.txt").write_text("\n".join(names), encoding="utf-8")


def iper_names(frames: int) -> list[str]:
    """The official names: padded to the digits of the number of frames."""
    return [f"{index:0{len(str(frames))}d}.jpg" for index in range(frames)]


def counted_names(frames: int) -> list[str]:
    """``frame_00000000.png`` and so on."""
    return [f"frame_{index:08d}.png" for index in range(frames)]


def make_iper(
    root: Path,
    clips: Mapping[str, Sequence[str]] | None = None,
    frames: int = FRAMES,
    size: int = SIZE,
    layout: str = "iccv",
) -> Path:
    """iPER: ``iccv`` (images_HD and smpls), ``tpami`` (images_HD and primitives), ``video`` (videos and
    smpls).
    """
    clips = {"train": ["001/1/1", "002/1/2"], "val": ["001/2/1", "003/1/1"]} if clips is None else clips
    write_splits(root, clips)
    names = iper_names(frames)
    for clip in dict.fromkeys(name for listed in clips.values() for name in listed):
        if layout == "video":
            write_video(root / "iPER_256_video_release" / f"{clip.replace('/', '_')}.mp4", clip, frames, size)
        else:
            write_frames(root / "images_HD" / clip, clip, names, size)
        if layout == "tpami":
            write_processed(root / "primitives" / clip / "processed", clip, names, size)
        else:
            write_pickle(root / "smpls" / clip / "pose_shape.pkl", bodies(clip, frames))
            points = {"kps": np.zeros((frames, 19, 2))}
            write_pickle(root / "smpls" / clip / "kps.pkl", points)
    return root


def make_motionsynthetic(
    root: Path,
    clips: Mapping[str, Sequence[str]] | None = None,
    frames: int = 10,
    size: int = SIZE,
    layout: str = "primitives",
) -> Path:
    """MotionSynthetic: ``primitives``, ``processed`` or ``videos`` (videos and poses)."""
    if clips is None:
        clips = {"train": ["MG_125611487366942_0_0017"], "val": ["PeopleSnapshot_female-1-casual_0_0093"]}
    write_splits(root, clips)
    names = counted_names(frames)
    for clip in dict.fromkeys(name for listed in clips.values() for name in listed):
        found = bodies(clip, frames)
        found |= {"shape": found["shape"][:1], "views": MOTION_VIEWS, "offsets": np.zeros((6890, 3))}
        found |= {"ft_ids": np.array([0, 1, 2, 3]), "bk_ids": np.array([4, 5, 6, 7])}
        if layout == "primitives":
            write_processed(root / "primitives" / clip / "processed", clip, names, size)
        elif layout == "processed":
            write_frames(root / "processed" / clip / "images", clip, names, size)
            write_pickle(root / "processed" / clip / "pose_shape.pkl", found)
        else:
            write_video(root / "videos" / f"{clip}.mp4", clip, frames, size)
            write_pickle(root / "poses" / clip / "pose_shape.pkl", found)
    return root


def make_fashionvideo(
    root: Path,
    clips: Mapping[str, Sequence[str]] | None = None,
    frames: int = FRAMES,
    size: int = SIZE,
    layout: str = "processed",
) -> Path:
    """FashionVideo: ``primitives``, ``processed`` (with split folders) or ``videos``."""
    clips = {"train": ["81FyMPk-WIS.mp4"], "val": ["91M3UFSKn8S.mp4"]} if clips is None else clips
    write_splits(root, clips)
    names = counted_names(frames)
    for split, listed in clips.items():
        for clip in listed:
            if layout == "primitives":
                write_processed(root / "primitives" / clip / "processed", clip, names, size)
            elif layout == "processed":
                folder = root / "processed" / split / clip
                write_frames(folder / "images", clip, names, size)
                write_pickle(folder / "pose_shape.pkl", bodies(clip, frames))
                (folder / "pred_masks").mkdir()
                for index, name in enumerate(names):
                    (folder / "pred_masks" / f"mask_{name}").write_bytes(encode_png(matte(index, size)))
            else:
                write_video(root / "videos" / clip, clip, frames, size)
    return root


def make_youtube(
    root: Path,
    clips: Sequence[str] = ("2rJvM52eOOc_1.mp4", "9pyCI_intrQ_2.mp4"),
    frames: int = FRAMES,
    size: int = SIZE,
    layout: str = "processed",
) -> Path:
    """Youtube-Dancer-18: ``processed``, or ``metapix`` (folders ``train_<i>_img``, numbers from 1)."""
    for place, clip in enumerate(clips):
        if layout == "metapix":
            for part in ("train", "test"):
                name = f"{part}_{place + 1}_img"
                write_frames(root / name, name, [f"img_{at + 1:08d}.png" for at in range(frames)], size)
        else:
            folder = root / "processed" / clip
            write_frames(folder / "images", clip, counted_names(frames), size)
            write_pickle(folder / "pose_shape.pkl", bodies(clip, frames))
    return root


def make_folder(
    root: Path, clips: Sequence[str] = ("anna", "ben/walk"), frames: int = FRAMES, size: int = SIZE
) -> Path:
    """A folder of one's own: frames and ``track.npz`` per clip; names ending in .mp4 become videos."""
    for clip in clips:
        found = bodies(clip, frames)
        arrays = {"betas": found["shape"][0], "poses": found["pose"], "cams": found["cams"]}
        if clip.endswith(".mp4"):
            write_video(root / clip, clip, frames, size)
            np.savez((root / clip).with_suffix(".npz"), **arrays)
        else:
            write_frames(root / clip, clip, [f"{index:04d}.png" for index in range(frames)], size)
            np.savez(root / clip / "track.npz", **arrays)
    return root
