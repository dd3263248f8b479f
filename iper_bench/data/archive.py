"""Archives of datasets, unpacked without leaving their folder and without filling the disk.

``.zip``, ``.tar``, ``.tar.gz``, ``.tgz``, and the last three cut into parts ``.aa``, ``.ab``, ... A file is
written whole or not at all. Unpacking again continues: what is there already with the same content is kept.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple, cast

from iper_bench.atomic import writing
from iper_bench.data.safe_path import inside, shown_name
from iper_bench.data.split_archive import JoinedParts, all_parts, is_part
from iper_bench.errors import UserError
from iper_bench.progress import track

LARGEST = 1 << 40  # bytes unpacked, 1 TiB; iPER at full size has about a tenth
MOST_MEMBERS = 5_000_000  # files and folders; iPER has a quarter of a million
BLOCK = 1 << 20  # bytes read at a time
LONGEST_HEADER = 1 << 20  # bytes of a tar; a long name has a few hundred
LONGEST_END = 16 << 20  # bytes of padding after the last file of a tar

_KINDS = ".zip, .tar, .tar.gz or .tgz, or the first of its parts .tar.gz.aa, .ab, ..."
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# BadGzipFile is an OSError; RuntimeError: a zip with a password; ValueError: numbers in headers
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    gzip.BadGzipFile,
    EOFError,
    RuntimeError,
    ValueError,
)


class Member(NamedTuple):
    """A file in an archive: ``size`` bytes as announced, read from ``stream``, to be ``target``."""

    target: Path
    size: int
    stream: IO[bytes]


def unpack(archive: Path | Sequence[Path], folder: Path, *, largest: int = LARGEST) -> list[Path]:
    """Unpack an archive into ``folder``.

    Parameters
    ----------
    archive: the file; for one that was cut, its first part or all of them.
    folder: made when absent; a name in the archive cannot leave it.
    largest: bytes that the files may have in all.

    Returns
    -------
    The files, in the order of the archive, those included that were there with the same content.

    Raises
    ------
    UserError for an archive that is missing, damaged, or of unknown kind; for a member that is a link, device
    or pipe, is named twice, or leaves ``folder``; when the files would not fit ``largest`` or the disk. What
    was unpacked before stays; of a ``.zip`` with such a member nothing is unpacked.
    """
    parts = [archive] if isinstance(archive, Path) else list(archive)
    if not parts:
        raise UserError("no archive is given", expected=_KINDS)
    admission = Admission(folder, largest, str(parts[0]))
    written: list[Path] = []
    try:
        with contextlib.ExitStack() as opened:
            for member in track(_members(parts, admission, opened), f"unpack {parts[0].name}"):
                _place(member)
                written.append(member.target)
    except _DAMAGED as error:
        raise UserError(
            f"the archive is damaged after {len(written)} files ({error})",
            where=admission.where,
            expected="a whole archive",
            hint="download it again; what was unpacked is kept",
        ) from error
    except OSError as error:
        raise UserError(
            f"cannot read after {len(written)} files ({error.strerror or error})", where=admission.where
        ) from error
    return written


def _members(parts: list[Path], admission: Admission, opened: contextlib.ExitStack) -> Iterator[Member]:
    """The members of an archive of any kind."""
    first = parts[0]
    if len(parts) > 1 or is_part(first):
        parts = all_parts(parts)
    for part in parts:
        if not part.is_file():
            raise UserError("no such file", where=str(part), expected=_KINDS)
    kind = first.stem if is_part(first) else first.name
    if kind.endswith(".zip"):
        return _zip_members(opened.enter_context(zipfile.ZipFile(first)), admission)
    stream: IO[bytes] = opened.enter_context(io.BufferedReader(JoinedParts(parts), BLOCK))
    if kind.endswith((".tar.gz", ".tgz")):
        unpacked: IO[bytes] = cast(IO[bytes], opened.enter_context(gzip.GzipFile(fileobj=stream)))
        return _tar_members(unpacked, admission)
    if kind.endswith(".tar"):
        return _tar_members(stream, admission)
    raise UserError("is of unknown kind", where=str(first), expected=_KINDS)


class Admission:
    """Decides on every member by its name and size, and counts what was admitted."""

    def __init__(self, folder: Path, largest: int, where: str) -> None:
        self.where = where
        self._folder = folder
        self._left = largest
        self._largest = largest
        self._seen: set[str] = set()
        self._count = 0

    def admit(self, name: str, size: int, *, is_file: bool, is_folder: bool) -> Path:
        """Where a member goes. Raises UserError when it may go nowhere."""
        if not (is_file or is_folder):
            raise UserError(
                f"{shown_name(name)} is a link, a device or a pipe",
                where=self.where,
                expected="files and folders only",
            )
        plain = name.removeprefix("./")
        if is_folder:
            plain = plain.removesuffix("/")
        self._count += 1
        self._left -= size
        if self._count > MOST_MEMBERS:
            raise UserError(f"holds more than {MOST_MEMBERS} files", where=self.where)
        if size < 0 or self._left < 0:
            raise UserError(
                f"with {shown_name(name)} it takes more than {self._largest} bytes",
                where=self.where,
                expected=f"files of at most {self._largest} bytes in all",
            )
        if is_folder and plain in ("", "."):  # the folder itself, as "tar c ." writes it
            return self._folder
        target = inside(self._folder, plain, where=self.where)
        if not is_folder:
            if plain in self._seen:
                raise UserError(f"{shown_name(name)} is in the archive twice", where=self.where)
            self._seen.add(plain)
        return target

    def check_disk(self, size: int) -> None:
        """Raise UserError when the disk has no room for ``size`` bytes more."""
        existing = next(one for one in (self._folder, *self._folder.absolute().parents) if one.exists())
        free = shutil.disk_usage(existing).free
        if size > free:
            raise UserError(
                f"{size} bytes are to be written, the disk has {free}",
                where=self.where,
                expected="free space",
                hint="free some space and type the same command again",
            )


def _zip_members(archive: zipfile.ZipFile, admission: Admission) -> Iterator[Member]:
    """Every name and size is looked at before the first file is written."""
    files: list[tuple[zipfile.ZipInfo, Path]] = []
    for one in archive.infolist():
        mode = stat.S_IFMT(one.external_attr >> 16)  # 0 where the archive was made without file modes
        target = admission.admit(
            one.filename,
            one.file_size,
            is_file=mode in (0, stat.S_IFREG) and not one.is_dir(),
            is_folder=mode in (0, stat.S_IFDIR) and one.is_dir(),
        )
        if one.compress_type not in _PACKED:
            raise UserError(
                f"{shown_name(one.filename)} is packed with method {one.compress_type}",
                where=admission.where,
                expected="stored or deflated files",
            )
        if not one.is_dir():
            files.append((one, target))
    admission.check_disk(sum(one.file_size for one, target in files if not _has_size(target, one.file_size)))
    for one, target in files:
        with archive.open(one) as stream:
            yield Member(target, one.file_size, stream)


def _tar_members(stream: IO[bytes], admission: Admission) -> Iterator[Member]:
    """Members in order; the stream is read once, forwards."""
    forward = _Forward(stream)
    with tarfile.open(fileobj=forward, mode="r:", encoding="utf-8") as archive:
        while (one := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # else it keeps every one of them
            plain = one.isreg() and not one.issparse()
            target = admission.admit(one.name, one.size, is_file=plain, is_folder=one.isdir())
            content = archive.extractfile(one)
            if content is not None:
                if not _has_size(target, one.size):
                    admission.check_disk(one.size)
                yield Member(target, one.size, content)
    if any(forward.last) or len(forward.last) != tarfile.BLOCKSIZE:
        raise tarfile.ReadError("it ends without its closing blocks")
    for _ in range(0, LONGEST_END, BLOCK):  # to the end, where gzip compares its checksum
        block = stream.read(BLOCK)
        if any(block):
            raise tarfile.ReadError("bytes follow its closing blocks")
        if not block:
            return
    raise tarfile.ReadError(f"more than {LONGEST_END} bytes follow its closing blocks")


class _Forward(io.RawIOBase):
    """A stream that ``tarfile`` can ask for its place, and that refuses headers of any length. ``last`` is
    what was read last.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__()
        self._stream = stream
        self._at = 0
        self.last = b""

    def read(self, size: int = -1) -> bytes:
        """``size`` bytes, or what is left."""
        if not 0 <= size <= max(BLOCK, LONGEST_HEADER):
            raise tarfile.ReadError(f"a header of {size} bytes")
        self.last = self._stream.read(size)
        self._at += len(self.last)
        return self.last

    def tell(self) -> int:
        """Bytes read so far."""
        return self._at

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        """Read on to ``place``."""
        if place < self._at or whence != io.SEEK_SET:
            raise tarfile.StreamError("it would have to be read backwards")
        while self._at < place and self.read(min(BLOCK, place - self._at)):
            pass
        return self._at

    def seekable(self) -> bool:
        """Forwards."""
        return True


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _place(member: Member) -> None:
    """Write a member, unless the file is there with the same content: both are read side by side, and at the
    first difference the file is written anew.
    """
    if not _has_size(member.target, member.size):
        with writing(member.target) as stream:
            _copy(member, stream, b"", 0)
        return
    with member.target.open("rb") as present:
        same = 0
        while True:
            block = _block(member, same)
            if block != present.read(len(block)):
                break
            same += len(block)
            if not block:
                return
        present.seek(0)
        with writing(member.target) as stream:
            for at in range(0, same, BLOCK):
                stream.write(present.read(min(BLOCK, same - at)))
            _copy(member, stream, block, same)


def _copy(member: Member, stream: IO[bytes], block: bytes, done: int) -> None:
    """``block``, which was read after ``done`` bytes, and all that follows it."""
    while True:
        stream.write(block)
        done += len(block)
        block = _block(member, done)
        if not block:
            return


def _block(member: Member, done: int) -> bytes:
    """The next bytes of a member, empty at its end, which must come after ``size`` bytes."""
    try:
        block = member.stream.read(BLOCK)
    except OSError as error:  # a fault of the archive, not of the file that is being written
        raise tarfile.ReadError(f"{member.target.name}: {error}") from error
    if done + len(block) > member.size or (not block and done != member.size):
        raise tarfile.ReadError(f"{member.target.name} has not the {member.size} bytes it announces")
    return block
