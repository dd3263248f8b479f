"""``read_split``: the clips of a split, one name per line."""

from __future__ import annotations

from pathlib import Path

from iper_bench.data.frame_name import printable
from iper_bench.data.safe_path import inside
from iper_bench.errors import UserError
from iper_bench.plain_pickle import read_limited

LARGEST = 1 << 24  # bytes; the longest published list has 8 KB
_FORM = "one clip name per line"


def read_split(path: Path) -> list[str]:
    """Names in the order of the file; empty lines and blanks around names do not count.

    Raises
    ------
    UserError naming file and line: no file, no UTF-8, no name at all, a name that stands there twice, a name
    that leads out of the folder of the file.
    """
    names = split_lines(path)
    first: dict[str, int] = {}
    for line, name in names:
        if name in first:
            raise UserError(
                f"'{printable(name)}' stands there twice, in lines {first[name]} and {line}",
                where=printable(str(path)),
                expected="every clip once",
                hint="remove one of the two lines",
            )
        first[name] = line
        inside(path.parent, name, where=f"{printable(str(path))}, line {line}")
    return list(first)


def read_url_list(path: Path) -> list[str]:
    """Names of the files that a list of addresses names, one per line: what stands after the last ``/``.

    Raises UserError as :func:`read_split`; the same file behind two addresses is listed once.
    """
    names = {}
    for line, address in split_lines(path):
        name = address.rpartition("/")[2].partition("?")[0]
        inside(path.parent, name, where=f"{printable(str(path))}, line {line}")
        names[name] = line
    return list(names)


def split_lines(path: Path) -> list[tuple[int, str]]:
    """Line numbers from 1 and what stands in the lines that are not empty. Raises UserError for a file that
    cannot be read, is no UTF-8 or empty.
    """
    where = printable(str(path))
    content = read_limited(path, LARGEST)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(f"line {line} is not UTF-8", where=where, expected=_FORM) from error
    rows = text.replace("\r\n", "\n").split("\n")
    names = [(number, row.strip()) for number, row in enumerate(rows, start=1) if row.strip()]
    if not names:
        raise UserError("lists no clip", where=where, expected=_FORM)
    return names
