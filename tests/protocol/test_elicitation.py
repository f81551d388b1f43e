"""What a server wants of the user: both shapes, hostile ones, and how the request is sent again."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.protocol.elicitation import InputNeeded, needed

AT = "https://third.example/consent?id=1"
CALL = ("tools/call", {"name": "connect", "arguments": {}})


def error(**data: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 3, "error": {"code": -32042, "message": "consent is needed", "data": data}}


def required(state: object = "sealed", **requests: Any) -> dict[str, Any]:
    result = {"resultType": "input_required", "inputRequests": requests, "requestState": state}
    return {"jsonrpc": "2.0", "id": 3, "result": result}


def elicitation(**params: Any) -> dict[str, Any]:
    return {"method": "elicitation/create", "params": params}


def read(message: dict[str, Any]) -> InputNeeded:
    found = needed(message, *CALL, exchange=7)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "message",
    [
        error(elicitations=[{"mode": "url", "elicitationId": "e-1", "url": AT, "message": "Connect the calendar"}]),
        error(authUrl=AT),
        error(url=AT),
        required(login=elicitation(mode="url", url=AT, message="Connect the calendar")),
    ],
)
def test_the_address_is_shown_as_text_to_open_oneself(message: dict[str, Any]) -> None:
    found = read(message)
    assert [wish.url for wish in found.wishes] == [AT]
    rows = found.shown()
    assert rows[0][1] in ("Connect the calendar", "consent is needed")
    assert rows[1][0].startswith("open it yourself, if you trust it")
    assert rows[1][1] == AT
    assert found.told.startswith("waiting for you: ")
    assert repr(found) == f"<InputNeeded {found.shape} of exchange 7>"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "//x", "", None, 5, [AT], "https://a\nb"])
def test_nothing_but_http_is_an_address(url: object) -> None:
    for message in (error(elicitations=[{"url": url}]), required(x=elicitation(mode="url", url=url))):
        found = read(message)
        assert found.wishes[0].url is None
        assert "no http(s) URL" in found.wishes[0].wants
        assert "javascript" not in str(found.shown())


def test_a_form_names_its_fields() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}, "day": {}}}
    found = read(required(where=elicitation(mode="form", message="Where?", requestedSchema=schema)))
    assert dict(found.shown())["it wants"] == "where: a form with city, day"


def test_anything_else_is_named() -> None:
    found = read(required(roots={"method": "roots/list"}))
    assert dict(found.shown())["it wants"] == "roots: roots/list"


@pytest.mark.parametrize(
    "message",
    [
        {"result": {"content": []}},
        {"result": {"resultType": "complete"}},
        {"error": {"code": -32603, "data": {"url": AT}}},
        {"error": "no"},
        {"result": []},
        {},
    ],
)
def test_other_answers_want_nothing(message: dict[str, Any]) -> None:
    assert needed(message, *CALL) is None


@pytest.mark.parametrize(
    "message",
    [
        {"error": {"code": -32042}},
        error(elicitations=[1, None, "x"]),
        error(elicitations=[]),
        {"result": {"resultType": "input_required", "inputRequests": [1], "requestState": 5}},
        required(a=5, b={"method": 7, "params": []}, c=elicitation(requestedSchema={"properties": 5})),
    ],
)
def test_broken_ones_are_read_all_the_same(message: dict[str, Any]) -> None:
    found = read(message)
    assert found.shown()
    assert "sealed" not in repr(found)


class TestAnswered:
    def test_an_error_is_answered_by_the_same_request(self) -> None:
        assert read(error(elicitations=[{"url": AT}])).answered() == CALL

    def test_answers_go_under_their_names_and_the_state_goes_back_as_it_is(self) -> None:
        found = read(required(login=elicitation(mode="url", url=AT), day=elicitation(mode="form")))
        responses = {"login": {"action": "accept"}, "day": {"action": "accept", "content": {"day": 1}}}
        method, params = found.answered(responses)
        assert method == "tools/call"
        assert params == {**CALL[1], "inputResponses": responses, "requestState": "sealed"}
        assert CALL[1] == {"name": "connect", "arguments": {}}, "the request that waits stays as it was"

    def test_an_earlier_round_is_not_repeated(self) -> None:
        again = {**CALL[1], "inputResponses": {"old": {}}, "requestState": "old"}
        found = needed(required(state=None, new=elicitation()), CALL[0], again)
        assert found is not None
        _, params = found.answered({"new": {"action": "decline"}})
        assert params == {**CALL[1], "inputResponses": {"new": {"action": "decline"}}}

    @pytest.mark.parametrize("responses", [None, {}, {"other": {}}, {"login": {}, "more": {}}])
    def test_names_that_were_not_asked_for(self, responses: Any) -> None:
        with pytest.raises(BadSetting, match="'login'"):
            read(required(login=elicitation(mode="url", url=AT))).answered(responses)

    def test_the_older_shape_takes_no_answers(self) -> None:
        with pytest.raises(BadSetting, match="do what the server asks"):
            read(error(url=AT)).answered({"x": {}})
