"""Every fault changes the answer it says, and the machinery can do what later faults will need."""

from collections.abc import Callable

import httpx
import pytest

from mcp_oauth_nb.demo import FAULTS, DemoServer, Fault
from mcp_oauth_nb.demo.answers import Answer, Asked
from mcp_oauth_nb.demo.fault import PHASES
from mcp_oauth_nb.demo.grants import Behaviour
from mcp_oauth_nb.demo.layer import Switch

from .walker import Walker, query_of

METADATA = "/.well-known/oauth-authorization-server"
TRIPS = {
    "no-challenge": "challenge-missing",
    "wrong-resource": "resource-mismatch",
    "metadata-html": "server-metadata-missing",
    "issuer-mismatch": "issuer-mismatch",
    "no-s256": "s256-not-advertised",
    "registration-refused": "registration-refused",
    "access-denied": "authorization-error",
    "wrong-state": "state-mismatch",
    "code-expired": "token-refused",
    "token-endpoint-502": "token-refused",
    "token-rejected": "token-rejected",
    "no-rotation": "refresh-not-rotated",
    "replay-accepted": "replay-accepted",
    "revocation-ignored": "revoked-token-accepted",
}


def no_challenge(walker: Walker) -> bool:
    answer = walker.mcp()
    return answer.status_code == 401 and "www-authenticate" not in answer.headers


def wrong_resource(walker: Walker) -> bool:
    document = walker.get("/.well-known/oauth-protected-resource/mcp").json()
    return bool(document["resource"] == "https://other.example/mcp" and document["authorization_servers"])


def metadata_html(walker: Walker) -> bool:
    paths = (METADATA, METADATA + "/tenant", "/.well-known/openid-configuration", "/x/.well-known/openid-configuration")
    answers = [walker.get(path) for path in paths]
    return all(a.status_code == 200 and a.headers["content-type"].startswith("text/html") for a in answers)


def issuer_mismatch(walker: Walker) -> bool:
    document = walker.get(METADATA).json()
    return bool(document["issuer"] == "https://other.example" and document["token_endpoint"])


def no_s256(walker: Walker) -> bool:
    return bool(walker.get(METADATA).json()["code_challenge_methods_supported"] == ["plain"])


def registration_refused(walker: Walker) -> bool:
    answer = walker.register()
    return answer.status_code == 403 and "error_description" in answer.json()


def access_denied(walker: Walker) -> bool:
    back = walker.authorize()
    return back["error"] == "access_denied" and "code" not in back and back["state"] == "walker-state"


def wrong_state(walker: Walker) -> bool:
    back = walker.authorize()
    return "code" in back and back["state"] != "walker-state"


def code_expired(walker: Walker) -> bool:
    answer = walker.token(walker.authorize()["code"])
    return answer.status_code == 400 and answer.json()["error"] == "invalid_grant"


def token_endpoint_502(walker: Walker) -> bool:
    answer = walker.token(walker.authorize()["code"])
    return answer.status_code == 502 and answer.headers["content-type"].startswith("text/html")


def token_rejected(walker: Walker) -> bool:
    answer = walker.mcp(token=walker.tokens()["access_token"])
    return answer.status_code == 401 and 'error="invalid_token"' in answer.headers["www-authenticate"]


def no_rotation(walker: Walker) -> bool:
    old = walker.tokens()
    new = walker.refresh(old["refresh_token"]).json()
    return bool(new["refresh_token"] == old["refresh_token"] and new["access_token"] != old["access_token"])


def replay_accepted(walker: Walker) -> bool:
    old = walker.tokens()["refresh_token"]
    new = walker.refresh(old).json()["refresh_token"]
    return new != old and walker.refresh(old).status_code == 200 and walker.refresh(new).status_code == 200


def revocation_ignored(walker: Walker) -> bool:
    token = walker.tokens()["access_token"]
    return walker.post("/revoke", token=token).status_code == 200 and walker.works(token)


SHOWS: dict[str, Callable[[Walker], bool]] = {name: globals()[name.replace("-", "_")] for name in TRIPS}


@pytest.mark.parametrize("name", SHOWS)
def test_the_fault_shows_and_mending_ends_it(server: DemoServer, name: str) -> None:
    with Walker(server, server.public_client) as walker:
        server.break_with(name)
        assert SHOWS[name](walker)
        server.mend()
        assert not healthy_shows(name, walker)


def healthy_shows(name: str, walker: Walker) -> bool:
    """Whether a healthy server looks like this fault; documents of other kinds count as no."""
    try:
        return SHOWS[name](walker)
    except (KeyError, AssertionError):
        return False


def test_every_fault_says_what_it_is() -> None:
    assert TRIPS.items() <= {fault.name: fault.trips for fault in FAULTS.values()}.items()
    for name, fault in FAULTS.items():
        assert name == fault.name
        assert fault.phase in PHASES
        assert fault.summary.endswith(".") and fault.summary.count(". ") == 0
    phases = [PHASES.index(fault.phase) for fault in FAULTS.values()]
    assert phases == sorted(phases)


def use(server: DemoServer, **parts: object) -> None:
    """Put a fault in force that is in no table."""
    switch: Switch = server._switch
    switch.fault = Fault("made-up", "token", "Made up.", "none", "none", "client", "token", **parts)  # type: ignore[arg-type]


def delivered(delivery: str) -> Callable[[Asked], Answer]:
    return lambda asked: Answer(200, (("content-type", "text/plain"),), b"0123456789", delivery=delivery)  # type: ignore[arg-type]


def test_a_connection_can_be_dropped_cut_or_left_hanging(server: DemoServer) -> None:
    with httpx.Client(timeout=0.5) as client:
        use(server, places=("/token",), reply=delivered("dropped"))
        with pytest.raises(httpx.TransportError):
            client.post(server.issuer + "/token")
        use(server, places=("/token",), reply=delivered("truncated"))
        with pytest.raises(httpx.RemoteProtocolError):
            client.post(server.issuer + "/token")
        use(server, places=("/token",), reply=delivered("never"))
        with pytest.raises(httpx.ReadTimeout):
            client.post(server.issuer + "/token")
        assert [seen.status for seen in server.log] == [None, 200, None]
        assert client.post(server.issuer + "/register").status_code == 400


def test_an_answer_can_be_late(server: DemoServer) -> None:
    use(server, places=("/token",), reply=lambda asked: Answer(200, delay_s=0.05))
    assert httpx.post(server.issuer + "/token").elapsed.total_seconds() >= 0.05


def test_an_answer_can_be_redirected_and_rewritten(server: DemoServer) -> None:
    use(server, places=(METADATA,), patch=lambda asked, answer: Answer(307, (("location", "/elsewhere"),)))
    assert httpx.get(server.issuer + METADATA).headers["location"] == "/elsewhere"
    use(server, places=(METADATA,), patch=lambda asked, answer: answer.patched(issuer=None, extra=[1]))
    document = httpx.get(server.issuer + METADATA).json()
    assert "issuer" not in document and document["extra"] == [1]


@pytest.mark.parametrize("json_response", [False, True])
def test_answers_of_the_mcp_endpoint_can_be_patched(json_response: bool) -> None:
    with DemoServer(json_response=json_response) as server, Walker(server, server.public_client) as walker:
        token = walker.tokens()["access_token"]
        use(server, places=("/mcp",), patch=lambda asked, answer: answer.without_header("mcp-session-id"))
        answer = walker.mcp(token=token)
        assert answer.status_code == 200 and "mcp-session-id" not in answer.headers and "2025-11-25" in answer.text


def test_a_fault_of_behaviour_leaves_answers_alone(server: DemoServer) -> None:
    use(server, behaviour=Behaviour(rotates_refresh_tokens=False))
    with Walker(server, server.public_client) as walker:
        old = walker.tokens()
        assert walker.refresh(old["refresh_token"]).json()["refresh_token"] == old["refresh_token"]


def test_answers_know_their_parts() -> None:
    answer = Answer(302, (("location", "http://a.example/cb?x=1&code=c"),))
    assert query_of(answer.relocated(code=None, error="no").header("location")) == {"x": "1", "error": "no"}
    assert Answer(200, body=b"[1]").patched(a=1).body == b"[1]"
    assert Answer(200).relocated(a="b") == Answer(200)
    asked = Asked("POST", "/token", (), (("authorization", "Bearer secret"),), b"code=secret")
    assert "secret" not in repr(asked) and asked.bearer == "secret" and asked.form == ()
