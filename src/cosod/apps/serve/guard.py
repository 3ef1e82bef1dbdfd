"""Checks of all requests before they reach a route."""

import asyncio
import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cosod.apps.serve.limits import Limits

#: The page may load its own files only, connect to its own server only, and run no inline scripts.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def is_loopback(host: str) -> bool:
    """Returns whether ``host``, a name or an address to listen at, is reachable from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """ASGI middleware that checks the headers ``Host`` and ``Origin``, limits bodies, and adds headers to responses.

    A foreign web page can resolve its own host name to the address of this machine (DNS rebinding), or post forms to
    it. The first is recognized by the ``Host`` header, the second by ``Origin``; both are refused.

    Args:
        app: the ASGI application.
        host: address at which the server listens. For a loopback address, only loopback names are accepted, otherwise
            the names of this machine and all numeric addresses, which DNS rebinding cannot forge.
        limits: limits of bodies.
        names: further accepted host names, for instance those of a proxy.
    """

    def __init__(self, app: ASGIApp, host: str, limits: Limits, names: Collection[str] = ()):
        self.app, self.limits = app, limits
        self.names = {"localhost", "127.0.0.1", "::1", host.lower(), *(name.lower() for name in names)}
        self.any_address = not is_loopback(host)
        if self.any_address:
            self.names |= {socket.gethostname().lower(), socket.getfqdn().lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        send = _with_headers(scope, send)
        refused = self._refused(Headers(scope=scope))
        if refused:
            await JSONResponse({"detail": refused}, 403)(scope, receive, send)
        else:
            await self.app(scope, self._counted(scope, receive), send)

    def _refused(self, headers: Headers) -> str | None:
        host = headers.get("host", "")
        if not self._known(host):
            return f"this server does not answer to the name {host!r}; start it with --allow-host to let it"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return "requests from other web sites are refused"
        return None

    def _known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self.names:
            return True
        try:
            return self.any_address and ipaddress.ip_address(name) is not None
        except ValueError:
            return False

    def _counted(self, scope: Scope, receive: Receive) -> Receive:
        """Returns ``receive`` with limits on the size of the body and on pauses within it."""
        upload = scope["path"] == "/api/groups" or scope["path"].endswith("/photos")
        most = self.limits.upload_bytes if upload else self.limits.small_bytes
        taken, complete = 0, False

        async def counted() -> Message:
            nonlocal taken, complete
            if complete:  # from now on it waits for the client to disconnect, without a limit
                return await receive()
            try:
                async with asyncio.timeout(self.limits.stall_seconds):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "the upload stopped half-way", {"Connection": "close"}) from None
            taken += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if taken > most:
                raise HTTPException(413, f"more than {most:,} bytes in one request", {"Connection": "close"})
            return message

        return counted


def _with_headers(scope: Scope, send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store" if scope["path"].startswith("/api/") else "no-cache")
        await send(message)

    return sending
