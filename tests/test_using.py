"""Tokens in requests of an ordinary httpx client: refreshed in time, once, whoever asks, and never in a log."""

import asyncio
import itertools
import logging
import threading

import httpx
import pytest

from mcp_oauth_nb import BadSetting, Debugger, DemoServer, NotYet
from mcp_oauth_nb.keeping.tokens import TokenList
from mcp_oauth_nb.using import Use
from tests.keeping.rotating import Rotating

BODY = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
HEADERS = {"Accept": "application/json, text/event-stream"}
MANY = 100


@pytest.fixture
def server():
    with DemoServer() as running:
        yield running


@pytest.fixture
def dbg(server):
    made = Debugger(server.url, browser="follow")
    assert made.run().status == "passed"
    return made


def refreshes(dbg):
    return [one for one in dbg.exchanges if one.step == "refresh"]


def expire(dbg):
    """Move the clock behind the end of the token's life, for whoever asks whether a refresh is due."""
    began = dbg.use.expiry_s
    dbg.now_s = lambda: began + 1 if len(refreshes(dbg)) == 0 else began - 300


def ask(server, client):
    """What the MCP server says of the token: 400 is a request without a session, 401 one without a good token."""
    return client.post(server.url, json=BODY, headers=HEADERS).status_code


def together(ask, times=MANY):
    """The results of a call that so many threads make at once; what is raised is raised here."""
    gate, results = threading.Barrier(times), []

    def one():
        gate.wait(20)
        try:
            results.append(ask())
        except Exception as error:  # noqa: BLE001 - handed on
            results.append(error)

    threads = [threading.Thread(target=one, daemon=True) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    failed = next((one for one in results if isinstance(one, Exception)), None)
    if failed is not None:
        raise failed
    assert len(results) == times
    return results


def test_a_client_uses_the_token(server, dbg):
    with httpx.Client(auth=dbg.auth) as client:
        assert ask(server, client) == 400
    with httpx.Client() as bare:
        assert ask(server, bare) == 401
    assert refreshes(dbg) == []


def test_an_expired_token_is_refreshed_before_it_is_used(server, dbg):
    old = dbg.tokens
    expire(dbg)
    with httpx.Client(auth=dbg.auth) as client:
        assert [ask(server, client) for _ in range(3)] == [400] * 3
    assert len(refreshes(dbg)) == 1
    assert dbg.tokens.access_token != old.access_token
    assert dbg.tokens.refresh_token != old.refresh_token


def test_without_auto_refresh_the_expired_token_goes_out(server, dbg):
    dbg.use.change(auto_refresh=False)
    expire(dbg)
    with httpx.Client(auth=dbg.auth) as client:
        ask(server, client)
    assert refreshes(dbg) == []


def test_two_threads_with_an_expired_token_cause_one_refresh(server, dbg):
    expire(dbg)
    with httpx.Client(auth=dbg.auth) as client:
        assert set(together(lambda: ask(server, client), 2)) == {400}
    assert len(refreshes(dbg)) == 1


def test_a_hundred_at_once_never_lose_the_grant(server, dbg):
    """The demo detects a replayed refresh token and ends the grant: each round would show it."""
    with httpx.Client(auth=dbg.auth) as client:
        for round_ in range(1, 4):
            base = len(refreshes(dbg))
            expiry = dbg.use.expiry_s
            dbg.now_s = lambda base=base, expiry=expiry: expiry + 1 if len(refreshes(dbg)) == base else expiry - 300
            assert set(together(lambda: ask(server, client))) == {400}
            assert len(refreshes(dbg)) == round_
    assert dbg.refresh().status == "passed"


def test_refreshing_by_hand_meanwhile_does_not_lose_the_grant(server, dbg):
    expire(dbg)
    turns = itertools.count()

    def either():
        return ask(server, client) if next(turns) % 2 else bool(dbg.refresh().exchanges)

    with httpx.Client(auth=dbg.auth) as client:
        assert 401 not in together(either, 20)
    assert dbg.refresh().status == "passed"


def test_a_refused_token_is_refreshed_and_the_request_sent_again(server, dbg):
    stale = dbg.auth._holder.bearing()._replace(token="not the token any more")
    old, given = dbg.tokens.access_token, iter([stale])
    real = dbg.use.bearing
    dbg.use.bearing = lambda: next(given, None) or real()
    with httpx.Client(auth=dbg.auth) as client:
        assert ask(server, client) == 400
    assert refreshes(dbg) == [], "the token that is there was newer than the refused one"
    assert dbg.use.after_refusal(real()).token != old
    assert len(refreshes(dbg)) == 1


def test_a_body_off_a_stream_is_not_sent_again(server, dbg):
    dbg.use.bearing = lambda: dbg.auth._holder.__class__.bearing(dbg.use)._replace(token="refused")
    with httpx.Client(auth=dbg.auth) as client:
        answer = client.post(server.url, content=iter([b"{}"]), headers=HEADERS)
    assert answer.status_code == 401
    assert refreshes(dbg) == []


def test_a_refused_refresh_token_is_shown_once(server, dbg):
    dbg.revoke()
    expire(dbg)
    with httpx.Client(auth=dbg.auth) as client:
        assert [ask(server, client) for _ in range(3)] == [401] * 3
    assert len(refreshes(dbg)) == 1


def test_a_try_that_never_reached_the_server_is_made_again(server, dbg):
    server.stop()
    dbg.now_s = lambda: dbg.use.expiry_s + 1
    for _ in range(2):
        assert dbg.auth._holder.bearing().token == dbg.tokens.access_token
    assert [one.failure.kind for one in refreshes(dbg)] == ["connect", "connect"]


def test_an_asynchronous_client_does_the_same(server, dbg):
    expire(dbg)

    async def go():
        async with httpx.AsyncClient(auth=dbg.auth) as client:
            answers = await asyncio.gather(*(client.post(server.url, json=BODY, headers=HEADERS) for _ in range(20)))
            return {answer.status_code for answer in answers}

    assert asyncio.run(go()) == {400}
    assert len(refreshes(dbg)) == 1


def test_in_the_url_the_token_is_not_logged(server, dbg, caplog):
    dbg.use.change(token_in="url")
    with caplog.at_level(logging.DEBUG), httpx.Client(auth=dbg.auth) as client:
        answer = client.get(server.url + "?a=b", headers=HEADERS)
    assert recorded(dbg)[-1].request.url == f"{server.url}?a=b&access_token={dbg.tokens.access_token}"
    assert str(answer.request.url) == f"{server.url}?a=b", "what errors quote"
    assert "Authorization" not in answer.request.headers
    assert "access_token=" in caplog.text
    assert dbg.tokens.access_token not in caplog.text


def test_another_prefix_and_none(server, dbg):
    for prefix, sent in (("Token", "Token {}"), ("", "{}")):
        dbg.use.change(header_prefix=prefix)
        request = httpx.Request("GET", server.url)
        dbg.use.bearing().put_into(request)
        assert request.headers["Authorization"] == sent.format(dbg.tokens.access_token)


def test_a_redirect_to_another_origin_takes_no_token_along(server, dbg):
    seen = []

    def answer(request):
        seen.append(request.headers.get("Authorization"))
        return (
            httpx.Response(302, headers={"Location": "https://elsewhere.example/"})
            if len(seen) == 1
            else (httpx.Response(200))
        )

    with httpx.Client(auth=dbg.auth, transport=httpx.MockTransport(answer), follow_redirects=True) as client:
        client.get(server.url)
    assert seen == [f"Bearer {dbg.tokens.access_token}", None]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"token": "refresh_token"}, "access_token, id_token"),
        ({"token": "id_token"}, "none was issued"),
        ({"token_in": "body"}, "header, url"),
        ({"header_prefix": "two words"}, "a word such as 'Bearer'"),
        ({"header_prefix": "a\r\nb"}, "a word such as 'Bearer'"),
    ],
)
def test_what_cannot_work_is_refused(dbg, change, expected):
    with pytest.raises(BadSetting, match=expected):
        dbg.use.change(**change)


def test_auto_refresh_wants_a_refresh_token(server):
    dbg = Debugger(server.url, access_token="a-token-from-elsewhere")
    with pytest.raises(BadSetting, match="without a refresh token"):
        dbg.use.change(auto_refresh=True)
    assert dbg.use.refreshes is False


def test_without_a_token_there_is_nothing_to_use(server):
    dbg = Debugger(server.url)
    with pytest.raises(NotYet, match="access token"), httpx.Client(auth=dbg.auth) as client:
        client.get(server.url)


def test_nothing_shows_a_token(dbg):
    secret = dbg.tokens.access_token
    for one in (dbg.auth, dbg.use, dbg.use.bearing(), Use(dbg)):
        assert secret not in repr(one)


def recorded(dbg):
    return [one for one in dbg.exchanges if one.step == "api"]


def test_what_the_client_does_is_recorded(server, dbg):
    with httpx.Client(auth=dbg.auth) as client:
        answer = client.post(server.url, json=BODY, headers={**HEADERS, "X-Api-Key": "a-key-of-my-own-4711"})
    (one,) = recorded(dbg)
    assert one.status == answer.status_code == 400
    assert one.request.body == answer.request.content
    assert one.response.body == answer.content
    assert one.request.header("authorization") == f"Bearer {dbg.tokens.access_token}"
    assert dbg.trace.run("api").achieved, "400 is not the token's fault"
    shown = str(dbg.diagnose()._repr_mimebundle_()) + str(one._repr_mimebundle_()) + str(dbg.har())
    for secret in (dbg.tokens.access_token, "a-key-of-my-own-4711"):
        assert secret not in shown


def test_a_refusal_is_recorded_and_shows_in_the_verdict(server, dbg):
    dbg.revoke()
    with httpx.Client(auth=dbg.auth) as client:
        assert ask(server, client) == 401
    assert dbg.trace.run("api").stopped == "refused with 401"
    assert len(dbg.trace.run("api").exchanges) == 1


def test_both_tries_are_recorded(server, dbg):
    stale = dbg.use.bearing()._replace(token="not the token any more")
    given = iter([stale])
    real = dbg.use.bearing
    dbg.use.bearing = lambda: next(given, None) or real()
    with httpx.Client(auth=dbg.auth) as client:
        ask(server, client)
    assert [one.status for one in recorded(dbg)] == [401, 400]


def test_an_answer_that_is_streamed_stays_lazy_and_is_recorded_when_it_is_over(server, dbg):
    with httpx.Client(auth=dbg.auth) as client:
        with client.stream("POST", server.url, json=BODY, headers=HEADERS) as answer:
            assert not answer.is_stream_consumed
            assert recorded(dbg) == []
            body = answer.read()
        assert recorded(dbg)[0].response.body == body
        with client.stream("POST", server.url, json=BODY, headers=HEADERS):
            pass
    assert [one.status for one in recorded(dbg)] == [400, 400]


def test_a_failure_is_recorded_with_its_reason(server, dbg):
    server.stop()
    with pytest.raises(httpx.ConnectError), httpx.Client(auth=dbg.auth) as client:
        ask(server, client)
    assert recorded(dbg)[0].failure.kind == "connect"


def test_an_asynchronous_client_is_recorded_as_well(server, dbg):
    async def go():
        async with httpx.AsyncClient(auth=dbg.auth) as client:
            await asyncio.gather(*(client.post(server.url, json=BODY, headers=HEADERS) for _ in range(5)))
            server.stop()
            with pytest.raises(httpx.ConnectError):
                await client.post(server.url, json=BODY)

    asyncio.run(go())
    assert [one.status for one in recorded(dbg)] == [400] * 5 + [None]
    assert recorded(dbg)[-1].failure.kind == "connect"


def test_a_hundred_at_once_are_all_recorded_and_numbered(server, dbg):
    with httpx.Client(auth=dbg.auth) as client:
        together(lambda: ask(server, client))
    assert [one.id for one in dbg.exchanges] == list(range(1, len(dbg.exchanges) + 1))
    assert set(dbg.trace.run("api").exchanges) == {one.id for one in recorded(dbg)}
    assert len(recorded(dbg)) == MANY


# -- a refresh that fails, or does not help ----------------------------------------------------------------------------


def ended(flow):
    """Let a flow's clock be behind the end of its tokens, and return a way to set it forward."""
    start, moved = flow.use.expiry_s + 1, [0.0]
    flow.now_s = lambda: start + moved[0]

    def later(by_s):
        moved[0] += by_s

    return later


def used(rotating, flow, times=1):
    with httpx.Client(auth=flow.auth) as client:
        return [client.get(f"{rotating.url}/api").status_code for _ in range(times)]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_answer_that_is_no_refusal_is_tried_again(status):
    with Rotating() as rotating:
        oauth = rotating.oauth()
        rotating.next_answers = [(status, {"error": "temporarily_unavailable"})]
        ended(oauth)
        used(rotating, oauth, 2)
        assert len(rotating.refreshes) == 2
        assert oauth.use.stopped == ""
        assert oauth.tokens.refresh_token in rotating.live


def test_an_overload_is_not_made_worse():
    with Rotating() as rotating:
        oauth = rotating.oauth()
        rotating.next_answers = [(503, {})] * 50
        later = ended(oauth)
        used(rotating, oauth, 10)
        assert len(rotating.refreshes) == 2, "the second try is made at once, the third one is not"
        later(1.1)
        used(rotating, oauth, 10)
        assert len(rotating.refreshes) == 3
        for _ in range(20):
            later(61)
            used(rotating, oauth)
        assert len(rotating.refreshes) == 23, "the longest pause is a minute"


def test_an_answer_that_is_lost_is_no_refusal(server, dbg):
    dbg._driver.wire.timeout_s = 0.001
    expire(dbg)
    with httpx.Client(auth=dbg.auth) as client:
        ask(server, client)
    assert dbg.use.stopped == ""


def test_a_true_refusal_is_shown_with_what_mends_it():
    with Rotating() as rotating:
        oauth = rotating.oauth()
        alice = TokenList().add("alice", oauth)
        rotating.next_answers = [(400, {"error": "invalid_grant"})]
        ended(alice.flow)
        used(rotating, alice, 3)
        assert len(rotating.refreshes) == 1
        assert not alice.auto_refresh
        told = alice._repr_mimebundle_()["text/plain"]
        assert "auto-refresh: stopped: the refresh was refused" in told
        assert "tokens.add('alice', flow)" in told
        alice.auto_refresh = True
        used(rotating, alice)
        assert len(rotating.refreshes) == 2
        assert alice.auto_refresh


def test_a_life_of_no_seconds_is_no_storm():
    with Rotating(extra={"expires_in": 0}) as rotating:
        oauth = rotating.oauth()
        assert used(rotating, oauth, 10) == [200] * 10
        assert len(rotating.refreshes) == 1


def test_an_api_that_always_refuses_is_no_storm():
    with Rotating(refusing=True) as rotating:
        oauth = rotating.oauth()
        assert used(rotating, oauth, 10) == [401] * 10
        assert len(rotating.refreshes) == 1
        oauth.refresh()
        used(rotating, oauth, 2)
        assert len(rotating.refreshes) == 3, "who asks for a new token gives it a new chance"
        rotating.refusing = False
        later = ended(oauth)
        later(0)
        assert used(rotating, oauth, 2) == [200] * 2
        assert len(rotating.refreshes) == 4
