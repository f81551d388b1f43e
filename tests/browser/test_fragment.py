"""The page that reads a token out of the fragment, in a real browser: it hands it over, and nothing of it stays."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_oauth_nb.wire.callback import Listener

pytestmark = pytest.mark.browser

FRAGMENT = "access_token=at-7Qk2&token_type=Bearer&state=s1"


def test_the_fragment_is_handed_over_and_gone(browser: Any) -> None:
    listener = Listener(in_fragment=True)
    listener.start()
    context = browser.new_context()
    try:
        page, console = context.new_page(), []
        page.on("console", lambda message: console.append(message.text))
        page.goto(f"{listener.redirect_uri}#{FRAGMENT}")
        page.get_by_text("The redirect has arrived.").wait_for(timeout=10_000)
        found = listener.wait(10)
        assert found is not None
        assert found.request.url == f"{listener.redirect_uri}#{FRAGMENT}"
        assert page.url == listener.redirect_uri
        assert "at-7Qk2" not in page.content()
        assert page.evaluate("history.length") <= 2
        assert console == []
    finally:
        context.close()
        listener.close()


def test_a_page_without_a_fragment_says_so(browser: Any) -> None:
    listener = Listener(in_fragment=True)
    listener.start()
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(listener.redirect_uri)
        page.get_by_text("Nothing arrived.").wait_for(timeout=10_000)
        assert listener.arrived.empty()
    finally:
        context.close()
        listener.close()
