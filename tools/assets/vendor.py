"""Copies the built assets with their licences, and writes what they are to ``assets.json``."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any


def main(built: Path, vendor: Path) -> None:
    """Copy htmx and the editor's bundle out of the folder in which they were built."""
    vendor.mkdir(parents=True, exist_ok=True)
    packages = built / "node_modules"
    bundled = sorted(
        {
            _package_of(name)
            for name in json.loads((built / "meta.json").read_text())["inputs"]
            if "node_modules/" in name
        }
    )
    files = {
        "htmx.min.js": (packages / "htmx.org/dist/htmx.min.js", ["htmx.org"]),
        "editor.min.js": (built / "editor.min.js", bundled),
    }
    described = []
    for name, (source, names) in files.items():
        content = source.read_bytes()
        (vendor / name).write_bytes(content)
        licence = "\n\n".join(f"{one}\n\n{_licence(packages / one)}" for one in names)
        (vendor / name.replace(".min.js", ".licence.txt")).write_text(licence + "\n")
        described.append(
            {
                "file": name,
                "sha256": hashlib.sha256(content).hexdigest(),
                "packages": [_about(packages / one) for one in names],
            }
        )
    (vendor / "assets.json").write_text(json.dumps(described, indent=2) + "\n")


def _package_of(path: str) -> str:
    parts = path.rpartition("node_modules/")[2].split("/")
    return "/".join(parts[:2]) if parts[0].startswith("@") else parts[0]


def _about(folder: Path) -> dict[str, Any]:
    package = json.loads((folder / "package.json").read_text())
    return {key: package[key] for key in ("name", "version", "license")}


def _licence(folder: Path) -> str:
    return next(folder.glob("LICENSE*")).read_text().strip()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
