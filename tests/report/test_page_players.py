"""Films of all methods side by side: which trials, which units, what stands where there is no film."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iper_bench.report import players
from iper_bench.report.frame_index import player_anchor
from iper_bench.report.frame_values import cohorts
from iper_bench.report.panel import Panel, ReportContext, ReportOptions
from iper_bench.report.reading import read_evidence
from iper_bench.report.worst_frames import player_link
from iper_bench.store.film import read_film
from iper_bench.store.row import Row
from iper_bench.store.rows import read_rows
from iper_bench.store.run_folder import RunFolder
from tests.report.made_up import DATASET, PROTOCOL, figure, rows_of, write_run

SIDE, TASK = 32, "motion_imitation"


def context_of(*runs: Path, **options: Any) -> ReportContext:
    rows = {run: tuple(read_rows(run)) for run in runs}
    return ReportContext(read_evidence(runs), runs, rows, options=ReportOptions(**options))


def built(*runs: Path, **options: Any) -> Panel:
    panel = players.build(context_of(*runs, **options))
    assert panel is not None
    return panel


def with_films(run: Path, films: Mapping[str, Any]) -> None:
    folder = RunFolder.open(run)
    for trial in folder.plan["trials"]:
        exhibit = folder.exhibit(trial)
        kinds = ("source", "reference", "truth")
        exhibit.write({kind: exhibit.read(kind) for kind in kinds if exhibit.files(kind)}, films)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    rows = [*rows_of("b", clips=3), *rows_of("a", clips=3, steps=0), *rows_of("a", clips=3, steps=50)]
    return write_run(tmp_path / "run", rows, pictures=SIDE)


def test_the_first_trials_by_name_with_every_method_at_its_largest_step(run: Path) -> None:
    panel = built(run, clips=2)
    trials = re.findall(r"<h4>(.*?)</h4>", panel.html)
    assert trials == [
        "self:actor0/outfit0",
        "self:actor0/outfit1",
        "cross:actor0/outfit0&lt;-actor9/outfit0",
        "cross:actor0/outfit1&lt;-actor9/outfit0",
    ]
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", panel.html.split("</article>")[0])
    assert captions[0] == "first of 2 sources"
    assert captions[-2:] == ["a, T = 50", "b, T = 0"]
    assert f'id="{player_anchor(DATASET, PROTOCOL, TASK, "self:actor0/outfit0")}"' in panel.html
    assert "lossy" in panel.html
    assert panel.html.count("1 more trial has no player here") == 2
    assert len([one for one in panel.assets if one.name.startswith("films/")]) == 8


def test_trials_of_one_name_in_two_protocols_have_anchors_of_their_own(tmp_path: Path) -> None:
    rows = [row for row in rows_of("a", clips=1) if row.setting == "self"]
    others = [dataclasses.replace(row, protocol="other", unit=f"other-{row.unit}") for row in rows]
    first = write_run(tmp_path / "first", rows, pictures=SIDE)
    changes = {"protocol": {"name": "other", "hash": "bb11"}}
    second = write_run(tmp_path / "second", others, pictures=SIDE, changes=changes)
    panel = built(first, second)
    expected = [player_anchor(DATASET, name, TASK, "self:actor0/outfit0") for name in ("other", PROTOCOL)]
    assert re.findall(r'<article id="(.*?)">', panel.html) == expected
    assert len(set(expected)) == 2
    for cohort in cohorts(context_of(first, second)):
        anchor = player_anchor(DATASET, cohort.protocol, TASK, "self:actor0/outfit0")
        assert f'href="#{anchor}"' in player_link(cohort, "self:actor0/outfit0")


def test_a_film_shows_the_frames_of_its_unit_in_order(run: Path, tmp_path: Path) -> None:
    panel = built(run, clips=1)
    unit = next(
        row.unit for row in read_rows(run) if row.method == "b" and row.trial == "self:actor0/outfit0"
    )
    film = next(one for one in panel.assets if one.name == f"films/{unit}.webm")
    film.write(tmp_path / "film.webm")
    shown = read_film(tmp_path / "film.webm", range(6)).astype(float)
    frames = np.stack([figure(SIDE, "actor0/outfit0", t, "b") for t in range(6)]).astype(float)
    distance = np.abs(shown[:, None] - frames[None]).mean(axis=(2, 3, 4))
    # frames 0 and 5 are one picture
    assert [int(one) for one in distance.argmin(axis=1)[1:5]] == [1, 2, 3, 4]
    assert distance.diagonal().max() < 12, "grey levels of lossy video at 32 pixels"


def test_driver_and_truth_share_a_film_where_the_run_keeps_one(run: Path, tmp_path: Path) -> None:
    frames = np.stack([figure(SIDE, "x", t, "") for t in range(6)])
    with_films(run, {"truth": [frames]})
    panel = built(run, clips=1)
    self_part = panel.html.split("</article>")[0]
    assert "<figcaption>driver and truth</figcaption>" in self_part
    assert self_part.count("films/truth-") == 1
    copied = next(one for one in panel.assets if one.name.startswith("films/truth-"))
    copied.write(tmp_path / "copy.webm")
    assert len(read_film(tmp_path / "copy.webm", [5])) == 1
    with_films(run, {"truth": [frames], "reference": [frames]})
    self_part = built(run, clips=1).html.split("</article>")[0]
    assert "films/truth-" in self_part
    assert "films/reference-" in self_part


def test_an_older_run_without_films_shows_stills(run: Path) -> None:
    self_part, cross_part = built(run, clips=1).html.split("</article>")[:2]
    for label in ("driver", "truth"):
        assert f"<figcaption>{label}, frame 0 only (the run keeps no film of it)</figcaption>" in self_part
    assert 'aria-label="truth: no paired truth"' in cross_part


def test_a_method_whose_frames_were_not_kept_is_hatched_with_the_reason(run: Path) -> None:
    import shutil

    for row in read_rows(run):
        if row.method == "b":
            shutil.rmtree(run / "predictions" / row.unit, ignore_errors=True)
    html = built(run, clips=1).html
    assert 'aria-label="b: predictions were not kept"' in html
    assert "<figcaption>b, T = 0</figcaption>" in html
    shutil.rmtree(run / "predictions")
    assert players.build(context_of(run)) is None


def test_films_can_be_left_out(run: Path) -> None:
    assert players.build(context_of(run, films=False)) is None
    assert players.build(context_of(run, clips=0)) is None


def test_several_runs_meet_in_one_player(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, rows_of(name, clips=1, seed=2), pictures=SIDE) for name in ("one", "two")
    ]
    html = built(*runs, clips=1).html
    assert html.count('class="player"') == 2, "self and cross"
    for name in ("one", "two"):
        assert html.count(f"<figcaption>{name}, T = 0</figcaption>") == 2


def test_of_several_sn_and_seeds_the_most_sources_and_the_first_seed(tmp_path: Path) -> None:
    def seeded(rows: list[Row], seed: int) -> list[Row]:
        return [dataclasses.replace(row, seed=seed, unit=f"{row.unit}{seed}") for row in rows]

    rows = [*rows_of("a", clips=1, sn=1), *rows_of("a", clips=1, sn=4, steps=50)]
    rows = [*seeded(rows, 0), *seeded(rows, 1)]
    scenes = players.scenes_of(context_of(write_run(tmp_path / "run", rows)))
    for sn, listed in scenes.values():
        assert sn == 4
        assert [(take.steps, take.seed) for scene in listed for take in scene.takes.values()] == [(50, 0)]


def test_names_are_escaped(tmp_path: Path) -> None:
    html = built(write_run(tmp_path / "run", rows_of("<script>", clips=1), pictures=SIDE)).html
    assert "<script>" not in html
    assert "&lt;script&gt;, T = 0" in html
