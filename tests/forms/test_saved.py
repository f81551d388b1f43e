"""A notebook with the form and the panel, saved with the state of its widgets, as nbclient and papermill do."""

from __future__ import annotations

import json
import os

import nbclient
import nbformat
import pytest

from tests.saved import REPOSITORY, leaks, machine_paths

START = """
import json, os, pathlib
from mcp_oauth_nb import OAuth2Form, Parameter, PlainServer, tokens
server = PlainServer()
form = OAuth2Form("alice", **server.endpoints, client_id=server.client_id, client_secret=server.client_secret,
                  browser="follow", token_params=[Parameter("X-Key", "a-header-value-Zk81-"+"Qp-0123456", "header")])
form
"""
TYPE = """
form._sheet.choices["grant"].set_state({"index": 3})
form._sheet.lines["username"].field.set_state({"value": server.username})
form._sheet.lines["password"].field.set_state({"value": server.password})
with_password = server.issuer.replace("//", "//user:a-typed-Zk81-" + "Qp-0123456@") + "/token"
form._sheet.lines["token_url"].field.set_state({"value": with_password})
form._sheet.lines["token_url"].set(server.endpoints["token_url"])
form.settings, form.code
"""
RUN = """
import threading
there = threading.Event()
ended = lambda change: ("token is here" in change["new"] or "No token" in change["new"]) and there.set()
form._said.observe(ended, "value")
form.get()
there.wait(30), form.oauth
"""
USE = "panel = tokens.panel()\nform.use()\npanel"
LOOK = """
done = threading.Event()
panel._buttons["Details"].click()
panel._buttons["Refresh"].click()
panel._worker.do(done.set)
_ = done.wait(30), pathlib.Path(os.environ["TOLD"]).write_text(json.dumps(sorted(server.secrets_issued())))
"""
TYPED = ["a-header-value-Zk81-Qp-0123456", "a-typed-Zk81-Qp-0123456"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The file's text, and every secret that was live in it."""
    told = tmp_path_factory.mktemp("told") / "secrets.json"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in (START, TYPE, RUN, USE, LOOK)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOLD", str(told))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
        nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3", store_widget_state=True).execute()
    return nbformat.writes(notebook), json.loads(told.read_text())


def test_it_ran_and_the_state_of_widgets_is_in_the_file(saved):
    raw, secrets = saved
    assert len(secrets) >= 6
    assert "widget-state" in raw
    assert "set, 32 characters" in raw
    assert "The token is kept: tokens['alice']" in raw
    assert "alice is refreshed" in raw


def test_no_secret_is_in_it(saved):
    raw, secrets = saved
    assert leaks(raw, [*secrets, *TYPED]) == []
    assert machine_paths(raw) == []
