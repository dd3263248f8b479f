"""Boxes around head and body, and crops of image tensors by boxes.

From: iPERCore's training data and discriminators. Boxes are ``(x0, x1, y0, y1)`` in pixels (several official
docstrings claim another order), half open: ``image[y0:y1, x0:x1]``.
Agrees with: official boxes from the 19 "cocoplus" joints to one pixel (truncation of float32 numbers),
official crops to 1e-5.
Differs: nothing is resized in place; an empty box is reported by :func:`filled_rows`, never cropped. The
regressor of the cocoplus joints lies in licensed files only, so :func:`box_joints` takes the SMPL joints and
vertices of the same names.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from iper_bench.body.model import BodyModel
from iper_bench.errors import UserError

HEAD_JOINTS = slice(12, 19)  # cocoplus: neck, head top, nose, eyes, ears
HEAD_MARGIN = 0.05  # of the image side, on three sides; nothing is added below (iPERCore)
BODY_FACTOR = 1.2  # of width and height (iPERCore)
#: SMPL's numbers of cocoplus 0 to 12: right ankle, knee, hip, left hip, knee, ankle, right wrist, elbow,
#: shoulder, left shoulder, elbow, wrist, neck
LIMB_JOINTS = (8, 5, 2, 1, 4, 7, 21, 19, 17, 16, 18, 20, 12)
FACE_POINTS = ("nose", "leye", "reye", "lear", "rear")  # cocoplus 14 to 18


def box_joints(body: BodyModel, projected: Tensor) -> Tensor:
    """Stand-ins for the 19 cocoplus joints, (N, 19, 2), from projected vertices (N, V, 3), both in [-1, 1].

    SMPL's joint regressor is applied to the posed vertices, as the official one is; the top of the head is
    the vertex that is highest in the T-pose. Raises UserError for a body without the landmarks of the face.
    """
    if not set(FACE_POINTS) <= set(body.landmarks):
        raise UserError(
            f"body '{body.name}' has no landmarks of the face", expected="a body with SMPL's topology"
        )
    points = projected[..., :2]
    limbs = torch.einsum("jv,nvd->njd", body.joint_regressor[list(LIMB_JOINTS)], points)
    top = int(body.template[:, 1].argmax())
    return torch.cat([limbs, points[:, [top, *(body.landmarks[name] for name in FACE_POINTS)]]], 1)


def _pixels(x0: Tensor, x1: Tensor, y0: Tensor, y1: Tensor, size: int) -> Tensor:
    box = torch.stack([x0, x1, y0, y1], -1).clamp(0.0, 1.0) * size
    return box.to(torch.int64)  # truncation, as released


def head_boxes(joints: Tensor, size: int) -> Tensor:
    """Head boxes (N, 4) int64 from projected cocoplus joints (N, 19, 2) in [-1, 1] for images of side
    ``size``.
    """
    head = (joints[:, HEAD_JOINTS] + 1.0) / 2.0
    low, high = head.amin(1), head.amax(1)
    return _pixels(
        low[:, 0] - HEAD_MARGIN, high[:, 0] + HEAD_MARGIN, low[:, 1] - HEAD_MARGIN, high[:, 1], size
    )


def body_boxes(joints: Tensor, size: int, factor: float = BODY_FACTOR) -> Tensor:
    """Body boxes (N, 4) int64, enlarged by ``factor``, from cocoplus joints (N, 19, 2) in [-1, 1]."""
    points = (joints + 1.0) / 2.0
    low, high = points.amin(1), points.amax(1)
    centre, half = (low + high) / 2.0, (high - low) * factor / 2.0
    low, high = centre - half, centre + half
    return _pixels(low[:, 0], high[:, 0], low[:, 1], high[:, 1], size)


def filled_rows(boxes: Tensor) -> list[int]:
    """Indices of the boxes (N, 4) that hold at least one pixel."""
    rows = boxes.tolist()
    return [i for i, (x0, x1, y0, y1) in enumerate(rows) if x1 > x0 and y1 > y0]


def crop_boxes(images: Tensor, boxes: Tensor, height: int, width: int) -> Tensor | None:
    """Cut one box from each image and bring all to one size (bilinear, align_corners=True).

    Parameters
    ----------
    images: (N, C, H, W); boxes: (N, 4) integers (x0, x1, y0, y1).

    Returns
    -------
    (M, C, height, width) for the M images whose box is not empty, ``None`` when all are empty.
    """
    rows = boxes.tolist()
    crops = []
    for i in filled_rows(boxes):
        x0, x1, y0, y1 = (int(v) for v in rows[i])
        patch = images[i : i + 1, :, y0:y1, x0:x1]
        crops.append(F.interpolate(patch, size=(height, width), mode="bilinear", align_corners=True))
    return torch.cat(crops) if crops else None
