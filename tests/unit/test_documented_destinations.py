"""Goal: what an administrator copies from docs/destinations.md works, and every key is described.

Method: the JSON example is read as settings, with the files that it names; the YAML example is
built into a policy; commands are looked up.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gatehouse.adapters import settings_sending
from gatehouse.adapters.settings import read_settings
from gatehouse.commands import destinations, run
from gatehouse.policy.build import build_policy
from gatehouse.policy.destinations import DESTINATIONS
from gatehouse.policy.report import Report
from support.policies import policy_text

PAGE = (Path(__file__).parents[2] / "docs" / "destinations.md").read_text(encoding="utf-8")


def example(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def test_the_example_of_a_policy_loads() -> None:
    report = Report("example")

    policy = build_policy((policy_text(deliver=None) + example("yaml")).encode(), report)

    assert report.problems == []
    assert policy is not None
    assert [one.to for one in policy.deliver] == ["research-pacs", "exchange"]


def test_the_example_of_the_settings_is_read(tmp_path: Path) -> None:
    credentials = tmp_path / "s3.json"
    credentials.touch(mode=0o600)
    credentials.write_text('{"AccessKeyId": "id", "SecretAccessKey": "secret"}')
    section = json.loads(example("json").replace("/run/secrets/s3.json", str(credentials)))
    base = {"Home": "/h", "KeyFile": "/k", "OrthancUrl": "http://127.0.0.1:8042"}

    found = read_settings(json.dumps({**base, **section}))

    assert {key.name for key in found.sending.limits} == {"research-pacs", "bucket"}
    assert set(found.s3) == {"bucket"}
    assert set(found.folders) == {"exchange"}


@pytest.mark.parametrize(
    "key",
    sorted(
        {
            *settings_sending._SERVER,
            *settings_sending._BUCKET,
            *settings_sending._FOLDER,
            *settings_sending._TLS,
            *settings_sending._COMMITMENT,
            *settings_sending._BREAKER,
        }
    ),
)
def test_every_key_is_described(key: str) -> None:
    assert re.search(rf"`[\w.]*{key}`|\.{key}`|\"{key}\"", PAGE)


def test_every_way_of_delivery_is_described() -> None:
    assert all(f"| `{via}` |" in PAGE for via in DESTINATIONS.names())


@pytest.mark.parametrize("module", [destinations, run])
def test_every_command_is_shown(module: object) -> None:
    name = str(getattr(module, "__name__", "")).rpartition(".")[2]

    assert f"gatehouse {name} " in PAGE
