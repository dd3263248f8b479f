"""What a user hands in - arrays, tensors, folders, videos, or a mapping from clips to any of these - as lists
of frames by clip.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from iper_bench.data.frame_list import FrameList, open_frames
from iper_bench.data.frame_list_array import frames_of_array
from iper_bench.data.frame_name import printable
from iper_bench.data.prediction_folder import find_clips, holds_frames, unused_entries
from iper_bench.errors import UserError, unknown_name
from iper_bench.run.comparison import PARTIAL, listed
from iper_bench.run.preflight_expected import ONE, expect_references

Range = tuple[float, float]
UNNAMED = "clip"  # name of the only clip where nothing names it


def open_references(handed: Any, *, value_range: Range | None = None) -> dict[str, FrameList]:
    """Clip -> frames. A single clip that nothing names is called :data:`ONE`.

    Raises UserError when there is nothing to read, or for an array that is not understood.
    """
    if isinstance(handed, Mapping):
        return _named(handed, "references", value_range)
    if isinstance(handed, str | os.PathLike):
        return {name: one.motion for name, one in expect_references(_path(handed, "references")).items()}
    return {ONE: frames_of_array(_channels_last(handed), value_range=value_range, field="references")}


def open_predictions(
    handed: Any,
    names: Sequence[str],
    *,
    value_range: Range | None = None,
    partial: bool = False,
    others: bool = False,
) -> dict[str, FrameList]:
    """Clip -> frames, for the clips ``names`` that are there.

    Raises
    ------
    UserError when there is nothing to read, for one clip where several are expected or the reverse, unless
    ``partial`` when a clip is missing, and unless ``others`` or ``partial`` when nobody asked for one.
    """
    if isinstance(handed, Mapping):
        if list(names) == [ONE]:
            raise UserError(
                f"predictions of {len(handed)} clips by name, but the references are one clip without a name",
                where="predictions",
                expected="both by name, or neither",
            )
        extra = [str(name) for name in handed if name not in names]
        if extra and not (partial or others):
            raise unknown_name("clip", printable(extra[0]), names, where="predictions")
        wanted = {name: handed[name] for name in names if name in handed}
        if not wanted:
            raise UserError(
                f"none of the {len(names)} clips is here, but {listed(extra)}",
                where="predictions",
                expected=listed(list(names)),
            )
        return _complete(_named(wanted, "predictions", value_range), names, "predictions", partial)
    if not isinstance(handed, str | os.PathLike):
        frames = frames_of_array(_channels_last(handed), value_range=value_range, field="predictions")
        return {_only(names, "predictions"): frames}
    return _of_path(_path(handed, "predictions"), names, partial, others)


def _of_path(path: Path, names: Sequence[str], partial: bool, others: bool) -> dict[str, FrameList]:
    where = printable(str(path))
    if holds_frames(path):
        return {_only(names, where): open_frames(path)}
    if list(names) == [ONE]:
        raise UserError(
            "no frames here, but the references are the frames of one clip",
            where=where,
            expected="a folder of pictures or a video",
            hint="the folder of one clip, or references with one folder per clip",
        )
    places = find_clips(path, names)
    unused = unused_entries(path, places)
    if unused and not (partial or others):
        raise UserError(
            f"folders or videos that are no clip: {listed(unused)}",
            where=where,
            expected=f"only {listed(list(names))}; '/' may stand for '_'",
            hint=f"move them away, or {PARTIAL}",
        )
    opened = {name: open_frames(place, path) for name, place in places.items()}
    return _complete(opened, names, where, partial)


def _complete(
    found: dict[str, FrameList], names: Sequence[str], where: str, partial: bool
) -> dict[str, FrameList]:
    absent = [name for name in names if name not in found]
    if absent and not partial:
        raise UserError(
            f"{len(absent)} of {len(names)} clips are missing: {listed(absent)}",
            where=where,
            expected="predictions for every clip",
            hint=PARTIAL,
        )
    return found


def _named(handed: Mapping[Any, Any], field: str, value_range: Range | None) -> dict[str, FrameList]:
    if not handed:
        raise UserError("no clip", where=field, expected="at least one")
    found: dict[str, FrameList] = {}
    for name, one in handed.items():
        where = f"{field}['{printable(str(name))}']"
        if not isinstance(name, str) or not name:
            raise UserError(f"a clip called {name!r}"[:80], where=field, expected="names as text")
        if isinstance(one, str | os.PathLike):
            path = _path(one, where)
            if not holds_frames(path):
                raise UserError(
                    "no frames here", where=f"{where}, {printable(str(path))}", expected="pictures or a video"
                )
            found[name] = open_frames(path)
        else:
            found[name] = frames_of_array(_channels_last(one), value_range=value_range, field=where)
    return found


def _path(handed: str | os.PathLike[str], where: str) -> Path:
    if not os.fspath(handed):
        raise UserError("an empty path", where=where, expected="a folder or a video")
    return Path(handed)


def _only(names: Sequence[str], where: str) -> str:
    if len(names) == 1:
        return names[0]
    raise UserError(
        f"the frames of one clip, but {len(names)} clips are expected",
        where=where,
        expected=f"one folder, video or array per clip: {listed(list(names))}",
        hint=f"--clip {printable(names[0])} (clips=['{printable(names[0])}'])",
    )


def _channels_last(frames: Any) -> Any:
    """(N, 3, H, W) as (N, H, W, 3). Raises UserError where a shape can be read in both ways."""
    shape = tuple(getattr(frames, "shape", ()))
    if len(shape) != 4 or shape[1] != 3:
        return frames
    if shape[3] == 3:
        raise UserError(
            f"shape {shape} can be (N, H, W, 3) or (N, 3, H, W)",
            where="frames",
            expected="frames of more than 3 pixels a side",
        )
    return frames.permute(0, 2, 3, 1) if hasattr(frames, "permute") else frames.transpose(0, 2, 3, 1)
