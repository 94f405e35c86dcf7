"""One ``gatehouse up`` for the live tests that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.packs import write_pack
from support.site import RunningUp


@pytest.fixture(scope="session")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with policies for delivery by C-STORE and to a peer."""
    return write_pack(tmp_path_factory.mktemp("policies"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, policies: Path) -> Iterator[RunningUp]:
    """Yield a running gateway and research archive."""
    up = RunningUp(tmp_path_factory.mktemp("up") / "home", "--policies", str(policies))
    try:
        yield up
    finally:
        up.stop()
