"""Methods by name: which generator each one is, and which losses a loss set holds.

From: Impersonator++ (arXiv 2011.09055): section 5.3 compares seven ways to bring source features to a
target, Table 6 four sets of losses. The generator names are those of iPERCore's factory; ``impersonator`` is
the first Liquid Warping GAN (ICCV 2019).

================  ===================  ===================================================================
method            generator            how sources reach the target
================  ===================  ===================================================================
attlwb            AttLWB-SPADE         features warped, attention across sources, SPADE (Impersonator++)
attlwb-front      AttLWB-Front-SPADE   the same without a background stream
attlwb-adain      AttLWB-AdaIN         features warped, one attention weight per source, AdaIN
lwb               AddLWB               features warped and added
avglwb            AvgLWB               features warped and averaged
softgate-add      SoftGateAddLWB       features warped, gated, added
softgate-avg      SoftGateAvgLWB       features warped, gated, averaged
texture-warp      TextureWarping       colours warped, no features
input-concat      InputConcat          source images concatenated, nothing warped
impersonator      Impersonator         one source, features warped and added (ICCV 2019)
================  ===================  ===================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iper_bench.errors import UserError, unknown_name

#: Method name to generator name, in the order of the table above.
GENERATOR_OF: Mapping[str, str] = {
    "attlwb": "AttLWB-SPADE",
    "attlwb-front": "AttLWB-Front-SPADE",
    "attlwb-adain": "AttLWB-AdaIN",
    "lwb": "AddLWB",
    "avglwb": "AvgLWB",
    "softgate-add": "SoftGateAddLWB",
    "softgate-avg": "SoftGateAvgLWB",
    "texture-warp": "TextureWarping",
    "input-concat": "InputConcat",
    "impersonator": "Impersonator",
}

#: The only method whose weights come with the package.
PACKAGED_METHOD = "attlwb"

#: The seven strategies of section 5.3, in the paper's order from no warping to attention.
WARPING_STRATEGIES = (
    "input-concat",
    "texture-warp",
    "lwb",
    "avglwb",
    "softgate-add",
    "softgate-avg",
    "attlwb",
)


#: Methods that weigh sources by attention.
ATTENTION = ("attlwb", "attlwb-front", "attlwb-adain")


@dataclass(frozen=True)
class LossSet:
    """Which of the paper's four terms are on: L_p always, L_adv, L_f and L_a (mask and total variation) by
    switch.
    """

    adversarial: bool
    face: bool
    attention: bool


#: The rows of Table 6.
LOSS_SETS: Mapping[str, LossSet] = {
    "lp": LossSet(adversarial=False, face=False, attention=False),
    "lp+adv": LossSet(adversarial=True, face=False, attention=False),
    "lp+adv+lf": LossSet(adversarial=True, face=True, attention=False),
    "full": LossSet(adversarial=True, face=True, attention=True),
}


def generator_of(method: str) -> str:
    """The generator's name. Raises UserError with the nearest names for a method that is not trained here."""
    if method not in GENERATOR_OF:
        raise unknown_name("trainable method", method, GENERATOR_OF)
    return GENERATOR_OF[method]


def loss_set(name: str) -> LossSet:
    """The loss set called ``name``. Raises UserError with the nearest names when unknown."""
    if name not in LOSS_SETS:
        raise unknown_name("loss set", name, LOSS_SETS)
    return LOSS_SETS[name]


@dataclass(frozen=True)
class TrainedMethod:
    """What ``iper-bench train --method`` names: ``attlwb``, ``attlwb[loss=lp]``, ``attlwb[temporal=on]``.

    Attributes
    ----------
    method: key of :data:`GENERATOR_OF`. loss: key of :data:`LOSS_SETS`, ``None`` = the preset's own losses.
    temporal: each target also attends to the output before it (iPERCore's option, off in every released
        configuration).
    """

    method: str
    loss: str | None = None
    temporal: bool = False

    @classmethod
    def parse(cls, text: str) -> TrainedMethod:
        """Read ``NAME`` or ``NAME[loss=SET,temporal=on]``. Raises UserError for another form or an unknown
        name.
        """
        name, options = split_options(text)
        loss, temporal = options.pop("loss", None), options.pop("temporal", "off")
        if options:
            raise unknown_name("training option", next(iter(options)), ("loss", "temporal"), where=text)
        generator_of(name)
        if loss is not None:
            loss_set(loss)
        if temporal not in ("on", "off"):
            raise unknown_name("value", temporal, ("on", "off"), where=f"{text}, option temporal")
        if temporal == "on" and name not in ATTENTION:
            raise UserError(
                "earlier frames join the sources in the attention, which this method lacks",
                where=text,
                expected=f"temporal=on with {', '.join(ATTENTION)}",
            )
        return cls(name, loss, temporal == "on")

    @property
    def text(self) -> str:
        """As it is typed, and as weight files name it."""
        options = [f"loss={self.loss}"] if self.loss is not None else []
        options += ["temporal=on"] if self.temporal else []
        return f"{self.method}[{','.join(options)}]" if options else self.method


def split_options(text: str) -> tuple[str, dict[str, str]]:
    """``"name[a=1,b=2]"`` to ``("name", {"a": "1", "b": "2"})``, ``"name"`` to ``("name", {})``.

    Raises UserError for brackets that do not close, an entry without ``=``, or a key given twice.
    """
    name, opened, rest = text.partition("[")
    if not opened:
        if "]" in text:
            raise _unreadable(text)
        return text, {}
    if not name or not rest.endswith("]") or "[" in rest or "]" in rest[:-1]:
        raise _unreadable(text)
    options: dict[str, str] = {}
    for entry in rest[:-1].split(","):
        key, equals, value = (part.strip() for part in entry.partition("="))
        if not key or not equals or not value or key in options:
            raise _unreadable(text)
        options[key] = value
    return name, options


def _unreadable(text: str) -> UserError:
    return UserError(
        f"cannot read '{text}'",
        where="--method",
        expected="NAME or NAME[option=value,...], each option once",
        hint="attlwb[loss=lp]",
    )
