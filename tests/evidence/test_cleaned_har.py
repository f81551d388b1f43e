"""A HAR from which something was taken out before it got here: what is not there is held against nobody."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Collection
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from foreign import archive, foreign_har

from mcp_oauth_nb import Client, Debugger, DemoServer, Report, diagnose, load_har
from mcp_oauth_nb.records import Part
from mcp_oauth_nb.rules.evidence import query

Entry = dict[str, Any]
Mark = Callable[[str], str]
WORDS = frozenset(
    "access_token assertion authorization client_id client_secret code code_challenge code_verifier id_token password "
    "refresh_token state token".split()
)
"""What the sanitizers of Cloudflare and Google take out unless they are told otherwise, of what a flow here holds."""
MARKS: dict[str, Mark] = {
    "cloudflare": lambda name: f"[{name} redacted]",  # cloudflare/har-sanitizer, google/har-sanitizer
    "brackets": lambda _: "[REDACTED]",
    "stars": lambda _: "***",
    "angles": lambda _: "<redacted>",
    "word": lambda _: "REDACTED",  # HARmless
    "sanitized": lambda _: "[sanitized]",  # sanitizhar
    "letters": lambda _: "xxxxxxxx",
    "points": lambda _: "\u2022\u2022\u2022\u2022\u2022\u2022",
}


@pytest.fixture(scope="module", params=["public", "confidential"])
def recorded(request: pytest.FixtureRequest) -> list[Entry]:
    """A healthy flow as a proxy recorded it."""
    with DemoServer() as server:
        known = server.confidential_client
        client = Client(known.client_id, secret=known.client_secret) if request.param == "confidential" else None
        dbg = Debugger(server.url, browser="follow", client=client)
        dbg.run()
        dbg.refresh()
        dbg.revoke()
    entries: list[Entry] = json.loads(json.dumps(foreign_har(dbg.trace)))["log"]["entries"]
    return entries


def judged(entries: list[Entry], change: Callable[[Entry], object]) -> Report:
    made = copy.deepcopy(entries)
    for one in made:
        change(one)
    return diagnose(load_har(archive(made)))


def untold(report: Report, step: str) -> tuple[Part, ...]:
    return next(one.untold for one in report.trace.exchanges if one.step == step)


def accused(report: Report) -> list[str]:
    return [finding.rule for finding in report.findings]


# --- bodies and header fields that were not kept ----------------------------------------------------------------------


def without_what_was_sent(entry: Entry) -> None:
    entry["request"]["bodySize"] = len(entry["request"].pop("postData", {"text": ""})["text"])


def with_empty_text(entry: Entry) -> None:
    """By the length in the header field alone it shows that there was more."""
    if "postData" in entry["request"]:
        entry["request"]["postData"]["text"] = ""


def without_any_size(entry: Entry) -> None:
    entry["request"].pop("postData", None)
    entry["request"]["bodySize"] = -1
    kept = [one for one in entry["request"]["headers"] if one["name"].lower() != "content-length"]
    entry["request"]["headers"] = kept


@pytest.mark.parametrize("change", [without_what_was_sent, with_empty_text, without_any_size])
def test_bodies_that_were_sent_and_not_kept_accuse_nobody(
    recorded: list[Entry], change: Callable[[Entry], object]
) -> None:
    report = judged(recorded, change)
    assert accused(report) == []
    assert report.status == "passed"
    assert untold(report, "token") == ("request body",)
    assert untold(report, "resource_metadata") == ()
    for rule in ("token-request-incomplete", "pkce-mismatch"):
        assert report.verdict.outcomes[rule] == "not tested"


@pytest.mark.parametrize("size", [{"bodySize": 0}, {"length": "0"}])
def test_a_body_that_was_empty_is_told(recorded: list[Entry], size: dict[str, Any]) -> None:
    def emptied(entry: Entry) -> None:
        without_any_size(entry)
        entry["request"]["bodySize"] = size.get("bodySize", -1)
        if "length" in size:
            entry["request"]["headers"].append({"name": "Content-Length", "value": size["length"]})

    report = judged(recorded, emptied)
    assert "token-request-incomplete" in accused(report)


@pytest.mark.parametrize("size", [300, 0, None])
def test_answers_whose_bodies_were_not_kept_accuse_nobody(recorded: list[Entry], size: int | None) -> None:
    """Chrome says 0 of a body that it dropped; the length that came says otherwise."""

    def dropped(entry: Entry) -> None:
        kept = entry["response"]["content"]
        if kept["size"]:
            length = {"name": "content-length", "value": str(kept["size"])}
            entry["response"]["headers"].append(length)
            entry["response"]["content"] = {"mimeType": "application/json", **({} if size is None else {"size": size})}

    report = judged(recorded, dropped)
    assert accused(report) == []
    assert report.status == "incomplete"
    assert report.status_of("server_metadata") == "not tested"
    assert report.status_of("token") == "not tested"
    answer = next(one for one in report.trace.exchanges if one.step == "server_metadata")
    assert (answer.status, answer.untold) == (200, ("response body",))
    assert answer.response is not None
    assert answer.response.media_type == "application/json"


def test_answers_that_were_empty_are_told(recorded: list[Entry]) -> None:
    def emptied(entry: Entry) -> None:
        entry["response"]["content"] = {"size": 0, "mimeType": "application/json", "text": ""}
        kept = [one for one in entry["response"]["headers"] if one["name"].lower() != "content-length"]
        entry["response"]["headers"] = kept

    assert "resource-metadata-missing" in accused(judged(recorded, emptied))


def test_header_fields_that_were_not_kept_accuse_nobody(recorded: list[Entry]) -> None:
    def bare(entry: Entry) -> None:
        for message in (entry["request"], entry["response"]):
            message["headers"] = []

    report = judged(recorded, bare)
    assert accused(report) == []
    assert untold(report, "challenge") == ("request headers", "response headers")


# --- marks ------------------------------------------------------------------------------------------------------------


def cleaned(entry: Entry, mark: Mark, places: Collection[str], words: frozenset[str] = WORDS) -> None:
    """What a sanitizer makes of an entry: marks in the places of values that have one of these names."""

    def parameters(text: str) -> str:
        return urlencode([(name, mark(name) if name in words else value) for name, value in parse_qsl(text)])

    def in_url(url: str) -> str:
        path, separator, asked = url.partition("?")
        return path + separator + parameters(asked) if "urls" in places else url

    def in_json(text: str) -> str:
        value = json.loads(text) if text[:1] == "{" else None
        members = value.items() if isinstance(value, dict) else ()
        told = {name: mark(name) if name in words and isinstance(one, str) else one for name, one in members}
        return json.dumps(told) if told else text

    sent, came = entry["request"], entry["response"]
    sent["url"] = in_url(sent["url"])
    for field in (*sent["headers"], *came["headers"]):
        if field["name"].lower() == "location":
            field["value"] = in_url(field["value"])
        elif field["name"].lower() in words and "headers" in places:
            field["value"] = mark(field["name"])
    if "postData" in sent and "forms" in places:
        is_form = "form" in sent["postData"]["mimeType"]
        sent["postData"]["text"] = (parameters if is_form else in_json)(sent["postData"]["text"])
    if came["content"].get("text") and "answers" in places:
        text = in_json(base64.b64decode(came["content"]["text"]).decode())
        came["content"]["text"] = base64.b64encode(text.encode()).decode()


PLACES = ("urls", "headers", "forms", "answers")


@pytest.mark.parametrize("places", [PLACES, *(tuple(one for one in PLACES if one != left) for left in PLACES)])
@pytest.mark.parametrize("name", MARKS)
def test_marks_in_the_places_of_secrets_accuse_nobody(
    recorded: list[Entry], name: str, places: tuple[str, ...]
) -> None:
    report = judged(recorded, partial(cleaned, mark=MARKS[name], places=places))
    assert (report.status, accused(report)) == ("passed", [])
    steps = [one.step for one in report.trace.exchanges]
    assert {"challenge", "token", "mcp", "refresh", "revoke"} <= set(steps)


@pytest.mark.parametrize("name", MARKS)
@pytest.mark.parametrize("scheme", ["", "Bearer ", "Basic ", "DPoP "])
def test_credentials_behind_a_mark(recorded: list[Entry], name: str, scheme: str) -> None:
    def marked(entry: Entry) -> None:
        for field in entry["request"]["headers"]:
            if field["name"].lower() == "authorization" and (not scheme or field["value"].startswith(scheme)):
                field["value"] = scheme + MARKS[name]("Authorization")

    report = judged(recorded, marked)
    assert (report.status, accused(report)) == ("passed", [])
    if not scheme:
        assert "request headers" in untold(report, "mcp")
        assert report.verdict.outcomes["token-not-sent"] == "not tested"


def test_a_recording_that_begins_with_a_mark_begins_with_a_token(recorded: list[Entry]) -> None:
    posted = [one for one in recorded if one["request"]["method"] == "POST"]
    entries = [one for one in posted if one["request"]["url"].endswith("/mcp")][1:2]
    report = judged(entries, partial(cleaned, mark=MARKS["brackets"], places=PLACES))
    assert [one.step for one in report.trace.exchanges] == ["mcp"]


def test_what_stands_beside_a_mark_is_judged(recorded: list[Entry]) -> None:
    """Which members a form has is told, whatever stands in them."""

    def asked_badly(entry: Entry) -> None:
        posted = entry["request"].get("postData")
        if posted and "grant_type=authorization_code" in posted["text"]:
            kept = [
                (name, value) for name, value in parse_qsl(posted["text"]) if name not in ("resource", "grant_type")
            ]
            posted["text"] = urlencode([("grant_type", "authorization_code"), *kept])
        cleaned(entry, MARKS["cloudflare"], ("headers", "forms"))

    report = judged(recorded, asked_badly)
    assert accused(report) == ["resource-not-sent"]
    token = next(one for one in report.trace.exchanges if one.step == "token")
    assert "request body" in token.untold
    assert token.request.form["code"] == "[code redacted]"


def test_the_redirect_that_was_never_followed(recorded: list[Entry]) -> None:
    entries = [one for one in recorded if "code=" not in one["request"]["url"].partition("/callback?")[2]]
    assert len(entries) == len(recorded) - 1
    report = judged(entries, partial(cleaned, mark=MARKS["stars"], places=("urls",)))
    assert accused(report) == []
    (arrived,) = [one for one in report.trace.exchanges if one.direction == "in"]
    assert query(arrived)["code"] == "***"
    assert "request query" in arrived.untold
