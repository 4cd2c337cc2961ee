"""Fetching a file of known size and checksum, so that it can be interrupted and go on."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from tqdm import tqdm

from ..errors import UserError

CHUNK = 1 << 18


@dataclass(frozen=True)
class RemoteFile:
    """A file elsewhere.

    Attributes:
        url: its address.
        size: bytes.
        sha256: its checksum, in hexadecimal digits.
        hosts: further hosts that its own may redirect to.
    """

    url: str
    size: int
    sha256: str
    hosts: tuple[str, ...] = ()


class _KnownHosts(HTTPRedirectHandler):
    """Follows redirects to the file's own hosts alone, and none out of an encrypted connection."""

    def __init__(self, file: RemoteFile) -> None:
        self.file = file

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        first, new = urlsplit(self.file.url), urlsplit(newurl)
        if new.hostname not in (first.hostname, *self.file.hosts):
            raise UserError(
                f"{self.file.url} redirects to {new.hostname}, a host that the index does not "
                "list, and was not fetched."
            )
        if first.scheme == "https" and new.scheme != "https":
            raise UserError(
                f"{self.file.url} redirects to an unencrypted address and was not fetched."
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def sha256(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(file: RemoteFile, path: str | Path, timeout: float = 30.0) -> None:
    """Fetch a file, or verify the one that lies there.

    What has arrived is kept beside ``path`` with the suffix ``.part``, from which the next call
    goes on; it takes its place once size and checksum are right.

    Args:
        file: what to fetch.
        path: where to put it; its folder is made.
        timeout: seconds to wait for the server.

    Raises:
        UserError: the file there is another one; the server is not reached, fails, redirects to an
            unknown host or sends too much; the transfer stops early; the checksum is wrong.
    """
    path = Path(path)
    if path.exists():
        if path.stat().st_size != file.size or sha256(path) != file.sha256:
            raise UserError(
                f"{path} is not the file that {file.url} names, or not all of it: move it away "
                "and run this again."
            )
        return
    part = path.with_name(path.name + ".part")
    if not part.exists() or part.stat().st_size != file.size:
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            _fetch(file, part, timeout)
        except (OSError, HTTPException) as error:
            raise UserError(
                f"{file.url} could not be fetched ({error}): run this again to go on, or fetch it "
                f"by hand, put it at {path} and run this again, which will verify it."
            ) from error
    if sha256(part) != file.sha256:
        part.unlink()
        raise UserError(
            f"{file.url} has another SHA-256 than the index says and was removed: fetch it anew, "
            "and if this repeats, do not trust the server."
        )
    os.replace(part, path)


def _fetch(file: RemoteFile, part: Path, timeout: float) -> None:
    """Bring ``part`` to the full size."""
    start = part.stat().st_size if part.exists() else 0
    if start > file.size:
        start = 0
    request = Request(file.url, headers={"Range": f"bytes={start}-"} if start else {})
    with build_opener(_KnownHosts(file)).open(request, timeout=timeout) as response:
        if response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            mode = "ab"
        else:
            start, mode = 0, "wb"
        with open(part, mode) as output:
            arrived = _copy(response, output, start, file)
    if arrived > file.size:
        part.unlink()
        raise UserError(
            f"{file.url} is larger than the {file.size} bytes that the index says and was removed: "
            "do not trust the server."
        )
    if arrived < file.size:
        raise ConnectionError(f"the server stopped after {arrived} of {file.size} bytes")


def _copy(response: HTTPResponse, output: IO[bytes], arrived: int, file: RemoteFile) -> int:
    """Copy to the end, or one byte past the file's size; returns how many bytes are there then."""
    with tqdm(total=file.size, initial=arrived, unit="B", unit_scale=True) as progress:
        while chunk := response.read(min(CHUNK, file.size + 1 - arrived)):
            output.write(chunk)
            arrived += len(chunk)
            progress.update(len(chunk))
    return arrived
