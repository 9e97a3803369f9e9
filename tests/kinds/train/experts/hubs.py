"""A folder as the hub's own library leaves it in its cache, and a hub on this machine that it can download from."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import threading
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def make_repository(cache: Path, name: str, *, kind: str = "model", branch: str | None = "main") -> Path:
    """The empty folder of one commit, and a branch that points to it."""
    home = cache / f"{kind}s--{name.replace('/', '--')}"
    folder = home / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    if branch is not None:
        (home / "refs").mkdir()
        (home / "refs" / branch).write_text(COMMIT)
    return folder


def as_downloaded(folder: Path) -> Path:
    """The same folder of a commit, whose files now are links to blobs named after their content."""
    blobs = folder.parents[1] / "blobs"
    blobs.mkdir(exist_ok=True)
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        blob = blobs / hashlib.sha256(path.read_bytes()).hexdigest()
        path.rename(blob)
        path.symlink_to(os.path.relpath(blob, path.parent))
    return folder


@contextmanager
def serving(folder: Path, name: str, *, kind: str = "model", status: int | None = None):
    """The address of a hub with one repository, whose `main` is COMMIT, and the paths that it is asked for.

    With a `status` it answers nothing else.
    """
    asked = []

    class Answers(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self.answer()

        def do_GET(self):
            self.answer()

        def answer(self):
            path = unquote(urlsplit(self.path).path)
            asked.append((self.command, path))
            content, headers = (None, {}) if status else _answer(folder, name, kind, path)
            self.send_response(status or (404 if content is None else 200))
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content or b"")

        def log_message(self, *_arguments):
            """Nothing on the terminal."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def _answer(folder, name, kind, path):
    api = f"/api/{kind}s/{name}"
    files = {one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()}
    if path == "/":
        return b"a hub", {}
    if path in {f"{api}/revision/main", f"{api}/revision/{COMMIT}"}:
        told = {"id": name, "sha": COMMIT, "siblings": [{"rfilename": file} for file in files]}
        return json.dumps(told).encode(), {"Content-Type": "application/json"}
    if path == f"{api}/tree/{COMMIT}":
        told = [
            {"type": "file", "path": file, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
            for file, content in files.items()
        ]
        return json.dumps(told).encode(), {"Content-Type": "application/json"}
    at = f"{'datasets/' if kind == 'dataset' else ''}{name}/resolve/{COMMIT}/"
    content = files.get(path[len(at) + 1 :]) if path.startswith(f"/{at}") else None
    if content is None:
        return None, {"X-Error-Code": "RepoNotFound" if path.startswith("/api") else "EntryNotFound"}
    return content, {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
