"""Which network of the releases a state dict belongs to, told from its keys and shapes alone.

From: the key listings of iPERCore and svip-lab/impersonator. Known are the nine generators and the
discriminators of iPERCore, generator and discriminators of the ICCV code, SphereFace-20a, VGG19, SPIN and the
ICCV code's HMR. Sizes are read from shapes, so that narrower or deeper networks are told as well; every
network is then compared strictly with the one that these sizes build.

AddLWB and AvgLWB have the same keys and shapes, and so have SoftGateAddLWB and SoftGateAvgLWB: the file alone
does not tell which of the two it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from iper_bench.body.recovery.hmr_iccv import BODY_ARRAYS, HmrIccv
from iper_bench.body.recovery.spin import Spin
from iper_bench.errors import UserError
from iper_bench.lwg.checkpoint import COUNTER, differences, require_values
from iper_bench.lwg.discriminator import DiscriminatorConfig, PatchDiscriminator, build_discriminator
from iper_bench.lwg.face_identity import UNUSED_PREFIX, Sphere20a
from iper_bench.lwg.generator import build_generator
from iper_bench.lwg.generator_sizes import conv_channels, generator_sizes, indices
from iper_bench.lwg.iccv import ICCVGlobalLocalDiscriminator, ImpersonatorGenerator
from iper_bench.lwg.perceptual import VGG19Features

State = Mapping[str, Tensor]
GENERATOR = "generator"


@dataclass(frozen=True)
class OfficialNetwork:
    """A state dict that was recognised and fits.

    Attributes
    ----------
    kind: ``"generator"`` (of iPERCore), or what else it is, in words.
    names: what it may be; more than one where the keys do not tell.
    sizes: what the shapes say; for a generator the fields of ``GeneratorConfig``.
    state: its tensors, under the names by which this package reads them.
    parameters: number of trainable values, buffers aside.
    left_out: keys of the file that the network does not use.
    """

    kind: str
    names: tuple[str, ...]
    sizes: dict[str, Any]
    state: dict[str, Tensor]
    parameters: int
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class _Candidate:
    """What a state dict looks like: the module to compare with and its state, before that is checked."""

    kind: str
    names: tuple[str, ...]
    sizes: dict[str, Any]
    build: Callable[[], nn.Module]
    state: dict[str, Tensor]
    left_out: tuple[str, ...] = ()
    written: Callable[[str], str] = field(default=lambda key: key)


def recognise(state: State, *, source: str) -> OfficialNetwork:
    """The network of ``state``.

    Parameters
    ----------
    state: tensors by name, without ``module.`` prefixes. source: file, for messages.

    Raises
    ------
    UserError when it is none of the known networks, when keys are missing, unexpected or of another shape
    (with counts and first names), or when a tensor holds no finite floating point numbers.
    """
    found = _candidate(state, source)
    with torch.device("meta"):
        module = found.build()
    own = module.state_dict()
    filled = {key: torch.zeros((), dtype=torch.int64) for key in own if key.endswith(COUNTER)}
    problems = differences(module, {**filled, **found.state})
    if problems:
        name = " or ".join(found.names)
        raise UserError(
            f"looks like {found.kind} {name}, but {'; '.join(problems)}",
            where=source,
            expected=f"the {len(own)} tensors of {name}",
            hint="download the file again, or check with which code it was trained",
        )
    require_values(found.state, source=source)
    return OfficialNetwork(
        found.kind,
        found.names,
        found.sizes,
        {found.written(key): value for key, value in found.state.items()},
        sum(parameter.numel() for parameter in module.parameters()),
        found.left_out,
    )


def _candidate(state: State, source: str) -> _Candidate:
    for look in (_generator, _iccv_generator, _discriminator, _face, _perceptual, _estimator):
        candidate = look(state, source)
        if candidate is not None:
            return candidate
    some = ", ".join([*list(state)[:3], ".."])
    raise UserError(
        f"none of the known networks has these {len(state)} tensors ({some})",
        where=source,
        expected="a generator, discriminator or loss network of iPERCore or the ICCV code, SPIN, or HMR",
        hint="check that this is the file of a network, not of an optimiser",
    )


def _has(state: State, *prefixes: str) -> bool:
    """Whether every prefix is that of some key."""
    return all(any(key.startswith(prefix) for key in state) for prefix in prefixes)


def _generator(state: State, source: str) -> _Candidate | None:
    found = generator_sizes(state, source)
    if found is None:
        return None
    names, config = found
    return _Candidate(GENERATOR, names, config.to_json(), lambda: build_generator(config), dict(state))


def _iccv_generator(state: State, source: str) -> _Candidate | None:
    if not _has(state, "bg_model.model.", "src_model.", "tsf_model."):
        return None
    sizes: dict[str, Any] = {
        "width": conv_channels(state, "src_model.encoders.0.0.weight", source)[0],
        "res_blocks": len(indices(state, "src_model.resnets.", "tsf_model.resnets.")),
        "bg_channels": conv_channels(state, "bg_model.model.0.weight", source)[1],
        "channels": conv_channels(state, "src_model.encoders.0.0.weight", source)[1],
    }
    return _Candidate(
        "ICCV generator", ("impersonator",), sizes, lambda: ImpersonatorGenerator(**sizes), dict(state)
    )


_NUMBERED = re.compile(r"\.model\.\d+\.")
_PARTS = {
    frozenset({"global_model"}): "patch_global",
    frozenset({"global_model", "local_model"}): "patch_global_local",
    frozenset({"global_model", "body_model", "head_model"}): "patch_global_body_head",
}


def _discriminator(state: State, source: str) -> _Candidate | None:
    heads = {key.partition(".model.")[0] for key in state if _NUMBERED.search(key)}
    if "model.0.weight" in state and not heads:
        config = _patch_sizes(state, "", source)
        return _Candidate(
            "ICCV discriminator",
            ("patch",),
            asdict(config),
            lambda: PatchDiscriminator(config.cond_nc, config),
            dict(state),
        )
    if not heads or not heads <= _KNOWN_HEADS:
        return None
    crops = frozenset(heads - {"bg_model"})
    first = min(crops - {"global_model"}, default="global_model")
    config = _patch_sizes(state, f"{first}.", source)
    whole = _inputs(state, "global_model", source)
    if any(head.startswith("scale_models") for head in heads):
        sizes = {**asdict(config), "global_nc": whole}
        return _Candidate(
            "discriminator",
            ("multi_scale",),
            sizes,
            lambda: build_discriminator("multi_scale", config, global_nc=whole),
            dict(state),
        )
    if crops not in _PARTS:
        return None
    name, with_bg = _PARTS[crops], "bg_model" in heads
    if name == "patch_global_local" and whole != config.cond_nc and not with_bg:
        config = DiscriminatorConfig(**{**asdict(config), "bg_cond_nc": whole})
        return _Candidate(
            "ICCV discriminator",
            ("global_local",),
            asdict(config),
            lambda: ICCVGlobalLocalDiscriminator(config),
            dict(state),
        )
    if with_bg:
        config = DiscriminatorConfig(**{**asdict(config), "bg_cond_nc": _inputs(state, "bg_model", source)})
    sizes = {**asdict(config), "use_aug_bg": with_bg}
    return _Candidate(
        "discriminator",
        (name,),
        sizes,
        lambda: build_discriminator(name, config, use_aug_bg=with_bg),
        dict(state),
    )


_KNOWN_HEADS = {
    "global_model",
    "local_model",
    "body_model",
    "head_model",
    "bg_model",
    "scale_models.0",
    "scale_models.1",
}


def _inputs(state: State, head: str, source: str) -> int | None:
    """Input channels of a patch network, ``None`` without it."""
    key = f"{head}.model.0.weight"
    return conv_channels(state, key, source)[1] if key in state else None


def _patch_sizes(state: State, prefix: str, source: str) -> DiscriminatorConfig:
    """Sizes of the patch network under ``prefix``."""
    numbers = [n for n in indices(state, f"{prefix}model.") if f"{prefix}model.{n}.weight" in state]
    convs = [n for n in numbers if state[f"{prefix}model.{n}.weight"].dim() == 4]
    if len(convs) < 3:
        raise UserError(
            f"looks like a discriminator, but has {len(convs)} convolutions under '{prefix}model.'",
            where=source,
            expected="at least 3",
        )
    width, channels = conv_channels(state, f"{prefix}model.{convs[0]}.weight", source)
    widest = conv_channels(state, f"{prefix}model.{convs[-2]}.weight", source)[0]
    batch = any(key.startswith(prefix) and key.endswith("running_mean") for key in state)
    return DiscriminatorConfig(
        cond_nc=channels,
        ndf=width,
        n_layers=len(convs) - 2,
        max_nf_mult=max(1, widest // max(1, width)),
        norm_type="batch" if batch else "instance",
    )


def _split(state: State, used: Callable[[str], bool]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Tensors under keys that are used, and the other keys."""
    return {k: v for k, v in state.items() if used(k)}, tuple(k for k in state if not used(k))


def _face(state: State, source: str) -> _Candidate | None:
    if not _has(state, "conv1_1.", "relu1_1.", "fc5."):
        return None
    kept, left_out = _split(state, lambda key: not key.startswith(UNUSED_PREFIX))
    return _Candidate("face identity network", ("sphere20a",), {}, Sphere20a, kept, left_out)


def _perceptual(state: State, source: str) -> _Candidate | None:
    """VGG19 as torchvision names it, or as iPERCore's loss does. Written under torchvision's names."""
    with torch.device("meta"):
        own = list(VGG19Features().state_dict())
    number = {key.split(".", 1)[1]: key for key in own}  # "2.weight" -> "slice2.2.weight"
    for prefix in ("vgg.", "", "features."):
        names = {
            f"features.{tail}" if prefix == "features." else f"{prefix}{key}": key
            for tail, key in number.items()
        }
        if len(names.keys() & state.keys()) * 2 > len(names):
            break
    else:
        return None
    if prefix == "features.":  # later layers and the classifier are not used
        kept, left_out = _split(state, lambda key: key in names)
    else:
        kept, left_out = dict(state), ()
    renamed = {names.get(key, key): value for key, value in kept.items()}
    return _Candidate(
        "perceptual network",
        ("vgg19",),
        {},
        VGG19Features,
        renamed,
        left_out,
        lambda key: f"features.{key.split('.', 1)[1]}",
    )


def _estimator(state: State, source: str) -> _Candidate | None:
    if _has(state, "layer1.0.", "decpose.", "deccam."):
        return _Candidate("body estimator", ("spin",), {}, Spin, dict(state))
    if _has(state, "resnet.layer1.", "regressor.fc_blocks."):
        # the licensed body's own arrays are no part of the network
        kept, left_out = _split(state, lambda key: not key.startswith(BODY_ARRAYS))
        return _Candidate("body estimator", ("hmr",), {}, HmrIccv, kept, left_out)
    return None
