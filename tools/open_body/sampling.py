"""Adults drawn from anny's phenotypes, with anny's 104 bones folded into the 24 joints of SMPL.

From: anny 0.6.2 (code Apache-2.0, MakeHuman/MPFB2 assets CC0). Only its default topology is used; its "smpl"
and "smplx" topologies would download a non-commercial file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

SEED = 0
# anny bones whose head is the SMPL joint, in SMPL order.
JOINT_BONES = (
    "root", "upperleg01.L", "upperleg01.R", "spine03", "lowerleg01.L", "lowerleg01.R", "spine02",
    "foot.L", "foot.R", "spine01", "toe2-1.L", "toe2-1.R", "neck01", "clavicle.L", "clavicle.R", "head",
    "upperarm01.L", "upperarm01.R", "lowerarm01.L", "lowerarm01.R", "wrist.L", "wrist.R", "finger3-1.L",
    "finger3-1.R",
)  # fmt: skip
# Exact names and prefixes of bones (without side) to the joint; ``True`` adds one for the right side.
_EXACT = {
    "root": (0, False), "pelvis": (0, False), "spine05": (0, False), "spine04": (0, False),
    "spine03": (3, False), "spine02": (6, False), "spine01": (9, False), "foot": (7, True),
    "clavicle": (13, True), "shoulder01": (13, True), "wrist": (20, True), "jaw": (15, False),
}  # fmt: skip
_PREFIX = {
    "breast": (9, False), "neck": (12, False), "head": (15, False), "eye": (15, False), "tongue": (15, False),
    "upperleg": (1, True), "lowerleg": (4, True), "toe": (10, True), "upperarm": (16, True),
    "lowerarm": (18, True), "metacarpal": (20, True), "finger": (22, True),
}  # fmt: skip
# Faces nobody sees from outside.
HIDDEN = ("mouth_cavity", "tongue", "eye_cavity.L", "eye_cavity.R", "eye_back.L", "eye_back.R")


@dataclass(frozen=True)
class Samples:
    """Adults in anny's rest pose, already y-up and looking along +z, metres.

    Attributes
    ----------
    vertices: (S, V, 3) float32; the first row is the default adult, outside the statistics.
    joints: (S, 24, 3) float32.
    weights: (V, 24) float32 skinning weights.
    faces: (F, 3) and face_uv (F, 3, 2): triangles seen from outside, with their UV (v up).
    chart: (F,) id of the connected piece of the UV layout.
    eye: (F,) bool, faces of the eyeballs.
    bone: (V,) name of the anny bone with the largest weight.
    """

    vertices: Floats
    joints: Floats
    weights: Floats
    faces: Ints
    face_uv: Floats
    chart: Ints
    eye: NDArray[np.bool_]
    bone: NDArray[np.str_]


def smpl_joint(bone: str) -> int:
    """The SMPL joint that moves what ``bone`` moves. ValueError for a bone nobody thought of."""
    base, _, side = bone.partition(".")
    right = int(side == "R")
    if base in _EXACT:
        joint, sided = _EXACT[base]
        return joint + (right if sided else 0)
    for prefix, (joint, sided) in _PREFIX.items():
        if base.startswith(prefix):
            return joint + (right if sided else 0)
    raise ValueError(f"anny bone {bone} has no SMPL joint")


def phenotypes(count: int) -> dict[str, NDArray[np.float64]]:
    """``count`` adults. anny's height axis is far too wide: SD 0.07 of it gives a stature SD of 0.11 m."""
    rng = np.random.default_rng(SEED)
    drawn: dict[str, NDArray[np.float64]] = {
        "gender": np.clip(rng.choice([0.1, 0.9], count) + rng.normal(0, 0.12, count), 0, 1),
        "age": rng.uniform(0.67, 0.9, count),
        "muscle": np.clip(rng.normal(0.55, 0.22, count), 0, 1),
        "weight": np.clip(rng.normal(0.5, 0.2, count), 0, 1),
        "height": np.clip(rng.normal(0.45, 0.07, count), 0, 1),
        "proportions": rng.uniform(0.2, 1, count),
    }
    for name in ("cupsize", "firmness"):
        drawn[name] = np.clip(rng.normal(0.5, 0.2, count), 0, 1)
    origin = rng.dirichlet([0.6, 0.6, 0.6], count)
    for column, name in enumerate(("african", "asian", "caucasian")):
        drawn[name] = origin[:, column]
    return drawn


def draw_samples(count: int) -> Samples:
    """The default adult and ``count`` random ones (seed :data:`SEED`)."""
    import anny
    import torch

    torch.set_num_threads(1)
    model = anny.Anny(phenotypes="all")
    labels = list(model.bone_labels)
    heads = [labels.index(bone) for bone in JOINT_BONES]
    drawn = phenotypes(count)
    vertices, joints = [], []
    with torch.no_grad():
        for row in range(-1, count):
            kinds = {
                name: torch.tensor([values[row] if row >= 0 else {"age": 0.7}.get(name, 0.5)])
                for name, values in drawn.items()
            }
            blend = model.get_phenotype_blendshape_coefficients(**kinds)[0]
            rest = model.template_vertices + torch.einsum("k,kvd->vd", blend, model.blendshapes)
            bones = model.template_bone_heads + torch.einsum("k,kvd->vd", blend, model.bone_heads_blendshapes)
            vertices.append(_y_up(rest.numpy()))
            joints.append(_y_up(bones[heads].numpy()))
    return _seen_from_outside(model, labels, np.stack(vertices), np.stack(joints))


def _y_up(points: NDArray[Any]) -> Floats:
    """anny is z-up and looks along -y; SMPL is y-up and looks along +z."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], -1).astype(np.float32)


def _seen_from_outside(model: Any, labels: list[str], vertices: Floats, joints: Floats) -> Samples:
    """Fold the weights, drop the hidden faces and the vertices only they use."""
    from anny.face_segmentation import get_face_segmentation_mask

    bone_ids = model.vertex_bone_indices.numpy()
    bone_weights = model.vertex_bone_weights.numpy()
    to_joint = np.array([smpl_joint(label) for label in labels])
    weights = np.zeros((len(bone_ids), 24))
    for slot in range(bone_ids.shape[1]):
        np.add.at(weights, (np.arange(len(weights)), to_joint[bone_ids[:, slot]]), bone_weights[:, slot])
    weights /= weights.sum(1, keepdims=True)
    bone = np.array(labels)[np.take_along_axis(bone_ids, bone_weights.argmax(1)[:, None], 1)[:, 0]]

    faces = np.asarray(model.faces).astype(np.int64)
    uv_ids = np.asarray(model.face_texture_coordinate_indices).astype(np.int64)
    keep = ~np.asarray(get_face_segmentation_mask(model, list(HIDDEN)), dtype=bool)
    eye = np.asarray(get_face_segmentation_mask(model, ["eye_front.L", "eye_front.R"]), dtype=bool)
    used = np.unique(faces[keep])
    renumber = np.full(len(weights), -1)
    renumber[used] = np.arange(len(used))
    return Samples(
        vertices=vertices[:, used],
        joints=joints,
        weights=weights[used].astype(np.float32),
        faces=renumber[faces[keep]],
        face_uv=model.texture_coordinates.numpy()[uv_ids[keep]].astype(np.float32),
        chart=_charts(uv_ids[keep]),
        eye=eye[keep],
        bone=bone[used],
    )


def _charts(uv_ids: Ints) -> Ints:
    """Connected pieces of the UV layout: faces that share UV vertices."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = int(uv_ids.max()) + 1
    rows = np.concatenate([uv_ids[:, 0], uv_ids[:, 1]])
    columns = np.concatenate([uv_ids[:, 1], uv_ids[:, 2]])
    _, label = connected_components(coo_array((np.ones(len(rows)), (rows, columns)), shape=(size, size)))
    return label[uv_ids[:, 0]].astype(np.int64)
