"""Rendered frames as one block of bytes that proves its own integrity, for the cache.

A parcel is the line ``iper-bench frames 1``, the sha256 of the rest, and zlib-compressed arrays. Frames are
kept as differences to the room, which are zero outside the person, so that a block is small and quick to
read.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iper_bench.data.clip import BodyTrack

Images = NDArray[np.uint8]

HEAD = b"iper-bench frames 1\n"
_LEVEL = 1  # zlib: the zeros are most of it, and they pack well at any level
_DIGEST = 64  # hexadecimal digits of a sha256


class DamagedParcelError(Exception):
    """The bytes are not what was written; the text says how."""


def seal(content: bytes) -> bytes:
    """Wrap ``content`` with its sha256."""
    packed = zlib.compress(content, _LEVEL)
    return HEAD + hashlib.sha256(packed).hexdigest().encode() + packed


def unseal(parcel: bytes, length: int) -> bytes:
    """The content of :func:`seal`. Raises DamagedParcelError unless it is whole and ``length`` bytes long."""
    if not parcel.startswith(HEAD):
        raise DamagedParcelError("not a block of frames of this version")
    digest, packed = parcel[len(HEAD) : len(HEAD) + _DIGEST], parcel[len(HEAD) + _DIGEST :]
    if hashlib.sha256(packed).hexdigest().encode() != digest:
        raise DamagedParcelError("sha256 differs")
    content = zlib.decompress(packed)
    if len(content) != length:
        raise DamagedParcelError(f"{len(content)} bytes, expected {length}")
    return content


def pack_block(frames: Images, mattes: Images, room: Images) -> bytes:
    """Parcel of frames (N, S, S, 3) and mattes (N, S, S) in front of ``room`` (S, S, 3)."""
    return seal((frames - room).tobytes() + mattes.tobytes())


def unpack_block(parcel: bytes, count: int, room: Images) -> tuple[Images, Images]:
    """Frames and mattes of :func:`pack_block`; exact. Raises DamagedParcelError."""
    pixels = count * room.shape[0] * room.shape[1]
    content = np.frombuffer(unseal(parcel, 4 * pixels), np.uint8)
    frames = content[: 3 * pixels].reshape(count, *room.shape) + room
    return frames, content[3 * pixels :].reshape(count, *room.shape[:2]).copy()


@dataclass(frozen=True)
class Opening:
    """What a clip needs before its first frame: the body track and the room (S, S, 3) uint8."""

    track: BodyTrack
    room: Images


def pack_opening(opening: Opening) -> bytes:
    """Parcel of an opening."""
    track = opening.track
    arrays = [track.betas, track.poses, track.cams]
    return seal(b"".join(array.astype("<f4").tobytes() for array in arrays) + opening.room.tobytes())


def unpack_opening(parcel: bytes, count: int, size: int) -> Opening:
    """The opening of a clip of ``count`` frames of ``size`` pixels; exact. Raises DamagedParcelError."""
    floats = 10 + 75 * count
    content = unseal(parcel, 4 * floats + 3 * size * size)
    numbers = np.frombuffer(content, "<f4", floats).astype(np.float32)
    track = BodyTrack(
        numbers[:10], numbers[10 : 10 + 72 * count].reshape(-1, 72), numbers[10 + 72 * count :].reshape(-1, 3)
    )
    return Opening(track, np.frombuffer(content, np.uint8, offset=4 * floats).reshape(size, size, 3).copy())
