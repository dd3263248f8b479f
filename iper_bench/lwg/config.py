"""Sizes of a Liquid Warping generator and the named ways in which it may deviate from the released one.

From: the ``[BGNet]``, ``[SIDNet]``, ``[TSFNet]`` tables of iPERCore's assets/configs/neural_renders/*.toml;
the default values are those of AttLWB-SPADE.toml. ``norm_type`` of those tables is not read, as in the
released code (the norms are fixed by the networks).
Differs: SIDNet and TSFNet share one list of filters and one number of residual blocks, which the warping
blocks demand anyway; ``spade_hidden`` is a constant (128) in the released code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from iper_bench.errors import UserError, unknown_name

IMAGE_CHANNELS = 3
CONDITION_CHANNELS = 3  # [u, v, bg]
NETWORK_CHANNELS = IMAGE_CHANNELS + CONDITION_CHANNELS

GENERATOR_NAMES = (
    "AttLWB-SPADE",
    "AttLWB-Front-SPADE",
    "AttLWB-AdaIN",
    "AddLWB",
    "AvgLWB",
    "SoftGateAddLWB",
    "SoftGateAvgLWB",
    "TextureWarping",
    "InputConcat",
)
"""Factory names of iPERCore."""

IMPERSONATOR = "Impersonator"
"""The ICCV 2019 generator, which iPERCore's factory does not know."""
ALL_GENERATOR_NAMES = (*GENERATOR_NAMES, IMPERSONATOR)


NO_INITIAL_IMAGE = ("InputConcat", "AttLWB-AdaIN")
"""Generators whose target input does not start with the initial image."""


@dataclass(frozen=True)
class GeneratorConfig:
    """Sizes of one generator.

    Attributes
    ----------
    name: one of :data:`ALL_GENERATOR_NAMES`. For ``Impersonator`` there is one width w and one number of
        residual blocks: ``filters`` and ``bg_filters`` are (w, 2w, 4w, 8w), stem first, and ``bg_res_blocks``
        equals ``res_blocks``.
    bg_filters: channels of BGNet: stem, then one per halving of the image side.
    bg_res_blocks: residual blocks of BGNet.
    filters: channels of SIDNet and TSFNet, one per halving of the image side.
    res_blocks: residual blocks of SIDNet and TSFNet.
    spade_hidden: width of SPADE's shared layer (128 in the released code).
    cond_nc: channels of a source or target input (image 3, condition 3).
    bg_cond_nc: channels of a background input (image 3, mask 1).
    temporal: whether target t attends to the output of target t - 1 as well.
    num_source: number of sources that InputConcat concatenates; the others take any number.
    """

    name: str = "AttLWB-SPADE"
    bg_filters: tuple[int, ...] = (64, 128, 128, 256)
    bg_res_blocks: int = 6
    filters: tuple[int, ...] = (64, 128, 256)
    res_blocks: int = 6
    spade_hidden: int = 128
    cond_nc: int = NETWORK_CHANNELS
    bg_cond_nc: int = IMAGE_CHANNELS + 1
    temporal: bool = False
    num_source: int = 4

    def __post_init__(self) -> None:
        object.__setattr__(self, "bg_filters", tuple(int(c) for c in self.bg_filters))
        object.__setattr__(self, "filters", tuple(int(c) for c in self.filters))
        if self.name not in ALL_GENERATOR_NAMES:
            raise unknown_name("generator", self.name, ALL_GENERATOR_NAMES)
        for field in ("bg_filters", "filters"):
            counts: tuple[int, ...] = getattr(self, field)
            if not counts or min(counts) < 1:
                raise UserError(
                    f"{list(counts)} is no list of channel counts",
                    where=field,
                    expected="one or more whole numbers >= 1",
                )
        for field, least in (
            ("bg_res_blocks", 0),
            ("res_blocks", 0),
            ("spade_hidden", 1),
            ("cond_nc", 1),
            ("num_source", 1),
        ):
            if getattr(self, field) < least:
                raise UserError(
                    f"{getattr(self, field)} is too small", where=field, expected=f"a whole number >= {least}"
                )
        if self.name == IMPERSONATOR:
            self._check_impersonator()

    def _check_impersonator(self) -> None:
        wanted = tuple(self.filters[0] * 2**k for k in range(4))
        if self.filters != wanted or self.bg_filters != wanted or self.bg_res_blocks != self.res_blocks:
            raise UserError(
                f"filters {list(self.filters)} and {list(self.bg_filters)}, residual blocks "
                f"{self.res_blocks} and {self.bg_res_blocks}",
                where=self.name,
                expected=f"{list(wanted)} in source, target and background stream, equal residual blocks",
            )

    @property
    def target_nc(self) -> int:
        """Channels that TSFNet's first layer takes."""
        if self.name == "InputConcat":
            return self.cond_nc * self.num_source + CONDITION_CHANNELS
        if self.name == "AttLWB-AdaIN":
            return CONDITION_CHANNELS  # released: tsf_dim = 3
        return self.cond_nc

    @property
    def stride(self) -> int:
        """The image sides must be multiples of this."""
        if self.name == IMPERSONATOR:
            return int(2 ** (len(self.filters) - 1))
        bg = 1 if self.name == "AttLWB-Front-SPADE" else 2 ** (len(self.bg_filters) - 1)
        return max(int(bg), int(2 ** len(self.filters)))

    @classmethod
    def released(cls, name: str) -> GeneratorConfig:
        """The released configuration of ``name`` (AttLWB-AdaIN: the defaults of its class, which no released
        file overrides).
        """
        if name == "AttLWB-AdaIN":
            return cls(name=name, bg_filters=(64, 128, 128, 128), res_blocks=4, temporal=True)
        if name == IMPERSONATOR:
            return cls(name=name, bg_filters=(64, 128, 256, 512), filters=(64, 128, 256, 512))
        return cls(name=name)

    @classmethod
    def from_official(cls, cfg: Mapping[str, Any], *, temporal: bool = False) -> GeneratorConfig:
        """Read the official configuration: ``{"name": .., "BGNet": {..}, "SIDNet": {..}, "TSFNet": {..}}``.

        Raises UserError when a table or an entry is missing, or when SIDNet and TSFNet differ where they must
        not.
        """
        name = str(_entry(cfg, "name", "generator configuration"))
        if name not in GENERATOR_NAMES:
            raise unknown_name("generator", name, GENERATOR_NAMES, where="generator configuration")
        bg, sid, tsf = (_table(cfg, key) for key in ("BGNet", "SIDNet", "TSFNet"))
        if name not in ("TextureWarping", "InputConcat"):
            for key in ("num_filters", "n_res_block"):
                if _entry(sid, key, "SIDNet") != _entry(tsf, key, "TSFNet"):
                    raise UserError(
                        f"{key} {sid[key]} of SIDNet differs from {tsf[key]} of TSFNet",
                        where="generator configuration",
                        expected="equal values, since features are fused stage by stage",
                    )
        config = cls(
            name=name,
            bg_filters=_counts(bg, "BGNet"),
            bg_res_blocks=int(_entry(bg, "n_res_block", "BGNet")),
            filters=_counts(tsf, "TSFNet"),
            res_blocks=int(_entry(tsf, "n_res_block", "TSFNet")),
            cond_nc=int(_entry(sid, "cond_nc", "SIDNet")),
            bg_cond_nc=int(_entry(bg, "cond_nc", "BGNet")),
            temporal=temporal,
            num_source=int(tsf.get("num_source", cls.num_source)),
        )
        stated = int(_entry(tsf, "cond_nc", "TSFNet"))
        if name != "AttLWB-AdaIN" and stated != config.target_nc:
            raise UserError(f"cond_nc is {stated}", where="TSFNet", expected=f"{config.target_nc} for {name}")
        return config

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> GeneratorConfig:
        """The inverse of :meth:`to_json`; unknown keys raise UserError with the nearest known one."""
        known = [f.name for f in fields(cls)]
        for key in content:
            if key not in known:
                raise unknown_name("entry", key, known, where="generator configuration")
        return cls(**content)

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for weight metadata."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    def with_name(self, name: str) -> GeneratorConfig:
        """The same sizes for another generator."""
        return replace(self, name=name)


@dataclass(frozen=True)
class Deviations:
    """Named departures from the released generator, all off by default.

    Attributes
    ----------
    known_background: G_BG's output is used only inside the hole of the background mask; elsewhere the known
        pixels pass.
    prefilled_hole: the caller fills the hole of the background input by inpainting (OpenCV, Telea) instead of
        zeros.
    silhouette_prior: +-3 is added to the mask logits of SIDNet and TSFNet by the body silhouette (channel bg
        of the condition).
    residual_colour: colours of SIDNet and TSFNet are ``clamp(initial + tanh(head), -1, 1)`` where ``initial``
        is the image in the network's own input; for BGNet likewise, but only together with
        ``prefilled_hole``: zeros in a hole are no initial guess. The target stream of a generator whose
        target input has no initial image (:data:`NO_INITIAL_IMAGE`) goes without.
    """

    known_background: bool = False
    prefilled_hole: bool = False
    silhouette_prior: bool = False
    residual_colour: bool = False

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Deviations:
        """The inverse of :meth:`to_json`; unknown switches raise UserError."""
        known = [f.name for f in fields(cls)]
        for key in content:
            if key not in known:
                raise unknown_name("deviation", key, known)
        return cls(**{key: bool(value) for key, value in content.items()})

    def to_json(self) -> dict[str, bool]:
        """Plain dictionary for weight metadata."""
        return {f.name: bool(getattr(self, f.name)) for f in fields(self)}

    def of_targets(self, name: str) -> Deviations:
        """What acts in the target stream of the generator ``name``."""
        return replace(self, residual_colour=self.residual_colour and name not in NO_INITIAL_IMAGE)

    @property
    def active(self) -> tuple[str, ...]:
        """Names of the switches that are on."""
        return tuple(name for name, on in self.to_json().items() if on)


def _table(cfg: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = _entry(cfg, key, "generator configuration")
    if not isinstance(table, Mapping):
        raise UserError(f"{key} is {table!r}", where="generator configuration", expected=f"a table [{key}]")
    return table


def _entry(table: Mapping[str, Any], key: str, where: str) -> Any:
    if key not in table:
        raise UserError(f"'{key}' is missing", where=where, expected=f"an entry '{key}'")
    return table[key]


def _counts(table: Mapping[str, Any], where: str) -> tuple[int, ...]:
    counts = _entry(table, "num_filters", where)
    if isinstance(counts, str) or not isinstance(counts, Sequence):
        raise UserError(f"num_filters is {counts!r}", where=where, expected="a list of channel counts")
    return tuple(int(c) for c in counts)
