"""Fetching flower_photos: downloaded or from a file, checked, unpacked."""

import hashlib
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import requests
from tqdm import tqdm

from paddle_alexnet.errors import DataError
from paddle_alexnet.storage.files import is_free, whole_folder

FLOWER_PHOTOS_ROOT = Path("data/flower_photos")
BLOCK = 1 << 16  # bytes read at a time
TIMEOUT = (10, 60)  # seconds to connect, and between two pieces of an answer


@dataclass(frozen=True)
class Archive:
    """A tar.gz file with one folder of data, known beforehand.

    Attributes:
        name: File name.
        urls: Where it is, tried in order.
        size: Bytes.
        sha256: Of the file, hexadecimal.
        folder: Its one folder.
        max_unpacked: Bytes that all its files together may have.
    """

    name: str
    urls: Sequence[str]
    size: int
    sha256: str
    folder: str
    max_unpacked: int


_EXAMPLES = "download.tensorflow.org/example_images/flower_photos.tgz"
FLOWER_PHOTOS = Archive(
    name="flower_photos.tgz",
    urls=(f"http://{_EXAMPLES}", f"https://storage.googleapis.com/{_EXAMPLES}"),
    size=228_813_984,
    sha256="4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c",
    folder="flower_photos",
    max_unpacked=1 << 30,
)


def fetch_flower_photos(
    root: str | Path, *, file: str | Path | None = None, archive: Archive = FLOWER_PHOTOS
) -> None:
    """Make ``root`` from the archive: whole, or not at all. Nothing found there is changed.

    A download is kept beside ``root`` as ``<archive name>.part`` until ``root`` stands, so that a
    second call goes on where the first was cut off.

    Args:
        root: The folder to make; must not exist or be empty.
        file: The archive where there is a copy; it stays as it is. None to download.
        archive: What to fetch.

    Raises:
        DataError: There is no network, the archive is not the one it should be, or a folder cannot
            be written.
    """
    root = Path(root)
    try:
        if not is_free(root):
            raise DataError(f"{root} is not an empty folder: it is left as it is")
        root.parent.mkdir(parents=True, exist_ok=True)
        if file is not None:
            _check(Path(file), archive)
            _unpack(Path(file), root, archive)
            return
        part = root.parent / f"{archive.name}.part"
        _download(part, root, archive)
        try:
            _check(part, archive)
        except DataError:
            part.unlink()  # ours, and of no use
            raise
        _unpack(part, root, archive)
        part.unlink()
    except OSError as error:
        raise DataError(f"cannot make {root}: {error}") from error


def _download(part: Path, root: Path, archive: Archive) -> None:
    """Fill ``part`` up to the archive's size from the first address that answers."""
    failures = []
    for url in archive.urls:
        have = part.stat().st_size if part.exists() else 0
        if have >= archive.size:
            return
        try:
            _download_from(url, part, have, archive)
            return
        except requests.RequestException as error:
            failures.append(f"{url}: {_reason(error)}")
    raise DataError(
        f"cannot download {archive.name}:\n  " + "\n  ".join(failures) + "\n  Try again to go on "
        "where it stopped. Without a network, bring the file and run tools/prepare_flowers.py "
        f"--archive FILE --root {root}; a folder of photos that you have is used with "
        "-o data.root=FOLDER."
    )


def _download_from(url: str, part: Path, have: int, archive: Archive) -> None:
    headers = {"Range": f"bytes={have}-"} if have else {}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        goes_on = answer.status_code == requests.codes.partial_content
        with (
            open(part, "ab" if goes_on else "wb") as out,
            tqdm(
                total=archive.size,
                initial=have if goes_on else 0,
                desc=archive.name,
                unit="B",
                unit_scale=True,
                disable=None,  # where there is no terminal
            ) as bar,
        ):
            for block in answer.iter_content(BLOCK):
                out.write(block)
                bar.update(len(block))
                if out.tell() > archive.size:
                    return  # another file; the check says so
    if part.stat().st_size < archive.size:
        raise requests.ConnectionError("the connection ended before the file did")


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.HTTPError):
        return f"HTTP status {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    text = str(error)
    return text if len(text) < 100 else "cannot be reached"


def _check(path: Path, archive: Archive) -> None:
    """Compare size and hash.

    Raises:
        DataError: ``path`` is not the archive.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    size = path.stat().st_size
    if size != archive.size:
        raise DataError(
            f"{path} is not {archive.name}: it has {size:,} bytes, expected {archive.size:,}; "
            "download it again"
        )
    digest = hashlib.sha256()
    with open(path, "rb") as source:
        while block := source.read(BLOCK):
            digest.update(block)
    if digest.hexdigest() != archive.sha256:
        raise DataError(
            f"{path} is not {archive.name}: its sha256 is {digest.hexdigest()}, expected "
            f"{archive.sha256}; download it again"
        )


def _unpack(path: Path, root: Path, archive: Archive) -> None:
    """Write the archive's folder as ``root``."""
    with whole_folder(root) as folder, _open(path) as tar:
        total = 0
        for member in tqdm(tar, desc="unpacking", unit=" files", disable=None):
            where = _inside(member, archive)
            # A file of nothing takes room too.
            total += member.size + tarfile.BLOCKSIZE
            if total > archive.max_unpacked:
                raise DataError(f"{path} unpacks to over {archive.max_unpacked:,} bytes")
            if member.isdir():
                (folder / where).mkdir(parents=True, exist_ok=True)
                continue
            (folder / where).parent.mkdir(parents=True, exist_ok=True)
            source = tar.extractfile(member)
            with open(folder / where, "wb") as out:
                shutil.copyfileobj(source, out)


@contextmanager
def _open(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:gz") as tar:
            yield tar
    # The last two: damage within the stream, and numbers or names that cannot be.
    except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"{path} cannot be unpacked: {error}") from error


def _inside(member: tarfile.TarInfo, archive: Archive) -> Path:
    """The member's path below the archive's folder.

    Raises:
        DataError: It is a link or a device, or lies elsewhere.
    """
    path = PurePosixPath(member.name)
    inside = path.parts[:1] == (archive.folder,) and ".." not in path.parts
    # On Windows \ divides paths too, and : names a drive or a second content.
    plain = not any(character in member.name for character in "\\:\0")
    if not inside or not (member.isfile() or member.isdir()) or not plain:
        raise DataError(
            f"the archive holds {member.name!r}, which is not a plain file in {archive.folder}/: "
            "nothing of it is used"
        )
    return Path(*path.parts[1:])
