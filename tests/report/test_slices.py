"""Slices: known losses, a loop as the other implementation, laws, and what is left out."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iper_bench.report import slices
from iper_bench.report.frame_values import cohorts
from iper_bench.report.slices_bins import NO_BIN, _by_turn, _by_view, _thirds, cuts
from iper_bench.report.slices_heat import shade
from iper_bench.report.slices_losses import SliceLoss, actors_of, layout, losses
from iper_bench.store.frame_facts import FrameFacts, path_of
from tests.report import made_up
from tests.report.hard_frames import (
    FRAMES,
    HALF,
    Values,
    context_of,
    facts_of,
    rows_with_frames,
    write_hard_run,
)

CLIPS = made_up.clip_names(4)  # two actors with two clips each


def values(drop: float, seed: int = 0, clips: list[str] = CLIPS) -> dict[tuple[str, str, str], Values]:
    """Method ``a`` loses ``drop`` dB in the second half of each clip, ``b`` nothing; LPIPS is the mirror
    image.
    """
    random = np.random.default_rng(seed)
    found = {}
    for clip in clips:
        level = random.normal(22.0, 3.0)
        wave = random.normal(0.0, 0.5, HALF)
        even = np.concatenate([level + wave, level + wave])
        for method, lost in (("a", drop), ("b", 0.0)):
            frames = even - np.repeat([0.0, lost], HALF)
            found[method, "PSNR", clip] = frames
            found[method, "LPIPS", clip] = 1.0 - frames / 100.0
    return found


def found(path: Path, given: dict[tuple[str, str, str], Values]) -> dict[tuple[str, str, str], SliceLoss]:
    """(method, metric, label) -> loss, of a run with these values."""
    context = context_of(write_hard_run(path, rows_with_frames(given)))
    (cohort,) = cohorts(context)
    every: list[SliceLoss] = []
    for metric in cohort.metrics:
        for cut in cuts(context, cohort).cuts:
            better = context.evidence.higher_is_better[metric[1]]
            place, actors = layout([cohort]), actors_of([cohort])
            arguments = (cohort.methods, cohort.values(metric), metric, place, cut, actors)
            every += losses(*arguments, higher_is_better=better)[0]
    return {(loss.method, loss.metric[1], f"{loss.kind} {loss.label}"): loss for loss in every}


def test_a_known_loss_is_found_in_the_slice_that_has_it(tmp_path: Path) -> None:
    every = found(tmp_path / "run", values(3.0))
    behind = every["a", "PSNR", "view 180° (from behind)"]
    assert behind.loss == pytest.approx(1.5)  # half of the frames lose 3 dB, all lose 1.5 in the mean
    assert (behind.frames, behind.clips, behind.actors) == (4 * HALF, 4, 2)
    assert behind.value == pytest.approx(behind.overall - 1.5)
    interval = behind.interval(dict(zip(CLIPS, "xxyy", strict=True)), higher_is_better=True)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((1.5, 1.5, 1.5))
    assert every["a", "PSNR", "view 0° (facing the camera)"].loss == pytest.approx(-1.5)
    assert every["a", "LPIPS", "view 180° (from behind)"].loss == pytest.approx(0.015)  # lower is better
    assert every["b", "PSNR", "view 180° (from behind)"].loss == pytest.approx(0.0, abs=1e-9)
    assert every["a", "PSNR", "view distance 90° to 180°"].loss == pytest.approx(1.5)
    assert every["a", "PSNR", "occlusion high: 90.0 %"].loss == pytest.approx(1.5)
    assert not any(label.startswith("pose distance") for _, _, label in every)  # all alike: nothing to cut


def test_losses_against_pandas(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    given = {key: random.normal(size=FRAMES) for key in values(0.0)}
    for frames in given.values():
        frames[random.random(FRAMES) < 0.1] = np.nan
    every = found(tmp_path / "run", given)
    for method in ("a", "b"):
        table = pd.concat(
            [
                pd.DataFrame({"clip": clip, "value": frames, "behind": np.arange(FRAMES) >= HALF})
                for (own, metric, clip), frames in given.items()
                if (own, metric) == (method, "PSNR")
            ]
        ).dropna()
        whole = table.groupby("clip")["value"].mean()
        inside = table[table["behind"]].groupby("clip")["value"].mean()
        loss = every[method, "PSNR", "view 180° (from behind)"]
        assert loss.loss == pytest.approx(float((whole - inside).mean()))
        assert loss.spread == pytest.approx(float(table["value"].std(ddof=0)))
        assert loss.frames == int(table["behind"].sum())


def test_a_better_clip_changes_no_loss(tmp_path: Path) -> None:
    given = values(2.0)
    raised = {key: frames + (10.0 if key[2] == CLIPS[0] else 0.0) for key, frames in given.items()}
    plain, moved = found(tmp_path / "plain", given), found(tmp_path / "moved", raised)
    for key, loss in plain.items():
        assert moved[key].loss == pytest.approx(loss.loss, abs=1e-9)


def test_views_fall_into_bins_around_their_angle() -> None:
    cut = _by_view(np.array([0.0, 22.4, 22.6, 337.6, 337.4, 180.0, np.nan]))
    assert cut is not None
    assert [int(place) for place in cut.places] == [0, 0, 1, 0, 7, 4, NO_BIN]
    turn = _by_turn(np.array([0.0, 22.4, 22.5, 90.0, 180.0, np.nan]))
    assert turn is not None
    assert [int(place) for place in turn.places] == [0, 0, 1, 3, 3, NO_BIN]
    assert _by_view(np.array([np.nan])) is None


@pytest.mark.parametrize(
    "known", [np.arange(30.0), np.repeat([0.0, 1.0], [25, 5]), np.repeat([0.0, 1.0], [5, 25]), np.arange(2.0)]
)
def test_thirds_are_in_order_and_lose_no_frame(known: Values) -> None:
    cut = _thirds("occlusion", np.append(known, np.nan), 1.0, "m")
    assert cut is not None
    assert cut.places[-1] == NO_BIN
    assert set(cut.places[:-1]) == set(range(len(cut.labels)))
    highest = [known[cut.places[:-1] == place].max() for place in range(len(cut.labels))]
    lowest = [known[cut.places[:-1] == place].min() for place in range(len(cut.labels))]
    assert all(high < low for high, low in zip(highest, lowest[1:], strict=False))
    if known.size == 30 and known[1] == 1.0:
        assert np.bincount(cut.places[:-1]).tolist() == [10, 10, 10]


def test_the_worst_slices_stand_on_top(tmp_path: Path) -> None:
    context = context_of(write_hard_run(tmp_path / "run", rows_with_frames(values(3.0))))
    panel = slices.build(context)
    assert panel is not None
    rows = [line for line in panel.markdown.splitlines() if line.startswith("| ") and "---" not in line]
    ranked = [
        row.split(" | ") for row in rows[1:] if "2 of 4" in row
    ]  # method a loses in both metrics, b in none
    assert {row[1] for row in ranked} == {"180° (from behind)", "90° to 180°", "high: 90.0 %"}
    assert [row.split(" | ") for row in rows[1:4]] == ranked
    assert "1.50 [1.50, 1.50]" in panel.html
    assert 'class="heat"' in panel.html
    assert "data-passport=" in panel.html
    # every number of one metric shows what it is
    worst = panel.html.split("The largest losses")[1].split("</table>")[0].split("<tbody>")[1]
    assert worst.count("<tr data-passport=") == worst.count("<tr") > 0
    (asset,) = panel.assets
    asset.write(tmp_path / asset.name)
    lines = (tmp_path / asset.name).read_text().splitlines()
    assert lines[0].startswith("bench,profile,metric,kind,label,method,value,overall,loss")
    assert len(lines) > 10
    assert "http" not in panel.html


def test_self_against_cross_for_metrics_that_both_have(tmp_path: Path) -> None:
    rows = []
    for row in made_up.rows_of("a", clips=4):
        if row.metric == "Face-CS":
            lost = 0.2 if row.setting == "cross" else 0.0
            frames = [0.6 - lost + 0.01 * (n % 3) for n in range(FRAMES)]
            rows.append(replace(row, per_frame=frames, actor=row.clip.partition("/")[0]))
    panel = slices.build(context_of(write_hard_run(tmp_path / "run", rows, {})))
    assert panel is not None
    title = "synthetic, synthetic-imitation, self against cross"
    own = panel.markdown[panel.markdown.index(title) :]
    first = next(line for line in own.splitlines() if line.startswith("| setting"))
    # cross lies 0.2 below self, so 0.1 below the mean of both
    assert first.startswith("| setting | cross |")
    assert "0.100 [0.100, 0.100]" in first


def test_one_actor_is_not_enough_and_the_page_says_so(tmp_path: Path) -> None:
    run = write_hard_run(tmp_path / "run", rows_with_frames(values(3.0, clips=CLIPS[:2])))
    panel = slices.build(context_of(run))
    assert panel is not None
    assert "left out for too few frames or actors" in panel.html
    assert "from behind" not in panel.html


def test_clips_without_a_known_actor_are_actors_of_their_own(tmp_path: Path) -> None:
    run = write_hard_run(tmp_path / "run", rows_with_frames(values(3.0, clips=CLIPS[:2]), actor=False))
    panel = slices.build(context_of(run))
    assert panel is not None
    assert "from behind" in panel.html


def test_trials_without_facts_are_counted_with_the_reason(tmp_path: Path) -> None:
    rows = rows_with_frames(values(3.0))
    facts = {f"self:{clip}": facts_of(f"self:{clip}") for clip in CLIPS[1:]}
    facts[f"self:{CLIPS[1]}"] = FrameFacts("x", FRAMES, "clip 'x' has no bodies")
    panel = slices.build(context_of(write_hard_run(tmp_path / "run", rows, facts)))
    assert panel is not None
    assert escape("1 trial(s): clip 'x' has no bodies.") in panel.html
    assert "1 trial(s): the run holds no facts" in panel.html
    nothing = slices.build(context_of(write_hard_run(tmp_path / "old", rows, {})))
    assert nothing is not None
    assert "4 trial(s): the run holds no facts" in nothing.html
    assert nothing.assets == ()


def test_without_values_per_frame_there_is_no_panel(tmp_path: Path) -> None:
    run = made_up.write_run(tmp_path / "run", made_up.rows_of("a"))
    assert slices.build(context_of(run)) is None


def test_names_are_escaped(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    given = {(hostile if key[0] == "a" else key[0], *key[1:]): frames for key, frames in values(3.0).items()}
    panel = slices.build(context_of(write_hard_run(tmp_path / "run", rows_with_frames(given))))
    assert panel is not None
    assert escape(hostile) in panel.html
    assert hostile not in panel.html


def test_shades_grow_with_the_loss() -> None:
    assert [shade(share) for share in (0.0, 0.05, 0.1, 0.3, 0.6, 2.0)] == [
        "",
        "",
        *(f"worse{place}" for place in range(1, 5)),
    ]
    assert shade(-0.6) == "better3"


def test_damaged_facts_are_one_line(tmp_path: Path) -> None:
    from iper_bench.errors import UserError
    from iper_bench.hashing import content_hash

    run = write_hard_run(tmp_path / "run", rows_with_frames(values(3.0)))
    path_of(run, content_hash(f"self:{CLIPS[0]}")).write_text("{")
    with pytest.raises(UserError, match="damaged"):
        slices.build(context_of(run))
