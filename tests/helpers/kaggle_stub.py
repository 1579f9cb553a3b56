"""A stub of Kaggle's API on localhost, which records what the real `kaggle` command sends."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Respond = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Returns the fields of the reply to a call, given its name (such as `SaveKernel`) and fields."""


@dataclass
class KaggleStub:
    """The calls received, in order."""

    port: int
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])

    def of(self, name: str) -> dict[str, Any]:
        """Returns the fields of the only call of that name."""
        (fields,) = [fields for called, fields in self.calls if called == name]
        return fields


def pulled_kernel(sources: dict[str, Any]) -> dict[str, Any]:
    """Returns the reply to GetKernel for a kernel with these sources, under kernel-metadata.json's names."""
    names = {
        "dataset_sources": "datasetDataSources",
        "competition_sources": "competitionDataSources",
        "kernel_sources": "kernelDataSources",
        "model_sources": "modelDataSources",
    }
    metadata = {names[name]: entries for name, entries in sources.items()}
    return {
        "metadata": {"ref": "me/my-solver", "title": "My solver", "language": "python"} | metadata,
        "blob": {"slug": "my-solver", "language": "python", "kernelType": "script", "source": "print(1)"},
    }


@contextmanager
def kaggle_stub(respond: Respond) -> Generator[KaggleStub]:
    """Serves until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            name, fields = self.path.rpartition("/")[2], json.loads(body or b"{}")
            stub.calls.append((name, fields))
            reply = json.dumps(respond(name, fields)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub = KaggleStub(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
