"""Names of videos in a protocol file: parts between slashes that cannot leave the dataset's folder."""

from __future__ import annotations

import re
from typing import Any

from iper_bench.errors import UserError
from iper_bench.protocol.fields import Fields

LONGEST_PART = 255  # bytes; no file system in use has longer names of folders
#: the same rule for tools that read JSON Schema; what cannot be printed is refused by :func:`video_name` only
PATTERN = r"^(?![A-Za-z]:)(?!\.{1,2}(/|$))[^/\\\x00-\x1f]+(/(?!\.{1,2}(/|$))[^/\\\x00-\x1f]+)*$"
_DRIVE = re.compile(r"[A-Za-z]:")


def read_video(fields: Fields, key: str) -> str:
    """The name of a video at ``key``. Raises UserError as :func:`video_name`."""
    return video_name(fields.raw(key), fields.place(key))


def video_name(value: Any, where: str) -> str:
    """``value`` when it is the name of a video, such as ``001/9/1`` or ``91M3UFSKn8S.mp4``.

    Raises UserError for anything but text, an absolute name, a drive, ``.``, ``..`` or an empty part, a
    backslash, characters that cannot be printed, a part of more than 255 bytes.
    """
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"found {value!r}"[:80], where=where, expected="a text")
    parts = value.split("/")
    wrong = (
        any(part in ("", ".", "..") for part in parts)
        or "\\" in value
        or _DRIVE.match(value) is not None
        or not value.isprintable()
        or any(len(part.encode()) > LONGEST_PART for part in parts)
    )
    if wrong:
        raise UserError(
            f"found {value!r}"[:160],
            where=where,
            expected="the name of a video inside the dataset's folder, such as 001/9/1 or dance.mp4",
        )
    return value
