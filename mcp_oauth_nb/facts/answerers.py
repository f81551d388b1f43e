"""Who really answered: the server that was asked, something in front of it, or a page for people in its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from mcp_oauth_nb.facts.table import FLOW, Cell, Mark, Table, derived, worst
from mcp_oauth_nb.records import Exchange, Response, origin_of
from mcp_oauth_nb.rules.evidence import challenges, oauth_error
from mcp_oauth_nb.rules.rule import Case
from mcp_oauth_nb.rules.words import capped, is_page

Answerer = Literal["origin", "edge", "WAF", "login page", "HTML", "no answer"]
MARKS: dict[Answerer, Mark] = {"origin": "good", "edge": "bad", "WAF": "bad", "login page": "bad", "HTML": "bad"}
COLUMNS = ("asked", "who answered", "exchanges", "headers that tell", "content", "errors")
EDGES = {
    "cf-ray": "Cloudflare",
    "cf-mitigated": "Cloudflare",
    "x-amz-cf-id": "Amazon CloudFront",
    "x-amzn-requestid": "Amazon gateway",
    "x-amzn-trace-id": "Amazon load balancer",
    "x-amzn-waf-action": "AWS WAF",
    "x-akamai-request-id": "Akamai",
    "akamai-grn": "Akamai",
    "akamai-cache-status": "Akamai",
    "x-azure-ref": "Azure Front Door",
    "x-fastly-request-id": "Fastly",
    "x-vercel-id": "Vercel",
    "fly-request-id": "Fly.io",
    "x-sucuri-id": "Sucuri",
    "x-iinfo": "Imperva",
    "x-envoy-upstream-service-time": "Envoy",
    "x-kong-proxy-latency": "Kong",
    "x-served-by": "a cache",
}
"""Header fields that something in front of a server adds, and what it is."""
WAF_HEADERS = ("cf-mitigated", "x-amzn-waf-action", "x-sucuri-block")
TELLING = ("server", "via", "x-powered-by")
_EDGE_SERVERS = re.compile(r"(?i)\b(cloudflare|cloudfront|akamai\w*|awselb|bigip|imperva|sucuri|envoy|varnish)")
_WAF = re.compile(
    rb"(?i)attention required|just a moment\.\.\.|checking your browser|request blocked|access denied|incapsula"
    rb"|errors\.edgesuite\.net|captcha|web application firewall|support id is|the requested url was rejected"
)
_LOGIN = re.compile(rb"(?i)type=[\"']?password|\b(sign|log) ?in\b|\blogin\b|samlrequest")
_LOGIN_URL = re.compile(r"(?i)/(login|signin|sign-in|sso|saml|oauth2/start|accounts?)\b")
GATEWAY_ERRORS = (502, 503, 504)
_LOOKED_AT = 8192
"""Bytes of a page that are read."""
BROWSERS = ("authorize", "callback")
"""Steps in which a page for people is what ought to come."""
MOST_TOLD, LONGEST = 6, 80


@dataclass
class Group:
    """The answers of one kind that came from one origin; sets are dicts, because those keep their order."""

    origin: str
    who: Answerer
    in_browser: bool
    exchanges: list[int] = field(default_factory=list)
    headers: dict[str, None] = field(default_factory=dict)
    contents: dict[str, int] = field(default_factory=dict)
    errors: dict[str, None] = field(default_factory=dict)

    @property
    def mark(self) -> Mark:
        """Whether this is who ought to have answered."""
        return "" if self.in_browser else MARKS.get(self.who, "bad")


@derived("answerers", steps=("challenge", FLOW))
def _(case: Case) -> Table | None:
    """One row for each origin and sort of answerer."""
    groups: dict[tuple[str, Answerer, bool], Group] = {}
    for one in case.exchanges():
        if one.direction == "in" or (one.response is None and one.failure is None):
            continue
        key = (origin_of(one.request.url), who_answered(one), one.step in BROWSERS)
        _add(groups.setdefault(key, Group(*key)), one)
    if not groups:
        return None
    made = tuple(map(_row, groups.values()))
    mark = worst(group.mark for group in groups.values())
    return Table(f"Who answered: {_outcome(list(groups.values()))}", COLUMNS, made, mark=mark)


def who_answered(one: Exchange) -> Answerer:
    """Whose answer this is, as far as its headers and its first bytes tell."""
    response = one.response
    if response is None:
        return "no answer"
    names = {name.lower() for name, _ in response.headers}
    if names & set(WAF_HEADERS):
        return "WAF"
    edge = bool(_edges(response))
    if is_page(response):
        return _page(response, edge=edge)
    if 300 <= response.status < 400 and _LOGIN_URL.search((response.header("location") or "")[:2000]):
        return "login page"
    return "origin" if one.document is not None or "www-authenticate" in names else _bare(response, edge=edge)


def _bare(response: Response, *, edge: bool) -> Answerer:
    """An answer that holds nothing which only the server itself would say."""
    if response.status in GATEWAY_ERRORS:
        return "edge"
    if response.status < 400 or not edge:
        return "origin"
    return "WAF" if response.status in (403, 406, 429) else "edge"


def _page(response: Response, *, edge: bool) -> Answerer:
    body = response.body[:_LOOKED_AT]
    if response.status >= 400 and _WAF.search(body):
        return "WAF"
    if response.status < 400 and _LOGIN.search(body):
        return "login page"
    return "edge" if response.status in GATEWAY_ERRORS or (edge and response.status >= 500) else "HTML"


def _edges(response: Response) -> dict[str, None]:
    """What stands in front of the server, by name."""
    names = {name.lower() for name, _ in response.headers}
    found = {edge: None for name, edge in EDGES.items() if name in names}
    for server in response.header_lines("server"):
        if match := _EDGE_SERVERS.search(server[:200]):
            found[match[1]] = None
    return found


def _add(group: Group, one: Exchange) -> None:
    group.exchanges.append(one.id)
    response = one.response
    if response is None:
        _note(group.errors, f"{one.failure.kind} failure" if one.failure else "no answer")
        return
    for name in TELLING:
        value = response.header(name)
        if value:
            _note(group.headers, f"{name}: {capped(value, LONGEST)}")
    for edge in _edges(response):
        _note(group.headers, f"behind {edge}")
    content = "HTML" if is_page(response) else "JSON" if one.document is not None else _media(response)
    if content in group.contents or len(group.contents) < MOST_TOLD:
        group.contents[content] = group.contents.get(content, 0) + 1
    if oauth_error(one):
        _note(group.errors, f"error={capped(oauth_error(one), LONGEST)}")
    for error in filter(None, (item.get("error") for item in challenges(one).items)):
        _note(group.errors, f"WWW-Authenticate error={capped(error, LONGEST)}")


def _note(told: dict[str, None], what: str) -> None:
    if len(told) < MOST_TOLD:
        told[what] = None


def _media(response: Response) -> str:
    return capped(response.media_type or "no media type", LONGEST) if response.body.strip() else "empty"


def _row(group: Group) -> tuple[Cell, ...]:
    contents = ", ".join(f"{content} ×{count}" if count > 1 else content for content, count in group.contents.items())
    where = " (in the browser)" if group.in_browser else ""
    return (
        Cell(group.origin, wire=True),
        Cell(f"{group.who}{where}", group.mark),
        Cell(_numbers(group.exchanges)),
        Cell(", ".join(group.headers)),
        Cell(contents),
        Cell(", ".join(group.errors)),
    )


def _numbers(exchanges: list[int]) -> str:
    first = ", ".join(f"#{number}" for number in exchanges[:MOST_TOLD])
    more = len(exchanges) - MOST_TOLD
    return f"{first} and {more} more" if more > 0 else first


def _outcome(groups: list[Group]) -> str:
    others = [group for group in groups if group.mark == "bad"]
    origins = len({group.origin for group in groups})
    told = list(_told(others))
    if told:
        return "; ".join(told)
    return "1 origin, by itself" if origins == 1 else f"{origins} origins, each by itself"


def _told(others: list[Group]) -> Iterator[str]:
    for group in others[:2]:
        what = {"edge": "an edge", "WAF": "a WAF", "login page": "a login page", "HTML": "an HTML page"}.get(group.who)
        yield f"{what or 'nothing'} at {group.origin} ({_numbers(group.exchanges)})"
    if len(others) > 2:
        yield f"{len(others) - 2} more"
