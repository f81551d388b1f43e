"""Names on the list and in the keyring: nothing of yours goes away without a word, nothing stays behind."""

import pytest

from mcp_oauth_nb import BadSetting
from mcp_oauth_nb.keeping.tokens import TokenList
from tests.keeping.rotating import Rotating

PASSPHRASE = "correct horse battery"


@pytest.fixture
def rotating():
    with Rotating() as running:
        yield running


def shown(one):
    made = one._repr_mimebundle_()
    return made["text/plain"] + made["text/html"]


def test_a_token_that_is_taken_replaces_none_of_yours(rotating, tokens, tmp_path):
    file = tmp_path / "alice.token"
    mine = tokens.add("alice", rotating.oauth())
    tokens.share("alice", file, PASSPHRASE)
    with pytest.raises(BadSetting, match="name='another'"):
        tokens.take(file, PASSPHRASE)
    assert tokens["alice"] is mine
    for _ in range(2):
        assert tokens.take(file, PASSPHRASE, name="hers").tokens.refresh_token is None


def test_a_newer_share_in_the_same_file_is_taken_again(rotating, tokens, tmp_path):
    file = tmp_path / "alice.token"
    tokens.add("alice", rotating.oauth())
    tokens.share("alice", file, PASSPHRASE)
    theirs = TokenList()
    first = theirs.take(file, PASSPHRASE).tokens.access_token
    tokens["alice"].refresh()
    tokens.share("alice", file, PASSPHRASE)
    assert theirs.take(file, PASSPHRASE).tokens.access_token != first
    theirs.add("alice", "a-token-of-my-own-instead")
    with pytest.raises(BadSetting):
        theirs.take(file, PASSPHRASE)


def test_a_taken_refresh_token_that_was_used_does_not_come_back(rotating, tokens, tmp_path):
    file = tmp_path / "alice.token"
    tokens.add("alice", rotating.oauth())
    tokens.share("alice", file, PASSPHRASE, with_refresh=True)
    theirs = TokenList()
    theirs.take(file, PASSPHRASE).refresh()
    assert theirs.take(file, PASSPHRASE).refresh().status == "passed"
    assert not rotating.is_dead


def test_what_is_added_over_a_kept_one_takes_its_place_in_the_keyring(rotating, tokens, ring):
    old = tokens.add("bob", rotating.oauth()).keep().tokens.refresh_token
    new = tokens.add("bob", rotating.oauth())
    assert old not in str(ring.entries)
    assert new.tokens.refresh_token in ring.entries["mcp-oauth-nb", "bob"]
    assert tokens.delete("bob").title == "bob is deleted here"
    assert ring.entries == {}


def test_its_place_in_a_keyring_that_is_locked_is_taken_later(rotating, tokens, ring):
    old = tokens.add("bob", rotating.oauth()).keep().tokens.refresh_token
    ring.broken = True
    new = tokens.add("bob", rotating.oauth())
    assert new.problem
    ring.broken = False
    new.refresh()
    assert old not in str(ring.entries)
    assert new.tokens.refresh_token in ring.entries["mcp-oauth-nb", "bob"]


def test_a_deleted_token_is_not_written_again(rotating, tokens, ring):
    bob = tokens.add("bob", rotating.oauth()).keep()
    tokens.delete("bob")
    assert bob.refresh().status == "passed"
    assert ring.entries == {}


@pytest.mark.parametrize("strange", ["garbage SECRET-Zk3vQx9hw8", '{"format": "of somebody else"}'])
def test_one_strange_entry_keeps_no_other_one_away(rotating, tokens, ring, strange):
    for name in ("amy", "bob", "zoe"):
        tokens.add(name, rotating.oauth()).keep()
    ring.entries["mcp-oauth-nb", "bob"] = strange
    later = TokenList()
    assert later.recall() is later
    assert [one.name for one in later] == ["amy", "zoe"]
    assert "bob is not recalled" in later._repr_mimebundle_()["text/plain"]
    assert "bob is not recalled" in later._repr_mimebundle_()["text/html"]
    assert "SECRET" not in shown(later)


def test_recalling_replaces_no_other_grant_of_that_name(rotating, tokens, ring):
    tokens.add("alice", rotating.oauth()).keep()
    later = TokenList()
    mine = later.add("alice", rotating.oauth())
    with pytest.raises(BadSetting, match="another grant"):
        later.recall("alice")
    later.recall()
    assert later["alice"] is mine
    assert "alice is not recalled" in shown(later)


def test_a_path_that_none_can_be(rotating, tokens, tmp_path):
    tokens.add("alice", rotating.oauth())
    for path in ("bad\0name", tmp_path / "bad\0name"):
        with pytest.raises(BadSetting):
            tokens.share("alice", path, PASSPHRASE)
        with pytest.raises(BadSetting):
            tokens.take(path, PASSPHRASE)


@pytest.mark.parametrize("given", ["no", 1, 0])
def test_auto_refresh_is_true_or_false(rotating, tokens, given):
    with pytest.raises(BadSetting, match="True or False"):
        tokens.add("alice", rotating.oauth(), auto_refresh=given)
    assert "alice" not in tokens
