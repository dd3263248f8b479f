"""Which pixel of a source every body pixel of a target comes from, whether the source shows it, and coarse
body parts, all from two posed meshes of one topology.

From: Dense Intrinsic Appearance Flow for Human Pose Transfer (Li et al., CVPR 2019) and the facts of its data
scripts. Must agree with the ``diaf_geometry`` oracle (maps exactly, flow within 1e-4). Positions are pixels
with whole numbers at pixel centres.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from iper_bench.atomic import write_bytes
from iper_bench.body.correspondence import correspond
from iper_bench.body.model import BodyModel
from iper_bench.conditions.part_labels import LABEL_COUNT, face_labels
from iper_bench.errors import UserError

VISIBLE, HIDDEN, BACKGROUND = 0, 1, 2  # classes of a visibility map
PARTS = (
    (13, 16),  # 1 head
    (1, 4, 7, 10),  # 2 torso
    (14, 17, 19, 21, 23),  # 3 left arm
    (15, 18, 20, 22, 24),  # 4 right arm
    (2, 5, 8, 11),  # 5 left leg
    (3, 6, 9, 12),  # 6 right leg
)
"""Labels (SMPL joint + 1) of the merged parts 1..6; 0 stays the background."""
MEDIAN = 5  # side of the window that cleans maps, pixels
_HEADER = 2  # whole numbers at the start of a .corr file: width and height
_LARGEST_SIDE = 1 << 14  # pixels; a .corr file that claims more is damaged


@dataclass(frozen=True)
class BodyFlow:
    """What two posed meshes say about a source and a target image of one size.

    Attributes
    ----------
    places: (H, W, 2) float32 x, y of the source pixel that every body pixel of the target comes from; 0
        elsewhere.
    visibility: (H, W) uint8: 0 = body whose face the source shows too, 1 = body whose face it does not show,
        2 = background.
    """

    places: NDArray[np.float32]
    visibility: NDArray[np.uint8]

    def flow(self) -> NDArray[np.float32]:
        """(2, H, W) float32 x, y pixels from the target's pixel to the source's, not farther than the image
        is wide and high; 0 on the background.
        """
        height, width = self.visibility.shape
        columns, rows = np.meshgrid(np.arange(width), np.arange(height))
        offset = self.places.transpose(2, 0, 1) - np.stack([columns, rows])
        limit = np.array([width, height]).reshape(2, 1, 1)
        inside = self.visibility != BACKGROUND
        return np.where(inside, np.clip(offset, -limit, limit), 0).astype(np.float32)


def body_flow(
    target: NDArray[np.floating],
    source: NDArray[np.floating],
    faces: NDArray[np.integer],
    target_faces: NDArray[np.integer],
    source_faces: NDArray[np.integer],
) -> BodyFlow:
    """Carry every body pixel of the target over to the source, within its triangle.

    Parameters
    ----------
    target, source: (V, 2) x, y of the vertices in the two images, pixels. faces: (F, 3).
    target_faces: (H, W) index of the face that every pixel shows; anything outside 0..F-1 is background.
    source_faces: the same of the source, of any shape.

    Raises
    ------
    ValueError for a pixel that shows a triangle without area.
    """
    count = len(faces)
    inside = (target_faces >= 0) & (target_faces < count)
    rows, columns = np.nonzero(inside)
    shown = target_faces[inside].astype(np.int64)
    weights = barycentric(np.stack([columns, rows], 1), np.asarray(target, np.float64)[faces[shown]])
    places = np.zeros((*target_faces.shape, 2), np.float32)
    places[inside] = np.einsum("nk,nkc->nc", weights, np.asarray(source, np.float64)[faces[shown]])
    in_source = np.zeros(count, bool)
    in_source[source_faces[(source_faces >= 0) & (source_faces < count)].astype(np.int64)] = True
    visibility = np.full(target_faces.shape, BACKGROUND, np.uint8)
    visibility[inside] = np.where(in_source[shown], VISIBLE, HIDDEN)
    return BodyFlow(places, visibility)


def barycentric(points: NDArray[np.number], triangles: NDArray[np.floating]) -> NDArray[np.float64]:
    """Weights (N, 3) of the corners (N, 3, 2) that make the points (N, 2). Raises ValueError for a triangle
    without area.
    """
    triangles = np.asarray(triangles, np.float64)
    edges = triangles[:, 1:] - triangles[:, :1]
    offset = np.asarray(points, np.float64) - triangles[:, 0]
    area = _cross(edges[:, 0], edges[:, 1])
    if not area.all():
        raise ValueError(f"triangle {int(np.argmin(area != 0))} has no area")
    second = _cross(offset, edges[:, 1]) / area
    third = _cross(edges[:, 0], offset) / area
    return np.stack([1 - second - third, second, third], 1)


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def median_of_body(labels: NDArray[np.uint8], background: int, window: int = MEDIAN) -> NDArray[np.uint8]:
    """Median-filter a label map (H, W), but only where it is not ``background``: a thin limb can become
    background, the background never body. ``window``: odd side in pixels, 1 = as it is. Raises ValueError for
    an even one.
    """
    return np.where(labels == background, labels, _median(labels, window)).astype(np.uint8)


def _median(labels: NDArray[np.uint8], window: int) -> NDArray[np.uint8]:
    if window < 1 or window % 2 == 0:
        raise ValueError(f"median window {window}; expected an odd number of pixels")
    return labels if window == 1 else np.asarray(cv2.medianBlur(labels, window), np.uint8)


def merged_parts(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Labels 0..24 (SMPL joint + 1) to 0..6: background, head, torso, left arm, right arm, left leg, right
    leg. Raises ValueError for other labels.
    """
    if labels.size and int(labels.max()) >= LABEL_COUNT:
        raise ValueError(f"label {int(labels.max())}; expected 0..{LABEL_COUNT - 1}")
    table = np.zeros(LABEL_COUNT, np.uint8)
    for part, members in enumerate(PARTS, 1):
        table[list(members)] = part
    return table[labels]


@dataclass(frozen=True)
class PairMaps:
    """Maps of N pairs of a source and a target frame at side S, as a network learns from them.

    Attributes
    ----------
    flow: (N, 2, S, S) float32, as :meth:`BodyFlow.flow`, 0 where ``visibility`` says background.
    visibility: (N, S, S) uint8 classes, cleaned.
    source_parts, target_parts: (N, S, S) uint8 labels 0..6, cleaned.
    """

    flow: NDArray[np.float32]
    visibility: NDArray[np.uint8]
    source_parts: NDArray[np.uint8]
    target_parts: NDArray[np.uint8]


def pair_maps(
    body: BodyModel,
    betas: Tensor,
    poses: Tensor,
    cams: Tensor,
    size: int,
    *,
    window: int = MEDIAN,
    neighbours: bool = False,
) -> PairMaps:
    """Maps of N pairs of frames, source and target, of a person each.

    Parameters
    ----------
    body: on any device. betas: (N, 10). poses: (N, 2, 72). cams: (N, 2, 3). size: side S, pixels.
    window: side of the median that cleans visibility and parts.
    neighbours: the source also shows faces that have a corner in common with one it shows. A small image
        skips faces between its pixels, which are no more hidden than the others.

    Raises
    ------
    ValueError for other shapes, or as the rasteriser does.
    """
    count = len(poses)
    if betas.shape != (count, 10) or poses.shape != (count, 2, 72) or cams.shape != (count, 2, 3):
        raise ValueError(
            f"shapes {tuple(betas.shape)}, {tuple(poses.shape)}, {tuple(cams.shape)}; "
            "expected (N, 10), (N, 2, 72), (N, 2, 3)"
        )
    posed = body.pose(betas.repeat_interleave(2, 0), poses.flatten(0, 1))
    drawn = correspond(posed.vertices, cams.flatten(0, 1).to(posed.vertices), body.faces, size)
    # pixel i has its centre at (2 i + 1 - S) / S
    plane = ((drawn.projected[..., :2].double() * size + (size - 1)) / 2).cpu().numpy()
    shown, faces = drawn.fim.cpu().numpy(), body.faces.cpu().numpy()
    of_face = np.append(face_labels(body).cpu().numpy(), 0).astype(np.uint8)  # -1, no face, takes the last
    parts = merged_parts(np.stack([_median(of_face[one], window) for one in shown]))
    flows, classes = [], []
    for k in range(0, 2 * count, 2):
        found = body_flow(plane[k + 1], plane[k], faces, shown[k + 1], _spread(shown[k], faces, neighbours))
        clean = median_of_body(found.visibility, BACKGROUND, window)
        flows.append(BodyFlow(found.places, clean).flow())
        classes.append(clean)
    return PairMaps(np.stack(flows), np.stack(classes), parts[::2], parts[1::2])


def _spread(shown: NDArray[np.int64], faces: NDArray[np.int64], neighbours: bool) -> NDArray[np.int64]:
    """The indices of ``shown`` and, if asked for, of the faces that have a corner in common with them."""
    if not neighbours:
        return shown
    touched = np.zeros(int(faces.max()) + 1, bool)
    touched[faces[shown[shown >= 0]]] = True
    return np.flatnonzero(touched[faces].any(1))


def corr_bytes(flow: BodyFlow) -> bytes:
    """The content of a ``.corr`` file: width and height (int32), places (float32 x, y, row by row),
    visibility (uint8); little-endian.
    """
    height, width = flow.visibility.shape
    header = np.array([width, height], "<i4").tobytes()
    return header + flow.places.astype("<f4").tobytes() + flow.visibility.astype(np.uint8).tobytes()


def write_corr(path: Path, flow: BodyFlow) -> None:
    """Write a ``.corr`` file atomically. Raises UserError when it cannot be written."""
    write_bytes(path, corr_bytes(flow))


def read_corr(path: Path) -> BodyFlow:
    """Read a ``.corr`` file.

    Raises
    ------
    UserError for a file that is missing, of another length than its header says, or that holds places that
    are not finite or classes above 2.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"cannot read the file ({error.strerror or error})", where=str(path), expected="a .corr file"
        ) from error
    start = 4 * _HEADER
    if len(content) < start:
        raise UserError(f"holds {len(content)} bytes", where=str(path), expected=f"{start} or more")
    width, height = (int(value) for value in np.frombuffer(content, "<i4", _HEADER))
    if not (0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE):
        raise UserError(
            f"claims {width}x{height} pixels",
            where=f"{path}, header",
            expected=f"width and height from 1 to {_LARGEST_SIDE}",
        )
    pixels = width * height
    expected = start + 9 * pixels
    if len(content) != expected:
        raise UserError(
            f"holds {len(content)} bytes",
            where=str(path),
            expected=f"{expected} for {width}x{height} pixels",
        )
    places = np.frombuffer(content, "<f4", 2 * pixels, start).reshape(height, width, 2)
    classes = np.frombuffer(content, np.uint8, pixels, start + 8 * pixels).reshape(height, width)
    if not np.isfinite(places).all():
        raise UserError("places are not finite", where=str(path), expected="finite numbers")
    if int(classes.max()) > BACKGROUND:
        raise UserError(f"class {int(classes.max())}", where=f"{path}, visibility", expected="0, 1 or 2")
    return BodyFlow(places.astype(np.float32), classes.copy())
