"""Servers to practise on, on loopback: an MCP server with OAuth, healthy or broken in one chosen way; a plain API."""

from .clients import DemoClient
from .faults import FAULTS, Fault
from .layer import Seen
from .plain import PlainServer
from .server import DemoServer

__all__ = ["FAULTS", "DemoClient", "DemoServer", "Fault", "PlainServer", "Seen"]
