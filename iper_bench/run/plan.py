"""``Plan``: every unit of a run, resolved before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iper_bench.data.dataset import Dataset
from iper_bench.errors import UserError, unknown_name
from iper_bench.flow.transfer import PART_GROUPS
from iper_bench.methods.appearance_subject import several_people
from iper_bench.methods.method import Method
from iper_bench.protocol.schema import IMITATION, TRANSFER, Protocol
from iper_bench.protocol.trial import SELF, Trial
from iper_bench.protocol.trials import SETTINGS, build_trials, held_repairs
from iper_bench.run.material import DATASETS_OWN, masks_origin
from iper_bench.run.unit import Unit, trial_content, trial_id
from iper_bench.store.plan_file import plan_hash

SHOWN_UNITS = 12  # lines of units in the description; the rest is counted


@dataclass(frozen=True)
class Grid:
    """The part of a plan that is neither method nor data.

    Attributes
    ----------
    sn, steps, settings: rising, without repetition (see :meth:`of`).
    seed: of personalisation. limit: first N source clips of the protocol, ``None`` = all.
    """

    sn: tuple[int, ...]
    steps: tuple[int, ...]
    settings: tuple[str, ...]
    seed: int
    limit: int | None

    @staticmethod
    def of(
        sn: Sequence[int], steps: Sequence[int], settings: Sequence[str], seed: int, limit: int | None
    ) -> Grid:
        """Check and order. Raises UserError for an empty list, a number out of range, an unknown setting."""
        for values, least, option in ((sn, 1, "--sn"), (steps, 0, "--steps")):
            if not values or min(values) < least:
                raise UserError(f"found {list(values)}", where=option, expected=f"numbers of {least} or more")
        for setting in settings:
            if setting not in SETTINGS:
                raise unknown_name("setting", setting, SETTINGS, where="--settings")
        if not settings:
            raise UserError("no setting", where="--settings", expected=" or ".join(SETTINGS))
        if limit is not None and limit < 1:
            raise UserError(f"found {limit}", where="--limit", expected="1 or more")
        if seed < 0:
            raise UserError(f"found {seed}", where="--seed", expected="0 or more")
        ordered = tuple(setting for setting in SETTINGS if setting in settings)
        return Grid(tuple(sorted(set(sn))), tuple(sorted(set(steps))), ordered, seed, limit)


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
        methods = [
            f"  {m['name']} (identity {m['identity']}{'' if m['trains'] else ', does not train: T=0'})"
            for m in plan["methods"]
        ]
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
            f"sn {_list(plan['sn'])}; T {_list(plan['steps'])}; seed {plan['seed']}",
            f"profiles {_list(plan['profiles'])}",
            "methods",
            *methods,
            f"{len(self.units)} units in {len(self.groups())} personalisations, {frames} frames to predict",
            *shown,
        ]
        return "\n".join(lines)


def make_plan(
    methods: Mapping[str, Method],
    dataset: Dataset,
    protocol: Protocol,
    grid: Grid,
    definitions: Mapping[str, Any],
) -> Plan:
    """Resolve a plan.

    Parameters
    ----------
    methods: by label; those that do not train are planned at T = 0 only.
    definitions: profile -> plain description of its metrics, which enters the plan's hash.

    Raises
    ------
    UserError when the protocol has no sources for an sn, or no trial in any of the settings; in appearance
    transfer for a method that cannot take people apart, or an unknown part group.
    """
    for sn in grid.sn:
        if sn not in protocol.source_counts:
            raise UserError(
                f"no sources for sn={sn}",
                where=f"protocol '{protocol.name}'",
                expected=f"sn among {_list(protocol.source_counts)}",
            )
    if protocol.task == TRANSFER:
        _require_transfer(methods, protocol)
    trials = [t for t in build_trials(protocol, dataset, limit=grid.limit) if t.setting in grid.settings]
    if not trials:
        raise UserError(
            f"no trial in the setting {' or '.join(grid.settings)}",
            where=f"protocol '{protocol.name}' on dataset '{dataset.name}'",
            expected="clips of at least two subjects for cross-imitation"
            if protocol.task == IMITATION
            else f"{SELF}, the only setting of the task {protocol.task}",
        )
    _require_tracks(dataset, trials)
    document = _document(methods, dataset, protocol, grid, definitions, trials)
    units = tuple(
        Unit(
            name, methods[name].identity, trial, sn, steps, grid.seed, dataset.fingerprint, dataset.image_size
        )
        for name in sorted(methods)
        for clip in dict.fromkeys(trial.source_clip for trial in trials)
        for sn in grid.sn
        for steps in (grid.steps if methods[name].trains else (0,))
        for trial in trials
        if trial.source_clip == clip
    )
    return Plan(units, tuple(trials), protocol.hash, document)


def _require_transfer(methods: Mapping[str, Method], protocol: Protocol) -> None:
    """Raise UserError for a method that cannot take people apart, or a part group that there is not."""
    for name in sorted(methods):
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
    methods: Mapping[str, Method],
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
        "methods": [
            {"name": name, "identity": methods[name].identity, "trains": methods[name].trains}
            for name in sorted(methods)
        ],
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
        "seed": grid.seed,
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
