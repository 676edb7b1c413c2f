"""What happens to a log that cannot be written."""

import errno
import shutil

import pytest
from visualdl import LogReader

from paddle_alexnet.board.visualdl_patches import LogFile
from paddle_alexnet.board.writer import BoardWriter
from paddle_alexnet.errors import RunError


class FullDisk:
    """A file that takes some bytes, then a part of a record, then no more."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, data):
        written = self.file.write(data[: self.room])
        self.room -= written
        if not written:
            raise OSError(errno.ENOSPC, "No space left on device")
        return written

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("room", [0, 7])
def test_a_record_is_written_whole_or_not_at_all(tmp_path, room):
    file = LogFile(tmp_path / "log")
    file.write(b"first record")
    file._file = FullDisk(file._file, room)
    file.write(b"second record")
    file.write(b"third")
    assert isinstance(file.error, OSError)
    file.close()
    assert file.closed
    assert (tmp_path / "log").read_bytes() == b"first record"


def test_a_full_disk_is_said_and_the_log_stays_readable(tmp_path):
    writer = BoardWriter(tmp_path)
    writer.scalar("a", 1.0, 1)
    writer.flush()
    full = writer._file._file = FullDisk(writer._file._file, 5)
    writer.scalar("a", 2.0, 2)
    with pytest.raises(RunError, match=r"cannot write .*vdlrecords\.main\.log"):
        writer.flush()
    writer.close()
    assert full.closed
    with BoardWriter(tmp_path) as writer:  # there is room again
        writer.scalar("a", 3.0, 3)
    points = LogReader(file_path=str(writer.path)).get_data("scalar", "a")
    assert [p.id for p in points] == [1, 3]


def test_a_folder_that_is_gone_is_not_made_again(tmp_path):
    folder = tmp_path / "run"
    writer = BoardWriter(folder)
    shutil.rmtree(folder)
    writer.scalar("a", 1.0, 1)
    writer.flush()
    writer.close()
    assert not folder.exists()
