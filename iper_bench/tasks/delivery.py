"""Where the frames of a task go: a video, numbered PNGs, and a record of what made them."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from iper_bench import __version__
from iper_bench.atomic import write_bytes, write_json
from iper_bench.data.clip import Images
from iper_bench.data.image_io import encode_png
from iper_bench.data.video_io import CODECS, FrameFolder, VideoFile
from iper_bench.errors import UserError
from iper_bench.tasks.notes import Notes
from iper_bench.tasks.square import at_height

DEFAULT_FPS = 25.0
GAP = 4  # white pixels between pictures side by side
FRAMES, VIDEO, RECORD = "frames", "video.mp4", "record.json"  # inside a folder
_PACKAGES = ("numpy", "opencv-python-headless", "scipy", "torch")


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while frames were drawn; ``line`` says what is kept where."""

    def __init__(self, line: str) -> None:
        self.line = line
        super().__init__(line)


@dataclass(frozen=True)
class Destination:
    """Where a result goes.

    Attributes
    ----------
    out: ``FILE.mp4`` (or another video ending), ``FILE.png`` for one frame, or a folder.
    frames: numbered PNGs too; ``None`` = in a folder only.
    overwrite: replace numbered frames that lie there.
    """

    out: Path
    frames: bool | None = None
    overwrite: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether ``out`` names a folder."""
        return self.out.suffix.lower() not in (*CODECS, ".png")

    def check(self, count: int) -> None:
        """Raise UserError when a result of ``count`` frames cannot go there."""
        if self.is_folder and self.out.suffix and not self.out.is_dir():
            raise UserError(
                f"cannot write '{self.out.suffix}'",
                where=str(self.out),
                expected=f"a name that ends in {', '.join(CODECS)} or .png, or a folder without a dot",
            )
        if self.out.suffix.lower() == ".png" and count != 1:
            raise UserError(
                f"{count} frames for one picture",
                where=str(self.out),
                expected=f"a video ({', '.join(CODECS)}) or a folder",
                hint=f"--out {self.out.with_suffix('.mp4')}",
            )
        if self.out.exists() and self.out.is_dir() != self.is_folder:
            kind = "folder" if self.out.is_dir() else "file"
            raise UserError(f"is a {kind}", where=str(self.out), expected="another --out")

    def spare(self, inputs: Sequence[Path], count: int) -> None:
        """Raise UserError when a result of ``count`` frames would take the place of one of the ``inputs``."""
        folder, files = self.frame_folder, [self.record, self.video(count) or self.out]
        files = [path.resolve() for path in files]
        for path in (given.resolve() for given in inputs):
            inside = folder is not None and folder.resolve() in (path, *path.parents)
            if path in files or inside:
                raise UserError(
                    "would be replaced by the result, which is made from it",
                    where=str(path),
                    expected="another --out than the pictures, masks and tracks that are read",
                )

    @property
    def frame_folder(self) -> Path | None:
        """Folder of the numbered PNGs, if they are wanted."""
        if self.frames is False or (self.frames is None and not self.is_folder):
            return None
        return self.out / FRAMES if self.is_folder else self.out.with_name(f"{self.out.stem}_{FRAMES}")

    def video(self, count: int) -> Path | None:
        """The video of a result of ``count`` frames; a folder gets none of a single frame."""
        if self.is_folder:
            return self.out / VIDEO if count > 1 or self.frame_folder is None else None
        return None if self.out.suffix.lower() == ".png" else self.out

    @property
    def record(self) -> Path:
        """The JSON beside the result."""
        return self.out / RECORD if self.is_folder else self.out.with_name(f"{self.out.name}.json")


class Delivery:
    """Takes the frames one by one; use as a context.

    A block that ends early keeps what was written: PNGs as they are, the video as ``NAME.partial.mp4``.
    Ctrl-C becomes :class:`Interrupted`.

    Parameters
    ----------
    count: frames to come. fps: of the video.

    Raises
    ------
    UserError when the destination cannot be written, before anything is drawn.
    """

    def __init__(self, destination: Destination, count: int, fps: float, notes: Notes) -> None:
        destination.check(count)
        self.destination = destination
        self.written = 0
        self._count = count
        self._notes = notes
        folder, video = destination.frame_folder, destination.video(count)
        self._folder = FrameFolder(folder, overwrite=destination.overwrite) if folder is not None else None
        self._video = VideoFile(video, fps) if video is not None else None
        self._stack = ExitStack()

    def __enter__(self) -> Delivery:
        if self._video is not None:
            self._stack.enter_context(self._video)
        return self

    def write(self, frame: Images, beside: Sequence[Images] = ()) -> None:
        """The next frame (H, W, 3).

        ``beside``: pictures that stand to its left in the video; the PNGs hold the frame alone.
        """
        if self._folder is not None:
            self._folder.write(frame)
        shown = side_by_side([*beside, frame]) if beside else frame
        if self._video is not None:
            self._video.write(shown)
        elif not self.destination.is_folder:
            write_bytes(self.destination.out, encode_png(np.ascontiguousarray(shown)))
        self.written += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)
        if error is None:
            return
        if not self.written and self._folder is not None:
            with suppress(OSError):  # somebody else's files keep a folder
                self._folder.folder.rmdir()
                if self.destination.is_folder:
                    self.destination.out.rmdir()
        line = self._kept()
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(f"interrupted; {line}") from error
        if self.written:
            self._notes.say(line)

    def _kept(self) -> str:
        places = [str(self._folder.folder)] if self._folder is not None and self.written else []
        if self._video is not None and self._video.partial is not None:
            places.append(str(self._video.partial))
        if not places:
            return "no frame was finished"
        return f"the first {self.written} of {self._count} frames are kept in {' and '.join(places)}"

    def record(self, content: dict[str, Any]) -> None:
        """Write the record: ``content`` with versions and notes."""
        write_json(
            self.destination.record,
            {**content, "frames": self.written, "notes": self._notes.lines, "versions": versions()},
        )


def side_by_side(pictures: Sequence[Images]) -> Images:
    """Pictures in a row at the height of the last one, white between them."""
    height = pictures[-1].shape[0]
    row: list[Images] = []
    for picture in pictures:
        if row:
            row.append(np.full((height, GAP, 3), 255, np.uint8))
        row.append(at_height(picture, height))
    return np.concatenate(row, axis=1)


def versions() -> dict[str, str]:
    """Versions that can change a pixel."""
    return {
        "iper-bench": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }
