"""``FlowComposer``: from images, mattes and posed bodies to everything the generator's streams take in.

From: iPERCore's ``FlowComposition`` (released code, version 0.2.0). Must agree with the ``flow_render`` and
``flow_compose`` oracles: index maps within 0.1 % of the pixels, weights 2e-4, corners, conditions and flows
1e-5, images 1e-4. Differs: works on one person at a time; visibility may be read from a finer raster
(``visibility_size``; 0 is the released rule).

``compose_sources`` and ``compose_targets`` go through all steps in the released order. The steps are methods
of their own, so that a caller who keeps intermediate results or takes another step in between
(``iper_bench.lwg.inputs``) composes from the same pieces.

Two face lists exist because the released SMPL assets hold a second list in which the triangles of the
mirrored right leg are reversed, so that they survive culling when the UV layout is rasterised. Its corners
also give the condition colours. A body with one list passes none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from iper_bench.body.correspondence import Correspondence, correspond
from iper_bench.body.rasteriser import rasterise
from iper_bench.flow.condition import condition_table, first_edge_midpoints, uv_condition, uv_image_corners
from iper_bench.flow.morph_image import morph_image, silhouettes
from iper_bench.flow.morphology import erode
from iper_bench.flow.transformation import (
    NEIGHBOURS,
    face_corners,
    hide_faces,
    part_neighbours,
    source_visibility,
    spread_visibility,
    transformation_flow,
)
from iper_bench.flow.uv_image import merge_sources, rasterise_uv, source_to_uv
from iper_bench.flow.warp import sample


@dataclass(frozen=True)
class FlowOptions:
    """How flows and inputs are composed. Window sides are odd and in pixels; released values hold at 512 px.

    Attributes
    ----------
    image_size: side S of images, maps and UV image.
    bg_ks: how far the person's hole is widened in the background input.
    conf_erode_ks: how far the matte is narrowed to the confident silhouette.
    ft_ks: how far loss masks are narrowed; 1 only binarises them.
    out_dilate_ks: width of the filled band; 9 in the training files, 51 at deployment.
    only_vis: hide faces that a source does not see from its flow.
    share_bg: one background input, from source 0; else one per source.
    top_k: faces, itself included, that are visible with a visible face of the same part.
    visibility_size: raster side from which visibility is read when it exceeds S; 0 = the released rule.
    fill_band: fill the band of the morph image; ``False`` leaves it 0.
    backend: see :func:`iper_bench.body.rasteriser.rasterise`; ``None`` = the one the environment names.
    """

    image_size: int = 512
    bg_ks: int = 11
    conf_erode_ks: int = 3
    ft_ks: int = 1
    out_dilate_ks: int = 9
    only_vis: bool = False
    share_bg: bool = True
    top_k: int = NEIGHBOURS
    visibility_size: int = 512
    fill_band: bool = True
    backend: str | None = None


@dataclass(frozen=True)
class BodyRaster:
    """N bodies in the image, with what the flows need of them.

    Attributes
    ----------
    correspondence: projected vertices, ``fim`` (N, S, S) and ``wim`` (N, S, S, 3).
    cond: (N, 3, S, S) condition maps [u, v, bg].
    corners: (N, F, 3, 2) projected corners of all faces.
    """

    correspondence: Correspondence
    cond: Tensor
    corners: Tensor

    @property
    def fim(self) -> Tensor:
        """(N, S, S) int64 face indices, -1 = background."""
        return self.correspondence.fim

    @property
    def wim(self) -> Tensor:
        """(N, S, S, 3) float32 weights."""
        return self.correspondence.wim


@dataclass(frozen=True)
class Foreground:
    """Persons cut out: ``confident`` and ``outer`` (N, 1, S, S) of 0 and 1, ``morph`` (N, 3, S, S) in
    [-1, 1]; see :mod:`iper_bench.flow.morph_image`.
    """

    confident: Tensor
    outer: Tensor
    morph: Tensor


@dataclass(frozen=True)
class SourceMaps:
    """What is computed once per person from ns sources.

    Attributes
    ----------
    raster: the sources' bodies.
    visible_corners: (ns, F, 3, 2) corners, -2 for faces that the source does not see.
    confident, outer: (ns, 1, S, S) of 0 and 1, see :func:`iper_bench.flow.morph_image.silhouettes`.
    morph: (ns, 3, S, S) morph images in [-1, 1].
    uv_flows: (ns, S, S, 2) source -> UV, all faces.
    uv_image: (1, 3, S, S).
    bg_input: (1 or ns, 4, S, S) [image * mask, mask], mask 1 = background.
    src_inputs: (ns, 6, S, S) [morph image, condition].
    attended: (ns, F, 3, 2) the corners that target flows use, by ``only_vis``.
    """

    raster: BodyRaster
    visible_corners: Tensor
    confident: Tensor
    outer: Tensor
    morph: Tensor
    uv_flows: Tensor
    uv_image: Tensor
    bg_input: Tensor
    src_inputs: Tensor
    attended: Tensor


@dataclass(frozen=True)
class TargetMaps:
    """What is computed for nt targets.

    Attributes
    ----------
    raster: the targets' bodies.
    tsf_inputs: (nt, 6, S, S) [UV image warped onto the body, condition].
    Tst: (nt, ns, S, S, 2) source -> target flows.
    uv_flows: (nt, S, S, 2) UV -> target flows.
    """

    raster: BodyRaster
    tsf_inputs: Tensor
    Tst: Tensor
    uv_flows: Tensor


class FlowComposer:
    """Composes inputs for one body layout.

    Parameters
    ----------
    faces: (F, 3) int64.
    face_uv: (F, 3, 2) float UV corners of ``faces`` in [0, 1], v up.
    options: see :class:`FlowOptions`.
    parts: face ids by part name; ``None`` = visibility does not spread to neighbours.
    obj_faces, obj_face_uv: the second list, same faces in the same order with some reversed; ``None`` = the
        first list.
    """

    def __init__(
        self,
        faces: Tensor,
        face_uv: Tensor,
        options: FlowOptions,
        *,
        parts: Mapping[str, Tensor] | None = None,
        obj_faces: Tensor | None = None,
        obj_face_uv: Tensor | None = None,
    ) -> None:
        if (obj_faces is None) != (obj_face_uv is None):
            raise ValueError("the second face list needs both obj_faces and obj_face_uv")
        self._uv = face_uv if obj_face_uv is None else obj_face_uv
        self._parts = parts
        self.options = options
        self.faces = faces.to(torch.int64)
        self.obj_faces = None if obj_faces is None else obj_faces.to(torch.int64)
        self.table = condition_table(self._uv)
        self.uv_corners = uv_image_corners(face_uv)

    @cached_property
    def neighbours(self) -> Tensor | None:
        """(F, top_k) int64 neighbours that become visible with a face, ``None`` without parts; computed when
        first asked for.
        """
        if self._parts is None:
            return None
        return part_neighbours(first_edge_midpoints(self._uv), self._parts, self.options.top_k)

    @cached_property
    def uv_layout(self) -> tuple[Tensor, Tensor]:
        """The rasterised UV layout, fim (S, S) int64 and wim (S, S, 3); computed when first asked for."""
        return rasterise_uv(self._uv, self.options.image_size, self.options.backend)

    @cached_property
    def uv_fim(self) -> Tensor:
        """(S, S) int64 face indices of the UV layout."""
        return self.uv_layout[0]

    @cached_property
    def uv_wim(self) -> Tensor:
        """(S, S, 3) float32 weights of the UV layout."""
        return self.uv_layout[1]

    def body(self, vertices: Tensor, cams: Tensor) -> BodyRaster:
        """Project and rasterise bodies: vertices (N, V, 3), cams (N, 3)."""
        options = self.options
        return self.raster(
            correspond(vertices, cams, self.faces, options.image_size, backend=options.backend)
        )

    def raster(self, seen: Correspondence) -> BodyRaster:
        """Condition maps and corners of bodies that are rasterised already, with the first face list."""
        return BodyRaster(seen, uv_condition(self.table, seen.fim), face_corners(seen.projected, self.faces))

    def visible(self, projected: Tensor, faces: Tensor, fim: Tensor) -> Tensor:
        """(N, F) faces seen in bodies (N, V, 3) whose index map is ``fim``, with their neighbours."""
        seen = source_visibility(
            projected,
            faces,
            fim,
            visibility_size=self.options.visibility_size,
            backend=self.options.backend,
        )
        return seen if self.neighbours is None else spread_visibility(seen, self.neighbours)

    def compose_sources(
        self, images: Tensor, alphas: Tensor | None, vertices: Tensor, cams: Tensor
    ) -> SourceMaps:
        """Everything of ns sources of one person.

        Parameters
        ----------
        images: (ns, 3, S, S) float in [-1, 1].
        alphas: (ns, 1, S, S) person mattes in [0, 1]; ``None`` takes the body's own silhouette.
        vertices: (ns, V, 3); cams: (ns, 3).

        Raises
        ------
        ValueError when the images are not of ``image_size``.
        """
        self._check(images)
        options = self.options
        raster = self.body(vertices, cams)
        person = 1.0 - raster.cond[:, 2:] if alphas is None else alphas
        visible = self.visible(raster.correspondence.projected, self.faces, raster.fim)
        visible_corners = hide_faces(raster.corners, visible)
        foreground = self.foreground(images, person, raster.cond[:, 2:])
        uv_flows, uv_image = self.uv_image(foreground.morph, raster, visible)
        shared = slice(0, 1) if options.share_bg else slice(None)
        return SourceMaps(
            raster=raster,
            visible_corners=visible_corners,
            confident=foreground.confident,
            outer=foreground.outer,
            morph=foreground.morph,
            uv_flows=uv_flows,
            uv_image=uv_image,
            bg_input=self.background_input(images[shared], 1.0 - person[shared]),
            src_inputs=torch.cat([foreground.morph, raster.cond], 1),
            attended=visible_corners if options.only_vis else raster.corners,
        )

    def foreground(self, images: Tensor, person: Tensor, background: Tensor) -> Foreground:
        """The persons cut out of (N, 3, S, S) images.

        ``person`` (N, 1, S, S) is the matte in [0, 1], ``background`` (N, 1, S, S) the condition's last
        channel, 1 = no body.
        """
        options = self.options
        confident, outer = silhouettes(person, background, options.conf_erode_ks, options.out_dilate_ks)
        return Foreground(
            confident, outer, morph_image(images, confident, outer, fill_band=options.fill_band)
        )

    def uv_image(self, morph: Tensor, raster: BodyRaster, visible: Tensor) -> tuple[Tensor, Tensor]:
        """Flows of all faces to UV (ns, S, S, 2), and the merged UV image (1, 3, S, S) of the morph images
        (ns, 3, S, S).
        """
        flows, visible_flows = self.uv_flows(raster, visible)
        return flows, merge_sources(morph, flows, visible_flows)

    def uv_flows(self, raster: BodyRaster, visible: Tensor) -> tuple[Tensor, Tensor]:
        """Flows to UV (ns, S, S, 2) of all faces and of the seen ones, both by the second list.

        ``visible`` (ns, F) is used as it is when there is one list only.
        """
        corners = raster.corners
        if self.obj_faces is not None:
            projected = raster.correspondence.projected
            corners = face_corners(projected, self.obj_faces)
            # The released code rasterises the second list in the image too, which inverts the culling of its
            # reversed triangles.
            size, backend = self.options.image_size, self.options.backend
            fim, _ = rasterise(projected, self.obj_faces, size, backend=backend)
            visible = self.visible(projected, self.obj_faces, fim)
        full = source_to_uv(corners, self.uv_fim, self.uv_wim)
        return full, source_to_uv(hide_faces(corners, visible), self.uv_fim, self.uv_wim)

    def background_input(self, images: Tensor, masks: Tensor) -> Tensor:
        """[image * mask, mask] (N, 4, S, S); masks (N, 1, S, S), 1 = background, with the hole widened."""
        known = self.known_background(masks)
        return torch.cat([images * known, known], 1)

    def known_background(self, masks: Tensor) -> Tensor:
        """Masks (N, 1, S, S; 1 = background) with the hole widened, of 0 and 1."""
        return erode(masks, self.options.bg_ks)

    def loss_masks(self, masks: Tensor) -> Tensor:
        """Masks (N, 1, S, S; 1 = background) as the losses use them."""
        return erode(masks, self.options.ft_ks)

    def compose_targets(self, sources: SourceMaps, vertices: Tensor, cams: Tensor) -> TargetMaps:
        """Inputs and flows of nt targets: vertices (nt, V, 3), cams (nt, 3)."""
        raster = self.body(vertices, cams)
        uv_flows, initial = self.from_uv(sources.uv_image, raster)
        return TargetMaps(
            raster=raster,
            tsf_inputs=torch.cat([initial, raster.cond], 1),
            Tst=self.flows(sources.attended, raster),
            uv_flows=uv_flows,
        )

    def from_uv(self, uv_image: Tensor, raster: BodyRaster) -> tuple[Tensor, Tensor]:
        """UV -> target flows (nt, S, S, 2), and the UV image (1, 3, S, S) warped along them (nt, 3, S, S)."""
        targets = len(raster.fim)
        flows = transformation_flow(self.uv_corners.expand(targets, -1, -1, -1), raster.fim, raster.wim)
        return flows, sample(uv_image.expand(targets, -1, -1, -1), flows)

    def flows(self, corners: Tensor, raster: BodyRaster) -> Tensor:
        """Flows from ns bodies' corners (ns, F, 3, 2) to nt rasterised bodies: (nt, ns, S, S, 2)."""
        targets = len(raster.fim)
        return torch.stack(
            [transformation_flow(one.expand(targets, -1, -1, -1), raster.fim, raster.wim) for one in corners],
            dim=1,
        )

    def _check(self, images: Tensor) -> None:
        side = self.options.image_size
        if images.shape[-2:] != (side, side):
            raise ValueError(
                f"images of {images.shape[-1]} x {images.shape[-2]} px; expected {side} x {side}"
            )
