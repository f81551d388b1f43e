"""What a finding and a breach are."""

from __future__ import annotations

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.rules.cause import SUSPECTS, SYMPTOMS
from mcp_oauth_nb.rules.rule import RULES, Finding, Seen


def test_a_finding_and_a_breach_show_no_server_text_in_their_repr() -> None:
    spec = Spec("RFC 6749", "5")
    finding = Finding("a-rule", "token", "MUST", "client", "a secret", "x", "a secret", 1, "body", "fix", spec)
    assert repr(finding) == "<Finding a-rule MUST at token>"
    assert repr(Seen(None, "body", "x", "secret-observed")) == "<Seen at body>"


def test_every_symptom_has_suspects() -> None:
    suspected = {rule for declared in SUSPECTS.values() for rule in declared.of}
    assert suspected & set(RULES) >= SYMPTOMS
