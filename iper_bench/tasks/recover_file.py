"""``recover_file``: a recovered track as a file, with a look at it, and what is to be said about it."""

from __future__ import annotations

from pathlib import Path

from iper_bench.atomic import require_place
from iper_bench.data.track_file import write_track
from iper_bench.errors import UserError
from iper_bench.tasks.notes import Notes
from iper_bench.tasks.recover_track import Distances, RecoverRequest, recover_track
from iper_bench.tasks.track_overlay import draw_overlay, require_video

TRACK_SUFFIX = ".npz"


def recover_file(request: RecoverRequest, out: Path, overlay: Path | None = None) -> list[tuple[str, str]]:
    """Recover a track, write it to ``out`` and, if asked, a video with the body over the frames to
    ``overlay``; oddities go to standard error, one line each.

    Returns
    -------
    What was done, as pairs of words: frames, body, distances from the keypoints, files.

    Raises
    ------
    UserError for what :func:`recover_track` refuses, and, before anything is computed, for an ``out`` or
    ``overlay`` that cannot be written or would take the place of an input. The track is written before the
    overlay is drawn.
    """
    _require_places(request, out, overlay)
    found = recover_track(request, Notes())
    write_track(out, found.file)
    lines = [("frames", f"{len(found.file.track)}"), ("body", str(found.file.body))]
    if found.distances is not None:
        lines.append(("reprojection", _words(found.distances)))
    lines += [("smoothed", "yes" if found.smoothed else "no"), ("track", str(out))]
    if overlay is not None:
        draw_overlay(overlay, found.reel, found.file.track, found.body, found.keypoints)
        lines.append(("overlay", str(overlay)))
    return lines


def _words(distances: Distances) -> str:
    steps = [("", distances.first), ("refined", distances.refined), ("smoothed", distances.smoothed)]
    words = [f"{value:.2f} px {step}".rstrip() for step, value in steps if value is not None]
    return ", ".join(words)


def _require_places(request: RecoverRequest, out: Path, overlay: Path | None) -> None:
    if out.suffix.lower() != TRACK_SUFFIX:
        raise UserError(
            f"a track in a '{out.suffix}'",
            where=str(out),
            expected="a name that ends in .npz",
            hint="track.npz",
        )
    if overlay is not None:
        require_video(overlay)
    text = request.reel.text
    inputs = [
        *(Path(text) for text in ([text] if text is not None else [])),
        *(request.reel.track, request.reel.masks, request.weights, request.keypoints, request.boxes),
    ]
    given = [path.resolve() for path in inputs if path is not None]
    for path in (out, overlay):
        if path is None:
            continue
        require_place(path)
        if path.resolve() in given:
            raise UserError("would be written over what is read", where=str(path), expected="another name")
