"""The probe that reads our own metadata document."""

from __future__ import annotations

from typing import Any

import pytest
from playbook import play

from mcp_oauth_nb.errors import NotYet
from mcp_oauth_nb.protocol.client_document import client_document
from mcp_oauth_nb.steps.probes.client_document import client_document_check
from steps.flows import REDIRECT, known

URL = "https://client.example/client.json"


def test_needs_a_url() -> None:
    with pytest.raises(NotYet, match="client_metadata_url"):
        play(client_document_check, known())


def test_reads_it_without_credentials() -> None:
    begun = play(client_document_check, known("tokens", client_metadata_url=URL))
    begun.sends("GET", URL, headers={"Authorization": None, "Accept": "application/json"})
    learned = begun.gets(200, client_document(URL, [REDIRECT], "x")).learns()
    assert "can take it" in learned.called.summary


def test_counts_what_is_wrong() -> None:
    begun = play(client_document_check, known(client_metadata_url=URL))
    learned = begun.gets(200, {"client_id": "https://else.example/x", "client_secret": "s"}).learns()
    assert learned.called.summary == "4 reasons for a server to refuse it"


@pytest.mark.parametrize(("status", "body"), [(404, b""), (302, b""), (200, b"<html>"), (200, [1])])
def test_no_document(status: int, body: Any) -> None:
    play(client_document_check, known(client_metadata_url=URL)).gets(status, body).stops("expected 200 with a JSON")


def test_no_answer() -> None:
    play(client_document_check, known(client_metadata_url=URL)).fails("connect").stops("a connect failure")
