"""From sources and targets to the tensors that the three streams eat: the one place where training and
inference agree.

All geometry comes from :class:`iper_bench.flow.composition.FlowComposer`, whose pieces are tested against the
official values; what is added here is the step from frames at rest to tensors, the cut into parts that can be
kept (maps of a whole clip, foregrounds of its sources), and the named choices of :class:`InputOptions`. With
the choices of the ``released`` variant (``iper_bench.lwg.variant``) the tensors equal those of
``FlowComposer``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iper_bench.body.correspondence import Correspondence, correspond
from iper_bench.body.model import BodyModel
from iper_bench.errors import unknown_name
from iper_bench.flow.composition import BodyRaster, FlowComposer, FlowOptions
from iper_bench.flow.foreground import filled_foreground, inpainted
from iper_bench.flow.initial import averaged_initial_image
from iper_bench.flow.transformation import face_corners, hide_faces, transformation_flow

InitialImage = Literal["averaged", "uv-merge"]
ForegroundKind = Literal["nearest-colour", "edge-colours", "cut"]
PersonMask = Literal["matte", "silhouette"]
BlankHole = Literal["grey", "zero"]
_CHOICES: dict[str, tuple[str, ...]] = {
    "initial_image": get_args(InitialImage),
    "foreground": get_args(ForegroundKind),
    "person": get_args(PersonMask),
    "blank": get_args(BlankHole),
}
#: The fields of the first weight files. The others are written only where they differ from their default, so
#: that identities of runs and training folders from before stay the same.
_FIRST_FIELDS = ("visibility_size", "only_visible", "background_dilate", "band", "prefill")

GREY = np.uint8(127)  # level of an unfilled hole at rest: 0 in [-1, 1], rounded down
#: Foregrounds (N, H, W, 3) at rest: uint8 levels, or float32 in [-1, 1] where colours are mixed.
Foregrounds = NDArray[np.uint8] | NDArray[np.float32]


@dataclass(frozen=True)
class InputOptions:
    """How the network's inputs are made. The defaults are those of the ``embedded`` variant; weight files
    without a field mean its default.

    Attributes
    ----------
    visibility_size: raster side from which face visibility is read; 0 = the frame's own size (the literal
        Algorithm 1, which loses a third of the warp at 128 px with SMPL's face count).
    only_visible: hide faces that a source does not see from its flow into the attention (the paper; released
        code: false).
    background_dilate: odd side of the square that widens the person's hole in the background input
        (released: 11 at 512 px).
    band: pixels around the person that are filled with his colours before warping; the released window is
        2 band + 1.
    prefill: fill the hole of the background input by inpainting.
    initial_image: ``"averaged"``: every source is warped to the target and visible overlaps are averaged (the
        paper); ``"uv-merge"``: through the UV image, source 0 first (released).
    fill_unseen: with ``"averaged"``, pixels that no source sees take what source 0 shows at their place, as
        the released merge does; else they stay 0 (the paper).
    neighbours: a face is seen together with its nearest faces of the same part, this many with itself; 1 =
        the face alone (the paper; released: 3).
    foreground: ``"nearest-colour"``: the band takes the colour of the nearest pixel of the person;
        ``"edge-colours"``: the released morph image; ``"cut"``: the person alone.
    matte_erode: odd side of the square that narrows the person for ``"edge-colours"`` and ``"cut"``
        (released: 3).
    person: what is cut out of a source and its background: the ``"matte"`` (released) or the
        ``"silhouette"`` of its body (the paper).
    blank: what an unfilled hole holds: ``"grey"`` is level 127, which is -0.004; ``"zero"`` is exactly 0
        (released).

    Raises
    ------
    UserError for a choice that does not exist.
    """

    visibility_size: int = 512
    only_visible: bool = True
    background_dilate: int = 5
    band: int = 6
    prefill: bool = True
    initial_image: InitialImage = "averaged"
    fill_unseen: bool = True
    neighbours: int = 1
    foreground: ForegroundKind = "nearest-colour"
    matte_erode: int = 3
    person: PersonMask = "matte"
    blank: BlankHole = "grey"

    def __post_init__(self) -> None:
        for field, known in _CHOICES.items():
            if getattr(self, field) not in known:
                raise unknown_name(field, str(getattr(self, field)), known, where="input options")

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for weight metadata and identities; the inverse is the constructor."""
        defaults = asdict(InputOptions())
        return {k: v for k, v in asdict(self).items() if k in _FIRST_FIELDS or v != defaults[k]}

    def flow_options(self, size: int) -> FlowOptions:
        """The same choices for a :class:`FlowComposer` of ``size`` pixels."""
        return FlowOptions(
            image_size=size,
            bg_ks=self.background_dilate,
            conf_erode_ks=self.matte_erode,
            out_dilate_ks=2 * self.band + 1,
            only_vis=self.only_visible,
            top_k=self.neighbours,
            visibility_size=self.visibility_size,
            fill_band=self.foreground == "edge-colours",
        )


@dataclass(frozen=True)
class BodyMaps(Correspondence):
    """Rasters of N posed bodies and, for sources, ``visible`` (N, F) bool, the faces that each one sees.

    At rest ``fim`` may be int16 and ``wim`` half precision; the builder takes int64 and float32.
    """

    visible: Tensor | None

    def take(self, rows: list[int] | Tensor) -> BodyMaps:
        """The maps of the bodies ``rows``."""
        visible = None if self.visible is None else self.visible[rows]
        return BodyMaps(self.projected[rows], self.fim[rows], self.wim[rows], visible)


@dataclass(frozen=True)
class SourceInputs:
    """What is computed once per person.

    Attributes
    ----------
    src_inputs: (ns, 6, S, S) [foreground, condition].
    bg_input: (1, 4, S, S) [background of source 0, mask], mask 1 = known background.
    images: (ns, 3, S, S) the foregrounds that are warped.
    corners: (ns, F, 3, 2) projected corners of all faces.
    attended: (ns, F, 3, 2) corners that the attention's flow may use.
    visible: (ns, F, 3, 2) corners of visible faces only.
    uv_image: (1, 3, S, S), ``None`` unless the initial image goes through it.
    """

    src_inputs: Tensor
    bg_input: Tensor
    images: Tensor
    corners: Tensor
    attended: Tensor
    visible: Tensor
    uv_image: Tensor | None


@dataclass(frozen=True)
class TargetInputs:
    """tsf_inputs (nt, 6, S, S) [initial image, condition]; flows (nt, ns, S, S, 2)."""

    tsf_inputs: Tensor
    flows: Tensor


def to_network(images: Foregrounds) -> Tensor:
    """(N, H, W, 3) RGB, uint8 or float32 in [-1, 1] already, to (N, 3, H, W) float32 in [-1, 1]."""
    tensor = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
    return tensor.to(torch.float32) / 127.5 - 1.0 if images.dtype == np.uint8 else tensor.contiguous()


def to_frames(images: Tensor) -> NDArray[np.uint8]:
    """(N, 3, H, W) float32 in [-1, 1] to (N, H, W, 3) uint8 RGB, rounded to the nearest level and clipped."""
    levels = ((images.detach().to("cpu", torch.float32) + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.asarray(levels.permute(0, 2, 3, 1).contiguous().numpy(), dtype=np.uint8)


def person_masks(mattes: NDArray[np.uint8]) -> Tensor:
    """(N, H, W) uint8, 255 = person, to (N, 1, H, W) float32 in [0, 1]."""
    return torch.from_numpy(mattes.astype(np.float32) / 255.0).unsqueeze(1)


class InputBuilder:
    """Builds network inputs for one body model and one frame size.

    Parameters
    ----------
    body: body model that the tracks refer to; must carry a UV layout. Everything is built on its device.
    size: frame side in pixels.
    options: see :class:`InputOptions`.
    """

    def __init__(self, body: BodyModel, size: int, options: InputOptions) -> None:
        if body.face_uv is None:
            raise ValueError(f"body '{body.name}' has no UV layout")
        self.body = body
        self.size = size
        self.options = options
        parts = body.parts if options.neighbours > 1 else None
        self._composer = FlowComposer(
            body.faces,
            body.face_uv,
            options.flow_options(size),
            parts=parts,
            obj_faces=body.obj_faces,
            obj_face_uv=body.obj_face_uv,
        )

    @property
    def device(self) -> torch.device:
        """Where the body lies."""
        return self.body.device

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
        cameras = torch.from_numpy(np.ascontiguousarray(cams)).to(self.device)
        composer = self._composer
        seen = correspond(posed.vertices, cameras, composer.faces, self.size)
        visible = composer.visible(seen.projected, composer.faces, seen.fim) if visibility else None
        return BodyMaps(seen.projected, seen.fim, seen.wim, visible)

    def persons(self, mattes: NDArray[np.uint8], fim: Tensor) -> NDArray[np.uint8]:
        """(N, H, W) uint8, 255 = person: what is cut out of frames with these mattes and the index maps
        ``fim`` (N, S, S) of their bodies.
        """
        if self.options.person == "matte":
            return mattes
        return np.asarray((fim >= 0).cpu().numpy() * np.uint8(255), dtype=np.uint8)

    def foregrounds(self, frames: NDArray[np.uint8], persons: NDArray[np.uint8], fim: Tensor) -> Foregrounds:
        """(N, H, W, 3): persons cut out of frames (N, H, W, 3) by :meth:`persons` (N, H, W), the band around
        them filled as the options say; ``fim`` (N, S, S) are their bodies' index maps.
        """
        if self.options.foreground == "nearest-colour":
            pairs = zip(frames, persons, strict=True)
            return np.stack([filled_foreground(frame, person, self.options.band) for frame, person in pairs])
        background = (fim < 0).to(torch.float32).unsqueeze(1)
        images, masks = to_network(frames).to(fim.device), person_masks(persons).to(fim.device)
        morph = self._composer.foreground(images, masks, background).morph
        return np.ascontiguousarray(morph.permute(0, 2, 3, 1).cpu().numpy())

    def background(self, frame: NDArray[np.uint8], person: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, 4) uint8 background of a frame (H, W, 3) at rest, without ``person`` (H, W; 255 = person):
        RGB and mask (255 = known background).
        """
        known = self._composer.known_background(1.0 - person_masks(person[None]))[0, 0].numpy() > 0
        if self.options.prefill:
            rgb = inpainted(frame, np.where(known, np.uint8(0), np.uint8(1)))
        else:
            rgb = np.where(known[..., None], frame, GREY)
        return np.concatenate([rgb, np.where(known, np.uint8(255), np.uint8(0))[..., None]], axis=-1)

    def background_input(self, background: NDArray[np.uint8]) -> Tensor:
        """(1, 4, S, S) [image, mask] of one :meth:`background`, mask 1 = known background."""
        rgb, mask = to_network(background[None, ..., :3]), person_masks(background[None, ..., 3])
        if self.options.blank == "zero" and not self.options.prefill:
            rgb = rgb * mask
        return torch.cat([rgb, mask], 1).to(self.device)

    def sources(
        self, foregrounds: Foregrounds, background: NDArray[np.uint8], maps: BodyMaps
    ) -> SourceInputs:
        """Assemble the source tensors from :meth:`foregrounds`, :meth:`background` of source 0, and the
        bodies' maps.
        """
        if maps.visible is None:
            raise ValueError("source maps need visibility=True")
        images = to_network(foregrounds).to(self.device)
        raster = self._composer.raster(maps)
        visible = hide_faces(raster.corners, maps.visible)
        through_uv = self.options.initial_image == "uv-merge"
        return SourceInputs(
            src_inputs=torch.cat([images, raster.cond], 1),
            bg_input=self.background_input(background),
            images=images,
            corners=raster.corners,
            attended=visible if self.options.only_visible else raster.corners,
            visible=visible,
            uv_image=self._composer.uv_image(images, raster, maps.visible)[1] if through_uv else None,
        )

    def targets(self, sources: SourceInputs, maps: BodyMaps) -> TargetInputs:
        """Flows and initial images of nt targets for the sources."""
        raster = self._composer.raster(maps)
        flows = self._composer.flows(sources.attended, raster)
        initial = self._initial(sources, raster, flows)
        return TargetInputs(torch.cat([initial, raster.cond], 1), flows)

    def successive_flows(self, maps: BodyMaps) -> Tensor:
        """Flows (n - 1, S, S, 2) from each of n bodies to the next one, all faces: what a temporal generator
        warps its earlier output along.
        """
        raster = self._composer.raster(maps)
        return transformation_flow(raster.corners[:-1], raster.fim[1:], raster.wim[1:])

    def flows_into(self, earlier: BodyMaps, now: BodyMaps) -> Tensor:
        """Flows (nt, k, S, S, 2) from nt bodies ``now`` into the images of k ``earlier`` ones, all faces."""
        corners = face_corners(earlier.projected, self._composer.faces)
        each = [one.expand(len(now), -1, -1, -1) for one in corners]
        return torch.stack([transformation_flow(one, now.fim, now.wim) for one in each], dim=1)

    def _initial(self, sources: SourceInputs, raster: BodyRaster, flows: Tensor) -> Tensor:
        """(nt, 3, S, S)."""
        if sources.uv_image is not None:
            return self._composer.from_uv(sources.uv_image, raster)[1]
        composer = self._composer
        visible = flows if sources.attended is sources.visible else composer.flows(sources.visible, raster)
        full = composer.flows(sources.corners[:1], raster)[:, 0] if self.options.fill_unseen else None
        return averaged_initial_image(sources.images, visible, full)
