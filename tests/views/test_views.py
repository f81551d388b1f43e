"""What each display says, and in which order."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace

import pytest

from mcp_oauth_nb.mime import render
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Failure, Request, Response, Run, Trace
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views import frames
from mcp_oauth_nb.views.body import read_body
from mcp_oauth_nb.views.config import Config
from mcp_oauth_nb.views.exchange import exchange_html, exchange_text, shown_of
from mcp_oauth_nb.views.step import step_card
from tests.markup import read_markup

from . import specimens as given

GET = Request("GET", "https://a.example/doc", (("Accept", "application/json"),))


def flat(markup: str) -> str:
    return read_markup(markup).words


def in_order(content: str, *parts: str) -> None:
    at = 0
    for part in parts:
        found = content.find(part, at)
        assert found >= 0, f"{part!r} is not in {content[at : at + 2000]!r}"
        at = found + len(part)


# one exchange


def test_an_exchange_shows_request_and_response_in_order() -> None:
    made = render(given.passed_trace().exchanges[6])
    parts = ("POST", "/token", "200 OK", "48 ms", "form.resource", "Request headers", "Content-Type", "Request body")
    more = ("form", "grant_type", "code_verifier", "Response headers", "Set-Cookie", "Response body", "JSON", '"scope"')
    in_order(flat(made["text/html"]), *parts, *more)
    in_order(made["text/plain"], *parts, *more)


@pytest.mark.parametrize(
    ("answer", "more", "said"),
    [
        (Response(404, "Not Found"), {}, "404 Not Found"),
        (Failure("dns", "no such host"), {}, "dns failure: no such host"),
        (None, {}, "opened in a browser"),
        (None, {"direction": "in"}, "redirect received"),
    ],
)
def test_the_outcome_is_said_in_words(answer: Response | Failure | None, more: dict[str, str], said: str) -> None:
    asked = GET if answer else Request("GET", GET.url)  # a link that is opened has no header fields of its own
    shown = shown_of(given.exchange(Vault(), 1, "s", asked, answer, **more))
    assert f"-> {said}" in exchange_text(shown).splitlines()[0]
    assert said in flat(exchange_html(shown))


def test_a_request_whose_answer_nobody_knows_is_no_link() -> None:
    sent = Request("POST", "https://mcp.example.com/mcp", (("Host", "mcp.example.com"),))
    shown = shown_of(given.exchange(Vault(), 1, "s", sent, None, why="answered with 200, not read"))
    assert "-> no answer known" in exchange_text(shown).splitlines()[0]
    in_order(flat(exchange_html(shown)), "no answer known", "known", "answered with 200, not read")


def test_edits_and_redirects_are_marked() -> None:
    shown = shown_of(given.exchange(Vault(), 1, "s", GET, Response(200), hop=2, edited=("params.scope", "headers.x")))
    assert "[redirect 2] [edited: params.scope, headers.x]" in exchange_text(shown)
    in_order(flat(exchange_html(shown)), "redirect 2", "edited params.scope, headers.x")


def test_headers_keep_their_order_and_repeats() -> None:
    headers = (("B", "1"), ("a", "2"), ("B", "3"))
    shown = shown_of(given.exchange(Vault(), 1, "s", GET, Response(200, "", headers)))
    in_order(exchange_text(shown), "Response headers", "B: 1", "a: 2", "B: 3")


def test_a_query_is_read_though_a_tag_in_it_holds_a_hash() -> None:
    callback = given.passed_trace().exchanges[5]
    in_order(
        exchange_text(shown_of(callback)), "Query parameters", "code: ‹code#", "state: ‹state#", f"iss: {given.ISSUER}"
    )


def test_only_a_document_that_was_fetched_can_be_opened() -> None:
    shown = shown_of(given.exchange(Vault(), 1, "s", GET, Response(200)))
    assert read_markup(exchange_html(shown)).links == [GET.url]
    posted = shown_of(given.exchange(Vault(), 1, "s", replace(GET, method="POST"), Response(200)))
    assert not read_markup(exchange_html(posted)).links


# bodies


def body(raw: str, media_type: str = "application/json") -> tuple[str, str]:
    """The text and the notes of a body."""
    made = read_body(Vault(), raw.encode(), media_type)
    assert made is not None
    return made.text, "; ".join((made.kind, *made.notes))


def test_json_is_laid_out() -> None:
    assert body('{"a":[1,"é"]}') == ('{\n  "a": [\n    1,\n    "é"\n  ]\n}', "JSON")


def test_a_member_given_twice_is_noted() -> None:
    assert body('{"a":1,"a":2}')[1] == "JSON; given more than once, the last one counts: a"


def test_what_is_not_json_says_why() -> None:
    shown, notes = body('{"a":')
    assert shown == '{"a":'
    assert notes.startswith("application/json; the body is not JSON (Expecting value")


def test_json_under_another_name_says_so() -> None:
    assert body("{}", "text/plain") == ("{}", "JSON; sent as text/plain")


@pytest.mark.parametrize("depth", [200, 400, 600, 900, 5000])
def test_deep_json_is_shown_one_way_or_the_other(depth: int) -> None:
    shown, _ = body("[" * depth + "]" * depth)
    assert "".join(shown.split()) == "[" * depth + "]" * depth


def test_a_tag_inside_json_leaves_it_json_and_is_not_tagged_again() -> None:
    secret = 'quo"te\\d-Secret-77aa'
    vault = Vault(b"key")
    answer = given.response({"access_token": secret, "error_description": f"bad {secret}"})
    made = exchange_text(shown_of(given.exchange(vault, 1, "token", GET, answer)))
    tags = re.findall(r"‹access_token#[0-9a-f]{6} \d+ chars›", made)
    assert tags == [tags[0], tags[0]]
    in_order(made, "Response body (JSON)", f'"access_token": "{tags[0]}"', f'"error_description": "bad {tags[0]}"')
    assert secret not in made
    assert json.dumps(secret)[1:-1] not in made


def test_an_event_stream_is_cut_into_events() -> None:
    stream = 'event: message\r\nid: 1\r\ndata: {"a":\r\ndata: 1}\r\n\r\n: ping\r\n\r\ndata: plain\r\n\r\n'
    shown, notes = body(stream, "text/event-stream")
    assert notes == "event stream; 3 events"
    assert shown == 'event: message\nid: 1\ndata: {\n  "a": 1\n}\n\n: ping\n\ndata: plain'


def test_bytes_that_are_no_text_are_not_poured_out() -> None:
    made = read_body(Vault(), bytes(range(128, 256)) * 50, "image/png")
    assert made is not None
    assert len(made.text) == 64
    assert made.notes == ("not text; only its beginning is shown",)


def test_no_body_shows_no_body() -> None:
    assert read_body(Vault(), b"", "application/json") is None


# one step


def test_a_failed_step_says_why_first_and_unfolds_its_last_exchange() -> None:
    made = render(given.failed_report("server_metadata"))
    parts: tuple[str, ...] = (
        "3. Request authorization server metadata",
        "404 Not Found",
    )
    reason = "the last URL gave status 404"
    parts = (*parts, "No authorization server metadata", "who must act", "fix", "expected", "observed")
    in_order(flat(made["text/html"]), "failed", parts[0], reason, *parts[2:], "exchange #3", "Exchanges", "#3", "#4")
    assert made["text/plain"].startswith("[FAILED] 3. Request authorization server metadata  GET https://login.")
    in_order(made["text/plain"].splitlines()[0], "openid-configuration -> 404 Not Found (46 ms)")
    in_order(
        made["text/plain"],
        parts[0],
        f"reason: expected authorization server metadata: 200 with a JSON object; {reason}",
    )
    in_order(made["text/plain"], *parts, "seen in: exchange #3, status", "exchanges", "#3", "Response headers", "#4")
    folds = [attributes for name, attributes in read_markup(made["text/html"]).elements if name == "details"]
    assert ["open" in fold for fold in folds] == [True, False, False, True]


def test_a_passed_step_is_folded_into_one_line() -> None:
    made = render(given.report(given.passed_trace(), step="token"))
    folds = [attributes for name, attributes in read_markup(made["text/html"]).elements if name == "details"]
    assert ["open" in fold for fold in folds] == [False] * 4, "the card, two tables and one exchange"


def test_a_passed_step_shows_what_it_learned() -> None:
    made = render(given.report(given.passed_trace(), step="token"))
    in_order(
        flat(made["text/html"]), "passed", "8. Get access token", "Learned", "access_token ‹access_token#", "Exchanges"
    )
    in_order(made["text/plain"], "[PASSED] 8. Get access token", "learned", "token_type: Bearer", "exchanges")


def test_a_step_to_come_shows_what_will_be_sent() -> None:
    trace = given.passed_trace()
    made = step_card(
        number=8,
        total=9,
        title="Get access token",
        spec=Spec("RFC 6749", "4.1.3"),
        status="not run",
        run=None,
        exchanges=(),
        findings=(),
        vault=trace.vault,
        preview=trace.exchanges[6].request,
        note="Nothing was sent yet.",
    )
    parts: tuple[str, ...] = (
        "8. Get access token",
        "Nothing was sent yet.",
        "Continue will send",
        "POST",
        "grant_type",
    )
    in_order(flat(made["text/html"]), "not run", *parts)
    in_order(made["text/plain"], "[NOT RUN]", *parts)


# the whole flow


def test_a_failed_flow_leads_with_the_cause() -> None:
    made = render(given.failed_report())
    parts: tuple[str, ...] = (
        "step 3 of 9 failed: Request authorization server metadata",
        "probable cause",
        "No authorization server",
    )
    parts = (*parts, "who must act", "authorization server", "fix", "expected", "observed", "evidence", "#3")
    in_order(
        flat(made["text/html"]), "failed", *parts, "warned", "GET /.well-known/oauth-authorization-server", "→ 404"
    )
    in_order(made["text/plain"], "[FAILED] step 3 of 9", *parts[1:], "further findings", "steps", "[NOT RUN] 4.")


def test_findings_that_follow_from_the_cause_come_last_and_say_so() -> None:
    made = render(given.failed_report())
    in_order(
        flat(made["text/html"]), "2 further findings", "fewer scopes", "No OpenID", "follows from the probable cause"
    )


def test_a_cause_in_another_step_is_told_apart_from_where_it_showed() -> None:
    cause = given.finding(step="resource_metadata", rule="prm-wrong-issuer")
    trace = given.failed_trace()
    broken = given.report(trace, [cause])
    runs = tuple(run for run in trace.runs if run.step != "resource_metadata")
    assert broken.failing_step == "resource_metadata"
    made = render(given.report(replace(trace, runs=runs), [cause]))
    assert "the probable cause lies in 2. Request protected resource metadata" in made["text/plain"]


def test_a_failure_without_a_finding_shows_why_the_step_stopped() -> None:
    made = render(given.report(given.failed_trace()))
    in_order(flat(made["text/html"]), "step 3 of 9 failed", "the last URL gave status 404")
    in_order(made["text/plain"], "[FAILED] step 3 of 9 failed", "reason: expected authorization server metadata")


def test_a_passed_flow_says_so() -> None:
    made = render(given.report(given.passed_trace()))
    assert flat(made["text/html"]).startswith("passed all 9 steps")
    assert made["text/plain"].startswith("[PASSED] all 9 steps")


def test_an_unfinished_flow_says_how_far_it_came() -> None:
    trace = given.passed_trace()
    made = render(given.report(replace(trace, runs=trace.runs[:3])))
    assert made["text/plain"].startswith("[INCOMPLETE] step 3 of 9; next is 4. Client registration")


def test_a_flow_that_waits_says_for_what() -> None:
    trace = given.passed_trace()
    waiting = Run("callback", (), stopped="waiting for the redirect")
    made = render(given.report(replace(trace, runs=(*trace.runs[:6], waiting))))
    assert made["text/plain"].startswith("[INCOMPLETE] step 7 of 9; Authorization response needs you: waiting for")


def test_the_rules_are_counted_and_the_untested_have_reasons() -> None:
    made = render(given.failed_report())
    counted = "rules: 31 passed, 1 warned, 2 failed, 2 not tested"
    in_order(flat(made["text/html"]), counted, "token-cache-control", "no token response was seen")
    in_order(made["text/plain"], counted, "not tested: refresh-rotation: nothing was refreshed")


def test_a_trace_is_a_table_of_exchanges() -> None:
    made = render(given.passed_trace())
    in_order(flat(made["text/html"]), "8 exchanges, 9 steps", "1 challenge POST /v1/mcp 401 Unauthorized", "8 mcp")
    assert len(made["text/plain"].splitlines()) == 9


# configuration


def test_the_configuration_has_its_three_sections() -> None:
    made = render(given.config())
    parts: tuple[str, ...] = (
        "Endpoints",
        "issuer",
        given.ISSUER,
        "token endpoint",
        "Capabilities",
        "PKCE with S256",
        "yes",
    )
    parts = (
        *parts,
        "token revocation",
        "no",
        "client ID metadata document",
        "not said",
        "Supported values",
        "grant types",
    )
    in_order(flat(made["text/html"]), *parts, "Documents", "authorization server metadata", '"issuer"')
    in_order(made["text/plain"], *parts)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE with S256: no"),
        (
            {"code_challenge_methods_supported": "S256"},
            "PKCE with S256: not said: code_challenge_methods_supported is no",
        ),
        ({"client_id_metadata_document_supported": True}, "client ID metadata document: yes"),
        (
            {"client_id_metadata_document_supported": "true"},
            'document: not said: client_id_metadata_document_supported is no boolean but "true"',
        ),
        ({"grant_types_supported": {"a": [1]}}, 'grant types: {"a": [1]}'),
    ],
)
def test_a_capability_is_read_to_the_letter(changes: dict[str, object], said: str) -> None:
    made = render(given.config(server=given.SERVER_METADATA | changes))
    assert said in made["text/plain"]


def signed(**claims: object) -> dict[str, object]:
    parts = (json.dumps(part).encode() for part in ({"alg": "ES256"}, claims))
    return {
        "signed_metadata": ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + ".c2ln"
    }


@pytest.mark.parametrize("form", ["text/plain", "text/html"])
def test_signed_metadata_is_read_and_said_not_to_be_verified(form: str) -> None:
    """RFC 8414 2.1 and RFC 9728 3.2: its values go before those beside it, so one has to see both."""
    more = signed(
        issuer="https://evil.example", token_endpoint=f"{given.ISSUER}/token", client_secret="s3cret-5Kq81Lz0"
    )
    shown = render(given.config(server=given.SERVER_METADATA | more))[form]
    said = flat(shown) if form == "text/html" else shown
    in_order(said, "Signed metadata (read, not verified)", "issuer", "https://evil.example", given.ISSUER)
    assert "s3cret-5Kq81Lz0" not in said
    assert more["signed_metadata"] not in said


@pytest.mark.parametrize("value", ["nothing", 7, None, ["a.b.c"]])
def test_signed_metadata_that_is_none_says_so(value: object) -> None:
    shown = render(given.config(server=given.SERVER_METADATA | {"signed_metadata": value}))["text/plain"]
    assert "signed_metadata: no JWT that can be read" in shown
    assert "Signed metadata" not in render(given.config())["text/plain"]


def test_an_undiscovered_configuration_says_what_to_call() -> None:
    assert "Nothing is discovered yet: run dbg.resource_metadata(), then dbg.server_metadata()." in str(
        render(Config())
    )
    half = Config(given.config().resource_metadata)
    assert "run dbg.server_metadata()." in render(half)["text/plain"]


def test_the_configuration_as_a_frame() -> None:
    frame = given.config().frame
    assert list(frame.columns) == ["section", "name", "value", "source"]
    row = frame[frame["name"] == "token endpoint"].iloc[0]
    assert (row["value"], row["source"]) == (f"{given.ISSUER}/token", "authorization server metadata")


# frames


def test_a_frame_of_exchanges_has_a_row_for_each() -> None:
    trace = given.passed_trace()
    frame = frames.exchanges_frame(trace)
    assert list(frame.columns) == frames.EXCHANGE_COLUMNS
    assert list(frame["id"]) == list(range(1, 9))
    assert frame["status"].tolist()[:4] == [401, 200, 200, 201]
    assert frame["status"].isna().tolist()[4:6] == [True, True]
    assert not any(secret in frame.to_csv() for secret in given.SECRETS.values())
    assert len(frames.exchanges_frame([])) == 0
    assert len(frames.exchanges_frame(trace.exchanges[:2])) == 2


def test_a_frame_of_findings_is_masked() -> None:
    trace = given.passed_trace()
    found = given.finding(observed=f"got {given.SECRETS['access_token']}")
    frame = frames.findings_frame(given.report(trace, [found]))
    assert list(frame.columns) == frames.FINDING_COLUMNS
    assert frame["observed"][0].startswith("got ‹access_token#")


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "＝1"])
def test_no_cell_starts_a_formula(formula: str) -> None:
    assert frames.cell(formula)[0] in "'\\"
    assert frames.cell("plain") == "plain"
    assert frames.cell(-1) == -1


def test_an_empty_trace_has_an_empty_frame() -> None:
    assert list(frames.exchanges_frame(Trace()).columns) == frames.EXCHANGE_COLUMNS
