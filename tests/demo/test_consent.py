"""The page a person sees, and the way around it for clients without a browser."""

import re

import httpx

from mcp_oauth_nb.demo import DemoServer

from .walker import REDIRECT, Walker, query_of

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HOSTILE = "<script>alert(1)</script>\"'&"


def page_of(walker: Walker) -> httpx.Response:
    location = walker.request().headers["location"]
    assert location.startswith(walker.server.issuer + "/consent?request=")
    return walker.http.get(location, headers=BROWSER)


def press(walker: Walker, page: httpx.Response, decision: str, **form: str) -> httpx.Response:
    found = re.search(r'name="request" value="([^"]+)"', page.text)
    assert found
    return walker.http.post(
        walker.server.issuer + "/consent",
        data={"request": found[1], "user": "demo-user", "decision": decision} | form,
        headers=BROWSER,
    )


def test_the_page_says_who_asks_for_what(server: DemoServer, walker: Walker) -> None:
    page = page_of(walker)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for text in ("walker", "mcp:tools", server.url, REDIRECT, "Authorize", "Deny", "Sign in as", 'value="demo-user"'):
        assert text in page.text


def test_what_a_client_chose_is_escaped(walker: Walker) -> None:
    walker.register(client_name=HOSTILE)
    page = page_of(walker)
    assert "<script" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;" in page.text


def test_the_page_can_run_and_load_nothing(walker: Walker) -> None:
    headers = page_of(walker).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:8765" in policy
    assert headers["cache-control"] == "no-store"


def test_authorize_leads_back_with_a_code(server: DemoServer, walker: Walker) -> None:
    answer = press(walker, page_of(walker), "authorize", user="Ada <b>")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(REDIRECT + "?")
    back = query_of(answer.headers["location"])
    assert (back["state"], back["iss"]) == ("walker-state", server.issuer)
    assert walker.token(back["code"]).status_code == 200


def test_deny_leads_back_with_an_error(server: DemoServer, walker: Walker) -> None:
    answer = press(walker, page_of(walker), "deny")
    assert answer.status_code == 303
    back = query_of(answer.headers["location"])
    assert (back["error"], back["state"], back["iss"]) == ("access_denied", "walker-state", server.issuer)
    assert "code" not in back


def test_a_request_is_decided_once(walker: Walker) -> None:
    page = page_of(walker)
    assert press(walker, page, "perhaps").status_code == 400
    assert press(walker, page, "authorize").status_code == 303
    again = press(walker, page, "authorize")
    assert (again.status_code, "location" in again.headers) == (400, False)
    assert "Cannot continue" in again.text


def test_without_a_browser_consent_is_given_once(walker: Walker) -> None:
    location = walker.request().headers["location"]
    assert walker.http.get(location).status_code == 302
    answer = walker.http.get(location)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_an_unknown_request_gets_a_page_or_an_error(server: DemoServer) -> None:
    page = httpx.get(server.issuer + "/consent?request=<x>", headers=BROWSER)
    assert page.status_code == 400 and "<x>" not in page.text
    assert httpx.get(server.issuer + "/consent").json()["error"] == "invalid_request"
