"""The vault finds every form of a secret, shows equal secrets by equal tags, and lets nothing else out."""

import base64
import copy
import html
import json
import pickle
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_oauth_nb import fragments
from mcp_oauth_nb import vault as module
from mcp_oauth_nb.vault import TAG, Vault

KEY = b"a fixed test key"
SECRET = 'pAss/w+rd =&"<~é\\9'
TOKEN = "tk-8Zq3Lw0Yd7Rm5Xb2Vn"
values = st.text(min_size=8, max_size=60).filter(lambda text: not TAG.search(text) and "‹" not in text)


def vault_of(*secrets: str, kind: str = "access_token") -> Vault:
    vault = Vault(KEY)
    for secret in secrets:
        vault.learn(secret, kind)
    return vault


def lower_hex(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


FORMS = {
    "plain": SECRET,
    "percent-encoded": quote(SECRET, safe=""),
    "with plus for blanks": quote_plus(SECRET),
    "lower hex digits": quote(SECRET, safe="").lower().replace("pass", "pAss"),
    "every byte encoded": lower_hex(SECRET),
    "some bytes encoded": "".join(lower_hex(c) if n % 2 else c for n, c in enumerate(SECRET)),
    "encoded twice": quote(quote(SECRET, safe=""), safe=""),
    "encoded three times": quote(quote(quote(SECRET, safe=""), safe=""), safe=""),
    "encoded as a browser does": quote(SECRET, safe="!'()*-._~"),
    "JSON": json.dumps(SECRET),
    "JSON with raw letters": json.dumps(SECRET, ensure_ascii=False),
    "JSON with escaped slashes": json.dumps(SECRET).replace("/", "\\/"),
    "JSON, all escaped": "".join(f"\\u{ord(c):04x}" for c in SECRET),
    "JSON in JSON": json.dumps(json.dumps(SECRET)),
    "JSON in JSON in JSON": json.dumps({"a": json.dumps({"b": json.dumps(SECRET)})}),
    "repr": repr(SECRET),
    "HTML": html.escape(SECRET),
    "HTML by number": "".join(f"&#{ord(c)};" for c in SECRET),
    "HTML by hex number": "".join(f"&#x{ord(c):X};" for c in SECRET),
    "HTML by number with zeros": "".join(f"&#{ord(c):012};" for c in SECRET),
    "HTML by hex number with zeros": "".join(f"&#x{ord(c):08x};" for c in SECRET),
    "HTML by number, no semicolon": "".join(f"&#{ord(c)}" for c in SECRET) + ";",
    "JavaScript": "".join(f"\\u{{{ord(c):x}}}" for c in SECRET),
    "Python, eight digits": "".join(f"\\U{ord(c):08x}" for c in SECRET),
    "octal": "".join(f"\\{ord(c):03o}" for c in SECRET),
    "hex with colons": SECRET.encode().hex(":"),
    "hex with blanks": SECRET.encode().hex(" "),
    "upper hex with hyphens": SECRET.encode().hex("-").upper(),
    "URL in JSON": json.dumps({"next": f"https://a.example/?x={quote(SECRET)}"}),
    "hex": SECRET.encode().hex(),
    "upper hex": SECRET.encode().hex().upper(),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64url": base64.urlsafe_b64encode(SECRET.encode()).decode(),
    "base64, percent-encoded": quote(base64.b64encode(b"?>" + SECRET.encode()).decode(), safe=""),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_becomes_the_same_tag(name):
    vault = vault_of(SECRET)
    masked = vault.mask(f"before {FORMS[name]} after")
    assert vault.tag(SECRET, "") in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")


@pytest.mark.parametrize("lead", [b"", b"a", b"ab", b"abc", b"user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_hides_it_at_every_alignment(lead, encode):
    text = encode(lead + TOKEN.encode() + b"tail").decode()
    masked = vault_of(TOKEN).mask(text)
    assert "‹access_token#" in masked
    rest = TAG.sub("", masked)
    assert len(rest) <= len(text) - len(TOKEN), "what is left over is not of the secret"


@given(values, st.text(max_size=20), st.text(max_size=20))
def test_no_secret_survives_anywhere(secret, before, after):
    vault = vault_of(secret)
    masked = TAG.sub("", vault.mask(before + secret + after))
    assert secret not in masked or secret in before + after


@given(values)
def test_masking_twice_changes_nothing(secret):
    vault = vault_of(secret, "access_token", "chars›", "0123456789")
    once = vault.mask(f"x {secret} access_token y")
    assert vault.mask(once) == once


@given(st.text())
def test_text_without_a_secret_stays_as_it_is(text):
    assert vault_of("Zz9-never-in-there-Zz9-never-in-there").mask(text) == text


def test_equal_values_have_equal_tags_and_others_do_not():
    vault = vault_of(TOKEN, SECRET)
    assert vault.mask(TOKEN) == vault.mask(quote(TOKEN)) == vault.tag(TOKEN, "whatever")
    assert vault.tag(TOKEN, "").split("#")[1] != vault.tag(SECRET, "").split("#")[1]
    assert Vault(KEY).tag(TOKEN, "token") == Vault(KEY).tag(TOKEN, "token")
    assert Vault().tag(TOKEN, "token") != Vault().tag(TOKEN, "token"), "the key differs from trace to trace"


def test_the_first_kind_stays():
    vault = vault_of(TOKEN, kind="refresh_token")
    vault.learn(TOKEN, "token")
    assert vault.mask(TOKEN).startswith("‹refresh_token#")
    assert len(vault) == 1


def test_a_tag_says_kind_and_length_and_nothing_of_the_value():
    tag = vault_of(TOKEN).tag(TOKEN, "token")
    assert TAG.fullmatch(tag)
    assert f" {len(TOKEN)} chars" in tag


def test_short_values_are_replaced_as_whole_words_only():
    vault = vault_of("mild1", "abc")
    assert vault.mask("mild1 weather, mild12, unmild1") == f"{vault.tag('mild1', '')} weather, mild12, unmild1"
    assert vault.mask("state%3Dmild1%26x") == f"state%3D{vault.tag('mild1', '')}%26x"
    assert vault.mask("X-mild1: a") == f"X-{vault.tag('mild1', '')}: a"
    assert vault.mask("abc") == "abc", "three characters are hidden by field name alone"


def test_the_longer_secret_wins_and_overlaps_leave_nothing():
    vault = vault_of("alpha1234", "alpha1234beta5678", "beta5678gamma9012")
    assert vault.mask("alpha1234beta5678") == vault.tag("alpha1234beta5678", "")
    assert TAG.sub("", vault.mask("alpha1234beta5678gamma9012")) == ""


@pytest.mark.parametrize("length", range(6, len(TOKEN)))
def test_the_beginning_of_a_secret_at_a_cut_is_hidden(length):
    vault = vault_of(TOKEN)
    assert vault.mask(f"text {TOKEN[:length]}", cut=True) == f"text {vault.tag(TOKEN, '')}"
    as_it_is = f"text {TOKEN[:length]}"
    assert vault.mask(as_it_is) == (as_it_is if length < 12 else f"text {vault.tag(TOKEN, '')}")


@pytest.mark.parametrize(
    "form", ["percent-encoded", "encoded twice", "every byte encoded", "JSON, all escaped", "base64"]
)
def test_a_cut_inside_an_escape_hides_the_beginning_too(form):
    whole = FORMS[form]
    for end in range(len(whole) * 2 // 3, len(whole)):
        assert vault_of(SECRET).mask(f"x{whole[:end]}", cut=True).startswith("x‹access_token#"), whole[:end]


def test_a_cut_inside_a_character_hides_the_beginning_too():
    vault = vault_of("wörtchen-wörtchen")
    cut = "wörtchen-wörtchen".encode()[:-9].decode("utf-8", "replace")
    assert "rtchen" not in vault.mask(cut, cut=True)


def test_twelve_characters_of_a_secret_are_hidden_wherever_they_stand():
    vault, text = vault_of(TOKEN), f"{TOKEN[3:15]}...{TOKEN[-12:]} {TOKEN[2:9]}"
    assert vault.mask(text) == f"{vault.tag(TOKEN, '')}...{vault.tag(TOKEN, '')} {TOKEN[2:9]}"


@pytest.mark.parametrize("said", ["k-ibeZwv-FdajFan", "ibeZwv-FdajFan", "dajFanxyzabc"])
def test_what_reads_like_words_in_a_drawn_secret_is_hidden(said):
    vault = vault_of("6wWg2-5UDaQ7Ek-ibeZwv-FdajFanxyzabcdMzdsXiCC6I")
    assert said not in vault.mask(f"the server says ...{said}... of it")


@pytest.mark.parametrize("said", ["registration_endpoint", "registration_e", "a registration_ b"])
def test_the_first_word_of_a_secret_stays_readable_elsewhere(said):
    for drawn in ("e7Qk2Zt9Vx4Lw8Np3Rs6", "wktvbz-Zt9Vx4Lw8Np3R", "e_wktvbzq9Vx4Lw8Np3R", "-_4Lw8Np3Rs6e7Qk2Zt9"):
        assert vault_of(f"registration_{drawn}").mask(said) == said


def test_plain_words_and_the_header_of_a_jwt_are_no_fragments():
    jwt = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlLW9mLWl0"
    vault = vault_of(jwt, "a-very-long-passphrase-of-words-9Zk2")
    text = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9 is a header, and a-very-long-passphrase-of-words says nothing"
    assert vault.mask(text) == text


def test_a_whole_secret_is_named_before_a_part_of_another():
    vault = vault_of("Zq3Lw0Yd7Rm5Xb2VnKe81", "Xb2VnKe81Tt6Uu5Ww4Pp3")
    text = "Zq3Lw0Yd7Rm5Xb2VnKe81Tt6Uu5Ww4Pp3"
    assert TAG.sub("", vault.mask(text)) == ""
    assert vault.mask("Rm5Xb2VnKe81Tt6Uu5Ww4Pp3").endswith(vault.tag("Xb2VnKe81Tt6Uu5Ww4Pp3", ""))


@pytest.mark.parametrize(
    "way",
    [str.upper, str.lower, *(mark.join for mark in "\0\u00ad\u034f\u180e\u200b\u200e\u202e\u2061\u2066\ufe0f")],
)
def test_capitals_and_characters_that_nobody_sees_hide_nothing(way):
    assert vault_of(TOKEN).mask(f"<{way(TOKEN)}>") == f"<{vault_of(TOKEN).tag(TOKEN, '')}>"


def test_only_the_bytes_of_the_secret_go_from_a_dump():
    before, after = b"nothing at all ".hex(" "), b" nor here".hex(" ")
    masked = vault_of(TOKEN).mask(f"{before} {TOKEN.encode().hex(' ')} {after}")
    assert masked == f"{before} {vault_of(TOKEN).tag(TOKEN, '')} {after}"
    beside = vault_of(TOKEN, "hunter2!").mask(f"hunter2!{TOKEN[:12].encode().hex(' ')}hunter2!")
    assert vault_of(TOKEN, "hunter2!").mask(beside) == beside
    address = "MAC 78:57:48:57:78:53, at 10:20:30 of 2025-11-25"
    assert vault_of(TOKEN).mask(address) == address


@pytest.mark.parametrize("length", [1023, 1024, 1025, 5003])
def test_a_long_secret_is_one_tag(length):
    secret = "".join(f"{n:05}-" for n in range(1000))[:length]
    vault = vault_of(secret)
    for form in (secret, quote(secret), secret.encode().hex(), base64.b64encode(secret.encode()).decode()):
        assert vault.mask(f"x {form} y") == f"x {vault.tag(secret, '')} y"
    assert vault.mask(f"x {secret[: length // 2]}", cut=True) == f"x {vault.tag(secret, '')}"


def test_a_forged_tag_hides_nothing():
    vault = vault_of("sekret_1234")
    assert "sekret_1234" not in vault.mask("‹sekret_1234#000000 11 chars›")


def test_lone_surrogates_are_text_like_any_other():
    secret = "half\ud800half-1234"
    assert secret not in vault_of(secret).mask(f"x {secret} y")
    assert TAG.search(vault_of(secret).mask(json.dumps(secret)))


def test_it_never_shows_copies_or_stores_its_secrets():
    vault = vault_of(TOKEN)
    for text in (repr(vault), str(vault), f"{vault}", f"{[vault]!r}"):
        assert TOKEN not in text
    for carry in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="holds secrets"):
            carry(vault)


def test_forms_are_worked_out_once_per_secret_and_not_per_text(monkeypatch):
    asked = []
    forms = module.forms_of
    monkeypatch.setattr(module, "forms_of", lambda value: asked.append(value) or forms(value))
    vault = vault_of(*(f"{n}-{TOKEN}" for n in range(40)), TOKEN, TOKEN)
    for _ in range(3):
        vault.mask(f"a text with {TOKEN} in it")
    assert len(asked) == len(vault) == 41


@pytest.mark.timeout(30)
def test_a_megabyte_with_forty_secrets_is_masked():
    secrets = [f"{n:02}{TOKEN}{n:02}" for n in range(40)]
    body = json.dumps({"a": [*secrets, "filler\n" * 20] * 400})
    masked = vault_of(*secrets).mask(body * (1_000_000 // len(body) + 1), cut=True)
    assert TOKEN not in masked


@pytest.mark.timeout(30)
def test_thousands_of_secrets_with_one_beginning_are_masked():
    secrets = [f"eyJhbGciOiJIUzI1NiJ9.{n:08}" for n in range(5000)]
    assert TAG.sub("", vault_of(*secrets).mask(" ".join(secrets))).strip() == ""


def test_a_secret_that_repeats_itself_is_found_in_one_stretch():
    """At each third place of the text there begins a piece of it."""
    secret = "Ab9" * 3000
    vault = vault_of(secret)
    assert vault.mask(f"x {secret} y") == f"x {vault.tag(secret, '')} y"
    for form in (secret, secret.encode().hex(), base64.b64encode(secret.encode()).decode()):
        assert len(list(vault._found(f"x {form} y"))) <= 2


def test_how_far_a_fragment_goes_is_found_by_halving(monkeypatch):
    """Where a form and the text part after thousands of characters, these are not compared one by one."""
    asked = []
    shared = fragments._shared
    monkeypatch.setattr(
        fragments,
        "_shared",
        lambda runs_along, room: shared(lambda n: asked.append(n) or runs_along(n), room),
    )
    secret = "".join(f"{n:05}-" for n in range(600))
    vault = vault_of(secret)
    for end in (20, 1000, 2999):
        asked.clear()
        assert vault.mask(f"x {secret[:end]}! y") == f"x {vault.tag(secret, '')}! y"
        assert len(asked) < 1000
