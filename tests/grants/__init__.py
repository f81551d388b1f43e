"""Every grant of OAuth 2.0 against authorization servers that others wrote."""
