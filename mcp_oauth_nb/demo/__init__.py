"""Servers to practise on: an MCP server with OAuth on loopback, healthy or broken in one chosen way, and a plain API."""

from .clients import DemoClient
from .faults import FAULTS, Fault
from .layer import Seen
from .plain import PlainServer
from .server import DemoServer

__all__ = ["FAULTS", "DemoClient", "DemoServer", "Fault", "PlainServer", "Seen"]
