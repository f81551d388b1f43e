"""The form and the panel in JupyterLab: filled in by typing, clicked through, and what the saved file keeps of it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.kernels import LINES, Kernels
from tests.browser.page import Notebook
from tests.browser.waiting import until
from tests.saved import leaks, plain, problems

pytestmark = pytest.mark.browser

Fresh = Callable[..., Notebook]
START = """from mcp_oauth_nb import OAuth2Form, PlainServer, tokens
import json, pathlib
server = PlainServer()
told = {**server.endpoints, "device_url": server.device_url, "client_secret": server.client_secret}
told |= {"username": server.username, "password": server.password}
_ = pathlib.Path("told.json").write_text(json.dumps(told))"""
SECRETS = 'pathlib.Path("secrets.json").write_text(json.dumps(sorted(server.secrets_issued())))\nNone'
TYPED = "a-secret-that-was-typed-Zk81-Qp"


def told(notebook: Notebook, file: str = "told.json") -> Any:
    """What the kernel hands to the test, beside the notebook."""
    handed = notebook.file.with_name(file)
    read = json.loads(handed.read_text())
    handed.unlink()
    return read


def secrets(notebook: Notebook) -> list[str]:
    notebook.run(notebook.append(SECRETS))
    found: list[str] = told(notebook, "secrets.json")
    return found


def field(notebook: Notebook, label: str) -> Any:
    return notebook.page.locator(".jupyter-widgets").get_by_label(label, exact=True)


def type_in(notebook: Notebook, label: str, text: str) -> None:
    """Type as a person does, key by key, and go on to the next field."""
    place = field(notebook, label)
    place.click()
    notebook.page.keyboard.insert_text(text)
    notebook.page.keyboard.press("Tab")


def choose(notebook: Notebook, label: str, option: str) -> None:
    field(notebook, label).select_option(label=option)


def started(notebook: Notebook) -> None:
    notebook.button("Get new access token").wait_for()
    notebook.painted()


def fill_in(notebook: Notebook, *, name: str = "alice") -> dict[str, str]:
    """All that an authorization code needs; what was typed."""
    handed: dict[str, str] = told(notebook)
    type_in(notebook, "Token name", name)
    type_in(notebook, "Auth URL *", handed["authorization_url"])
    type_in(notebook, "Access token URL *", handed["token_url"])
    type_in(notebook, "Client ID *", "demo-client")
    type_in(notebook, "Client secret", handed["client_secret"])
    type_in(notebook, "Scope", "read openid")
    notebook.click("Advanced options")
    type_in(notebook, "Revocation URL", handed["revocation_url"])
    notebook.click("Advanced options")
    return handed


@contextlib.contextmanager
def widget_state_is_saved(notebook: Notebook) -> Iterator[None]:
    """With "Save Widget State Automatically" turned on, which holds for the whole of this JupyterLab."""
    toggle = "window.jupyterapp.commands.execute('@jupyter-widgets/jupyterlab-manager:saveWidgetState')"
    notebook.page.evaluate(toggle)
    try:
        yield
    finally:
        notebook.page.evaluate(toggle)


def test_a_person_gets_a_token_uses_it_and_deletes_it(fresh: Fresh, picture: Callable[[str], Path]) -> None:
    notebook = fresh(START, "form = OAuth2Form()\nform", "panel = tokens.panel()\npanel")
    started(notebook)
    notebook.screenshot(picture("empty"), 1)
    fill_in(notebook)
    until(lambda: "set, 32" in (field(notebook, "Client secret").get_attribute("placeholder") or ""), "it is taken out")
    assert field(notebook, "Client secret").input_value() == ""
    notebook.screenshot(picture("filled"), 1)
    notebook.click("Get new access token")
    link = notebook.page.locator(".jupyter-widgets a[target=_blank]")
    link.wait_for()
    notebook.painted()
    notebook.screenshot(picture("waits"), 1)
    with notebook.context.expect_page() as opened:
        link.click()
    opened.value.get_by_role("button", name="Authorize").click()
    opened.value.get_by_text("The redirect has arrived").wait_for()
    opened.value.close()
    notebook.wait_for("The token is here", 1)
    notebook.screenshot(picture("here"), 1)
    notebook.click("Use token")
    notebook.button("Get new access token").wait_for(state="detached")
    notebook.wait_for("The token is kept: tokens['alice']", 1)
    notebook.screenshot(picture("kept"), 1)
    notebook.click("Update view")
    notebook.wait_for("alice (selected)", 2)
    notebook.wait_for_label("alice: access token expires in ")
    notebook.screenshot(picture("panel"), 2)
    notebook.dark()
    notebook.screenshot(picture("panel-dark"), 2)
    notebook.screenshot(picture("kept-dark"), 1)
    notebook.click("Refresh")
    notebook.wait_for("alice is refreshed", 2)
    notebook.click("Delete …")
    notebook.wait_for("Deleting is not revoking", 2)
    notebook.screenshot(picture("asks-dark"), 2)
    notebook.click("Revoke and delete")
    notebook.wait_for("alice is deleted here", 2)
    notebook.click("Close")
    notebook.button("Update view").wait_for(state="detached")
    known = secrets(notebook)
    saved = notebook.save()
    assert len(known) >= 6
    assert problems(saved) == []
    assert leaks(notebook.file.read_text(), known) == []
    assert [text.split(".")[0] for text in plain(saved, 1)][:1] == ["Configure new token: alice"]


def test_the_fields_come_and_go_with_the_grant(fresh: Fresh, picture: Callable[[str], Path]) -> None:
    notebook = fresh(START, "OAuth2Form()")
    started(notebook)
    for grant, there, gone in (
        ("Password credentials", ("Username *", "Password *"), ("Auth URL *", "Callback URL", "Code verifier")),
        ("Device code", ("Device URL *", "Client secret"), ("Username *", "Auth URL *", "State")),
        ("Implicit", ("Auth URL *", "State"), ("Client secret", "Access token URL", "Client authentication")),
        ("Client credentials", ("Access token URL *", "Client secret"), ("Auth URL *", "Device URL *", "State")),
        ("Authorization code", ("Auth URL *", "State"), ("Code verifier", "Code challenge method")),
        ("Authorization code (with PKCE)", ("Code verifier", "Code challenge method"), ("Username *",)),
    ):
        choose(notebook, "Grant type", grant)
        for label in there:
            field(notebook, label).wait_for()
        for label in gone:
            until(lambda label=label: not field(notebook, label).is_visible(), f"{label} is gone")
    notebook.click("Advanced options")
    field(notebook, "Refresh token URL").wait_for()
    notebook.page.get_by_role("button", name="Add parameter").nth(1).click()
    notebook.page.get_by_placeholder("Token request: name").fill("tenant")
    notebook.painted()
    notebook.screenshot(picture("advanced"), 1)
    notebook.dark()
    notebook.screenshot(picture("advanced-dark"), 1)
    notebook.click("Close")
    notebook.button("Get new access token").wait_for(state="detached")
    assert problems(notebook.save()) == []


@pytest.mark.parametrize("line", LINES)
def test_a_mistake_is_said_and_mended(
    line: str, fresh: Fresh, kernels: Kernels, picture: Callable[[str], Path]
) -> None:
    """In every line of ipykernel, because callbacks run in another thread in some of them."""
    notebook = fresh(START, "form = OAuth2Form(grant='password')\nform", kernel=kernels.name(line))
    started(notebook)
    handed = told(notebook)
    notebook.click("Get new access token")
    notebook.wait_for("Access token URL (token_url): got none", 1)
    notebook.screenshot(picture("mistake"), 1)
    type_in(notebook, "Access token URL *", handed["token_url"])
    type_in(notebook, "Client ID", "demo-client")
    type_in(notebook, "Username *", handed["username"])
    type_in(notebook, "Password *", TYPED)
    notebook.click("Get new access token")
    notebook.wait_for("No token: failed at step 1 of 1", 1)
    notebook.screenshot(picture("failed"), 1)
    type_in(notebook, "Password *", handed["password"])
    notebook.click("Get new access token")
    notebook.wait_for("The token is here", 1)
    notebook.click("Use token")
    notebook.button("Get new access token").wait_for(state="detached")
    known = [*secrets(notebook), TYPED]
    saved = notebook.save()
    assert problems(saved) == []
    assert leaks(json.dumps(saved), known) == []


def test_no_secret_is_in_the_file_with_widget_state(fresh: Fresh) -> None:
    """While a link waits for a person it holds its state, or it would not work; before and after nothing does."""
    notebook = fresh(START, "form = OAuth2Form()\nform", "tokens.panel()")
    started(notebook)
    fill_in(notebook)
    type_in(notebook, "State", TYPED)
    type_in(notebook, "Resource", f"https://user:{TYPED}@api.example")
    until(lambda: "set, " in (field(notebook, "Resource").get_attribute("placeholder") or ""), "it is taken out")
    known = [*secrets(notebook), TYPED]
    with widget_state_is_saved(notebook):
        before = json.dumps(notebook.save())
        notebook.click("Get new access token")
        notebook.page.locator(".jupyter-widgets a[target=_blank]").wait_for()
        notebook.click("Stop")
        notebook.wait_for("No token: not finished", 1)
        after = json.dumps(notebook.save())
    for raw in (before, after):
        assert "set, 32 characters" in raw
        assert leaks(raw, known) == []
