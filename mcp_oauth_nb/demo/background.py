"""A uvicorn server in a daemon thread, as a guest in somebody else's process.

A guest leaves no traces: no signal handlers, no logging configuration, no output, no event loop but its own
(`asyncio.run` is avoided because notebooks patch it). Records that libraries log from the server's thread are dropped
by a filter; records of other threads pass it unchanged.
"""

import asyncio
import contextlib
import logging
import socket
import threading
import weakref
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0
CUT_TIMEOUT_S = 1.0
"""How long requests being served may take to notice that they are cut."""
TICK_S = 1.0
"""How often uvicorn renews its Date header."""
NOISY = ("mcp", "uvicorn", "sse_starlette", "starlette", "python_multipart", "asyncio", "anyio")


class _Quiet(logging.Filter):
    """Drops what is logged from the threads of our servers."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()

        self._covered = 0

    def filter(self, record: logging.LogRecord) -> bool:
        return threading.get_ident() not in self.threads

    def cover(self) -> None:
        """Attach to every logger that may log from our threads; cheap while no new one has appeared."""
        names = list(logging.root.manager.loggerDict)
        if len(names) == self._covered:
            return
        self._covered = len(names)
        for name in names:
            if name.split(".")[0] in NOISY:
                logging.getLogger(name).addFilter(self)


QUIET = _Quiet()
for _name in ("asyncio", "uvicorn.access", "uvicorn.asgi", "uvicorn.error"):
    logging.getLogger(_name)  # uvicorn makes some of them only when it uses them


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Drop what libraries log from this thread meanwhile."""
    thread = threading.get_ident()
    QUIET.threads.add(thread)
    QUIET.cover()
    try:
        yield
    finally:
        QUIET.threads.discard(thread)


class _Config(uvicorn.Config):
    def configure_logging(self) -> None:
        """Leave logging as it is."""


class Background(uvicorn.Server):
    """The server and its thread; it knows nothing of the object that owns it, so that one can be garbage collected."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        async def covered(scope: Scope, receive: Receive, send: Send) -> None:
            QUIET.cover()
            await app(scope, receive, send)

        super().__init__(
            _Config(
                covered,
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
            )
        )
        self._listener = listener
        self._ready = threading.Event()
        self._leave = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._live, name="mcp-oauth-nb-demo", daemon=True)

    def start(self) -> None:
        """Return once requests are served."""
        self._thread.start()
        if not self._ready.wait(START_TIMEOUT_S) or not self.started:
            self.halt()
            raise RuntimeError("the demo server did not start")

    def halt(self) -> None:
        """Stop serving and wait, a bounded time, for the thread to end; again is harmless."""
        self.should_exit = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: the thread is done
            self._loop.call_soon_threadsafe(self._leave.set)
        if threading.current_thread() is not self._thread:  # a garbage collection may run in our own thread
            self._thread.join(STOP_TIMEOUT_S)

    def _live(self) -> None:
        with quietly():
            asyncio.set_event_loop(self._loop)
            self._loop.set_exception_handler(lambda loop, context: None)
            try:
                self._loop.run_until_complete(self.serve([self._listener]))
            finally:
                self._ready.set()
                self._close()

    def _close(self) -> None:
        """End what is still pending, then the loop."""
        self._listener.close()
        for task in (pending := asyncio.all_tasks(self._loop)):
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        self._loop.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say when requests are served."""
        await super().startup(sockets)
        self._ready.set()

    async def main_loop(self) -> None:
        """Wait to be stopped, without uvicorn's ten wake-ups a second."""
        while not self.should_exit:
            await self.on_tick(0)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._leave.wait(), TICK_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cut everything at once; uvicorn's own way is polite and takes a tenth of a second at least."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for task in (open_requests := list(self.server_state.tasks)):
            task.cancel()
        if open_requests:
            await asyncio.wait(open_requests, timeout=CUT_TIMEOUT_S)
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self.lifespan.shutdown()


class Served:
    """An object whose server runs from its making until `stop`, the end of a ``with`` block, or its own end."""

    _stop: "weakref.finalize[..., Any]"

    def _serve(self, application: ASGIApp, listener: socket.socket) -> None:
        """Start the server. It knows nothing of this object, so that the object can be garbage collected."""
        background = Background(application, listener)
        self._stop = weakref.finalize(self, background.halt)
        background.start()

    @property
    def is_running(self) -> bool:
        """Whether requests are served."""
        return self._stop.alive

    def stop(self) -> None:
        """Stop serving and free the port; again is harmless."""
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def listen(port: int) -> socket.socket:
    """A listening socket on loopback; port 0 takes a free one.

    The protocol is named because asyncio turns Nagle's algorithm off only for sockets that say they are TCP.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except BaseException:
        listener.close()
        raise
    return listener
