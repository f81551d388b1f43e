"""The official MCP conformance suite against this package; see `suite` and, on the command line, `__main__`."""
