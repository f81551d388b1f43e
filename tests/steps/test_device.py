"""The device grant: codes for a person, and questions that are never asked faster than allowed (RFC 8628)."""

from __future__ import annotations

from typing import Any

import pytest
from playbook import Play, play

from mcp_oauth_nb import NotYet
from mcp_oauth_nb.protocol.choices import Choices
from mcp_oauth_nb.protocol.device import LONGEST_INTERVAL_S, Device, device_of
from mcp_oauth_nb.protocol.flow import Client, Document, Flow, Settings
from mcp_oauth_nb.protocol.grants import DEVICE_CODE
from mcp_oauth_nb.protocol.parameters import Parameter
from mcp_oauth_nb.protocol.profiles import PLAIN
from mcp_oauth_nb.steps.device import device
from mcp_oauth_nb.steps.tokens import token

ISSUER = "https://as.example.com"
ANSWER = {
    "device_code": "device-1",
    "user_code": "WDJB-MJHT",
    "verification_uri": f"{ISSUER}/activate",
    "expires_in": 600,
    "interval": 7,
}
TOKENS = {"access_token": "access-1", "token_type": "Bearer", "refresh_token": "refresh-1"}


class Clock:
    """Tells the time that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def flow(clock: Clock | None = None, *, held: Device | None = None, **choices: Any) -> Flow:
    endpoints = {"device_authorization_endpoint": f"{ISSUER}/device", "token_endpoint": f"{ISSUER}/token"}
    settings = Settings(
        "https://api.example.com",
        PLAIN,
        "http://127.0.0.1:1/callback",
        bytes,
        scope="read",
        grant="device",
        clock=clock or Clock(),
        choices=Choices(endpoints=endpoints, **choices),
    )
    document = Document(endpoints, "the settings", "typed", "", 0)
    return Flow(settings, server_metadata=document, client=Client("c", None, "none"), device=held)


def held(**changes: Any) -> Device:
    made = device_of({**ANSWER, **changes}, now=Clock.now, exchange=1)
    assert made is not None
    return made


def asked(play: Play) -> Play:
    form = {"grant_type": DEVICE_CODE, "device_code": "device-1", "client_id": "c"}
    return play.sends("POST", f"{ISSUER}/token", form=form)


class TestDevice:
    def test_asks_for_the_codes(self) -> None:
        playing = play(device, flow()).sends("POST", f"{ISSUER}/device", form={"client_id": "c", "scope": "read"})
        learned = playing.gets(200, ANSWER).learns(device={"user_code": "WDJB-MJHT", "interval_s": 7.0})
        assert learned.device is not None
        assert "WDJB" not in repr(learned.device)

    def test_says_what_the_tokens_are_for(self) -> None:
        made = flow(resources=("https://api.example.com/",), audiences=("the-api",))
        form = {"client_id": "c", "scope": "read", "resource": "https://api.example.com/", "audience": "the-api"}
        play(device, made).sends("POST", f"{ISSUER}/device", form=form).gets(200, ANSWER)

    def test_without_an_interval_it_is_five_seconds_and_never_longer_than_anybody_waits(self) -> None:
        assert held(interval=None).interval_s == 5.0
        assert held(interval=10**9).interval_s == LONGEST_INTERVAL_S
        assert held(interval=-1).interval_s == 5.0
        assert held(interval=0).interval_s == 0.0

    def test_the_old_name_of_the_uri_is_read_as_well(self) -> None:
        assert held(verification_uri=None, verification_url="https://x.example/d").verification_uri == (
            "https://x.example/d"
        )

    @pytest.mark.parametrize("missing", ["device_code", "user_code", "verification_uri"])
    @pytest.mark.parametrize("value", [None, 7, "", []])
    def test_without_one_of_them_it_stops(self, missing: str, value: object) -> None:
        playing = play(device, flow()).sends("POST", f"{ISSUER}/device")
        playing.gets(200, {**ANSWER, missing: value}).stops("lacks a device_code")

    def test_a_refusal(self) -> None:
        playing = play(device, flow()).sends("POST", f"{ISSUER}/device")
        playing.gets(400, {"error": "unauthorized_client"}).stops("unauthorized_client")


class TestPolling:
    def test_asks_until_the_person_is_done(self) -> None:
        playing = asked(play(token, flow(held=held())).pauses(7)).gets(400, {"error": "authorization_pending"})
        asked(playing.pauses(7)).gets(200, TOKENS).learns(tokens={"access_token": "access-1", "scope": "read"})

    def test_slows_down_by_five_seconds_for_good(self) -> None:
        playing = asked(play(token, flow(held=held())).pauses(7)).gets(400, {"error": "slow_down"})
        playing = asked(playing.pauses(12)).gets(400, {"error": "authorization_pending"})
        asked(playing.pauses(12)).gets(400, {"error": "slow_down"}).pauses(17)

    def test_a_timeout_doubles_the_interval(self) -> None:
        playing = asked(play(token, flow(held=held())).pauses(7)).fails("timeout")
        asked(playing.pauses(14)).gets(200, TOKENS).learns(tokens={"access_token": "access-1"})

    @pytest.mark.parametrize(
        ("error", "reason"),
        [("access_denied", "said no"), ("expired_token", "has expired"), ("invalid_grant", "400 (invalid_grant)")],
    )
    def test_any_other_error_is_the_end(self, error: str, reason: str) -> None:
        asked(play(token, flow(held=held())).pauses(7)).gets(400, {"error": error}).stops(reason)

    def test_no_connection_is_the_end(self) -> None:
        asked(play(token, flow(held=held())).pauses(7)).fails("connect").stops("a connect failure")

    def test_codes_that_have_run_out_are_not_asked_about(self) -> None:
        clock = Clock()
        playing = asked(play(token, flow(clock, held=held())).pauses(7))
        clock.now += 601
        playing.gets(400, {"error": "authorization_pending"}).stops("has expired")

    def test_sends_what_the_user_added(self) -> None:
        parameters = (Parameter("tenant", "t1"), Parameter("X-Tenant", "t2", "header"), Parameter("v", "3", "url"))
        given = flow(held=held(), audiences=("api",), resources=("r1",), token_parameters=parameters)
        play(token, given).pauses(7).sends(
            "POST",
            f"{ISSUER}/token?v=3",
            form={"tenant": "t1", "audience": "api", "resource": "r1"},
            headers={"X-Tenant": "t2"},
        )

    def test_without_a_device_code_nothing_is_asked(self) -> None:
        with pytest.raises(NotYet, match="device code"):
            play(token, flow())
