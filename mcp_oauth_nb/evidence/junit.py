"""An audit as JUnit XML, so that a build shows it as tests: a broken MUST fails, what was not tested is skipped.

JUnit knows no warning: a broken SHOULD is a test case that passes, with the finding in its output.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

from mcp_oauth_nb.audit import Audit, Check
from mcp_oauth_nb.evidence.files import written
from mcp_oauth_nb.evidence.gate import let_out
from mcp_oauth_nb.records import origin_of
from mcp_oauth_nb.views.audit import check_value
from mcp_oauth_nb.views.html import visible


def junit(audit: Audit, path: str | Path | None = None, *, scrub: bool = False) -> str:
    """The document as text; nothing in it is a secret."""
    checks = audit.checks
    counts = {
        "tests": str(len(checks)),
        "failures": str(sum(one.outcome == "failed" for one in checks)),
        "errors": "0",
        "skipped": str(sum(one.outcome == "not tested" for one in checks)),
    }
    root = Xml.Element("testsuites", {"name": "mcp-oauth-nb audit", **counts})
    name = visible(f"audit of {origin_of(audit.trace.settings.get('url', ''))}")
    suite = Xml.SubElement(root, "testsuite", {"name": name, **counts, "time": "0"})
    properties = Xml.SubElement(suite, "properties")
    score = "none" if audit.score is None else str(audit.score)
    for key, value in (("score", score), ("status", audit.status)):
        Xml.SubElement(properties, "property", {"name": key, "value": value})
    for one in checks:
        _case(suite, audit, one)
    Xml.indent(root)
    text = Xml.tostring(root, encoding="unicode")
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'
    if path is not None:
        text = let_out(text, audit.trace.vault, "audit.junit(path)", scrub=scrub)
        written(text, path)
    return text


def _case(suite: Xml.Element, audit: Audit, check: Check) -> None:
    value = {name: visible(str(one)) for name, one in check_value(audit, check).items()}
    exchange = audit.exchange(check)
    seconds = f"{exchange.elapsed_ms / 1000:.3f}" if exchange else "0"
    made = Xml.SubElement(suite, "testcase", {"classname": f"audit.{check.step}", "name": check.rule, "time": seconds})
    body = "\n".join(f"{name}: {value[name]}" for name in _TOLD if value[name]) + f"\nread: {check.spec.url}"
    if check.outcome == "not tested":
        Xml.SubElement(made, "skipped", {"message": value["reason"]})
    elif check.outcome == "failed":
        Xml.SubElement(made, "failure", {"type": check.level, "message": value["summary"]}).text = body
    else:
        Xml.SubElement(made, "system-out").text = f"{check.outcome}\n{body}"


_TOLD = (
    "tried",
    "looks for",
    "level",
    "requirements",
    "summary",
    "who",
    "fix",
    "expected",
    "observed",
    "exchange",
    "spec",
)
