"""``Variant``: one name for every choice in which the released code, the paper's text and the packaged
weights differ.

The column ``paper`` is the text of arXiv 2011.09055 (section 3), ``released`` iPERCore with its training
configuration ``train_aug_bg.toml``; the last column says what differs. A dash marks a value that is not read.

========================  ======================  =============  ==================  ======================
switch                    released                paper          embedded            what differs
========================  ======================  =============  ==================  ======================
inputs.initial_image      uv-merge                averaged       averaged            texture or mean warp
inputs.fill_unseen        -                       False          True                True is ours
inputs.only_visible       False                   True           True                ``only_vis``; Algorithm 1
inputs.visibility_size    0                       0              512                 512 is ours
inputs.neighbours         3                       1              1                   ``top_k``
inputs.foreground         edge-colours            cut            nearest-colour      last is ours
inputs.band               4 (window 9)            -              6                   6 is ours
inputs.matte_erode        3                       1              -                   ``conf_erode_ks``
inputs.person             matte                   silhouette     matte               matting or body
inputs.background_dilate  11                      1              5                   ``bg_ks``; 5 is ours
inputs.prefill            False                   False          True                ours
inputs.blank              zero                    zero           -                   value in the hole
deviations.*, all four    False                   False          True                ours
losses.source             5 (10, halved)          10             3                   mean with background
losses.background         5 (10, halved)          0              5                   not in the paper
losses.perceptual         10                      10             0.5                 ``lambda_tsf``
losses.pixel              0                       0              10                  ours
losses.mask               5                       2.5            1                   paper: lambda_a for both
losses.smooth             1                       2.5            0.05                paper: lambda_a for both
losses.adversarial        1                       1              0                   ``lambda_D_prob``
kinds.mask                bce-matte               l2-silhouette  bce-matte           target and distance
kinds.background          last                    -              known               known is ours
perceptual                vgg19                   vgg19          efficientnet-lite0  last is ours
face                      sphere20a-layers        sphere20a      none                five layers, or one
face_weight               5                       5              0                   ``lambda_face``
discriminator             patch_global_body_head  the same       none                ``dis_name``
discriminator_scores      mean                    sum            -                   over the discriminators
auxiliary_backgrounds     True                    False          True                not in the paper
========================  ======================  =============  ==================  ======================

The four deviations are off in ``released`` and ``paper``. Not choices here, but the released ones in every
variant: the polarity of masks, the networks (the paper's mean aggregation leaves X undivided, its source
stream resembles the background's), boxes from joints, appearance transfer through merged UV images, novel
views by a turned root. Schedules and the background's source belong to presets and samplers, the camera to
the tasks. The paper states neither the width of the hole nor its
perceptual network: 1 and vgg19 are assumptions.

The weights of ``vgg19`` and ``sphere20a`` do not come with pip: a set-up that asks for them needs their
files, and a preset that goes without says so by an override.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from iper_bench.errors import UserError, unknown_name
from iper_bench.lwg.config import Deviations
from iper_bench.lwg.face_identity import FaceIdentityLoss
from iper_bench.lwg.inputs import InputOptions
from iper_bench.lwg.objective import FaceTerm, LossWeights, Perceptual, TermKinds
from iper_bench.lwg.perceptual import EfficientNetLiteLoss, VGGPerceptualLoss

VGG19, EFFICIENTNET_LITE0 = "vgg19", "efficientnet-lite0"
PERCEPTUAL_NETWORKS = (VGG19, EFFICIENTNET_LITE0)
NO_FACE = "none"
FACE_TERMS = ("sphere20a-layers", "sphere20a", NO_FACE)
SCORES = ("mean", "sum")


@dataclass(frozen=True)
class Variant:
    """A complete set of choices; the module's table says what each one is and where it comes from.

    Attributes
    ----------
    name: of the set.
    inputs, deviations, losses, kinds: see their classes.
    perceptual: ``"vgg19"`` (released) or ``"efficientnet-lite0"``, whose weights come with a package.
    face: ``"sphere20a-layers"`` (five weighted outputs), ``"sphere20a"`` (one L1 on the embedding) or
        ``"none"``; ``face_weight`` is its weight.
    discriminator: name of its class, ``None`` = no adversarial term.
    discriminator_scores: ``"mean"`` or ``"sum"`` over its patch networks.
    auxiliary_backgrounds: whether backgrounds without a person feed the background stream too.

    Raises
    ------
    UserError for an unknown perceptual network, face term or way of joining scores.
    """

    name: str
    inputs: InputOptions
    deviations: Deviations
    losses: LossWeights
    kinds: TermKinds
    perceptual: str
    face: str
    face_weight: float
    discriminator: str | None
    discriminator_scores: str
    auxiliary_backgrounds: bool

    def __post_init__(self) -> None:
        for field, known in (
            ("perceptual", PERCEPTUAL_NETWORKS),
            ("face", FACE_TERMS),
            ("discriminator_scores", SCORES),
        ):
            if getattr(self, field) not in known:
                raise unknown_name(field, str(getattr(self, field)), known, where=f"variant '{self.name}'")

    def switches(self) -> dict[str, Any]:
        """Every switch but the name: ``group.switch`` or ``switch`` to its value."""
        found: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if is_dataclass(value):
                found |= {f"{field.name}.{f.name}": getattr(value, f.name) for f in fields(value)}
            elif field.name != "name":
                found[field.name] = value
        return found

    def overridden(self, changes: Mapping[str, Any]) -> Variant:
        """The same set with some switches changed, named as in :meth:`switches`. Raises UserError for an
        unknown one.
        """
        known = self.switches()
        result = self
        for key, value in changes.items():
            if key not in known:
                raise unknown_name("switch", key, known, where=f"variant '{self.name}'")
            group, _, switch = key.rpartition(".")
            changed: Any = replace(getattr(result, group), **{switch: value}) if group else value
            result = replace(result, **{group or switch: changed})
        return result

    def overrides(self) -> dict[str, Any]:
        """The switches in which this set differs from the variant of its name, with their values here."""
        named = variant(self.name).switches()
        return {key: value for key, value in self.switches().items() if value != named[key]}


RELEASED = Variant(
    name="released",
    inputs=InputOptions(
        visibility_size=0,
        only_visible=False,
        background_dilate=11,
        band=4,
        prefill=False,
        initial_image="uv-merge",
        neighbours=3,
        foreground="edge-colours",
        matte_erode=3,
        person="matte",
        blank="zero",
    ),
    deviations=Deviations(),
    losses=LossWeights(
        source=5.0, background=5.0, perceptual=10.0, pixel=0.0, mask=5.0, smooth=1.0, adversarial=1.0
    ),
    kinds=TermKinds(mask="bce-matte", background="last"),
    perceptual=VGG19,
    face="sphere20a-layers",
    face_weight=5.0,
    discriminator="patch_global_body_head",
    discriminator_scores="mean",
    auxiliary_backgrounds=True,
)

PAPER = Variant(
    name="paper",
    inputs=InputOptions(
        visibility_size=0,
        only_visible=True,
        background_dilate=1,
        band=0,
        prefill=False,
        initial_image="averaged",
        fill_unseen=False,
        neighbours=1,
        foreground="cut",
        matte_erode=1,
        person="silhouette",
        blank="zero",
    ),
    deviations=Deviations(),
    losses=LossWeights(
        source=10.0, background=0.0, perceptual=10.0, pixel=0.0, mask=2.5, smooth=2.5, adversarial=1.0
    ),
    kinds=TermKinds(mask="l2-silhouette"),
    perceptual=VGG19,
    face="sphere20a",
    face_weight=5.0,
    discriminator="patch_global_body_head",
    discriminator_scores="sum",
    auxiliary_backgrounds=False,
)

EMBEDDED = Variant(
    name="embedded",
    inputs=InputOptions(),
    deviations=Deviations(
        known_background=True, prefilled_hole=True, silhouette_prior=True, residual_colour=True
    ),
    losses=LossWeights(source=3.0, background=5.0, perceptual=0.5, pixel=10.0, mask=1.0, smooth=0.05),
    kinds=TermKinds(),
    perceptual=EFFICIENTNET_LITE0,
    face=NO_FACE,
    face_weight=0.0,
    discriminator=None,
    discriminator_scores="mean",
    auxiliary_backgrounds=True,
)

VARIANTS: Mapping[str, Variant] = {each.name: each for each in (RELEASED, PAPER, EMBEDDED)}


def variant(name: str) -> Variant:
    """The variant called ``name``. Raises UserError with the nearest names when unknown."""
    if name not in VARIANTS:
        raise unknown_name("variant", name, VARIANTS)
    return VARIANTS[name]


def choices_of(metadata: Mapping[str, Any]) -> Variant:
    """The choices that a weights file was trained with, from its metadata; those of the embedded variant in
    files that are older than the variants. Raises UserError for an unknown variant or switch.
    """
    name = metadata.get("variant")
    if name is None:
        return EMBEDDED
    overrides = dict(metadata.get("overrides", {}))
    # A file tells only the loss weights that serve personalization, where the recipe decides about this one.
    overrides.pop("losses.adversarial", None)
    return variant(str(name)).overridden(overrides)


def face_term(choices: Variant, weights: Path | None) -> FaceTerm | None:
    """The face identity term that ``choices`` ask for, ``None`` when they ask for none.

    Parameters
    ----------
    weights: the sphere20a file; must be ``None`` where there is no face term.

    Raises
    ------
    UserError when the file is missing, does not fit, or is given to choices without a face term.
    """
    if choices.face == NO_FACE:
        if weights is not None:
            raise UserError(
                f"variant '{choices.name}' has no face term here",
                where=str(weights),
                expected="a preset or a loss set with one",
                hint="--method 'attlwb[loss=full]'",
            )
        return None
    if weights is None:
        raise UserError(
            f"face term '{choices.face}' needs its weights, which pip does not bring",
            expected="SphereFace's file sphere20a_20171020.pth",
            hint="--face-weights FILE",
        )
    return FaceTerm(
        choices.face_weight, FaceIdentityLoss(weights, embedding_only=choices.face == "sphere20a")
    )


def perceptual_network(name: str, weights: Path | None) -> Perceptual:
    """The perceptual term called ``name``.

    Parameters
    ----------
    weights: torchvision's VGG19 file for ``"vgg19"``; must be ``None`` for ``"efficientnet-lite0"``, whose
        weights come with a package.

    Raises
    ------
    UserError when the file is missing, is not one of VGG19, or is given to a network that takes none.
    """
    if name == EFFICIENTNET_LITE0:
        if weights is not None:
            raise UserError(
                f"perceptual network '{name}' takes no weights file",
                where=str(weights),
                expected=f"a preset with '{VGG19}'",
            )
        return EfficientNetLiteLoss()
    if name != VGG19:
        raise unknown_name("perceptual network", name, PERCEPTUAL_NETWORKS)
    if weights is None:
        raise UserError(
            f"perceptual network '{name}' needs its weights, which pip does not bring",
            expected="torchvision's file vgg19-dcbb9e9d.pth",
            hint="--perceptual-weights FILE",
        )
    return VGGPerceptualLoss(weights)
