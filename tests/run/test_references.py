"""References and outside methods in runs: what they are given, where they have no units, what fails alone."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from iper_bench.data.dataset import DATASETS
from iper_bench.data.image_io import encode_png
from iper_bench.errors import UserError
from iper_bench.methods.method_choice import Benchmarked, MethodChoice, parse_choices
from iper_bench.methods.reference_names import DEFAULT_REFERENCES
from iper_bench.protocol.load import load_protocol
from iper_bench.protocol.reading import read_protocol
from iper_bench.report.page import write_report
from iper_bench.run import other_people
from iper_bench.run.benchmark import evaluate, run_benchmark
from iper_bench.run.plan import Grid, Plan, make_plan
from iper_bench.run.request import UNITS_FAILED, RunReport, RunRequest
from iper_bench.run.score import score_with
from iper_bench.store.rows import read_rows
from iper_bench.store.run_folder import RunFolder
from tests.run.test_tasks import TRANSFER, VIEW, ToyTailor
from tests.run.toys import PROTOCOL, SIDE, ToyDataset, ToyMethod, ToyScorer, toy_protocol, toy_request

TRUTHS = ("truth-shift[1]", "truth-jpeg[50]")


def opened(*texts: str) -> dict[str, Benchmarked]:
    return {choice.label: choice.open_any() for choice in parse_choices(texts)}


def planned(folder: Path, *texts: str, people: int = 3, limit: int | None = None, **content: Any) -> Plan:
    path = folder / "toy.yaml"
    path.write_text(yaml.safe_dump(content) if content else PROTOCOL)
    grid = Grid.of((1, 2), (0, 5), ("self", "cross"), (0,), limit)
    return make_plan(opened(*texts), ToyDataset(people=people), read_protocol(path), grid, {})


@pytest.fixture
def go(tmp_path: Path) -> Any:
    """Run methods over the toys."""
    protocol = toy_protocol(tmp_path)

    def start(methods: dict[str, Any], *, out: str = "run", people: int = 3, **changes: Any) -> RunReport:
        request = toy_request(tmp_path / out, methods=list(methods), **{"sn": (2,), **changes})
        return evaluate(request, protocol, ToyDataset(people), methods, ToyScorer())

    return start


def frames_of(run: Path, method: str, trial: str) -> np.ndarray:
    row = next(row for row in read_rows(run) if (row.method, row.trial) == (method, trial))
    return np.asarray(RunFolder.open(run).predictions(row.unit).read(range(6)))


def test_the_truth_is_handed_to_references_alone(go: Any, tmp_path: Path) -> None:
    report = go(opened(*TRUTHS, "nearest-source"))
    # 3 clips: 2 truth references in self, 1 other in both settings; one unit each whatever T is asked for
    assert (report.total, report.done, report.exit_status) == (2 * 3 + 3 * 2, 2 * 3 + 3 * 2, 0)
    truth = ToyDataset().clip("p1/c0").frames(range(8, 14))
    shown = frames_of(tmp_path / "run", "truth-shift[1]", "self:p1/c0")
    np.testing.assert_array_equal(shown[:, :, 1:], truth[:, :, :-1])
    rows = read_rows(tmp_path / "run")
    assert {row.setting for row in rows if row.method in TRUTHS} == {"self"}
    assert {row.steps for row in rows} == {0}


def test_the_other_person_is_the_next_one_round_about(go: Any, tmp_path: Path) -> None:
    go(opened("other-person"))
    for clip, other in (("p0/c0", "p1/c0"), ("p1/c0", "p2/c0"), ("p2/c0", "p0/c0")):
        shown = frames_of(tmp_path / "run", "other-person", f"self:{clip}")
        source = RunFolder.open(tmp_path / "run").plan["methods"][0]["shows"][f"self:{clip} sn=2"]
        assert source[0] == other
        np.testing.assert_array_equal(
            shown, np.repeat(ToyDataset().clip(other).frames(source[1:]), 6, axis=0)
        )


def test_a_limit_changes_nobodys_other_person(tmp_path: Path) -> None:
    whole, first = planned(tmp_path, "other-person"), planned(tmp_path, "other-person", limit=1)
    assert first.units[0].other_person is not None
    assert first.units[0].other_person[0] == "p1/c0"
    assert {unit.id for unit in first.units} < {unit.id for unit in whole.units}


def test_where_a_reference_has_no_units_the_plan_says_why(tmp_path: Path) -> None:
    text = planned(tmp_path, "truth-blur", "copy-source").describe()
    assert "truth-blur[1] (identity" in text
    assert "reference; no units in 3 trials: no truth)" in text
    content = yaml.safe_load(PROTOCOL)
    del content["rules"]["cross"]
    alone = planned(tmp_path, "other-person", "copy-source", people=1, **content)
    assert {unit.method for unit in alone.units} == {"copy-source"}
    assert "reference; no units in 1 trials: no other person)" in alone.describe()


def test_clips_that_a_limit_leaves_out_may_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of a dataset is on the disk: what can be evaluated is, and the plan says what cannot."""

    def lacking(*arguments: object) -> None:
        raise UserError("no such frames", where="p2/c0")

    monkeypatch.setattr(other_people, "build_trials", lacking)
    plan = planned(tmp_path, "other-person", "copy-source", limit=1)
    assert {unit.method for unit in plan.units} == {"copy-source"}
    words = "no units in 2 trials: the other clips of the protocol cannot be opened (no such frames)"
    assert words in plan.describe()


def test_everything_that_changes_its_frames_is_in_a_units_id(tmp_path: Path) -> None:
    unit = planned(tmp_path, "other-person").units[0]
    others = [replace(unit, other_person=other) for other in (("p2/c0", 0), ("p1/c0", 1), None)]
    assert len({unit.id, *(other.id for other in others)}) == 4
    ids = [planned(tmp_path, text).units[0].id for text in ("x=truth-shift[1]", "x=truth-shift[2]")]
    assert ids[0] != ids[1]


@pytest.mark.parametrize(("content", "trials"), [(TRANSFER, 2), (VIEW, 2)])
def test_in_the_other_tasks(tmp_path: Path, content: dict[str, Any], trials: int) -> None:
    """Appearance transfer and novel view have a truth; the other person is also nobody who gives clothes."""
    path = tmp_path / "toy.yaml"
    path.write_text(yaml.safe_dump(content))
    data = ToyDataset(people=3, each=2)
    methods: dict[str, Any] = {**opened(*DEFAULT_REFERENCES), "tailor": ToyTailor()}
    grid = Grid.of((1,), (0,), ("self", "cross"), (0,), trials)
    plan = make_plan(methods, data, read_protocol(path), grid, {})
    for name in methods:
        assert {unit.trial for unit in plan.units if unit.method == name} == set(plan.trials), name
    for unit in plan.units:
        if unit.other_person is not None:
            own = {data.clip(clip).subject for clip in unit.trial.clips}
            assert data.clip(unit.other_person[0]).subject not in own


def test_a_run_with_references_is_measured_again(go: Any, tmp_path: Path) -> None:
    methods = {**opened("truth-shift[2]", "other-person", "near=nearest-source"), "toy": ToyMethod()}
    first = go(methods, steps=(0,), limit=1)
    before = read_rows(tmp_path / "run")
    request = toy_request(
        tmp_path / "run",
        methods=["toy", "near=nearest-source"],
        references=("truth-shift[2]", "other-person", "nearest-source"),
        sn=(2,),
        steps=(0,),
        limit=1,
    )
    again = score_with(request, toy_protocol(tmp_path), ToyDataset(), ToyScorer())
    assert (again.kept, again.plan) == (first.total, first.plan)
    assert read_rows(tmp_path / "run") == before


def test_the_report_sets_references_apart(go: Any, tmp_path: Path) -> None:
    methods = {**opened(*TRUTHS, "other-person", "copy-source"), "toy": ToyMethod()}
    go(methods, people=2, steps=(5,), limit=1)
    files = write_report([tmp_path / "run"], tmp_path / "report")
    (table,) = files.tables  # T = 5 alone: references at T = 0 make no table of their own
    assert (table.steps, [row.name for row in table.rows]) == (5, ["toy"])
    assert [row.name for row in table.references] == ["other-person", "copy-source", *sorted(TRUTHS)]
    assert [row.name for row in table.part("cross").reference_rows] == ["other-person", "copy-source"]
    page = files.markdown.read_text()
    assert "*truth-jpeg[50]* (reference)" in page
    assert "References calibrate the numbers" in page
    assert '<tbody class="references">' in files.html.read_text()
    assert "truth-jpeg[50], Cross-imitation" not in page  # nothing is missing where there is no truth


def test_references_of_a_request_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy_protocol(tmp_path)
    DATASETS.names()
    monkeypatch.setitem(DATASETS._entries, "toy", lambda **options: ToyDataset())
    request = RunRequest(
        methods=["copy-source"],
        dataset="toy",
        protocol=str(tmp_path / "toy-imitation.yaml"),
        metrics=("PSNR",),
        references=("copy-source", "truth-shift[3]"),
        dry_run=True,
        out=tmp_path / "run",
    )
    report = run_benchmark(request)
    assert report.total == 3 * 2 + 3
    assert "  truth-shift[3] (identity" in report.description


# Outside methods ------------------------------------------------------------------------------------------


def write_frames(folder: Path, count: int, side: int = SIDE, first: int = 0) -> None:
    folder.mkdir(parents=True)
    for k in range(first, first + count):
        frame = np.full((side, side, 3), k, np.uint8)
        (folder / f"{k:08d}.png").write_bytes(encode_png(frame))


def test_a_folder_in_a_run(go: Any, tmp_path: Path) -> None:
    """Numbered by places or by frames; what is missing or wrong fails alone, in one line."""
    root = tmp_path / "theirs"
    write_frames(root / "self" / "p0" / "c0", 6)
    write_frames(root / "self" / "p1_c0", 6, first=8)
    write_frames(root / "self" / "p2" / "c0", 5)
    write_frames(root / "cross" / "p0" / "c0", 4, side=SIDE + 1)
    write_frames(root / "cross" / "p1" / "c0", 9)
    report = go(opened(f"folder:{root}"))
    assert (report.total, report.done, report.exit_status) == (6, 2, UNITS_FAILED)
    shown = frames_of(tmp_path / "run", "theirs", "self:p1/c0")
    assert shown[:, 0, 0, 0].tolist() == list(range(8, 14))
    reasons = {failure.name.split(" ")[1].partition("<")[0]: failure.reason for failure in report.failures}
    assert "1 of 6 frames are missing: 13" in reasons["self:p2/c0"]
    assert "17x17 pixels" in reasons["cross:p0/c0"]
    assert "16x16" in reasons["cross:p0/c0"]
    assert "frames that nobody asked for" in reasons["cross:p1/c0"]
    assert "none of the 1 clips is here" in reasons["cross:p2/c0"]
    assert not any("--partial" in reason or "\n" in reason for reason in reasons.values())


def test_a_folder_that_tells_the_settings_not_apart(go: Any, tmp_path: Path) -> None:
    write_frames(tmp_path / "theirs" / "p0" / "c0", 6)
    with pytest.raises(UserError, match=r"without folders for the settings self and cross.*--settings self"):
        go(opened(f"folder:{tmp_path / 'theirs'}"))
    assert go(opened(f"folder:{tmp_path / 'theirs'}"), settings=("self",)).done == 1
    with pytest.raises(UserError, match="needs the trials of a protocol"):
        MethodChoice.parse(f"folder:{tmp_path / 'theirs'}").open()


def test_a_process_in_a_run(go: Any, tmp_path: Path) -> None:
    """It fails for one person; nothing is tried twice and the others go on."""
    (tmp_path / "predict.py").write_text(
        "import json, shutil, sys\nfrom pathlib import Path\njob = Path(sys.argv[1])\n"
        "told = json.loads((job / 'job.json').read_text())\n"
        "with open('calls', 'a') as calls: calls.write('x')\n"
        "if len(open('calls').read()) == 2: sys.exit('lost the person')\n"
        "for k in range(told['frames']):\n"
        "    shutil.copy(job / told['sources'][0], job / 'output' / f'{k:08d}.png')\n"
    )
    spec = {"command": [sys.executable, "predict.py", "{job}"], "files": ["predict.py"]}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(spec))
    report = go(opened(f"process:{tmp_path / 'mine.yaml'}"))
    assert (report.total, report.done) == (6, 5)
    (failure,) = report.failures
    assert "ended with exit status 1; the end of its standard error: lost the person" in failure.reason
    assert (tmp_path / "calls").read_text() == "x" * 6
    shown = frames_of(tmp_path / "run", "mine", "self:p2/c0")
    trial = next(
        t for t in RunFolder.open(tmp_path / "run").plan["trials"].values() if t["name"] == "self:p2/c0"
    )
    source = ToyDataset().clip("p2/c0").frames(trial["sources"]["2"][:1])
    np.testing.assert_array_equal(shown, np.repeat(source, 6, axis=0))


def test_the_published_protocols_have_other_people() -> None:
    """The packaged protocol by name, so that its people stay in the order written there."""
    protocol = load_protocol("synthetic-demo")
    dataset = DATASETS.get("synthetic")(root=None, size=32)
    plan = make_plan(
        opened("other-person"), dataset, protocol, Grid.of((2,), (0,), ("self",), (0,), None), {}
    )
    assert [unit.other_person and unit.other_person[0] for unit in plan.units] == [
        *(f"actor00{k}/outfit0" for k in (1, 2, 3, 0))
    ]
