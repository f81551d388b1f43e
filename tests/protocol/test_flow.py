"""What is known so far: immutable, telling its news, and silent about secrets in every repr."""

import dataclasses
import traceback

import pytest

from mcp_oauth_nb.errors import BadSetting, NotYet
from mcp_oauth_nb.protocol.challenge import parse_challenges
from mcp_oauth_nb.protocol.flow import (
    Authorization,
    AuthorizationCode,
    Challenged,
    Client,
    Document,
    Flow,
    Outcome,
    Session,
    Settings,
    Tokens,
    ToolCall,
    need,
)
from mcp_oauth_nb.protocol.pkce import Pkce
from mcp_oauth_nb.protocol.profiles import LATEST, PROFILES
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import AwaitRedirect, Call, Open, Override, Send, Stopped, step

S = "s3cr3t-Xq81-Zp47"
URL = f"https://u:{S}@mcp.example.com/mcp?api_key={S}"


def settings(**changes):
    made = Settings(URL, PROFILES[LATEST], f"http://127.0.0.1:1/{S}", bytes, client=Client("id", S))
    return dataclasses.replace(made, **changes)


def facts():
    """Every fact with a secret in each field that a server or user may fill."""
    return {
        "challenge": Challenged(401, parse_challenges([f'Bearer error_description="{S}"']), 1),
        "resource_metadata": Document({"resource": S, S: S}, f"https://h/?{S}", "challenge", S, 2),
        "server_metadata": Document({"issuer": S}, S, "oidc", S, 3),
        "client": Client("id", S, source="registered dynamically", exchange=4),
        "pkce": Pkce(S, "challenge"),
        "authorization": Authorization(S, S, S, S, S, S, S, 5),
        "code": AuthorizationCode(S, 6),
        "tokens": Tokens(S, S, S, S, 1.5, 7),
        "session": Session(S, S, S, (S,), 8),
        "called": Outcome(S, 9),
        "old_refresh_token": S,
    }


def flow():
    return Flow(settings(resource=S, scope=S, tool=ToolCall("echo", {"text": S})), **facts())


def showing():
    call = Call("POST", URL, (("X", S),), ((S, S),), ((S, S),), {S: S}, S, (S,))
    edits = {S: S}
    yield from (flow(), flow().settings, flow().settings.tool, *(f for f in facts().values() if not isinstance(f, str)))
    yield from (call, Send(call), Open(call), AwaitRedirect(S), Stopped(S), Stopped(S, flow()))
    yield Override(edits, edits, edits, edits)
    yield step(title="A", spec=Spec("RFC 6749"))(lambda _: iter(()))


@pytest.mark.parametrize("thing", list(showing()), ids=lambda thing: type(thing).__name__)
def test_no_way_of_printing_shows_a_secret(thing):
    try:
        raise RuntimeError(thing)
    except RuntimeError:
        said = traceback.format_exc()
    texts = [repr(thing), str(thing), f"{thing}", f"{[thing]!r:>5}", said]
    assert not [text for text in texts if S in text]
    assert len(repr(thing)) < 300


def test_the_repr_of_a_flow_names_what_is_known():
    assert repr(Flow(settings())) == "<Flow https://mcp.example.com knows nothing>"
    assert repr(Flow(settings(), pkce=Pkce(S, "c"), code=AuthorizationCode(S, 1))).endswith(" knows pkce, code>")


def test_learning_makes_a_new_flow():
    before = Flow(settings())
    after = before.learn(code=AuthorizationCode("c", 1))
    assert before.code is None
    assert after.code == AuthorizationCode("c", 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        after.code = None  # type: ignore[misc]


def test_news_are_the_facts_that_were_not_there_before():
    before = Flow(settings(), code=AuthorizationCode("c", 1))
    after = before.learn(called=Outcome("tools/list answered", 2), old_refresh_token="r")
    assert after.news(before) == (("outcome", "tools/list answered"),)
    assert after.news(after) == ()
    assert before.learn(code=AuthorizationCode("d", 3)).news(before) == (("code", "d"),)


@pytest.mark.parametrize(
    "fact", [fact for fact in facts().values() if not isinstance(fact, str)], ids=lambda fact: type(fact).__name__
)
def test_every_fact_has_something_to_show_and_cuts_nothing(fact):
    pairs = fact.shown()
    assert pairs
    assert all(isinstance(name, str) and isinstance(value, str) for name, value in pairs)


def test_a_document_shows_odd_values_whole():
    """What was cut here could no longer be recognised as a secret where it is masked."""
    odd = {"resource": {"nested": "x" * 500}}
    assert dict(Document(odd, "u", "path", "i", 1).shown())["resource"] == str(odd["resource"])


def test_absent_facts_are_said_to_be_absent():
    assert dict(Tokens("a").shown()) == {
        "access_token": "a",
        "token_type": "Bearer",
        "expires in": "(not said)",
        "scope": "(not said)",
        "refresh_token": "(none)",
    }
    assert dict(Session("2025-11-25").shown())["tools"] == "(none listed)"
    assert dict(Authorization("", "", "r", "t", None, None, None, 1).shown())["scope"] == "(not sent)"


def test_a_document_is_read_leniently():
    document = Document({"a": "x", "b": ["x", 1, None, "y"], "c": 1}, "u", "path", "i", 1)
    assert [document.text(name) for name in "abcd"] == ["x", None, None, None]
    assert [document.texts(name) for name in "abcd"] == [(), ("x", "y"), (), ()]


def test_need_returns_the_fact_or_names_the_call():
    assert need("x", "thing", "dbg.thing()") == "x"
    assert need("", "thing", "dbg.thing()") == ""
    with pytest.raises(NotYet, match=r"no thing yet.*Run dbg\.thing\(\) first"):
        need(None, "thing", "dbg.thing()")


def test_lenient_is_the_users_choice():
    assert not Flow(settings()).lenient
    assert Flow(settings(on_violation="continue")).lenient


@pytest.mark.parametrize(
    "arguments",
    [
        ("",),
        (" ",),
        (None,),
        (S.encode(),),
        ("id", None, S),
        ("id", None, "client_secret_post"),
        ("id", "", "client_secret_basic"),
    ],
)
def test_a_client_that_cannot_work_is_refused_without_echoing_it(arguments):
    with pytest.raises(BadSetting) as refused:
        Client(*arguments)
    assert S not in str(refused.value)
    assert "expected" in str(refused.value)


def test_clients():
    assert Client("id").is_public
    assert not Client("id", "s").is_public
    assert dict(Client("id", "s", "client_secret_post").shown()) == {
        "client_id": "id",
        "client": "confidential, pre-registered",
        "token_endpoint_auth_method": "client_secret_post",
    }
    odd = Client("id", None, "private_key_jwt", "registered dynamically", 3)
    assert odd.auth_method == "private_key_jwt", "what a server registers is recorded, not refused"
