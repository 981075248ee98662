"""A file is there whole, as it was, or not at all."""

from pathlib import Path

import pytest

from hierdsl.atomic import whole, write_whole


def test_what_is_written_is_there_and_nothing_beside_it(tmp_path):
    write_whole(tmp_path / "x.txt", b"one")
    write_whole(tmp_path / "x.txt", b"two")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x.txt", b"two")]


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt(), ValueError()])
@pytest.mark.parametrize("before", [None, b"old"])
def test_a_writer_that_fails_leaves_what_was_there(tmp_path, error, before):
    target = tmp_path / "x.txt"
    if before is not None:
        target.write_bytes(before)

    def write():
        with whole(target) as stream:
            stream.write(b"half")
            stream.flush()
            raise error

    with pytest.raises(type(error)):
        write()
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert left == ({} if before is None else {"x.txt": before})


def test_the_new_file_takes_its_place_only_when_it_is_complete(tmp_path):
    target = tmp_path / "x.txt"
    with whole(target) as stream:
        stream.write(b"all of it")
        assert not target.exists()
        (beside,) = tmp_path.iterdir()
        assert beside.name.startswith(".x.txt.")
    assert target.read_bytes() == b"all of it"


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "none" / "x.txt", b"")
    with pytest.raises(OSError, match="directory"):
        write_whole(Path(tmp_path), b"")
    assert not list(tmp_path.iterdir())
