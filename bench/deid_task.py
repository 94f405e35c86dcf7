"""What pydicom/deid is asked to do: run with the peers' Python, never imported.

deid's command can't remap UIDs, so these are the two calls that its command and its documentation
make, get and put, with its log switched off. Without the first it would not reach nested elements.

    python deid_task.py SOURCE TARGET RECIPE
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from deid.config import DeidRecipe
from deid.dicom import get_identifiers, replace_identifiers
from deid.logger import bot


def new_uid(item, value, field, dicom):  # noqa: ARG001 - deid's own calling convention
    """Return a UID that depends on the old one."""
    digest = hashlib.sha256(str(field.element.value).encode()).hexdigest()
    return f"2.25.{int(digest[:32], 16)}"


def main(source: str, target: str, recipe: str) -> None:
    """De-identify the files of a folder into another."""
    bot.level = 0
    files = sorted(str(file) for file in Path(source).iterdir())
    identifiers = get_identifiers(files)
    for found in identifiers.values():
        found["new_uid"] = new_uid
    replace_identifiers(
        dicom_files=list(identifiers),
        ids=identifiers,
        deid=DeidRecipe(deid=recipe),
        save=True,
        overwrite=True,
        output_folder=target,
        remove_private=True,
        disable_skip=True,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
