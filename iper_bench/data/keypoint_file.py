"""2-D points of a person at rest: one set per frame, read strictly.

Four forms are read:

* ``.npz`` with ``keypoints`` (T, J, 3) in pixels of the frames and ``layout``, see :class:`Keypoints`; this
  is the form that :func:`write_keypoints` writes;
* a folder of OpenPose's ``*_keypoints.json``, one per frame in natural order, BODY_25;
* iPER's ``kps.pkl``: ``kps`` (T, 19, 2), the cocoplus joints in [-1, 1] of the frame, every confidence 1;
* a COCO ``.json``: annotations or results, 17 points.

Where a frame shows several people, the one with the largest box counts, as in iPERCore. A frame without
anybody holds zeros. A message names file, frame and field. Pickles pass the restricted unpickler only.
"""

from __future__ import annotations

import io
import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from iper_bench.array_file import ALONE, read_arrays
from iper_bench.atomic import write_bytes
from iper_bench.body.recovery.keypoint_joints import LAYOUTS
from iper_bench.data.clip import Floats
from iper_bench.data.frame_name import frame_ids, printable
from iper_bench.data.point_range import convert_points
from iper_bench.errors import UserError, unknown_name
from iper_bench.plain_pickle import read_limited

HIGHEST = 1.1  # detectors write confidences a little above 1; more is another unit
MOST_BYTES = 1 << 28  # of a JSON file: a thousand times what a frame needs
MOST_FRAMES = 1 << 20  # 11 hours at 25 frames per second
FARTHEST = 1e6  # pixels; what lies beyond is another unit
OPENPOSE, PICKLED, COCO = "body25", "cocoplus19", "coco17"  # layouts of the files of others
_FORMS = ".npz with keypoints and layout, a folder of OpenPose JSON files, iPER's kps.pkl or a COCO .json"


@dataclass(frozen=True)
class Keypoints:
    """Points of one person in T frames.

    Attributes
    ----------
    points: (T, J, 3) float32 x, y in pixels of the frame (y down, (0, 0) its corner) and confidence in
        [0, 1]; zeros where a point was not found.
    layout: what the J points are, a key of ``iper_bench.body.recovery.keypoint_joints.LAYOUTS``.
    """

    points: Floats
    layout: str

    def __len__(self) -> int:
        return len(self.points)

    def empty_frames(self) -> list[int]:
        """Frames in which no point was found."""
        return [int(frame) for frame in np.flatnonzero(~(self.points[..., 2] > 0).any(1))]


def read_keypoints(path: Path, *, frame: tuple[int, int], count: int | None = None) -> Keypoints:
    """Read the points of one person.

    Parameters
    ----------
    path: one of the forms above.
    frame: (height, width) of the frames, pixels; points in [-1, 1] are scaled by both, and a COCO file must
        speak of such frames.
    count: number of frames that there must be; ``None`` = any.

    Raises
    ------
    UserError, one line with file, frame and field, for a missing or damaged file, an unknown layout, another
    number of points or frames, values that are not finite or far outside, a confidence outside of [0, 1].
    """
    where = printable(str(path))
    if not path.exists():
        raise UserError("no such file or folder", where=where, expected=_FORMS)
    if path.is_dir():
        found = Keypoints(_openpose(path), OPENPOSE)
    elif path.suffix == ".npz":
        found = _own(path)
    elif path.suffix == ".pkl":
        found = Keypoints(_pickled(path, frame), PICKLED)
    elif path.suffix == ".json":
        found = Keypoints(_coco(path, frame), COCO)
    else:
        raise UserError(f"no keypoints in a '{path.suffix}'", where=where, expected=_FORMS)
    if count is not None and len(found) != count:
        missing = missing_number(path)
        raise UserError(
            f"points of {len(found)} frames for {count} frames",
            where=where,
            expected="one set per frame",
            hint=None if missing is None else f"a file for frame {missing}, where the numbers have a gap",
        )
    return found


def missing_number(path: Path) -> int | None:
    """The first number at which the names of a folder's JSON files have a gap, ``None`` where they have none:
    numbers that rise evenly, also by more than 1, no numbers, or no folder at all.
    """
    if not path.is_dir():
        return None
    ids = frame_ids([file.stem for file in _json_files(path)])
    numbers = sorted(number for number in ids if isinstance(number, int))
    steps = [after - before for before, after in pairwise(numbers)]
    if len(numbers) != len(ids) or len(set(steps)) < 2:
        return None
    wide = next(place for place, step in enumerate(steps) if step > min(steps))
    return numbers[wide] + min(steps)


def write_keypoints(path: Path, keypoints: Keypoints) -> None:
    """Write the first form, atomically. Raises UserError when the folder cannot be written."""
    stream = io.BytesIO()
    np.savez(stream, keypoints=keypoints.points, layout=np.array(keypoints.layout))
    write_bytes(path, stream.getvalue())


def _own(path: Path) -> Keypoints:
    where = printable(str(path))
    arrays = read_arrays(path, ("keypoints", "layout"), what="no file of keypoints", expected=_FORMS)
    if ALONE in arrays:
        raise UserError("no file of keypoints", where=where, expected=_FORMS)
    for field in ("keypoints", "layout"):
        if field not in arrays:
            raise UserError(f"no field '{field}'", where=where, expected="keypoints (T, J, 3) and layout")
    named = arrays["layout"]
    if named.dtype.kind != "U" or named.size != 1:
        raise UserError("field 'layout' is no name", where=where, expected=f"one of {', '.join(LAYOUTS)}")
    layout = str(named.reshape(-1)[0])
    if layout not in LAYOUTS:
        raise unknown_name("keypoint layout", printable(layout), LAYOUTS, where=where)
    points, joints = arrays["keypoints"], len(LAYOUTS[layout])
    if points.dtype.kind not in "fiu" or points.ndim != 3 or points.shape[1:] != (joints, 3):
        raise UserError(
            f"field 'keypoints' is {points.dtype} {points.shape}",
            where=where,
            expected=f"numbers (T, {joints}, 3) for {layout}",
        )
    return Keypoints(_checked(points, where, "keypoints"), layout)


def _pickled(path: Path, frame: tuple[int, int]) -> Floats:
    """Points of iPER's ``kps.pkl`` in pixels, confidence 1."""
    from iper_bench.plain_pickle import read_plain_pickle

    where, joints = printable(str(path)), len(LAYOUTS[PICKLED])
    content = read_plain_pickle(path)
    points = content.get("kps") if isinstance(content, dict) else None
    if points is None:
        raise UserError("no field 'kps'", where=where, expected=f"a dictionary with kps (T, {joints}, 2)")
    if (
        not isinstance(points, np.ndarray)
        or points.dtype.kind not in "fiu"
        or points.shape[1:] != (joints, 2)
    ):
        shape = f"{points.dtype} {points.shape}" if isinstance(points, np.ndarray) else type(points).__name__
        raise UserError(
            f"field 'kps' is {shape}", where=where, expected=f"numbers (T, {joints}, 2) in [-1, 1]"
        )
    pixels = convert_points(points.astype(np.float64), "signed", "pixels", frame)
    return _checked(np.concatenate([pixels, np.ones_like(pixels[..., :1])], axis=2), where, "kps")


def _openpose(folder: Path) -> Floats:
    where = printable(str(folder))
    files = _json_files(folder)
    if not files:
        raise UserError("no JSON file in this folder", where=where, expected="one of OpenPose per frame")
    return np.stack([_openpose_frame(path) for path in _in_order(files, where)])


def _json_files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.suffix == ".json" and not path.name.startswith(".")]
    except OSError as error:
        raise UserError(f"cannot read: {error.strerror}", where=printable(str(folder))) from error


def _in_order(files: list[Path], where: str) -> list[Path]:
    """By the frame's number where every name holds one, else by name."""
    ids = frame_ids([path.stem for path in files])
    if not all(isinstance(number, int) for number in ids):
        return sorted(files)
    by_number: dict[Any, Path] = {}
    for number, path in zip(ids, files, strict=True):
        if number in by_number:
            names = " and ".join(sorted(printable(each.name) for each in (by_number[number], path)))
            raise UserError(f"{names} are both frame {number}", where=where, expected="one file per frame")
        by_number[number] = path
    return [by_number[number] for number in sorted(by_number)]


def _openpose_frame(path: Path) -> Floats:
    where = printable(str(path))
    content = _json(path)
    people = content.get("people") if isinstance(content, dict) else None
    if not isinstance(people, list):
        raise UserError("no field 'people'", where=where, expected="a file of OpenPose (--write_json)")
    found = []
    for number, person in enumerate(people):
        field = f"people[{number}].pose_keypoints_2d"
        values = person.get("pose_keypoints_2d") if isinstance(person, dict) else None
        found.append(_triples(values, OPENPOSE, where, field))
    return _largest(found, OPENPOSE)


def _coco(path: Path, frame: tuple[int, int]) -> Floats:
    """Annotations (``images`` and ``annotations``; frames in the order of their file names) or results (a
    list; frames in the order of their ``image_id``, by the frame's number where it is a file's name).
    """
    where = printable(str(path))
    content = _json(path)
    entries, images = content, None
    if isinstance(content, dict):
        entries, images = content.get("annotations"), _coco_images(content, where, frame)
    if not isinstance(entries, list) or not entries:
        raise UserError("holds no people", where=where, expected="annotations or results of COCO, in a list")
    known = set(images or ())
    people: dict[Any, list[Floats]] = defaultdict(list)
    for number, entry in enumerate(entries):
        image = entry.get("image_id") if isinstance(entry, dict) else None
        if not isinstance(image, int | str) or isinstance(image, bool):
            raise UserError(f"entry {number} has no image_id", where=where, expected="a number or a name")
        if images is not None and image not in known:
            raise UserError(
                f"entry {number} speaks of image {image!r:.40}", where=where, expected="one of images"
            )
        found = _triples(
            entry.get("keypoints"), COCO, where, f"keypoints of entry {number}", coco=images is not None
        )
        people[image].append(found)
    return np.stack([_largest(people[image], COCO) for image in images or _sorted_ids(people, where)])


def _coco_images(content: dict[str, Any], where: str, frame: tuple[int, int]) -> list[Any]:
    """Ids of the images in the order of their file names."""
    images = content.get("images")
    if not isinstance(images, list) or not images or not all(isinstance(image, dict) for image in images):
        raise UserError("no list 'images'", where=where, expected="images with id and file_name")
    names = []
    for number, image in enumerate(images):
        if not isinstance(image.get("id"), int | str) or not isinstance(image.get("file_name"), str):
            raise UserError(f"image {number} has no id or file_name", where=where, expected="both")
        size = image.get("height"), image.get("width")
        if None not in size and size != frame:
            raise UserError(
                f"image {number} is {size[1]!r:.20}x{size[0]!r:.20}",
                where=where,
                expected=f"frames of {frame[1]}x{frame[0]} pixels",
            )
        names.append(image["file_name"])
    ids = [image["id"] for image in images]
    if len(set(ids)) != len(ids):
        raise UserError("two images have one id", where=where, expected="each id once")
    return _by_number(ids, names)


def _by_number(ids: list[Any], names: list[str]) -> list[Any]:
    """``ids`` in the order of their file ``names``: by the frame's number where every name holds one."""
    numbers = frame_ids([Path(name).stem for name in names])
    keys = numbers if all(isinstance(number, int) for number in numbers) else names
    return [ids[row] for row in sorted(range(len(ids)), key=lambda row: (keys[row], names[row]))]


def _sorted_ids(people: dict[Any, list[Floats]], where: str) -> list[Any]:
    if len({type(image) for image in people}) > 1:
        raise UserError("image_id is a number here and a name there", where=where, expected="one of both")
    if any(isinstance(image, int) for image in people):
        return sorted(people)
    return _by_number(list(people), list(people))


def _largest(people: Sequence[Floats], layout: str) -> Floats:
    """The person (J, 3) whose found points span the largest box; zeros where there is nobody."""
    best, largest = np.zeros((len(LAYOUTS[layout]), 3), np.float32), -1.0
    for points in people:
        found = points[points[:, 2] > 0, :2]
        area = float(np.prod(np.ptp(found, axis=0))) if len(found) else -1.0
        if area > largest:
            best, largest = points, area
    return best


def _triples(values: Any, layout: str, where: str, field: str, *, coco: bool = False) -> Floats:
    """A flat list of JSON as (J, 3), checked. ``coco``: the third number is a visibility, 0 = not labelled, 1
    and 2 = labelled, hidden or not.
    """
    expected = 3 * len(LAYOUTS[layout])
    if not isinstance(values, list):
        raise UserError(f"no list '{field}'", where=where, expected=f"{expected} numbers ({layout})")
    if len(values) != expected:
        raise UserError(
            f"field '{field}' holds {len(values)} values", where=where, expected=f"{expected} ({layout})"
        )
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < math.inf:
            raise UserError(f"field '{field}' holds {value!r:.40}", where=where, expected="finite numbers")
    points = np.array([float(min(max(value, -1e30), 1e30)) for value in values]).reshape(1, -1, 3)
    if coco:
        odd = ~np.isin(points[..., 2], (0.0, 1.0, 2.0))
        if odd.any():
            raise UserError(
                f"field '{field}' holds visibility {points[..., 2][odd][0]:g}",
                where=where,
                expected="0, 1 or 2",
            )
        points[..., 2] = points[..., 2].clip(max=1.0)
    return _checked(points, where, field, numbered=False)[0]


def _checked(values: np.ndarray[Any, Any], where: str, field: str, *, numbered: bool = True) -> Floats:
    """(T, J, 3) as float32 with confidences in [0, 1]; zeros where a point was not found."""
    if not 0 < len(values) <= MOST_FRAMES:
        raise UserError(
            f"field '{field}' holds {len(values)} frames", where=where, expected=f"1 to {MOST_FRAMES}"
        )
    points = np.array(values, dtype=np.float64)

    def refuse(bad: np.ndarray[Any, Any], what: str, expected: str) -> None:
        if bad.any():
            place = tuple(int(number) for number in np.argwhere(bad)[0])
            frame = f", frame {place[0]}" if numbered else ""
            value = points[place] if len(place) == 3 else points[(*place, 2)]
            raise UserError(
                f"field '{field}'{frame}, point {place[1]}: {what} {value:g}", where=where, expected=expected
            )

    refuse(~np.isfinite(points), "value", "finite numbers, confidence 0 where a point was not found")
    refuse((points[..., 2] < 0) | (points[..., 2] > HIGHEST), "confidence", "0 to 1")
    found = points[..., 2:] > 0
    refuse((np.abs(points) > FARTHEST) & found, "coordinate", "pixels of the frame")
    points[..., 2] = points[..., 2].clip(max=1.0)
    return np.where(found, points, 0.0).astype(np.float32)


def _json(path: Path) -> Any:
    where = printable(str(path))
    try:
        content = read_limited(path, MOST_BYTES)
    except UserError as error:
        raise UserError(error.what, where=where, expected=_FORMS) from error
    try:
        return json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # also text that is not UTF-8 and endless digits
        raise UserError("no JSON that can be read", where=where, expected=_FORMS) from error
