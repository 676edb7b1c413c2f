"""Downloads, against a local server, and hostile archives."""

import gzip
import hashlib
import io
import random
import tarfile
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from paddle_alexnet.data.download import FLOWER_PHOTOS, Archive, fetch
from paddle_alexnet.errors import DataError

# Larger than a block, and not to be compressed.
FILES = {"photos/LICENSE.txt": b"CC BY", "photos/daisy/1.jpg": random.Random(0).randbytes(400_000)}


def tar_of(files=FILES, **special):
    """A tar.gz; ``special`` maps a name to what its TarInfo is given."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, values in special.items():
            info = tarfile.TarInfo(name)
            for key, value in values.items():
                setattr(info, key, value)
            tar.addfile(info)
    return out.getvalue()


def describe(data, *urls, **values):
    known = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return Archive(
        **{
            "name": "p.tgz",
            "urls": urls,
            "folder": "photos",
            "max_unpacked": 10**6,
            "hint": "or --archive FILE --root {root}",
            **known,
            **values,
        }
    )


DATA = tar_of()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Range")))
        data = server.data
        if self.path == "/404":
            self.send_error(404)
            return
        if self.path == "/ranges" and self.headers.get("Range"):
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            self.send_response(206)
            data = data[start:]
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        # /cut ends in the middle of the file.
        self.wfile.write(data[: len(data) // 2] if self.path == "/cut" else data)

    def log_message(self, *args):
        pass


@contextmanager
def serving(data):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.data, server.asked = data, []
    server.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server():
    with serving(DATA) as server:
        yield server


def below(folder):
    return {p.relative_to(folder.parent).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def test_download_check_and_unpack(server, tmp_path):
    root = tmp_path / "data" / "photos"
    fetch(describe(DATA, f"{server.address}/ranges"), root)
    assert below(root) == FILES
    assert [p.name for p in root.parent.iterdir()] == ["photos"]  # nothing else is left
    assert root.stat().st_mode & 0o777 == root.parent.stat().st_mode & 0o777


def test_a_download_is_continued(server, tmp_path):
    cut = describe(DATA, f"{server.address}/cut")
    with pytest.raises(DataError, match=r"(?s)cannot download.*--archive FILE --root .*photos"):
        fetch(cut, tmp_path / "photos")
    have = (tmp_path / "p.tgz.part").stat().st_size
    assert 0 < have <= len(DATA) // 2
    fetch(describe(DATA, f"{server.address}/ranges"), tmp_path / "photos")
    assert server.asked[-1] == ("/ranges", f"bytes={have}-")
    assert below(tmp_path / "photos") == FILES


def test_a_server_without_ranges_sends_all(server, tmp_path):
    (tmp_path / "p.tgz.part").write_bytes(DATA[:100])
    fetch(describe(DATA, f"{server.address}/whole"), tmp_path / "photos")
    assert below(tmp_path / "photos") == FILES


def test_the_second_address_is_tried(server, tmp_path):
    urls = ("http://127.0.0.1:9/closed", f"{server.address}/404", f"{server.address}/whole")
    fetch(describe(DATA, *urls), tmp_path / "photos")
    assert below(tmp_path / "photos") == FILES


def test_no_network(tmp_path):
    urls = ("http://127.0.0.1:9/closed", "http://no.such.host.invalid/x")
    with pytest.raises(DataError, match=r"(?s)127\.0\.0\.1.*no\.such.*--archive FILE"):
        fetch(describe(DATA, *urls), tmp_path / "photos")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("values", [{"sha256": "0" * 64}, {"size": len(DATA) - 1}])
def test_another_file_is_refused_and_removed(server, tmp_path, values):
    archive = describe(DATA, f"{server.address}/whole", **values)
    with pytest.raises(DataError, match=r"is not p\.tgz.*download it again"):
        fetch(archive, tmp_path / "photos")
    assert list(tmp_path.iterdir()) == []


def test_from_a_file_which_stays(tmp_path):
    (tmp_path / "mine.tgz").write_bytes(DATA)
    fetch(describe(DATA), tmp_path / "photos", file=tmp_path / "mine.tgz")
    assert below(tmp_path / "photos") == FILES
    assert (tmp_path / "mine.tgz").read_bytes() == DATA
    (tmp_path / "other.tgz").write_bytes(b"other")
    for name in ("other.tgz", "no.tgz"):
        with pytest.raises(DataError, match=name.replace(".", r"\.")):
            fetch(describe(DATA), tmp_path / "new", file=tmp_path / name)
    assert (tmp_path / "other.tgz").exists()
    assert not (tmp_path / "new").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "mine.txt").write_text("precious")
    (tmp_path / "mine.tgz").write_bytes(DATA)
    with pytest.raises(DataError, match="left as it is"):
        fetch(describe(DATA), tmp_path / "photos", file=tmp_path / "mine.tgz")
    assert below(tmp_path / "photos") == {"photos/mine.txt": b"precious"}


HARMFUL = {
    "parent": tar_of({**FILES, "photos/../../evil.txt": b"x"}),
    "root": tar_of({**FILES, "/tmp/evil.txt": b"x"}),
    "beside": tar_of({**FILES, "other/evil.txt": b"x"}),
    "windows": tar_of({**FILES, "photos/..\\evil.txt": b"x"}),
    "drive": tar_of({**FILES, "photos/C:evil.txt": b"x"}),
    "alternate": tar_of({**FILES, "photos/a.txt:evil": b"x"}),
    "zero": tar_of(**{"photos/a": {"pax_headers": {"path": "photos/a\0b"}}}),
    "a folder of a file": tar_of({"photos/a": b"x", "photos/a/b": b"x"}),
    "itself": tar_of({**FILES, "photos": b"x"}),
    "long": tar_of({**FILES, "photos/" + "x" * 300: b"x"}),
    "many": tar_of({f"photos/{i}": b"" for i in range(3000)}),
    "link": tar_of(**{"photos/l": {"type": tarfile.SYMTYPE, "linkname": "/etc"}}),
    "hard link": tar_of(**{"photos/l": {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"}}),
    "pipe": tar_of(**{"photos/p": {"type": tarfile.FIFOTYPE}}),
    "device": tar_of(**{"photos/d": {"type": tarfile.CHRTYPE}}),
    "large": tar_of({**FILES, "photos/zeros": bytes(10**6)}),
    "cut": DATA[:-200],
    "no tar": b"\x1f\x8b" + bytes(100),
}


@pytest.mark.parametrize("name", HARMFUL)
def test_hostile_archives_leave_nothing(name, tmp_path):
    data = HARMFUL[name]
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "x.tgz").write_bytes(data)
    with pytest.raises(DataError):
        fetch(describe(data), inner / "photos", file=inner / "x.tgz")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [inner / "x.tgz"]
    assert not (inner / "photos").exists()


def test_damage_anywhere_leaves_nothing(tmp_path):
    """In the compressed stream, and in what it holds."""
    small = tar_of({"photos/LICENSE.txt": b"CC BY", "photos/daisy/1.jpg": b"x" * 3000})
    rng = random.Random(0)
    plain = gzip.decompress(small)
    refused = 0
    for trial in range(300):
        bad = bytearray(plain if trial % 2 else small)
        for _ in range(rng.randint(1, 4)):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        data = gzip.compress(bad, 1) if trial % 2 else bytes(bad)
        (tmp_path / "x.tgz").write_bytes(data)
        root = tmp_path / str(trial)
        try:
            fetch(describe(data), root, file=tmp_path / "x.tgz")
        except DataError as error:
            refused += 1
            assert "cannot" in str(error) or "not a plain file" in str(error)
            assert not root.exists()
    assert refused > 100
    names = {str(path.relative_to(tmp_path).parts[0]) for path in tmp_path.rglob("*")}
    assert names <= {"x.tgz", *map(str, range(300))}


def test_the_archive_is_the_official_one():
    """Figures as published with the data set."""
    assert FLOWER_PHOTOS.size == 228_813_984
    assert FLOWER_PHOTOS.sha256.startswith("4c54ace7911aaffe13a3")
    assert all(url.endswith("example_images/flower_photos.tgz") for url in FLOWER_PHOTOS.urls)


def test_a_python_whose_tarfile_is_too_old_is_refused(tmp_path, monkeypatch):
    monkeypatch.delattr(tarfile, "data_filter")
    (tmp_path / "x.tgz").write_bytes(DATA)
    with pytest.raises(DataError, match=r"data_filter.*3\.10\.12, 3\.11\.4"):
        fetch(describe(DATA), tmp_path / "photos", tmp_path / "x.tgz")
    assert not (tmp_path / "photos").exists()


def test_unpacked_files_are_usual_files(tmp_path):
    """Whatever owner and permissions the archive gives them."""
    data = tar_of(**{"photos/a.jpg": {"mode": 0o4777, "uid": 1, "gid": 1}})
    (tmp_path / "x.tgz").write_bytes(data)
    fetch(describe(data), tmp_path / "photos", tmp_path / "x.tgz")
    mode = (tmp_path / "photos" / "a.jpg").stat().st_mode & 0o7777
    assert mode & 0o7022 == 0
