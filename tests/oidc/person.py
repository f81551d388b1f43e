"""Somebody with a browser at another device, who types the code that a device shows (RFC 8628 3.3)."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx

WAIT_S = 20
SAID_YES, SAID_NO = "Sign-in Success", "interrupted"


def approves(url: str) -> str:
    """Open the link, let the page confirm the code, log in and consent."""
    return _visits(url, "confirm")


def refuses(url: str) -> str:
    """Open the link and abort."""
    return _visits(url, "abort")


def types(code: Callable[[], str]) -> Callable[[str], str]:
    """Open the plain link, and type the code that the device shows."""
    return lambda url: _visits(url, "confirm", code())


def _visits(url: str, button: str, code: str = "") -> str:
    with httpx.Client(follow_redirects=True, timeout=WAIT_S, trust_env=False) as browser:
        page = browser.get(url)
        page = _submitted(browser, page, {"user_code": code} if code else {})
        page = _submitted(browser, page, {button: "yes"})
        assert (SAID_YES if button == "confirm" else SAID_NO) in page.text, page.text
    return url


def _submitted(browser: httpx.Client, page: httpx.Response, typed: dict[str, str]) -> httpx.Response:
    """The one form of a page, with its hidden fields and what was typed."""
    action = re.search(r'<form[^>]* action="([^"]+)"', page.text)
    assert action, page.text
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    return browser.post(page.url.join(action[1]), data={**hidden, **typed})
