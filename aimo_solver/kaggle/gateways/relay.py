"""Relay: a gateway's calls to a server in another process, over gRPC as `kaggle_evaluation` makes them.

What it shares with Kaggle's own, as public copies of `core/relay.py` show it: the messages, the ports, one
call at a time in one worker thread, the channel's options, a server that may be late and must then stay, no
deadline for the first call and one for every later call. Known to differ: Kaggle's gateway reaches the server
in another container, ours on this machine, by port or by a Unix socket; and Kaggle's server never returns,
ours does when its gateway says so (`END`).
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, cast

import grpc

from aimo_solver.kaggle.gateways.messages import METHOD, SERVICE, Request, Response, decode, encode

PORTS: Final = (50_051, *range(60_053, 60_063))
"""Kaggle's server takes the first that is free; its gateway tries them in turn."""
CONNECT_SECONDS: Final = 15 * 60.0
"""How long Kaggle's gateway waits for a server."""
END: Final = "end_of_rehearsal"
"""A call by which a gateway of ours lets a server of ours return."""
_RETRY_SECONDS: Final = 0.1
_END_SECONDS: Final = 2.0
_RETRIES: Final[dict[str, Any]] = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 1,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}
_OPTIONS: Final = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ("grpc.service_config", json.dumps(_RETRIES)),
    ("grpc.enable_http_proxy", 0),  # A proxy of this machine is not on the way to this machine.
)


class RelayFault(Exception):
    """A call that was not answered; the text says why."""


class RelayServer:
    """Serves functions by their names."""

    def __init__(self, *functions: Callable[..., Any], address: str = "") -> None:
        """`address`: a gRPC address, such as `unix:/tmp/socket`; if empty, the first of PORTS that is free."""
        self._functions = {function.__name__: function for function in functions}
        self._ended = threading.Event()
        self._functions[END] = self._ended.set
        self._server = grpc.server(ThreadPoolExecutor(max_workers=1), options=_OPTIONS)
        handler = grpc.unary_unary_rpc_method_handler(
            self._answer,
            request_deserializer=Request.FromString,
            response_serializer=_to_bytes,
        )
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),))
        self.address = address or f"localhost:{_free_port()}"
        self._server.add_insecure_port(self.address)

    def start(self) -> None:
        """Begins to answer, in threads of its own."""
        self._server.start()

    def wait(self) -> None:
        """Returns once a gateway of ours has said that it was the last call."""
        self._ended.wait()

    def stop(self) -> None:
        """Ends the answer in hand, and every connection."""
        self._server.stop(_END_SECONDS).wait()

    def _answer(self, request: Any, context: grpc.ServicerContext) -> Any:
        if request.name not in self._functions:
            raise NotImplementedError(f"No listener for {request.name} was registered.")
        arguments = [decode(payload) for payload in request.args]
        named = {name: decode(payload) for name, payload in request.kwargs.items()}
        return Response(payload=encode(self._functions[request.name](*arguments, **named)))


class RelayClient:
    """Calls the functions of a server that may still be starting."""

    def __init__(
        self,
        addresses: Sequence[str],
        *,
        call_seconds: float | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        is_alive: Callable[[], bool] = lambda: True,
    ) -> None:
        """`call_seconds`: limit of every call but the first; None means none.

        `is_alive`: whether it is worth waiting for the server; Kaggle's gateway asks whether its container runs.
        """
        self._addresses, self._call_seconds, self._connect_seconds = tuple(addresses), call_seconds, connect_seconds
        self._is_alive = is_alive
        self._channel: grpc.Channel | None = None

    def call(self, name: str, *arguments: object) -> Any:
        """Returns what the server's function returns. Raises RelayFault."""
        request = Request(name=name, args=[encode(argument) for argument in arguments])
        try:
            if self._channel is None:
                return self._first_call(request)
            return _send(self._channel, request, self._call_seconds)
        except grpc.RpcError as error:
            raise RelayFault(_sentence(error, self._call_seconds)) from error

    def close(self) -> None:
        """Lets a server of ours return, and closes the connection."""
        if self._channel is not None:
            with suppress(grpc.RpcError):  # It is gone, or busy with a call that was given up, or Kaggle's own.
                _send(self._channel, Request(name=END), _END_SECONDS)
            self._channel.close()
            self._channel = None

    def _first_call(self, request: Any) -> Any:
        """Tries every address until one is served; there the call may take any time."""
        give_up_at = time.monotonic() + self._connect_seconds
        while True:
            for address in self._addresses:
                channel = grpc.insecure_channel(address, options=_OPTIONS)
                try:
                    reply = _send(channel, request, None)
                except grpc.RpcError as error:
                    if _code(error) is not grpc.StatusCode.UNAVAILABLE:
                        self._channel = channel  # It is up: `close` may end it.
                        raise
                    channel.close()
                    if time.monotonic() > give_up_at:
                        raise RelayFault(f"no server is up after {self._connect_seconds:.0f} s") from None
                    if not self._is_alive():
                        raise RelayFault("the server's process ended before it served") from None
                else:
                    self._channel = channel
                    return reply
            time.sleep(_RETRY_SECONDS)


def _send(channel: grpc.Channel, request: Any, limit_seconds: float | None) -> Any:
    send = channel.unary_unary(
        f"/{SERVICE}/{METHOD}",
        request_serializer=_to_bytes,
        response_deserializer=Response.FromString,
    )
    response: Any = send(request, timeout=limit_seconds, wait_for_ready=False)
    return decode(response.payload)


def _to_bytes(message: Any) -> bytes:
    return message.SerializeToString()


def _code(error: grpc.RpcError) -> grpc.StatusCode:
    return cast(Any, error).code()


def _sentence(error: grpc.RpcError, limit_seconds: float | None) -> str:
    if _code(error) is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"the answer took longer than {limit_seconds:g} s"
    details = str(cast(Any, error).details())
    if _code(error) is grpc.StatusCode.UNAVAILABLE:
        return f"the server is gone ({details})"
    return f"the server must not raise, got {details.removeprefix('Exception calling application: ')}"


def _free_port() -> int:
    for port in PORTS:
        with socket.socket() as plug:
            try:
                plug.bind(("localhost", port))
            except OSError:
                continue
            return port
    raise OSError(f"none of the gateway's ports is free ({PORTS[0]}, {PORTS[1]} to {PORTS[-1]}); end what holds them")
