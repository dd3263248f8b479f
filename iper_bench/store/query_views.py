"""The tables that ``iper-bench query`` shows: their columns, with types of DuckDB and what they hold.

``query_load.py`` fills them from the files of run folders.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """Attributes
    ----------
    name: as typed. type: of DuckDB. words: what it holds.
    """

    name: str
    type: str
    words: str


@dataclass(frozen=True)
class View:
    """Attributes
    ----------
    name: as typed. words: what one row of it is. columns: in order.
    """

    name: str
    words: str
    columns: tuple[Column, ...]

    def names(self) -> list[str]:
        """Of its columns, in order."""
        return [column.name for column in self.columns]

    def definition(self) -> str:
        """The columns as ``CREATE TABLE`` wants them."""
        return ", ".join(f'"{column.name}" {column.type}' for column in self.columns)

    def structure(self) -> str:
        """The columns as the structure of a JSON object, for ``from_json``."""
        return "{" + ", ".join(f'"{column.name}": "{column.type}"' for column in self.columns) + "}"


def _columns(*texts: str) -> tuple[Column, ...]:
    """``"name TYPE: words"`` each."""
    found = []
    for text in texts:
        head, _, words = text.partition(": ")
        name, _, kind = head.partition(" ")
        found.append(Column(name, kind, words))
    return tuple(found)


_RUN = "run VARCHAR: the run folder, as it was named"
_GRID = (
    "sn INTEGER: number of sources",
    "steps INTEGER: personalisation steps T",
    "seed BIGINT: of personalisation",
)
_PLACE = (
    "method VARCHAR: label in the run",
    "dataset VARCHAR: name",
    "protocol VARCHAR: name",
    "task VARCHAR: motion_imitation, appearance_transfer or novel_view",
    "setting VARCHAR: self (paired truth) or cross (a real set)",
)
_TRIAL = (
    "trial VARCHAR: who imitates whom; * for a value over a whole set",
    "clip VARCHAR: source clip; * for a value over a whole set",
    "actor VARCHAR: who is seen in the source clip; empty where it is not on record",
)
_METRIC = ("profile VARCHAR: of metrics", "metric VARCHAR: name")

ROWS = View(
    "rows",
    "one measured value: unit x profile x metric, and those over a whole set",
    _columns(
        _RUN,
        "unit VARCHAR: id of the unit; of the pooled units for a value over a whole set",
        *_PLACE,
        *_TRIAL,
        *_GRID,
        *_METRIC,
        "value DOUBLE: the number; NULL when it could not be computed",
        "reason VARCHAR: why the value is missing, or a caution",
        "count BIGINT: frames that entered the value",
        "total BIGINT: frames that could have entered it",
        "backbone VARCHAR: network and weights; NULL for metrics of pixels",
        "definition VARCHAR: passport of the metric",
        "provenance MAP(VARCHAR, VARCHAR): versions, device, identities",
        "average VARCHAR: rule by which the value follows from those of frames",
        "detections MAP(VARCHAR, BIGINT): frames with a face or body in reference, prediction, both, of all",
        "pairs BIGINT: leading frames that have a partner; NULL for all",
        "place BIGINT: of the trial in the order of the protocol",
    ),
)
FRAMES = View(
    "frames",
    "one value of one frame",
    _columns(
        _RUN,
        "unit VARCHAR: id",
        *_PLACE,
        *_TRIAL,
        *_GRID,
        *_METRIC,
        "frame INTEGER: position in target order, from 0; the number of the prediction",
        "value DOUBLE: the number; NULL for a frame that was left out",
        "counts BOOLEAN: whether the frame entered the value of its row",
    ),
)
UNITS = View(
    "units",
    "one unit of a plan, done or not",
    _columns(
        _RUN,
        "unit VARCHAR: id",
        "name VARCHAR: readable",
        "method VARCHAR: label in the run",
        "protocol VARCHAR: name",
        "task VARCHAR: motion_imitation, appearance_transfer or novel_view",
        "setting VARCHAR: self or cross",
        "trial VARCHAR: who imitates whom",
        "trial_id VARCHAR: names its exhibit and facts",
        "source_clip VARCHAR: name",
        "target_clip VARCHAR: name",
        *_GRID,
        "frames BIGINT: to predict",
        "state VARCHAR: measured, failed, predicted (frames and no rows) or waiting",
        "predictions VARCHAR: png, ffv1, or NULL where no frames are kept",
    ),
)
TIMINGS = View(
    "timings",
    "seconds, memory and size of one unit",
    _columns(
        _RUN,
        "unit VARCHAR: id",
        "method VARCHAR: label in the run",
        "trial VARCHAR: who imitates whom",
        *_GRID,
        "frames BIGINT: predicted",
        "personalise DOUBLE: seconds",
        "render DOUBLE: seconds",
        "measure DOUBLE: seconds",
        "render_and_measure DOUBLE: seconds, where frames were not kept",
        "peak_mib DOUBLE: peak memory of the process, MiB",
        "parameters BIGINT: of the method's networks",
    ),
)
FAILURES = View(
    "failures",
    "one unit that could not be done",
    _columns(
        _RUN,
        "unit VARCHAR: id",
        "name VARCHAR: readable",
        "method VARCHAR: label in the run",
        "trial VARCHAR: who imitates whom",
        *_GRID,
        "reason VARCHAR: one line",
        "details VARCHAR: traceback",
    ),
)
AGGREGATES = View(
    "aggregates",
    "one mean of aggregates.json",
    _columns(
        _RUN,
        *_PLACE,
        *_GRID,
        *_METRIC,
        "average VARCHAR: rule",
        "mean DOUBLE: headline; NULL when nothing could be computed",
        "low DOUBLE: 95 % interval over clips",
        "high DOUBLE: the same",
        "actor_low DOUBLE: 95 % interval over actors",
        "actor_high DOUBLE: the same",
        "frame_mean DOUBLE: mean over frames",
        "clip_mean DOUBLE: mean over clips of clip means",
        "clips BIGINT: with a value",
        "clips_total BIGINT: planned",
        "actors BIGINT: with a value",
        "frames BIGINT: that entered",
        "frames_total BIGINT: that could have entered",
        "detections MAP(VARCHAR, BIGINT): sums over the rows",
        "pooled BOOLEAN: whether it is a value over a whole set",
        "reason VARCHAR: why a part is missing, or a caution",
        "backbone VARCHAR: network and weights",
        "definition VARCHAR: passport of the metric",
    ),
)
RUNS = View(
    "runs",
    "one run folder",
    _columns(
        _RUN,
        "plan VARCHAR: content hash of the plan",
        "dataset VARCHAR: name",
        "fingerprint VARCHAR: of the dataset",
        "image_size BIGINT: side of the frames in pixels",
        "protocol VARCHAR: name",
        "protocol_hash VARCHAR: of its content",
        "methods VARCHAR[]: labels",
        "profiles VARCHAR[]: of metrics",
        "settings VARCHAR[]: self, cross",
        "sn INTEGER[]: numbers of sources",
        "steps INTEGER[]: personalisation steps T",
        "seeds BIGINT[]: of personalisation",
        "planned BIGINT: units",
        "measured BIGINT: units with rows by the plan's definitions",
        "failed BIGINT: units",
        "ended BOOLEAN: whether aggregates are written",
        "device VARCHAR: of the last machine that worked on it",
        "machine VARCHAR: its platform",
        "python VARCHAR: its version",
        "packages MAP(VARCHAR, VARCHAR): versions there",
        "environments JSON: all machines that worked on it",
    ),
)
FACTS = View(
    "facts",
    "one target frame of a trial with one number of sources: what is hard about it",
    _columns(
        _RUN,
        "trial_id VARCHAR: of the trial",
        "trial VARCHAR: who imitates whom",
        "sn INTEGER: number of sources",
        "frame INTEGER: position in target order, from 0",
        "view DOUBLE: heading of the person, degrees in [0, 360), 0 faces the camera",
        "size DOUBLE: height of the body as a share of the image's",
        "self_occlusion DOUBLE: share of the body that it hides itself",
        "pose_distance DOUBLE: metres to the nearest source in pose",
        "view_distance DOUBLE: degrees to the nearest source in heading",
        "occlusion DOUBLE: share of the visible body that no source shows",
    ),
)
PARTS = View(
    "parts",
    "one part of the body in one frame of a unit",
    _columns(
        _RUN,
        "unit VARCHAR: id",
        "method VARCHAR: label in the run",
        "trial VARCHAR: who imitates whom",
        *_GRID,
        "part VARCHAR: head, torso, left_hand, ..., background",
        "frame INTEGER: position in target order, from 0",
        "error DOUBLE: mean absolute difference from the truth, 0 to 255; NULL where too little is seen",
    ),
)

VIEWS = {view.name: view for view in (ROWS, FRAMES, UNITS, TIMINGS, FAILURES, AGGREGATES, RUNS, FACTS, PARTS)}
