"""A response in the fragment: the page that hands it over, what may be posted there, and what may be pasted."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.wire.callback import Listener, read_pasted
from mcp_oauth_nb.wire.fragment_page import MOST_BYTES

URI = "http://127.0.0.1:8765/callback"
FRAGMENT = "access_token=at-1&token_type=Bearer&state=s&expires_in=900"


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener(in_fragment=True)
    made.start()
    yield made
    made.close()


def origin(listener: Listener) -> str:
    return listener.redirect_uri.removesuffix("/callback")


def asked(method: str, url: str, **rest: Any) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=10) as client:
        return client.request(method, url, **rest)


def posted(listener: Listener, body: str = FRAGMENT, **headers: str) -> httpx.Response:
    sent = {"Origin": origin(listener), **headers}
    return asked("POST", listener.redirect_uri, content=body, headers={k: v for k, v in sent.items() if v})


class TestPage:
    def test_is_served_where_nothing_came_in_the_query_and_runs_its_own_script_alone(self, listener: Listener) -> None:
        page = asked("GET", listener.redirect_uri)
        assert page.status_code == 200
        script = re.search(r"<script>(.*)</script>", page.text)
        assert script is not None
        digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
        policy = page.headers["content-security-policy"]
        assert f"script-src 'sha256-{digest}'" in policy
        assert "default-src 'none'" in policy
        assert "connect-src 'self'" in policy
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"

    def test_echoes_nothing(self, listener: Listener) -> None:
        plain, strange = asked("GET", listener.redirect_uri), asked("GET", listener.redirect_uri + "?x=%3Cscript%3E")
        assert plain.text == strange.text

    def test_the_address_is_cleared_before_anything_is_sent(self, listener: Listener) -> None:
        page = asked("GET", listener.redirect_uri).text
        assert page.index("replaceState") < page.index("fetch(")

    def test_an_error_in_the_query_is_taken_as_it_is(self, listener: Listener) -> None:
        assert asked("GET", listener.redirect_uri + "?error=access_denied&state=s").status_code == 200
        found = listener.wait(5)
        assert found is not None
        assert found.request.url.endswith("?error=access_denied&state=s")

    def test_a_listener_for_codes_has_no_such_page(self) -> None:
        made = Listener()
        made.start()
        try:
            assert asked("GET", made.redirect_uri).status_code == 404
            assert posted(made).status_code == 404
            assert made.arrived.empty()
        finally:
            made.close()


class TestPost:
    def test_hands_over_the_fragment(self, listener: Listener) -> None:
        answer = posted(listener, FRAGMENT + "&other=dropped")
        assert (answer.status_code, answer.text) == (200, "")
        found = listener.wait(5)
        assert found is not None
        assert found.request.url == f"{listener.redirect_uri}#{FRAGMENT}"

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": ""},
            {"Origin": "null"},
            {"Origin": "https://evil.example"},
            {"Origin": "http://127.0.0.1:1"},
            {"Host": "evil.example", "Origin": "http://evil.example"},
        ],
    )
    def test_only_from_our_own_page(self, listener: Listener, headers: dict[str, str]) -> None:
        assert posted(listener, **headers).status_code == 404
        assert listener.arrived.empty()

    @pytest.mark.parametrize("body", ["", "x=1", "a" * (MOST_BYTES + 1)])
    def test_nothing_else_is_taken(self, listener: Listener, body: str) -> None:
        assert posted(listener, body).status_code == 404
        assert listener.arrived.empty()

    def test_no_other_path(self, listener: Listener) -> None:
        url = origin(listener) + "/other"
        assert asked("POST", url, content=FRAGMENT, headers={"Origin": origin(listener)}).status_code == 404
        assert listener.arrived.empty()


class TestPasted:
    @pytest.mark.parametrize("pasted", [f"{URI}#{FRAGMENT}", f"#{FRAGMENT}", FRAGMENT, f"'{URI}#{FRAGMENT}' "])
    def test_the_address_or_its_fragment(self, pasted: str) -> None:
        assert read_pasted(pasted, URI, in_fragment=True).request.url == f"{URI}#{FRAGMENT}"

    def test_an_error_in_the_query(self) -> None:
        read = read_pasted(f"{URI}?error=access_denied&state=s", URI, in_fragment=True)
        assert read.request.url == f"{URI}?error=access_denied&state=s"

    @pytest.mark.parametrize("pasted", ["", URI, f"{URI}?code=c", "#state=s", "a-token-alone", 7, None])
    def test_anything_else_is_refused_and_not_repeated(self, pasted: object) -> None:
        with pytest.raises(BadSetting) as refused:
            read_pasted(pasted, URI, in_fragment=True)
        assert "a-token-alone" not in str(refused.value)
