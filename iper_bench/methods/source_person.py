"""What every method of ours computes once from the sources: input builder, body maps, foregrounds,
background.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch

from iper_bench.body import load_body
from iper_bench.body.model import BodyModel
from iper_bench.device import compute_device
from iper_bench.errors import UserError
from iper_bench.flow.foreground import inpainted
from iper_bench.lwg.inputs import (
    BodyMaps,
    InputBuilder,
    InputOptions,
    SourceInputs,
    person_masks,
    to_frames,
    to_network,
)
from iper_bench.methods.method import Sources
from iper_bench.methods.padding import Padding, square_side


@dataclass(frozen=True)
class SourcePerson:
    """Builder, maps and inputs of one person on one device; images (ns, 3, P, P) in [-1, 1], masks (ns, 1, P,
    P) with 1 = background. ``padding`` leads from the frames' side S to P, ``None`` = they are equal.
    """

    builder: InputBuilder
    maps: BodyMaps
    inputs: SourceInputs
    images: torch.Tensor
    masks: torch.Tensor
    padding: Padding | None = None

    def filled_background(self) -> torch.Tensor:
        """(1, 3, P, P) in [-1, 1]: source 0 with the hole of its background input inpainted (OpenCV,
        Telea).
        """
        hole = (self.inputs.bg_input[0, 3] < 0.5).cpu().numpy().astype(np.uint8)
        filled = inpainted(to_frames(self.images[:1])[0], hole)
        return to_network(filled[None]).to(self.images.device)


def prepare_person(
    sources: Sources, options: InputOptions, *, stride: int = 1, most_sources: int | None = None
) -> SourcePerson:
    """Compute everything that depends on the sources alone, on :func:`iper_bench.device.compute_device`.

    Parameters
    ----------
    stride: frames are padded to a multiple of it (``GeneratorConfig.stride``).
    most_sources: only so many of the sources are used, the first ones; ``None`` = all.

    Raises
    ------
    UserError for sources without mattes and for frames that are not square.
    """
    if sources.masks is None:
        raise UserError("the sources have no person mattes", expected="a dataset with mattes")
    sources = sources if most_sources is None else first_sources(sources, most_sources)
    padding = Padding.to_multiple(square_side(sources.frames), stride)
    padded = padding.sources(sources)
    if padded.masks is None:  # they were there above; said for the type checker
        raise ValueError("padding lost the mattes")
    device = compute_device()
    builder = InputBuilder(_body_on(sources.body, device), padding.padded, options)
    track = padded.track
    maps = builder.maps(track.betas, track.poses, track.cams, visibility=True)
    persons = builder.persons(padded.masks, maps.fim)
    background = builder.background(padded.frames[0], persons[0])
    inputs = builder.sources(builder.foregrounds(padded.frames, persons, maps.fim), background, maps)
    return SourcePerson(
        builder,
        maps,
        inputs,
        to_network(padded.frames).to(device),
        1.0 - person_masks(padded.masks).to(device),
        padding if padding.needed else None,
    )


@cache
def _body_on(name: str, device: torch.device) -> BodyModel:
    """One object per body and device, as ``load_body`` gives one per body."""
    return load_body(name).to(device)


def first_sources(sources: Sources, count: int) -> Sources:
    """The first ``count`` of the sources, or all where there are no more."""
    masks = sources.masks
    return replace(
        sources,
        frames=sources.frames[:count],
        masks=None if masks is None else masks[:count],
        track=sources.track.take(range(min(count, len(sources)))),
    )
