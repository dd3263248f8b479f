"""Protocols by name, from the installed ``iper_bench.protocols``, or by path."""

from __future__ import annotations

from pathlib import Path

from iper_bench.errors import UserError, nearest
from iper_bench.protocol.packaged import packaged_files
from iper_bench.protocol.reading import read_protocol
from iper_bench.protocol.schema import Protocol

YAML_ENDINGS = (".yaml", ".yml")
PUBLISHED = "@published"


def list_protocols() -> list[str]:
    """Sorted names of the protocols that come with the package."""
    return list(packaged_files())


def load_protocol(name_or_path: str | Path) -> Protocol:
    """A protocol by name, or by the path of a ``.yaml`` file.

    Raises
    ------
    UserError for an unknown name (with the nearest ones), a missing file, or a file that is not a protocol.
    """
    text = str(name_or_path)
    files = packaged_files()
    if text in files:
        return read_protocol(files[text])
    if Path(text).suffix in YAML_ENDINGS:
        return read_protocol(Path(text))
    close = nearest(text, files)
    raise UserError(
        f"unknown protocol '{text}'",
        expected=f"{', '.join(files)} or the path of a .yaml file",
        hint=f"did you mean {' or '.join(close)}?" if close else None,
    )


def load_edition(text: str) -> Protocol:
    """As :func:`load_protocol`; ``NAME@published`` or ``FILE.yaml@published`` is the edition without
    repairs.
    """
    name = text.removesuffix(PUBLISHED)
    found = load_protocol(name)
    return found if name == text else found.as_published()
