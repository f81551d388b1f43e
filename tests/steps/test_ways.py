"""The ways to a client id, the order they are tried in, and the reason that is shown for the choice."""

from __future__ import annotations

from typing import Any

import pytest
from playbook import play

from mcp_oauth_nb.protocol.flow import Client
from mcp_oauth_nb.protocol.profiles import PROFILES
from mcp_oauth_nb.steps.registration import chosen_way, register

from .flows import FACTS, ISSUER, document, known, server_document

DOCUMENT = "https://client.example/client.json"
OWN = Client("my-client")


def way(*, metadata: dict[str, Any] | None = None, **settings: Any) -> tuple[str | None, str]:
    flow = known("server_metadata", **settings)
    return chosen_way(flow, document(server_document(**(metadata or {}))))


ANNOUNCED = {"client_id_metadata_document_supported": True}


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"client": OWN, "client_metadata_url": DOCUMENT, "metadata": ANNOUNCED}, "preregistered"),
        ({"client_metadata_url": DOCUMENT, "metadata": ANNOUNCED}, "cimd"),
        ({"client_metadata_url": DOCUMENT, "metadata": {"client_id_metadata_document_supported": "yes"}}, "dcr"),
        ({"client_metadata_url": DOCUMENT}, "dcr"),
        ({"metadata": ANNOUNCED}, "dcr"),
        ({"metadata": {"registration_endpoint": None}}, None),
        ({"registration": "dcr", "client": OWN}, "dcr"),
        ({"registration": "cimd", "client_metadata_url": DOCUMENT}, "cimd"),
        ({"registration": "cimd"}, None),
        ({"registration": "preregistered"}, None),
    ],
)
def test_the_order(given: dict[str, Any], taken: str | None) -> None:
    chosen, why = way(**given)
    assert chosen == taken
    assert why


def test_a_version_that_knows_no_documents_registers() -> None:
    assert way(client_metadata_url=DOCUMENT, metadata=ANNOUNCED, profile=PROFILES["2025-06-18"])[0] == "dcr"


def test_the_url_of_the_document_is_the_client_id() -> None:
    facts = {**FACTS, "server_metadata": document(server_document(**ANNOUNCED))}
    flow = known("server_metadata", facts={"server_metadata": facts["server_metadata"]}, client_metadata_url=DOCUMENT)
    learned = play(register, flow).learns(client={"client_id": DOCUMENT, "auth_method": "none", "secret": None})
    assert "announced" in learned.client.source


def test_a_way_that_is_not_open_says_what_it_needs() -> None:
    play(register, known("server_metadata", registration="cimd")).stops("client_metadata_url=")
    play(register, known("server_metadata", registration="preregistered")).stops("client=Client('id')")


def test_a_closed_endpoint_is_shown_its_token_and_statement() -> None:
    flow = known("server_metadata", initial_access_token="let-me-in", software_statement="a.b.c")
    begun = play(register, flow)
    begun.sends(
        "POST",
        f"{ISSUER}/register",
        json={"software_statement": "a.b.c"},
        headers={"Authorization": "Bearer let-me-in"},
    )
    begun.gets(
        201,
        {"client_id": "x", "registration_client_uri": f"{ISSUER}/register/x", "registration_access_token": "manage-it"},
    ).learns(client={"issuer": ISSUER, "management_url": f"{ISSUER}/register/x", "management_token": "manage-it"})


def test_a_web_redirect_is_registered_as_web() -> None:
    flow = known("server_metadata", redirect_uri="https://app.example/callback")
    play(register, flow).sends("POST", f"{ISSUER}/register", json={"application_type": "web"})
