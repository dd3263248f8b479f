"""``make_synthetic``: render the embedded dataset ahead of time, into a folder or into the cache. Can be
interrupted and resumed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from iper_bench.atomic import write_json, write_text
from iper_bench.data.dataset import DATA_VARIABLE
from iper_bench.data.synthetic.cache import FrameCache, cache_folder
from iper_bench.data.synthetic.casting import Part
from iper_bench.data.synthetic.config import SyntheticConfig
from iper_bench.data.synthetic.dataset import NAME, SyntheticDataset
from iper_bench.data.synthetic.export import LAYOUT, export_motionsynthetic
from iper_bench.data.synthetic.film import RenderedFilm
from iper_bench.data.synthetic.folder import (
    CLIP_MANIFEST,
    FORMAT,
    MANIFEST,
    clip_files,
    clip_folder,
    manifest_of,
    read_digests,
    read_manifest,
)
from iper_bench.errors import UserError, unknown_name
from iper_bench.progress import track

OWN = "own"
LAYOUTS = (OWN, LAYOUT)


def make_synthetic(
    out: Path | None, config: SyntheticConfig, *, splits: Sequence[str] = (), layout: str = OWN
) -> Path:
    """Render the clips of ``config``; what is there and whole is kept.

    Parameters
    ----------
    out: folder for PNG files, see :mod:`iper_bench.data.synthetic.folder`. ``None`` takes
        ``$IPER_BENCH_DATA/synthetic``; without that variable the cache is filled instead, from which
        ``open_synthetic()`` reads the default configuration.
    splits: render the clips of these splits only; empty means all. The cache renders the others when they are
        first read; a folder made with ``out`` lacks them until the command is repeated without this option.
    layout: of the folder: ``"own"``, or ``"motionsynthetic"``, see :mod:`iper_bench.data.synthetic.export`,
        which needs ``out``.

    Returns
    -------
    The folder that was filled.

    Raises
    ------
    UserError when the folder cannot be written or holds another dataset, or a split or layout is unknown.
    """
    if layout not in LAYOUTS:
        raise unknown_name("layout", layout, LAYOUTS)
    dataset = SyntheticDataset(config)
    parts = _chosen(dataset, splits)
    if layout == LAYOUT:
        if out is None:
            raise UserError(
                f"--layout {layout} without a folder", expected="--out FOLDER", hint=f"--out {layout}"
            )
        return export_motionsynthetic(out, dataset, parts)
    if out is None and os.environ.get(DATA_VARIABLE):
        out = Path(os.environ[DATA_VARIABLE]).expanduser() / NAME
    if out is None:
        return _fill_cache(dataset, parts)
    _claim(out, dataset)
    for split in dataset.splits():
        write_text(
            out / "splits" / f"{split}.txt", "".join(f"{name}\n" for name in dataset.clip_names(split))
        )
    for part in track(parts, f"rendering {NAME} {config.size} px"):
        if not _finished(out, part):
            _write_clip(out, dataset, part)
    return out


def _chosen(dataset: SyntheticDataset, splits: Sequence[str]) -> list[Part]:
    if not splits:
        return dataset.parts()
    return sorted({part for split in splits for part in dataset.parts(split)})


def _fill_cache(dataset: SyntheticDataset, parts: Sequence[Part]) -> Path:
    cache = FrameCache(cache_folder() / dataset.fingerprint)
    film = RenderedFilm(dataset.config, cache)
    folder = cache.folder
    # A first write decides whether there is a cache at all: here, unlike in reading, a refusal ends the
    # command.
    write_json(folder / MANIFEST, manifest_of(dataset.config, dataset.fingerprint))
    for part in track(parts, f"rendering {NAME} {dataset.config.size} px"):
        for number in range(film.block_count(part)):
            film.block(part, number)
        if cache.refusal is not None:
            raise cache.refusal
    return folder


def _claim(out: Path, dataset: SyntheticDataset) -> None:
    """Write ``dataset.json``, or check that the folder was begun with the same one."""
    wanted = manifest_of(dataset.config, dataset.fingerprint)
    if (out / MANIFEST).exists():
        found = read_manifest(out)
        differing = sorted(key for key in wanted if found.get(key) != wanted[key])
        if differing:
            raise UserError(
                f"the folder holds another dataset (its {', '.join(differing)} differ)",
                where=str(out / MANIFEST),
                expected=f"format {FORMAT}, fingerprint {dataset.fingerprint}",
                hint="--out ANOTHER_FOLDER, or the options it was made with",
            )
        return
    write_json(out / MANIFEST, wanted)


def _finished(out: Path, part: Part) -> bool:
    """Whether a clip is there, every file with its sha256."""
    digests = read_digests(out, part)
    if digests is None:
        return False
    try:
        return all(
            hashlib.sha256((clip_folder(out, part) / name).read_bytes()).hexdigest() == digest
            for name, digest in digests.items()
        )
    except OSError:
        return False


def _write_clip(out: Path, dataset: SyntheticDataset, part: Part) -> None:
    folder = clip_folder(out, part)
    film = dataset.film
    blocks = [film.block(part, number) for number in range(film.block_count(part))]
    files = clip_files(film.opening(part), blocks)
    try:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            # Not one by one atomically: the manifest, written last, tells torn files by their sha256.
            path.write_bytes(content)
    except OSError as error:
        raise UserError(
            f"cannot write: {error.strerror}",
            where=str(folder),
            hint="free some space or choose another --out, and type the same command again",
        ) from error
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    write_json(
        folder / CLIP_MANIFEST,
        {"format": FORMAT, "frames": len(blocks and film.opening(part).track), "files": digests},
    )
