"""Scoring folders: against the protocol as a run does, pairing, boxes of files, results on disk."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from iper_bench.data.dataset import DATASETS
from iper_bench.data.image_io import encode_png
from iper_bench.errors import UserError
from iper_bench.metrics.frechet_curve import frechet_curve
from iper_bench.metrics.prefetch import prefetched
from iper_bench.metrics.suite import FrameSet, MetricSuite
from iper_bench.protocol.trials import build_trials
from iper_bench.run.box_file import BoxFile
from iper_bench.run.clip_scores import Measures
from iper_bench.run.comparisons import Handed, compare_with_references
from iper_bench.run.folder_score import ScoreRequest, run_request, score_folder
from iper_bench.run.frame_streams import FrameStreams
from iper_bench.run.material import Material
from iper_bench.run.result_folder import read_result, require_free, write_result
from iper_bench.store.aggregate import aggregate
from iper_bench.store.rows import WHOLE_SET
from tests.run.drawn_clips import Frames, noisy, wanderer
from tests.run.test_evaluate import write
from tests.run.toys import PROTOCOL, ToyDataset, numbers, toy_protocol

PSNR = Measures(("offline",), ("PSNR",))


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A dataset by name, its protocol, and predictions of every clip, numbered as the clip is."""
    DATASETS.names()
    monkeypatch.setitem(DATASETS._entries, "toy", lambda root=None, size=None: ToyDataset())  # type: ignore[attr-defined]
    monkeypatch.setitem(DATASETS._origins, "toy", "tests")  # type: ignore[attr-defined]
    protocol = tmp_path / "toy-imitation.yaml"
    protocol.write_text(PROTOCOL, encoding="utf-8")
    for name in ToyDataset().clip_names():
        write(tmp_path / "mine" / name.replace("/", "_"), drawn(name), first=8)
    return {"predictions": tmp_path / "mine", "dataset": "toy", "protocol": str(protocol)}


def drawn(clip: str) -> Frames:
    """Six predictions: true frames with noise."""
    return noisy(ToyDataset().clip(clip).frames(range(8, 14)), 10.0)


@pytest.mark.parametrize("setting", ["self", "cross"])
def test_a_folder_is_measured_as_the_run_would(setting: str, toy: dict[str, Any], tmp_path: Path) -> None:
    """Trial by trial with the boxes of the tracks: the suite fed by the run's own ``Material``."""
    metrics = {"self": ("PSNR", "Body-CS"), "cross": ("Body-CS", "FID", "Body-FD")}[setting]
    if setting == "cross":  # the protocol asks for four frames there
        for file in toy["predictions"].glob("*/01[23].png"):
            file.unlink()
    request = ScoreRequest(measures=Measures(("offline",), metrics), setting=setting, sn=1, **toy)
    scores = score_folder(request)
    dataset, suite, features = ToyDataset(), MetricSuite(["offline"], metrics=metrics), []
    found = {(row.clip, row.metric): row for row in scores.rows}
    for place, trial in enumerate(
        one for one in build_trials(toy_protocol(tmp_path), dataset) if one.setting == setting
    ):
        material = Material(dataset, trial, 1)
        frames = FrameSet(
            iter([drawn(trial.source_clip)[: len(trial.target_frames)]]),
            material.truths(),
            material.reals(),
            material.prediction_boxes,
            material.truth_boxes,
            material.real_boxes,
        )
        known = suite.measure(frames, trial.setting)  # type: ignore[arg-type]
        features.append(known.features)
        for one in known.values:
            row = found[trial.source_clip, one.metric]
            assert (row.value, row.per_frame, row.definition) == (one.value, one.per_frame, one.definition)
            assert (row.count, row.total, row.trial, row.place) == (one.count, one.total, trial.name, place)
            assert (row.method, row.sn, row.actor) == ("mine", 1, trial.source_clip[:2])
    for one in suite.pool(features, "cross") if setting == "cross" else ():
        assert found[WHOLE_SET, one.metric].value == one.value
    assert scores.definitions == suite.definitions()
    assert len(scores.rows) == {"self": 6, "cross": 5}[setting]


def test_numbers_decide_and_not_the_order_of_files(toy: dict[str, Any]) -> None:
    known = [row.per_frame for row in score_folder(ScoreRequest(measures=PSNR, sn=1, **toy)).rows]
    for folder in toy["predictions"].iterdir():
        for file in sorted(folder.iterdir()):  # by position, and named so that sorting turns them round
            number = int(file.stem) - 8
            file.rename(folder / f"{'zyxwvu'[number]}_{number}.png")
    again = [row.per_frame for row in score_folder(ScoreRequest(measures=PSNR, sn=1, **toy)).rows]
    assert again == known


def test_what_is_missing_surplus_or_double_is_refused(toy: dict[str, Any]) -> None:
    request = ScoreRequest(measures=PSNR, sn=1, **toy)
    partial = ScoreRequest(measures=PSNR, sn=1, partial=True, **toy)
    clip = toy["predictions"] / "p1_c0"
    content = (clip / "010.png").read_bytes()
    (clip / "010.png").unlink()
    with pytest.raises(UserError, match=r"p1_c0: 1 of 6 frames are missing: 10; .*--partial"):
        score_folder(request)
    rows = {row.clip: row for row in score_folder(partial).rows}
    assert (rows["p1/c0"].count, rows["p1/c0"].total, rows["p0/c0"].total) == (5, 6, 6)
    assert rows["p1/c0"].per_frame is not None
    assert [k for k, one in enumerate(rows["p1/c0"].per_frame) if one is None] == [2]
    (clip / "010.png").write_bytes(content)
    (clip / "10.png").write_bytes(content)
    with pytest.raises(UserError, match=r"number 10 is carried by"):
        score_folder(request)
    (clip / "10.png").rename(clip / "40.png")
    with pytest.raises(UserError, match="1 frames that nobody asked for: 40"):
        score_folder(request)
    (clip / "40.png").unlink()
    clip.rename(clip.with_name("p1_c9"))
    with pytest.raises(UserError, match=r"p1_c9"):
        score_folder(request)
    entries = score_folder(partial).entries
    assert [(one["clips"], one["clips_total"]) for one in entries] == [(2, 3)]


def test_a_video_that_is_too_short(tmp_path: Path) -> None:
    frames = wanderer(8, side=48)
    references = write(tmp_path / "truth", frames)
    writer = cv2.VideoWriter(str(tmp_path / "mine.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (48, 48))
    for frame in frames[:5]:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    request = ScoreRequest(tmp_path / "mine.avi", PSNR, references=references)
    with pytest.raises(UserError, match=r"mine\.avi: 3 of 8 frames are missing: 5, 6, 7"):
        score_folder(request)
    (row,) = score_folder(replace(request, partial=True)).rows
    assert (row.count, row.total, row.clip) == (5, 8, "mine")


def test_paths_of_the_wrong_kind(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", wanderer(2))
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("x", encoding="utf-8")
    (write(tmp_path / "one", wanderer(1)) / "001.png").mkdir()
    (row,) = score_folder(ScoreRequest(tmp_path / "one", PSNR, references=truth)).rows
    assert (row.count, row.total) == (1, 2)
    assert "001.png: a folder where a picture was expected" in str(row.reason)
    for path, words in (("empty", "no frames here"), ("nothing", "no such file"), ("text.txt", "text.txt")):
        with pytest.raises(UserError, match=words):
            score_folder(ScoreRequest(tmp_path / path, PSNR, references=truth))
    for changed, words in (
        ({}, "neither --references nor --dataset"),
        ({"references": truth, "dataset": "x"}, "both --references and --dataset"),
        ({"references": truth, "sn": 2}, "--sn: given with --references"),
        ({"references": truth, "protocol": "x"}, "--protocol: given with --references"),
        ({"dataset": "syntetic"}, "did you mean synthetic"),
        ({"references": truth, "curve": tmp_path / "c.json"}, "--fd-curve: no Frechet distance"),
        ({"references": truth, "boxes": tmp_path}, "a folder; expected CSV"),
        ({"references": truth, "out": truth}, "holds other files, first 000.png"),
        ({"references": truth, "out": truth / "000.png"}, "is a file"),
    ):
        with pytest.raises(UserError, match=words) as error:
            score_folder(ScoreRequest(truth, PSNR, **changed))  # type: ignore[arg-type]
        assert "\n" not in str(error.value)


def test_sn_that_the_protocol_does_not_have(toy: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"no sources for sn=3.*--sn among 1, 2, 4, 8"):
        score_folder(ScoreRequest(measures=PSNR, sn=3, **toy))


def test_the_result_is_read_back(tmp_path: Path) -> None:
    frames = wanderer(4)
    mine, truth = write(tmp_path / "mine", noisy(frames, 5)), write(tmp_path / "truth", frames)
    request = ScoreRequest(mine, PSNR, references=truth, out=tmp_path / "out")
    scores = score_folder(request)
    result = read_result(tmp_path / "out")
    assert result.rows == scores.rows
    assert result.definitions == scores.definitions
    content = json.loads((tmp_path / "out/rows.json").read_text(encoding="utf-8"))
    assert set(content) == {"format", "rows", "definitions"}
    aggregates = json.loads((tmp_path / "out/aggregates.json").read_text(encoding="utf-8"))
    assert aggregates["entries"] == scores.entries == aggregate(result.rows)
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    score_folder(request)  # over an earlier result, byte for byte
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before
    for damage, words in (("{", "not JSON"), ("[]", "no valid format"), ('{"format": 1}', "damaged rows")):
        (tmp_path / "out/rows.json").write_text(damage, encoding="utf-8")
        with pytest.raises(UserError, match=words):
            read_result(tmp_path / "out")
    with pytest.raises(UserError, match="no result here"):
        read_result(tmp_path / "mine")


def test_a_result_never_stands_in_a_run(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("format: 1\n", encoding="utf-8")
    with pytest.raises(UserError, match="holds a run, whose aggregates would be lost"):
        require_free(tmp_path)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="file stands where a folder"):
        write_result(tmp_path / "file", [], {}, [])


def test_the_curve_is_that_of_the_pooled_features(tmp_path: Path) -> None:
    for clip in range(2):
        frames = wanderer(7, seed=clip)
        write(tmp_path / "mine" / f"c{clip}", noisy(frames, 5))
        write(tmp_path / "truth" / f"c{clip}", frames)
    measures = Measures(("offline",), ("FID", "Body-FD"))
    curve = tmp_path / "curve.json"
    request = ScoreRequest(
        tmp_path / "mine", measures, references=tmp_path / "truth", setting="cross", curve=curve
    )
    scores = score_folder(request)
    found = {one["metric"]: one for one in json.loads(curve.read_text(encoding="utf-8"))["curves"]}
    (key,) = [key for key in scores.features[0] if key.startswith("native|none")]
    ours, theirs = (
        np.concatenate([getattr(one[key], side) for one in scores.features])
        for side in ("prediction", "reference")
    )
    known = frechet_curve(ours, theirs)
    assert (found["FID"]["sizes"], found["FID"]["values"]) == (list(known.sizes), list(known.values))
    assert found["FID"]["extrapolated"] == known.extrapolated
    assert found["FID"]["values"][-1] == pytest.approx(
        next(row.value for row in scores.rows if row.metric == "FID"), rel=1e-9
    )
    assert found["Body-FD"]["reason"] == "no features on one side"


@pytest.mark.parametrize("setting", ["self", "cross"])
@pytest.mark.parametrize("workers", [0, 1, 3])
def test_streams_stay_in_step_when_each_side_has_its_thread(
    setting: str, workers: int, tmp_path: Path
) -> None:
    """As the suite reads them beside a GPU: frames and boxes of what can be read, in one order."""
    frames = wanderer(30, side=16)
    mine, truth = write(tmp_path / "mine", frames), write(tmp_path / "truth", frames)
    for folder, bad in ((mine, (0, 7, 29)), (truth, (8,))):
        for number in bad:
            (folder / f"{number:03d}.png").write_bytes(b"")
    kept = [k for k in range(30) if k not in (0, 7, 8, 29)]
    boxes = np.arange(30.0)[:, None] + [0, 0, 5, 5]
    handed = Handed(mine, "m", setting, boxes, 2 * boxes)
    (one,) = compare_with_references(handed, truth)
    streams = FrameStreams(one, workers=workers)
    found = streams.frame_set()
    theirs = found.truths if setting == "self" else found.reals
    assert theirs is not None
    sides = [prefetched(found.predictions), prefetched(theirs)]
    if setting == "self":
        pairs = list(zip(*sides, strict=True))
        drawn = [np.concatenate(side) for side in zip(*pairs, strict=True)]
    else:
        drawn = [np.concatenate(list(side)) for side in sides]
    for side in drawn:
        assert np.array_equal(side, frames[kept])
    reference_boxes = found.truth_boxes if setting == "self" else found.real_boxes
    for given, known in ((found.prediction_boxes, boxes), (reference_boxes, 2 * boxes)):
        assert given is not None
        assert np.array_equal(given[: len(kept)], known[kept])
    assert streams.kept == (tuple(kept), tuple(kept))
    assert sorted(streams.left_out) == [0, 7, 8, 29]
    assert "mine: 4 of 30 frames left out: 000.png: an empty file, 007.png" in (streams.note() or "")


# ---------------------------------------------------------------------------------- boxes

HEAD = "clip,frame,x0,y0,x1,y1\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "an empty file"),
        ("clip,frame,x0,y0,x1\na,0,1,2,3\n", "line 1: no field 'y1'"),
        (HEAD.replace("frame", "frame,extra"), "line 1: field 'extra'"),
        (HEAD + "a,0,1,2,3\n", "line 2: 5 fields; expected 6"),
        (HEAD + "a,0,1,2,3,4\na,1,1,2,x,4\n", "line 3, field 'x1': found 'x'; expected a number"),
        (HEAD + "a,0,nan,2,3,4\n", "line 2, field 'x0'"),
        (HEAD + "a,0,5,2,3,4\n", "line 2, field 'x1': x1 is 3 and x0 is 5"),
        (HEAD + "a,0,1,2,3,4\na,00,1,2,3,4\n", "line 3: clip 'a', frame 0 stands at line 2 already"),
        (HEAD + 'a,0,1,2,3,"4\n', "cannot be read"),
        (HEAD + "b,0,1,2,3,4\n", "line 2, field 'clip': unknown clip 'b'"),
        (HEAD + "a,9,1,2,3,4\n", "line 2, field 'frame': clip 'a' has no frame 9"),
        ("[1", "line 1: not JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ('{"a": 1}', "not a list"),
        ("[3]", "entry 1: found int"),
        ('[{"clip": "a"}]', "entry 1: no field 'frame'"),
        (
            '[{"clip": "a", "frame": 0, "x0": true, "y0": 0, "x1": 2, "y1": 2}]',
            "entry 1, field 'x0': found 'True'",
        ),
    ],
)
def test_boxes_that_are_wrong_are_told_by_line_and_field(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "boxes"
    path.write_text(text, encoding="utf-8")

    def read() -> None:
        file = BoxFile(path)
        file.require_clips(["a"])
        file.of("a", [0, 1])

    with pytest.raises(UserError, match=words) as error:
        read()
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "boxes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not UTF-8"):
        BoxFile(tmp_path / "boxes")
    with pytest.raises(UserError, match="no such file"):
        BoxFile(tmp_path / "nothing")


def test_boxes_by_csv_and_json_are_found_by_frame(tmp_path: Path) -> None:
    rng = numbers("boxes")
    boxes = np.sort(rng.uniform(0, 40, (3, 2, 2)), axis=1).reshape(3, 4)
    ids = [7, 12, "odd"]
    entries = [
        {"clip": "a", "frame": name, **dict(zip(("x0", "y0", "x1", "y1"), map(float, box), strict=True))}
        for name, box in zip(ids, boxes, strict=True)
    ]
    (tmp_path / "boxes.json").write_text(json.dumps(entries[::-1]), encoding="utf-8")
    lines = [
        ",".join(str(one[name]) for name in ("clip", "frame", "x0", "y0", "x1", "y1")) for one in entries
    ]
    (tmp_path / "boxes.csv").write_text(HEAD + "\r\n".join(lines[::-1]) + "\n\n", encoding="utf-8-sig")
    for name in ("boxes.json", "boxes.csv"):
        found = BoxFile(tmp_path / name).of("a", [12, 3, "odd", 7])
        assert np.array_equal(found[[0, 2, 3]], boxes[[1, 2, 0]])
        assert np.isnan(found[1]).all()
        assert np.isnan(BoxFile(tmp_path / name).of("b", [7])).all()


def test_boxes_of_a_file_take_the_place_of_the_tracks(toy: dict[str, Any], tmp_path: Path) -> None:
    measures = Measures(("offline",), ("Body-CS",))
    lines = [f"{clip},{frame},1,1,9,12" for clip in ToyDataset().clip_names() for frame in range(8, 13)]
    (tmp_path / "boxes.csv").write_text(HEAD + "\n".join(lines), encoding="utf-8")
    plain = score_folder(ScoreRequest(measures=measures, sn=1, **toy))
    given = score_folder(ScoreRequest(measures=measures, sn=1, boxes=tmp_path / "boxes.csv", **toy))
    for before, after in zip(plain.rows, given.rows, strict=True):
        assert before.detections is not None
        assert after.detections is not None
        assert (before.detections["prediction"], after.detections["prediction"]) == (6, 5)
        assert after.per_frame is not None
        assert after.per_frame[5] == 0.0  # nobody is seen where a body should be
        assert before.value != after.value


def test_a_run_whose_protocol_is_a_file(tmp_path: Path) -> None:
    from iper_bench.store.run_folder import RunFolder

    RunFolder.create(tmp_path / "run", {"protocol": {"name": "mine"}})
    with pytest.raises(UserError, match=r"protocol 'mine' does not come with the package.*--protocol FILE"):
        run_request(ScoreRequest(tmp_path / "run", PSNR))


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    frames = wanderer(2)
    truth = write(tmp_path / "truth", frames)
    mine = write(tmp_path / "mine", frames)
    (tmp_path / "secret.png").write_bytes(encode_png(frames[0]))
    (mine / "000.png").unlink()
    (mine / "000.png").symlink_to(tmp_path / "secret.png")
    (row,) = score_folder(ScoreRequest(mine, Measures(("offline",), ("SSIM",)), references=truth)).rows
    assert (row.count, row.total) == (1, 2)
    assert "a link that leads out of the folder" in (row.reason or "")
