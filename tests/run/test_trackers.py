"""What trackers are told of a run, and that a tracker that cannot work is known before the run."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from benchmarks.made_up_run import write_run
from iper_bench.errors import UserError
from iper_bench.run.trackers import mlflow_tracker
from iper_bench.run.trackers.logged import logged_runs
from iper_bench.run.trackers.tracking import TRACKERS, check_trackers, track
from iper_bench.store.plan_file import plan_hash
from iper_bench.store.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.open(write_run(tmp_path / "run", methods=2, clips=3, frames=3, metrics=6, actors=2))


def test_one_logged_run_per_method(folder: RunFolder) -> None:
    runs = logged_runs(folder)
    assert [run.name for run in runs] == ["attlwb sn=2 T=0", "lwb sn=2 T=0"]
    for run in runs:
        mine = [e for e in folder.aggregates()["entries"] if e["method"] == run.parameters["method"]]
        assert len(run.metrics) == 5 * len(mine)
        for entry in mine:
            name = f"self/offline/{entry['metric'].replace('/', '.')}"
            assert run.metrics[name] == entry["mean"]
            assert (run.metrics[f"{name}.low"], run.metrics[f"{name}.high"]) == (entry["low"], entry["high"])
            assert run.metrics[f"{name}.actor_low"] == entry["actor_low"]
        assert run.parameters | {"dataset": "synthetic", "protocol": "made-up", "sn": "2", "T": "0"} == (
            run.parameters
        )
        assert run.parameters["plan"] == plan_hash(folder.plan)
        assert run.parameters["seeds"] == "0"
    assert len({run.id for run in runs}) == 2
    assert logged_runs(folder) == runs


def test_missing_values_are_left_out_and_names_are_no_folders_of_others(folder: RunFolder) -> None:
    content = folder.aggregates()
    for entry in content["entries"]:
        entry["mean"] = None if entry["metric"] == "PSNR" else entry["mean"]
    folder.write_results([], {key: value for key, value in content.items() if key != "format"})
    for run in logged_runs(folder):
        assert "self/offline/PSNR" not in run.metrics
        assert not [name for name in run.metrics for other in run.metrics if other.startswith(f"{name}/")]


def test_what_cannot_work_is_known_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    check_trackers(["tensorboard"])
    with pytest.raises(UserError, match=r"unknown tracker .mlfow.*did you mean mlflow"):
        check_trackers(["tensorboard", "mlfow"])
    with pytest.raises(UserError, match="named twice"):
        check_trackers(["tensorboard", "tensorboard"])
    monkeypatch.setattr(mlflow_tracker, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'iper-bench\[mlflow\]'"):
        check_trackers(["mlflow"])
    monkeypatch.setattr(mlflow_tracker, "find_spec", lambda name: None if name == "sqlalchemy" else True)
    check_trackers(["mlflow"])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///x.db")
    with pytest.raises(UserError, match="database"):
        check_trackers(["mlflow"])


def test_a_run_that_has_not_ended_is_not_logged(folder: RunFolder) -> None:
    (folder.path / "aggregates.json").unlink()
    with pytest.raises(UserError, match="no aggregates yet"):
        track(folder, ["tensorboard"])
    track(folder, [])
    assert not (folder.path / "tensorboard").exists()
    assert sorted(TRACKERS) == ["mlflow", "tensorboard"]


def scalars(path: Path) -> Iterator[tuple[str, int, float]]:
    """Tag, step and value of the scalars of an event file: records of length, checksum, data, checksum."""
    from tensorboardX.proto.event_pb2 import Event

    content, place = path.read_bytes(), 0
    while place < len(content):
        (length,) = struct.unpack_from("<Q", content, place)
        event = Event.FromString(content[place + 12 : place + 12 + length])
        for value in event.summary.value:
            if value.HasField("simple_value"):
                yield value.tag, event.step, value.simple_value
        place += 12 + length + 4


def test_tensorboard_holds_the_means(folder: RunFolder) -> None:
    track(folder, ["tensorboard"])
    track(folder, ["tensorboard"])  # again: over what was there
    written = sorted((folder.path / "tensorboard").iterdir())
    assert [path.name for path in written] == ["attlwb-sn2", "lwb-sn2"]
    for path, run in zip(written, logged_runs(folder), strict=True):
        events, copied = sorted(path.glob("events*")), path / "aggregates.json"
        assert len(events) == 1
        assert copied.read_bytes() == run.aggregates.read_bytes()
        found = {tag: value for tag, step, value in scalars(events[0]) if step == run.steps}
        assert found.keys() == run.metrics.keys()
        for name, value in run.metrics.items():
            assert found[name] == pytest.approx(value, rel=1e-6)  # stored as 32-bit numbers


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mlflow") is None, reason="the extra mlflow is not installed")
@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_mlflow_holds_parameters_means_and_the_file(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name in mlflow_tracker._SETTINGS:
        monkeypatch.setenv(name, mlflow_tracker._SETTINGS[name])
    from mlflow.tracking import MlflowClient

    def held(address: str) -> dict[str, Any]:
        client = MlflowClient(tracking_uri=address)
        experiment = client.get_experiment_by_name("made-up")
        assert experiment is not None
        found = client.search_runs([experiment.experiment_id])
        for run in found:
            assert run.info.status == "FINISHED"
            assert [one.path for one in client.list_artifacts(run.info.run_id)] == ["aggregates.json"]
        return {run.info.run_name: (run.data.params, run.data.metrics) for run in found}

    wanted = {run.name: (run.parameters, run.metrics) for run in logged_runs(folder)}
    track(folder, ["mlflow"])
    track(folder, ["mlflow"])  # the same runs, not new ones
    assert held((folder.path / "mlruns").as_uri()) == wanted
    elsewhere = (tmp_path / "server").as_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", elsewhere)
    track(folder, ["mlflow"])
    assert held(elsewhere) == wanted
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "file" / "x").as_uri())
    with pytest.raises(UserError, match="the run itself is complete"):
        track(folder, ["mlflow"])
