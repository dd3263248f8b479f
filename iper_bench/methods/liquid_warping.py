"""``LiquidWarping``: any of the Liquid Warping generators as a method, with weights from a file.

Impersonator++ (``attlwb``) is the one whose weights come with the package; the others are what the paper
compares it with (:mod:`iper_bench.lwg.strategy`) and need weights that ``iper-bench train`` wrote or the
official ones.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn

from iper_bench.errors import UserError, unknown_name
from iper_bench.hashing import content_hash
from iper_bench.lwg.delta import applied
from iper_bench.lwg.inference import InferenceOptions, Renderer, on_device
from iper_bench.lwg.packaged import TrainedGenerator, load_trained, require_layout, settings_json
from iper_bench.lwg.personalization import Terms, personalization_batches, personalize
from iper_bench.lwg.strategy import GENERATOR_OF, PACKAGED_METHOD, TrainedMethod
from iper_bench.methods.appearance_subject import in_turn, join_people
from iper_bench.methods.liquid_warping_subject import LiquidWarpingSubject
from iper_bench.methods.method import Sources, Subject
from iper_bench.methods.source_person import SourcePerson, prepare_person
from iper_bench.methods.tuned_subject import SubjectRecord, TunedSubject
from iper_bench.methods.tuning import Tuning

VERSION = 1  # raised whenever the same weights would draw other frames


class LiquidWarping:
    """Personalize on the sources, then render.

    Parameters
    ----------
    name: registry name. trained: generator with its settings.
    tuning: how to personalize; ``None`` = as the weights ask.
    options: how to render; ``None`` = the defaults.
    any_layout: let official weights draw on a body without the released UV layout.
    """

    trains = True

    def __init__(
        self,
        name: str,
        trained: TrainedGenerator,
        tuning: Tuning | None = None,
        options: InferenceOptions | None = None,
        *,
        any_layout: bool = False,
    ) -> None:
        self.name = name
        self._trained = trained
        self._tuning = tuning or Tuning.chosen(trained, {})
        self._options = options or InferenceOptions()
        self._any_layout = any_layout
        self._terms: Terms | None = None
        self.weights_sha256 = trained.sha256
        self.identity = content_hash(
            {
                "method": name,
                "version": VERSION,
                **settings_json(trained),
                **self._tuning.identity(trained),
                **self._options.identity(),
            }
        )

    @property
    def most_sources(self) -> int | None:
        """How many sources are used, the first ones; ``None`` = all."""
        return cast(Renderer, self._trained.generator).most_sources

    def personalize(self, sources: Sources, *, steps: int, seed: int) -> Subject:
        """The subject after ``steps`` steps; 0 = the weights as they are."""
        return next(subject for _, subject in self.checkpoints(sources, steps=(steps,), seed=seed))

    def checkpoints(
        self, sources: Sources, *, steps: tuple[int, ...], seed: int
    ) -> Iterator[tuple[int, Subject]]:
        """Subjects at every T of ``steps`` along one personalization. Raises UserError when a loss network's
        weights are missing.
        """
        if any(steps):
            self._loss_terms()
        person = self._prepare(sources)
        for done, tuned in self._tuned([person], steps, seed):
            yield done, self._keepable(tuned, person, sources, done, seed)

    def restore(self, record: SubjectRecord, where: str) -> TunedSubject:
        """The person of a file of :meth:`iper_bench.methods.tuned_subject.TunedSubject.save`; he is drawn as
        he was then.

        Parameters
        ----------
        where: the file, for messages.

        Raises
        ------
        UserError for a person of another method or other weights, and for damaged content.
        """
        if record.method != self.name or record.weights_sha256 != self._trained.sha256:
            raise UserError(
                f"belongs to '{record.method}' with weights {record.weights_sha256[:12]}",
                where=where,
                expected=f"'{self.name}' with weights {self._trained.sha256[:12]}",
                hint="--method NAME@WEIGHTS as it was personalized with",
            )
        tuned = copy.deepcopy(self._trained.generator)
        tuned.load_state_dict(applied(tuned.state_dict(), record.changes, where))
        person = self._prepare(record.sources)
        return self._keepable(tuned, person, record.sources, record.steps, record.seed)

    def _keepable(
        self, tuned: nn.Module, person: SourcePerson, sources: Sources, steps: int, seed: int
    ) -> TunedSubject:
        record = SubjectRecord(sources, self.name, self.identity, self._trained.sha256, steps, seed, {})
        base = self._trained.generator.state_dict()
        return TunedSubject(self._subject(tuned, person, sources), record, base, tuned.state_dict())

    def appearance(
        self,
        people: Sequence[Sources],
        parts: Sequence[Sequence[str]],
        *,
        steps: int,
        seed: int,
        selected_flows: bool,
        background: int = 0,
    ) -> Subject:
        """See :class:`iper_bench.methods.appearance_subject.SeveralPeople`; one generator is tuned on the
        people in turn.
        """
        if self.most_sources is not None and self.most_sources < len(people):
            raise UserError(
                f"'{self.name}' takes {self.most_sources} sources, fewer than the {len(people)} people",
                expected="a method that takes any number of sources, for example attlwb",
            )
        if steps:
            self._loss_terms()
        prepared = [self._prepare(sources) for sources in people]
        joined = join_people(prepared, parts, selected_flows=selected_flows, background=background)
        _, tuned = next(self._tuned(prepared, (steps * len(people),), seed))
        return self._subject(tuned, joined, people[0])

    def _prepare(self, sources: Sources) -> SourcePerson:
        person = prepare_person(
            sources,
            self._trained.inputs,
            stride=self._trained.config.stride,
            most_sources=self.most_sources,
        )
        if not self._any_layout:
            require_layout(self._trained, person.builder.body)
        return person

    def _loss_terms(self) -> Terms:
        if self._terms is None:
            self._terms = self._tuning.terms(self._trained, self.name)
        return self._terms

    def _tuned(
        self, people: Sequence[SourcePerson], steps: tuple[int, ...], seed: int
    ) -> Iterator[tuple[int, nn.Module]]:
        trained, chosen = self._trained, self._tuning.recipe
        if not any(steps):
            for _ in set(steps):
                yield 0, trained.generator
            return
        device = people[0].builder.device
        terms = self._loss_terms()
        for network in (terms.perceptual, None if terms.face is None else terms.face.distance):
            if isinstance(network, nn.Module):
                network.to(device)
        batches = in_turn([self._batches(person, seed) for person in people])
        start = cast(nn.Module, on_device(cast(Renderer, trained.generator), device))
        yield from personalize(start, trained.config, batches, steps, terms, recipe=chosen, seed=seed)

    def _batches(self, person: SourcePerson, seed: int) -> Iterator[Any]:
        chosen = self._tuning.recipe
        pseudo: Tensor | None = person.filled_background() if chosen.pseudo_background else None
        return personalization_batches(
            person.builder, person.inputs, person.maps, person.images, person.masks, seed, chosen, pseudo
        )

    def _subject(self, generator: nn.Module, person: SourcePerson, sources: Sources) -> Subject:
        return LiquidWarpingSubject(
            cast(Renderer, generator),
            person.builder,
            person.inputs,
            sources.track,
            padding=person.padding,
            options=self._options,
        )


def create(name: str, /, weights: Path | None = None, **options: str) -> LiquidWarping:
    """A method by its registry name.

    Parameters
    ----------
    weights: a file of ``iper-bench train`` or ``iper-bench weights convert``, or an official checkpoint;
        ``None`` = the weights of the package, which only ``attlwb`` has.
    options: as typed between brackets, ``-`` as ``_``. ``loss``, ``temporal``: as which the weights must have
        been trained. ``recipe``: of personalization. ``perceptual`` (``efficientnet-lite0``), ``face``
        (``none``): in place of what the weights ask for. ``perceptual_weights``, ``face_weights``: files.
        ``layout`` (``any``): let official weights draw on a body without the released UV layout.
        ``dtype``, ``batch``, ``compile``, ``channels_last``, ``time_step``: see
        :class:`~iper_bench.lwg.inference.InferenceOptions`.

    Raises
    ------
    UserError for weights of another generator or loss set, a file that cannot be read, an unknown option, and
    options that do not fit the weights.
    """
    _check_options(name, options)
    asked = {key: options[key] for key in ("loss", "temporal") if key in options}
    typed = name + (f"[{','.join(f'{key}={value}' for key, value in asked.items())}]" if asked else "")
    wanted = TrainedMethod.parse(typed)
    if weights is None and wanted != TrainedMethod(PACKAGED_METHOD):
        raise UserError(
            f"no weights for '{typed}' come with the package",
            where="--method",
            expected="weights that you trained, or official ones",
            hint=f"iper-bench train --method '{typed}' --dataset synthetic --out runs/mine, then "
            f"--method '{typed}@runs/mine/weights.safetensors'",
        )
    trained = load_trained(weights, expected=GENERATOR_OF[name])
    if asked:
        _check_training(trained, wanted, weights)
    layout = options.get("layout", "released")
    if layout not in ("released", "any"):
        raise unknown_name("value", layout, ("released", "any"), where="option 'layout'")
    tuning, inference = Tuning.chosen(trained, options), _inference(options)
    if inference.time_step and not trained.config.temporal:
        raise UserError(
            f"time-step is {inference.time_step}, but these weights are not temporal",
            where=f"method '{name}'",
            expected=f"weights of iper-bench train --method '{PACKAGED_METHOD}[temporal=on]'",
        )
    return LiquidWarping(name, trained, tuning, inference, any_layout=layout == "any")


_OPTIONS = (
    "loss",
    "temporal",
    "recipe",
    "perceptual",
    "face",
    "perceptual_weights",
    "face_weights",
    "layout",
    "dtype",
    "batch",
    "compile",
    "channels_last",
    "time_step",
)
_SWITCHES = {"on": True, "off": False}


def _check_options(name: str, options: dict[str, str]) -> None:
    for key in options:
        if key not in _OPTIONS:
            known = [each.replace("_", "-") for each in _OPTIONS]
            raise unknown_name("option", key.replace("_", "-"), known, where=f"method '{name}'")


def _check_training(trained: TrainedGenerator, wanted: TrainedMethod, weights: Path | None) -> None:
    found = trained.metadata.get("training", {}).get("method")
    if found != wanted.text:
        raise UserError(
            f"the weights were trained as '{found or 'unknown'}', not as '{wanted.text}'",
            where=str(weights),
            expected=f"weights of iper-bench train --method '{wanted.text}'",
        )


def _inference(options: dict[str, str]) -> InferenceOptions:
    chosen: dict[str, Any] = {}
    for key in ("batch", "time_step"):
        if key in options:
            if not options[key].isdecimal() or len(options[key]) > 6:
                raise UserError(
                    f"{key} is '{options[key][:20]}'", where="--method", expected="a whole number"
                )
            chosen[key] = int(options[key])
    for key in ("compile", "channels_last"):
        if key in options:
            if options[key] not in _SWITCHES:
                raise unknown_name("value", options[key], _SWITCHES, where=f"option '{key}'")
            chosen[key] = _SWITCHES[options[key]]
    if "dtype" in options:
        chosen["dtype"] = options["dtype"]
    return InferenceOptions(**chosen)


# What the registry holds, one per name of iper_bench.lwg.strategy.
attlwb = partial(create, "attlwb")
attlwb_front = partial(create, "attlwb-front")
attlwb_adain = partial(create, "attlwb-adain")
lwb = partial(create, "lwb")
avglwb = partial(create, "avglwb")
softgate_add = partial(create, "softgate-add")
softgate_avg = partial(create, "softgate-avg")
texture_warp = partial(create, "texture-warp")
input_concat = partial(create, "input-concat")
impersonator = partial(create, "impersonator")
