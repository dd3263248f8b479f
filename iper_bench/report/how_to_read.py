"""'How to read this': what of a report may be compared with what, and with the paper, and what the marks say.

Made from the evidence at hand, so that it never speaks of what is not there.
"""

from __future__ import annotations

import re

from iper_bench.averages import OVER_ALL_TRIALS, PAPER_BATCH
from iper_bench.report import paper
from iper_bench.report.evidence import NOT_THE_PAPERS, Evidence
from iper_bench.report.source_views import ODD_MARK, odd_views
from iper_bench.report.statistics import FEWEST_ACTORS
from iper_bench.report.table_parts import DAGGER, NOT_COMPARABLE_MARK, UNSURE_MARK

Part = tuple[str, list[str]]

FEW_CLIPS = 10  # below, percentile intervals are known to be too narrow
PAPER_TABLES = ("table1", "table2", "table3", "table4", "table5", "table6")


def how_to_read(evidence: Evidence) -> list[Part]:
    """Headings with their sentences, plain text."""
    return [
        ("What may be compared", _within(evidence)),
        ("What is comparable with the paper, and what is not", _with_the_paper(evidence)),
        ("Which statistics", _statistics(evidence)),
        ("What the marks say", _marks(evidence)),
    ]


def _within(evidence: Evidence) -> list[str]:
    text = [
        "Numbers may be compared within one table: same dataset, protocol, sources, steps, definition and "
        "feature network. Point at a number, or move to it with the tab key, to see its complete definition.",
    ]
    if any(m.detections is not None for m in evidence.measurements):
        text.append(
            "A score of faces or bodies is read together with the table of detections below it: on how many "
            "frames it stands, and how far it moves with what is done about the others."
        )
    text.append("Pictures, films and worst frames explain numbers; none was chosen for how good it looks.")
    return text


def _with_the_paper(evidence: Evidence) -> list[str]:
    profiles = sorted({m.profile for m in evidence.measurements}, reverse=True)
    text = []
    for profile in profiles:
        why_not = evidence.why_not(profile)
        if why_not is None:
            text.append(
                f"Profile {profile} measures by the paper's definitions: with the paper's data and weights "
                "its columns would be comparable with the paper's."
            )
        else:
            text.append(f"Profile {profile}: {why_not}. Its numbers are {NOT_THE_PAPERS}.")
    known = _papers_datasets()
    for dataset in sorted({m.dataset for m in evidence.measurements}):
        if _plain(dataset) not in known:
            text.append(
                f"Dataset {dataset} is none of the paper's: no value of it is "
                f"{NOT_THE_PAPERS.removeprefix('not ')}'s, whatever the profile."
            )
    text.append(
        f"Rows quoted from {paper.SOURCE} were measured on other data with other feature networks. They show "
        "the scale and the order of the published results; a difference to our rows means nothing."
    )
    text.append(
        "What can be tested against the paper is the order of methods under equal conditions, with the power "
        "that the number of actors allows."
    )
    return text


def _papers_datasets() -> set[str]:
    names = {quote.dataset for table in PAPER_TABLES for quote in paper.quotes(table)}
    return {_plain(part) for name in names for part in name.removeprefix("average of ").split("+")}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _statistics(evidence: Evidence) -> list[str]:
    listed = evidence.measurements
    text = [
        "A mean is taken over clips, so that a long clip counts as much as a short one; its 95 % bootstrap "
        "interval says how far it would move with other clips of the same kind. Distances between whole sets "
        "(FID, Body-FD, Face-FD) have no clips and no interval.",
        "Two methods are compared over the clips that both have. What is drawn and what changes sign is the "
        "actor with all his clips, then the clip within, because clips of one person resemble each other: "
        "nested bootstrap interval and sign-flip test, p corrected by Holm over all comparisons of a table.",
    ]
    actors = {actor for m in listed for actor in m.clip_actors.values()}
    if actors and len(actors) < FEWEST_ACTORS:
        text.append(
            f"These runs hold {len(actors)} {'actor' if len(actors) == 1 else 'actors'}. With fewer than "
            f"{FEWEST_ACTORS} no difference can be significant, however large it is."
        )
    if any(m.average in OVER_ALL_TRIALS for m in listed):
        text.append(
            "Columns averaged by batches follow the paper's evaluator: batches of "
            f"{PAPER_BATCH} frames over all trials laid end to end, no mean over clips. aggregates.json "
            "holds the means over clips and over frames beside."
        )
    seeds = sorted({seed for m in listed for seed in m.seeds})
    if len(seeds) > 1:
        text.append(
            f"Methods that train were run with the seeds {', '.join(map(str, seeds))}; a number is the mean "
            "over them, and seeds are never counted as clips."
        )
    fewest = min((m.clips for m in listed if m.clip_values), default=None)
    if fewest is not None and fewest < FEW_CLIPS:
        text.append(
            f"Some numbers stand on {fewest} {'clip' if fewest == 1 else 'clips'} only. Percentile intervals "
            "over so few clips are too narrow: take them as a hint."
        )
    return text


def _marks(evidence: Evidence) -> list[str]:
    text = [
        "Bold: the best of its column, underlined: the second best, both only where told from all behind it. "
        f"{DAGGER}: the difference to the best is not significant. Where nothing is bold, nothing is proven "
        "best.",
        f"{UNSURE_MARK} behind a quoted number: its place in the paper's figure is not certain.",
        "A value that could not be computed is shown as missing (–) with its reason, never as zero.",
    ]
    if any(evidence.why_not(profile) is not None for profile in {m.profile for m in evidence.measurements}):
        text.insert(1, f"{NOT_COMPARABLE_MARK}: {NOT_THE_PAPERS}.")
    if odd_views(evidence):
        text.append(f"{ODD_MARK}: stands on sources of unknown or out-of-bin views, see Coverage.")
    return text
