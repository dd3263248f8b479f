"""What every method of ours computes once from the sources: input builder, body maps, foregrounds,
background.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from iper_bench.body import load_body
from iper_bench.errors import UserError
from iper_bench.lwg.inputs import (
    BodyMaps,
    InputBuilder,
    InputOptions,
    SourceInputs,
    person_masks,
    to_network,
)
from iper_bench.methods.method import Sources


@dataclass(frozen=True)
class SourcePerson:
    """Builder, maps and inputs of one person; images (ns, 3, S, S) in [-1, 1], masks (ns, 1, S, S) with 1 =
    background.
    """

    builder: InputBuilder
    maps: BodyMaps
    inputs: SourceInputs
    images: torch.Tensor
    masks: torch.Tensor


def prepare_person(sources: Sources, options: InputOptions) -> SourcePerson:
    """Compute everything that depends on the sources alone. Raises UserError for frames a network cannot
    take.
    """
    if sources.masks is None:
        raise UserError("the sources have no person mattes", expected="a dataset with mattes")
    height, width = sources.frames.shape[1:3]
    if height != width:
        raise UserError(f"frames are {width}x{height}", expected="square frames")
    builder = InputBuilder(load_body(sources.body), height, options)
    track = sources.track
    maps = builder.maps(track.betas, track.poses, track.cams, visibility=True)
    persons = builder.persons(sources.masks, maps.fim)
    background = builder.background(sources.frames[0], persons[0])
    inputs = builder.sources(builder.foregrounds(sources.frames, persons, maps.fim), background, maps)
    return SourcePerson(builder, maps, inputs, to_network(sources.frames), 1.0 - person_masks(sources.masks))
