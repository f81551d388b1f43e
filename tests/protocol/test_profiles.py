"""One row per protocol version."""

from mcp_oauth_nb.protocol.profiles import LATEST, PROFILES
from mcp_oauth_nb.protocol.wellknown import server_metadata_candidates


def test_each_row_is_found_by_its_version():
    assert LATEST in PROFILES
    assert all(version == profile.version for version, profile in PROFILES.items())


def test_every_construction_that_a_row_names_exists():
    built = {c.kind for issuer in ("https://h", "https://h/a") for c in server_metadata_candidates(issuer)}
    assert all(set(profile.server_metadata_kinds) <= built for profile in PROFILES.values())
