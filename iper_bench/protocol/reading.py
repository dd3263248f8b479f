"""From YAML text to a :class:`Protocol`, refusing whatever is not understood."""

from __future__ import annotations

from pathlib import Path

from iper_bench.errors import UserError
from iper_bench.protocol.candidates import SOURCE_POSITIONS
from iper_bench.protocol.entry_reading import read_entries, read_pairs
from iper_bench.protocol.fields import Fields, read_yaml
from iper_bench.protocol.frame_span import frame_number
from iper_bench.protocol.protocol_name import base_name, protocol_name
from iper_bench.protocol.rule_reading import read_rules
from iper_bench.protocol.schema import BACKGROUNDS, FORMAT, TASKS, TRANSFER, Protocol
from iper_bench.protocol.variation import VARIATION_KEYS, vary

__all__ = ["LARGEST_IMAGE", "frame_number", "read_protocol"]

TOP_KEYS = (
    *("format", "name", "description", "task", "dataset", "split", "image_size"),
    *("source_counts", "rules", "clips", "pairs", "take", "background"),
)
DEFAULT_TAKE = ("body",)  # clothes: everything but the head
LARGEST_IMAGE = 8192  # pixels; refuses absurd sizes before anything is allocated
MOST_NESTED = 4  # protocols that change a protocol that changes ...


def read_protocol(path: Path) -> Protocol:
    """The protocol in the YAML file ``path``; what it changes (``base``) lies beside it or in the package.

    Raises
    ------
    UserError, one line with file and field: unreadable file, newer format, unknown key (with the nearest
    valid ones), missing key, wrong type, reversed range, sources that do not fit ``source_counts``.
    """
    return _read(path, MOST_NESTED)


def _read(path: Path, depth: int) -> Protocol:
    content = read_yaml(path)
    varied = isinstance(content, dict) and "base" in content
    fields = Fields(content, str(path), VARIATION_KEYS if varied else TOP_KEYS)
    _check_format(fields)
    if not varied:
        return _whole(fields)
    base = _beside(path, fields.text("base"), fields.place("base"))
    if depth == 0:
        raise UserError("changes itself, or too many in a row", where=fields.place("base"), expected="a file")
    return vary(_read(base, depth - 1), fields, image_size=_image_size(fields))


def _check_format(fields: Fields) -> None:
    number = fields.integer("format", 1) if fields.has("format") else FORMAT
    if number > FORMAT:
        raise UserError(
            f"format {number} is newer than this iper-bench reads",
            where=fields.where,
            expected=f"format {FORMAT}",
            hint="pip install --upgrade iper-bench",
        )


def _beside(path: Path, name: str, where: str) -> Path:
    """The file of the protocol ``name``: beside ``path``, else in the package."""
    from iper_bench.protocol.packaged import packaged_files

    own = path.parent / f"{base_name(name, where)}.yaml"
    files = packaged_files()
    if not own.is_file() and name not in files:
        raise UserError(
            f"no protocol '{name}'",
            where=where,
            expected=f"{own.name} beside it, or one of {', '.join(files)}",
        )
    return own if own.is_file() else files[name]


def _whole(fields: Fields) -> Protocol:
    where = fields.where
    if fields.has("rules") == fields.has("clips"):
        both = "both 'rules' and 'clips'" if fields.has("rules") else "neither 'rules' nor 'clips'"
        raise UserError(f"has {both}", where=where, expected="exactly one of them")
    task, ruled = fields.choice("task", TASKS), fields.has("rules")
    counts = _counts(fields, ruled=ruled)
    clips = () if ruled else read_entries(fields, counts, task)
    pairs = _pairs(fields, task, ruled=ruled)
    return Protocol(
        name=protocol_name(fields.raw("name"), fields.place("name")),
        description=fields.lines("description") if fields.has("description") else "",
        task=task,
        dataset=fields.text("dataset"),
        split=fields.text("split"),
        image_size=_image_size(fields),
        source_counts=counts,
        rules=read_rules(fields.raw("rules"), fields.place("rules"), task) if ruled else None,
        clips=clips,
        pairs=read_pairs(fields, clips) if pairs else (),
        take=_take(fields) if task == TRANSFER else (),
        background=_background(fields),
    )


def _pairs(fields: Fields, task: str, *, ruled: bool) -> bool:
    """Whether the file lists pairs; raises UserError where it must or must not."""
    listed = fields.has("pairs")
    for key in ("pairs", "take", "background"):
        if fields.has(key) and task != TRANSFER:
            raise UserError(f"has '{key}'", where=fields.where, expected=f"it with the task {TRANSFER} only")
    if task == TRANSFER and listed == ruled:
        what = "both 'rules' and 'pairs'" if ruled else "'clips' without 'pairs'"
        raise UserError(f"has {what}", where=fields.where, expected="either rules, or clips and pairs")
    return listed


def _take(fields: Fields) -> tuple[str, ...]:
    """Names of part groups; whether a group is known is for the method to say."""
    if not fields.has("take"):
        return DEFAULT_TAKE
    names = fields.items("take")
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise UserError(f"found {name!r}"[:80], where=fields.place("take"), expected="names such as body")
    return tuple(names)


def _background(fields: Fields) -> str:
    return fields.choice("background", BACKGROUNDS) if fields.has("background") else BACKGROUNDS[0]


def _image_size(fields: Fields) -> int | None:
    size = fields.integer("image_size", 1) if fields.has("image_size") else None
    if size is not None and size > LARGEST_IMAGE:
        raise UserError(
            f"found {size}", where=fields.place("image_size"), expected=f"at most {LARGEST_IMAGE}"
        )
    return size


def _counts(fields: Fields, *, ruled: bool) -> tuple[int, ...]:
    counts = fields.integers("source_counts", 1)
    if list(counts) != sorted(set(counts)):
        raise UserError(
            f"found {list(counts)}", where=fields.place("source_counts"), expected="rising numbers"
        )
    if ruled and not set(counts) <= set(SOURCE_POSITIONS):
        known = ", ".join(str(sn) for sn in SOURCE_POSITIONS)
        raise UserError(
            f"found {list(counts)}",
            where=fields.place("source_counts"),
            expected=f"some of {known}: the yaw rule knows no others",
        )
    return counts
