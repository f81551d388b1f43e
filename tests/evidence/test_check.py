"""Secrets in every corner of a notebook, in every encoding: found, named, replaced, and never repeated."""

from __future__ import annotations

import base64
import html
import json
import os
import random
import string
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import nbformat
import pytest

from mcp_oauth_nb import BadSetting, Debugger, DemoServer, Trace, check, scrub
from mcp_oauth_nb.evidence.scrub import scrubbed, scrubbed_bytes
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.vault import TAG
from tests.leaks import assert_no_leak, shown

ROOT = Path(__file__).parents[2]
SECRET = "k9Qz-marked/0WnV+7b3Xy_LpT5rM2eH8"
UNKNOWN = Trace()
PEM_BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6MX0.bWFya2VkLXNpZ25hdHVyZS0x"
BASIC = base64.b64encode(b"client-1:pa55-w0rd-marked").decode()
SHAPES = {
    "jwt": (f"it was {JWT} that failed", JWT),
    "code": ("http://127.0.0.1:9/callback?code=Xb7kQ92mmZp0&iss=a", "Xb7kQ92mmZp0"),
    "state": ("https://as/authorize?client_id=a&state=q8W2e4R6t8Y0", "q8W2e4R6t8Y0"),
    "access_token": ('{"access_token": "at-77xKq0pLmN42", "token_type": "Bearer"}', "at-77xKq0pLmN42"),
    "refresh_token": ("refresh_token=rt-55Jw8sVbQ1xZ0&grant_type=refresh_token", "rt-55Jw8sVbQ1xZ0"),
    "client_secret": ('client_secret = "s3cr3t-0f-Cl1ent-42"', "s3cr3t-0f-Cl1ent-42"),
    "yaml": ("client_secret: s3cr3t-0f-Cl1ent-43\n", "s3cr3t-0f-Cl1ent-43"),
    "basic": (f"Authorization: Basic {BASIC}", BASIC),
    "bearer": ("Authorization: Bearer mF_9.B5f-4.1JqM77", "mF_9.B5f-4.1JqM77"),
    "dpop": ("Authorization: DPoP Kz~8lXK9EwOiAzz9Ju_h", "Kz~8lXK9EwOiAzz9Ju_h"),
    "proof": (f"DPoP: {JWT}", JWT),
    "pem": (f"-----BEGIN PRIVATE KEY-----\n{PEM_BODY}\n-----END PRIVATE KEY-----", PEM_BODY),
    "jwk": ('{"kty": "EC", "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}', "jpsQnnGQmL-YBIffH1136cspYG6"),
    "cookie": ("> Cookie: theme=dark; sid=31d4d96e407aad42", "31d4d96e407aad42"),
    "set-cookie": ("Set-Cookie: sid=42d4d96e407aad31; Path=/; HttpOnly", "42d4d96e407aad31"),
    "session": ("Mcp-Session-Id: 1868a90c-7e4b-4c2a-9d53", "1868a90c-7e4b-4c2a-9d53"),
    "userinfo": ("https://alice:pa55w0rd9@mcp.example.com/", "pa55w0rd9"),
    "api key": ("curl -H 'X-Api-Key: 9f8e7d6c5b4a3210'", "9f8e7d6c5b4a3210"),
    "issued": ("ghp_" + "a1B2" * 9, "a1B2a1B2a1B2"),
}
ENCODINGS = {
    "plain": str,
    "url": lambda text: quote(text, safe=""),
    "url twice": lambda text: quote(quote(text, safe=""), safe=""),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of more": lambda text: base64.b64encode(f"a{text}bc".encode()).decode(),
    "base64 of yet more": lambda text: base64.b64encode(f"ab{text}c".encode()).decode(),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 in lines": lambda text: base64.encodebytes(f"{'x' * 40}{text}{'y' * 40}".encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "json": lambda text: json.dumps(text).replace("/", "\\/"),
    "json in json": lambda text: json.dumps(json.dumps({"a": text}).replace("/", "\\/")),
    "escapes": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    "html": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "markup": lambda text: f"<b>{html.escape(text[:9])}</b><i>{html.escape(text[9:])}</i>",
    "colours": lambda text: f"\x1b[31m{text[:7]}\x1b[0m\x1b[1;32m{text[7:]}\x1b[0m",
    "adjacent": lambda text: f'token = ("{text[:8]}"\n         "{text[8:]}")',
    "list": lambda text: repr([text[:8], text[8:]]),
    "fragment": lambda text: f"it starts with {text[:13]} and so on",
    "middle": lambda text: f"...{text[9:22]}...",
}


def notebook(**places: object) -> dict[str, object]:
    """A notebook with texts in the places named."""
    text = {name: places.get(name, "nothing") for name in CORNERS}
    output = {"output_type": "display_data", "metadata": {"a": text["output metadata"]}}
    data = {"text/plain": text["plain"], "text/html": [text["html"]], "application/json": {"a": [text["json"]]}}
    other = {"application/x-odd+json": text["other"], "image/svg+xml": text["svg"]}
    state = {"m1": {"model_name": "TextModel", "model_module": "c", "state": {"value": text["widget"]}}}
    widgets = {"application/vnd.jupyter.widget-state+json": {"version_major": 2, "version_minor": 0, "state": state}}
    lines = [f"{line}\n" for line in str(text["source"]).split("\n")]
    code = {
        "cell_type": "code",
        "id": "a",
        "execution_count": 1,
        "metadata": {"note": text["cell metadata"], str(text["key"]): 1},
        "source": lines,
        "outputs": [
            {"output_type": "stream", "name": "stdout", "text": [str(text["stream"])]},
            {**output, "data": {**data, **other}},
            {"output_type": "error", "ename": "E", "evalue": text["evalue"], "traceback": ["x", text["traceback"]]},
        ],
    }
    attached = {"a.txt": {"text/plain": base64.b64encode(str(text["attachment"]).encode()).decode()}}
    markdown = {
        "cell_type": "markdown",
        "id": "b",
        "metadata": {},
        "source": text["markdown"],
        "attachments": attached,
    }
    metadata = {"title": text["metadata"], "widgets": widgets}
    return {"cells": [code, markdown], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


CORNERS = (
    "source", "stream", "plain", "html", "json", "other", "svg", "output metadata", "evalue", "traceback",
    "cell metadata", "key", "attachment", "markdown", "metadata", "widget",
)  # fmt: skip

OUTPUTS = ("text/plain", "text/html", "application/json", "another mimetype", "image/svg+xml", "output metadata")
IN_CODE = ("source", "cell metadata", "output 1, stream text", "output 3, error", "output 3, traceback")
PLACES = {
    *((1, f"output 2, {name}") for name in OUTPUTS),
    *((1, name) for name in IN_CODE),
    *((2, name) for name in ("source", "attachment")),
    *((None, name) for name in ("notebook metadata", "widget state")),
}


def knows(*secrets: str) -> Trace:
    trace = Trace()
    for secret in secrets or (SECRET,):
        trace.vault.learn(secret, "access_token")
    return trace


def put(folder: Path, content: object, name: str = "a.ipynb") -> Path:
    file = folder / name
    file.write_text(content if isinstance(content, str) else json.dumps(content, indent=1, ensure_ascii=False))
    return file


def pieces(secret: str, size: int = 12) -> set[str]:
    return {secret[at : at + size] for at in range(max(1, len(secret) - size + 1))}


def told(made: object) -> list[str]:
    return [repr(made), str(made), *render(made).values(), *map(repr, made.leaks)]


def mend(file: Path, known: Trace) -> str:
    """Scrub a file and hold what must hold of it; returns the text."""
    assert_no_leak(told(scrub(file, known=known)), pieces(SECRET))
    after = file.read_text()
    assert check(file, known).clean, str(check(file, known))
    assert scrub(file, known=known).leaks == ()
    assert file.read_text() == after
    return after


def cells(made: object) -> set[tuple[int | None, str]]:
    return {(leak.cell, leak.place) for leak in made.leaks}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_known_secret_is_found_and_mended_in_every_corner_and_encoding(tmp_path, encoding):
    known = knows()
    text = f"before {ENCODINGS[encoding](SECRET)} after"
    file = put(tmp_path, notebook(**dict.fromkeys(CORNERS, text)))
    made = check(file, known)
    assert cells(made) == PLACES
    assert len(made.leaks) >= len(CORNERS)
    assert_no_leak(told(made), pieces(SECRET))
    expected = known.vault.tag(SECRET, "access_token")
    assert {leak.tag for leak in made.leaks} == {expected}
    after = mend(file, known)
    nbformat.validate(nbformat.reads(after, as_version=4))
    assert_no_leak([after], pieces(SECRET))
    assert after.count(expected) >= len(CORNERS) - 1
    state = json.loads(after)["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    assert state["m1"]["state"]["value"] == ""


@pytest.mark.parametrize("shape", SHAPES)
def test_a_secret_of_nobody_known_is_found_by_its_shape(tmp_path, shape):
    text, secret = SHAPES[shape]
    file = put(tmp_path, notebook(**dict.fromkeys(CORNERS, text)))
    made = check(file, UNKNOWN)
    assert cells(made) == PLACES
    assert len(made.leaks) >= len(CORNERS)
    assert_no_leak(told(made), pieces(secret, 6))
    after = mend(file, UNKNOWN)
    assert_no_leak([after], [secret])
    nbformat.validate(nbformat.reads(after, as_version=4))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("encoding", ["url", "url twice", "json", "json in json", "html"])
def test_a_shape_is_found_under_its_escapes(tmp_path, shape, encoding):
    text, secret = SHAPES[shape]
    file = put(tmp_path, f"log: {ENCODINGS[encoding](text)}\n", "a.log")
    assert not check(file, UNKNOWN).clean
    assert_no_leak([mend(file, UNKNOWN)], [secret])


DRAWN, LETTERS = "Zk3vQ9xL2mN8pT5wY7bC1dF4gH6jK0sA", "ZkvQxLmNpTwYbCdFgHjKsAqWeRtYuIoP"
NO_JSON = {
    "a dictionary of Python": "{{'access_token': '{}', 'ok': True}}",
    "a set of Python": "{{'access_token={}'}}",
    "a list of Python": "[('client_secret', '{}')]",
    "an object of JavaScript": "{{access_token: '{}'}}",
    "JSON with comments": '{{\n  // "access_token": "{}",\n  "a": 1\n}}',
    "words between members": '{{"a": 1 access_token={} , "b": 2}}',
}


@pytest.mark.parametrize("form", NO_JSON)
@pytest.mark.parametrize("known", [True, False])
def test_what_begins_like_json_and_is_none_is_one_text(tmp_path, form, known):
    text = NO_JSON[form].format(DRAWN)
    trace = knows(DRAWN) if known else UNKNOWN
    attached = {"a.txt": {"text/plain": base64.b64encode(text.encode()).decode()}}
    page = {"cells": [{"cell_type": "markdown", "attachments": attached}], "nbformat": 4}
    for file in (put(tmp_path, text, "a.txt"), put(tmp_path, page)):
        assert not check(file, trace).clean
        assert DRAWN not in mend(file, trace)
        assert check(file, trace).clean
    clean, _ = scrubbed(text, ())
    assert DRAWN not in clean


def test_a_number_under_the_name_of_a_secret_is_one(tmp_path):
    text = '{"password": 904417112233, "otp": 123456, "expires_in": 36000000, "code": -32042, "n": [12345678, 1.5e10]}'
    file = put(tmp_path, text, "a.json")
    assert [leak.kind for leak in check(file, UNKNOWN).leaks] == ["password", "otp"]
    after = json.loads(mend(file, UNKNOWN))
    assert TAG.fullmatch(after["password"])
    assert TAG.fullmatch(after["otp"])
    assert {**after, "password": 0, "otp": 0} == {**json.loads(text), "password": 0, "otp": 0}


def test_a_known_secret_of_digits_is_found_among_numbers(tmp_path):
    known = knows("904417112233", "4711")
    file = put(tmp_path, '\ufeff{"a": 904417112233, "b": [904417112233, 1], "c": 4711, "d": 47110}', "a.json")
    assert len(check(file, known).leaks) == 3
    assert json.loads(mend(file, known).removeprefix("\ufeff"))["d"] == 47110


BESIDE = {
    "a header": "Authorization: Bearer {}",
    "a code in a URL": "http://127.0.0.1:9/cb?code={}&state=abc",
    "a fragment of a URL": "http://127.0.0.1/cb#access_token={}&token_type=bearer",
    "a form": "curl -d 'client_secret={}&grant_type=refresh_token' https://x/",
    "a cookie": "Cookie: sid={}",
    "a member": '{{"access_token": "{}"}}',
    "a header in a pair": '{{"name": "Authorization", "value": "Bearer {}"}}',
    "a pair of members": "[{{'name': 'client_secret', 'value': '{}'}}]",
    "a pair, value first": '{{"value": "{}", "name": "client_secret"}}',
    "a tuple": "[('client_secret', '{}')]",
    "a tuple of bytes": "[(b'x-api-key', b'{}')]",
    "a list in a list": '[["x-api-key", "{}"]]',
    "cells of a table": "<table><tr><td>access_token</td>\n<td class='a'>{}</td></tr></table>",
    "a user on a command line": "curl -s -u client:{} https://x.example/token",
    "a user in quotes": "curl --user 'client:{}' https://x.example/token",
    "a symmetric key": '{{"kty": "oct", "k": "{}"}}',
    "a symmetric key of Python": "{{'kty': 'oct', 'k': '{}'}}",
    "a private key of Python": "{{'kty': 'EC', 'd': '{0}{0}'}}",
    "a factor of a private key": '{{"kty": "RSA", "p": "{}"}}',
}


@pytest.mark.parametrize("place", BESIDE)
@pytest.mark.parametrize("secret", [DRAWN, LETTERS], ids=["drawn", "letters"])
def test_a_secret_is_found_by_the_name_beside_it(tmp_path, place, secret):
    text = BESIDE[place].format(secret)
    file = put(tmp_path, text, "a.txt")
    assert not check(file, UNKNOWN).clean
    assert secret not in mend(file, UNKNOWN)
    if place != "a factor of a private key":  # one letter says too little in free text
        assert not check(put(tmp_path, notebook(stream=text)), UNKNOWN).clean


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_basic_credentials_are_found_in_every_encoding(tmp_path, encoding):
    basic = base64.b64encode("client:pässwörd".encode(encoding)).decode()
    file = put(tmp_path, f"Authorization: Basic {basic}", "a.txt")
    assert basic not in mend(file, UNKNOWN)


@pytest.mark.parametrize(
    "text",
    [
        "access_token = getAccessTokenFromTheServerOfTheUser",
        "client_secret=MyVeryLongClientSecretOfTheProject",
        '["client_secret_basic", "client_secret_post"]',
        "grant_types = ('refresh_token', 'authorization_code')",
        "<td>access_token</td><td>the token of the user</td><td>client_secret</td><td>optional</td>",
        "curl -u user:password https://x; curl -u $CLIENT_ID:$CLIENT_SECRET https://x",
        '{"kty": "EC", "k": "a-name-of-16-letters", "use": "sig"}',
        "Basic authentication, basic functionality, basic understanding, basic configuration",
    ],
)
def test_names_of_a_program_are_no_secrets(tmp_path, text):
    assert check(put(tmp_path, text, "a.md"), UNKNOWN).leaks == ()


def test_a_secret_split_over_the_items_of_a_list_is_one(tmp_path):
    known = knows()
    file = put(tmp_path, {"a": [SECRET[:7], SECRET[7:15], SECRET[15:]], "b": ["x"]}, "a.json")
    assert len(check(file, known).leaks) == 1
    assert json.loads(mend(file, known)) == {"a": [known.vault.tag(SECRET, ""), "", ""], "b": ["x"]}


def test_every_session_of_the_process_is_known_unless_one_is_named(tmp_path):
    marked = "plainly-worded-" + "".join(random.choices(string.ascii_letters, k=20))
    dbg = Debugger("https://mcp.example.com/mcp", headers={"X-Tenant": marked})
    dbg.trace.vault.learn(marked, "header")
    file = put(tmp_path, f"seen: {marked}", "a.txt")
    assert not check(file).clean
    assert not check(file, dbg).clean
    assert check(file, UNKNOWN).clean
    with pytest.raises(BadSetting, match="a Debugger, a Trace, or nothing"):
        check(file, 3)


def test_equal_secrets_get_equal_tags_also_in_another_run(tmp_path):
    text = "?code=Xb7kQ92mmZp0 ?code=Xb7kQ92mmZp0 ?code=Yb7kQ92mmZp1"
    first, second = put(tmp_path, text, "a.txt"), put(tmp_path, text, "b.txt")
    tags = TAG.findall(mend(first, UNKNOWN))
    assert tags[0] == tags[1] != tags[2]
    assert mend(second, UNKNOWN) == first.read_text()


def test_a_har_is_read_by_its_pairs(tmp_path):
    body = base64.b64encode(SHAPES["access_token"][0].encode()).decode()
    entry = {
        "request": {
            "headers": [
                {"name": "Cookie", "value": "a=Zx81kkq0pp"},
                {"value": "Bearer tok-01x23-a8cd", "name": "authorization"},
            ],
            "cookies": [{"name": "a", "value": "Zx81kkq0pp"}],
            "postData": {"params": [{"name": "code_verifier", "value": "vErif1er-vErif1er-vErif1er-vErif1er-0000"}]},
        },
        "response": {"content": {"encoding": "base64", "text": body}},
    }  # fmt: skip
    file = put(tmp_path, {"log": {"entries": [entry]}}, "a.har")
    assert sorted(leak.kind for leak in check(file, UNKNOWN).leaks) == [
        "access_token", "code_verifier", "cookie", "cookie", "token",
    ]  # fmt: skip
    after = mend(file, UNKNOWN)
    assert_no_leak([after], ["Zx81kkq0pp", "tok-01x23-a8cd", "vErif1er-vErif1er", "at-77xKq0pLmN42"])
    json.loads(after)


def test_a_debugging_session_leaves_a_clean_page_and_its_raw_traffic_is_none(tmp_path):
    with DemoServer() as server:
        dbg = Debugger(server.url, browser="follow")
        dbg.run(afterwards=True)
    page = put(tmp_path, notebook(html="\n".join(shown(dbg)), plain=repr(dbg)))
    assert check(page, dbg).leaks == check(page, UNKNOWN).leaks == ()
    raw = [[one.request.url, one.request.headers, one.request.body.decode()] for one in dbg.exchanges]
    raw += [[one.response.headers, one.response.body.decode()] for one in dbg.exchanges if one.response]
    for known in (dbg.trace, UNKNOWN):
        file = put(tmp_path, {"raw": raw}, "raw.json")
        assert len(check(file, known).leaks) > 20
        after = mend(file, known)
        assert_no_leak([after], server.secrets_issued())


def test_what_was_typed_into_a_password_field_is_dropped(tmp_path):
    made = notebook()
    models = made["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    models["m2"] = {"state": {"_model_name": "PasswordModel", "value": "hunter"}}
    file = put(tmp_path, made)
    assert [leak.place for leak in check(file, UNKNOWN).leaks] == ["widget state"]
    assert "hunter" not in mend(file, UNKNOWN)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer <token>",
        "curl -H 'Authorization: Bearer $ACCESS_TOKEN' -d client_secret=${CLIENT_SECRET}",
        "Authorization: Bearer YOUR_ACCESS_TOKEN_HERE",
        "client_secret=your-client-secret-1234&code=example-code-123",
        'Client("id", secret=getpass(), private_key=os.environ["KEY_2"])',
        'access_token = response.json()["access_token"]; token=tokens[0].value',
        '{"code": "not_found", "token_type": "Bearer", "token_endpoint": "https://a/token2"}',
        "the basic authentication of RFC 7617 and bearer authentication of RFC 6750",
        "‹access_token#3f9a1c 43 chars› code=‹code#123abc 12 chars› Bearer ‹token#aaaaaa 9 chars›",
        "code=%E2%80%B9code%23123abc%2012%20chars%E2%80%BA&state=xyz",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        '"signature": "sha256:9f86d081884c7d659a2feaa0c55ad015"',
        "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
        "Cookie: none; Set-Cookie: theme=dark",
    ],
)
def test_examples_code_and_tags_are_no_secrets(tmp_path, text):
    assert check(put(tmp_path, notebook(source=text, plain=text)), UNKNOWN).leaks == ()
    assert check(put(tmp_path, text, "a.md"), UNKNOWN).leaks == ()


@pytest.mark.parametrize(
    "file", [*sorted((ROOT / "notebooks").glob("*.ipynb")), ROOT / "README.md"], ids=lambda f: f.name
)
def test_what_this_repository_ships_is_clean(file):
    assert check(file, UNKNOWN).leaks == ()


@pytest.mark.parametrize(
    "text", ['{"a": ["b"', "[" * 100_000 + "]" * 100_000, "[" * 100_000, '{"a": 1}}', '"' + '\\"' * 99_999, "\udcff{"]
)
def test_what_is_no_notebook_is_searched_all_the_same(tmp_path, text):
    file = tmp_path / "a.ipynb"
    for content in (text, f"{text} ?code=Xb7kQ92mmZp0", f"?code=Xb7kQ92mmZp0 {text}"):
        file.write_bytes(content.encode("utf-8", "surrogateescape"))
        assert check(file, UNKNOWN).clean == (content == text)
        scrub(file, known=UNKNOWN)
        assert check(file, UNKNOWN).clean
        assert text.encode("utf-8", "surrogateescape") in file.read_bytes()


def test_a_secret_at_the_bottom_of_a_deep_file_is_found(tmp_path):
    file = put(tmp_path, "[" * 100_000 + '"?code=Xb7kQ92mmZp0"' + "]" * 100_000, "a.json")
    assert len(check(file, UNKNOWN).leaks) == 1
    assert "Xb7kQ92mmZp0" not in mend(file, UNKNOWN)


def test_a_member_that_stands_twice_is_seen_twice(tmp_path):
    file = put(tmp_path, '{"access_token": "at-77xKq0pLmN42", "access_token": ""}', "a.json")
    assert len(check(file, UNKNOWN).leaks) == 1


def test_what_cannot_be_searched_says_so(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\0\0\0")
    for path, words in (
        (tmp_path / "a.png", "binary"),
        (tmp_path, "no file"),
        (tmp_path / "no", "No such file"),
        (3, "got 'int'; expected the path of a file"),
    ):
        for run in (check, scrub):
            with pytest.raises(BadSetting, match=words):
                run(path)


def test_a_file_that_is_too_large_says_so(tmp_path):
    with (tmp_path / "a.log").open("wb") as stream:
        stream.truncate(300 * 1024 * 1024)
    with pytest.raises(BadSetting, match="more than 256 MiB"):
        check(tmp_path / "a.log")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_the_encoding_of_a_log_stays(tmp_path, encoding):
    (tmp_path / "a.log").write_text("GET /?code=Xb7kQ92mmZp0\r\n", encoding=encoding, newline="")
    assert len(scrub(tmp_path / "a.log", known=UNKNOWN).leaks) == 1
    assert "?code=‹code#" in (tmp_path / "a.log").read_text(encoding=encoding)
    assert check(tmp_path / "a.log", UNKNOWN).clean


def test_all_but_the_secret_keeps_its_form(tmp_path):
    text = '{ "cells" : [],\r\n\t"a":"\\u00e9 \\/ ?code=Xb7kQ92mmZp0" , "b": "\\u00e9 \\/", "n": 1.50e3 }\n\n'
    (tmp_path / "a.json").write_bytes(text.encode())
    scrub(tmp_path / "a.json", known=UNKNOWN)
    after = (tmp_path / "a.json").read_bytes().decode()
    before, _, behind = text.partition('"a":"')
    assert after.startswith(before)
    assert after.endswith(behind.partition('"')[2])


def test_the_original_is_kept_for_its_owner_alone_and_never_lost(tmp_path):
    file = put(tmp_path, "?code=Xb7kQ92mmZp0", "a.txt")
    file.chmod(0o640)
    made = scrub(file, known=UNKNOWN)
    assert (tmp_path / made.original).read_text() == "?code=Xb7kQ92mmZp0"
    assert (tmp_path / "a.txt.orig").stat().st_mode & 0o777 == 0o600
    assert file.stat().st_mode & 0o777 == 0o640
    file.write_text("?code=Yb7kQ92mmZp1")
    assert scrub(file, known=UNKNOWN).original == "a.txt.orig2"
    assert (tmp_path / "a.txt.orig").read_text() == "?code=Xb7kQ92mmZp0"
    file.write_text("?code=Zb7kQ92mmZp1")
    assert scrub(file, keep_original=False, known=UNKNOWN).original == ""
    assert len(list(tmp_path.iterdir())) == 3


def test_a_link_stays_a_link(tmp_path):
    file = put(tmp_path, "?code=Xb7kQ92mmZp0", "a.txt")
    (tmp_path / "link.txt").symlink_to(file)
    scrub(tmp_path / "link.txt", known=UNKNOWN)
    assert (tmp_path / "link.txt").is_symlink()
    assert "Xb7kQ92mmZp0" not in file.read_text()


@pytest.mark.parametrize("broken", ["replace", "fsync"])
def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch, broken):
    file = put(tmp_path, "?code=Xb7kQ92mmZp0", "a.txt")

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((Path, "replace", fails) if broken == "replace" else (os, "fsync", fails)))
    with pytest.raises(BadSetting, match="No space left"):
        scrub(file, known=UNKNOWN)
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]
    assert file.read_text() == "?code=Xb7kQ92mmZp0"


def test_a_process_killed_before_the_last_step_leaves_the_old_file(tmp_path):
    file = put(tmp_path, "?code=Xb7kQ92mmZp0", "a.txt")
    code = (
        "import os, sys; from pathlib import Path; from mcp_oauth_nb import scrub\n"
        "Path.replace = lambda *_: os._exit(9)\n"
        "scrub(sys.argv[1], keep_original=False)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(file)], check=False).returncode == 9
    assert file.read_text() == "?code=Xb7kQ92mmZp0"


def test_five_megabytes_are_searched_in_a_few_seconds(tmp_path):
    rng = random.Random(7)
    image = base64.b64encode(rng.randbytes(1_500_000)).decode()
    row = "<div style='margin:0'><b>GET</b> http://127.0.0.1/a?x=1&amp;y={} token_type: bearer &quot;a&quot;</div>\n"
    outputs = [
        {"output_type": "display_data", "metadata": {}, "data": {"text/html": [row.format(n) for n in range(24_000)]}},
        {"output_type": "display_data", "metadata": {}, "data": {"image/png": image}},
    ]  # fmt: skip
    made = notebook()
    made["cells"][0]["outputs"] = outputs
    file = put(tmp_path, made)
    assert file.stat().st_size > 4_500_000
    known = knows(*("".join(rng.choices(string.ascii_letters, k=43)) for _ in range(50)))
    began = time.process_time()
    assert check(file, known).clean
    assert time.process_time() - began < 10, "about 2 s on an idle machine"


HOSTILE = (
    "eyJ", "token=", "a=", '\\"', "cookie: ", "&amp;", "<a", "%25", "-----BEGIN PRIVATE KEY-----", "a", "?code=",
    "basic ", "bearer ", "authorization: a ", "://", "\x1b[", "eyJaaaaaaaaa.", "[", '{"a":', "['", "‹a#", '"d":',
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_takes_for_ever(tmp_path, text):
    known = knows("a" * 11 + "b1" + "a" * 4000, SECRET)
    file = put(tmp_path, text * (150_000 // len(text)), "a.txt")
    began = time.process_time()
    check(file, known)
    assert time.process_time() - began < 10, "below 1 s on an idle machine"


def run(*arguments: str, given: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "mcp_oauth_nb", *arguments]
    env = {**os.environ, **environment}
    done = subprocess.run(command, check=False, capture_output=True, input=given, timeout=60, env=env)
    assert b"Traceback" not in done.stderr
    assert b"Xb7kQ92mmZp0" not in done.stdout + done.stderr
    return done


def test_the_commands(tmp_path):
    clean, dirty = put(tmp_path, "nothing", "a.txt"), put(tmp_path, "?code=Xb7kQ92mmZp0", "b.txt")
    assert run("check", str(clean)).returncode == 0
    assert run("check", str(clean), str(dirty)).returncode == 1
    assert run("check", str(dirty), str(tmp_path / "no")).returncode == 2
    assert run("check").returncode == 2
    assert run("scrub", "--no-original", str(clean), str(dirty)).returncode == 0
    assert run("check", str(clean), str(dirty)).returncode == 0
    assert run("check", "--secret-env", "MARKED", str(clean), MARKED="nothing").returncode == 1
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.txt", "b.txt"]


@pytest.mark.parametrize("command", ["check", "scrub"])
def test_a_secret_that_is_too_short_to_be_searched_for_says_so(tmp_path, command):
    file = put(tmp_path, "abc is in here", "a.txt")
    done = run(command, "--secret-env", "MARKED", str(file), MARKED="abc")
    assert done.returncode == 2
    assert b"too short to be searched for" in done.stderr
    assert b"abc" not in done.stdout + done.stderr
    assert file.read_text() == "abc is in here"


def test_the_filter_of_git_gives_the_same_every_time():
    first = run("scrub", "-", given=b"?code=Xb7kQ92mmZp0\r\n\xff")
    assert first.returncode == 0
    assert first.stdout.startswith("?code=‹code#".encode())
    assert first.stdout.endswith(b"\r\n\xff")
    assert run("scrub", "-", given=b"?code=Xb7kQ92mmZp0\r\n\xff").stdout == first.stdout
    assert run("scrub", "-", given=first.stdout).stdout == first.stdout
    assert run("scrub", "-", given=b"a\0b").returncode == 2
    assert run("scrub", "-", "a.txt").returncode == 2


def test_the_hook_runs_a_command_that_there_is():
    hook = (ROOT / ".pre-commit-hooks.yaml").read_text()
    assert "id: mcp-oauth-nb-check\n" in hook
    assert "entry: mcp-oauth-nb check\n" in hook


SECRETS_OF_A_NOTEBOOK = ("Xb7kQ92mmZp0Lw81TtRe4", "Yc8lR03nnAq1Mx92UuSf5")


def _notebook(**layout):
    """A notebook in which two secrets stand in two cells each."""
    one, two = SECRETS_OF_A_NOTEBOOK
    text = f"https://a.example/cb?code={one}&state=ok\nAuthorization: Bearer {two}\n"
    made = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell(f"é ‹ \u2028 was {text}", id="a"),
            nbformat.v4.new_code_cell(
                f"print('''{text}''')",
                id="b",
                outputs=[
                    nbformat.v4.new_output("stream", text=text),
                    nbformat.v4.new_output("display_data", {"text/html": f"<b>{text}</b>", "text/plain": text}),
                ],
            ),
        ]
    )
    return json.dumps(made, **layout)


LAYOUTS = {
    "as Jupyter writes it": ({"indent": 1, "ensure_ascii": False}, lambda text: text.encode()),
    "in one line": ({}, lambda text: text.encode()),
    "CRLF": ({"indent": 1}, lambda text: text.replace("\n", "\r\n").encode()),
    "with a mark of its order": ({"indent": 2, "ensure_ascii": False}, lambda text: text.encode("utf-8-sig")),
    "UTF-16": ({"ensure_ascii": False}, lambda text: text.encode("utf-16")),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_scrubbed_notebook_is_a_notebook(layout, tmp_path):
    options, encode = LAYOUTS[layout]
    file = tmp_path / "a.ipynb"
    file.write_bytes(encode(_notebook(**options)))
    before = file.read_bytes()
    made = scrub(file, known=UNKNOWN)
    assert made.mended
    assert (tmp_path / made.original).read_bytes() == before, "the original is kept"
    after = file.read_bytes()
    text = after.decode("utf-16" if layout == "UTF-16" else "utf-8-sig")
    read = nbformat.reads(text, as_version=4)
    nbformat.validate(read)
    assert not any(secret in text for secret in SECRETS_OF_A_NOTEBOOK)
    tags = [set(TAG.findall(json.dumps(cell, ensure_ascii=False))) for cell in read.cells]
    assert tags[0] == tags[1]
    assert len(tags[0]) == 2, "equal secrets have equal tags in all cells"
    assert after.count(b"\r\n") == before.count(b"\r\n")
    assert scrub(file, known=UNKNOWN).leaks == ()
    assert file.read_bytes() == after
    assert scrubbed_bytes(before) == after, "a filter says what the file says"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_clean_notebook_is_left_alone_to_the_last_byte(layout, tmp_path):
    options, encode = LAYOUTS[layout]
    text = _notebook(**options)
    for secret in SECRETS_OF_A_NOTEBOOK:
        text = text.replace(secret, "placeholder")
    file = tmp_path / "a.ipynb"
    file.write_bytes(encode(text))
    before = file.stat().st_mtime_ns, file.stat().st_ino
    assert scrub(file, known=UNKNOWN).clean
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == before
    assert file.read_bytes() == encode(text) == scrubbed_bytes(encode(text))
    assert [one.name for one in tmp_path.iterdir()] == ["a.ipynb"]


def test_the_tag_of_a_secret_that_can_be_guessed_confirms_no_guess(tmp_path):
    """A PIN has a million values; whoever reads the tag could try them all, were it made of the PIN."""
    first, second = ({"code": code} for code in ("493817", "118264"))
    tags = []
    for number, code in enumerate((first, second)):
        text = f"https://a.example/cb?code={code['code']}&x=1 and again ?code={code['code']}"
        clean, _ = scrubbed(text, ())
        assert code["code"] not in clean
        tags.append(set(TAG.findall(clean)))
        assert len(tags[number]) == 1
    assert tags[0] == tags[1]
    again, _ = scrubbed(f"?code=118264 beside {tags[0]}", ())
    assert len(set(TAG.findall(again))) == 2, "a number that is taken is not given twice"
