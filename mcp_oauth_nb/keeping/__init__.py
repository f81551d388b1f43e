"""Tokens that are kept: under a name, in memory or in the system's keyring, and handed on only encrypted."""
