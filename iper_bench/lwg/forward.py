"""One forward pass of any generator on a training batch, with outputs of one form.

From: iPERCore's trainers: LWGTrainer for the generators that warp features; BaselineTrainer for
TextureWarping and InputConcat, whose networks return no source reconstructions; LWGFrontTrainer for a given
background.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from iper_bench.lwg.config import CONDITION_CHANNELS, IMAGE_CHANNELS, GeneratorConfig
from iper_bench.lwg.objective import Outputs, StepBatch

WARP_FREE = ("TextureWarping", "InputConcat")
FRONT = "AttLWB-Front-SPADE"
CONDITION_ONLY = "AttLWB-AdaIN"  # released: its target stream takes the condition alone


def forward_batch(generator: Callable[..., Any], config: GeneratorConfig, batch: StepBatch) -> Outputs:
    """Run ``generator`` (the network, or a function that calls it) on ``batch``.

    Returns
    -------
    :class:`~iper_bench.lwg.objective.Outputs`. ``TextureWarping`` and ``InputConcat`` give no source colours
    and masks. For ``AttLWB-Front-SPADE``, which has no background stream, the backgrounds are those of the
    background input, as at inference.
    """
    targets = batch.tsf_inputs
    if config.name == CONDITION_ONLY:
        targets = targets[:, :, -CONDITION_CHANNELS:]
    options: dict[str, Any] = {"only_tsf": False}
    if config.temporal:
        options["Ttt"] = batch.target_flows
    if config.name == FRONT:
        made = generator(batch.src_inputs, targets, batch.flows, **options)
        return Outputs(batch.bg_inputs[:, :, :IMAGE_CHANNELS], *made)
    made = generator(batch.bg_inputs, batch.src_inputs, targets, batch.flows, **options)
    if config.name in WARP_FREE:
        background, colours, masks = made
        return Outputs(background, None, None, colours, masks)
    return Outputs(*made)
