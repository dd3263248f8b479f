"""``Correspondence``: which point of the body every pixel shows.

From: the paper's correspondence map C (arXiv 2011.09055, Algorithm 1) in the form of the released code: a
face index map and a weight map.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from iper_bench.body.camera import project
from iper_bench.body.rasteriser import rasterise


@dataclass(frozen=True)
class Correspondence:
    """N posed bodies in their images.

    Attributes
    ----------
    projected: (N, V, 3) float32: x, y in [-1, 1] (y down) and depth in metres.
    fim: (N, S, S) int64 face indices, -1 = background, row 0 = top.
    wim: (N, S, S, 3) float32 barycentric weights in vertex order, 0 = background.
    """

    projected: Tensor
    fim: Tensor
    wim: Tensor

    def __len__(self) -> int:
        """N."""
        return len(self.fim)

    @property
    def size(self) -> int:
        """S."""
        return self.fim.shape[-1]

    @property
    def background(self) -> Tensor:
        """(N, 1, S, S) float32 silhouette, 1 = background, 0 = body."""
        return (self.fim < 0).to(self.wim.dtype).unsqueeze(1)

    def take(self, rows: list[int] | Tensor) -> Correspondence:
        """The bodies ``rows``, in that order."""
        return Correspondence(self.projected[rows], self.fim[rows], self.wim[rows])


def correspond(
    vertices: Tensor, cams: Tensor, faces: Tensor, size: int, *, cull: bool = True, backend: str | None = None
) -> Correspondence:
    """Project bodies (N, V, 3) through cameras (N, 3) and rasterise them; the rest as in
    :func:`rasterise`."""
    projected = project(vertices, cams)
    fim, wim = rasterise(projected, faces, size, cull=cull, backend=backend)
    return Correspondence(projected, fim, wim)
