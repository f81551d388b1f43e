"""The support block: what maintainers ask for in an issue, as Markdown to be pasted.

Every part has a limit of its own, so that the whole is never longer than `LIMIT`; what was cut is said at the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from mcp_oauth_nb.mime import Bundle, Displayable, render
from mcp_oauth_nb.protocol.wellknown import split
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.redact import mask_json, mask_text
from mcp_oauth_nb.rules.evidence import (
    challenges,
    oauth_error,
    resource_document,
    server_document,
    texts,
    without_token,
)
from mcp_oauth_nb.rules.rule import Case, Finding, Report
from mcp_oauth_nb.steps import STEPS
from mcp_oauth_nb.views.exchange import outcome, shown_of, took
from mcp_oauth_nb.views.finding import where
from mcp_oauth_nb.views.html import bundle, details, one_line, pre, text
from mcp_oauth_nb.views.markdown import code, fence, json_text, said
from mcp_oauth_nb.views.verdict import Verdict

LIMIT = 60_000
"""Characters of the whole block; GitHub takes 65,536."""
DOCUMENT, REQUESTS, CHALLENGE, ERROR = 11_000, 11_000, 3_000, 3_000
"""Characters of each fenced part."""
FINDINGS, LINE = 24, 240
"""Findings that are told, and characters of one value within a line."""
URL_IN_LINE = 300
_AUTHORITY = re.compile(r"(?<=://)[^\s/?#\"'<>\\`]{1,255}")


@dataclass(frozen=True, repr=False)
class Support(Displayable):
    """What maintainers ask for, ready to be pasted into an issue.

    Attributes:
        report: the report it is made of.
        hosts: keep the names of hosts; False puts the role of each in its place.
    """

    report: Report
    hosts: bool = True
    _roles: dict[str, str] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        return f"<Support block of {len(self.text)} characters>"

    def __str__(self) -> str:
        return self.text

    @cached_property
    def text(self) -> str:
        """The Markdown; no secret stands in it, and nothing that a server wrote comes alive where it is pasted."""
        cut: list[str] = []
        parts = [part for make in _PARTS for part in make(self, cut)]
        if cut:
            parts.append("Cut: " + "; ".join(cut) + ".")
        return "\n\n".join(parts) + "\n"

    # -- text from the wire ---------------------------------------------------------------------------------------

    @cached_property
    def case(self) -> Case:
        """The trace as the rules see it."""
        return Case(self.report.trace)

    def masked(self, content: str) -> str:
        """A text without secrets; without names of hosts where they are not wanted."""
        shown = mask_text(self.report.trace.vault, content)
        return shown if self.hosts else self.without_hosts(shown)

    def without_hosts(self, content: str) -> str:
        """The text with the role of each host in the place of its name."""
        roles = self.roles
        for match in _AUTHORITY.finditer(content):
            self._learn(match[0], "host")
        for name in sorted(roles, key=len, reverse=True):
            content = re.sub(rf"(?i)(?:(?<=%2F)|(?<![\w.-])){re.escape(name)}(?![\w-])", roles[name], content)
        return content

    @cached_property
    def roles(self) -> dict[str, str]:
        """The name that stands for each host; those of the flow first."""
        self._learn(self.case.url.partition("://")[2].partition("/")[0], "mcp-server")
        for step in ("resource_metadata", "well_known"):
            for _, document in self.case.documents(step):
                for issuer in texts(document.get("authorization_servers")):
                    parts = split(issuer)
                    if parts is not None:
                        self._learn(parts.origin.partition("://")[2], "authorization-server")
        return self._roles

    def _learn(self, authority: str, role: str) -> None:
        host = authority.rpartition("@")[2]
        host = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
        if not host or host.lower() in self._roles or host in self._roles.values():
            return
        number = sum(name.startswith(role) for name in self._roles.values()) + 1
        self._roles[host.lower()] = role if number == 1 and role != "host" else f"{role}-{number}"

    def fenced(self, name: str, content: str, language: str, most: int, cut: list[str]) -> str:
        """A fenced part; what is cut of it is noted."""
        block, lost = fence(content, language, most)
        if lost:
            cut.append(f"{lost} characters of the {name}")
        return block


def _verdict(support: Support, _: list[str]) -> Iterator[str]:
    """The verdict in three lines."""
    report, cause = support.report, support.report.cause
    step = STEPS.get(report.failing_step or "")
    at = f" at {step.title}" if step else ""
    yield f"### MCP authorization: {report.status}{at}"
    if cause is None:
        yield "- **Verdict**: no rule found anything wrong in what was captured"
        return
    made = Verdict(report, cause)
    place = said(support.masked(where(cause)), LINE)
    wanted = f"expected: {code(support.masked(cause.expected), LINE)}"
    yield "\n".join(
        (
            f"- **Verdict** ({made.label}): {said(support.masked(cause.summary), LINE)} {_reference(cause)}",
            f"- **Who must act**: {cause.who}; {said(support.masked(cause.fix), 2 * LINE)}",
            f"- **Observed**: {code(support.masked(cause.observed), LINE)} ({place}; {made.confidence}); {wanted}",
        )
    )


def _reference(finding: Finding) -> str:
    return f"([{finding.spec}]({finding.spec.url}), {finding.level}, `{finding.rule}`)"


def _client(support: Support, _: list[str]) -> Iterator[str]:
    settings = support.report.trace.settings
    told = [f"- {name}: {code(support.masked(value), LINE)}" for name, value in _facts(support, settings) if value]
    yield "**Client**\n\n" + "\n".join(told)


def _facts(support: Support, settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield "MCP server", settings.get("url", "")
    yield "tool", settings.get("package", "")
    yield "Python", settings.get("python", "")
    yield "system", settings.get("system", "").partition(" ")[0]
    told = settings.get("protocol told", "")
    yield "MCP version", settings.get("protocol", "") + (f" ({told})" if told else "")
    for name in ("grant", "registration", "proxy", "certificates"):
        yield name, settings.get(name, "")


def _requests(support: Support, cut: list[str]) -> Iterator[str]:
    exchanges = support.report.trace.exchanges
    if not exchanges:
        yield "No request was sent."
        return
    lines = [_line(support, one) for one in exchanges]
    yield "**Requests**, in order"
    yield support.fenced("requests", "\n".join(lines), "text", REQUESTS, cut)


def _line(support: Support, exchange: Exchange) -> str:
    shown = shown_of(exchange)
    asked = support.masked(f"{shown.request.method} {shown.request.url}")
    changed = " (edited by hand)" if shown.edited else ""
    came = support.masked(outcome(shown))
    line = f"#{shown.id} {shown.step}: {one_line(asked, URL_IN_LINE)} -> {one_line(came, LINE)} {took(shown)}"
    return f"{line.rstrip()}{changed}"


def _challenge(support: Support, cut: list[str]) -> Iterator[str]:
    found = without_token(support.case)
    if found is None or found.response is None:
        return
    response = shown_of(found).response
    lines = response.header_lines("www-authenticate") if response else ()
    yield f"**Challenge** (exchange {found.id}, status {found.status})"
    told = "\n".join(f"WWW-Authenticate: {support.masked(one)}" for one in lines)
    yield support.fenced("challenge", told or "(no WWW-Authenticate header)", "http", CHALLENGE, cut)


def _documents(support: Support, cut: list[str]) -> Iterator[str]:
    for name, found in (
        ("protected resource metadata", resource_document(support.case)),
        ("authorization server metadata", server_document(support.case)),
    ):
        if found is None:
            yield f"**{name.capitalize()}**: none was found"
            continue
        exchange, document = found
        url = code(support.masked(exchange.request.url), URL_IN_LINE)
        yield f"**{name.capitalize()}** (exchange {exchange.id}, {url})"
        shown = json_text(mask_json(support.report.trace.vault, dict(document)))
        yield support.fenced(name, shown if support.hosts else support.without_hosts(shown), "json", DOCUMENT, cut)


def _error(support: Support, cut: list[str]) -> Iterator[str]:
    """What the server said of the failure: the OAuth error of the failing step's last answer, or its challenge."""
    step = support.report.failing_step
    failed = [one for one in support.case.exchanges(step) if one.response or one.failure] if step else []
    if not failed:
        return
    last = failed[-1]
    said_so = {
        name: value
        for name, value in (last.document or {}).items()
        if name in ("error", "error_description", "error_uri") and isinstance(value, str)
    }
    for item in challenges(last).items:
        said_so.update({name: value for name, value in item.parameters if name.startswith("error")})
    if not said_so and not oauth_error(last):
        return
    yield f"**Error** (exchange {last.id}, status {last.status or 'none'})"
    shown = json_text({name: support.masked(value) for name, value in said_so.items()})
    yield support.fenced("error", shown, "json", ERROR, cut)


def _findings(support: Support, cut: list[str]) -> Iterator[str]:
    others = [one for one in support.report.findings if one is not support.report.cause]
    if not others:
        return
    lines = [
        f"- {one.level} {said(support.masked(one.summary), LINE)} {_reference(one)}: "
        f"{code(support.masked(one.observed), LINE)} ({said(support.masked(where(one)), LINE)})"
        for one in others[:FINDINGS]
    ]
    if len(others) > FINDINGS:
        cut.append(f"{len(others) - FINDINGS} findings")
    yield "**Further findings**\n\n" + "\n".join(lines)


_PARTS: tuple[Callable[[Support, list[str]], Iterator[str]], ...] = (
    _verdict,
    _error,
    _client,
    _requests,
    _challenge,
    _documents,
    _findings,
)


@render.register
def _(support: Support) -> Bundle:
    # The plain text is what is pasted, so that nothing may stand before it: the line to fold it by is its own headline.
    summary = text(support.text.partition("\n")[0].lstrip("# "))
    return bundle(details(summary, pre(support.text, LIMIT), unfold=True), support.text)
