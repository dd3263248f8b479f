"""From sources and targets to the tensors that the three streams eat: the one place where training and
inference agree.

Two variants of the initial image and of visibility are offered (paper against released code, fact sheet
sections 3.3 and 4): ``"averaged"`` warps each source and averages visible overlaps (the paper's text),
``"uv-merge"`` goes through the UV image (released code). The background input is ``[image, mask]`` with mask
1 = background; with ``prefill`` the hole holds Telea's inpainting instead of zeros, a named deviation that
short training needs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iper_bench.body.camera import project
from iper_bench.body.model import BodyModel
from iper_bench.body.rasteriser import rasterise
from iper_bench.flow.condition import condition_table, uv_condition
from iper_bench.flow.foreground import filled_foreground, inpainted_background
from iper_bench.flow.initial import averaged_initial_image
from iper_bench.flow.transformation import face_corners, hide_faces, transformation_flow, visible_faces


@dataclass(frozen=True)
class InputOptions:
    """How the network's inputs are made.

    Attributes
    ----------
    visibility_size: raster side from which face visibility is read; 0 = the frame's own size (the literal
        Algorithm 1, which loses a third of the warp at 128 px with SMPL's face count).
    only_visible: hide faces that a source does not see from its flow into the attention (the paper; released
        code: false).
    background_dilate: odd side of the square that widens the person's hole in the background input
        (released: 11 at 512 px).
    band: pixels around the matte that are filled with the person's colours before warping.
    prefill: fill the hole of the background input by inpainting.
    """

    visibility_size: int = 512
    only_visible: bool = True
    background_dilate: int = 5
    band: int = 6
    prefill: bool = True

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for weight metadata."""
        return asdict(self)


@dataclass(frozen=True)
class BodyMaps:
    """Rasters of N posed bodies: projected (N, V, 3), fim (N, S, S) int64, wim (N, S, S, 3), visible (N, F)
    bool or None.
    """

    projected: Tensor
    fim: Tensor
    wim: Tensor
    visible: Tensor | None

    def take(self, rows: list[int]) -> BodyMaps:
        """The maps of the bodies ``rows``."""
        visible = None if self.visible is None else self.visible[rows]
        return BodyMaps(self.projected[rows], self.fim[rows], self.wim[rows], visible)


@dataclass(frozen=True)
class SourceInputs:
    """What is computed once per person.

    Attributes
    ----------
    src_inputs: (ns, 6, S, S) [person on grey, condition].
    bg_input: (1, 4, S, S) [background of source 0, mask], mask 1 = known background.
    images: (ns, 3, S, S) the filled foregrounds that are warped.
    corners: (ns, F, 3, 2) projected corners of all faces.
    attended: (ns, F, 3, 2) corners that the attention's flow may use.
    visible: (ns, F, 3, 2) corners of visible faces only.
    """

    src_inputs: Tensor
    bg_input: Tensor
    images: Tensor
    corners: Tensor
    attended: Tensor
    visible: Tensor


@dataclass(frozen=True)
class TargetInputs:
    """tsf_inputs (nt, 6, S, S) [initial image, condition]; flows (nt, ns, S, S, 2)."""

    tsf_inputs: Tensor
    flows: Tensor


def to_network(images: NDArray[np.uint8]) -> Tensor:
    """(N, H, W, 3) uint8 RGB to (N, 3, H, W) float32 in [-1, 1]."""
    tensor = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).to(torch.float32)
    return tensor / 127.5 - 1.0


def to_frames(images: Tensor) -> NDArray[np.uint8]:
    """(N, 3, H, W) float32 in [-1, 1] to (N, H, W, 3) uint8 RGB, rounded to the nearest level and clipped."""
    levels = ((images.detach().to("cpu", torch.float32) + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.asarray(levels.permute(0, 2, 3, 1).contiguous().numpy(), dtype=np.uint8)


class InputBuilder:
    """Builds network inputs for one body model and one frame size.

    Parameters
    ----------
    body: body model that the tracks refer to; must carry a UV layout.
    size: frame side in pixels.
    options: see :class:`InputOptions`.
    """

    def __init__(self, body: BodyModel, size: int, options: InputOptions) -> None:
        if body.face_uv is None:
            raise ValueError(f"body '{body.name}' has no UV layout")
        self.body = body
        self.size = size
        self.options = options
        self.table = condition_table(body.face_uv)

    def maps(
        self,
        betas: NDArray[np.float32],
        poses: NDArray[np.float32],
        cams: NDArray[np.float32],
        *,
        visibility: bool,
    ) -> BodyMaps:
        """Pose and rasterise N bodies. ``visibility`` adds the visible faces, which only sources need."""
        posed = self.body.pose(torch.from_numpy(betas), torch.from_numpy(np.ascontiguousarray(poses)))
        projected = project(posed.vertices, torch.from_numpy(np.ascontiguousarray(cams)))
        fim, wim = rasterise(projected, self.body.faces, self.size)
        visible = self._visible(projected, fim) if visibility else None
        return BodyMaps(projected, fim, wim, visible)

    def _visible(self, projected: Tensor, fim: Tensor) -> Tensor:
        side = self.options.visibility_size
        if side > self.size:
            fim, _ = rasterise(projected, self.body.faces, side)
        return visible_faces(fim, len(self.body.faces))

    def condition(self, fim: Tensor) -> Tensor:
        """(N, 3, S, S) condition maps [u, v, bg] of face index maps."""
        return uv_condition(self.table, fim)

    def foregrounds(self, frames: NDArray[np.uint8], mattes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(N, H, W, 3) uint8: persons with the band around them filled."""
        pairs = zip(frames, mattes, strict=True)
        return np.stack([filled_foreground(frame, matte, self.options.band) for frame, matte in pairs])

    def background(self, frame: NDArray[np.uint8], matte: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, 4) uint8 background input of one frame: RGB and mask (255 = known background)."""
        filled, hole = inpainted_background(frame, matte, self.options.background_dilate)
        if not self.options.prefill:
            filled = np.where(hole[..., None] > 0, np.uint8(127), frame)
        return np.concatenate([filled, (255 * (1 - hole))[..., None].astype(np.uint8)], axis=-1)

    def sources(
        self, foregrounds: NDArray[np.uint8], background: NDArray[np.uint8], maps: BodyMaps
    ) -> SourceInputs:
        """Assemble the source tensors from :meth:`foregrounds`, :meth:`background` of source 0, and the
        bodies' maps.
        """
        if maps.visible is None:
            raise ValueError("source maps need visibility=True")
        images = to_network(foregrounds)
        corners = face_corners(maps.projected, self.body.faces)
        visible = hide_faces(corners, maps.visible)
        rgb = to_network(background[None, ..., :3])
        mask = torch.from_numpy(background[..., 3].astype(np.float32) / 255.0)[None, None]
        return SourceInputs(
            src_inputs=torch.cat([images, self.condition(maps.fim)], 1),
            bg_input=torch.cat([rgb, mask], 1),
            images=images,
            corners=corners,
            attended=visible if self.options.only_visible else corners,
            visible=visible,
        )

    def targets(self, sources: SourceInputs, maps: BodyMaps) -> TargetInputs:
        """Flows and initial images of nt targets for the sources."""
        flows = self._flows(sources.attended, maps)
        visible = flows if sources.attended is sources.visible else self._flows(sources.visible, maps)
        full = self._flows(sources.corners[:1], maps)[:, 0]
        initial = averaged_initial_image(sources.images, visible, full)
        return TargetInputs(torch.cat([initial, self.condition(maps.fim)], 1), flows)

    def _flows(self, corners: Tensor, maps: BodyMaps) -> Tensor:
        nt, ns = len(maps.fim), len(corners)
        fim = maps.fim.repeat_interleave(ns, 0)
        wim = maps.wim.repeat_interleave(ns, 0)
        flow = transformation_flow(corners.repeat(nt, 1, 1, 1), fim, wim)
        return flow.reshape(nt, ns, self.size, self.size, 2)
