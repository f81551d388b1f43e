"""No marked secret leaves, in any form and from any place; and what is no secret stays readable."""

import base64
import html
import json
import logging
import re
import traceback
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_oauth_nb import redact as redact_module
from mcp_oauth_nb import telltale
from mcp_oauth_nb.records import Exchange, Failure, Request, Response
from mcp_oauth_nb.redact import (
    is_secret_name,
    learn,
    learn_settings,
    looks_random,
    mask_json,
    mask_text,
    redact,
    secret_values,
)
from mcp_oauth_nb.vault import TAG, Vault

URL = "https://mcp.example.com/mcp"
KINDS = """access_token refresh_token id_token code code_verifier state client_secret client_assertion
registration_access_token session api_key custom_header password cookie""".split()
SECRETS = {kind: f"Mk{n:02}/{kind[::-1]}+x{n * 7919:05}=Zq" for n, kind in enumerate(KINDS)}
"""A uniquely marked secret of every kind, with characters that every encoding writes differently."""
JWT = (
    "eyJhbGciOiJIUzI1NiJ9." + base64.urlsafe_b64encode(json.dumps({"sid": SECRETS["code"]}).encode()).decode() + ".c2ln"
)


def json_response(value, status=200, headers=()):
    return Response(status, "OK", (("Content-Type", "application/json"), *headers), json.dumps(value).encode())


def flow(vault):
    """The exchanges in which each secret stands where it belongs."""
    form = ("Content-Type", "application/x-www-form-urlencoded")
    basic = base64.b64encode(f"client-1:{quote_plus(SECRETS['client_secret'])}".encode()).decode()
    token_form = {name: SECRETS[name] for name in ("code", "code_verifier", "client_assertion")}
    issued = {name: SECRETS[name] for name in ("access_token", "refresh_token", "id_token")}
    registered = {name: SECRETS[name] for name in ("client_secret", "registration_access_token")}
    bearer = ("Authorization", f"Bearer {SECRETS['access_token']}")
    own = (("X-Tenant-Pass", SECRETS["custom_header"]), ("Mcp-Session-Id", SECRETS["session"]))
    typed = f"https://me:{quote(SECRETS['password'], safe='')}@mcp.example.com/mcp?api_key={quote(SECRETS['api_key'])}"
    cookie = ("Set-Cookie", f"sid={SECRETS['cookie']}; Path=/")
    redirect = urlencode({"code": SECRETS["code"], "state": SECRETS["state"]})
    sent = [
        (Request("POST", typed, own), Response(401, headers=(cookie,))),
        (Request("POST", "https://as.example/register"), json_response(registered, 201)),
        (Request("GET", "https://as.example/authorize?" + urlencode({"state": SECRETS["state"]})), None),
        (Request("GET", "http://127.0.0.1:1/callback?" + redirect), None),
        (
            Request(
                "POST",
                "https://as.example/token",
                (form, ("Authorization", f"Basic {basic}")),
                urlencode(token_form).encode(),
            ),
            json_response(issued),
        ),
        (Request("POST", typed, (bearer, ("Cookie", f"sid={SECRETS['cookie']}"), *own)), json_response({"result": {}})),
    ]
    return [Exchange(n, "step", request, response, vault=vault) for n, (request, response) in enumerate(sent, 1)]


def vault_after_flow():
    vault = Vault(b"key")
    learn_settings(vault, {"X-Tenant-Pass": SECRETS["custom_header"]}, flow(vault)[0].request.url)
    for exchange in flow(vault):
        learn(exchange)
    return vault


def forms(secret):
    """What a reader of a file could look for."""
    yield from (
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        quote(quote(secret, safe=""), safe=""),
    )
    yield re.sub(r"%..", lambda m: m[0].lower(), quote(secret, safe=""))
    yield from (json.dumps(secret)[1:-1], html.escape(secret), secret.encode().hex(), secret.encode().hex().upper())
    for lead in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * lead + secret.encode()).decode()[4:-4]


def everything(shown):
    """All text of a shown exchange, decoded and not."""
    came = shown.response
    parts = [
        shown.request.method,
        shown.request.url,
        repr(shown.request.headers),
        shown.request.body.decode(),
        shown.why,
    ]
    parts += [came.reason, repr(came.headers), came.body.decode()] if came else []
    parts += [shown.failure.message] if shown.failure else []
    return "\n".join((*parts, repr(shown), *shown.edited))


def leaks(text, secrets=SECRETS):
    return [kind for kind, secret in secrets.items() if any(form in text for form in forms(secret))]


def echo(vault, response, **more):
    return redact(Exchange(9, "echo", Request("GET", "https://as.example/"), response, vault=vault, **more))


def echoes():
    """Answers that carry all secrets in one nasty place each."""
    both = "\n".join(SECRETS.values())
    plain = " and ".join(SECRETS.values())
    many = {"list": list(SECRETS.values()), **dict.fromkeys(SECRETS.values(), 1)}
    yield "error_description", json_response({"error": "invalid_grant", "error_description": plain}, 400)
    yield "names and values", json_response(many)
    yield "JSON in JSON", json_response({"text": json.dumps({"text": json.dumps(many)})})
    yield "JSON, all escaped", Response(200, body="".join(f"\\u{ord(c):04x}" for c in both).encode())
    yield "base64", Response(200, body=base64.b64encode(both.encode()))
    yield "hex", Response(200, body=both.encode().hex().encode())
    yield "HTML", Response(400, body=f"<p title='{html.escape(plain)}'>{html.escape(plain)}</p>".encode())
    yield (
        "SSE",
        Response(200, headers=(("Content-Type", "text/event-stream"),), body=f"data: {json.dumps(many)}\n\n".encode()),
    )
    yield "reason", Response(400, reason=plain)
    yield (
        "tool result",
        json_response({"result": {"content": [{"type": "text", "text": f"Authorization: Bearer {plain}"}]}}),
    )
    yield "form", Response(200, body=urlencode(dict.fromkeys(SECRETS.values(), both)).encode())
    for name in ("Location", "Set-Cookie", "WWW-Authenticate", "X-Echo", "Link", "Server", "Refresh"):
        twice = quote(quote(plain, safe=""), safe="")
        yield (
            name,
            Response(302, headers=((name, f"https://a.example/?next={twice}&x={quote_plus(plain)}#y={quote(plain)}"),)),
        )
        yield f"{name} plain", Response(302, headers=((name, f'Bearer error="{plain}"'),))
    yield "names of headers", Response(200, headers=tuple((f"X-{value}", "1") for value in SECRETS.values()))


@pytest.mark.parametrize(("place", "response"), [pytest.param(*one, id=one[0]) for one in echoes()])
def test_no_echoed_secret_leaves(place, response):
    assert leaks(everything(echo(vault_after_flow(), response))) == []


def test_no_secret_leaves_from_its_own_place():
    vault = vault_after_flow()
    assert leaks("".join(everything(redact(exchange)) for exchange in flow(vault))) == []


def test_a_fresh_vault_learns_each_secret_from_the_exchange_itself():
    vault = Vault()
    learn_settings(vault, {"X-Tenant-Pass": SECRETS["custom_header"]}, URL)
    assert leaks("".join(everything(redact(exchange)) for exchange in flow(vault))) == []
    assert set(SECRETS.values()) <= secret_values(flow(vault))


def test_failure_why_and_edited_are_masked_too():
    vault, secret = vault_after_flow(), SECRETS["code"]
    shown = redact(
        Exchange(1, "s", Request("GET", "x"), failure=Failure("dns", secret), why=secret, edited=(secret,), vault=vault)
    )
    assert leaks(everything(shown)) == []


def test_one_secret_has_one_tag_in_all_exchanges():
    vault = vault_after_flow()
    shown = [everything(redact(exchange)) for exchange in flow(vault)]
    for kind, places in {
        "code": (4, 5),
        "access_token": (5, 6),
        "cookie": (1, 6),
        "client_secret": (2, 5),
        "session": (1, 6),
    }.items():
        tag = vault.tag(SECRETS[kind], "")
        assert all(tag in shown[place - 1] for place in places), kind


def test_a_jwt_is_hidden_and_so_are_the_claims_in_it():
    vault = Vault()
    for text in (f"got {JWT}.", f"x={JWT}", f"token%3D{JWT}", f"\\n{JWT}", json.dumps({"any": JWT})):
        masked = mask_text(vault, text)
        assert JWT not in masked
        assert JWT.split(".")[1][:12] not in masked


@pytest.mark.parametrize("keep", range(1, 140, 3))
def test_no_fragment_of_a_cut_body_is_left(keep):
    secret = SECRETS["refresh_token"]
    body = json.dumps(
        {"scope": "a", "note": f"{secret} {quote(secret, safe='')}", "z": base64.b64encode(secret.encode()).decode()}
    )
    for cut in ({"truncated": True}, {}):
        vault = vault_after_flow()
        response = Response(200, body=body.encode()[:keep] if cut else body.encode(), **cut)
        shown = redact(Exchange(1, "s", Request("GET", URL), response, vault=vault), body_bytes=None if cut else keep)
        left = shown.response.body.decode()
        assert shown.response.truncated is (bool(cut) or keep < len(body))
        for form in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()):
            assert not any(form[i : i + 12] in left for i in range(len(form) - 12)), left


@pytest.mark.parametrize("body", ['{"access_token":"cut-off-her', f'{{"x":"{JWT[:40]}', "access_token=cut-off-her"])
def test_a_cut_body_hides_a_secret_that_was_never_seen_whole(body):
    shown = echo(Vault(), Response(200, body=body.encode(), truncated=True)).response.body.decode()
    assert "cut-off-her" not in shown
    assert JWT[:40] not in shown


@given(
    st.text(alphabet=st.characters(codec="utf-8"), min_size=8, max_size=40),
    st.sampled_from(["code", "access_token", "state"]),
)
def test_any_value_under_a_telling_name_is_hidden(value, name):
    vault = Vault()
    url = redact(Exchange(1, "s", Request("GET", f"{URL}?{urlencode({name: value})}"), vault=vault)).request.url
    assert re.fullmatch(rf"{re.escape(URL)}\?{name}=‹[a-z_]+#[0-9a-f]{{6}} {len(value)} chars›", url)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_can_be_masked_and_stays_json(value):
    vault = Vault()
    body = json.dumps(value).encode()
    shown = echo(vault, Response(200, body=body))
    json.loads(shown.response.body)
    assert type(mask_json(vault, value)) is type(value)


@given(
    st.binary(max_size=200),
    st.sampled_from(["application/json", "text/event-stream", "application/x-www-form-urlencoded", ""]),
)
def test_any_bytes_can_be_redacted_and_twice_is_once(body, media_type):
    exchange = Exchange(1, "s", Request("GET", URL), Response(200, headers=(("Content-Type", media_type),), body=body))
    once = redact(exchange)
    assert redact(once).response.body == once.response.body


@example("00000000000 0")
@given(st.text())
def test_any_text_can_be_masked_as_url_header_and_prose(text):
    vault = Vault()
    headers = tuple((name, text) for name in ("Authorization", "Cookie", "Set-Cookie", "Location", "X", text))
    exchange = Exchange(1, text, Request(text, text, headers), Response(200, text, headers), vault=vault, why=text)
    once = redact(exchange)
    assert redact(once) == once


# --- short secrets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["a", "e1", "abc", "xy42", "tiger", "s3cr3t", "letters"])
def test_a_short_secret_is_hidden_in_its_place_and_garbles_nothing_else(secret):
    vault = Vault()
    prose = f"the {secret}x letter x{secret} a tiger abc and a state"
    request = Request(
        "POST",
        f"https://u:{secret}@h.example/p?token={secret}&page=1&state={secret}#code={secret}",
        (
            ("X-Api-Key", secret),
            ("Authorization", f"Bearer {secret}"),
            ("Cookie", f"a={secret}; b={secret}"),
            ("Accept", "a/b"),
        ),
        f"client_secret={secret}&grant_type=authorization_code".encode(),
    )
    inner = json.dumps(json.dumps({"client_secret": secret}))
    body = f'{{"access_token": "{secret}", "password":"{secret}", "note": "{prose}", "in": {inner}}}'
    answer = Response(200, headers=(("Set-Cookie", f"n={secret}; Path=/a"),), body=body.encode())
    shown = redact(Exchange(1, "s", request, answer, vault=vault))
    assert re.sub(r"‹.*?›", "*", shown.request.url) == "https://*@h.example/p?token=*&page=1&state=*#code=*"
    assert [re.sub(r"‹.*?›", "*", value) for _, value in shown.request.headers] == ["*", "Bearer *", "a=*; b=*", "a/b"]
    assert re.sub(r"‹.*?›", "*", shown.request.body.decode()) == "client_secret=*&grant_type=authorization_code"
    masked = json.loads(shown.response.body)
    assert TAG.fullmatch(masked["access_token"])
    assert TAG.fullmatch(masked["password"])
    assert json.loads(masked["in"])["client_secret"].startswith("‹")
    whole_words = len(re.findall(rf"(?<![\w-]){secret}(?![\w-])", prose)) if looks_random(secret) else 0
    assert len(TAG.findall(masked["note"])) == whole_words
    assert re.sub(r"‹.*?›", "*", shown.response.headers[0][1]) == "n=*; Path=/a"


def test_a_custom_header_is_hidden_however_plain_it_is():
    vault = Vault()
    learn_settings(vault, {"X-Env": "prod", "Accept": "text/html", "X-Many": ["one", "two"]}, URL)
    headers = (("X-Env", "prod"), ("x-many", "one"), ("Accept", "text/html"))
    shown = redact(Exchange(1, "s", Request("GET", "https://prod.example.com/", headers), vault=vault))
    assert [bool(TAG.fullmatch(value)) for _, value in shown.request.headers] == [True, True, False]
    assert shown.request.url == "https://prod.example.com/"


OWN_PASSWORDS = ("hunter2!", "s3cret7", "my dog Rex eats 7", "Zürich1")


@pytest.mark.parametrize("secret", OWN_PASSWORDS)
@pytest.mark.parametrize("place", ["header", "query", "userinfo"])
def test_what_the_user_made_up_is_hidden_wherever_the_server_says_it(secret, place):
    """Short, and no machine drew it; but the user handed it in as a secret."""
    typed = quote(secret, safe="")
    url = {"query": f"{URL}?api_key={typed}", "userinfo": f"https://me:{typed}@mcp.example.com/"}.get(place, URL)
    headers = {"X-Tenant-Key": secret} if place == "header" else {}
    vault = Vault()
    learn_settings(vault, headers, url)
    said = f"refused: {secret}, ({secret})"
    answer = Response(400, said, (("X-Echo", said), (f"X-{secret}", "1")), json.dumps({"error": said}).encode())
    shown = redact(Exchange(1, "s", Request("POST", url, tuple(headers.items())), answer, vault=vault))
    assert leaks(everything(shown), {"own": secret}) == []
    assert redact(shown) == shown


@pytest.mark.parametrize("plain", ["prod", "true", "1", "acme-corp", "tenant", "2025-11-25", "eu west", "10.0.0.1"])
def test_plain_words_of_the_user_garble_nothing(plain):
    vault = Vault()
    learn_settings(vault, {"X-Tenant": plain}, f"{URL}?api_key={quote(plain)}")
    said = f"the {plain} is {plain}, since {plain}"
    assert echo(vault, Response(200, body=said.encode())).response.body.decode() == said


def test_a_header_that_the_user_edited_is_hidden():
    request = Request("GET", URL, (("X-Odd", "my-own-key-4711x"), ("X-Other", "stays")))
    shown = redact(Exchange(1, "s", request, Response(200, body=b"my-own-key-4711x"), edited=("headers.X-Odd",)))
    assert TAG.fullmatch(shown.request.headers[0][1])
    assert shown.request.headers[1][1] == "stays"
    assert TAG.fullmatch(shown.response.body.decode())


def test_a_numeric_password_is_hidden_and_the_body_stays_json():
    shown = echo(Vault(), json_response({"password": 12345678, "expires_in": 3600, "code": -32042}))
    assert json.loads(shown.response.body).keys() == {"password", "expires_in", "code"}
    assert TAG.fullmatch(json.loads(shown.response.body)["password"])
    assert json.loads(shown.response.body)["code"] == -32042


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Bearer abc", "Bearer ‹"),
        ("abc", "‹"),
        ("Basic " + base64.b64encode(b"me:pw").decode(), "Basic me:‹"),
        ("Basic !!!", "Basic ‹"),
        ("Basic " + base64.b64encode("me:pässwörd".encode("latin-1")).decode(), "Basic me:‹"),
        ("DPoP x.y.z", "DPoP ‹"),
    ],
)
def test_credentials_keep_their_scheme(value, shown):
    masked = redact(Exchange(1, "s", Request("GET", URL, (("Authorization", value),)))).request.headers[0][1]
    assert masked.startswith(shown)
    assert value.split()[-1] not in masked


def test_a_cookie_without_a_name_is_hidden():
    headers = (("Set-Cookie", "n4m3l3ssv4lu3; Secure"),)
    assert "n4m3l3ss" not in repr(echo(Vault(), Response(200, headers=headers)).response.headers)


def test_the_name_of_a_cookie_that_is_taken_back_is_no_secret():
    headers = (("Set-Cookie", "_interaction_resume=; path=/"), ("Set-Cookie", "_interaction_resume=v4lu3-4711-x9"))
    vault = Vault()
    told = repr(echo(vault, Response(200, headers=headers)).response.headers)
    assert told.count("_interaction_resume=") == 2
    assert "v4lu3" not in told
    assert not [one for one in vault.values() if "resume" in one]


def test_a_user_name_like_the_scheme_is_hidden_in_its_place():
    assert (
        re.sub(r"‹.*?›", "*", redact(Exchange(1, "s", Request("GET", "https://s@h.example/"))).request.url)
        == "https://*@h.example/"
    )
    url = redact(Exchange(1, "s", Request("GET", "https://u:p@ss@h.example/"))).request.url
    assert re.sub(r"‹.*?›", "*", url) == "https://*@h.example/"


# --- nothing else is hidden ------------------------------------------------------------------------------------------

HEALTHY = {
    "protected resource metadata": {
        "resource": URL,
        "authorization_servers": ["https://as.example"],
        "scopes_supported": ["mcp:read", "offline_access"],
        "bearer_methods_supported": ["header"],
        "dpop_bound_access_tokens_required": False,
        "tls_client_certificate_bound_access_tokens": False,
        "authorization_details_types_supported": ["a"],
    },
    "authorization server metadata": {
        "issuer": "https://as.example",
        "authorization_endpoint": "https://as.example/authorize",
        "token_endpoint": "https://as.example/token",
        "revocation_endpoint_auth_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "none",
        ],
        "token_endpoint_auth_method": "client_secret_basic",
        "response_types_supported": ["code", "code id_token"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "code_challenge_methods_supported": ["S256"],
        "check_session_iframe": "https://as.example/session",
        "end_session_endpoint": "https://as.example/logout",
        "id_token_signing_alg_values_supported": ["RS256"],
        "request_uri_parameter_supported": True,
        "authorization_response_iss_parameter_supported": True,
        "authorization_signed_response_alg": "RS256",
    },
    "registration": {
        "client_id": "client-77",
        "client_id_issued_at": 1700000000,
        "client_secret_expires_at": 0,
        "redirect_uris": ["http://127.0.0.1:8765/callback"],
        "response_types": ["code"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
    },
    "JSON-RPC error": {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {"code": -32042, "message": "Authorization required", "data": {}},
    },
    "error with code": {"error": "invalid_request", "code": "not_found", "state": "inactive", "key": "primary"},
    "error by class": {"code": "InvalidRequest", "state": "Active", "token": "required", "session": "closed since v2"},
    "error by number": {"code": "AADSTS50011", "error_codes": [50011], "key": "E1001", "ticket": "ERR-404"},
    "error in words": {
        "error": "invalid_token",
        "error_description": "The Bearer authentication failed; token=expired",
    },
    "MCP": {
        "result": {"progressToken": "step-1", "nextCursor": "abc", "maxTokens": 100, "total_tokens": 12345, "_meta": {}}
    },
    "token answer": {"token_type": "Bearer", "expires_in": 3600, "scope": "mcp:tools", "not_before_policy": 0},
}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_document_stays_as_it_is(name):
    vault = vault_after_flow()
    document = HEALTHY[name]
    body = json.dumps(document, indent=2).encode()
    assert echo(vault, Response(200, headers=(("Content-Type", "application/json"),), body=body)).response.body == body
    assert mask_json(vault, document) == document


@pytest.mark.parametrize(
    "header",
    [
        ("WWW-Authenticate", f'Bearer resource_metadata="{URL}", scope="mcp:tools", error="invalid_token"'),
        ("WWW-Authenticate", 'Bearer error_description="Bearer authorization header missing or malformed"'),
        ("WWW-Authenticate", f"Bearer resource_metadata={URL}, scope=a"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Expose-Headers", "Mcp-Session-Id, WWW-Authenticate"),
        ("X-RateLimit-Remaining-Tokens", "1999"),
        ("Location", "https://as.example/login?error=access_denied&error_description=no+token"),
    ],
)
def test_a_healthy_header_stays_as_it_is(header):
    vault = vault_after_flow()
    assert echo(vault, Response(401, headers=(header,))).response.headers == (header,)
    healthy = HEALTHY["authorization server metadata"]
    assert mask_json(vault, healthy) == healthy, "nothing was learned from it that would hide words elsewhere"


def test_the_requests_of_a_flow_stay_readable():
    query = {
        "response_type": "code",
        "client_id": "client-77",
        "redirect_uri": "http://127.0.0.1:8765/callback",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        "scope": "mcp:tools offline_access",
        "resource": URL,
    }
    url = "https://as.example/authorize?" + urlencode(query)
    body = urlencode({"grant_type": "authorization_code", "token_type_hint": "access_token", **query}).encode()
    shown = redact(Exchange(1, "s", Request("POST", url, (), body)))
    assert (shown.request.url, shown.request.body) == (url, body)


@pytest.mark.parametrize(
    "name",
    [
        "accessToken",
        "refreshToken",
        "clientSecret",
        "X-Auth-Token",
        "my_api_key",
        "idToken",
        "X-CSRFToken",
        "x-functions-key",
    ],
)
def test_telling_names(name):
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["tokenEndpoint", "token_type", "client_id", "code_challenge", "keys", "progressToken", "scope", "iss"]
)
def test_names_that_only_look_telling(name):
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "value", ["not_found", "InvalidRequest", "2025-11-25", "E1001", "ERR_404", "S256", "a b c", "v2.1", ""]
)
def test_plain_words(value):
    assert not looks_random(value)


@pytest.mark.parametrize(
    "value", ["SplxlOBeZQQYbYS6WxSbIA", "550e8400-e29b-41d4-a716-446655440000", "s3cr3t", "a1b2c3d4", "q" * 40]
)
def test_random_values(value):
    assert looks_random(value)


def test_the_kind_in_a_tag_is_never_the_servers_word():
    vault = vault_after_flow()
    name = f"{SECRETS['code']}_token"
    assert leaks(mask_text(vault, json.dumps({name: "v4lu3-v4lu3"}))) == []
    assert telltale.kind_of(f"marker-{'x' * 30}-token") == "token"


# --- other ways out --------------------------------------------------------------------------------------------------


def test_a_shown_exchange_leaks_nothing_in_logs_and_tracebacks(caplog):
    shown = [redact(exchange) for exchange in flow(vault_after_flow())]
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("got %s and %r", shown, shown[0].request)
    try:
        raise RuntimeError(f"failed at {shown}")
    except RuntimeError:
        assert leaks(traceback.format_exc() + caplog.text) == []


@pytest.mark.timeout(60)
def test_a_megabyte_of_tokens_is_learned_and_masked():
    """Ten thousand different tokens in one body: what is learned does not slow down what is masked."""
    items = [{"session_id": f"Zk{n:09}qW", "text": "word " * 14} for n in range(10_000)]
    shown = echo(Vault(), json_response(items))
    assert b"Zk0" not in shown.response.body


def test_a_text_is_learned_from_once_and_masked_each_time(monkeypatch):
    """An exchange is shown many times; every display asks for the same."""
    asked = []
    seen = redact_module.jwts
    monkeypatch.setattr(redact_module, "jwts", lambda text: asked.append(text) or seen(text))
    vault = Vault()
    exchange = Exchange(1, "s", Request("GET", URL), Response(200, body=f"token: {JWT}".encode()), vault=vault)
    first = redact(exchange)
    times = len(asked)
    assert redact(exchange) == first
    assert len(asked) == times
    assert JWT not in everything(first)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "hostile", ["eyJ", "\\", '"a":"', "a=", "bearer ", "//", "%25", "&", "{", '\\"', "'", "token=", "eyJabcdefghijk.."]
)
def test_a_megabyte_of_anything_is_masked(hostile):
    body = (hostile * (1_000_000 // len(hostile) + 1)).encode()
    echo(vault_after_flow(), Response(200, headers=(("Content-Type", "application/json"),), body=body, truncated=True))
