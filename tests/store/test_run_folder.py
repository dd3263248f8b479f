"""The folder of a run: what is written comes back, what is damaged or newer says so in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iper_bench.errors import UserError
from iper_bench.store.pictures import FrameFolder, read_picture
from iper_bench.store.plan_file import definition_hashes, difference, plan_hash
from iper_bench.store.rows import read_rows
from iper_bench.store.run_folder import RunFolder
from tests.store.test_aggregate import row

PLAN = {"methods": [{"name": "m"}], "sn": (1, 2), "profiles": {"offline": {"PSNR": "x"}}, "limit": None}
DEFINITIONS = definition_hashes(PLAN["profiles"])


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", PLAN)


def one_line(error: pytest.ExceptionInfo[UserError]) -> str:
    line = str(error.value)
    assert "\n" not in line
    return line


def test_rows_and_features_come_back(folder: RunFolder) -> None:
    rows = [row("b", 1.5, per_frame=[1.0, None]), row("b", None, metric="SSIM")]
    features = {"offline/whole/prediction": np.arange(6, dtype=np.float32).reshape(2, 3)}
    folder.write_unit("u1", {"name": "one"}, DEFINITIONS, rows, features)
    folder.write_unit("u0", {"name": "none"}, DEFINITIONS, [row("a", 2.0)], {})
    again = RunFolder.open(folder.path)
    assert again.unit_ids() == ["u0", "u1"]
    assert again.rows("u1") == rows
    np.testing.assert_array_equal(
        again.features("u1")["offline/whole/prediction"], np.arange(6).reshape(2, 3)
    )
    assert again.features("u0") == {}
    assert [(r.metric, r.clip) for r in read_rows(folder.path)] == [
        ("PSNR", "a"),
        ("PSNR", "b"),
        ("SSIM", "b"),
    ]


def test_equal_features_are_equal_bytes(folder: RunFolder) -> None:
    features = {"b": np.ones(3), "a": np.zeros(2)}
    for unit in ("u0", "u1"):
        folder.write_unit(unit, {}, DEFINITIONS, [], dict(sorted(features.items(), reverse=unit == "u1")))
    first, second = (folder.path / "features" / f"{unit}.npz" for unit in ("u0", "u1"))
    assert first.read_bytes() == second.read_bytes()


def test_rows_by_other_definitions_are_left_out(folder: RunFolder) -> None:
    folder.write_unit("u0", {}, {"offline": "older"}, [row("a", 2.0)], {})
    assert read_rows(folder.path) == []


def test_a_failure_and_a_result_exclude_each_other(folder: RunFolder) -> None:
    folder.write_failure("u0", {"name": "zero"}, "no luck", "trace")
    assert [(f.unit, f.name, f.reason) for f in folder.failures()] == [("u0", "zero", "no luck")]
    folder.write_unit("u0", {}, DEFINITIONS, [row("a", 2.0)], {"x": np.ones(1)})
    assert folder.failures() == []
    folder.write_failure("u0", {"name": "zero"}, "no luck", "trace")
    assert folder.unit_ids() == []
    assert folder.features("u0") == {}


def test_create_is_open_for_the_same_plan(folder: RunFolder) -> None:
    before = (folder.path / "plan.yaml").read_bytes()
    same = RunFolder.create(folder.path, {**PLAN, "sn": [1, 2]})
    assert same.plan == folder.plan
    assert (folder.path / "plan.yaml").read_bytes() == before
    with pytest.raises(UserError, match="limit is null there and 3 here") as error:
        RunFolder.create(folder.path, {**PLAN, "limit": 3})
    assert "try: --out" in one_line(error)


def test_difference_names_the_place() -> None:
    assert difference(PLAN, PLAN) is None
    assert difference(PLAN, {**PLAN, "methods": [{"name": "n"}]}) == 'methods is ["m"] there and ["n"] here'
    deep = {**PLAN, "profiles": {"offline": {"PSNR": "y"}}}
    assert difference(PLAN, deep) == "profiles.offline differs"
    many = {f"k{i}": i for i in range(9)}
    assert str(difference({}, many)).endswith("and 6 more")
    assert plan_hash(PLAN) != plan_hash(deep)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format: 99\nhash: x\nplan: {}\n", "format 99 is newer than this iper-bench reads"),
        ("hash: x\n", "no valid format number"),
        ("format: [\n", "damaged: not YAML"),
        ("- 1\n", "no valid format number"),
    ],
)
def test_plans_that_cannot_be_read(folder: RunFolder, text: str, message: str) -> None:
    (folder.path / "plan.yaml").write_text(text)
    with pytest.raises(UserError, match=message) as error:
        RunFolder.open(folder.path)
    assert str(folder.path) in one_line(error)


def test_an_edited_plan_is_noticed(folder: RunFolder) -> None:
    path = folder.path / "plan.yaml"
    path.write_text(path.read_text().replace("sn: [1, 2]", "sn: [1, 4]"))
    with pytest.raises(UserError, match="the file was edited"):
        RunFolder.open(folder.path)


def test_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run here"):
        RunFolder.open(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"format": 2, "rows"', "not JSON"),
        ('{"format": 3}', "newer"),
        ('{"format": 2, "rows": [{}]}', "rows"),
    ],
)
def test_units_that_cannot_be_read(folder: RunFolder, content: str, message: str) -> None:
    (folder.path / "units").mkdir()
    content = content.replace(
        '"rows": [', f'"definitions": {{"offline": "{DEFINITIONS["offline"]}"}}, "rows": ['
    )
    (folder.path / "units" / "u0.json").write_text(content)
    with pytest.raises(UserError, match=message) as error:
        folder.rows("u0")
    one_line(error)


def test_damaged_features(folder: RunFolder) -> None:
    folder.write_unit("u0", {}, DEFINITIONS, [], {"x": np.ones(100)})
    path = folder.path / "features" / "u0.npz"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(UserError, match="damaged features"):
        folder.features("u0")


def test_aggregates_of_a_run_that_has_not_ended(folder: RunFolder) -> None:
    with pytest.raises(UserError, match="no aggregates yet") as error:
        folder.aggregates()
    assert "it resumes" in one_line(error)
    folder.write_results([], {"entries": []})
    assert folder.aggregates() == {"format": 2, "entries": []}


def frames(count: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (count, 9, 7, 3), dtype=np.uint8)


def test_pictures_are_lossless_and_streamed(tmp_path: Path) -> None:
    images = frames(5)
    store = FrameFolder(tmp_path / "p" / "u0")
    passed = list(store.write(iter([images[:2], images[2:]])))
    np.testing.assert_array_equal(np.concatenate(passed), images)
    np.testing.assert_array_equal(store.read(), images)
    np.testing.assert_array_equal(store.read([3, 1]), images[[3, 1]])
    assert store.complete(5)
    assert not store.complete(4)


def test_predictions_appear_whole_or_not_at_all(tmp_path: Path) -> None:
    store = FrameFolder(tmp_path / "u0")

    def breaks() -> Any:
        yield frames(2)
        raise RuntimeError("gone")

    with pytest.raises(RuntimeError, match="gone"):
        list(store.write(breaks()))
    assert list(tmp_path.iterdir()) == []
    list(store.write([frames(3)]))
    with pytest.raises(RuntimeError, match="gone"):
        list(store.write(breaks()))
    np.testing.assert_array_equal(store.read(), frames(3))  # the former content stays
    with pytest.raises(ValueError, match="expected"):
        list(store.write([frames(2)[..., 0]]))


def test_damaged_pictures(tmp_path: Path) -> None:
    store = FrameFolder(tmp_path / "u0")
    with pytest.raises(UserError, match="no predictions here"):
        store.read()
    list(store.write([frames(2)]))
    assert store.sound(2)
    path = tmp_path / "u0" / "00001.png"
    for content in (b"", b"\x89PNG\r\n\x1a\n", path.read_bytes()[:50]):
        path.write_bytes(content)
        assert not store.sound(2)
    with pytest.raises(UserError, match="picture is missing"):
        read_picture(tmp_path / "other.png")


def test_exhibit(folder: RunFolder) -> None:
    exhibit = folder.exhibit("t0")
    assert not exhibit.complete()
    images = frames(3)
    exhibit.write({"source": {7: images[0], 2: images[1]}, "truth": {0: images[2]}})
    assert exhibit.complete()
    assert list(exhibit.files("source")) == [2, 7]
    np.testing.assert_array_equal(exhibit.read("source")[7], images[0])
    assert exhibit.read("reference") == {}
    with pytest.raises(ValueError, match="kind"):
        exhibit.write({"sources": {}})


def test_records_beside_the_numbers_may_be_odd(folder: RunFolder) -> None:
    """A damaged record of seconds, machines or a failure ends no run and fails no unit."""
    for name, text in {
        "timings/u0.json": '{"personalise": "x", "render": 1.5, "frames": 4, "measure": null, "on": true}',
        "failures/u1.json": '{"format": 2, "unit": "x", "reason": "no luck"}',
        "env.json": '{"format": 2, "plan": "p", "environments": ["x", {"python": "3.11"}]}',
    }.items():
        (folder.path / name).parent.mkdir(exist_ok=True)
        (folder.path / name).write_text(text)
    assert folder.timing("u0") == {"render": 1.5, "frames": 4}
    assert [(one.unit, one.name, one.reason) for one in folder.failures()] == [("u1", "u1", "no luck")]
    assert folder.environment()["environments"] == [{"python": "3.11"}]
    (folder.path / "env.json").write_text('{"format": 2, "environments": "x"}')
    assert folder.environment() == {"format": 2}


def test_an_older_unit_is_named_with_its_run(folder: RunFolder) -> None:
    folder.write_unit("u0", {}, DEFINITIONS, [], {})
    path = folder.path / "units" / "u0.json"
    path.write_text(path.read_text().replace('"format": 2', '"format": 1'))
    with pytest.raises(UserError) as caught:
        folder.definitions("u0")
    assert (caught.value.where, caught.value.hint) == (str(path), f"iper-bench upgrade {folder.path}")
