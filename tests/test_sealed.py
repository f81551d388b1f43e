"""Text behind a passphrase: it opens with that one and with no other, and nothing of it is ever quoted."""

import traceback

import pytest
from joserfc import jwe
from joserfc.jwk import OctKey

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.sealed import CONTENT, KEY, ROUNDS, seal, unseal

PASSPHRASE = "correct horse battery"
TEXT = '{"access_token": "Zx9-secret-of-the-test", "name": "Grüße"}'


def test_it_opens_with_the_passphrase_and_looks_different_each_time():
    first, second = seal(TEXT, PASSPHRASE), seal(TEXT, PASSPHRASE)
    assert first != second
    assert unseal(first, PASSPHRASE) == unseal(second, PASSPHRASE) == TEXT


def test_it_is_a_jwe_that_others_can_open():
    opened = jwe.decrypt_compact(seal(TEXT, PASSPHRASE), OctKey.import_key(PASSPHRASE), algorithms=[KEY, CONTENT])
    assert opened.plaintext.decode() == TEXT
    assert opened.headers()["p2c"] == ROUNDS


@pytest.mark.parametrize("sealed", ["", "x.y", "a.b.c.d.e", "{}", "\ud800"])
def test_what_is_no_jwe_does_not_open(sealed):
    with pytest.raises(BadSetting, match="the one it was shared with"):
        unseal(sealed, PASSPHRASE)


def test_another_passphrase_and_a_changed_text_do_not_open_and_nothing_is_quoted():
    sealed = seal(TEXT, PASSPHRASE)
    changed = sealed[:-2] + ("AA" if sealed[-2:] != "AA" else "BB")
    for text, passphrase in ((sealed, "wrong horse battery"), (changed, PASSPHRASE)):
        with pytest.raises(BadSetting) as caught:
            unseal(text, passphrase)
        said = "".join(traceback.format_exception(caught.value))
        assert passphrase not in str(caught.value)
        assert "Zx9" not in said
        assert text not in said


def test_what_could_not_be_opened_again_is_not_sealed():
    assert unseal(seal("x" * 48_000, PASSPHRASE), PASSPHRASE) == "x" * 48_000
    with pytest.raises(BadSetting, match="at most 48,000"):
        seal("x" * 48_001, PASSPHRASE)


@pytest.mark.parametrize("passphrase", ["", "short", " " * 20, None, 42])
def test_a_passphrase_that_can_be_guessed_is_refused(passphrase):
    for call in (lambda: seal(TEXT, passphrase), lambda: unseal("x", passphrase)):
        with pytest.raises(BadSetting, match="at least 14 characters"):
            call()
