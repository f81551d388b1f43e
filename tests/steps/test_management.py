"""Reading and removing a registration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from playbook import play

from mcp_oauth_nb.errors import NotYet
from mcp_oauth_nb.protocol.flow import Client, Flow, Outcome
from mcp_oauth_nb.steps.management import registration, unregister

from .flows import ISSUER, known

URL = f"{ISSUER}/register/abc"
MANAGED = Client("abc", None, "none", "registered dynamically", 4, management_url=URL, management_token="manage-1")
BEARER = {"Authorization": "Bearer manage-1"}


def flow(client: Client | None = MANAGED, **facts: Any) -> Flow:
    return known("tokens", facts={"client": client} | facts)


def test_a_managed_client_says_how_it_is_removed() -> None:
    assert ("to remove it", "dbg.unregister()") in MANAGED.shown()
    for missing in ({"management_url": None}, {"management_token": None}):
        assert "dbg.unregister()" not in str(replace(MANAGED, **missing).shown())


@pytest.mark.parametrize("step", [registration, unregister])
class TestBoth:
    def test_needs(self, step: Any) -> None:
        with pytest.raises(NotYet, match=r"dbg\.register\(\)"):
            play(step, flow(None))

    @pytest.mark.parametrize(
        ("client", "said"),
        [
            (Client("id"), "was not registered here (pre-registered)"),
            (replace(MANAGED, management_url=None), "no registration_client_uri"),
            (replace(MANAGED, management_token=None), "no registration_access_token"),
        ],
    )
    def test_there_is_nothing_to_manage(self, step: Any, client: Client, said: str) -> None:
        play(step, flow(client)).stops(said)

    def test_what_was_removed_is_gone(self, step: Any) -> None:
        play(step, flow(unregistered=Outcome("removed", 9))).stops("removed already")

    @pytest.mark.parametrize(("status", "said"), [(401, "got 401"), (405, "got 405"), (302, "got 302"), (500, "got")])
    def test_refused(self, step: Any, status: int, said: str) -> None:
        play(step, flow()).gets(status).stops(said)

    def test_no_answer(self, step: Any) -> None:
        play(step, flow()).fails("address").stops("a address failure")


class TestRegistration:
    def test_reads_with_the_token_that_came_along(self) -> None:
        begun = play(registration, flow()).sends("GET", URL, headers=BEARER)
        after = begun.gets(200, {"client_id": "abc", "scope": "s"}).learns(
            registration={"summary": "registered: client_id, scope", "exchange": 1}
        )
        assert after.client is MANAGED

    def test_new_credentials_replace_the_old_ones(self) -> None:
        new = {"registration_access_token": "manage-2", "registration_client_uri": f"{URL}/2", "client_secret": "s-2"}
        play(registration, flow()).gets(200, new).learns(
            client={"management_token": "manage-2", "management_url": f"{URL}/2", "secret": None}
        )
        play(registration, flow(replace(MANAGED, secret="s-1"))).gets(200, new).learns(client={"secret": "s-2"})

    @pytest.mark.parametrize("odd", [None, 5, "", ["x"]])
    def test_odd_credentials_change_nothing(self, odd: Any) -> None:
        answer = dict.fromkeys(("registration_access_token", "registration_client_uri", "client_secret"), odd)
        play(registration, flow()).gets(200, answer).learns(client=MANAGED)

    @pytest.mark.parametrize("body", [b"", b"<html>", [1]])
    def test_no_object(self, body: Any) -> None:
        play(registration, flow()).gets(200, body).stops("no JSON object")


class TestUnregister:
    @pytest.mark.parametrize("status", [204, 200, 202])
    def test_removes(self, status: int) -> None:
        begun = play(unregister, flow()).sends("DELETE", URL, headers=BEARER)
        begun.gets(status).learns(unregistered={"summary": f"removal answered {status}"}, client=MANAGED)
