"""A server to practise on: a real MCP server with OAuth on loopback, healthy or broken in one chosen way."""

from .clients import DemoClient
from .faults import FAULTS, Fault
from .layer import Seen
from .server import DemoServer

__all__ = ["FAULTS", "DemoClient", "DemoServer", "Fault", "Seen"]
