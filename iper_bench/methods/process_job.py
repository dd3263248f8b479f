"""One job of a process: its folder with the inputs, the command, the frames that it left.

docs/methods.md describes the folder for those who write the command.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from iper_bench.atomic import write_bytes, write_json
from iper_bench.body import load_body
from iper_bench.body.camera import project
from iper_bench.data.clip import BodyTrack, Floats, Images
from iper_bench.data.frame_list import is_picture
from iper_bench.data.image_io import encode_png
from iper_bench.data.picture_file import read_picture_file
from iper_bench.errors import UserError
from iper_bench.methods.method import Sources, Targets
from iper_bench.methods.predicted_track import predicted_track
from iper_bench.methods.process_spec import FORMAT, JOB, PYTHON, ProcessSpec

JOB_FILE, OUTPUT = "job.json", "output"
OUT_FILE, ERROR_FILE = "stdout.txt", "stderr.txt"
BATCH = 16  # frames read at once
SHOWN_LINES, SHOWN_CHARACTERS = 3, 300  # of standard error in the reason of a failure
KEPT_LINES = 60  # of it in the details of a failure
TAIL_BYTES = 1 << 16


class ProcessOutputError(Exception):
    """What a failed command printed last: the cause of the error that names the failure."""


@dataclass(frozen=True)
class Job:
    """One folder for one call of the command.

    Attributes
    ----------
    spec: what is run. folder: empty, made for this job.
    sources, targets: what is drawn. steps, seed: of personalisation.
    """

    spec: ProcessSpec
    folder: Path
    sources: Sources
    targets: Targets
    steps: int
    seed: int

    def run(self) -> Iterator[Images]:
        """Write the inputs, run the command, yield batches (B, H, W, 3) uint8 of what it wrote.

        Raises
        ------
        UserError for a command that cannot be started, runs out of time or ends with another status than 0,
        and for frames that are missing, too many, unreadable or of another size.
        """
        self._write()
        self._call()
        yield from self._frames()

    def _write(self) -> None:
        sources, targets = self.sources, self.targets
        names = [f"{place:08d}.png" for place in range(len(sources))]
        for name, frame in zip(names, sources.frames, strict=True):
            write_bytes(self.folder / "sources" / name, encode_png(frame))
        for name, mask in zip(names, () if sources.masks is None else sources.masks, strict=False):
            write_bytes(self.folder / "masks" / name, encode_png(mask))
        (self.folder / OUTPUT).mkdir()
        height, width = sources.frames.shape[1:3]
        drawn = predicted_track(sources, targets)
        person, driver = sources.track, targets.track
        size = (int(height), int(width))
        np.savez(
            self.folder / "sources.npz",
            betas=person.betas,
            poses=person.poses,
            cams=person.cams,
            joints_sources=joints_in_pixels(sources.body, person, size),
        )
        np.savez(
            self.folder / "targets.npz",
            betas=driver.betas,
            poses=driver.poses,
            cams=driver.cams,
            cams_drawn=drawn.cams,
            joints_targets=joints_in_pixels(sources.body, drawn, size),
        )
        content = {
            "format": FORMAT,
            "task": "motion_imitation",
            "same_person": targets.same_person,
            "sn": len(sources),
            "steps": self.steps,
            "seed": self.seed,
            "size": list(size),
            "frames": len(targets),
            "body": sources.body,
            "sources": [f"sources/{name}" for name in names],
            "masks": None if sources.masks is None else [f"masks/{name}" for name in names],
            "sources_npz": "sources.npz",
            "targets_npz": "targets.npz",
            "output": OUTPUT,
        }
        write_json(self.folder / JOB_FILE, content)

    def _call(self) -> None:
        spec, folder = self.spec, self.folder
        places = {JOB: str(folder), PYTHON: sys.executable}
        command = list(spec.command)
        for sign, text in places.items():
            command = [part.replace(sign, text) for part in command]
        with (folder / OUT_FILE).open("wb") as out, (folder / ERROR_FILE).open("wb") as errors:
            try:
                process = subprocess.Popen(
                    command,
                    cwd=spec.folder,
                    env={**os.environ, **spec.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=errors,
                    start_new_session=True,  # a group of its own, which can be ended as a whole
                )
            except (OSError, ValueError) as error:
                raise UserError(
                    f"cannot start '{command[0]}': {getattr(error, 'strerror', None) or error}",
                    where=f"{spec.path}: command",
                    expected="a program that is there",
                ) from error
            try:
                status = process.wait(spec.timeout)
            except subprocess.TimeoutExpired as error:
                raise self._failed(f"ran longer than {spec.timeout:g} s and was ended") from error
            finally:
                end_group(process)
        if status != 0:
            how = f"was ended by signal {-status}" if status < 0 else f"ended with exit status {status}"
            raise self._failed(how) from ProcessOutputError(self._output(KEPT_LINES))

    def _failed(self, how: str) -> UserError:
        lines = [line.strip() for line in self._tail(ERROR_FILE) if line.strip()][-SHOWN_LINES:]
        said = " | ".join(lines)[-SHOWN_CHARACTERS:]
        return UserError(
            f"process '{self.spec.name}' {how}; "
            + (f"the end of its standard error: {said}" if said else "it left nothing on standard error"),
            where=str(self.spec.path),
        )

    def _tail(self, name: str) -> list[str]:
        with (self.folder / name).open("rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
        return ["".join(sign for sign in line if sign.isprintable()) for line in text.splitlines()]

    def _output(self, lines: int) -> str:
        parts = [(name, self._tail(name)[-lines:]) for name in (OUT_FILE, ERROR_FILE)]
        return "\n".join(f"{name}:\n" + "\n".join(found) for name, found in parts)

    def _frames(self) -> Iterator[Images]:
        output, count = self.folder / OUTPUT, len(self.targets)
        expected = [f"{place:08d}.png" for place in range(count)]
        there = {path.name for path in output.iterdir() if is_picture(path)} if output.is_dir() else set()
        missing = [name for name in expected if name not in there]
        extra = sorted(there.difference(expected))
        where = f"process '{self.spec.name}', {OUTPUT}/"
        asked = f"{count} frames, {expected[0]} to {expected[-1]}" if count else "no frames"
        if missing:
            raise UserError(
                f"{len(missing)} of {count} frames were not written, the first: {missing[0]}",
                where=where,
                expected=asked,
            ) from ProcessOutputError(self._output(KEPT_LINES))
        if extra:
            raise UserError(
                f"{len(extra)} pictures that nobody asked for, the first: {extra[0]}",
                where=where,
                expected=asked,
            )
        size = self.sources.frames.shape[1:3]
        for start in range(0, count, BATCH):
            yield np.stack([self._frame(output / name, size) for name in expected[start : start + BATCH]])

    def _frame(self, path: Path, size: tuple[int, ...]) -> Images:
        where = f"process '{self.spec.name}', {OUTPUT}/{path.name}"
        try:
            image = read_picture_file(path, self.folder).image
        except UserError as error:  # it names the temporary folder, which will be gone
            raise UserError(error.what, where=where, expected=error.expected or "a PNG") from error
        if image.shape[:2] != size:
            raise UserError(
                f"{image.shape[0]}x{image.shape[1]} pixels (height x width)",
                where=where,
                expected=f"{size[0]}x{size[1]} as the sources",
            )
        return image


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and everything it started, at once; nothing happens where all have ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def joints_in_pixels(body: str, track: BodyTrack, size: tuple[int, int]) -> Floats:
    """(N, 24, 2) float32 x, y of the SMPL joints in an image of ``size`` (height, width); the centre of the
    upper left pixel is (0.5, 0.5).
    """
    import torch

    with torch.inference_mode():
        posed = load_body(body).pose(torch.from_numpy(track.betas), torch.from_numpy(track.poses))
        image = project(posed.joints, torch.from_numpy(track.cams))[..., :2]
    scale = np.array([size[1], size[0]], np.float32)
    return ((image.cpu().numpy() + 1.0) / 2.0 * scale).astype(np.float32)
