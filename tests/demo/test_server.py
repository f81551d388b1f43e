"""DemoServer as an object: the whole flow, the switch, the log, the thread."""

import asyncio
import gc
import logging
import os
import socket
import subprocess
import sys
import threading
import weakref

import httpx
import pytest

from mcp_oauth_nb.demo import FAULTS, DemoClient, DemoServer

from .walker import Walker, message_of

pytestmark = pytest.mark.filterwarnings("error")


def whole_flow(walker: Walker) -> None:
    """Challenge to revocation, every answer checked for what the next step needs."""
    server = walker.server
    challenge = walker.mcp()
    assert challenge.status_code == 401
    metadata = f"{server.issuer}/.well-known/oauth-protected-resource/mcp"
    assert challenge.headers["www-authenticate"] == f'Bearer resource_metadata="{metadata}", scope="mcp:tools"'
    resource = walker.http.get(metadata).json()
    assert (resource["resource"], resource["authorization_servers"]) == (server.url, [server.issuer])
    authorization_server = walker.get("/.well-known/oauth-authorization-server").json()
    assert authorization_server["issuer"] == server.issuer

    redirect = walker.authorize()
    assert (redirect["state"], redirect["iss"]) == ("walker-state", server.issuer)
    answer = walker.token(redirect["code"])
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 900, "mcp:tools")

    started = walker.mcp(token=tokens["access_token"])
    assert message_of(started)["result"]["protocolVersion"] == "2025-11-25"
    session = started.headers["mcp-session-id"]
    token = tokens["access_token"]
    assert walker.mcp("notifications/initialized", token, session).status_code == 202
    listed = message_of(walker.mcp("tools/list", token, session))
    assert [tool["name"] for tool in listed["result"]["tools"]] == ["echo", "add", "whoami", "connect"]
    called = message_of(walker.mcp("tools/call", token, session, name="add", arguments={"a": 1, "b": 2}))
    assert called["result"]["content"][0]["text"] == "3"

    renewed = walker.refresh(tokens["refresh_token"]).json()
    assert renewed["refresh_token"] != tokens["refresh_token"]
    assert walker.works(renewed["access_token"])
    gone = walker.post("/revoke", token=renewed["access_token"])
    assert (gone.status_code, gone.content) == (200, b"")
    assert 'error="invalid_token"' in walker.mcp(token=renewed["access_token"]).headers["www-authenticate"]


@pytest.mark.parametrize("json_response", [False, True])
@pytest.mark.parametrize("method", ["none", "client_secret_basic"])
def test_the_whole_flow_of_a_registered_client(method: str, json_response: bool) -> None:
    with DemoServer(json_response=json_response) as server, Walker(server) as walker:
        assert walker.register(token_endpoint_auth_method=method).status_code == 201
        whole_flow(walker)
        kind = "application/json" if json_response else "text/event-stream"
        tokens = walker.tokens()
        assert walker.mcp(token=tokens["access_token"]).headers["content-type"].startswith(kind)


@pytest.mark.parametrize("name", ["public_client", "confidential_client"])
def test_the_whole_flow_of_a_preregistered_client(server: DemoServer, name: str) -> None:
    client: DemoClient = getattr(server, name)
    with Walker(server, client) as walker:
        whole_flow(walker)


def test_the_secret_of_the_confidential_client_is_not_shown(server: DemoServer) -> None:
    secret = server.confidential_client.client_secret
    assert secret and secret not in repr(server.confidential_client)
    assert server.public_client.client_secret is None


def test_two_servers_do_not_know_each_other(server: DemoServer) -> None:
    with DemoServer("no-challenge") as other, Walker(server) as one, Walker(other) as two:
        one.register()
        two.register()
        token = one.tokens()["access_token"]
        assert one.works(token)
        assert not two.works(token)
        assert "www-authenticate" in one.mcp().headers
        assert "www-authenticate" not in two.mcp().headers


def test_faults_are_switched_while_running(server: DemoServer, walker: Walker) -> None:
    server.break_with("wrong-resource")
    assert server.fault == "wrong-resource"
    assert repr(server) == f"<DemoServer {server.url} broken: wrong-resource>"
    assert walker.get("/.well-known/oauth-protected-resource/mcp").json()["resource"] == "https://other.example/mcp"
    server.mend()
    assert walker.get("/.well-known/oauth-protected-resource/mcp").json()["resource"] == server.url
    assert server.faults == FAULTS


def test_an_unknown_fault_is_refused_with_the_names(server: DemoServer) -> None:
    with pytest.raises(ValueError, match=r"Did you mean 'wrong-resource'\?.*token-endpoint-502"):
        server.break_with("wrong-resorce")
    with pytest.raises(ValueError, match=r"fault: got 3; expected the name of one, such as 'no-s256', or None"):
        DemoServer(fault=3)
    with pytest.raises(ValueError, match="no-challenge"):
        DemoServer("")
    assert server.fault is None


def test_it_shows_itself_as_text_and_html(server: DemoServer) -> None:
    bundle = server._repr_mimebundle_()
    assert bundle["text/plain"] == f"<DemoServer {server.url} healthy>"
    assert server.url in bundle["text/html"]
    assert "class" not in bundle["text/html"] and "style" not in bundle["text/html"]


def test_the_log_has_names_and_no_values(server: DemoServer, walker: Walker) -> None:
    tokens = walker.tokens()
    walker.mcp(token=tokens["access_token"])
    walker.http.post(server.issuer + "/token", content=tokens["refresh_token"], headers={"content-type": "text/plain"})
    walker.http.post(server.issuer + f"/revoke?{tokens['refresh_token']}", data={tokens["access_token"]: ""})
    seen = server.log
    token = next(entry for entry in seen if entry.path == "/token")
    assert (token.method, token.status) == ("POST", 200)
    assert {"grant_type", "code", "code_verifier", "resource", "client_id"} <= set(token.form_names)
    assert "state" in next(entry for entry in seen if entry.path == "/authorize").query_names
    assert "authorization" in seen[-3].header_names
    assert not [secret for secret in server.secrets_issued() if secret in repr(seen)]


def test_every_secret_is_known(server: DemoServer, walker: Walker) -> None:
    code = walker.authorize()["code"]
    tokens = walker.token(code).json()
    registered = walker.register(token_endpoint_auth_method="client_secret_post").json()
    secret = server.confidential_client.client_secret
    assert secret is not None
    issued = {code, tokens["access_token"], tokens["refresh_token"], registered["client_secret"], secret}
    assert issued <= server.secrets_issued()


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def port_of(server: DemoServer) -> int:
    return int(server.issuer.rpartition(":")[2])


def test_stopping_frees_the_port_and_ends_the_thread() -> None:
    before = set(threading.enumerate())
    server = DemoServer()
    port = port_of(server)
    assert not is_free(port)
    server.stop()
    server.stop()
    assert is_free(port)
    assert set(threading.enumerate()) <= before
    assert repr(server).endswith("stopped>")
    with DemoServer(port=port) as again:
        assert port_of(again) == port


def test_a_taken_port_is_an_error(server: DemoServer) -> None:
    with pytest.raises(OSError, match="in use"):
        DemoServer(port=port_of(server))


def test_an_open_stream_does_not_hold_up_stopping() -> None:
    server = DemoServer()
    with Walker(server) as walker:
        walker.register()
        token = walker.tokens()["access_token"]
        session = walker.mcp(token=token).headers["mcp-session-id"]
        headers = {"accept": "text/event-stream", "authorization": f"Bearer {token}", "mcp-session-id": session}
        with walker.http.stream("GET", server.url, headers=headers) as stream:
            assert stream.status_code == 200
            server.stop()
    assert is_free(port_of(server))


def test_a_forgotten_server_stops_by_itself() -> None:
    server = DemoServer()
    port, ghost = port_of(server), weakref.ref(server)
    del server
    gc.collect()
    assert ghost() is None
    assert is_free(port)


def test_it_runs_beside_an_event_loop() -> None:
    async def cell() -> int:
        with DemoServer() as server:
            async with httpx.AsyncClient() as client:
                return (await client.get(server.url)).status_code

    assert asyncio.run(cell()) == 401


def test_it_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    with DemoServer() as server, Walker(server) as walker:
        walker.register()
        walker.tokens()
        walker.http.post(server.url, content=b"{", headers={"accept": "*/*"})
        with socket.create_connection(("127.0.0.1", port_of(server)), timeout=5) as raw:
            raw.sendall(b"nonsense\r\n\r\n")
            assert b" 400 " in raw.recv(1000)
    assert capfd.readouterr() == ("", "")


FRESH = """
import logging
logging.basicConfig(level=logging.DEBUG)
import httpx
from mcp_oauth_nb.demo import DemoServer
for name in ("httpx", "httpcore"):
    logging.getLogger(name).setLevel(logging.WARNING)
with DemoServer() as server, httpx.Client() as client:
    assert client.get(server.url).status_code == 401
    assert client.get(server.issuer + "/.well-known/oauth-authorization-server").status_code == 200
    assert client.get(server.issuer + "/authorize?client_id=x").status_code == 400
left_running = DemoServer()
"""


def test_it_is_silent_in_a_fresh_process_that_logs_everything() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "error", "-X", "dev", "-c", FRESH]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=50, check=False, text=True)
    said = [line for line in done.stderr.splitlines() if "selector" not in line]
    assert (done.returncode, done.stdout, said) == (0, "", [])


def test_logging_of_others_is_left_alone(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("uvicorn.access"), "propagate", True)  # whatever a test before it did
    with caplog.at_level(logging.DEBUG), DemoServer() as server, Walker(server) as walker:
        walker.register()
        walker.works("nonsense")
        logging.getLogger("uvicorn.error").warning("mine")
    own = [record for record in caplog.records if record.name.split(".")[0] not in ("httpx", "httpcore")]
    assert [record.message for record in own if record.threadName == "mcp-oauth-nb-demo"] == []
    assert "mine" in [record.message for record in own]
    assert logging.getLogger("uvicorn.access").propagate is True


def test_the_url_alone_keeps_the_server_running() -> None:
    url = DemoServer().url
    gc.collect()
    assert httpx.post(url, json={}).status_code == 401
