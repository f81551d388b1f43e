"""What every leg of the suite is expected to come to: passed, or failed for this reason.

The table only gets better: a leg that fails without a reason fails the tests, and so does one that passes with one.
"""

from __future__ import annotations

PASSES = ""
GRANT = "this grant is not offered"
DPOP = "DPoP is not offered"

EXPECTED = {
    "metadata-default@2025-11-25": PASSES,
    "metadata-default@2026-07-28": PASSES,
    "metadata-var1@2025-11-25": PASSES,
    "metadata-var1@2026-07-28": PASSES,
    "metadata-var2@2025-11-25": PASSES,
    "metadata-var2@2026-07-28": PASSES,
    "metadata-var3@2025-11-25": PASSES,
    "metadata-var3@2026-07-28": PASSES,
    "basic-cimd@2025-11-25": PASSES,
    "basic-cimd@2026-07-28": PASSES,
    "scope-from-www-authenticate@2025-11-25": PASSES,
    "scope-from-www-authenticate@2026-07-28": PASSES,
    "scope-from-scopes-supported@2025-11-25": PASSES,
    "scope-from-scopes-supported@2026-07-28": PASSES,
    "scope-omitted-when-undefined@2025-11-25": PASSES,
    "scope-omitted-when-undefined@2026-07-28": PASSES,
    "scope-step-up@2025-11-25": PASSES,
    "scope-step-up@2026-07-28": PASSES,
    "scope-retry-limit@2025-11-25": PASSES,
    "scope-retry-limit@2026-07-28": PASSES,
    "token-endpoint-auth-basic@2025-06-18": PASSES,
    "token-endpoint-auth-basic@2025-11-25": PASSES,
    "token-endpoint-auth-basic@2026-07-28": PASSES,
    "token-endpoint-auth-post@2025-06-18": PASSES,
    "token-endpoint-auth-post@2025-11-25": PASSES,
    "token-endpoint-auth-post@2026-07-28": PASSES,
    "token-endpoint-auth-none@2025-06-18": PASSES,
    "token-endpoint-auth-none@2025-11-25": PASSES,
    "token-endpoint-auth-none@2026-07-28": PASSES,
    "pre-registration@2025-11-25": PASSES,
    "pre-registration@2026-07-28": PASSES,
    "2025-03-26-oauth-metadata-backcompat@2025-03-26": PASSES,
    "2025-03-26-oauth-endpoint-fallback@2025-03-26": PASSES,
    "resource-mismatch@2026-07-28": PASSES,
    "offline-access-scope@2026-07-28": PASSES,
    "offline-access-not-supported@2026-07-28": PASSES,
    "authorization-server-migration@2026-07-28": PASSES,
    "iss-supported@2026-07-28": PASSES,
    "iss-not-advertised@2026-07-28": PASSES,
    "iss-supported-missing@2026-07-28": PASSES,
    "iss-wrong-issuer@2026-07-28": PASSES,
    "iss-unexpected@2026-07-28": PASSES,
    "iss-normalized@2026-07-28": PASSES,
    "metadata-issuer-mismatch@2026-07-28": PASSES,
    "client-credentials-basic@2025-11-25": GRANT,
    "client-credentials-basic@2026-07-28": GRANT,
    "client-credentials-jwt@2025-11-25": GRANT,
    "client-credentials-jwt@2026-07-28": GRANT,
    "enterprise-managed-authorization@2025-11-25": GRANT,
    "enterprise-managed-authorization@2026-07-28": GRANT,
    "wif-jwt-bearer@2025-11-25": GRANT,
    "wif-jwt-bearer@2026-07-28": GRANT,
    "dpop@2025-11-25": DPOP,
    "dpop@2026-07-28": DPOP,
    "dpop-nonce@2025-11-25": DPOP,
    "dpop-nonce@2026-07-28": DPOP,
}
"""By scenario and protocol version, as the suite lists them."""
