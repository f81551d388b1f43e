"""The form: the fields of each grant, what they come to, and that no widget, display or code holds a secret."""

from __future__ import annotations

import threading

import httpx
import pytest

from mcp_oauth_nb import BadSetting, NotYet, OAuth2, Parameter
from mcp_oauth_nb.forms.fields import FIELD, FIELDS, NAMES_OF_GRANTS, is_needed, suits
from mcp_oauth_nb.forms.form import ARGUMENTS, LONGEST_ROUTE, OAuth2Form
from mcp_oauth_nb.oauth2_arguments import AUTH_METHODS, ENDPOINTS, GRANTS, NEEDED, ONLY_FOR
from tests.forms.conftest import VERIFIER, WAIT_S, done, run, state, typed
from tests.markup import read_markup
from tests.saved import leaks

SECRET = "s3cret-Zk81-value-Qp-of-the-test"
URLS = {"authorization_url": "https://as.example/authorize", "token_url": "https://as.example/token"}


def fields(form: OAuth2Form) -> set[str]:
    """The fields that are in sight."""
    return {name for name, widget in form._sheet.widgets.items() if widget.layout.display != "none"}


def test_every_field_is_an_argument_and_every_table_is_whole():
    assert {field.name for field in FIELDS} <= ARGUMENTS
    assert set(NAMES_OF_GRANTS) == set(GRANTS)
    assert {*ENDPOINTS, *ONLY_FOR, "refresh_url"} <= FIELD.keys()
    assert [value for _, value in FIELD["client_auth"].options] == ["", *AUTH_METHODS]


@pytest.mark.parametrize("grant", GRANTS)
def test_the_fields_of_a_grant(grant):
    form = OAuth2Form()
    typed(form._sheet.choices["grant"], grant)
    seen = fields(form)
    assert set(NEEDED[grant]) <= seen
    assert seen >= {"grant", "client_id", "scope", "audience", "resource", "issuer"}
    assert {name for name, grants in ONLY_FOR.items() if grant not in grants}.isdisjoint(seen)
    assert not any(FIELD[name].advanced for name in seen)
    form._advanced.value = True
    assert fields(form) == {field.name for field in FIELDS if suits(field.name, grant)}
    assert form._sheet.lines["token_url"].field.description == (
        "Access token URL *" if is_needed("token_url", grant) else "Access token URL"
    )


def test_what_only_another_grant_takes_is_left_out_and_comes_back():
    form = OAuth2Form(grant="password", **URLS, username="alice", password=SECRET, client_id="id")
    assert form.settings["username"] == "alice"
    typed(form._sheet.choices["grant"], "client_credentials")
    assert not {"username", "password", "authorization_url"} & form.settings.keys()
    typed(form._sheet.choices["grant"], "password")
    assert form.settings["password"] == SECRET


def test_the_settings_are_the_arguments():
    given = {
        "grant": "authorization_code_pkce",
        **URLS,
        "client_id": "id",
        "client_secret": SECRET,
        "client_auth": "body",
        "redirect_uri": "http://127.0.0.1:8765/callback",
        "browser": "follow",
        "scope": "read write",
        "state": "my-own-state-0123",
        "pkce_method": "plain",
        "code_verifier": VERIFIER,
        "audience": ["https://a.example", "https://b.example"],
        "resource": "https://api.example",
        "header_prefix": "",
        "token_in": "url",
        "token_params": [Parameter("tenant", "t1"), Parameter("X-Key", SECRET, "header")],
        "verify": False,
    }
    form = OAuth2Form(**given)
    assert dict(form.settings) == given
    assert OAuth2(**form.settings).grant == "authorization_code"


@pytest.mark.parametrize("grant", GRANTS)
def test_the_longest_route_has_a_place_for_every_step(grant):
    urls = {"issuer": "https://as.example", "api_url": "https://api.example"}
    more = {"username": "a", "password": SECRET} if grant == "password" else {}
    assert len(OAuth2(grant=grant, client_id="id", **urls, **more).route()) <= LONGEST_ROUTE


@pytest.mark.parametrize("name", ["client_secret", "password", "state", "code_verifier", "nonce"])
def test_a_secret_is_out_of_its_field_once_it_has_arrived(name, messages):
    form = OAuth2Form()
    line = form._sheet.lines[name]
    typed(line.field, SECRET)
    assert line.value == SECRET
    assert line.field.value == ""
    assert line.field.placeholder == f"set, {len(SECRET)} characters"
    assert leaks(state() + "".join(messages), [SECRET]) == []
    line._forget.click()
    assert line.value == ""
    assert "set" not in line.field.placeholder


def test_a_secret_in_a_url_or_a_parameter_is_held_back_too(messages):
    form = OAuth2Form()
    url = f"https://user:{SECRET}@as.example/token"
    typed(form._sheet.lines["token_url"].field, url)
    custom = form._sheet.custom["token_params"]
    custom.add(None)
    row = custom._rows[0]
    typed(row.value.field, "blue")
    assert row.value.field.value == "blue"
    typed(row.name, "client_assertion")
    assert row.value.field.value == ""
    typed(row.value.field, SECRET)
    typed(form._name.field, "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl")
    assert form.settings["token_url"] == url
    assert form.settings["token_params"][0].value == SECRET
    everything = state() + "".join(messages) + repr(form.settings) + str(form.code) + repr(form)
    assert leaks(everything, [SECRET, "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"]) == []
    row.remove.click()
    assert "token_params" not in form.settings


def test_the_code_makes_the_same_flow(monkeypatch):
    form = OAuth2Form(
        **URLS,
        client_id="id",
        client_secret=SECRET,
        token_params=[Parameter("tenant", "t1"), Parameter("X-Key", SECRET, "header")],
        access_token=SECRET,
        verify=False,
    )
    code = str(form.code)
    assert SECRET not in code + repr(form.settings) + form.code._repr_mimebundle_()["text/html"]
    assert "client_secret=getpass('client_secret: ')" in code
    asked = []
    monkeypatch.setattr("getpass.getpass", lambda prompt: asked.append(prompt) or SECRET)
    made = {}
    exec(code, made)
    assert sorted(asked) == ["X-Key: ", "access_token: ", "client_secret: "]
    assert made["oauth"].client.secret == SECRET


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"colour": "blue"}, "no OAuth2"),
        ({"grant": "magic"}, "one of authorization_code_pkce"),
        ({"token_url": 5}, "a int"),
        ({"browser": "firefox"}, "'follow'"),
        ({"token_params": 5}, "a list of Parameter"),
    ],
)
def test_what_cannot_be_filled_in_is_refused(given, words):
    with pytest.raises(BadSetting, match=words):
        OAuth2Form(**given)


def test_a_mistake_is_said_at_the_form(cell):
    form = OAuth2Form(token_url=f"https://as.example/{SECRET}#fragment", grant="client_credentials", client_id="id")
    form.show()
    typed(form._sheet.lines["client_secret"].field, SECRET)
    run(form)
    assert "Access token URL (token_url): got" in form._said.value
    assert "http(s) URL without fragment" in form._said.value
    assert SECRET not in form._said.value
    typed(form._sheet.lines["token_url"].field, "")
    run(form)
    assert "(token_url): got none" in form._said.value
    with pytest.raises(NotYet, match=r"form\.get"):
        _ = form.oauth


def filled(server, cell, tokens, grant):
    """A form as a person fills it in."""
    form = OAuth2Form("alice", keep_in=tokens)
    form.show()
    typed(form._sheet.choices["grant"], grant)
    given = {**server.endpoints, "client_id": server.client_id, "api_url": server.api_url, "scope": "read"}
    if grant != "implicit":
        given["client_secret"] = server.client_secret
    if grant == "password":
        given |= {"username": server.username, "password": server.password}
    if grant == "device":
        given["device_url"] = server.device_url
        form._more["browser"] = httpx.get
    if suits("browser", grant):
        typed(form._sheet.choices["browser"], False)
    for name, value in given.items():
        typed(form._sheet.lines[name].field, value)
    return form


@pytest.mark.parametrize("grant", GRANTS)
def test_a_token_by_every_grant(grant, server, cell, tokens, messages):
    form = filled(server, cell, tokens, grant)
    run(form)
    assert "The token is here" in form._said.value
    assert form.oauth.diagnose().status in ("passed", "warned")
    assert cell.text.count("[PASSED]") + cell.text.count("[WARNED]") >= len(form.runner.route)
    form._submit(form._use)
    done(form._worker)
    assert tokens.selected.name == "alice"
    with httpx.Client(auth=tokens.auth) as client:
        assert client.get(server.api_url).status_code == 200
    assert f"Grant type: {NAMES_OF_GRANTS[grant]}" in cell.text
    assert "application/vnd.jupyter.widget-view+json" not in "".join(map(str, cell.outputs))
    assert "The token is kept: tokens['alice']" in cell.text
    for made in cell.outputs:
        assert read_markup(made["text/html"]).problems == []
    secrets = server.secrets_issued()
    assert len(secrets) >= 3
    everything = [
        *cell.ever,
        *messages,
        state(),
        str(form.code),
        repr(form.settings),
        repr(form),
        repr(form._sheet.lines),
    ]
    user_codes = {one for one in secrets if len(one) == 9}
    assert leaks("".join(cell.outputs[-1].values()) + everything[-1], secrets) == []
    assert leaks("\n".join(everything), secrets - user_codes) == []


def test_a_flow_that_fails_says_where(server, cell, tokens):
    form = filled(server, cell, tokens, "password")
    typed(form._sheet.lines["password"].field, "not the password of anybody")
    run(form)
    assert "No token: failed at step 1 of 2" in form._said.value
    assert form._use_button.disabled
    with pytest.raises(NotYet):
        form.use()
    typed(form._sheet.lines["password"].field, server.password)
    run(form)
    assert "The token is here" in form._said.value
    assert cell.text.count("[FAILED]") == 0


def test_stop_before_every_request(server, cell, tokens):
    form = filled(server, cell, tokens, "client_credentials")
    typed(form._stepwise, True)
    run(form)
    assert "POST" in cell.text
    assert "[NOT RUN]" in cell.text
    assert form.runner.status == "not finished: step 1 of 2"
    for _ in form.runner.route:
        form.runner._buttons["Continue"].click()
    done(form.runner._worker, form._worker)
    assert "The token is here" in form._said.value


def test_stop_ends_the_waiting_for_a_person(server, cell, tokens):
    form = filled(server, cell, tokens, "authorization_code_pkce")
    typed(form._sheet.choices["browser"], True)
    waiting = threading.Event()
    form._get_button.click()
    done(form._worker)
    form.runner._link.observe(lambda _: waiting.set(), "value")
    if not form.runner._link.value:
        assert waiting.wait(WAIT_S)
    form.runner._buttons["Stop"].click()
    done(form.runner._worker, form._worker)
    assert "No token: not finished" in form._said.value


def test_a_second_flow_takes_the_place_of_the_first(server, cell, tokens):
    form = filled(server, cell, tokens, "authorization_code_pkce")
    typed(form._sheet.choices["browser"], True)
    form._get_button.click()
    done(form._worker)
    first = form.runner
    typed(form._sheet.choices["grant"], "client_credentials")
    run(form)
    done(first._worker)
    assert form.runner is not first
    assert "Authorization request" not in cell.text
    assert "The token is here" in form._said.value


def test_shown_again_it_leaves_the_first_cell(cell):
    form = OAuth2Form()
    form.show()
    form.show()
    first, second = cell.outputs[: 1 + LONGEST_ROUTE + 1], cell.outputs[2 + LONGEST_ROUTE :]
    assert {made["text/plain"] for made in first} == {"Shown again by a later cell."}
    assert "application/vnd.jupyter.widget-view+json" in second[0]
    form._submit(lambda: form._end("Run this cell again to fill it in."))
    done(form._worker)
    assert "Run this cell again" in second[0]["text/plain"] or "Run this cell again" in cell.text


def test_a_pasted_redirect_is_in_no_widget(server, cell, tokens, messages):
    form = filled(server, cell, tokens, "authorization_code_pkce")
    typed(form._sheet.choices["browser"], True)
    waiting = threading.Event()
    form._get_button.click()
    done(form._worker)
    form.runner._link.observe(lambda _: waiting.set(), "value")
    if not form.runner._link.value:
        assert waiting.wait(WAIT_S)
    redirect = httpx.get(form.oauth.authorization_url).headers["location"]
    typed(form.runner._paste.field, redirect)
    code = redirect.partition("code=")[2].partition("&")[0]
    assert code in server.secrets_issued()
    assert leaks(state() + "".join(messages), [code]) == []
    form.runner._on_paste()
    done(form.runner._worker, form._worker)
    assert "The token is here" in form._said.value
    assert leaks(state() + "".join(messages) + "".join(cell.ever), [code]) == []
