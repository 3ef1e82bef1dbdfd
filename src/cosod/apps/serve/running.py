"""Running an application: the socket on which it listens, and the ASGI server."""

import socket

import uvicorn
from fastapi import FastAPI

from cosod.errors import InputError


def listen(host: str, port: int) -> socket.socket:
    """Opens the socket of a server; from now on, connections are accepted and wait.

    Args:
        host: a name or an address of this machine.
        port: number of the port; 0 chooses a free one.

    Raises:
        InputError: the port is in use, or the address does not belong to this machine.

    Example:
        >>> with listen("127.0.0.1", 0) as listening:
        ...     address_of(listening).startswith("http://127.0.0.1:")
        True
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot listen on {host} port {port}: {reason}; give another --port") from None
    # Connections inherit it, and asyncio does not set it on those of a socket that is made like this one. Without it,
    # the second part of an answer waits some 40 ms until the browser has acknowledged the first.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def address_of(listening: socket.socket, host: str = "127.0.0.1") -> str:
    """Returns the address to open in a browser."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listening.getsockname()[1]}"


def run(app: FastAPI, listening: socket.socket) -> None:
    """Serves until Ctrl-C; raises KeyboardInterrupt after everything is closed."""
    config = uvicorn.Config(
        app, log_level="warning", server_header=False, limit_concurrency=200, timeout_graceful_shutdown=3
    )
    uvicorn.Server(config).run(sockets=[listening])
