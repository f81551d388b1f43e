"""A finding: what is wrong, expected and observed beside each other, who must act and how, and where it shows."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.rules.rule import Finding
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views.html import (
    Html,
    badge,
    block,
    link,
    one_line,
    quiet,
    strong,
    table,
    tag,
    text,
    unbroken,
    wire,
    words,
)

LONGEST_EVIDENCE = 1024
"""Characters shown of what was expected or observed; the exchange has the whole of it."""


def finding_html(finding: Finding, vault: Vault, remark: str = "") -> Html:
    """The finding as a block; `remark` is a word of ours behind its summary."""
    rows = [
        (unbroken(strong(name)), wire(value, LONGEST_EVIDENCE) if is_evidence else text(value))
        for name, value, is_evidence in _rows(finding, vault)
    ]
    rows.append((unbroken(strong("rule")), _reference(finding)))
    head = words(badge(finding.status), strong(mask_text(vault, finding.summary)), quiet(remark))
    return block(tag("div", head), table(rows), status=finding.status)


def finding_text(finding: Finding, vault: Vault, remark: str = "") -> str:
    """The finding as plain text, one item per line."""
    lines = [finding_line(finding, vault, remark)]
    lines += [f"    {name}: {one_line(value, LONGEST_EVIDENCE)}" for name, value, _ in _rows(finding, vault)]
    lines.append(f"    rule: {finding.rule} ({_level(finding)}), {finding.spec} {finding.spec.url}")
    return "\n".join(lines)


def finding_line(finding: Finding, vault: Vault, remark: str = "") -> str:
    """Status and summary on one line of plain text."""
    line = f"[{finding.status.upper()}] {one_line(mask_text(vault, finding.summary))}"
    return f"{line} ({remark})" if remark else line


def where(finding: Finding) -> str:
    """The evidence in words: the exchange and the part of it; empty where nothing was sent."""
    return f"exchange #{finding.exchange}, {finding.part}" if finding.exchange else finding.part


def _rows(finding: Finding, vault: Vault) -> Iterator[tuple[str, str, bool]]:
    """Name, masked value, and whether the value is evidence from the wire; in the order in which one acts on them."""
    yield "who must act", finding.who, False
    yield "fix", mask_text(vault, finding.fix), False
    yield "expected", mask_text(vault, finding.expected), True
    yield "observed", mask_text(vault, finding.observed), True
    if where(finding):
        yield "seen in", mask_text(vault, where(finding)), False


def _reference(finding: Finding) -> Html:
    return words(wire(finding.rule), quiet(_level(finding)), link(finding.spec.url, str(finding.spec)))


def _level(finding: Finding) -> str:
    """The level in force, and what the protocol versions ask where they differ."""
    return f"{finding.level}; {finding.versions}" if finding.versions else finding.level
