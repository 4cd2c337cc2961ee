"""Downloads from a server of this machine that misbehaves on demand."""

import hashlib
import re
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import Request

import pytest

from epropnp_det.errors import UserError
from epropnp_det.zoo.download import RemoteFile, _KnownHosts, download

CONTENT = bytes(range(256)) * 4096


@dataclass
class Behaviour:
    """What the server does, and the Range headers that it has seen."""

    content: bytes = CONTENT
    ranges: bool = True
    stops_after: int | None = None
    location: str | None = None
    seen: list[str | None] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        behaviour, asked = self.server.behaviour, self.headers["Range"]
        behaviour.seen.append(asked)
        if self.path == "/silent":
            self.server.stopped.wait()
            return
        if self.path == "/absent":
            self.send_error(404)
        elif self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", behaviour.location)
            self.end_headers()
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            while not self.server.stopped.is_set():
                self.wfile.write(CONTENT)
        else:
            self.send_content(behaviour, asked)

    def send_content(self, behaviour, asked):
        body = behaviour.content
        if asked and behaviour.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            body = body[start:]
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: behaviour.stops_after])


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that hangs up is what some tests want."""


@pytest.fixture
def server():
    server = Server(("127.0.0.1", 0), Handler)
    server.behaviour, server.stopped = Behaviour(), threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs=dict(poll_interval=0.01))
    thread.start()
    yield server
    server.stopped.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def behaviour(server) -> Behaviour:
    return server.behaviour


@pytest.fixture
def file(server):
    """Describe a path of the server as the index would."""

    def describe(path: str = "file", content: bytes = CONTENT, **others) -> RemoteFile:
        url = f"http://127.0.0.1:{server.server_port}/{path}"
        return RemoteFile(url, len(content), hashlib.sha256(content).hexdigest(), **others)

    return describe


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "new" / "weights.pth"


def part(path: Path) -> Path:
    return path.with_name("weights.pth.part")


def left(path: Path) -> list[str]:
    return sorted(x.name for x in path.parent.iterdir())


def test_file_arrives_whole_with_progress(file, path, capsys):
    download(file(), path)
    assert path.read_bytes() == CONTENT
    assert left(path) == ["weights.pth"]
    assert "100%" in capsys.readouterr().err


@pytest.mark.parametrize("ranges", [True, False])
def test_interrupted_transfer_goes_on(file, path, behaviour, ranges):
    behaviour.stops_after = 100_000
    with pytest.raises(UserError, match="stopped after 100000 of 1048576 bytes.*run this again"):
        download(file(), path)
    assert left(path) == ["weights.pth.part"]
    behaviour.stops_after, behaviour.ranges = None, ranges
    download(file(), path)
    assert path.read_bytes() == CONTENT
    assert left(path) == ["weights.pth"]
    assert behaviour.seen == [None, "bytes=100000-"]


def test_whole_part_is_not_fetched_again(file, path, behaviour):
    path.parent.mkdir()
    part(path).write_bytes(CONTENT)
    download(file(), path)
    assert path.read_bytes() == CONTENT
    assert behaviour.seen == []


@pytest.mark.parametrize("rest", [b"x" * 1000, b"x" * len(CONTENT)], ids=["begun", "full"])
def test_part_of_another_file(file, path, rest):
    path.parent.mkdir()
    part(path).write_bytes(rest)
    with pytest.raises(UserError, match="another SHA-256"):
        download(file(), path)
    assert left(path) == []
    download(file(), path)
    assert path.read_bytes() == CONTENT


def test_part_that_is_too_long_is_dropped(file, path, behaviour):
    path.parent.mkdir()
    part(path).write_bytes(CONTENT + b"x")
    download(file(), path)
    assert path.read_bytes() == CONTENT
    assert behaviour.seen == [None]


def test_corrupted_file_is_removed(file, path, behaviour):
    behaviour.content = CONTENT[:-1] + b"x"
    with pytest.raises(UserError, match="another SHA-256 than the index says and was removed"):
        download(file(), path)
    assert left(path) == []


def test_endless_file_is_stopped(file, path):
    with pytest.raises(UserError, match="larger than the 1048576 bytes"):
        download(file("endless"), path)
    assert left(path) == []


def test_oversized_rest_is_stopped(file, path, behaviour):
    path.parent.mkdir()
    part(path).write_bytes(CONTENT[:1000])
    behaviour.content = CONTENT + b"x"
    with pytest.raises(UserError, match="larger than"):
        download(file(), path)
    assert left(path) == []


def test_redirect_within_the_host_is_followed(file, path, behaviour):
    behaviour.location = file().url
    download(file("moved"), path)
    assert path.read_bytes() == CONTENT


def test_redirect_to_another_host(file, path, behaviour):
    behaviour.location = file().url.replace("127.0.0.1", "localhost")
    with pytest.raises(UserError, match="redirects to localhost, a host that the index does not"):
        download(file("moved"), path)
    assert left(path) == [] and len(behaviour.seen) == 1
    download(file("moved", hosts=("localhost",)), path)
    assert path.read_bytes() == CONTENT


def test_redirect_must_stay_encrypted():
    handler = _KnownHosts(RemoteFile("https://host/file", 1, ""))
    arguments = Request("https://host/file"), None, 302, "", {}
    assert handler.redirect_request(*arguments, "https://host/other").full_url.endswith("other")
    with pytest.raises(UserError, match="unencrypted"):
        handler.redirect_request(*arguments, "http://host/other")


def unused_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


@pytest.mark.parametrize("case", ["absent", "silent", "offline"])
def test_unreachable_file_can_be_put_there_by_hand(file, path, case):
    remote = file(case)
    if case == "offline":
        remote = RemoteFile(f"http://127.0.0.1:{unused_port()}/file", remote.size, remote.sha256)
    reason = dict(absent="404", silent="timed out", offline="refused")[case]
    with pytest.raises(UserError, match=f"{reason}.*put it at {path} and run this again") as error:
        download(remote, path, timeout=0.2)
    assert "\n" not in str(error.value)
    path.write_bytes(CONTENT)
    download(remote, path)


def test_file_put_there_is_verified(file, path, behaviour):
    path.parent.mkdir()
    for wrong in (CONTENT[:-1], CONTENT[:-1] + b"x"):
        path.write_bytes(wrong)
        with pytest.raises(UserError, match=f"{path} is not the file"):
            download(file(), path)
        assert path.read_bytes() == wrong
    assert behaviour.seen == []
