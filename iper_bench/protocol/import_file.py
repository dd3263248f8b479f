"""``imported_files``: a published JSON file as YAML text, ready to be written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from iper_bench.atomic import write_text
from iper_bench.data.dataset import DATASETS
from iper_bench.errors import UserError
from iper_bench.protocol.load import YAML_ENDINGS
from iper_bench.protocol.official_json import ONE_SHOT_SIZE, Imported, import_official
from iper_bench.protocol.protocol_name import base_name, protocol_name
from iper_bench.protocol.schema import IMITATION
from iper_bench.protocol.writing import one_shot_yaml, protocol_yaml

ICCV = "-iccv"


@dataclass(frozen=True)
class ImportedFiles:
    """YAML texts and what was found on the way. ``one_shot``: of the ICCV variant, where it was asked for."""

    imported: Imported
    text: str
    one_shot: str | None
    written: tuple[Path, ...] = ()

    @property
    def summary(self) -> str:
        """One line."""
        protocol, found = self.imported.protocol, self.imported
        mended = len(protocol.repairs) + sum(len(some) for some in found.shot_repairs.values())
        words = f"{len(protocol.clips)} clips"
        words += f", {len(protocol.pairs)} pairs" if protocol.pairs else ""
        words += f"; {mended} places repaired, {len(found.problems)} findings left"
        return f"{protocol.name}: {words}"


def imported_files(
    path: Path,
    *,
    out: Path | None = None,
    name: str | None = None,
    dataset: str | None = None,
    split: str | None = None,
    novel_view: bool = False,
    iccv: bool = False,
    repair: bool = False,
) -> ImportedFiles:
    """Import ``path`` (:func:`import_official`) and, with ``out``, write the YAML file.

    Parameters
    ----------
    out: a ``.yaml`` file that is not there yet; the protocol is called like it unless ``name`` says
        otherwise.
    iccv: also write the variant of single sources, ``<out>-iccv.yaml``, which refers to ``out``.

    Raises
    ------
    UserError as :func:`import_official`; for an unknown ``dataset``; for a file that is there already; for
    ``iccv`` without ``out``, with another name than the file's, or of a file without single sources.
    """
    if iccv and (out is None or name not in (None, out.stem)):
        raise UserError(
            "--iccv refers to the other protocol by the name of its file",
            expected="--out NAME.yaml, and no other --name",
        )
    if iccv and out is not None:
        base_name(out.name.removesuffix(".yaml"), "--out")  # by which the other file is found beside it
    if dataset is not None:
        DATASETS.get(dataset)  # a mistyped name would make a protocol of nothing
    if split is not None and not (split.strip() and split.isprintable()):
        raise UserError(f"found {split!r}"[:80], where="--split", expected="the name of a split")
    named = out.stem if name is None and out is not None else name
    if named is not None:
        protocol_name(named, "--out" if name is None else "--name")
    found = import_official(
        path, name=named, dataset=dataset, split=split, novel_view=novel_view, repair=repair
    )
    if iccv and (not found.shots or found.protocol.task != IMITATION):
        raise UserError("has no single sources", where=str(path), expected="lists 's_n' with a key '3'")
    comments = [f"from {path.name} by iper-bench protocol import"]
    text = protocol_yaml(found.protocol, comments=comments)
    variant = _one_shot(found, comments) if iccv else None
    if out is None:
        return ImportedFiles(found, text, variant)
    second = out.with_name(f"{out.stem}{ICCV}{out.suffix}")
    for file in (out, second) if iccv else (out,):
        require_free(file)
    write_text(out, text)
    if variant is not None:
        write_text(second, variant)
    return ImportedFiles(found, text, variant, (out, second) if iccv else (out,))


def require_free(out: Path) -> None:
    """Raises UserError unless ``out`` is a ``.yaml`` file that does not exist."""
    if out.suffix not in YAML_ENDINGS:
        raise UserError(f"'{out}' has another ending", where="--out", expected="a file NAME.yaml")
    if out.exists():
        raise UserError("is there already", where=str(out), expected="a new file", hint="another --out")


def _one_shot(found: Imported, comments: list[str]) -> str:
    base = found.protocol
    return one_shot_yaml(
        base,
        found.shots,
        name=f"{base.name}{ICCV}",
        image_size=ONE_SHOT_SIZE,
        description="Every video once per frame of the list, with that frame as the only source.",
        repairs=found.shot_repairs,
        comments=comments,
    )
