"""What it costs to mask an answer: time grows with its length, whatever the secrets in it are."""

from __future__ import annotations

import secrets
import statistics
import sys
import time

import pytest
from echoing import ECHOES

from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.vault import Vault

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

SHORT, LONG = 4_000, 16_000
"""Characters of a secret: a large token, and a token of four times the size, such as a JWT full of groups."""
GROWTH_RATIO = 6
"""Four times the text costs about four times as much."""
ROUNDS = 5
SECRETS = {"drawn": lambda size: secrets.token_urlsafe(size)[:size], "repeated": lambda size: ("Ab9" * size)[:size]}


def seconds(secret: str) -> float:
    """The time that it takes to learn a secret and to mask an answer that says it back in every way of writing."""
    vault, text = Vault(), "\n".join(f"{name}: {way(secret)}" for name, way in ECHOES.items())
    began = time.process_time()
    vault.learn(secret, "token")
    masked = mask_text(vault, text)
    assert secret not in masked
    return time.process_time() - began


@pytest.mark.parametrize("kind", SECRETS)
def test_a_long_secret_costs_what_its_length_costs(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = SECRETS[kind]
    short, long = (statistics.median(seconds(made(size)) for _ in range(ROUNDS)) for size in (SHORT, LONG))
    with capsys.disabled():
        sys.stdout.write(f"\n  {kind}, {SHORT}: {short * 1000:.0f} ms, {LONG}: {long * 1000:.0f} ms")
    assert long / short <= GROWTH_RATIO
