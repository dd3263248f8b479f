"""JUnit XML of findings: one test case per number, which every CI server can show.

Elements and attributes are those that Jenkins, GitLab, GitHub actions and Azure read in common:
``testsuites``, ``testsuite``, ``testcase`` with ``failure`` (a number got worse), ``skipped`` (nothing could
be told) and ``system-out``. There is no time of day, and ``time`` is 0: a comparison has no duration that
says anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from iper_bench.report.finding import Finding, drop_text, values_text
from iper_bench.report.verdict import CANNOT_TELL, REGRESSED

#: what XML 1.0 (production 2, Char) cannot hold, in no form
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPLACEMENT = "\ufffd"


def junit_xml(name: str, findings: Sequence[Finding]) -> bytes:
    """The document as UTF-8. Characters that XML cannot hold stand as U+FFFD.

    ``name``: of the test suite, for example the baseline's. Equal input gives equal bytes.
    """
    counts = {
        "tests": len(findings),
        "failures": sum(f.verdict.verdict == REGRESSED for f in findings),
        "errors": 0,
        "skipped": sum(f.verdict.verdict == CANNOT_TELL for f in findings),
    }
    attributes = {key: str(count) for key, count in counts.items()}
    root = ElementTree.Element("testsuites", {"name": "iper-bench", **attributes, "time": "0"})
    suite = ElementTree.SubElement(root, "testsuite", {"name": clean(name), **attributes, "time": "0"})
    for finding in findings:
        _add_case(suite, finding)
    ElementTree.indent(root, " ")
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _add_case(suite: ElementTree.Element, finding: Finding) -> None:
    number, verdict = finding.number, finding.verdict
    place = ".".join((number.dataset, number.protocol, number.task, number.profile))
    case = ElementTree.SubElement(
        suite, "testcase", {"classname": clean(place), "name": clean(number.title), "time": "0"}
    )
    if verdict.verdict == REGRESSED:
        failure = ElementTree.SubElement(
            case, "failure", {"message": clean(verdict.reason), "type": "regression"}
        )
        lines = [values_text(finding.verdict), *(drop_text(drop) for drop in finding.drops)]
        failure.text = clean("\n".join(lines))
        return
    if verdict.verdict == CANNOT_TELL:
        ElementTree.SubElement(case, "skipped", {"message": clean(f"{CANNOT_TELL}: {verdict.reason}")})
    out = ElementTree.SubElement(case, "system-out")
    out.text = clean(f"{verdict.verdict}: {verdict.reason}\n{values_text(finding.verdict)}")


def clean(text: str) -> str:
    """``text`` with every character that XML 1.0 forbids replaced."""
    return _FORBIDDEN.sub(_REPLACEMENT, text)
