"""What a refusal by an API says about the token that was shown to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from factories import NOON, token_answer

from mcp_oauth_nb.rules import diagnose
from rules.plain_specimens import api_request, called

LATER = NOON + timedelta(hours=2)


@pytest.mark.parametrize(("issued", "named"), [({}, "dbg.refresh()"), ({"refresh_token": None}, "dbg.run()")])
def test_a_token_that_has_expired_is_renewed_by_a_call_that_can(issued: dict[str, Any], named: str) -> None:
    late = api_request(401, started=LATER)
    findings = diagnose(called(late, answer=token_answer(expires_in=60, **issued))).findings
    finding = next(one for one in findings if one.rule == "api-refused")
    assert "had expired" in finding.summary
    assert named in finding.fix
    assert ("refresh()" in finding.fix) is ("refresh()" in named)


def test_behind_a_known_scheme_all_is_token() -> None:
    strange = api_request(shown="Bearer two words")
    assert "api-scheme-unusual" not in {one.rule for one in diagnose(called(strange)).findings}
