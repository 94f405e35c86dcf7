"""Goal: a master key is written once and read only when nobody else could have read it.

Method: key files of every wrong kind in a temporary folder; the messages are asserted, since they
are what an administrator sees.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatehouse.adapters import keys
from gatehouse.cli import main
from gatehouse.errors import ConfigurationError


def key_file(folder: Path, content: bytes = b"k" * 32, mode: int = 0o600) -> Path:
    file = folder / "master.key"
    file.write_bytes(content)
    file.chmod(mode)
    return file


def refusal(file: Path) -> str:
    with pytest.raises(ConfigurationError) as raised:
        keys.read_key_file(file)
    return str(raised.value)


def test_a_key_is_the_bytes_of_its_file(tmp_path: Path) -> None:
    content = bytes(range(64))

    assert keys.read_key_file(key_file(tmp_path, content)) == content


def test_a_new_key_can_be_read_and_only_by_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "new.key"

    keys.write_key_file(file)

    assert len(keys.read_key_file(file)) == 32
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_new_key_is_private_whatever_the_umask(tmp_path: Path) -> None:
    file = tmp_path / "new.key"
    before = os.umask(0o777)

    try:
        keys.write_key_file(file)
    finally:
        os.umask(before)

    assert file.stat().st_mode & 0o777 == 0o600


def test_two_new_keys_differ(tmp_path: Path) -> None:
    first, second = tmp_path / "1.key", tmp_path / "2.key"

    keys.write_key_file(first)
    keys.write_key_file(second)

    assert first.read_bytes() != second.read_bytes()


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    file = key_file(tmp_path)

    with pytest.raises(ConfigurationError, match="a key is never overwritten"):
        keys.write_key_file(file)

    assert file.read_bytes() == b"k" * 32


def test_a_key_is_not_written_through_a_dangling_link(tmp_path: Path) -> None:
    link = tmp_path / "link.key"
    link.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigurationError, match="never overwritten"):
        keys.write_key_file(link)

    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written: No such file or directory"):
        keys.write_key_file(tmp_path / "nowhere" / "new.key")


def test_a_missing_key_file_says_how_to_make_one(tmp_path: Path) -> None:
    file = tmp_path / "master.key"

    assert refusal(file) == (
        f"the key file {file} does not exist; `gatehouse keygen {file}` writes one"
    )


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644, 0o666])
def test_a_key_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    file = key_file(tmp_path, mode=mode)

    assert refusal(file) == (
        f"the key file {file} has mode {mode:04o}, so others than its owner may read it;"
        f" `chmod 600 {file}`"
    )


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_file_of_its_owner_alone_is_read(tmp_path: Path, mode: int) -> None:
    assert keys.read_key_file(key_file(tmp_path, mode=mode)) == b"k" * 32


@pytest.mark.parametrize("length", [0, 1, 31])
def test_a_short_key_is_refused(tmp_path: Path, length: int) -> None:
    file = key_file(tmp_path, b"k" * length)

    assert refusal(file) == f"the key file {file} holds {length} bytes, a key has at least 32"


def test_a_file_that_is_too_long_for_a_key_is_refused(tmp_path: Path) -> None:
    assert refusal(key_file(tmp_path, b"k" * 4097)).endswith("this is not a key file")


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "link.key"
    link.symlink_to(key_file(tmp_path))

    assert refusal(link) == f"the key file {link} is a symbolic link; name the file itself"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    assert refusal(tmp_path) == f"the key file {tmp_path} is not a plain file"


def test_a_named_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    pipe = tmp_path / "master.key"
    os.mkfifo(pipe, 0o600)

    assert refusal(pipe) == f"the key file {pipe} is not a plain file"


def test_a_key_file_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = key_file(tmp_path)
    theirs = os.stat_result((0o100600, 0, 0, 1, 12345, 0, 32, 0, 0, 0))
    monkeypatch.setattr(os, "fstat", lambda _descriptor: theirs)

    assert refusal(file) == (
        f"the key file {file} belongs to user 12345, not to the user who runs this"
    )


def test_no_refusal_shows_a_byte_of_the_key(tmp_path: Path) -> None:
    assert "secret" not in refusal(key_file(tmp_path, b"secret", 0o600))


def test_keygen_writes_a_key_and_does_not_print_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new.key"

    code = main(["keygen", str(file)])

    printed = capsys.readouterr().out
    assert code == 0
    assert printed.startswith(f"{file}: a new key, readable by its owner only.\n")
    assert file.read_bytes().hex() not in printed


def test_keygen_ends_with_2_when_the_file_exists(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = key_file(tmp_path)

    code = main(["keygen", str(file)])

    assert code == 2
    assert capsys.readouterr().err == (
        f"gatehouse: error: {file} exists already; a key is never overwritten\n"
    )
