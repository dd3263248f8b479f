"""A person ready to be animated: background, source features and flows are computed once, then only the
transfer stream runs.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from iper_bench.body.camera import swap_camera
from iper_bench.data.clip import BodyTrack, Images
from iper_bench.lwg.generator import LiquidWarpingGenerator, compose
from iper_bench.lwg.inputs import BodyMaps, InputBuilder, SourceInputs, to_frames
from iper_bench.methods.method import Targets

BATCH = 8  # frames per forward pass; results do not depend on it


def target_maps(builder: InputBuilder, person: BodyTrack, targets: Targets, rows: slice) -> BodyMaps:
    """Maps of the person in the driver's poses.

    The shape is the person's. In self-imitation the driver's camera is used as it is; otherwise the camera
    strategy ``smooth`` (released default) carries the driver's relative motion over to the person's camera.
    """
    track = targets.track
    cams = track.cams[rows]
    if not targets.same_person:
        one = torch.from_numpy(person.cams[:1]).expand(len(cams), -1)
        first = torch.from_numpy(track.cams[:1]).expand(len(cams), -1)
        cams = swap_camera("smooth", one, torch.from_numpy(cams), first).numpy()
    return builder.maps(person.betas, track.poses[rows], cams, visibility=False)


class LiquidWarpingSubject:
    """One person with cached sources.

    Parameters
    ----------
    generator: in evaluation mode, frozen.
    builder: makes inputs for the frame size.
    sources: the person's source tensors.
    person: body of the source frames.
    """

    def __init__(
        self,
        generator: LiquidWarpingGenerator,
        builder: InputBuilder,
        sources: SourceInputs,
        person: BodyTrack,
    ) -> None:
        self._generator = generator
        self._builder = builder
        self._sources = sources
        self._person = person
        with torch.inference_mode():
            self._background: Tensor = generator.background(sources.bg_input[None])[:, 0]
            self._features = generator.encode_sources(sources.src_inputs[None])

    def render(self, targets: Targets) -> Iterator[Images]:
        """Yield batches (B, H, W, 3) uint8 in target order."""
        for start in range(0, len(targets), BATCH):
            rows = slice(start, min(start + BATCH, len(targets)))
            with torch.inference_mode():
                maps = target_maps(self._builder, self._person, targets, rows)
                inputs = self._builder.targets(self._sources, maps)
                frames = [
                    self._frame(inputs.tsf_inputs[k : k + 1], inputs.flows[k : k + 1])
                    for k in range(len(maps.fim))
                ]
            yield to_frames(torch.cat(frames))

    def _frame(self, tsf_input: Tensor, flow: Tensor) -> Tensor:
        colour, mask = self._generator.transfer(tsf_input, self._features, flow)
        return compose(self._background, colour, mask)
