"""A person ready to be animated: background, source features and flows are computed once, then only the
transfer stream runs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from iper_bench.body.camera import swap_camera
from iper_bench.data.clip import BodyTrack, Images
from iper_bench.errors import UserError
from iper_bench.flow.foreground import inpainted
from iper_bench.lwg.config import CONDITION_CHANNELS, IMAGE_CHANNELS
from iper_bench.lwg.generator import compose
from iper_bench.lwg.inference import InferenceOptions, Renderer, compiled, on_device
from iper_bench.lwg.inputs import BodyMaps, InputBuilder, SourceInputs, TargetInputs, to_frames, to_network
from iper_bench.lwg.prepared import PreparedSources
from iper_bench.methods.method import Targets
from iper_bench.methods.padding import Padding

BATCH = 8  # frames whose inputs are made together

Earlier = deque[tuple[PreparedSources, BodyMaps]]
Render = Callable[[PreparedSources, Tensor, Tensor], tuple[Tensor, Tensor]]


def target_maps(
    builder: InputBuilder, person: BodyTrack, targets: Targets, rows: slice, padding: Padding | None = None
) -> BodyMaps:
    """Maps of the person in the driver's poses.

    The shape is the person's. In self-imitation the driver's camera is used as it is; otherwise the camera
    strategy ``smooth`` (released default) carries the driver's relative motion over to the person's camera.
    Cameras are those of the frames; ``padding`` turns the result into that of the builder's padded frames.
    """
    track = targets.track
    cams = track.cams[rows]
    if not targets.same_person:
        one = torch.from_numpy(person.cams[:1]).expand(len(cams), -1)
        first = torch.from_numpy(track.cams[:1]).expand(len(cams), -1)
        cams = swap_camera("smooth", one, torch.from_numpy(cams), first).numpy()
    if padding is not None:
        cams = padding.cams(cams)
    return builder.maps(person.betas, track.poses[rows], cams, visibility=False)


class LiquidWarpingSubject:
    """One person with cached sources, drawn by any generator.

    A generator without a background stream (AttLWB-Front-SPADE) gets the known background of source 0 with
    its hole inpainted (OpenCV, Telea), whatever the input options say about the hole.

    In temporal mode (``options.time_step``) each frame also attends to that many frames before it, which are
    kept as features of [composed frame, condition] and warped along the flows of all faces between the
    bodies, as iPERCore does at inference. Every call of :meth:`render` begins without earlier frames.

    Parameters
    ----------
    generator: any of :func:`iper_bench.lwg.generator.build_generator`, in evaluation mode, frozen; moved (as
        a copy) to the builder's device when it lies elsewhere.
    builder: makes inputs for the padded frame size.
    sources: the person's source tensors, no more than the generator can use (``most_sources``).
    person: body of the source frames as they were given.
    padding: from the frames to the builder's size, ``None`` = equal.
    options: see :class:`~iper_bench.lwg.inference.InferenceOptions`; ``None`` = the defaults.

    Raises
    ------
    UserError for ``time_step`` with a generator that is not temporal.
    ValueError for too many sources.
    """

    def __init__(
        self,
        generator: Renderer,
        builder: InputBuilder,
        sources: SourceInputs,
        person: BodyTrack,
        *,
        padding: Padding | None = None,
        options: InferenceOptions | None = None,
    ) -> None:
        self._options = options or InferenceOptions()
        most = generator.most_sources
        if most is not None and len(sources.images) > most:
            raise ValueError(f"{len(sources.images)} sources; {generator.config.name} uses {most}")
        if self._options.time_step and not generator.config.temporal:
            raise UserError(
                f"time_step is {self._options.time_step}, but these weights are not temporal",
                where=generator.config.name,
                expected="time_step 0",
            )
        self._encoder: Renderer = on_device(generator, builder.device)
        self._network: Renderer = self._options.network(self._encoder)
        self._builder = builder
        self._sources = sources
        self._person = person
        self._padding = padding
        with torch.inference_mode():
            self._background = _background(self._encoder, sources)
            self._prepared = self._prepare(sources.src_inputs)
        self._render: Render = self._network.render_targets
        if self._options.compile:
            self._prepared = self._prepared.uncropped()
            self._render = compiled(self._network.render_targets)

    def render(self, targets: Targets) -> Iterator[Images]:
        """Yield batches (B, H, W, 3) uint8 in target order."""
        size = self._options.batch_on(self._builder.device)
        earlier: Earlier = deque(maxlen=self._options.time_step or None)
        for start in range(0, len(targets), BATCH):
            rows = slice(start, min(start + BATCH, len(targets)))
            with torch.inference_mode():
                maps = target_maps(self._builder, self._person, targets, rows, self._padding)
                inputs = self._builder.targets(self._sources, maps)
                if self._options.time_step:
                    drawn = self._frames_in_order(inputs, maps, earlier)
                else:
                    drawn = self._frames(inputs, size)
                frames = to_frames(torch.cat(drawn))
            yield frames if self._padding is None else self._padding.crop(frames)

    def _frames(self, inputs: TargetInputs, size: int) -> list[Tensor]:
        """Frames of one input batch, ``size`` targets per pass."""
        passes = zip(torch.split(inputs.tsf_inputs, size), torch.split(inputs.flows, size), strict=True)
        return [self._frame(self._prepared, tsf_inputs, flows) for tsf_inputs, flows in passes]

    def _frames_in_order(self, inputs: TargetInputs, maps: BodyMaps, earlier: Earlier) -> list[Tensor]:
        """Frames of one input batch, each with the ``earlier`` ones, to which it is added."""
        drawn = []
        for k in range(len(maps)):
            here, now = slice(k, k + 1), maps.take([k])
            prepared, flows = self._prepared, inputs.flows[here]
            if earlier:
                prepared = prepared.joined([features for features, _ in earlier])
                into = [self._builder.flows_into(before, now) for _, before in earlier]
                flows = torch.cat([flows, *into], 1)
            frame = self._frame(prepared, inputs.tsf_inputs[here], flows)
            condition = inputs.tsf_inputs[here, -CONDITION_CHANNELS:]
            earlier.append((self._prepare(torch.cat([frame, condition], 1)), now))
            drawn.append(frame)
        return drawn

    def _prepare(self, images: Tensor) -> PreparedSources:
        """(n, 6, P, P) sources or earlier frames, encoded in float32."""
        return self._network.prepare(self._encoder.encode_sources(images[None]))

    def _frame(self, prepared: PreparedSources, tsf_inputs: Tensor, flows: Tensor) -> Tensor:
        if self._options.channels_last:
            tsf_inputs = tsf_inputs.contiguous(memory_format=torch.channels_last)
        colours, masks = self._render(prepared, tsf_inputs, flows)
        return compose(self._background, colours, masks)


def _background(generator: Renderer, sources: SourceInputs) -> Tensor:
    """(1, 3, P, P) in [-1, 1]: the generator's, or else the inpainted one."""
    if generator.has_background:
        return generator.background(sources.bg_input[None])[:, 0]
    known = sources.bg_input[0, IMAGE_CHANNELS].cpu().numpy() > 0.5
    frame = to_frames(sources.bg_input[:, :IMAGE_CHANNELS])[0]
    filled = inpainted(frame, np.where(known, np.uint8(0), np.uint8(1)))
    return to_network(filled[None]).to(sources.bg_input.device)
