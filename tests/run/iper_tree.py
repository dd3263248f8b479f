"""A fabricated iPER tree with the official names: every video of the protocol at the length it needs, made of
frames of the embedded dataset, with tracks that fit them.
"""

from __future__ import annotations

import os
import pickle
from collections import defaultdict
from pathlib import Path

import numpy as np

from iper_bench.data.image_io import encode_png
from iper_bench.data.synthetic.config import SyntheticConfig
from iper_bench.data.synthetic.dataset import SyntheticClip, SyntheticDataset
from iper_bench.protocol.schema import Entry, Protocol

TRAINING = "002/1/1"  # train.txt must name something


def needed_lengths(protocol: Protocol) -> dict[str, int]:
    """Video -> the fewest frames with which every entry of a listed protocol fits."""
    least: dict[str, int] = defaultdict(int)

    def need(video: str, last: int) -> None:
        least[video] = max(least[video], last + 1)

    for entry in protocol.clips:
        need(entry.video, max(max(frames) for frames in entry.sources.values()))
        for drive in (entry.self_drive, entry.cross_drive):
            if drive is not None:
                need(drive.video, drive.frames.last)
                need(entry.video, 0 if drive.real is None else drive.real.last)
    return dict(least)


def name_width(entry: Entry) -> int:
    """Digits of the frame names that the protocol writes most often."""
    widths = [len(one.name.partition(".")[0]) for one in entry.names]
    return max(set(widths), key=widths.count)


def fabricate_iper(root: Path, protocol: Protocol, *, size: int) -> None:
    """Write ``images_HD``, ``smpls``, ``train.txt`` and ``val.txt`` (the layout of the ICCV release).

    A video repeats the frames of one embedded clip; repeated frames are links to one file.
    """
    data = SyntheticDataset(SyntheticConfig(size=size))
    films = data.clip_names("train")
    lengths = needed_lengths(protocol)
    entries = {entry.video: entry for entry in protocol.clips}
    for number, (video, length) in enumerate({**lengths, TRAINING: 8}.items()):
        width = name_width(entries[video]) if video in entries else 3
        _write_video(root, video, data.clip(films[number % len(films)]), length, width)
    (root / "train.txt").write_text(f"{TRAINING}\n")
    (root / "val.txt").write_text("".join(f"{entry.video}\n" for entry in protocol.clips))


def _write_video(root: Path, video: str, film: SyntheticClip, length: int, width: int) -> None:
    images, smpls = root / "images_HD" / video, root / "smpls" / video
    images.mkdir(parents=True)
    smpls.mkdir(parents=True)
    rows = np.arange(length) % len(film)
    distinct = min(length, len(film))
    for index, frame in enumerate(film.frames(range(distinct))):
        (images / f"{index:0{width}d}.jpg").write_bytes(encode_png(frame))  # PNG inside, as the official tool
    for index in range(distinct, length):
        os.link(images / f"{rows[index]:0{width}d}.jpg", images / f"{index:0{width}d}.jpg")
    track = film.track
    held = {"cams": track.cams[rows], "pose": track.poses[rows], "shape": np.tile(track.betas, (length, 1))}
    (smpls / "pose_shape.pkl").write_bytes(pickle.dumps(held, protocol=2))
