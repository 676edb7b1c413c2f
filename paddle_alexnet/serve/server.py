"""waitress with bounds on what all connections together hold, and an end that loses no answer.

waitress 3.0 reads a whole request before a thread answers it. Its own limit is for each body; it
has none for all of them, none for the time that a request takes to arrive, and closes a connection
on which more arrives, so that the sender does not see the answer.
"""

import functools
import logging
import socket
import time
from collections.abc import Callable
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask
from waitress.utilities import BadRequest, Error, RequestEntityTooLarge

from paddle_alexnet.errors import RunError
from paddle_alexnet.runtime.hosts import HEADERS, check_port
from paddle_alexnet.serve.errors import BUSY, error_body, error_headers
from paddle_alexnet.serve.limits import COPIES, Limits, Memory

# Bytes of all headers of a request, and of a line between the chunks of a body.
HEADER_BYTES = 2**14
LINE_BYTES = 2**12
RECEIVE_BYTES = 2**16  # at a time
# Seconds that the rest of a request is read and dropped, so that its sender reads the answer.
LINGER_SECONDS = 3.0
POLL_SECONDS = 0.2  # between two looks at whether to end


class Busy(Error):
    """More than the memory of all requests, or than may wait."""

    code, reason = 503, "Service Unavailable"


class _Parser(HTTPRequestParser):
    """A request that takes the memory it needs as it arrives."""

    def __init__(self, adj: Adjustments, limits: Limits, memory: Memory) -> None:
        super().__init__(adj)
        self.limits, self.memory, self.held = limits, memory, 0
        self.began = time.monotonic()

    def received(self, data: bytes) -> int:
        body = self.body_rcv
        consumed = super().received(data)
        if self.error is None and body is not None:
            if self.memory.take(COPIES * consumed):
                self.held += COPIES * consumed
            else:
                self.error = Busy(BUSY)
            # It would be joined anew with every part that arrives.
            if self.chunked and len(body.control_line) + len(body.trailer) > LINE_BYTES:
                self.error = BadRequest("a line between chunks is too long")
        # Of chunks waitress counts what stands between them, too.
        if max(self.content_length, len(body or b"")) > self.limits.body:
            self.error = RequestEntityTooLarge("")
        if self.error is not None:
            self.completed, self.expect_continue = True, False  # else it would wait for the body
            self.close()
        return consumed

    def close(self) -> None:
        super().close()
        self.memory.give(self.held)
        self.held = 0


class _ErrorTask(ErrorTask):
    """Answers what is no request, or one that is refused before the application sees it."""

    def execute(self) -> None:
        error, server = self.request.error, self.channel.server
        reason = str(error.body)
        if error.code == 413:
            reason = f"a request of more than {server.limits.body:,} bytes (--max-bytes)"
        server.count(error.code)
        body = error_body(reason)
        self.status = f"{error.code} {error.reason}"
        self.response_headers += [*HEADERS.items(), *error_headers(error.code).items()]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Task(WSGITask):
    """Answers a request; the last of its connection where the server ends."""

    def execute(self) -> None:
        if self.channel.server.ending:
            self.request.headers["CONNECTION"] = "close"
        super().execute()


class _Channel(HTTPChannel):
    """A connection."""

    task_class = _Task
    error_task_class = _ErrorTask

    def __init__(self, server: "Server", *words: Any, **options: Any) -> None:
        self.parser_class = functools.partial(_Parser, limits=server.limits, memory=server.memory)
        self.lingers_until: float | None = None
        super().__init__(server, *words, **options)

    def busy(self) -> bool:
        """Whether a request or an answer is under way."""
        return bool(
            self.requests or self.request or self.total_outbufs_len or self.close_when_flushed
        )

    def late(self, limits: Limits, idle_since: float) -> bool:
        """Whether it has had its time."""
        now, request = time.monotonic(), self.request
        if self.lingers_until is not None:
            return now > self.lingers_until
        if request is not None and now > request.began + limits.receiving:
            return True
        return not self.requests and self.last_activity < idle_since

    def received(self, data: bytes) -> bool:
        return self.lingers_until is None and super().received(data)

    def handle_write(self) -> None:
        if not self.close_when_flushed or self.will_close:
            super().handle_write()
            return
        # The last answer. Where the connection is closed while more arrives, TCP resets it and the
        # sender may lose the answer: so only the own direction is closed at first.
        self._flush_exception(self._flush_some)
        if self.will_close:
            self.handle_close()
        elif not self.total_outbufs_len:
            self.close_when_flushed = False
            self.lingers_until = time.monotonic() + LINGER_SECONDS
            try:
                self.socket.shutdown(socket.SHUT_WR)
            except OSError:  # the other side has gone
                self.handle_close()

    def handle_close(self) -> None:
        if self.request is not None:
            self.request.close()
        super().handle_close()


class Server(TcpWSGIServer):
    """A server of a WSGI application; call :meth:`serve`.

    Args:
        application: The application.
        host: Address to listen on.
        port: 0 for any free one.
        limits: What requests may cost.
        memory: Shared with the application.
        threads: Requests that are answered at the same time.
        count: Called with the status of each request that does not reach the application.

    Attributes:
        port: The port that is listened on.

    Raises:
        RunError: The port is taken or impossible, or the address cannot be used.
    """

    channel_class = _Channel

    def __init__(
        self,
        application: Callable[..., Any],
        host: str,
        port: int,
        *,
        limits: Limits,
        memory: Memory,
        threads: int,
        count: Callable[[int], None] = lambda status: None,
    ) -> None:
        check_port(port)
        # It names paths of requests.
        logging.getLogger("waitress").setLevel(logging.CRITICAL)
        self.limits, self.memory, self.count, self.ending = limits, memory, count, False
        in_memory = limits.body + 2**20  # above it a body or an answer would go to a file
        dispatcher = ThreadedTaskDispatcher()
        try:
            adj = Adjustments(
                host=host,
                port=port,
                ident=None,
                recv_bytes=RECEIVE_BYTES,
                inbuf_overflow=in_memory,
                outbuf_overflow=in_memory,
                max_request_header_size=HEADER_BYTES,
                max_request_body_size=2 * limits.body,  # with what stands between chunks
                connection_limit=limits.connections,
                cleanup_interval=1,
                log_socket_errors=False,
                asyncore_use_poll=True,  # select() is for descriptors below 1024
                server_name="localhost",  # for requests without Host
            )
            # Of localhost's two addresses IPv4's, as the board.
            place = min(adj.listen, key=lambda info: info[0] != socket.AF_INET)
            super().__init__(application, map={}, dispatcher=dispatcher, adj=adj, sockinfo=place)
        except (OSError, ValueError) as error:
            raise RunError(
                f"cannot listen on {host}:{port} ({error}): choose another --port or --host"
            ) from error
        dispatcher.set_thread_count(threads)
        self.port = self.effective_port

    def serve(self, should_stop: Callable[[], bool]) -> None:
        """Serve until ``should_stop()``, then answer what is under way, and close."""
        try:
            while not should_stop():
                self._poll(POLL_SECONDS)
            self._end()
        finally:
            self.task_dispatcher.shutdown(timeout=1)
            self.close()
            wasyncore.close_all(self._map)

    def add_task(self, task: _Channel) -> None:
        """Queue the next request of a connection, or refuse it where too many wait."""
        if len(self.task_dispatcher.queue) >= self.limits.waiting:
            task.requests[0].error = Busy(BUSY)
        super().add_task(task)

    def maintenance(self, now: float) -> None:
        """Close connections that have had their time; waitress calls it every second."""
        idle_since = now - self.limits.idle
        for channel in list(self.active_channels.values()):
            if channel.late(self.limits, idle_since):
                channel.will_close = True

    def _poll(self, seconds: float) -> None:
        wasyncore.loop(seconds, self.adj.asyncore_use_poll, self._map, count=1)

    def _end(self) -> None:
        self.ending = True
        known = -1
        while known < len(self.active_channels):  # one poll accepts one that has connected
            known = len(self.active_channels)
            self._poll(0)
        wasyncore.dispatcher.close(self)
        deadline = time.monotonic() + self.limits.ending
        self._poll(0)  # what has arrived
        while time.monotonic() < deadline and any(c.busy() for c in self.active_channels.values()):
            self._poll(0.05)
            self.maintenance(time.time())
