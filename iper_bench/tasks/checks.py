"""What is looked at before anything expensive: is there a person, is he in the picture, do the sources show
anything of what a target asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from iper_bench.body.camera import project
from iper_bench.body.correspondence import correspond
from iper_bench.body.model import BodyModel
from iper_bench.data.clip import BodyTrack, Images
from iper_bench.errors import UserError
from iper_bench.flow.foreground import INSIDE
from iper_bench.flow.transformation import visible_faces
from iper_bench.tasks.notes import Notes

FARTHEST = 8.0  # image coordinate beyond which nothing is drawn; the rasteriser reaches 16 at 1024 px
LEAVING = 0.10  # share of the frame's side by which a body may leave it before that is said
POORLY_SEEN = 0.5  # share of a target's body that the sources should show
_SOURCE_SIDE, _TARGET_SIDE = 512, 64  # rasters for the question alone: fine for faces, coarse for shares
_BATCH = 64  # bodies at once
_SHOWN = 5  # frame numbers in a line


def require_person(masks: Images, label: Callable[[int], str]) -> None:
    """Raise UserError for a matte (N, H, W) in which nobody stands; ``label`` names the frame."""
    for place, mask in enumerate(masks):
        if not (mask >= INSIDE).any():
            raise UserError(
                "shows no person: its mask is empty",
                where=label(place),
                expected="a mask with 255 where the person is",
                hint="another frame with --source-frames, or masks with --source-masks",
            )


def extents(body: BodyModel, track: BodyTrack) -> NDArray[np.float64]:
    """(T, 4) ``x0, y0, x1, y1`` of the projected bodies, the frame being [-1, 1], y down."""
    found = [np.zeros((0, 4))]
    for rows in _rows(len(track)):
        vertices = body.pose(torch.from_numpy(track.betas), torch.from_numpy(track.poses[rows])).vertices
        image = project(vertices, torch.from_numpy(track.cams[rows]))[..., :2]
        found.append(torch.cat([image.amin(1), image.amax(1)], 1).numpy().astype(np.float64))
    return np.concatenate(found)


def beyond(extent: NDArray[np.float64]) -> list[tuple[str, float, bool]]:
    """For every body the side over which it leaves the frame most, by how much (share of the frame's side,
    0 = not at all), and whether it lies wholly outside.
    """
    sides = ("left", "upper", "right", "lower")
    x0, y0, x1, y1 = extent.T
    over = np.stack([-1.0 - x0, -1.0 - y0, x1 - 1.0, y1 - 1.0]) / 2.0
    # wholly outside: even the nearer end is beyond the edge
    gap = np.stack([-1.0 - x1, -1.0 - y1, x0 - 1.0, y0 - 1.0]) / 2.0
    found = []
    for k in range(len(extent)):
        outside = bool(gap[:, k].max() >= 0)
        values = gap[:, k] if outside else over[:, k]
        side = int(np.argmax(values))
        found.append((sides[side], max(0.0, float(values[side])), outside))
    return found


def require_near(extent: NDArray[np.float64], label: Callable[[int], str]) -> None:
    """Raise UserError for a body so large or so far away that it cannot be drawn."""
    far = np.flatnonzero(np.abs(extent).max(1) > FARTHEST)
    if len(far):
        raise UserError(
            f"the body reaches {np.abs(extent[far[0]]).max() / 2:.0f} frame sides from the middle",
            where=label(int(far[0])),
            expected=f"at most {FARTHEST / 2:.0f}: cameras [s, tx, ty] with the frame as [-1, 1]",
            hint="a track made for square frames, or a smaller --zoom or --translate",
        )


def check_sources(body: BodyModel, track: BodyTrack, label: Callable[[int], str], notes: Notes) -> None:
    """Refuse a source whose body lies outside the frame, say when one leaves it.

    ``label`` names the frame of a row.
    """
    found = extents(body, track)
    require_near(found, label)
    for row, (side, share, outside) in enumerate(beyond(found)):
        if outside:
            raise UserError(
                f"the body lies wholly outside the frame, {share:.0%} of its side beyond the {side} edge",
                where=label(row),
                expected="a body inside the frame: cameras [s, tx, ty] with the frame as [-1, 1]",
                hint="another frame, or a track made for these frames",
            )
        if share > LEAVING:
            notes.say(
                f"{label(row)}: the body reaches {share:.0%} of the frame's side beyond its {side} edge; "
                "what is cut off cannot be seen"
            )


def check_targets(body: BodyModel, shown: torch.Tensor, targets: BodyTrack, notes: Notes) -> None:
    """Refuse motion in which no frame shows anything of the sources, name the frames where it does not.

    Parameters
    ----------
    shown: (F,) bool, the faces that the sources show; see :func:`shown_faces`.
    targets: as they will be drawn.
    """
    extent = extents(body, targets)
    require_near(extent, lambda frame: f"motion, frame {frame}")
    found = beyond(extent)
    outside = [frame for frame, (_, _, gone) in enumerate(found) if gone]
    if outside:
        side, share, _ = found[outside[0]]
        line = (
            f"the body lies wholly outside in {_frames(outside, len(targets))}, in frame {outside[0]} "
            f"{share:.0%} of the frame's side beyond its {side} edge"
        )
        if len(outside) == len(targets):
            raise UserError(line, expected="a person in the picture", hint="--camera source, or --stabilise")
        notes.say(line)
    seen = seen_shares(body, shown, targets)
    gone = set(outside)
    nothing = [frame for frame, share in enumerate(seen) if share == 0.0 and frame not in gone]
    if nothing and len(nothing) + len(outside) == len(targets):
        raise UserError(
            f"the sources show nothing of the body in {_frames(nothing, len(targets))}",
            expected="sources that show the sides that the motion shows",
            hint="more sources from other sides, with --sn or --source-frames",
        )
    if nothing:
        notes.say(f"the sources show nothing of the body in {_frames(nothing, len(targets))}")
    poor = [frame for frame, share in enumerate(seen) if 0.0 < share < POORLY_SEEN]
    if poor:
        worst = min(poor, key=lambda frame: seen[frame])
        notes.say(
            f"less than half of the body is visible in the sources in {_frames(poor, len(targets))} "
            f"(frame {worst}: {seen[worst]:.0%}); more sources help"
        )


def shown_faces(body: BodyModel, sources: BodyTrack) -> torch.Tensor:
    """(F,) bool: faces that at least one source shows."""
    shown = torch.zeros(body.face_count, dtype=torch.bool)
    for fim in _index_maps(body, sources, _SOURCE_SIDE):
        shown |= visible_faces(fim, body.face_count).any(0)
    return shown


def seen_shares(body: BodyModel, shown: torch.Tensor, targets: BodyTrack) -> list[float]:
    """Share of each target's body pixels whose face is ``shown`` (F,), 0 where there is no body."""
    shares: list[float] = []
    for fim in _index_maps(body, targets, _TARGET_SIDE):
        inside = fim >= 0
        seen = shown[fim.clamp(min=0)] & inside
        counts = inside.flatten(1).sum(1).clamp(min=1)
        shares += (seen.flatten(1).sum(1) / counts).tolist()
    return shares


def _index_maps(body: BodyModel, track: BodyTrack, side: int) -> Iterator[torch.Tensor]:
    for rows in _rows(len(track)):
        posed = body.pose(torch.from_numpy(track.betas), torch.from_numpy(track.poses[rows]))
        yield correspond(posed.vertices, torch.from_numpy(track.cams[rows]), body.faces, side).fim


def _rows(count: int) -> Iterator[slice]:
    return (slice(start, start + _BATCH) for start in range(0, count, _BATCH))


def _frames(frames: Sequence[int], total: int) -> str:
    """``"frames 3, 4, 5 (3 of 48)"``, the first few."""
    if len(frames) == total:
        return "every frame" if total > 1 else "the only frame"
    shown = ", ".join(str(frame) for frame in frames[:_SHOWN])
    more = ", ..." if len(frames) > _SHOWN else ""
    return f"frame{'s' if len(frames) > 1 else ''} {shown}{more} ({len(frames)} of {total})"
