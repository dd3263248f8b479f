"""JUnit XML: the schema that CI servers share, and names that try to break it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from xml.etree import ElementTree

import pytest

from iper_bench.report.finding import ClipDrop, Finding
from iper_bench.report.gate import check, update
from iper_bench.report.junit import clean, junit_xml
from tests.report.made_up import rows_of, write_run

#: element -> (required attributes, optional ones, children in any number); what junit-10.xsd, the schema of
#: Jenkins' xUnit plugin that other servers follow, has of the elements used here
SCHEMA = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors", "skipped"}, {"testsuite"}),
    "testsuite": ({"name", "tests"}, {"failures", "errors", "skipped", "time"}, {"testcase"}),
    "testcase": ({"name"}, {"classname", "time"}, {"failure", "skipped", "system-out"}),
    "failure": (set(), {"message", "type"}, set()),
    "skipped": (set(), {"message", "type"}, set()),
    "system-out": (set(), set(), set()),
}


def problems(element: ElementTree.Element) -> list[str]:
    """Where a document leaves the schema."""
    required, optional, children = SCHEMA[element.tag]
    found = [f"{element.tag} lacks {name}" for name in required - element.attrib.keys()]
    found += [f"{element.tag} has {name}" for name in element.attrib.keys() - required - optional]
    for name in element.attrib.keys() & {"tests", "failures", "errors", "skipped"}:
        found += [] if element.attrib[name].isdecimal() else [f"{name} is no count"]
    for child in element:
        found += problems(child) if child.tag in children else [f"{child.tag} in {element.tag}"]
    return found


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Finding, ...]:
    folder = tmp_path_factory.mktemp("junit")
    baseline = folder / "b.json"
    update(write_run(folder / "before", rows_of("a", clips=12)), baseline, reason="first")
    return check(write_run(folder / "now", rows_of("a", clips=12, gain=-0.25)), baseline).findings


def test_schema_counts_and_verdicts(findings: tuple[Finding, ...]) -> None:
    root = ElementTree.fromstring(junit_xml("demo", findings))
    assert problems(root) == []
    cases = root.findall("./testsuite/testcase")
    verdicts = [f.verdict.verdict for f in findings]
    assert [case.get("name") for case in cases] == [f.number.title for f in findings]
    for tag, verdict in (("failure", "regressed"), ("skipped", "cannot tell")):
        count = len(root.findall(f"./testsuite/testcase/{tag}"))
        assert count == verdicts.count(verdict) > 0
    suite = root.find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("10", str(verdicts.count("regressed")))
    failure = root.find("./testsuite/testcase/failure")
    assert failure is not None
    assert "baseline" in str(failure.text)
    assert "actor" in str(failure.text), "the worst clips are named"


def test_the_schema_check_finds_what_it_looks_for() -> None:
    bad = ElementTree.fromstring('<testsuite tests="x" colour="red"><testcase/><failure/></testsuite>')
    suite = ["testsuite lacks name", "testsuite has colour", "tests is no count"]
    assert sorted(problems(bad)) == sorted([*suite, "testcase lacks name", "failure in testsuite"])


@pytest.mark.parametrize("name", ["<&\"'>", "]]>", "a\x00b\x1b[31m\x0c", "\ud800", "\ufffe", "ä漢😀\n\t"])
def test_odd_names(name: str, findings: tuple[Finding, ...]) -> None:
    first = findings[0]
    number = dataclasses.replace(first.number, method=name)
    verdict = dataclasses.replace(first.verdict, verdict="regressed", reason=name)
    odd = Finding(number, verdict, (ClipDrop(name, -1.0),))
    root = ElementTree.fromstring(junit_xml(name, [odd]))
    failure = root.find("./testsuite/testcase/failure")
    assert failure is not None
    assert failure.get("message") == clean(name)
    assert f"{clean(name)} -1.0000" in str(failure.text)


def test_clean_keeps_what_xml_holds() -> None:
    assert clean("a\t\n\r ~\x7f\ud7ff\ue000\ufffd\U00010000\U0010ffff") == (
        "a\t\n\r ~\x7f\ud7ff\ue000\ufffd\U00010000\U0010ffff"
    )
    assert clean("\x00\x08\x0b\x0c\x0e\x1f\ud800\udfff\ufffe\uffff") == "\ufffd" * 10


def test_equal_findings_give_equal_bytes(findings: tuple[Finding, ...], tmp_path: Path) -> None:
    assert junit_xml("demo", findings) == junit_xml("demo", findings)
