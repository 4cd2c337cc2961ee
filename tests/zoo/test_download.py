"""Downloads from a server of this machine that misbehaves on demand."""

import hashlib
import threading
from pathlib import Path
from urllib.request import Request

import pytest
from file_server import CONTENT, Behaviour, serving, unused_port

from epropnp_det.errors import UserError
from epropnp_det.zoo.download import RemoteFile, _KnownHosts, download


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture
def behaviour(server) -> Behaviour:
    return server.behaviour


@pytest.fixture
def file(server):
    """Describe a path of the server as the index would."""

    def describe(path: str = "file", content: bytes = CONTENT, **others) -> RemoteFile:
        checksum = hashlib.sha256(content).hexdigest()
        return RemoteFile(server.url(path), len(content), checksum, **others)

    return describe


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "new" / "weights.pth"


def part(path: Path) -> Path:
    return path.with_name("weights.pth.part")


def left(path: Path) -> list[str]:
    """What lies in the folder, but for the lock that a failure leaves."""
    return sorted(x.name for x in path.parent.iterdir() if x.suffix != ".lock")


def test_file_arrives_whole_with_progress(file, path, capsys):
    download(file(), path)
    assert path.read_bytes() == CONTENT
    assert [x.name for x in path.parent.iterdir()] == ["weights.pth"]
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
    with pytest.raises(UserError, match="does not have the sha256"):
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
    with pytest.raises(
        UserError, match="does not have the sha256 [0-9a-f]{64} that is known of it and was removed"
    ):
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


@pytest.mark.parametrize("case", ["absent", "silent", "offline"])
def test_unreachable_file_can_be_put_there_by_hand(file, path, case):
    remote = file(case)
    if case == "offline":
        remote = RemoteFile(f"http://127.0.0.1:{unused_port()}/file", remote.size, remote.checksum)
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


@pytest.fixture
def named(server):
    """Describe a path of the server by its name alone, which may carry a checksum."""

    def describe(name: str = "weights-{}.pth", content: bytes = CONTENT) -> RemoteFile:
        return RemoteFile.at(server.url(name.format(hashlib.sha256(content).hexdigest()[:8])))

    return describe


@pytest.mark.parametrize(
    ("name", "checksum"),
    [
        ("resnet101-63fe2227.pth", "63fe2227"),
        ("shufflenetv2_x1-5666bf0f80.pth", "5666bf0f80"),
        ("r50_8xb32-in1k_20210831-ea4938fc.pth?download=1", "ea4938fc"),
        ("swin_tiny_patch4_window7_224.pth", ""),
        ("model-0.5.pth", ""),
        ("trained-20210831.pth", ""),
    ],
)
def test_checksum_in_the_name(name, checksum):
    file = RemoteFile.at(f"https://host/folder-63fe2227.d/{name}")
    assert (file.checksum, file.name) == (checksum, name.split("?")[0])


def test_checksum_of_the_name_is_checked(named, path, behaviour, capsys):
    download(named(), path)
    assert path.read_bytes() == CONTENT
    assert "verified" not in capsys.readouterr().out
    path.unlink()
    behaviour.content = CONTENT[:-1] + b"x"
    with pytest.raises(UserError, match="does not have the sha256"):
        download(named(), path)
    assert left(path) == []
    path.write_bytes(behaviour.content)
    with pytest.raises(UserError, match=f"{path} is not the file.*delete it"):
        download(named(), path)


def test_file_of_unknown_checksum_is_told(named, path, capsys):
    download(named("weights.pth"), path)
    assert path.read_bytes() == CONTENT
    said = capsys.readouterr().out
    assert "could not be verified" in said and hashlib.sha256(CONTENT).hexdigest() in said
    download(named("weights.pth"), path)
    assert not capsys.readouterr().out


def test_other_algorithm(file, path):
    checksum = hashlib.sha384(CONTENT).hexdigest()
    download(RemoteFile(file().url, len(CONTENT), checksum, algorithm="sha384"), path)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["weights-{}.pth", "weights.pth"], ids=["checksum", "no checksum"])
def test_interrupted_transfer_of_unknown_size(named, path, behaviour, name):
    behaviour.stops_after = 100_000
    with pytest.raises(UserError, match="stopped after 100000 of 1048576 bytes"):
        download(named(name), path)
    assert left(path) == ["weights.pth.part"]
    behaviour.stops_after = None
    download(named(name), path)
    assert path.read_bytes() == CONTENT
    # Two pieces are put together only where a checksum tells that they belong together.
    assert behaviour.seen == [None, "bytes=100000-" if "{}" in name else None]


def test_whole_part_of_unknown_size_is_not_fetched_again(named, path, behaviour):
    path.parent.mkdir()
    part(path).write_bytes(CONTENT)
    download(named(), path)
    assert path.read_bytes() == CONTENT and behaviour.seen == []


def test_part_that_is_longer_than_a_file_of_unknown_size(named, path, behaviour):
    path.parent.mkdir()
    part(path).write_bytes(CONTENT + b"x")
    download(named(), path)
    assert path.read_bytes() == CONTENT
    assert behaviour.seen == [f"bytes={len(CONTENT) + 1}-", None]


def test_server_that_states_no_length(named, path, behaviour):
    behaviour.length = False
    download(named(), path)
    assert path.read_bytes() == CONTENT


def test_any_host_may_serve_what_the_name_verifies(named, path, behaviour):
    behaviour.location = named().url.replace("127.0.0.1", "localhost")
    moved = RemoteFile(named("moved").url, None, named().checksum, hosts=None)
    download(moved, path)
    assert path.read_bytes() == CONTENT


def test_one_of_many_fetches(file, path, behaviour):
    threads = [threading.Thread(target=download, args=(file(), path)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(behaviour.seen) == 1
    assert [x.name for x in path.parent.iterdir()] == ["weights.pth"]


def test_folder_that_cannot_be_made(file, tmp_path):
    (tmp_path / "new").write_text("a file")
    with pytest.raises(UserError, match="could not be fetched"):
        download(file(), tmp_path / "new" / "folder" / "weights.pth")
