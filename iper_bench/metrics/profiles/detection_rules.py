"""What a missing detection means, per profile, for similarities and for set metrics.

`standard` and `offline`: a frame counts only if its reference has a detection; a prediction
without one scores 0 in the penalised score and is left out of the detected one; set metrics use each side's
own detections. `paper` (his_evaluators): whole-frame features stand in for missing ones; self Face-CS uses
frames whose reference has a face and takes 0 for a batch of 16 without any; cross uses all frames; Face-FD
uses reference-valid frames on both sides.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from iper_bench.metrics.averages import (
    EMPTY_BATCH_VALUE,
    PAPER_AVERAGE,
    PAPER_BATCH,
    frame_mean,
    mean_of_batch_means,
)
from iper_bench.metrics.cosine_similarity import cosines, cosines_paper, cosines_to_centroid
from iper_bench.metrics.detection_rate import detection_rate
from iper_bench.metrics.metric import Setting
from iper_bench.metrics.profiles.profile import FrameValues
from iper_bench.metrics.source import Observation

Observations = list[Observation]

STANDARD_TEXT = {
    "CS": "cosine in float64 of frame k of both sides; frames whose reference has no detection are left"
    " out; a prediction"
    " without detection counts 0 (penalised); mean of frames",
    "CS/detected": "as CS, but frames where the prediction has no detection are left out too",
    "CS/centroid": "cosine of each detected prediction to the mean of the normalised detected references;"
    " mean of frames",
    "rate/prediction": "share of predicted frames with a detection",
    "rate/reference": "share of truth or real frames with a detection",
}
PAPER_TEXT = {
    "CS": "float32, norm + 1e-6; no detection = feature of the whole frame; self: Face-CS over frames"
    f" whose reference has a face, a batch of {PAPER_BATCH} without any counts 0; otherwise all frames;"
    f" {PAPER_AVERAGE}",
}


def standard_similarities(
    source: str, setting: Setting, predictions: Observations, references: Observations
) -> dict[str, FrameValues]:
    """Values by name without ``Body-``/``Face-``: CS, CS/detected, CS/centroid (cross), rate/prediction,
    rate/reference.
    """
    penalised: list[float | None] = [None] * len(predictions)
    for index, (ours, theirs) in enumerate(zip(predictions, references, strict=False)):
        if theirs.detected:
            penalised[index] = _cosine(ours, theirs)
    detected = [value if ours.detected else None for value, ours in zip(penalised, predictions, strict=True)]
    values = {
        "CS": FrameValues(penalised, frame_mean(penalised)),
        "CS/detected": FrameValues(detected, frame_mean(detected)),
        "rate/prediction": _rate(predictions),
        "rate/reference": _rate(references),
    }
    if setting == "cross":
        values["CS/centroid"] = _to_centroid(predictions, references)
    return values


def standard_selection(
    source: str, predictions: Observations, references: Observations
) -> tuple[Observations, Observations]:
    """Each side's own detections."""
    return [o for o in predictions if o.detected], [o for o in references if o.detected]


def paper_similarities(
    source: str, setting: Setting, predictions: Observations, references: Observations
) -> dict[str, FrameValues]:
    """The evaluator's CS; only the self setting's Face-CS leaves frames out."""
    reference_valid_only = source == "face" and setting == "self"
    count = min(len(predictions), len(references))
    values: list[float | None] = [None] * len(predictions)
    for index in range(count):
        ours, theirs = predictions[index].feature, references[index].feature
        if ours is None or theirs is None:
            continue  # an empty crop, which stops the official evaluator
        if references[index].detected or not reference_valid_only:
            values[index] = float(cosines_paper(ours[None], theirs[None])[0])
    return {"CS": FrameValues(values, mean_of_batch_means(values[:count], empty=EMPTY_BATCH_VALUE))}


def paper_selection(
    source: str, predictions: Observations, references: Observations
) -> tuple[Observations, Observations]:
    """All frames; for faces the frames whose reference has one, on both sides."""
    if source != "face":
        # only an empty crop, which stops the official evaluator, has no feature
        return [o for o in predictions if o.feature is not None], [
            o for o in references if o.feature is not None
        ]
    count = min(len(predictions), len(references))
    valid = [index for index in range(count) if references[index].detected]
    return [predictions[index] for index in valid], [references[index] for index in valid]


def stack(observations: Observations) -> npt.NDArray[np.float32]:
    """Features of observations that all have one, (n, d) float32; (0, 0) for none."""
    features = [o.feature for o in observations if o.feature is not None]
    if len(features) != len(observations):
        raise ValueError("an observation without feature was selected")
    return np.stack(features) if features else np.zeros((0, 0), dtype=np.float32)


def _cosine(ours: Observation, theirs: Observation) -> float:
    if not ours.detected or ours.feature is None or theirs.feature is None:
        return 0.0
    return float(cosines(ours.feature[None], theirs.feature[None])[0])


def _rate(observations: Observations) -> FrameValues:
    found: list[float | None] = [float(o.detected) for o in observations]
    return FrameValues(found, detection_rate([o.detected for o in observations]) if observations else None)


def _to_centroid(predictions: Observations, references: Observations) -> FrameValues:
    per_frame: list[float | None] = [None] * len(predictions)
    ours, theirs = standard_selection("", predictions, references)
    if ours and theirs:
        centroid_cosines = iter(cosines_to_centroid(stack(ours), stack(theirs)))
        per_frame = [float(next(centroid_cosines)) if o.detected else None for o in predictions]
    return FrameValues(per_frame, frame_mean(per_frame))
