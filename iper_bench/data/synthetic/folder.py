"""The embedded dataset as a folder of ordinary files, for other tools to read; reading it back gives the
rendered pixels.

::

    dataset.json                      format, configuration, fingerprint
    splits/train.txt                  clip names, one per line
    clips/actor003/outfit1/
        frames/00000.png              RGB
        masks/00000.png               grey, 255 = person
        background.png                the room
        body.npz                      betas (10,), poses (T, 72), cams (T, 3), float32
        clip.json                     sha256 of every file above; written last, so it marks a finished clip

Format 1. Every file is checked against its sha256 when it is read.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from iper_bench.body import load_body
from iper_bench.data.clip import BodyTrack
from iper_bench.data.image_io import decode_png, encode_png
from iper_bench.data.synthetic.casting import Part
from iper_bench.data.synthetic.config import RENDERING_VERSION, SyntheticConfig
from iper_bench.data.synthetic.film import Block, Film, scene_of
from iper_bench.data.synthetic.parcel import Opening
from iper_bench.data.synthetic.scene import Scene
from iper_bench.errors import UserError

FORMAT = 1
MANIFEST = "dataset.json"
CLIP_MANIFEST = "clip.json"
BACKGROUND, BODY = "background.png", "body.npz"


def frame_file(index: int) -> str:
    """File of a frame inside its clip."""
    return f"frames/{index:05d}.png"


def mask_file(index: int) -> str:
    """File of a matte inside its clip."""
    return f"masks/{index:05d}.png"


def clip_folder(root: Path, part: Part) -> Path:
    """Folder of a clip."""
    return root / "clips" / part.name


def remake_hint(root: Path) -> str:
    """What to type to mend a folder."""
    return f"iper-bench data make-synthetic --out {root} with its former options; finished clips are kept"


def manifest_of(config: SyntheticConfig, fingerprint: str) -> dict[str, Any]:
    """Content of ``dataset.json``."""
    return {
        "format": FORMAT,
        "name": "synthetic",
        "config": asdict(config),
        "rendering": RENDERING_VERSION,
        "fingerprint": fingerprint,
    }


def read_manifest(root: Path) -> dict[str, Any]:
    """``dataset.json`` of a folder. Raises UserError when it is missing, damaged or of another format."""
    path = root / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = manifest["format"]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(
            "no synthetic dataset in this folder", where=str(root), expected=MANIFEST, hint=remake_hint(root)
        ) from error
    except OSError as error:
        raise UserError(
            f"cannot read: {error.strerror}",
            where=str(path),
            expected="a file written by iper-bench data make-synthetic",
            hint="another folder",
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            "damaged file", where=str(path), hint="remove the folder and make it again"
        ) from error
    if found != FORMAT:
        raise UserError(f"format {found}", where=str(path), expected=f"format {FORMAT}")
    return manifest


def open_folder(root: Path) -> tuple[SyntheticConfig, FolderFilm, str]:
    """Configuration, frames and fingerprint of a folder. Raises UserError as :func:`read_manifest`."""
    manifest = read_manifest(root)
    known = {field.name: type(field.default) for field in fields(SyntheticConfig)}
    config, fingerprint = manifest.get("config"), manifest.get("fingerprint")
    if not isinstance(config, dict) or set(config) != set(known) or not isinstance(fingerprint, str):
        raise UserError(
            "damaged file", where=str(root / MANIFEST), expected=f"config with {', '.join(known)}"
        )
    wrong = sorted(name for name, kind in known.items() if type(config[name]) is not kind)
    if wrong:
        raise UserError(
            f"config.{wrong[0]} {config[wrong[0]]!r}",
            where=str(root / MANIFEST),
            expected=known[wrong[0]].__name__,
        )
    chosen = SyntheticConfig(**config)
    return chosen, FolderFilm(chosen, root, fingerprint), fingerprint


class FolderFilm(Film):
    """Frames read from the files of a folder.

    Parameters
    ----------
    fingerprint: of the folder; its scenes are known when this version would give it the same one.
    """

    def __init__(self, config: SyntheticConfig, root: Path, fingerprint: str) -> None:
        super().__init__(config)
        self.root = root
        self._fingerprint = fingerprint
        self._digests: dict[str, dict[str, str]] = {}

    def scene(self, part: Part) -> Scene:
        """The scene that was rendered. Raises UserError when another version or body rendered it."""
        if self._fingerprint != self.config.fingerprint(load_body(self.config.body).sha256):
            raise UserError(
                "made by another version, whose scenes are not known",
                where=str(self.root),
                expected=f"rendering version {RENDERING_VERSION}",
                hint="iper-bench data make-synthetic --out ANOTHER_FOLDER",
            )
        return scene_of(self.config, part)

    def read(self, part: Part, name: str) -> bytes:
        """A file of a clip.

        Raises UserError, naming clip and file, when it is missing or its sha256 differs.
        """
        digest = self.digests(part).get(name)
        path = clip_folder(self.root, part) / name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(
                f"cannot read {name}: {error.strerror}",
                where=f"clip '{part.name}'",
                hint=remake_hint(self.root),
            ) from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise UserError(
                f"{name} is damaged (sha256 differs)",
                where=f"clip '{part.name}'",
                hint=remake_hint(self.root),
            )
        return content

    def digests(self, part: Part) -> dict[str, str]:
        """sha256 by file name. Raises UserError for a clip that is not finished."""
        if part.name not in self._digests:
            found = read_digests(self.root, part)
            if found is None:
                raise UserError(
                    "not finished", where=f"clip '{part.name}' in {self.root}", hint=remake_hint(self.root)
                )
            self._digests[part.name] = found
        return self._digests[part.name]

    def _open(self, part: Part) -> Opening:
        with np.load(io.BytesIO(self.read(part, BODY)), allow_pickle=False) as body:
            track = BodyTrack(body["betas"], body["poses"], body["cams"])
        if len(track) != self.length(part):
            raise UserError(
                f"{BODY} holds {len(track)} frames",
                where=f"clip '{part.name}' in {self.root}",
                expected=str(self.length(part)),
            )
        return Opening(track, decode_png(self.read(part, BACKGROUND)))

    def _block(self, part: Part, number: int) -> Block:
        indices = range(*self.span(part, number))
        frames = [decode_png(self.read(part, frame_file(index))) for index in indices]
        masks = [decode_png(self.read(part, mask_file(index))) for index in indices]
        return np.stack(frames), np.stack(masks)


def read_digests(root: Path, part: Part) -> dict[str, str] | None:
    """sha256 of the files of a finished clip; ``None`` when it is not finished."""
    try:
        content = json.loads((clip_folder(root, part) / CLIP_MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    files = content.get("files") if isinstance(content, dict) else None
    return files if isinstance(files, dict) else None


def clip_files(opening: Opening, frames: list[Block]) -> dict[str, bytes]:
    """Content of every file of a clip, by name."""
    track = opening.track
    body = io.BytesIO()
    np.savez(body, betas=track.betas, poses=track.poses, cams=track.cams)
    files = {BACKGROUND: encode_png(opening.room), BODY: body.getvalue()}
    index = 0
    for block, mattes in frames:
        for frame, matte in zip(block, mattes, strict=True):
            files[frame_file(index)] = encode_png(frame)
            files[mask_file(index)] = encode_png(matte)
            index += 1
    return files
