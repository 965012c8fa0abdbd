"""Fetching, against a server of this test that can break off, refuse ranges, lie and be without the file."""

import hashlib
import http.server
import os
import threading

import numpy as np
import pytest

from zscape.data import entries, fetch
from zscape.data.download import hash_matches
from zscape.data.entries import Entry, File
from zscape.errors import DataError, DownloadError

CONTENT = np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8).tobytes()
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """What it was asked, and how it is to behave."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.content = CONTENT
        self.ranges = True
        self.cut_after = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/some.bin"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        asked = self.headers.get("Range")
        server.asked.append(asked)
        if not self.path.endswith("some.bin"):
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.ranges else 0
        if start >= len(server.content):
            self.send_error(416)
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if server.cut_after is None else body[: server.cut_after])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    known = Entry(
        "some", "test data", path="some", files=(File("some/some.bin", server.url, (SHA256,)),), licence="-"
    )
    monkeypatch.setattr(entries, "_CATALOGUE", (*entries.catalogue(), known))
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def left(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_fresh_download_with_progress(server, tmp_path):
    seen = []
    path = fetch("some", data_dir=tmp_path, progress=lambda *step: seen.append(step))
    assert path == tmp_path / "some"
    assert (path / "some.bin").read_bytes() == CONTENT
    assert left(tmp_path) == ["some.bin"]
    assert server.asked == [None]
    assert len(seen) > 2
    assert {(name, total) for name, _, total in seen} == {("some.bin", len(CONTENT))}
    done = [number for _, number, _ in seen]
    assert done == sorted(done)
    assert done[-1] == len(CONTENT)


def test_what_is_there_is_not_fetched_again(server, tmp_path):
    fetch("some", data_dir=tmp_path)
    fetch("some", data_dir=tmp_path)
    assert len(server.asked) == 1


def test_a_broken_download_is_resumed_with_a_range(server, tmp_path):
    server.cut_after = 100_000
    with pytest.raises(
        DownloadError, match=r"some\.bin could not be fetched.*fetch again to go on from where"
    ):
        fetch("some", data_dir=tmp_path)
    assert left(tmp_path) == ["some.bin.part"]
    came = (tmp_path / "some" / "some.bin.part").read_bytes()
    assert 0 < len(came) <= 100_000
    assert CONTENT.startswith(came)
    server.cut_after = None
    seen = []
    fetch("some", data_dir=tmp_path, progress=lambda *step: seen.append(step))
    assert server.asked == [None, f"bytes={len(came)}-"]
    assert (tmp_path / "some" / "some.bin").read_bytes() == CONTENT
    assert left(tmp_path) == ["some.bin"]
    assert seen[0][1] > len(came)
    assert {total for _, _, total in seen} == {len(CONTENT)}


def test_a_server_without_ranges_starts_over(server, tmp_path):
    part = tmp_path / "some" / "some.bin.part"
    part.parent.mkdir()
    part.write_bytes(b"x" * 1000)
    server.ranges = False
    fetch("some", data_dir=tmp_path)
    assert server.asked == ["bytes=1000-"]
    assert (tmp_path / "some" / "some.bin").read_bytes() == CONTENT


def test_a_part_that_is_whole_needs_no_request(server, tmp_path):
    part = tmp_path / "some" / "some.bin.part"
    part.parent.mkdir()
    part.write_bytes(CONTENT)
    fetch("some", data_dir=tmp_path)
    assert server.asked == []
    assert left(tmp_path) == ["some.bin"]


def test_a_part_that_is_too_long_is_thrown_away(server, tmp_path):
    part = tmp_path / "some" / "some.bin.part"
    part.parent.mkdir()
    part.write_bytes(CONTENT + b"more")
    with pytest.raises(DownloadError, match=r"the server answered 416.*fetch again"):
        fetch("some", data_dir=tmp_path)
    assert left(tmp_path) == []
    fetch("some", data_dir=tmp_path)
    assert left(tmp_path) == ["some.bin"]


def test_a_wrong_hash_leaves_nothing(server, tmp_path):
    server.content = CONTENT[:-1] + b"?"
    with pytest.raises(DownloadError, match=r"some\.bin is not the published file \(needed sha256:.*deleted"):
        fetch("some", data_dir=tmp_path)
    assert left(tmp_path) == []


def test_another_file_in_place_is_not_overwritten(server, tmp_path):
    mine = tmp_path / "some" / "some.bin"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    with pytest.raises(DownloadError, match=r"some\.bin exists but is not the published file.*move it away"):
        fetch("some", data_dir=tmp_path)
    assert mine.read_bytes() == b"mine"
    assert server.asked == []


def test_a_file_that_is_not_there(server, tmp_path, monkeypatch):
    gone = Entry(
        "gone", "-", path="gone", files=(File("gone/a", server.url + ".gone", (SHA256,)),), licence="-"
    )
    monkeypatch.setattr(entries, "_CATALOGUE", (gone,))
    with pytest.raises(
        DownloadError, match=r"some\.bin\.gone could not be fetched \(the server answered 404\)"
    ):
        fetch("gone", data_dir=tmp_path)
    assert left(tmp_path) == []


def test_no_server_at_all(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(DownloadError, match=r"could not be fetched.*copy the file to .* by hand"):
        fetch("some", data_dir=tmp_path)
    assert left(tmp_path) == []


def test_the_folder_written_to(server, tmp_path, monkeypatch, cache):
    monkeypatch.delenv("ZSCAPE_DATA", raising=False)
    assert fetch("some") == cache / "data" / "some"
    named = tmp_path / "named"
    named.mkdir()
    monkeypatch.setenv("ZSCAPE_DATA", str(named))
    assert fetch("some") == named / "some"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_passed_by(server, tmp_path, monkeypatch, cache):
    named = tmp_path / "named"
    named.mkdir(mode=0o500)
    monkeypatch.setenv("ZSCAPE_DATA", str(named))
    assert fetch("some") == cache / "data" / "some"


def test_what_has_no_address(tmp_path):
    with pytest.raises(DownloadError, match=r"digits needs no download; load it as it is"):
        fetch("digits", data_dir=tmp_path)
    with pytest.raises(DownloadError, match=r"paintings has no address.*only these have: mnist"):
        fetch("paintings", data_dir=tmp_path)
    with pytest.raises(DataError, match=r"did you mean 'mnist'"):
        fetch("mnits", data_dir=tmp_path)


def test_any_of_several_hashes_will_do(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(CONTENT)
    md5 = "md5:" + hashlib.md5(CONTENT).hexdigest()
    assert hash_matches(file, ("md5:" + "0" * 32, SHA256))
    assert hash_matches(file, (md5,))
    assert not hash_matches(file, ("md5:" + "0" * 32,))
