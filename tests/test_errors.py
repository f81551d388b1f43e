"""Errors say what was seen, what was expected and what to type next, and hold nothing but text."""

import copy
import pickle
import subprocess
import sys

import pytest

from mcp_oauth_nb.errors import BadSetting, CallbackTimeout, McpOAuthError, NotOurs, NotYet

ERRORS = [
    NotYet("access token", "dbg.token()"),
    BadSetting("url", "'x'", "an http(s) URL", "Debugger('https://host/mcp')"),
    CallbackTimeout(2.5, "http://127.0.0.1:1/callback"),
    NotOurs("notes.ipynb", "no trace in it"),
]
kinds = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)


@kinds
def test_it_is_one_of_ours_and_says_what_to_do(error):
    assert isinstance(error, McpOAuthError)
    assert "expected" in str(error).lower()


@kinds
def test_a_notebook_shows_the_message_alone(error):
    assert error._render_traceback_() == [f"{type(error).__name__}: {error}"]


IN_A_NOTEBOOK = """
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
shell.run_line_magic("xmode", "Verbose")
shell.run_cell("from mcp_oauth_nb import BadSetting, Client, Debugger, OAuth2")
for call in (
    "OAuth2('https://as.example/a', 'https://as.example/t', client_id='i', client_auth='none', client_secret={})",
    "OAuth2('https://as.example/a', 'https://as.example/t', client_id='i', verify=5, client_secret={})",
    "Debugger('https://mcp.example/', protocol='x', client=Client('i', secret={}))",
    "Debugger('https://mcp.example/', access_token={} + chr(10))",
):
    shell.run_cell(call.format("chr(75) * 3 + '-the-secret-4711'"))
"""


def test_a_notebook_in_verbose_mode_shows_no_argument_either():
    done = subprocess.run([sys.executable, "-c", IN_A_NOTEBOOK], capture_output=True, text=True, check=True)
    assert done.stdout.count("BadSetting: ") == 4
    assert "KKK" not in done.stdout + done.stderr


@kinds
def test_it_survives_copying_and_pickling(error):
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(again), str(again)) == (type(error), str(error))


def test_messages():
    assert str(ERRORS[0]) == "there is no access token yet; expected it from an earlier step. Run dbg.token() first."
    assert str(BadSetting("scope", "a list", "text")) == "scope: got a list; expected text."
    assert "within 2.5 s" in str(ERRORS[2])


def test_they_can_be_caught_by_the_usual_bases():
    assert isinstance(ERRORS[1], ValueError)
    assert isinstance(ERRORS[2], TimeoutError)
    assert isinstance(ERRORS[3], ValueError)
