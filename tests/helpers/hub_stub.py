"""A small server that answers as the Hugging Face hub does, for the hub's real client."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler


class HubStub(BaseHTTPRequestHandler):
    files: dict[str, bytes]
    commit = "0" * 40

    def do_GET(self) -> None:
        self._answer(head=False)

    def do_HEAD(self) -> None:
        self._answer(head=True)

    def _answer(self, *, head: bool) -> None:
        path = self.path.split("?")[0]
        name = path.rpartition(f"/resolve/{self.commit}/")[2]
        if path.startswith("/api/datasets/team/set/tree/"):
            files = [{"type": "file", "path": name, "size": len(data), "oid": "1"} for name, data in self.files.items()]
            body = json.dumps(files).encode()
        elif path.startswith("/api/datasets/team/set/"):
            body = json.dumps({"id": "team/set", "sha": self.commit, "siblings": []}).encode()
        elif name in self.files:
            body = self.files[name]
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"1"')
        self.send_header("X-Repo-Commit", self.commit)
        self.end_headers()
        if not head:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass
