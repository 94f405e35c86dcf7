"""Goal: a gateway that is not sealed, or whose settings can't work, does not start and says why.

Method: Orthanc's configuration as JSON, starting from one that is fine, with one thing changed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from gatehouse.adapters.plugin_configuration import PluginConfiguration, read
from gatehouse.errors import ConfigurationError

SEALED = {
    "AET": "RESEARCH",
    "Host": "research",
    "Port": 104,
    "AllowFind": False,
    "AllowGet": False,
    "AllowMove": False,
}


def configuration(**changes: Any) -> dict[str, Any]:
    return {
        "HttpPort": 8052,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {"admin": "secret"},
        "DicomModalities": {"research-pacs": SEALED},
        "OrthancPeers": {"research-pacs": ["http://research:8042/"]},
        "Gatehouse": settings(),
        **changes,
    }


def settings(**changes: Any) -> dict[str, Any]:
    return {
        "Home": "/var/lib/gatehouse",
        "Policies": "/etc/gatehouse/policies",
        "KeyFile": "/etc/gatehouse/master.key",
        "Python": sys.executable,
        **changes,
    }


def read_it(**changes: Any) -> PluginConfiguration:
    return read(json.dumps(configuration(**changes)), Path("/opt/gatehouse/plugin"))


def problems(**changes: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read_it(**changes)
    return str(caught.value).splitlines()


def test_what_is_not_set_is_filled_in_for_our_processes() -> None:
    found = read_it(DicomWeb={"Servers": {"archive": ["http://archive/dicom-web/"]}})

    assert found.settings["OrthancUrl"] == "http://127.0.0.1:8052"
    assert found.settings["Destinations"] == {
        "dicom": ["research-pacs"],
        "peer": ["research-pacs"],
        "dicomweb": ["archive"],
        "s3": [],
        "folder": [],
    }
    assert found.workers == 1
    assert found.run == Path("/var/lib/gatehouse/run")


def test_an_empty_text_counts_as_not_given() -> None:
    found = read_it(Gatehouse=settings(DatabaseFile=""))

    assert "DatabaseFile" not in found.settings


def test_a_configuration_without_our_section_is_refused() -> None:
    changed = configuration()
    del changed["Gatehouse"]

    with pytest.raises(ConfigurationError, match='section "Gatehouse" is missing'):
        read(json.dumps(changed), Path("/opt/gatehouse/plugin"))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("AuthenticationEnabled", False),
        ("AuthenticationEnabled", None),
        ("RegisteredUsers", {}),
        ("HttpServerEnabled", False),
        ("ExecuteLuaEnabled", True),
        ("RestApiWriteToFileSystemEnabled", True),
        ("DicomModalitiesInDatabase", True),
        ("OrthancPeersInDatabase", True),
        ("DicomAlwaysAllowFind", True),
        ("DicomAlwaysAllowGet", True),
        ("DicomAlwaysAllowMove", True),
        ("DicomAlwaysAllowMove", "false"),
    ],
)
def test_each_open_door_in_orthanc_s_options_is_refused(option: str, value: object) -> None:
    [problem] = problems(**{option: value})

    assert problem.startswith(f"{option} must")


@pytest.mark.parametrize(
    ("modality", "named"),
    [
        (["RESEARCH", "research", 104], "AllowFind, AllowGet, AllowMove"),
        ({**SEALED, "AllowMove": True}, "AllowMove"),
        ({**SEALED, "AllowGet": None}, "AllowGet"),
        ({"AET": "RESEARCH", "Host": "research", "Port": 104}, "AllowFind, AllowGet, AllowMove"),
    ],
)
def test_a_destination_that_could_fetch_by_itself_is_refused(modality: Any, named: str) -> None:
    [problem] = problems(DicomModalities={"research-pacs": modality})

    assert problem == (
        f"DicomModalities: research-pacs must be an object with {named} set to false: "
        "a known modality could fetch identified studies by itself"
    )


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("Home", "relative/home", "Gatehouse.Home must be an absolute path"),
        ("Home", None, "Gatehouse.Home must be an absolute path"),
        ("Home", "/" + "x" * 100, "Gatehouse.Home is too long"),
        ("Python", "/nowhere/python", "Gatehouse.Python is not an interpreter that can be run"),
        ("Workers", "2", "Gatehouse.Workers must be a whole number from 0 to 64"),
        ("Workers", True, "Gatehouse.Workers must be a whole number from 0 to 64"),
        ("Workers", -1, "Gatehouse.Workers must be a whole number from 0 to 64"),
        ("ForwardSecret", "guessed", "Gatehouse.ForwardSecret is set by the plugin"),
        ("OrthancAuthorization", "Basic x", "Gatehouse.OrthancAuthorization is set by the plugin"),
        ("Destinations", {}, "Gatehouse.Destinations is set by the plugin"),
        ("Process", "worker-9", "Gatehouse.Process is set by the plugin"),
    ],
)
def test_each_setting_that_can_t_work_is_refused(key: str, value: Any, problem: str) -> None:
    [found] = problems(Gatehouse=settings(**{key: value}))

    assert found.startswith(problem)


def test_all_problems_are_named_at_once() -> None:
    found = problems(
        AuthenticationEnabled=False,
        DicomAlwaysAllowGet=True,
        Gatehouse=settings(Workers=-1),
    )

    assert [line.split()[0] for line in found] == [
        "AuthenticationEnabled",
        "DicomAlwaysAllowGet",
        "Gatehouse.Workers",
    ]


def test_our_processes_learn_where_servers_are_that_orthanc_knows() -> None:
    found = read_it(
        OrthancPeers={"short": ["https://a/", "user", "secret"], "long": {"Url": "http://b/"}},
        DicomWeb={
            "Servers": {
                "web": {"Url": "http://c/dicom-web/", "HttpHeaders": {"X-Key": "secret"}},
                "token": {"Url": "http://d/", "Pkcs11": True},
            }
        },
        HttpsCACertificates="/etc/ssl/certs/ca-certificates.crt",
    )

    assert found.settings["HandedServers"] == {
        "dicomweb": {"web": {"Url": "http://c/dicom-web/", "Headers": {"X-Key": "secret"}}},
        "peer": {
            "short": {
                "Url": "https://a/",
                "Username": "user",
                "Password": "secret",
                "TrustedCertificates": "/etc/ssl/certs/ca-certificates.crt",
            },
            "long": {"Url": "http://b/"},
        },
    }


def test_buckets_folders_and_servers_of_our_own_are_destinations() -> None:
    found = read_it(
        Gatehouse=settings(S3={"bucket": {}}, Folders={"exchange": {}}, DicomWebServers={"own": {}})
    )

    assert found.settings["Destinations"]["s3"] == ["bucket"]
    assert found.settings["Destinations"]["folder"] == ["exchange"]
    assert found.settings["Destinations"]["dicomweb"] == ["own"]
