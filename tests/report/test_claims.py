"""The paper's findings: that they are what its tables print, and that verdicts follow the data alone."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from iper_bench.cli.main import program
from iper_bench.errors import UserError
from iper_bench.report import paper
from iper_bench.report.claims import (
    KINDS,
    Claim,
    Claims,
    load_claims,
    published_names,
    read_claims,
)
from iper_bench.report.claims_panel import build
from iper_bench.report.claims_text import as_json, markdown, plain_text, summary
from iper_bench.report.claims_verdict import (
    CLOSE,
    CONTRADICTED,
    NOT_RUN,
    ORDER_ONLY,
    REPRODUCED,
    UNDERPOWERED,
    VERDICTS,
    Judged,
    judge,
)
from iper_bench.report.evidence import Evidence
from iper_bench.report.panel import ReportContext
from tests.report.claims_made_up import PAIRED, evidence, measurement

ALL = load_claims()
FROM_TABLES = [claim for claim in ALL.claims if claim.file in ("table1", "table2", "table3", "table4")]


def claim_of(identity: str) -> Claim:
    return ALL.select((identity,)).claims[0]


def judged(identity: str, held: Evidence, **given: str) -> Judged:
    found = judge(ALL.select((identity,)), held, given)
    assert len(found) == 1
    return found[0]


# -- the data are the paper's


@pytest.mark.parametrize("claim", FROM_TABLES, ids=lambda claim: claim.id)
def test_metrics_of_a_claim_are_exactly_those_of_the_table(claim: Claim) -> None:
    """Better, worse and equal, computed from the CSV here without any code of the claims."""
    ((first, second),) = claim.pairs
    cells: dict[tuple[str, str], dict[str, tuple[float, bool]]] = {}
    for quote in paper.quotes(claim.file):
        if quote.dataset == claim.dataset:
            setting = quote.trial_setting if quote.trial_setting in ("self", "cross") else "self"
            cells.setdefault((setting, quote.metric), {})[quote.method] = (
                quote.value,
                quote.higher_is_better,
            )
    expected, tied = set(), set()
    for place, by_method in cells.items():
        (ours, higher), (theirs, _) = by_method[first.method], by_method[second.method]
        if ours == theirs:
            tied.add(place)
        else:
            expected.add((*place, 1 if (ours > theirs) == higher else -1))
    assert {(place.setting, place.metric, place.sign) for place in claim.places} == expected
    assert set(claim.tied) == tied


def test_every_pair_of_tables_1_to_4_is_claimed() -> None:
    """AttLWB with LWB, and each of both with each of the others, in every block."""
    for name in ("table1", "table2", "table3", "table4"):
        for dataset in {quote.dataset for quote in paper.quotes(name)}:
            methods = {quote.method for quote in paper.quotes(name) if quote.dataset == dataset}
            others = methods - {"AttLWB", "LWB"}
            expected = {("AttLWB", "LWB"), *((ours, other) for ours in ("AttLWB", "LWB") for other in others)}
            found = [c for c in FROM_TABLES if (c.file, c.dataset) == (name, dataset)]
            assert {(a.method, b.method) for c in found for a, b in c.pairs} == expected


@pytest.mark.parametrize("claim", ALL.claims, ids=lambda claim: claim.id)
def test_what_the_paper_prints_goes_the_way_of_the_claim(claim: Claim) -> None:
    higher = {q.metric: q.higher_is_better for name in ("table1", "table5") for q in paper.quotes(name)}
    for pair in claim.pairs:
        at = tuple(
            replace(side, steps=100) if side.least and claim.file == "fig14" else side for side in pair
        )
        for place in claim.places:
            printed = claim.printed((at[0], at[1]), place)
            if claim.file == "fig15":
                assert printed is None  # shares of votes are no metric
                continue
            assert printed is not None
            turned = printed * place.sign * (1 if higher[place.metric] else -1)
            if claim.kind == "better":
                assert turned > 0
                assert 0 < claim.relevant((at[0], at[1]), place) <= turned / 2 + 1e-12
            else:
                assert turned < claim.relevant(pair, place)


def test_names_come_from_the_cards_and_every_condition_has_one() -> None:
    assert published_names()["MetaPix-SHUP"] == "metapix-shup"
    assert published_names()["MV2NV"] == "mv2nv"
    for claim in ALL.claims:
        assert all(side.ours for pair in claim.pairs for side in pair)
        assert claim.kind in KINDS
    six = {second.ours for _, second in claim_of("figure15-attention").pairs}
    assert six == {"lwb", "avglwb", "softgate-add", "softgate-avg", "texture-warp", "input-concat"}


@pytest.mark.parametrize("command", sorted({claim.command for claim in ALL.claims}))
def test_what_to_type_is_understood(command: str) -> None:
    import shlex

    name, verb, *arguments = shlex.split(command)
    assert name == "iper-bench"
    found = program.get_command(None, verb)  # type: ignore[arg-type]
    assert found is not None
    found.make_context(verb, arguments)


# -- verdicts follow the data

ATT = "table2-attlwb-lwb"


def two(gain: float, noise: float = 0.1, actors: int = 14, **other: str) -> Evidence:
    """attlwb beside lwb with two sources: ``gain`` spreads better by PSNR."""
    return evidence(
        [
            measurement("attlwb", gain=gain, noise=noise, actors=actors, sn=2, **other),
            measurement("lwb", noise=noise, actors=actors, sn=2, **other),
        ]
    )


def test_better_is_reproduced_and_worse_contradicted() -> None:
    assert judged(ATT, two(1.0)).verdict == REPRODUCED
    assert judged(ATT, two(-1.0)).verdict == CONTRADICTED


def test_flipping_the_data_flips_every_verdict() -> None:
    """The same numbers with the labels exchanged."""
    held = two(1.0)
    swapped = {"attlwb": "lwb", "lwb": "attlwb"}
    turned = replace(
        held, measurements=tuple(replace(m, method=swapped[m.method]) for m in held.measurements)
    )
    first, second = judged(ATT, held), judged(ATT, turned)
    assert (first.verdict, second.verdict) == (REPRODUCED, CONTRADICTED)
    ours, theirs = (next(f for f in one.findings if f.effect is not None).effect for one in (first, second))
    assert ours is not None
    assert theirs is not None
    assert ours.mean == pytest.approx(-theirs.mean)


def test_a_metric_that_the_paper_prints_the_other_way_is_turned() -> None:
    """Table 3: LWB has the better SSIM. Ours the same: reproduced; AttLWB better there: contradicted."""
    for gain, verdict in ((-2.0, REPRODUCED), (2.0, CONTRADICTED)):
        held = [
            measurement(name, "SSIM", gain=gain if name == "attlwb" else 0.0, task="appearance_transfer")
            for name in ("attlwb", "lwb")
        ]
        assert judged("table3-attlwb-lwb", evidence(held)).verdict == verdict


def test_lower_is_better_is_turned() -> None:
    for gain, verdict in ((-2.0, REPRODUCED), (2.0, CONTRADICTED)):
        held = [
            measurement(name, "LPIPS", gain=gain if name == "attlwb" else 0.0, sn=2)
            for name in ("attlwb", "lwb")
        ]
        assert judged(ATT, evidence(held)).verdict == verdict


def test_told_from_chance_but_too_small_is_close() -> None:
    """0.2 spreads are 0.06 dB; 0.103, half of what Table 2 prints, counts."""
    one = judged(ATT, two(0.2, noise=0.05))
    assert one.verdict == CLOSE
    finding = next(f for f in one.findings if f.effect is not None)
    assert finding.relevant == pytest.approx((19.691 - 19.485) / 2)
    assert finding.p is not None
    assert finding.p < 0.05


def test_right_direction_not_told_is_close_where_the_protocol_is_sharp() -> None:
    """A tenth of the noise in the paper's direction: nothing to be told from, and half of what Table 2 prints
    would have been seen.
    """
    held = two(0.0, noise=0.0)
    random = np.random.default_rng(2).normal(size=28)
    moved = (random - random.mean()) * 0.1 + 0.01
    better = replace(
        held.measurements[0],
        clip_values={
            clip: value + one
            for (clip, value), one in zip(held.measurements[0].clip_values.items(), moved, strict=True)
        },
    )
    one = judged(ATT, replace(held, measurements=(better, held.measurements[1])))
    finding = next(f for f in one.findings if f.effect is not None)
    assert finding.effect is not None
    assert finding.effect.mean == pytest.approx(0.01)
    assert finding.p is not None
    assert finding.p > 0.05
    assert finding.detectable is not None
    assert finding.detectable < finding.relevant
    assert one.verdict == CLOSE


def test_no_difference_is_contradicted_where_the_protocol_would_have_shown_one() -> None:
    same = two(0.0, noise=0.0)
    assert judged(ATT, same).verdict == CONTRADICTED


def test_noise_is_underpowered() -> None:
    one = judged(ATT, two(0.5, noise=8.0))
    assert one.verdict == UNDERPOWERED
    finding = next(f for f in one.findings if f.effect is not None)
    assert finding.detectable is not None
    assert finding.detectable > finding.relevant


def test_five_actors_are_underpowered_however_large_the_difference() -> None:
    one = judged(ATT, two(30.0, actors=5))
    assert one.verdict == UNDERPOWERED
    assert "5 actors; nothing can be told with fewer than 6" in next(f for f in one.findings if f.effect).why


def test_values_over_a_set_do_not_decide() -> None:
    held = two(1.0)
    sets = [
        replace(
            m,
            metric="FID",
            setting="cross",
            clip_values={},
            clip_actors={},
            value=30.0 + 5 * (m.method == "attlwb"),
        )
        for m in held.measurements
    ]
    one = judged(ATT, replace(held, measurements=(*held.measurements, *sets)))
    assert one.verdict == REPRODUCED
    assert next(f for f in one.findings if f.found.place.metric == "FID").verdict == UNDERPOWERED
    assert judged(ATT, replace(held, measurements=tuple(sets))).verdict == UNDERPOWERED


def test_the_worst_of_several_metrics_is_the_claims() -> None:
    held = [
        measurement(name, metric, gain=(1.0 if metric == "PSNR" else -1.0) * (name == "attlwb"), sn=2)
        for name in ("attlwb", "lwb")
        for metric in ("PSNR", "Face-CS")
    ]
    one = judged(ATT, evidence(held))
    assert one.verdict == CONTRADICTED
    by_metric = {f.found.place.metric: f.verdict for f in one.findings if f.effect}
    assert by_metric == {"PSNR": REPRODUCED, "Face-CS": CONTRADICTED}


def test_holm_is_over_the_comparisons_of_the_claim() -> None:
    """Eight actors: alone p is 2/256; beside four more comparisons five times that."""
    alone = judged(ATT, two(3.0, actors=8))
    held = [
        measurement(name, metric, gain=0.0 if metric != "PSNR" else 3.0 * (name == "attlwb"), actors=8, sn=2)
        for name in ("attlwb", "lwb")
        for metric in PAIRED
    ]
    together = judged(ATT, evidence(held))
    p = [next(f for f in one.findings if f.found.place.metric == "PSNR").p for one in (alone, together)]
    assert p == [pytest.approx(2 / 256), pytest.approx(5 * 2 / 256)]


def test_ruling_out_is_corrected_like_every_other_test() -> None:
    """No difference in PSNR, with half of what Table 2 prints 2.5 standard errors above: ruled out by itself,
    not as one of five comparisons.
    """
    random = np.repeat(np.random.default_rng(3).normal(size=14), 2)
    random -= random.mean()
    error = (19.691 - 19.485) / 2 / 2.5
    moved = random / random[::2].std(ddof=1) * error * np.sqrt(14) - 1e-6  # the mean is not above 0
    base = measurement("lwb", sn=2)
    ours = replace(
        base,
        method="attlwb",
        clip_values={c: v + d for (c, v), d in zip(base.clip_values.items(), moved, strict=True)},
    )
    others = [
        measurement(name, m, gain=3.0 * (name == "attlwb") * (-1 if m == "LPIPS" else 1), sn=2)
        for name in ("attlwb", "lwb")
        for m in PAIRED[1:]
    ]
    assert judged(ATT, evidence([ours, base])).verdict == CONTRADICTED
    together = judged(ATT, evidence([ours, base, *others]))
    assert {f.found.place.metric: f.verdict for f in together.findings if f.effect}["PSNR"] == UNDERPOWERED
    assert together.verdict == UNDERPOWERED


def test_metrics_that_were_not_measured_are_named() -> None:
    assert "not measured: SSIM (self), LPIPS (self)" in judged(ATT, two(1.0)).why


# -- claims that something is not there


def steps_of(values: dict[tuple[int, int], float], noise: float = 0.05) -> Evidence:
    return evidence(
        [
            measurement("attlwb", gain=gain, noise=noise, sn=sn, steps=steps)
            for (sn, steps), gain in values.items()
        ]
    )


def test_not_better_has_a_test_of_its_own() -> None:
    """Margin 0.1 dB, a third of a spread."""
    claim = "figure14-few-steps"
    assert judged(claim, steps_of({(8, 10): 0.0, (4, 10): 0.0})).verdict == REPRODUCED
    assert judged(claim, steps_of({(8, 10): -3.0, (4, 10): 0.0})).verdict == REPRODUCED
    assert judged(claim, steps_of({(8, 10): 1.0, (4, 10): 0.0})).verdict == CONTRADICTED
    assert judged(claim, steps_of({(8, 10): 0.0, (4, 10): 0.0}, noise=4.0)).verdict == UNDERPOWERED


def test_saturation_is_equivalence_on_both_sides() -> None:
    def at(last: float, noise: float = 0.05) -> Evidence:
        return steps_of({(sn, t): last * (t == 200) for sn in (1, 2, 4, 8) for t in (150, 200)}, noise)

    claim = "figure14-saturation"
    assert judged(claim, at(0.0)).verdict == REPRODUCED
    assert judged(claim, at(1.0)).verdict == CONTRADICTED
    assert judged(claim, at(-1.0)).verdict == CONTRADICTED
    assert judged(claim, at(0.0, noise=4.0)).verdict == UNDERPOWERED


def test_more_sources_need_every_step_and_the_largest_shared_t() -> None:
    claim = "figure14-more-sources"
    grows = {
        (sn, t): float(place) * (t >= 100) for place, sn in enumerate((1, 2, 4, 8)) for t in (10, 100, 120)
    }
    one = judged(claim, steps_of(grows))
    assert one.verdict == REPRODUCED
    assert {side.steps for f in one.findings for side in f.found.pair} == {120}
    grows[8, 120] = 0.0
    assert judged(claim, steps_of(grows)).verdict == CONTRADICTED
    partly = {key: gain for key, gain in grows.items() if key[0] in (1, 2)}
    left = judged(claim, steps_of(partly))
    assert left.verdict == NOT_RUN
    assert "sn=4" in left.why
    assert left.why.endswith("of what was run: 1 reproduced")
    small = {key: gain for key, gain in grows.items() if key[1] == 10}
    assert judged(claim, steps_of(small)).bench is None


def test_personalization_is_t_against_t_0() -> None:
    held = [
        measurement("attlwb", m, gain=3.0 * (t > 0) * (-1 if m == "LPIPS" else 1), sn=2, steps=t)
        for m in PAIRED
        for t in (0, 20)
    ]
    assert judged("table5-personalization", evidence(held)).verdict == REPRODUCED
    untrained = [m for m in held if m.steps == 0]
    assert judged("table5-personalization", evidence(untrained)).verdict == NOT_RUN


# -- where it was looked, and names


def test_not_run_says_what_is_missing_and_what_to_type() -> None:
    one = judged(ATT, evidence([measurement("attlwb", sn=2)]))
    assert (one.verdict, one.bench) == (NOT_RUN, None)
    assert "LWB (lwb)" in one.why
    text = plain_text([one])
    assert "iper-bench run --method attlwb,lwb@FILE --dataset youtube-dancer18 --sn 2" in text


def test_comparable_only_with_the_papers_profile_and_dataset() -> None:
    ours = judged(ATT, evidence(two(1.0).measurements, why_not={"paper": "other networks"}))
    assert ours.note.startswith(ORDER_ONLY)
    assert "(profile paper; dataset synthetic" in ours.note
    assert judged(ATT, two(1.0, dataset="youtube-dancer18")).note == "measured as the paper did"


def test_clips_without_an_actor_are_said_to_count_as_actors() -> None:
    held = two(1.0)
    nameless = replace(held, measurements=tuple(replace(m, clip_actors={}) for m in held.measurements))
    assert "28 clips without a known actor" in judged(ATT, nameless).note
    assert "without a known actor" not in judged(ATT, held).note


def test_a_dataset_of_another_table_is_no_evidence() -> None:
    assert judged(ATT, two(1.0, dataset="iper")).verdict == NOT_RUN


def test_labels_by_name_by_plan_and_by_hand() -> None:
    held = two(1.0)
    named = replace(
        held,
        measurements=tuple(
            replace(m, method="mine" if m.method == "attlwb" else m.method) for m in held.measurements
        ),
    )
    assert judged(ATT, named).verdict == NOT_RUN
    assert judged(ATT, named, mine="attlwb").verdict == REPRODUCED
    plan = {"methods": [{"name": "mine", "method": "attlwb"}, {"name": "lwb"}]}
    assert judged(ATT, evidence(named.measurements, plan=plan)).verdict == REPRODUCED
    with pytest.raises(UserError, match="no run has a method 'nobody'"):
        judge(ALL, held, {"nobody": "attlwb"})


def test_two_labels_of_one_method_are_refused() -> None:
    held = [measurement("new", sn=2), measurement("old", sn=2), measurement("lwb", sn=2)]
    with pytest.raises(UserError, match="new and old are both attlwb"):
        judge(ALL.select((ATT,)), evidence(held), {"new": "attlwb", "old": "attlwb"})


def test_every_bench_is_looked_at_by_itself() -> None:
    held = [*two(1.0).measurements, *two(-1.0, profile="standard").measurements]
    found = judge(ALL.select((ATT,)), evidence(held))
    assert [(one.bench.profile, one.verdict) for one in found if one.bench] == [
        ("paper", REPRODUCED),
        ("standard", CONTRADICTED),
    ]


# -- output


def test_all_forms_show_the_verdicts_and_escape_names() -> None:
    held = two(1.0, profile="<b>other</b>")
    found = judge(ALL, held)
    assert summary(found) == f"1 reproduced, {len(ALL.claims) - 1} not run"
    for text in (markdown(found), plain_text(found)):
        assert "reproduced" in text
        assert ATT in text
    plain = {one["id"]: one for one in json.loads(as_json(found))}
    assert plain[ATT]["verdict"] == REPRODUCED
    assert plain[ATT]["findings"][0]["effect"] == pytest.approx(0.3, abs=0.05)
    panel = build(ReportContext(held, (), {}))
    assert panel is not None
    assert "<b>other" not in panel.html
    assert "&lt;b&gt;other" in panel.html
    assert panel.html.count("<details") == panel.html.count("</details>")
    assert build(ReportContext(evidence([]), (), {})) is None


def test_equal_evidence_gives_equal_text() -> None:
    assert markdown(judge(ALL, two(1.0))) == markdown(judge(ALL, two(1.0)))
    assert set(VERDICTS) == {REPRODUCED, CLOSE, CONTRADICTED, UNDERPOWERED, NOT_RUN}


# -- a file that is not in order

GOOD = """
format: 1
methods: {A: a, B: b}
margins: {PSNR: {most: 0.2, reason: r}}
claims:
- {id: one, group: sources, sentence: s, paper: {file: table1, where: Table 1}, task: motion_imitation,
   datasets: [], kind: better, pairs: [[{method: A}, {method: B}]], metrics: {self: [PSNR]}, command: c}
"""


def test_a_file_in_order_is_read() -> None:
    held: Claims = read_claims(GOOD, "x.yaml", {})
    assert held.claims[0].pairs[0][1].ours == "b"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("format: 1", "format: 9", "format 1"),
        ("kind: better", "kind: bettter", "better"),
        ("group: sources, ", "", "field 'group' is missing"),
        ("{method: B}", "{method: C}", "method"),
        ("[PSNR]", "[SSIM]", "no margin"),
        ("most: 0.2", "most: -1", "above 0"),
        ("sentence: s", "sentense: s", "sentence"),
        ("[[{method: A}, {method: B}]]", "[[{method: A}]]", "two sides"),
        ("claims:", "claims: [", "YAML"),
        ("sentence: s", "sentence: [s]", "str"),
    ],
)
def test_a_file_that_is_not_in_order_is_one_line(old: str, new: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(UserError, match=words) as caught:
        read_claims(GOOD.replace(old, new), "x.yaml", {})
    assert "x.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_claim_twice_is_refused() -> None:
    entry = GOOD[GOOD.index("- {id") :]
    with pytest.raises(UserError, match="twice"):
        read_claims(GOOD + entry.lstrip("\n"), "x.yaml", {})


def test_unknown_ids_name_the_nearest() -> None:
    with pytest.raises(UserError, match="table2-attlwb-lwb"):
        ALL.select(("table2-attlwb-lw",))
