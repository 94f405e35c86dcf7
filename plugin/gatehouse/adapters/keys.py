"""The master key file: written once, read only when nobody else could have read it.

Whoever has the master key and a list of patient IDs can re-identify by trying. So the file is
refused when it is a symbolic link, belongs to somebody else or is open to others, and its content
never appears in a message.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from gatehouse.errors import ConfigurationError

KEY_BYTES = 32
"""Length of a new key, and the least that is accepted: the output length of SHA-256 (RFC 5869)."""

_KEY_BYTES_MAX = 4096
"""A longer file is not a key but a mistake, e.g. the path of an image."""


def read_key_file(file: Path) -> bytes:
    """Return the master key: the file's bytes as they are, 32 at least.

    Raises
    ------
    ConfigurationError
        If the file is missing, not a plain file, not ours or root's, open to its group or to
        others, or of a length that no key has.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise ConfigurationError(
            f"the key file {file} does not exist; `gatehouse keygen {file}` writes one"
        ) from None
    except OSError as error:
        if file.is_symlink():
            raise ConfigurationError(
                f"the key file {file} is a symbolic link; name the file itself"
            ) from None
        raise ConfigurationError(
            f"the key file {file} cannot be read: {os.strerror(error.errno or 0)}"
        ) from None
    try:
        _refuse_unsafe(file, os.fstat(descriptor))
        master = os.read(descriptor, _KEY_BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    if len(master) < KEY_BYTES:
        raise ConfigurationError(
            f"the key file {file} holds {len(master)} bytes, a key has at least {KEY_BYTES}"
        )
    if len(master) > _KEY_BYTES_MAX:
        raise ConfigurationError(
            f"the key file {file} holds more than {_KEY_BYTES_MAX} bytes: this is not a key file"
        )
    return master


def write_key_file(file: Path) -> None:
    """Write a new random master key, readable by its owner only.

    Raises
    ------
    ConfigurationError
        If there is a file of this name already: a key that is overwritten cannot be had back,
        and with it goes the consistency of everything that was de-identified before.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(file, flags, 0o600)
    except FileExistsError:
        raise ConfigurationError(f"{file} exists already; a key is never overwritten") from None
    except OSError as error:
        raise ConfigurationError(
            f"the key file {file} cannot be written: {os.strerror(error.errno or 0)}"
        ) from None
    try:
        with os.fdopen(descriptor, "wb") as opened:
            os.fchmod(descriptor, 0o600)
            opened.write(secrets.token_bytes(KEY_BYTES))
            opened.flush()
            os.fsync(descriptor)
    except OSError as error:
        file.unlink()
        raise ConfigurationError(
            f"the key file {file} cannot be written: {os.strerror(error.errno or 0)}"
        ) from None


def _refuse_unsafe(file: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"the key file {file} is not a plain file")
    if status.st_uid not in (os.geteuid(), 0):
        raise ConfigurationError(
            f"the key file {file} belongs to user {status.st_uid}, not to the user who runs this"
        )
    mode = stat.S_IMODE(status.st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(
            f"the key file {file} has mode {mode:04o}, so others than its owner may read it;"
            f" `chmod 600 {file}`"
        )
