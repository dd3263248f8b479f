"""The sizes of a generator, read off the shapes of its tensors.

Every size is looked up wherever several tensors show it, so that a file that lacks a few keys still gets its
sizes, and the strict comparison afterwards can name what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from iper_bench.errors import UserError
from iper_bench.lwg.config import CONDITION_CHANNELS, NETWORK_CHANNELS, GeneratorConfig

State = Mapping[str, Tensor]

_DOWN, _RES = "src_net.encoders.layers.", "src_net.res_blocks."


def indices(state: State, *prefixes: str) -> list[int]:
    """The sorted numbers that follow any of the prefixes in some key."""
    found = set()
    for key in state:
        for prefix in prefixes:
            number = key[len(prefix) :].partition(".")[0] if key.startswith(prefix) else ""
            if number.isdecimal() and len(number) < 6:
                found.add(int(number))
    return sorted(found)


def conv_channels(state: State, key: str, source: str) -> tuple[int, int]:
    """The first two sizes of a convolution's weight. Raises UserError when it is missing or has another
    number of axes.
    """
    if key not in state:
        raise UserError(f"tensor '{key}' is missing", where=source, expected="a whole state dict")
    if state[key].dim() != 4:
        raise UserError(
            f"tensor '{key}' has shape {tuple(state[key].shape)}", where=source, expected="4 axes"
        )
    first, second = state[key].shape[:2]
    return int(first), int(second)


def generator_sizes(state: State, source: str) -> tuple[tuple[str, ...], GeneratorConfig] | None:
    """Names that the generator may have and its sizes, under the first of them; ``None`` when it is none of
    iPERCore's.

    Raises UserError when sizes cannot be told.
    """
    keys = list(state)
    if any(key.startswith(_DOWN) for key in keys) and any(key.startswith("tsf_net_enc.") for key in keys):
        names = _liquid_names(keys)
        down: tuple[str, ...] = (_DOWN, "tsf_net_enc.layers.")
        res: tuple[str, ...] = (_RES, "res_blocks.")
    elif any(key.startswith("tsf_net.encoders.") for key in keys):
        names = _warp_free_names(state, source)
        down, res = ("tsf_net.encoders.layers.",), ("tsf_net.res_blocks.",)
    else:
        return None
    sizes: dict[str, Any] = {
        "filters": tuple(_width(state, down, number, source) for number in indices(state, *down)),
        "res_blocks": len(indices(state, *res)),
    }
    first = next((f"{prefix}0.0.weight" for prefix in down if f"{prefix}0.0.weight" in state), down[0])
    channels = conv_channels(state, first, source)[1]
    if names == ("InputConcat",):
        sizes["num_source"] = (channels - CONDITION_CHANNELS) // NETWORK_CHANNELS
    elif f"{_DOWN}0.0.weight" in state or names == ("TextureWarping",):
        sizes["cond_nc"] = channels
    if names != ("AttLWB-Front-SPADE",):
        sizes |= _background_sizes(state, source)
    shared = [key for key in keys if key.endswith(".spade.mlp_shared.0.weight")]
    if shared:
        sizes["spade_hidden"] = conv_channels(state, shared[0], source)[0]
    temporal = GeneratorConfig.released(names[0]).temporal
    return names, GeneratorConfig(name=names[0], temporal=temporal, **sizes)


def _liquid_names(keys: list[str]) -> tuple[str, ...]:
    if any("_attlwbs." in key and ".spade." in key for key in keys):
        whole = any(key.startswith("bg_net.") for key in keys)
        return ("AttLWB-SPADE",) if whole else ("AttLWB-Front-SPADE",)
    if any(".gate_conv." in key for key in keys):
        return ("SoftGateAddLWB", "SoftGateAvgLWB")
    if any("_attlwbs." in key for key in keys):
        return ("AttLWB-AdaIN",)
    return ("AddLWB", "AvgLWB")


def _warp_free_names(state: State, source: str) -> tuple[str, ...]:
    """Told by the input: [image, condition] or several of them and one more condition."""
    channels = conv_channels(state, "tsf_net.encoders.layers.0.0.weight", source)[1]
    if channels == NETWORK_CHANNELS:
        return ("TextureWarping",)
    if channels > CONDITION_CHANNELS and (channels - CONDITION_CHANNELS) % NETWORK_CHANNELS == 0:
        return ("InputConcat",)
    raise UserError(
        f"the first layer takes {channels} channels",
        where=source,
        expected=f"{NETWORK_CHANNELS} (TextureWarping), or {CONDITION_CHANNELS} more than a multiple of it "
        "(InputConcat)",
    )


def _width(state: State, prefixes: tuple[str, ...], number: int, source: str) -> int:
    """Output channels of stage ``number`` in whichever stream shows it."""
    names = [f"{prefix}{number}.0.weight" for prefix in prefixes]
    return conv_channels(state, next((name for name in names if name in state), names[0]), source)[0]


def _background_sizes(state: State, source: str) -> dict[str, Any]:
    """BGNet keeps all layers in one list: a 7x7 stem, 3x3 convolutions that halve, blocks, 4x4 ones that
    double, a 7x7 head.
    """
    prefix = "bg_net.main."
    layers = {number: f"{prefix}{number}.weight" for number in indices(state, prefix)}
    plain = [key for key in layers.values() if key in state and state[key].dim() == 4]
    stem = conv_channels(state, f"{prefix}0.weight", source)
    downs = [int(state[key].shape[0]) for key in plain if state[key].shape[-1] == 3]
    blocks = [n for n in layers if any(key.startswith(f"{prefix}{n}.main.") for key in state)]
    return {"bg_filters": (stem[0], *downs), "bg_res_blocks": len(blocks), "bg_cond_nc": stem[1]}
