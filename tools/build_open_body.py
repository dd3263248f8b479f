"""Build the open body that ships in ``iper_bench/body/assets`` (see docs/open_body.md).

    pip install -e '.[body-build]'
    python tools/build_open_body.py

The first run fills anny's own cache of 0.9 GB (in the home folder unless ANNY_CACHE_DIR says otherwise); its
cost stands in docs/open_body.md. Deterministic: the same versions of anny, numpy, scipy and
fast-simplification give the same bytes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from open_body.decimation import CoarseMesh, decimate
from open_body.landmarks import landmark_points, nearest_vertices
from open_body.packing import pack, write_bodies
from open_body.sampling import Samples, draw_samples
from open_body.shape_space import fit_regressor, regressor_error, shape_space
from open_body.straighten import PARENTS, local_axis_angles, straighten

ASSETS = Path(__file__).resolve().parent.parent / "iper_bench" / "body" / "assets"
# name: faces wanted, of which eyeballs
MESHES = {"open-coarse": (4600, 48), "open-mid": (13776, 88)}
SAMPLE_COUNT = 400
Floats = NDArray[np.float32]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--output", type=Path, default=ASSETS, help="folder for the files (default: the package's)"
    )
    parser.add_argument("--samples", type=int, default=SAMPLE_COUNT, help="adults behind the shape space")
    arguments = parser.parse_args()
    samples = draw_samples(arguments.samples)
    print(f"dense mesh: {samples.vertices.shape[1]} vertices, {len(samples.faces)} faces")
    straight = [
        straighten(v, j, samples.weights) for v, j in zip(samples.vertices, samples.joints, strict=True)
    ]
    bodies = np.stack([item[0] for item in straight])[1:]
    joints = np.stack([item[1] for item in straight])[1:]
    poses = np.stack([local_axis_angles(item[2]) for item in straight])[1:]
    stature = bodies[..., 1].max(1) - bodies[..., 1].min(1)
    print(
        f"stature mean {stature.mean():.3f} SD {stature.std():.3f} "
        f"min {stature.min():.3f} max {stature.max():.3f} m"
    )
    mean, directions, coefficients = shape_space(bodies)
    residual = np.linalg.norm(
        mean + np.einsum("vdk,nk->nvd", directions, coefficients, optimize=True) - bodies, axis=-1
    )
    print(f"ten components: mean vertex residual {residual.mean() * 1000:.2f} mm")
    points = landmark_points(samples, mean)
    files: dict[str, bytes] = {}
    for name, (target, eye_target) in MESHES.items():
        mesh = decimate(samples, mean, joints.mean(0), target, eye_target)
        arrays = assemble(mesh, samples, mean, directions, bodies, joints)
        arrays["landmarks"] = nearest_vertices(points, arrays["template"])
        files[name] = pack(**arrays)
        print(
            json.dumps({"name": name, **figures(mesh, arrays, samples, bodies, joints, coefficients, poses)})
        )
        print(f"{name}: {len(files[name])} bytes")
    print(json.dumps(write_bodies(arguments.output, files), indent=1))


def assemble(
    mesh: CoarseMesh, samples: Samples, mean: Floats, directions: Floats, bodies: Floats, joints: Floats
) -> dict[str, Any]:
    """The arrays of one file."""
    weights = mesh.carry(samples.weights.astype(np.float64))
    weights /= weights.sum(1, keepdims=True)
    coarse = mesh.positions(bodies)
    dense_directions = directions.reshape(len(directions), -1)
    return {
        "template": mesh.positions(mean),
        "shape_dirs": mesh.carry(dense_directions).reshape(-1, 3, directions.shape[2]),
        "weights": weights,
        # the even half fits, the odd half is left for the error figure
        "regressor": fit_regressor(coarse[::2], joints[::2], weights, PARENTS),
        "faces": mesh.faces,
        "face_uv": mesh.face_uv,
        "eye_faces": mesh.eye_faces,
    }


def figures(
    mesh: CoarseMesh,
    arrays: dict[str, Any],
    samples: Samples,
    bodies: Floats,
    joints: Floats,
    coefficients: Floats,
    poses: Floats,
) -> dict[str, Any]:
    """What docs/open_body.md reports: regressor error per joint, and the way to anny's A-pose and back, in
    millimetres.
    """
    regressor = arrays["regressor"]
    coarse = mesh.positions(bodies)
    weights = arrays["weights"]
    collar = weights[:, [13, 14]].sum(1) > 0.3
    exact, modelled = [], []
    for row in range(1, len(bodies), 20):
        wanted = mesh.carry(samples.vertices[row + 1]) - samples.joints[row + 1, 0]
        for kept, shape in (
            (exact, mesh.carry(bodies[row])),
            (modelled, arrays["template"] - mesh.offset + arrays["shape_dirs"] @ coefficients[row]),
        ):
            rest_joints = joints[row] if kept is exact else regressor @ (shape + mesh.offset)
            posed, pelvis = _pose(shape, rest_joints, weights, poses[row])
            kept.append(np.linalg.norm(posed - pelvis - wanted, axis=1) * 1000)
    loss = 1 - np.sort(weights, 1)[:, ::-1][:, :6].sum(1)
    return {
        "vertices": len(weights),
        "faces": len(mesh.faces),
        "uv_repaired": mesh.repaired,
        "regressor_error_mm": np.round(regressor_error(regressor, coarse[1::2], joints[1::2]), 2).tolist(),
        "regressor_entries": (regressor != 0).sum(1).tolist(),
        "regressor_weight_sum_abs": np.round(np.abs(regressor).sum(1), 1).tolist(),
        "round_trip_true_joints_mm": _summary(np.stack(exact), collar),
        "round_trip_through_model_mm": _summary(np.stack(modelled), collar),
        "weight_lost_beyond_six": round(float(loss.max()), 4),
    }


def _summary(error: Floats, collar: NDArray[np.bool_]) -> dict[str, float]:
    return {
        "mean": round(float(error.mean()), 3),
        "p95": round(float(np.quantile(error, 0.95)), 3),
        "max": round(float(error.max()), 3),
        "collar_mean": round(float(error[:, collar].mean()), 3),
    }


def _pose(vertices: Floats, joints: Floats, weights: Floats, pose: Floats) -> tuple[Floats, Floats]:
    """Linear blend skinning by the package itself: vertices (V, 3) and pelvis (3,)."""
    import torch

    from iper_bench.body.lbs import joint_transforms, rotation_matrices, skin

    rest = torch.as_tensor(np.asarray(vertices, np.float32))[None]
    start = torch.as_tensor(np.asarray(joints, np.float32))[None]
    world, posed = joint_transforms(rotation_matrices(torch.from_numpy(pose)[None]), start, PARENTS)
    moved = skin(rest, start, world, posed, torch.as_tensor(np.asarray(weights, np.float32)))
    return moved[0].numpy(), posed[0, 0].numpy()


if __name__ == "__main__":
    main()
