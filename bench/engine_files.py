"""The engine alone, from folder to folder: no verification, no report, no maps.

What docs/performance.md calls the engine; nothing that anybody should use, because what it writes
was not checked. It reads and writes as plainly as can be.

    python engine_files.py SOURCE TARGET
"""

from __future__ import annotations

import gc
import mmap
import os
import sys

gc.disable()  # as `gatehouse` does while it imports

from gatehouse.deid.engine import deidentify  # noqa: E402
from gatehouse.deid.plan import compile_plan  # noqa: E402
from gatehouse.deid.pseudonyms import derive_project_keys  # noqa: E402
from gatehouse.deid.recipe import Recipe  # noqa: E402

SMALL_BYTES_MAX = 4 << 20
SLICE_BYTES = 8 << 20
GC_THRESHOLDS = (50_000, 20, 20)
"""As in the processes of `gatehouse deidentify`, see adapters/fork_pool.py."""


def main(source: str, target: str) -> None:
    """De-identify the files of a folder into another."""
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()
    plan = compile_plan(Recipe(project="bench", suspicious_pixels="accept"))
    keys = derive_project_keys(bytes(range(64)), "bench")
    memory = memoryview(bytearray(SMALL_BYTES_MAX))
    for entry in os.scandir(source):
        reader = os.open(entry.path, os.O_RDONLY)
        size = os.readv(reader, [memory])
        mapped = None
        if size == SMALL_BYTES_MAX:
            mapped = mmap.mmap(reader, 0, prot=mmap.PROT_READ)
        os.close(reader)
        output = deidentify(
            memoryview(mapped) if mapped else memory[:size].toreadonly(), plan, keys
        )
        name = os.path.join(target, f"{output.sop_instance_uid_new}.dcm")  # noqa: PTH118 - Path costs
        writer = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        if not mapped:
            written = os.writev(writer, output.chunks)
            assert written == sum(map(len, output.chunks))  # noqa: S101 - a full disk
        for chunk in output.chunks if mapped else ():
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(writer, rest[:SLICE_BYTES]) :]
                mapped.madvise(mmap.MADV_DONTNEED)  # else all of it would count as our memory
        os.close(writer)


if __name__ == "__main__":
    main(*sys.argv[1:])
