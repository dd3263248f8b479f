"""A method that says which tasks it does is planned for those alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from iper_bench.errors import UserError
from iper_bench.methods.method_choice import parse_choices
from iper_bench.protocol.reading import read_protocol
from iper_bench.protocol.schema import IMITATION, NOVEL_VIEW
from iper_bench.run.opened import fit_methods
from iper_bench.run.plan import Grid, make_plan
from tests.run.test_tasks import TRANSFER, VIEW
from tests.run.toys import ToyDataset, ToyMethod, toy_request

GRID = Grid.of([1], [0], ["self"], (0,), None)


class Tasked(ToyMethod):
    """A toy for one task."""

    tasks: tuple[str, ...] = (IMITATION,)


@pytest.mark.parametrize("content", [VIEW, TRANSFER])
def test_another_task_is_refused(tmp_path: Path, content: dict[str, Any]) -> None:

    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    protocol = read_protocol(tmp_path / "toy.yaml")
    with pytest.raises(UserError, match=f"method 'mine' does no {content['task']}.*task {IMITATION}"):
        make_plan({"mine": Tasked()}, ToyDataset(), protocol, GRID, {})


def test_its_own_task_is_planned(tmp_path: Path) -> None:

    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(VIEW), encoding="utf-8")
    method = Tasked()
    method.tasks = (NOVEL_VIEW, IMITATION)
    plan = make_plan({"mine": method}, ToyDataset(), read_protocol(tmp_path / "toy.yaml"), GRID, {})
    assert plan.units


def test_references_named_alone_are_evaluated_in_a_task(tmp_path: Path) -> None:
    """With methods beside them they are not enough: the methods are what was asked for."""
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(VIEW), encoding="utf-8")
    protocol = read_protocol(tmp_path / "toy.yaml")
    request = toy_request(tmp_path / "run", leave_out_unfit=True)
    references = {choice.label: choice.open_any() for choice in parse_choices(["warp"], ())}
    assert fit_methods(request, references, protocol) == (references, ())
    with pytest.raises(UserError, match="none of the methods does"):
        fit_methods(request, {**references, "tasked": Tasked()}, protocol)
