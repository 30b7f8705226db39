"""What cannot be simulated under the event loop, because libraries do it above or beside it.

* httpcore does TLS in anyio, above the transport: there is nothing to encrypt in memory.
* anyio has worker threads of its own, which real time would pass for: they run inline.
* anyio iterates sets of cancel scopes, ordered by memory address: they hash by a counter.
* SDKs read the machine's trust store for each client: tens of milliseconds for what is never used here.

A module that is not loaded yet is not touched unless it is one that simulated HTTP needs.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import itertools
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

__all__ = ["simulated_libraries"]

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@contextmanager
def simulated_libraries() -> Iterator[None]:
    """Adapt the libraries that are installed, and forget proxies, while the context lasts."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ))
        for variable in PROXY_VARIABLES:
            os.environ.pop(variable, None)
        stack.enter_context(
            mock.patch.object(ssl, "create_default_context", _without_trust(ssl.create_default_context))
        )
        for name in ("httpcore2._backends.anyio", "httpcore._backends.anyio"):
            if _is_installed(name):
                stream = importlib.import_module(name).AnyIOStream
                stack.enter_context(mock.patch.object(stream, "start_tls", _no_tls))
        if _is_installed("anyio"):
            backend = importlib.import_module("anyio._backends._asyncio")
            stack.enter_context(mock.patch.object(backend, "CancelScope", _counted(backend.CancelScope)))
            inline = classmethod(_run_inline)
            stack.enter_context(mock.patch.object(backend.AsyncIOBackend, "run_sync_in_worker_thread", inline))
        yield


def _without_trust(create: Callable[..., ssl.SSLContext]) -> Callable[..., ssl.SSLContext]:
    """Client contexts that trust nobody: a client that outlives its world can reach nothing real with one."""

    def create_default_context(
        purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH,
        *,
        cafile: Any = None,
        capath: Any = None,
        cadata: Any = None,
    ) -> ssl.SSLContext:
        is_readable = all(os.path.exists(place) for place in (cafile, capath) if place is not None)
        if purpose != ssl.Purpose.SERVER_AUTH or cadata is not None or not is_readable:
            return create(purpose, cafile=cafile, capath=capath, cadata=cadata)
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    return create_default_context


def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(name.partition(".")[0]) is not None


async def _no_tls(self: Any, ssl_context: Any, server_hostname: Any = None, timeout: Any = None) -> Any:
    return self


async def _run_inline(cls: Any, func: Any, args: Any, abandon_on_cancel: bool = False, limiter: Any = None) -> Any:
    await asyncio.sleep(0)
    return func(*args)


_numbers = itertools.count(1)


def _counted(scope: Any) -> Any:
    class CountedCancelScope(scope):  # type: ignore[misc]
        """A cancel scope whose place in a set depends on when it was made."""

        __slots__ = ("_number",)

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            made = super().__new__(cls)
            made._number = next(_numbers)
            return made

        def __hash__(self) -> int:
            return int(self._number)

        def __eq__(self, other: object) -> bool:
            return self is other

    return CountedCancelScope
