"""``export_motionsynthetic``: the embedded dataset in the layout of MotionSynthetic, for tools that read that
layout, with the exact truth beside it.

::

    README.txt                              what every file is
    export.json                             format, configuration, fingerprint
    train.txt, val.txt                      names of finished clips, one per line
    videos/<name>.mp4                       the frames as a video, compressed with loss
    poses/<name>/pose_shape.pkl, kps.pkl    bodies and joints
    primitives/<name>/processed/
        images/frame_00000000.png           the frames, exact
        parse/frame_00000000_alpha.png      mattes, 255 = person
        vid_info.pkl                        iPERCore's index of the folder
    truth/<name>/
        body.npz, background.png, masks/, flow/
        clip.json                           sha256 of every file above; written last, marks a finished clip

The layout is read by ``motionsynthetic`` of this package. Clips, pixels and bodies are those of the dataset
``synthetic`` of the same configuration; :mod:`iper_bench.data.synthetic.export_clip` says in which order.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from iper_bench.atomic import explain, write_bytes, write_json, write_text
from iper_bench.data.synthetic.casting import ACTION, TEST, TRAIN, Part
from iper_bench.data.synthetic.config import SyntheticConfig
from iper_bench.data.synthetic.dataset import SyntheticDataset
from iper_bench.data.synthetic.export_clip import EMPTY, FPS, VIEWS, ExportedClip
from iper_bench.data.synthetic.export_readme import MANIFEST, README
from iper_bench.data.synthetic.folder import manifest_of
from iper_bench.data.video_io import VideoFile
from iper_bench.errors import UserError
from iper_bench.progress import track

FORMAT = 1
LAYOUT = "motionsynthetic"
CLIP_MANIFEST = "clip.json"
SPLITS = {"train": TRAIN, "val": TEST}  # names of the layout, and of the embedded dataset


def export_motionsynthetic(out: Path, dataset: SyntheticDataset, parts: Iterable[Part]) -> Path:
    """Write clips in the MotionSynthetic layout; what is there and whole is kept.

    Parameters
    ----------
    dataset: decides names and numbers of all clips, whichever are written.
    parts: the clips to write. ``train.txt`` and ``val.txt`` list what is finished in the folder.

    Returns
    -------
    ``out``.

    Raises
    ------
    UserError when the turn has no frames at the views of the layout, for clips without a turn, for a folder
    that cannot be written or holds something else.
    """
    _require_views(dataset.config)
    _claim(out, dataset)
    write_text(out / "README.txt", README)
    names = clip_names(dataset)
    try:
        for part in track(sorted(parts), f"rendering {LAYOUT} {dataset.config.size} px"):
            clip = ExportedClip(dataset.film, part, names[part])
            if not _is_whole(out, clip.name):
                _write_clip(out, clip)
    finally:  # also when it is interrupted, so that what is finished can be used
        _write_splits(out, dataset, names)
    return out


def _write_splits(out: Path, dataset: SyntheticDataset, names: dict[Part, str]) -> None:
    for file, split in SPLITS.items():
        finished = sorted(name for part in dataset.parts(split) if _files_of(out, name := names[part]))
        if finished:
            write_text(out / f"{file}.txt", "".join(f"{name}\n" for name in finished))


def clip_names(dataset: SyntheticDataset) -> dict[Part, str]:
    """The name of every clip, ``<subject>_<outfit>_<number>``: numbers run from 0001 over the training clips
    and then the others, as in MotionSynthetic.
    """
    parts = [part for split in SPLITS.values() for part in dataset.parts(split)]
    return {part: f"{part.subject}_{part.outfit}_{number:04d}" for number, part in enumerate(parts, start=1)}


def _require_views(config: SyntheticConfig) -> None:
    if config.turn_frames % len(VIEWS):
        raise UserError(
            f"--turn-frames {config.turn_frames}: no frames at {len(VIEWS)} views 45 degrees apart",
            where=f"--layout {LAYOUT}",
            expected=f"a multiple of {len(VIEWS)}",
            hint=f"--turn-frames {2 * len(VIEWS)}",
        )
    if config.action_clips:
        raise UserError(
            f"--action-clips {config.action_clips}: clips of the split '{ACTION}' have no turn",
            where=f"--layout {LAYOUT}",
            expected="clips that open with a turn",
            hint="--action-clips 0, and more --action-frames",
        )


def _claim(out: Path, dataset: SyntheticDataset) -> None:
    """Write ``export.json``, or check that the folder was begun with the same one."""
    path = out / MANIFEST
    wanted = {**manifest_of(dataset.config, dataset.fingerprint), "format": FORMAT, "layout": LAYOUT}
    # os.path: a folder that may not be looked into counts as empty, and refuses the first file
    if not os.path.exists(path):
        foreign = [name for name in ("train.txt", "val.txt", "primitives") if os.path.exists(out / name)]
        if foreign:
            raise UserError(
                f"the folder holds {foreign[0]} of another dataset",
                where=str(out),
                expected="an empty or new folder, or one that this command began",
                hint="--out ANOTHER_FOLDER",
            )
        write_json(path, wanted)
        return
    found = _read_json(path)
    differing = sorted(key for key in wanted if found.get(key) != wanted[key])
    if differing:
        raise UserError(
            f"the folder holds another dataset (its {', '.join(differing)} differ)",
            where=str(path),
            expected=f"fingerprint {dataset.fingerprint}",
            hint="--out ANOTHER_FOLDER, or the options it was made with",
        )


def _read_json(path: Path) -> dict[str, Any]:
    """A JSON file's dictionary; empty when there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _files_of(out: Path, name: str) -> dict[str, str]:
    """sha256 of the files of a finished clip by name; empty when it is not finished."""
    files = _read_json(out / "truth" / name / CLIP_MANIFEST).get("files")
    return files if isinstance(files, dict) else {}


def _is_whole(out: Path, name: str) -> bool:
    """Whether a clip is finished and every file has its sha256."""
    files = _files_of(out, name)
    try:
        return bool(files) and all(_sha256(out / file) == digest for file, digest in files.items())
    except OSError:
        return False


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_clip(out: Path, clip: ExportedClip) -> None:
    manifest, digests = out / "truth" / clip.name / CLIP_MANIFEST, {}
    try:
        manifest.unlink(missing_ok=True)
        for name in EMPTY:
            (out / clip.processed / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain(error, str(manifest)) from error
    for name, content in clip.files(out):
        write_bytes(out / name, content)
        digests[name] = hashlib.sha256(content).hexdigest()
    _write_video(out / clip.video, clip)
    digests[clip.video] = _sha256(out / clip.video)
    write_json(
        manifest,
        {
            "format": FORMAT,
            "clip": clip.part.name,
            "frames": len(clip.order),
            "order": clip.order,
            "files": digests,
        },
    )


def _write_video(path: Path, clip: ExportedClip) -> None:
    video = VideoFile(path, FPS)
    try:
        with video:
            for frame, _ in clip.frames():
                video.write(frame)
    finally:
        if video.partial is not None:  # half a video among whole ones would be taken for one
            video.partial.unlink(missing_ok=True)
