"""``check_predictions``: what is wrong with predictions that are handed in, before anything heavy is done.

Every frame is read once and only a small picture of it is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from iper_bench.data.frame_name import printable
from iper_bench.data.prediction_folder import find_clips, holds_frames, unused_entries
from iper_bench.errors import UserError, nearest
from iper_bench.run.preflight_clip import check_clip
from iper_bench.run.preflight_expected import ONE, Expectation, chosen, expect_references, expect_trials
from iper_bench.run.preflight_finding import WARNING, CheckReport, Finding

_SHOWN = 6  # names in a message


@dataclass(frozen=True)
class CheckRequest:
    """One command.

    Attributes
    ----------
    predictions: frames of one clip, a video, or a folder with one of these per clip.
    references: frames they are compared with, in the same form; or ``None`` and
    dataset, protocol, setting, data_root, size: as in ``iper-bench run``.
    clips: only these; empty means all.
    numbering: ``"frames"``, ``"positions"`` or ``None`` to find out.
    name: of the predictions in the report; ``None`` takes the folder's.
    """

    predictions: Path
    references: Path | None = None
    dataset: str | None = None
    protocol: str | None = None
    setting: str = "self"
    data_root: str | None = None
    size: int | None = None
    clips: tuple[str, ...] = ()
    numbering: str | None = None
    name: str | None = None


def check_predictions(request: CheckRequest) -> CheckReport:
    """Check every clip.

    Raises
    ------
    UserError when the question cannot be asked: neither or both of references and dataset, unknown names,
    paths that are not there, no clip found, references that cannot be paired.
    """
    single = holds_frames(request.predictions)
    expected, against = _expected(request)
    folder = request.predictions
    findings: list[Finding] = []
    if single:
        places: dict[str, Path] = {_only(expected, folder): folder}
    elif list(expected) == [ONE]:
        raise UserError(
            "no frames here, but the references are the frames of one clip",
            where=printable(str(folder)),
            expected="a folder of pictures or a video",
            hint="the folder of one clip, or --references with one folder per clip",
        )
    else:
        places = find_clips(folder, list(expected))
        findings += _unused(folder, places, expected, everything=not request.clips)
    root = None if single else folder
    clips = tuple(
        check_clip(places.get(name), root, one, request.numbering) for name, one in expected.items()
    )
    name = printable(request.name or folder.resolve().name)
    return CheckReport(name, printable(str(folder)), against, clips, tuple(findings))


def _expected(request: CheckRequest) -> tuple[dict[str, Expectation], str]:
    if (request.references is None) == (request.dataset is None):
        raise UserError(
            "both --references and --dataset" if request.dataset else "neither --references nor --dataset",
            where="check",
            expected="one of them: what the predictions are to be checked against",
        )
    if request.references is not None:
        found = expect_references(request.references)
        against = f"references {printable(str(request.references))}"
    else:
        found = expect_trials(
            request.dataset or "",
            protocol=request.protocol,
            setting=request.setting,
            data_root=request.data_root,
            size=request.size,
        )
        protocol = request.protocol or f"{request.dataset}-imitation"
        against = f"dataset {request.dataset}, protocol {printable(protocol)}, setting {request.setting}"
    return chosen(found, request.clips), against


def _only(expected: dict[str, Expectation], folder: Path) -> str:
    """The one clip that the frames in ``folder`` are of. Raises UserError when there are several."""
    if len(expected) == 1:
        return next(iter(expected))
    names = [printable(name) for name in expected]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    raise UserError(
        f"the frames of one clip, but {len(names)} clips are asked for",
        where=printable(str(folder)),
        expected=f"one folder or video per clip: {', '.join(names[:_SHOWN])}{more}",
        hint=f"--clip {names[0]}",
    )


def _unused(
    folder: Path, places: dict[str, Path], expected: dict[str, Expectation], *, everything: bool
) -> list[Finding]:
    """One warning for what lies there and belongs to no clip, unless clips were chosen."""
    names = unused_entries(folder, places) if everything else []
    if not names:
        return []
    absent = [name.replace("/", "_") for name in expected if name not in places]
    shown = []
    for name in names[:_SHOWN]:
        close = nearest(name, absent, 1)
        shown.append(printable(name) + (f" (meant to be {printable(close[0])}?)" if close else ""))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    text = f"not used, because no clip is called so: {', '.join(shown)}{more}"
    return [Finding(WARNING, "unused", text, (), "rename it as its clip, or move it away")]
