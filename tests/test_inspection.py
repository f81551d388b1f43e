"""What one can ask after the token, and the removal of our registration, against a real server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from factories import jwt
from leaks import assert_no_leak, shown

from mcp_oauth_nb import BadSetting, Client, Debugger, NotYet
from mcp_oauth_nb.demo import DemoServer, Fault
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.records import Exchange, Request, Response
from mcp_oauth_nb.steps import AFTERWARDS, ASIDE, ROUTE

ASKED = tuple(name for name in ASIDE if name != "call")


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


@pytest.fixture
def dbg(server: DemoServer) -> Debugger:
    return Debugger(server.url, browser="follow", step_timeout_s=20)


@pytest.fixture
def confidential(server: DemoServer) -> Debugger:
    demo = server.confidential_client
    client = Client(demo.client_id, secret=demo.client_secret)
    return Debugger(server.url, client=client, browser="follow", step_timeout_s=20)


def achieved(dbg: Debugger) -> list[str]:
    return [run.step for run in dbg.trace.runs if run.achieved]


class TestIntrospect:
    def test_either_token(self, confidential: Debugger) -> None:
        confidential.run()
        assert confidential.introspect().status == "passed"
        assert ("aud", confidential.trace.settings["url"]) in confidential.trace.run("introspect").learned
        assert confidential.introspect("refresh_token").status == "passed"
        assert confidential.diagnose().findings == ()
        assert confidential.diagnose().verdict.outcomes["introspection-inactive"] == "passed"

    def test_a_revoked_token_is_not_active(self, confidential: Debugger) -> None:
        confidential.run()
        confidential.revoke()
        report = confidential.introspect()
        assert report.status == "passed"
        assert ("outcome", "the access token is not active") in confidential.trace.run("introspect").learned

    def test_a_public_client_is_refused_and_told_why(self, dbg: Debugger) -> None:
        dbg.run()
        report = dbg.introspect()
        assert report.cause.rule == "introspection-refused"
        assert "this client is public" in report.cause.fix

    @pytest.mark.parametrize("which", ["id_token", "", None, 5])
    def test_another_token(self, dbg: Debugger, which: Any) -> None:
        with pytest.raises(BadSetting, match="one of access_token, refresh_token"):
            dbg.introspect(which)

    def test_overrides_are_marked(self, confidential: Debugger) -> None:
        confidential.run()
        confidential.introspect(form={"token_type_hint": None, "token": "made up"})
        assert confidential.exchanges[-1].edited == ("form.token_type_hint", "form.token")
        assert confidential.diagnose().verdict.outcomes["introspection-inactive"] == "not tested"


class TestRegistration:
    def test_it_is_read_and_removed(self, dbg: Debugger) -> None:
        dbg.run()
        assert dbg.registration().status == "passed"
        assert dbg.unregister().status == "passed"
        assert dbg.exchanges[-1].status == 204
        assert dbg.diagnose().findings == ()
        assert dbg.mcp("tools/list").status == "failed"
        assert dbg.unregister().status == "failed"
        assert dbg.exchanges[-1].step == "call"
        assert dbg.run().status == "passed"
        assert dbg.unregister().status == "passed"

    def test_a_run_removes_nothing_but_says_how(self, dbg: Debugger) -> None:
        dbg.run(afterwards=True)
        assert not [one for one in dbg.exchanges if one.request.method == "DELETE"]
        register = render(type(dbg.diagnose())(dbg.trace, "register", ROUTE, dbg.diagnose().judge))
        assert "to remove it: dbg.unregister()" in register["text/plain"]
        assert dbg.unregister().status == "passed"

    def test_a_client_of_the_users_own_is_left_alone(self, confidential: Debugger) -> None:
        confidential.run()
        for call in (confidential.registration, confidential.unregister):
            report = call()
            assert (report.cause.rule, report.cause.who) == ("registration-unmanaged", "user")
            assert "was not registered here" in render(report)["text/plain"]
        assert confidential.exchanges[-1].step == "mcp"

    def test_an_address_that_a_server_must_not_name_is_not_asked(self, server: DemoServer, dbg: Debugger) -> None:
        elsewhere = "http://10.1.2.3/register/c"
        server._switch.fault = Fault(
            "made-up",
            "register",
            "Made up.",
            "none",
            places=("/register",),
            cause="none",
            who="authorization server",
            caused_in="register",
            patch=lambda asked, answer: answer.patched(registration_client_uri=elsewhere),
        )
        dbg.run()
        for call in (dbg.registration, dbg.unregister):
            assert call().status == "failed"
            assert dbg.exchanges[-1].request.url == elsewhere
            assert dbg.exchanges[-1].failure.kind == "address"


class TestAside:
    @pytest.mark.parametrize("name", ASKED)
    def test_needs_a_token_or_a_client(self, dbg: Debugger, name: str) -> None:
        with pytest.raises(NotYet):
            getattr(dbg, name)()

    @pytest.mark.parametrize("name", ["introspect", "userinfo", "registration"])
    def test_rewinds_nothing(self, confidential: Debugger, name: str) -> None:
        confidential.run(afterwards=True)
        before = achieved(confidential)
        for _ in range(2):
            getattr(confidential, name)()
        assert [step for step in achieved(confidential) if step != name] == before == [*ROUTE, *AFTERWARDS]
        assert confidential.refresh().status == "failed", "the grant was revoked"
        assert name not in {run.step for run in confidential.trace.runs}, "it was asked behind the first refresh"

    def test_an_earlier_step_goes_on_from_where_it_stood(self, confidential: Debugger) -> None:
        confidential.run()
        confidential.introspect()
        confidential.refresh()
        confidential.introspect()
        confidential.refresh()
        assert confidential.trace.run("introspect") is None
        assert confidential.introspect().status == "passed"

    def test_no_endpoint_is_named(self, dbg: Debugger) -> None:
        dbg.run()
        report = dbg.userinfo()
        assert "names no userinfo_endpoint" in render(report)["text/plain"]
        assert report.cause.rule == "inspection-not-offered"


class TestDisplays:
    def test_nothing_that_is_shown_holds_a_secret(self, server: DemoServer) -> None:
        demo = server.confidential_client
        for client in (None, Client(demo.client_id, secret=demo.client_secret)):
            dbg = Debugger(server.url, client=client, browser="follow", step_timeout_s=20)
            dbg.run()
            for name in ASKED:
                getattr(dbg, name)()
            assert any("‹registration_access_token#" in text for text in shown(dbg)) == (client is None)
            assert_no_leak(shown(dbg), server.secrets_issued())

    @pytest.mark.parametrize("media_type", ["application/token-introspection+jwt", "application/jwt", "text/plain"])
    def test_a_signed_answer_is_a_secret(self, media_type: str) -> None:
        signed = jwt(iss="https://auth.example.com", active=True)
        headers = (("Content-Type", media_type),)
        exchange = Exchange(
            1, "introspect", Request("POST", "https://a.example"), Response(200, "", headers, signed.encode())
        )
        assert_no_leak([*render(exchange).values(), repr(exchange)], [signed, signed.rpartition(".")[0]])

    def test_an_id_token_is_a_secret(self, server: DemoServer, dbg: Debugger) -> None:
        signed = jwt(iss=server.issuer, sub="somebody-in-particular")
        server._switch.fault = Fault(
            "made-up",
            "token",
            "Made up.",
            "none",
            places=("/token",),
            cause="none",
            who="authorization server",
            caused_in="token",
            patch=lambda asked, answer: answer.patched(id_token=signed),
        )
        dbg.run()
        assert dbg.tokens.id_token == signed
        assert any("‹id_token#" in text for text in shown(dbg))
        assert_no_leak(shown(dbg), [signed, "somebody-in-particular", signed.rpartition(".")[0]])
        assert dbg.refresh().status == "failed", "this ID token names no audience"
        assert dbg.tokens.id_token == signed

    def test_details_of_an_opaque_token(self, dbg: Debugger) -> None:
        assert "dbg.token()" in render(dbg.details)["text/plain"]
        dbg.run()
        assert "access token: opaque" in render(dbg.details)["text/plain"]

    def test_the_script_removes_what_it_registered(self, dbg: Debugger) -> None:
        dbg.run()
        dbg.registration()
        dbg.unregister()
        script = str(dbg.curl())
        assert 'REGISTRATION_ACCESS_TOKEN="$(member registration_access_token)"' in script
        assert 'send -X DELETE --url "${REGISTRATION_CLIENT_URI}"' in script
        assert script.count('-H "Authorization: Bearer ${REGISTRATION_ACCESS_TOKEN}"') == 2
        alone = str(dbg.curl("unregister"))
        assert alone.startswith("# unregister; needs REGISTRATION_ACCESS_TOKEN\n")
        for text in (script, alone):
            subprocess.run(["bash", "-n"], check=True, input=text, text=True)
