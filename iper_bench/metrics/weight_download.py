"""One address into one file, resumed where an earlier attempt ended."""

from __future__ import annotations

import http.client
import math
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import IO, Any

from iper_bench.atomic import explain
from iper_bench.errors import UserError
from iper_bench.progress import track

BLOCK = 1 << 20  # bytes; the bar counts blocks, which are megabytes
TIMEOUT = 30.0  # seconds without a byte
SCHEMES = ("https", "http", "file")
ATTEMPTS = 3  # with the range that is missing, then from the start, then given up

_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")
_UNSATISFIED = re.compile(r"bytes \*/(\d+)")


class _SameSafety(urllib.request.HTTPRedirectHandler):
    """Follows no redirection from https to something that can be changed on the way."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if req.type == "https" and not newurl.lower().startswith("https:"):
            raise urllib.error.HTTPError(newurl, code, "redirected from https to http", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(url: str, part: IO[bytes], label: str) -> None:
    """Append to ``part``, which is open for reading and writing, what ``url`` has beyond its present size.

    A server that does not know ranges, or answers another one, sends everything: ``part`` then begins anew.
    Whether the content is right is for the caller to see. Raises UserError when the server refuses, the
    connection fails or the disk is full; what has arrived stays in ``part`` for the next attempt.
    """
    if url.partition(":")[0] not in SCHEMES:
        raise UserError("an address of another kind", where=url, expected=" or ".join(SCHEMES))
    for _ in range(ATTEMPTS):
        start = part.seek(0, os.SEEK_END)
        try:
            response = _ask(url, start)
        except _NothingLeftError as answer:
            if answer.total == start:
                return
            _shorten(part, 0)
            continue
        with response:
            begin = _begin(response)
            if begin == start or begin == 0:
                _shorten(part, begin)
                _copy(response, part, url, label)
                return
        _shorten(part, 0)
    raise UserError(
        "the server contradicts itself about what it sends", where=url, hint="the same command later"
    )


class _NothingLeftError(Exception):
    """The server has nothing beyond the wanted start; ``total`` is its size, -1 if it does not say."""

    def __init__(self, total: int) -> None:
        self.total = total
        super().__init__(total)


def _ask(url: str, start: int) -> Any:
    from iper_bench import __version__

    headers = {"User-Agent": f"iper-bench/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    opener = urllib.request.build_opener(_SameSafety)
    try:
        return opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            found = _UNSATISFIED.fullmatch(error.headers.get("Content-Range", ""))
            raise _NothingLeftError(int(found.group(1)) if found else -1) from error
        raise UserError(
            f"the server answers {error.code} {error.reason}",
            where=url,
            expected="the weight file",
            hint="the same command later, or get the file another way and type: iper-bench weights add",
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise _broken(url, start, error) from error


def _begin(response: Any) -> int:
    """The place in the file at which the answer begins."""
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return 0  # 200, and addresses of files
    found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return int(found.group(1)) if found else -1


def _copy(response: Any, part: IO[bytes], url: str, label: str) -> None:
    length = response.headers.get("Content-Length")
    length = int(length) if length and length.isdecimal() else None
    total = None if length is None else math.ceil(length / BLOCK)
    for block in track(_blocks(response, url, part, length), f"{label}, MB", total=total):
        try:
            part.write(block)
        except OSError as error:
            raise explain(error, label) from error


def _blocks(response: Any, url: str, part: IO[bytes], length: int | None) -> Iterator[bytes]:
    arrived = 0
    while True:
        try:
            block = response.read(BLOCK)
        except http.client.IncompleteRead as error:
            yield error.partial
            raise _broken(url, part.tell(), error) from error
        except (OSError, http.client.HTTPException) as error:
            raise _broken(url, part.tell(), error) from error
        if not block:
            break
        arrived += len(block)
        yield block
    if length is not None and arrived < length:
        raise _broken(url, part.tell(), None)


def _shorten(part: IO[bytes], size: int) -> None:
    try:
        part.truncate(size)
        part.seek(size)
    except OSError as error:
        raise explain(error, None) from error


def _broken(url: str, size: int, error: Exception | None) -> UserError:
    reason = getattr(error, "reason", None) or error
    words = f": {reason}" if reason is not None and str(reason) else ""
    kept = f"; the {size} bytes that arrived are kept" if size else ""
    return UserError(
        f"the connection failed{words}{kept}",
        where=url,
        expected="the whole file",
        hint="the same command again, which resumes",
    )
