"""Goal: the layers stay layers, and what runs inside Orthanc stays free of libraries.

Method: read the imports of every module from its syntax tree, without importing it, also those
inside functions.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from gatehouse.adapters import lent

PLUGIN = Path(__file__).resolve().parents[2] / "plugin"
PACKAGE = PLUGIN / "gatehouse"

LAYERS = {
    "standard": 0,
    "dicom": 1,
    "deid": 2,
    "policy": 3,
    "pipeline": 4,
    "adapters": 5,
    "commands": 5,
    "web": 5,
    "cli": 5,
}
"""A module may import from its own layer and from those with a smaller number."""

PURE = ("standard", "dicom", "deid", "policy")

IMPURE_MODULES = {
    "asyncio",
    "ctypes",
    "http",
    "logging",
    "mmap",
    "multiprocessing",
    "os",
    "random",
    "requests",
    "secrets",
    "shutil",
    "signal",
    "socket",
    "sqlalchemy",
    "structlog",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
    "uuid",
}
"""I/O, clocks, randomness, environment: bytes, values, times and keys come in as arguments."""

IMPURE_CALLS = {"now", "today", "utcnow", "open", "read_text", "read_bytes", "getenv"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(file: Path) -> str:
    parts = file.relative_to(PLUGIN).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> int | None:
    words = module.split(".")
    return LAYERS.get(words[1]) if len(words) > 1 and words[0] == "gatehouse" else None


def imports_of(file: Path) -> set[str]:
    """Return the full names that a file imports, ``from a import b`` as ``a.b``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: relative import"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def file_of(imported: str) -> Path | None:
    """Return the file of the project that holds an imported name."""
    path = PLUGIN / Path(*imported.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    module, _, _ = imported.rpartition(".")
    return file_of(module) if module.startswith("gatehouse") else None


def reachable_from(start: Path) -> set[Path]:
    """Return the files of the project that are loaded when one is."""
    found: set[Path] = set()
    waiting = [start]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += [other for name in imports_of(file) if (other := file_of(name))]
    return found


@pytest.mark.parametrize("file", modules(), ids=name_of)
def test_nothing_is_imported_from_a_layer_above(file: Path) -> None:
    own = layer_of(name_of(file))

    above = {
        name
        for name in imports_of(file)
        if own is not None and (other := layer_of(name)) is not None and other > own
    }

    assert not above


@pytest.mark.parametrize("layer", PURE)
def test_pure_layers_have_no_way_to_the_world(layer: str) -> None:
    found = {
        f"{name_of(file)} imports {name}"
        for file in sorted((PACKAGE / layer).rglob("*.py"))
        for name in imports_of(file)
        if name.split(".")[0] in IMPURE_MODULES
    }

    assert not found


@pytest.mark.parametrize("layer", PURE)
def test_pure_layers_ask_no_clock_and_open_no_file(layer: str) -> None:
    found = {
        f"{name_of(file)}:{node.lineno}"
        for file in sorted((PACKAGE / layer).rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and (getattr(node.func, "attr", None) or getattr(node.func, "id", None)) in IMPURE_CALLS
        # What is part of the package itself is as constant as its code.
        and "resources.files(__package__)" not in ast.unparse(node.func)
    }

    assert not found


def test_only_the_script_imports_orthanc() -> None:
    importing = {name_of(file) for file in modules() if "orthanc" in imports_of(file)}

    assert importing == set()
    assert "orthanc" in imports_of(PLUGIN / "main.py")


LENT = {"anyascii", "re2"}
"""What the engine imports when it needs it; in reception mode ``lent`` sees to it at the start."""


def test_what_runs_inside_orthanc_uses_the_standard_library_and_what_it_was_lent() -> None:
    allowed = {*sys.stdlib_module_names, "gatehouse", "orthanc", *LENT}

    loaded = reachable_from(PLUGIN / "main.py")
    foreign = {
        f"{file.name} imports {name}"
        for file in loaded
        for name in imports_of(file)
        if name.split(".")[0] not in allowed
    }

    assert {
        PACKAGE / "adapters" / "orthanc_plugin.py",
        PACKAGE / "adapters" / "reception.py",
        PACKAGE / "deid" / "engine.py",
    } <= loaded
    assert not foreign
    assert set(lent.PACKAGES) == LENT


def test_reception_mode_loads_in_a_python_that_has_nothing_installed() -> None:
    code = f"import sys; sys.path.append({str(PLUGIN)!r}); import gatehouse.adapters.reception"

    run = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, check=False)

    assert run.stderr == b""
    assert run.returncode == 0


def test_the_script_does_not_catch_what_goes_wrong_at_the_start() -> None:
    # An Orthanc whose plugin swallowed its error would serve unprotected.
    tree = ast.parse((PLUGIN / "main.py").read_text(encoding="utf-8"))

    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Try)]
