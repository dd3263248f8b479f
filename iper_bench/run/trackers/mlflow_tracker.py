"""MLflow: one of its runs per method, sn, T and seed, in the experiment of the protocol's name.

They go where MLFLOW_TRACKING_URI says, else into ``mlruns/`` of the run folder, which ``mlflow ui
--backend-store-uri RUN/mlruns`` shows. The extra ``mlflow`` brings the small package mlflow-skinny.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from iper_bench.errors import UserError
from iper_bench.run.trackers.logged import LoggedRun
from iper_bench.store.run_folder import RunFolder

FOLDER = "mlruns"
VARIABLE = "MLFLOW_TRACKING_URI"
_ID = "iper_bench.run"  # the tag by which a run that was logged before is found
_INSTALL = "pip install 'iper-bench[mlflow]'"
#: unless they are set: nothing is told to MLflow's makers, a server that is gone is noticed within seconds,
#: and the store of plain files, which needs no database, is allowed
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ALLOW_FILE_STORE": "true",
}
_WITHOUT_DATABASE = ("", "file", "http", "https", "databricks")


def check() -> None:
    """Raise UserError where MLflow is not installed, or lacks what the store needs that is named."""
    if find_spec("mlflow") is None:
        raise UserError("MLflow is not installed", where="--trackers mlflow", hint=_INSTALL)
    scheme = urlsplit(os.environ.get(VARIABLE, "")).scheme
    if scheme not in _WITHOUT_DATABASE and find_spec("sqlalchemy") is None:
        raise UserError(
            f"a store of '{scheme}' needs a database package",
            where=VARIABLE,
            expected="a folder or the address of a server",
            hint="pip install mlflow",
        )


def log(folder: RunFolder, runs: Sequence[LoggedRun]) -> None:
    """Log the runs, each over what was logged of it before. Raises UserError when MLflow does not answer."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    address = os.environ.get(VARIABLE) or (folder.path.absolute() / FOLDER).as_uri()
    try:
        client: Any = MlflowClient(tracking_uri=address)
        for run in runs:
            _log(client, run)
    except (MlflowException, OSError) as error:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(
            f"MLflow did not take the results ({said[:160]})",
            where=address,
            expected="a store that can be written; the run itself is complete",
            hint="the same command again logs it and computes nothing",
        ) from error


def _log(client: Any, run: LoggedRun) -> None:
    experiment = client.get_experiment_by_name(run.group)
    number = experiment.experiment_id if experiment is not None else client.create_experiment(run.group)
    found = client.search_runs([number], filter_string=f"tags.`{_ID}` = '{run.id}'", max_results=1)
    held = found[0] if found else client.create_run(number, run_name=run.name, tags={_ID: run.id})
    key = held.info.run_id
    for name, text in run.parameters.items():  # equal ones may be logged again, others may not
        client.log_param(key, name, text)
    for name, value in run.metrics.items():
        if held.data.metrics.get(name) != value:
            client.log_metric(key, name, value, step=run.steps)
    client.log_artifact(key, str(run.aggregates))
    client.set_terminated(key)
