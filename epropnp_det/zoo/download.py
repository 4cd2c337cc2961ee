"""Fetching a file and verifying it, so that it can be interrupted and go on."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from tqdm import tqdm

from ..errors import UserError

CHUNK = 1 << 18
RANGE_NOT_SATISFIABLE = 416

# PyTorch and OpenMMLab end a name with the first digits of the file's SHA-256. Some end it with a
# date in their place.
_CHECKSUM_IN_NAME = re.compile(r"-(?!20\d{6}\.)([0-9a-f]{8,64})\.")


@dataclass(frozen=True)
class RemoteFile:
    """A file elsewhere.

    Attributes:
        url: its address.
        size: bytes; None where not known.
        checksum: in hexadecimal digits, or the first of them; empty where not known.
        hosts: further hosts that its own may redirect to; None for any.
        algorithm: of the checksum, by its name in hashlib.
    """

    url: str
    size: int | None
    checksum: str
    hosts: tuple[str, ...] | None = ()
    algorithm: str = "sha256"

    @classmethod
    def at(cls, url: str) -> RemoteFile:
        """The file at an address, with as much of its SHA-256 as its name carries."""
        found = _CHECKSUM_IN_NAME.search(os.path.basename(urlsplit(url).path))
        return cls(url, None, found[1] if found else "", hosts=None)

    @property
    def name(self) -> str:
        """Last part of the address, under which torch.hub keeps the file."""
        return os.path.basename(urlsplit(self.url).path)

    def is_at(self, path: Path) -> bool:
        """Whether a file has this size and checksum, as far as they are known."""
        if self.size not in (None, path.stat().st_size):
            return False
        return not self.checksum or _digest(path, self.algorithm).startswith(self.checksum)


class _KnownHosts(HTTPRedirectHandler):
    """Follows redirects to the file's own hosts alone, and none out of an encrypted connection."""

    def __init__(self, file: RemoteFile) -> None:
        self.file = file

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        first, new = urlsplit(self.file.url), urlsplit(newurl)
        hosts = self.file.hosts
        if hosts is not None and new.hostname not in (first.hostname, *hosts):
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
    return _digest(path, "sha256")


def _digest(path: str | Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def download(file: RemoteFile, path: str | Path, timeout: float = 30.0) -> None:
    """Fetch a file, or verify the one that lies there.

    What has arrived is kept beside ``path`` with the suffix ``.part``, from which the next call
    goes on; it takes its place once size and checksum are right. Of several processes one fetches
    while the others wait. Of a file whose checksum is not known the SHA-256 is printed, and an
    interrupted transfer begins anew.

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
        if not file.is_at(path):
            raise UserError(
                f"{path} is not the file that {file.url} names, or not all of it: delete it or "
                "move it away, and run this again."
            )
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            if not path.exists():
                _bring(file, path, timeout)
    except (OSError, HTTPException) as error:
        verified = ", which will verify it" if file.checksum else ""
        raise UserError(
            f"{file.url} could not be fetched ({error}): run this again to go on, or fetch it "
            f"by hand, put it at {path} and run this again{verified}."
        ) from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes from writing the same file: two at one ``.part`` would mix it up.

    The processes of a distributed training ask for their weights before they can talk to each
    other, so that a file has to tell them; the system unlocks it however a process ends.
    """
    # torch needs it too. Imported here, since most calls find the file in its place.
    from filelock import FileLock

    lock = path.with_name(path.name + ".lock")
    with FileLock(lock):
        yield
        # Who still waits for the removed lock finds the file in its place.
        lock.unlink(missing_ok=True)


def _bring(file: RemoteFile, path: Path, timeout: float) -> None:
    """Have a file in its place, verified."""
    part = path.with_name(path.name + ".part")
    if not _is_whole(file, part):
        _fetch(file, part, timeout)
    if not file.is_at(part):
        part.unlink()
        raise UserError(
            f"{file.url} does not have the {file.algorithm} {file.checksum} that is known of it "
            "and was removed: fetch it anew, and if this repeats, do not trust the server."
        )
    if not file.checksum:
        print(
            f"{file.url} could not be verified, no checksum of it is known: its SHA-256 is "
            f"{sha256(part)}."
        )
    os.replace(part, path)


def _is_whole(file: RemoteFile, part: Path) -> bool:
    if not part.exists():
        return False
    if file.size is not None:
        return part.stat().st_size == file.size
    return bool(file.checksum) and file.is_at(part)


def _fetch(file: RemoteFile, part: Path, timeout: float) -> None:
    """Bring ``part`` to the full size."""
    # Without a checksum nothing would tell that two pieces are not of the same file.
    start = part.stat().st_size if part.exists() and file.checksum else 0
    if file.size is not None and start > file.size:
        start = 0
    # Some servers refuse the name that urllib gives itself.
    headers = {"User-Agent": "epropnp_det", **({"Range": f"bytes={start}-"} if start else {})}
    request = Request(file.url, headers=headers)
    try:
        response = build_opener(_KnownHosts(file)).open(request, timeout=timeout)
    except HTTPError as error:
        if error.code != RANGE_NOT_SATISFIABLE or not start:
            raise
        # What lies there is longer than the file, and so no beginning of it.
        part.unlink()
        _fetch(file, part, timeout)
        return
    with response:
        if response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            mode = "ab"
        else:
            start, mode = 0, "wb"
        size = _announced(response, start) if file.size is None else file.size
        with open(part, mode) as output:
            arrived = _copy(response, output, start, size)
    if size is not None and arrived > size:
        part.unlink()
        raise UserError(
            f"{file.url} is larger than the {size} bytes that the index says and was removed: "
            "do not trust the server."
        )
    if size is not None and arrived < size:
        raise ConnectionError(f"the server stopped after {arrived} of {size} bytes")


def _announced(response: HTTPResponse, start: int) -> int | None:
    """Size of the whole file by what the server says; None if it does not."""
    rest = response.headers.get("Content-Length")
    return start + int(rest) if rest else None


def _copy(response: HTTPResponse, output: IO[bytes], arrived: int, size: int | None) -> int:
    """Copy to the end, or one byte past the size; returns how many bytes are there then."""
    with tqdm(total=size, initial=arrived, unit="B", unit_scale=True) as progress:
        while chunk := response.read(CHUNK if size is None else min(CHUNK, size + 1 - arrived)):
            output.write(chunk)
            arrived += len(chunk)
            progress.update(len(chunk))
    return arrived
