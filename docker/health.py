#!/usr/bin/env python3
"""Health check of the gateway's container: exit 0 if Gatehouse itself says that all is well.

Standard library only: it runs in the image's Python. The user ``health`` may see the status and
nothing else; its password comes from the same secret as Orthanc's.
"""

import base64
import json
import sys
import urllib.error
import urllib.request

USERS = "/run/secrets/ORTHANC__REGISTERED_USERS"
STATUS = "http://127.0.0.1:8042/gatehouse/status"


def main() -> int:
    """Ask for the status; anything but 200 is an illness."""
    with open(USERS, encoding="utf-8") as stream:  # noqa: PTH123
        password = json.load(stream)["health"]
    token = base64.b64encode(f"health:{password}".encode()).decode()
    request = urllib.request.Request(STATUS, headers={"Authorization": f"Basic {token}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=8) as answer:
            print(f"status {answer.status}")
            return 0 if answer.status == 200 else 1
    except urllib.error.HTTPError as error:
        print(f"status {error.code}")
    except OSError as error:
        print(f"no answer ({type(error).__name__})")
    return 1


if __name__ == "__main__":
    sys.exit(main())
