"""``Plan``: every unit of a run, resolved before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iper_bench.data.dataset import Dataset
from iper_bench.errors import UserError, unknown_name
from iper_bench.flow.transfer import PART_GROUPS
from iper_bench.methods.appearance_subject import several_people
from iper_bench.methods.folder_method import FolderMethod
from iper_bench.methods.method_choice import Benchmarked
from iper_bench.methods.reference import Reference, made_from
from iper_bench.methods.reference_names import OTHERS, TRUTH
from iper_bench.protocol.schema import IMITATION, TRANSFER, Protocol
from iper_bench.protocol.trial import SELF, Trial
from iper_bench.protocol.trials import SETTINGS, build_trials, held_repairs
from iper_bench.run.material import DATASETS_OWN, masks_origin
from iper_bench.run.other_people import OtherPeople
from iper_bench.run.unit import Unit, trial_content, trial_id, trial_text
from iper_bench.store.plan_file import plan_hash

SHOWN_UNITS = 12  # lines of units in the description; the rest is counted


@dataclass(frozen=True)
class Grid:
    """The part of a plan that is neither method nor data.

    Attributes
    ----------
    sn, steps, settings: rising, without repetition (see :meth:`of`).
    seeds: of personalisation, rising. limit: first N source clips of the protocol, ``None`` = all.
    """

    sn: tuple[int, ...]
    steps: tuple[int, ...]
    settings: tuple[str, ...]
    seeds: tuple[int, ...]
    limit: int | None

    @staticmethod
    def of(
        sn: Sequence[int],
        steps: Sequence[int],
        settings: Sequence[str],
        seeds: Sequence[int],
        limit: int | None,
    ) -> Grid:
        """Check and order. Raises UserError for an empty list, a number out of range, an unknown setting."""
        for values, least, option in ((sn, 1, "--sn"), (steps, 0, "--steps"), (seeds, 0, "--seeds")):
            if not values or min(values) < least:
                raise UserError(f"found {list(values)}", where=option, expected=f"numbers of {least} or more")
        for setting in settings:
            if setting not in SETTINGS:
                raise unknown_name("setting", setting, SETTINGS, where="--settings")
        if not settings:
            raise UserError("no setting", where="--settings", expected=" or ".join(SETTINGS))
        if limit is not None and limit < 1:
            raise UserError(f"found {limit}", where="--limit", expected="1 or more")
        ordered = tuple(setting for setting in SETTINGS if setting in settings)
        rising = (tuple(sorted(set(values))) for values in (sn, steps, seeds))
        numbers, along, drawn = rising
        return Grid(numbers, along, ordered, drawn, limit)


@dataclass(frozen=True)
class Plan:
    """Units in the order of work: units that share a personalisation stand together, T rising.

    ``document`` is what ``plan.yaml`` holds and what the plan's hash covers.
    """

    units: tuple[Unit, ...]
    trials: tuple[Trial, ...]
    protocol_hash: str
    document: dict[str, Any]

    @property
    def hash(self) -> str:
        """Content hash of the plan."""
        return plan_hash(self.document)

    def groups(self) -> list[list[Unit]]:
        """Units by personalisation, in the order of work."""
        found: dict[Any, list[Unit]] = {}
        for unit in self.units:
            found.setdefault(unit.personalisation, []).append(unit)
        return list(found.values())

    def describe(self) -> str:
        """The plan in words: what ``--dry-run`` prints."""
        plan = self.document
        methods = [self._method_line(m) for m in plan["methods"]]
        frames = sum(unit.frame_count for unit in self.units)
        shown = [f"  {unit.id}  {unit.name}, {unit.frame_count} frames" for unit in self.units[:SHOWN_UNITS]]
        if len(self.units) > SHOWN_UNITS:
            shown.append(f"  ... and {len(self.units) - SHOWN_UNITS} more")
        data = plan["dataset"]
        settings = [f"{s}: {sum(t.setting == s for t in self.trials)} trials" for s in plan["settings"]]
        lines = [
            f"plan {self.hash}",
            f"dataset {data['name']} (fingerprint {data['fingerprint']})",
            f"frames {data['image_size']} x {data['image_size']}; body {data['body']}"
            + (f"; mattes: {data['mattes']}" if "mattes" in data else ""),
            f"protocol {plan['protocol']['name']} (hash {plan['protocol']['hash']}); {', '.join(settings)}",
            *_edition(plan["protocol"]),
            f"sn {_list(plan['sn'])}; T {_list(plan['steps'])}; "
            f"seed{'s' * (len(plan['seeds']) > 1)} {_list(plan['seeds'])}",
            f"profiles {_list(plan['profiles'])}",
            "methods",
            *methods,
            f"{len(self.units)} units in {len(self.groups())} personalisations, {frames} frames to predict",
            *shown,
        ]
        return "\n".join(lines)

    def _method_line(self, method: Mapping[str, Any]) -> str:
        name, kind = method["name"], method.get("reference")
        line = f"  {name} (identity {method['identity']}{'' if method['trains'] else ', does not train: T=0'}"
        if kind is None:
            return f"{line})"
        served = {unit.trial for unit in self.units if unit.method == name}
        left = len(self.trials) - len(served)
        why = "no truth" if kind == TRUTH else method.get("lacking") or "no other person"
        return f"{line}, reference{f'; no units in {left} trials: {why}' if left else ''})"


def make_plan(
    methods: Mapping[str, Benchmarked],
    dataset: Dataset,
    protocol: Protocol,
    grid: Grid,
    definitions: Mapping[str, Any],
    behind: Mapping[str, str] | None = None,
) -> Plan:
    """Resolve a plan.

    Parameters
    ----------
    methods: by label; those that do not train are planned at T = 0 only, references only where there is what
        they are made from.
    definitions: profile -> plain description of its metrics, which enters the plan's hash.
    behind: label -> the method that it stands for, where the label does not say it.

    Raises
    ------
    UserError when the protocol has no sources for an sn, or no trial in any of the settings; in appearance
    transfer for a method that cannot take people apart, or an unknown part group; for a folder of predictions
    that does not tell the settings or the numbers of sources apart.
    """
    for sn in grid.sn:
        if sn not in protocol.source_counts:
            raise UserError(
                f"no sources for sn={sn}",
                where=f"protocol '{protocol.name}'",
                expected=f"sn among {_list(protocol.source_counts)}",
            )
    _require_task(methods, protocol)
    if protocol.task == TRANSFER:
        _require_transfer(methods, protocol)
    built = build_trials(protocol, dataset, limit=grid.limit)
    trials = [trial for trial in built if trial.setting in grid.settings]
    if not trials:
        raise UserError(
            f"no trial in the setting {' or '.join(grid.settings)}",
            where=f"protocol '{protocol.name}' on dataset '{dataset.name}'",
            expected="clips of at least two subjects for cross-imitation"
            if protocol.task == IMITATION
            else f"{SELF}, the only setting of the task {protocol.task}",
        )
    _require_tracks(dataset, trials)
    for method in methods.values():
        if isinstance(method, FolderMethod):
            method.require(list(dict.fromkeys(trial.setting for trial in trials)), grid.sn)
    others = None
    if any(made_from(method) == OTHERS for method in methods.values()):
        others = OtherPeople.of(protocol, dataset, built, grid.limit)
    units = _units(methods, dataset, grid, trials, others)
    document = _document(dataset, protocol, grid, definitions, trials)
    document["methods"] = [
        {
            **_method_entry(name, methods[name], units, others),
            **({"method": behind[name]} if behind and name in behind else {}),
        }
        for name in sorted(methods)
    ]
    return Plan(units, tuple(trials), protocol.hash, document)


def _units(
    methods: Mapping[str, Benchmarked],
    dataset: Dataset,
    grid: Grid,
    trials: Sequence[Trial],
    others: OtherPeople | None,
) -> tuple[Unit, ...]:
    """In the order of work: units that share a personalisation stand together, T rising."""
    by_clip: dict[str, list[Trial]] = {}
    for trial in trials:
        by_clip.setdefault(trial.source_clip, []).append(trial)
    texts = {(place, sn): trial_text(trial, sn) for place, trial in enumerate(trials) for sn in grid.sn}
    places = {id(trial): place for place, trial in enumerate(trials)}

    def unit(name: str, trial: Trial, sn: int, steps: int, seed: int) -> Unit:
        shown = others.beside(trial, sn) if others and made_from(methods[name]) == OTHERS else None
        return Unit(
            *(name, methods[name].identity, trial, sn, steps, seed, dataset.fingerprint),
            *(dataset.image_size, shown, (trial, sn, texts[places[id(trial)], sn])),
        )

    return tuple(
        unit(name, trial, sn, steps, seed)
        for name in sorted(methods)
        for clip in by_clip
        for sn in grid.sn
        for seed in (grid.seeds if methods[name].trains else grid.seeds[:1])
        for steps in (grid.steps if methods[name].trains else (0,))
        for trial in by_clip[clip]
        if _applies(methods[name], trial, sn, others)
    )


def _applies(method: Benchmarked, trial: Trial, sn: int, others: OtherPeople | None) -> bool:
    """Whether there is what a reference is made from; always for a method."""
    kind = made_from(method)
    if kind == TRUTH:
        return trial.truth_frames is not None
    return kind != OTHERS or (others is not None and others.beside(trial, sn) is not None)


def _method_entry(
    name: str, method: Benchmarked, units: Sequence[Unit], others: OtherPeople | None
) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "identity": method.identity, "trains": method.trains}
    kind = made_from(method)
    if kind is not None:
        entry["reference"] = kind
    if kind == OTHERS and others is not None:
        mine = [unit for unit in units if unit.method == name and unit.other_person is not None]
        entry["shows"] = {
            f"{unit.trial.name} sn={unit.sn}": list(unit.other_person) for unit in mine if unit.other_person
        }
        if others.lacking:
            entry["lacking"] = others.lacking
    return entry


def does_task(method: Benchmarked, protocol: Protocol) -> bool:
    """Whether a method does the protocol's task: by the ``tasks`` that it states, and in appearance transfer
    by whether it can take people apart. References do all.
    """
    tasks: Sequence[str] | None = getattr(method, "tasks", None)
    if tasks is not None and protocol.task not in tasks:
        return False
    if protocol.task != TRANSFER or isinstance(method, Reference | FolderMethod):
        return True
    try:
        several_people(method, "")
    except UserError:
        return False
    return True


def _require_task(methods: Mapping[str, Benchmarked], protocol: Protocol) -> None:
    """Raise UserError for a method that says which tasks it does (``tasks``) and does not do this one."""
    for name in sorted(methods):
        tasks: Sequence[str] | None = getattr(methods[name], "tasks", None)
        if tasks is not None and protocol.task not in tasks:
            raise UserError(
                f"method '{name}' does no {protocol.task}",
                where=f"protocol '{protocol.name}'",
                expected=f"a protocol of the task {' or '.join(tasks)}",
                hint="iper-bench protocol list",
            )


def _require_transfer(methods: Mapping[str, Benchmarked], protocol: Protocol) -> None:
    """Raise UserError for a method that cannot take people apart, or a part group that there is not."""
    for name in sorted(methods):
        if not isinstance(methods[name], Reference | FolderMethod):  # these draw nobody
            several_people(methods[name], name)
    for group in protocol.take:
        if group not in PART_GROUPS:
            raise unknown_name("part group", group, PART_GROUPS, where=f"protocol '{protocol.name}': take")


def _require_tracks(dataset: Dataset, trials: Sequence[Trial]) -> None:
    """Raise UserError when a clip has no bodies: nothing could be driven by it or measured on it."""
    names = [name for trial in trials for name in trial.clips]
    lacking = [name for name in dict.fromkeys(names) if not dataset.clip(name).has_track]
    if lacking:
        raise UserError(
            f"{len(lacking)} clips have no body track, the first: '{lacking[0]}'",
            where=f"dataset '{dataset.name}'",
            expected="SMPL parameters of every frame",
            hint=f"iper-bench data prepare {dataset.name} --data-root FOLDER --body-weights FILE",
        )


def _document(
    dataset: Dataset,
    protocol: Protocol,
    grid: Grid,
    definitions: Mapping[str, Any],
    trials: Sequence[Trial],
) -> dict[str, Any]:
    mattes = masks_origin(dataset, trials)
    held = {
        "published": protocol.published,
        "repairs": [
            {"video": video, "field": repair.path, "kind": repair.kind}
            for video, repair in held_repairs(protocol, dataset, limit=grid.limit)
        ],
    }
    return {
        "dataset": {
            "name": dataset.name,
            "fingerprint": dataset.fingerprint,
            "image_size": dataset.image_size,
            "body": dataset.body,
            **({} if mattes == DATASETS_OWN else {"mattes": mattes}),
        },
        "protocol": {
            "name": protocol.name,
            "hash": protocol.hash,
            "content": protocol.content(),
            **({} if protocol.rules is not None else held),
        },
        "sn": list(grid.sn),
        "steps": list(grid.steps),
        "settings": list(grid.settings),
        "seeds": list(grid.seeds),
        "limit": grid.limit,
        "profiles": {name: definitions[name] for name in sorted(definitions)},
        "trials": {trial_id(trial): trial_content(trial) for trial in trials},
    }


def _list(values: Any) -> str:
    return ", ".join(str(value) for value in values)


def _edition(protocol: Mapping[str, Any]) -> list[str]:
    """The line that says how much of a published protocol is mended; none for other protocols."""
    repairs = len(protocol.get("repairs", []))
    if not repairs and not protocol.get("published"):
        return []
    asked = "as published" if protocol["published"] else "mended"
    return [
        f"protocol {asked}: {repairs} repairs hold (iper-bench protocol show {protocol['name']} --defects)"
    ]
