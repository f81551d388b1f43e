"""The panel of kept tokens: every button, what is saved of it, and that no widget holds any part of a token."""

from __future__ import annotations

import threading

import httpx
import keyring
import pytest

from mcp_oauth_nb.forms.countdown import Countdown
from mcp_oauth_nb.forms.panel import TokenPanel
from tests.forms.conftest import WAIT_S, done, state, typed
from tests.keeping.conftest import InMemory
from tests.markup import read_markup
from tests.saved import leaks

WIDGET = "application/vnd.jupyter.widget-view+json"
OPAQUE = "an-opaque-token-of-somebody-else-4711"


@pytest.fixture
def panel(oauth, tokens, cell):
    tokens.add("alice", oauth)
    tokens.add("pasted", OPAQUE)
    made = tokens.panel()
    assert isinstance(made, TokenPanel)
    made.show()
    yield made
    made._countdown.rest()


def click(panel, button):
    panel._buttons[button].click()
    done(panel._worker)


def press(panel, description):
    """Press a button of the question."""
    found = [one for one in panel._asking.children[1].children if one.description == description]
    found[0].click()
    done(panel._worker)


def choose(panel, widget, value):
    typed(widget, value)
    done(panel._worker)


def test_it_shows_what_there_is(panel, cell):
    assert WIDGET in cell.outputs[0]
    assert "alice (selected)" in cell.outputs[1]["text/plain"]
    assert list(panel._chosen.options) == ["alice", "pasted"]
    assert panel._left.value.startswith("alice: access token expires in ")
    assert panel._asking.layout.display == "none"
    assert repr(panel) == "<TokenPanel of 2>"


def test_another_one_is_selected(panel, tokens, cell):
    choose(panel, panel._chosen, "pasted")
    assert tokens.selected.name == "pasted"
    assert "pasted (selected)" in cell.outputs[1]["text/plain"]
    assert panel._left.value == "pasted: access token expires (not said)."


def test_without_a_refresh_token_nothing_is_refreshed_and_the_reason_is_there(panel):
    assert not panel._auto.disabled
    assert panel._why.value == ""
    choose(panel, panel._chosen, "pasted")
    assert panel._auto.disabled
    assert panel._buttons["Refresh"].disabled
    assert panel._why.value == "not available: a grant without a refresh token"
    assert panel._use.disabled
    assert "scope openid" in panel._use.tooltip


def test_refreshed_by_hand(panel, tokens, cell):
    before = tokens["alice"].tokens.access_token
    click(panel, "Refresh")
    assert tokens["alice"].tokens.access_token != before
    assert "alice is refreshed" in panel._said.value
    assert "[PASSED]" in cell.outputs[2]["text/plain"]


def test_a_refresh_that_is_refused_is_said(panel, server, tokens):
    server._issuing.refresh.clear()
    click(panel, "Refresh")
    assert "alice is not refreshed" in panel._said.value


def test_how_it_is_used(panel, tokens, server):
    alice = tokens["alice"]
    choose(panel, panel._auto, False)
    assert not alice.auto_refresh
    choose(panel, panel._auto, True)
    assert alice.auto_refresh
    choose(panel, panel._use, "id_token")
    assert alice.flow.use.token == "id_token"
    choose(panel, panel._use, "access_token")
    choose(panel, panel._prefix.field, "Token")
    assert alice.flow.use.header_prefix == "Token"
    choose(panel, panel._prefix.field, "")
    assert alice.flow.use.header_prefix == ""
    choose(panel, panel._place, "url")
    assert "access token in the url" in panel._said.value
    with httpx.Client(auth=tokens.auth) as client:
        assert client.get(server.api_url).status_code == 200


def test_a_prefix_that_cannot_be_one_is_refused(panel, tokens):
    choose(panel, panel._prefix.field, "two words")
    assert "header_prefix: got" in panel._said.value
    choose(panel, panel._prefix.field, tokens["alice"].tokens.access_token)
    assert "looks like a secret" in panel._said.value
    assert panel._prefix.value == "Bearer"
    assert tokens["alice"].flow.use.header_prefix == "Bearer"


def test_details(panel, cell):
    click(panel, "Details")
    assert "aud: demo-client" in cell.outputs[2]["text/plain"]


def test_deleting_asks_first_and_says_that_it_is_not_revoking(panel, tokens, server):
    access = tokens["alice"].tokens.access_token
    click(panel, "Delete")
    assert panel._asking.layout.display == ""
    assert "Deleting is not revoking" in panel._asking.children[0].value
    press(panel, "Do not delete")
    assert panel._asking.layout.display == "none"
    click(panel, "Delete")
    press(panel, "Delete here only")
    assert [one.name for one in tokens] == ["pasted"]
    assert "alice is deleted here" in panel._said.value
    assert server._issuing.alive(access)
    click(panel, "Delete")
    press(panel, "Delete here only")
    assert panel._one.layout.display == "none"
    assert panel._left.value.startswith("No token is kept")


def test_revoked_and_deleted(panel, tokens, server):
    access = tokens["alice"].tokens.access_token
    click(panel, "Delete")
    press(panel, "Revoke and delete")
    assert server._issuing.alive(access) is None
    assert "alice" not in tokens
    click(panel, "Delete")
    press(panel, "Revoke and delete")
    assert "pasted is still on the list" in panel._said.value


def test_kept_in_the_keyring(panel, tokens):
    before = keyring.get_keyring()
    keyring.set_keyring(InMemory())
    try:
        click(panel, "Keep in keyring")
        assert tokens["alice"].in_keyring
        assert panel._buttons["Keep in keyring"].disabled
        assert "keyring" in panel._said.value
    finally:
        keyring.set_keyring(before)


def test_closed_it_leaves_no_widget(panel, cell):
    panel.close()
    assert all(WIDGET not in made for made in cell.outputs)
    assert "alice (selected)" in cell.text
    for made in cell.outputs:
        assert read_markup(made["text/html"]).problems == []


def test_shown_again_it_leaves_the_first_cell(panel, cell):
    panel.show()
    assert {made["text/plain"] for made in cell.outputs[:3]} == {"Shown again by a later cell."}
    assert WIDGET in cell.outputs[3]


def test_no_secret_is_in_a_widget_a_display_or_a_message(panel, tokens, server, cell, messages):
    for button in ("Refresh", "Details"):
        click(panel, button)
    choose(panel, panel._prefix.field, tokens["alice"].tokens.access_token)
    choose(panel, panel._chosen, "pasted")
    click(panel, "Details")
    press(panel, "Delete here only")
    panel.close()
    assert leaks("\n".join([*cell.ever, *messages, state(), repr(panel)]), [*server.secrets_issued(), OPAQUE]) == []


def test_the_time_that_is_left_is_told_again_until_it_rests(panel):
    told = threading.Event()
    panel._left.observe(lambda change: "Update view" in change["new"] and told.set(), "value")
    panel._countdown.rest()
    assert told.wait(WAIT_S)
    panel._submit(panel._settle)
    done(panel._worker)
    assert "Update view" not in panel._left.value
    assert panel._countdown.is_ticking


def test_the_countdown_ticks_and_ends():
    ticks, ended = [], threading.Event()

    def tick(on):
        ticks.append(on)
        if not on:
            ended.set()

    countdown = Countdown(tick, every_s=0.01, for_s=0.05)
    assert not countdown.is_ticking
    countdown.touch()
    countdown.touch()
    assert ended.wait(WAIT_S)
    assert ticks[-1] is False
    assert ticks.count(False) == 1
    assert not countdown.is_ticking
