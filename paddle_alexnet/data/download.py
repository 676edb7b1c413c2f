"""Downloading an archive of images, or taking it from a file: checked, then unpacked."""

import hashlib
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
TIMEOUT = (10, 60)  # seconds to connect, and between two parts of an answer


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
        hint: What to do without a network, for messages; ``{root}`` is the folder to make.
    """

    name: str
    urls: Sequence[str]
    size: int
    sha256: str
    folder: str
    max_unpacked: int
    hint: str = ""


_EXAMPLES = "download.tensorflow.org/example_images/flower_photos.tgz"
FLOWER_PHOTOS = Archive(
    name="flower_photos.tgz",
    urls=(f"http://{_EXAMPLES}", f"https://storage.googleapis.com/{_EXAMPLES}"),
    size=228_813_984,
    sha256="4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c",
    folder="flower_photos",
    max_unpacked=1 << 30,
    hint="Without a network, bring the file and run tools/prepare_flowers.py --archive FILE "
    "--root {root}; a folder of photos that you have is used with -o data.root=FOLDER.",
)


def fetch(archive: Archive, root: str | Path, file: str | Path | None = None) -> None:
    """Make the folder ``root`` from an archive: completely, or not at all.

    Args:
        archive: What to fetch.
        root: Folder to make; must not exist or be empty.
        file: A copy of the archive, which is not changed; None to download.

    Raises:
        DataError: There is no network, the archive is another, a folder cannot be written, or this
            Python's tarfile is too old.
    """
    if not hasattr(tarfile, "data_filter"):
        raise DataError(
            "this Python cannot unpack archives safely (no tarfile.data_filter): "
            "use 3.10.12, 3.11.4 or newer"
        )
    with local_copy(archive, root, file) as path:
        _unpack(path, Path(root), archive)


@contextmanager
def local_copy(
    archive: Archive, root: str | Path, file: str | Path | None = None
) -> Iterator[Path]:
    """Yield the path of an archive, checked, from which the block makes the folder ``root``.

    A download is kept beside ``root`` as ``<archive name>.part`` until the block succeeds, so that
    a second call continues where the first was cut off.

    Args:
        archive: What to fetch.
        root: Folder that the block makes; must not exist or be empty.
        file: A copy of the archive, which is not changed; None to download.

    Raises:
        DataError: There is no network, the archive is another, or ``root`` cannot be made.
    """
    root = Path(root)
    try:
        if not is_free(root):
            raise DataError(f"{root} is not an empty folder: it is left as it is")
        root.parent.mkdir(parents=True, exist_ok=True)
        if file is not None:
            _check(Path(file), archive)
            yield Path(file)
            return
        part = root.parent / f"{archive.name}.part"
        _download(part, root, archive)
        try:
            _check(part, archive)
        except DataError:
            part.unlink()  # ours, and of no use
            raise
        yield part
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
            text = str(error)  # which may hold Python's addresses of objects
            failures.append(f"{url}: {text if len(text) < 100 else type(error).__name__}")
    advice = f"Try again to continue where it stopped. {archive.hint.replace('{root}', str(root))}"
    raise DataError("\n  ".join([f"cannot download {archive.name}:", *failures, advice]))


def _download_from(url: str, part: Path, have: int, archive: Archive) -> None:
    headers = {"Range": f"bytes={have}-"} if have else {}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        continues = answer.status_code == requests.codes.partial_content
        start = have if continues else 0
        # disable=None: no bar where there is no terminal.
        bar = {"total": archive.size, "initial": start, "desc": archive.name, "disable": None}
        with (
            open(part, "ab" if continues else "wb") as file,
            tqdm.wrapattr(file, "write", **bar) as out,
        ):
            for block in answer.iter_content(BLOCK):
                out.write(block)
                if out.tell() > archive.size:
                    return  # another file; the check says so
    if part.stat().st_size < archive.size:
        raise requests.ConnectionError("the connection ended before the file did")


def _check(path: Path, archive: Archive) -> None:
    """Compare size and hash.

    Raises:
        DataError: ``path`` is not the archive.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    size, digest = path.stat().st_size, hashlib.sha256()
    with open(path, "rb") as source:
        while size == archive.size and (block := source.read(BLOCK)):
            digest.update(block)
    if (size, digest.hexdigest()) != (archive.size, archive.sha256):
        found = f"it has {size:,} bytes, expected {archive.size:,}"
        if size == archive.size:
            found = f"its sha256 is {digest.hexdigest()}, expected {archive.sha256}"
        raise DataError(f"{path} is not {archive.name}: {found}; download it again")


def _unpack(path: Path, root: Path, archive: Archive) -> None:
    """Write the archive's folder as ``root``."""
    total = 0

    def accept(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo:
        nonlocal total
        total += member.size + tarfile.BLOCKSIZE  # an empty file takes space too
        if total > archive.max_unpacked:
            raise DataError(f"{path} unpacks to over {archive.max_unpacked:,} bytes")
        parts = PurePosixPath(member.name).parts
        # On Windows \ separates folders too, and : names a drive or a second stream.
        plain = not any(character in member.name for character in "\\:\0")
        inside = parts[:1] == (archive.folder,) and ".." not in parts
        if not (plain and inside and (member.isfile() or member.isdir())):
            raise DataError(
                f"the archive holds {member.name!r}, which is not a plain file in "
                f"{archive.folder}/: nothing of it is used"
            )
        # Refuses what leads out of the folder, removes owners and odd permissions.
        checked = tarfile.data_filter(member, folder)
        return checked.replace(name="/".join(parts[1:]) or ".", deep=False)

    try:
        with whole_folder(root) as folder, tarfile.open(path, "r:gz") as tar:
            members = tqdm(tar, desc="unpacking", unit=" files", disable=None)
            tar.extractall(folder, members=members, filter=accept)  # noqa: S202 # nosec B202 # filtered
    # The last two: damage within the stream, and numbers or names that cannot be.
    except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"{path} cannot be unpacked: {error}") from error
