"""Runs one command and prints what it cost, as JSON; itself as small as a Python can be.

    python -I -S spawn.py LOG PROGRAM ARGUMENT...

The kernel counts what a process had in memory before ``exec`` as its peak: started from a large
process, even ``cp`` would seem large. So measured commands are started from here.
"""

import json
import os
import sys
import time

log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
start_s = time.perf_counter()
pid = os.posix_spawnp(
    sys.argv[2],
    sys.argv[2:],
    os.environ,
    file_actions=[(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)],
)
_, status, usage = os.wait4(pid, 0)
wall_s = time.perf_counter() - start_s
cpu_s = usage.ru_utime + usage.ru_stime
print(json.dumps([os.waitstatus_to_exitcode(status), wall_s, cpu_s, usage.ru_maxrss / 1024]))
