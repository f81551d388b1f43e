"""A cell to show things in without a notebook, a server to get tokens from, and a front end to type with."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets
import pytest
from ipywidgets.widgets.widget import _instances

import mcp_oauth_nb.forms.form
import mcp_oauth_nb.forms.panel
import mcp_oauth_nb.widgets
from mcp_oauth_nb import OAuth2, PlainServer
from mcp_oauth_nb.forms.form import OAuth2Form
from mcp_oauth_nb.keeping.tokens import TokenList
from mcp_oauth_nb.working import Worker

WAIT_S = 20
VERIFIER = "verifier-of-the-test-0123456789-abcdefghijklmnopq"


class Cell:
    """What a cell shows: the newest bundle of each output; `ever` holds all that was ever there."""

    def __init__(self) -> None:
        self.outputs: list[dict[str, Any]] = []
        self.ever: list[str] = []

    def display(self, made: dict[str, Any], **_: Any) -> Handle:
        self.outputs.append(made)
        self.ever.append(json.dumps(made))
        return Handle(self, len(self.outputs) - 1)

    @property
    def text(self) -> str:
        return "\n".join(made["text/plain"] for made in self.outputs)


class Handle:
    def __init__(self, cell: Cell, place: int) -> None:
        self.cell, self.place = cell, place

    def update(self, made: dict[str, Any], **_: Any) -> None:
        self.cell.outputs[self.place] = made
        self.cell.ever.append(json.dumps(made))


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    made = Cell()
    for module in (mcp_oauth_nb.forms.form, mcp_oauth_nb.forms.panel, mcp_oauth_nb.widgets):
        monkeypatch.setattr(module, "display", made.display)
    return made


@pytest.fixture
def server() -> Iterator[PlainServer]:
    with PlainServer() as running:
        yield running


@pytest.fixture
def tokens() -> TokenList:
    return TokenList()


@pytest.fixture
def oauth(server: PlainServer) -> OAuth2:
    made = OAuth2(
        **server.endpoints,
        client_id=server.client_id,
        client_secret=server.client_secret,
        scope="read openid",
        api_url=server.api_url,
        browser="follow",
    )
    assert made.run().status == "passed"
    return made


def typed(widget: ipywidgets.Widget, text: object) -> None:
    """What arrives when a person has typed or chosen something and leaves the field."""
    if isinstance(widget, ipywidgets.Dropdown):
        widget.set_state({"index": [value for _, value in _options(widget)].index(text)})
    else:
        widget.set_state({"value": text})


def _options(widget: ipywidgets.Dropdown) -> list[tuple[str, object]]:
    return [one if isinstance(one, tuple) else (one, one) for one in widget.options]


def done(*workers: Worker) -> None:
    """Wait until each worker, in this order, has done what it was handed so far."""
    for worker in workers:
        reached = threading.Event()
        worker.do(reached.set)
        assert reached.wait(WAIT_S)


def run(form: OAuth2Form) -> None:
    """Click the button for a new token and wait for the end of the flow."""
    form._get_button.click()
    done(form._worker)
    if form.runner is not None:
        done(form.runner._worker, form._worker)


def state() -> str:
    """The state of every widget there is, as a notebook could be saved with it."""
    return json.dumps([one.get_state() for one in _instances.values()], default=str)


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every message that widgets send to front ends."""
    sent: list[str] = []
    before: Callable[..., None] = ipywidgets.Widget._send

    def send(self: ipywidgets.Widget, msg: Any, buffers: Any = None) -> None:
        sent.append(json.dumps(msg, default=str))
        before(self, msg, buffers)

    monkeypatch.setattr(ipywidgets.Widget, "_send", send)
    return sent
