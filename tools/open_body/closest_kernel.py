"""The Warp kernel of :func:`open_body.decimation.closest`."""

import warp as wp


@wp.kernel
def closest_point(
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    reach: float,
    face: wp.array(dtype=wp.int32),
    first: wp.array(dtype=float),
    second: wp.array(dtype=float),
):
    """Face and first two barycentric coordinates of the point of ``mesh`` nearest to every one of
    ``points``.
    """
    index = wp.tid()
    found = wp.mesh_query_point_no_sign(mesh, points[index], reach)
    face[index] = found.face
    first[index] = found.u
    second[index] = found.v
