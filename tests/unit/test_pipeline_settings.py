"""Goal: a wrong setting stops the start with all that is wrong, and no secret is ever shown.

Method: JSON objects that differ from a right one in what the test is about.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gatehouse.adapters.settings import Settings, prepare_home, read_settings
from gatehouse.errors import ConfigurationError

RIGHT: dict[str, Any] = {
    "Home": "/var/lib/gatehouse",
    "KeyFile": "/etc/gatehouse/master.key",
    "OrthancUrl": "http://127.0.0.1:8042/",
}


def settings(**changed: Any) -> Settings:
    """Read right settings but for what is given."""
    return read_settings(json.dumps(RIGHT | changed))


def problems(**changed: Any) -> list[str]:
    """Return what is wrong, line by line."""
    with pytest.raises(ConfigurationError) as caught:
        settings(**changed)
    return str(caught.value).splitlines()


def test_defaults_are_those_of_the_documents() -> None:
    found = settings()

    assert found.orthanc_url == "http://127.0.0.1:8042"
    assert (found.workers, found.quiet_s, found.task_s, found.server) == (1, 60.0, 300.0, "orthanc")
    assert found.ledger_url == "sqlite:////var/lib/gatehouse/gatehouse.db"
    assert found.workflows_url == "sqlite:////var/lib/gatehouse/workflows.db"
    assert found.spool == Path("/var/lib/gatehouse/spool")
    assert found.pool_size >= 1


def test_a_postgresql_url_is_used_for_both_databases() -> None:
    found = settings(Database="postgresql://gatehouse@db/gatehouse")

    assert found.ledger_url == "postgresql+psycopg://gatehouse@db/gatehouse"
    assert found.workflows_url == found.ledger_url


def test_all_problems_are_said_at_once() -> None:
    assert problems(QuietSecond=3, Home="relative", Processes=-1, Workers=True) == [
        "Gatehouse.Home must be an absolute path",
        "Gatehouse.QuietSecond is not a setting; did you mean QuietSeconds?",
        "Gatehouse.Processes must be a whole number from 0 to 1024",
        "Gatehouse.Workers must be a whole number from 0 to 1024",
    ]


def test_what_must_be_given_is_named() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings("{}")

    assert str(caught.value).splitlines() == [
        "Gatehouse.Home is missing",
        "Gatehouse.KeyFile is missing",
        "Gatehouse.OrthancUrl is missing",
    ]


@pytest.mark.parametrize("text", ["", "[]", "{", '"text"', "\xff"])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="settings"):
        read_settings(text)


def test_no_workers_at_all_are_refused() -> None:
    assert problems(Workers=0) == [
        "Gatehouse.Workers is 0: nothing would ever be processed; where workers run on other "
        "hosts, say so with RemoteWorkers: true"
    ]
    assert settings(Workers=0, RemoteWorkers=True).workers == 0


def test_a_password_in_the_database_url_is_refused_and_not_repeated() -> None:
    [line] = problems(Database="postgresql://gatehouse:secret@db/gatehouse")

    assert line == ("Gatehouse.Database must not hold a password; put the URL into DatabaseFile")


def test_the_url_of_a_database_comes_from_a_file_that_only_its_owner_can_read(
    tmp_path: Path,
) -> None:
    file = tmp_path / "database"
    file.touch(mode=0o600)
    file.write_text("postgresql://gatehouse:secret@db/gatehouse\n")

    found = settings(DatabaseFile=str(file))

    assert found.ledger_url == "postgresql+psycopg://gatehouse:secret@db/gatehouse"
    assert "secret" not in repr(found)


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "database"
    file.touch(mode=0o644)

    assert problems(DatabaseFile=str(file)) == [
        "Gatehouse.DatabaseFile can be read by others than its owner; run: chmod 0600 on it"
    ]


def test_an_empty_database_file_means_sqlite() -> None:
    assert settings(DatabaseFile="").database == ""


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"Database": "mysql://db/x"}, "must be a URL that begins with postgresql://"),
        ({"OrthancUrl": "ftp://host"}, "must be an http or https URL"),
        ({"OrthancUrl": "http://u:p@host"}, "must not hold a user or a password"),
        ({"QuietSeconds": 0}, "must be a number of seconds above 0 and up to 86400"),
        ({"QuietSeconds": "60"}, "must be a number of seconds above 0 and up to 86400"),
        ({"RemoteWorkers": "yes"}, "must be true or false"),
        ({"Roles": ["viewer"]}, "must map user names to a role or a list of roles"),
        ({"Destinations": {"dicom": "x"}}, "must map ways to send to lists of names"),
        ({"KeyFile": 7}, "must be a text"),
        (
            {"Process": "../worker"},
            "must be 1 to 64 letters, digits, dots, hyphens or underscores",
        ),
    ],
)
def test_a_wrong_value_is_named_with_what_is_right(changed: dict[str, Any], problem: str) -> None:
    [name] = changed

    assert problems(**changed) == [f"Gatehouse.{name} {problem}"]


def test_the_home_is_made_for_its_owner_only(tmp_path: Path) -> None:
    found = settings(Home=str(tmp_path / "home"))

    prepare_home(found)

    assert found.home.stat().st_mode & 0o777 == 0o700
    assert found.spool.stat().st_mode & 0o777 == 0o700


def test_a_home_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    home.chmod(0o755)

    with pytest.raises(ConfigurationError, match="others can enter the folder"):
        prepare_home(settings(Home=str(home)))


MAIL = {
    "Host": "mail.hospital.example",
    "From": "gatehouse@hospital.example",
    "To": ["pacs@hospital.example"],
}


def test_how_people_are_told_is_read_with_its_secrets_from_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("QZXSECRET\n")

    found = settings(
        Notifications={
            "Email": {**MAIL, "User": "gatehouse", "PasswordFile": str(secret)},
            "Webhook": {"Url": "https://chat.hospital.example/hook", "SecretFile": str(secret)},
        }
    )

    assert found.channels.names() == ("email", "webhook")
    assert found.channels.email is not None
    assert (found.channels.email.port, found.channels.email.security) == (587, "starttls")
    assert found.channels.email.password == "QZXSECRET"
    assert "QZXSECRET" not in repr(found)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ([], "must be an object"),
        ({"Mail": MAIL}, "Mail is not known; did you mean Email?"),
        ({"Email": {**MAIL, "Too": ""}}, "Email.Too is not known; did you mean To?"),
        ({"Email": {**MAIL, "To": "nobody"}}, "Email.To must be an address or a list of addresses"),
        ({"Email": {**MAIL, "To": []}}, "Email.To must be an address or a list of addresses"),
        ({"Email": {**MAIL, "From": "a@b\r\nBcc: c@d"}}, "Email.From must be an address"),
        ({"Email": {**MAIL, "Port": 0}}, "Email.Port must be a port"),
        (
            {"Email": {**MAIL, "Security": "ssl"}},
            'Email.Security must be "starttls", "tls" or "none"',
        ),
        ({"Email": {**MAIL, "User": "x"}}, "Email.User and Email.PasswordFile belong together"),
        (
            {"Email": {**MAIL, "Security": "none", "User": "x", "PasswordFile": "/x"}},
            "Email: a password is not sent without encryption",
        ),
        (
            {"Email": {**MAIL, "User": "x", "PasswordFile": "/nowhere"}},
            "Email.PasswordFile can't be read",
        ),
        ({"Webhook": {"Url": "ftp://x"}}, "Webhook.Url must be an http or https URL"),
        ({"Webhook": {"Url": "https://u:p@x/"}}, "Webhook.Url must not hold a user or a password"),
    ],
)
def test_a_wrong_way_to_tell_people_is_named(section: object, said: str) -> None:
    assert problems(Notifications=section) == [f"Gatehouse.Notifications {said}"]


def test_how_long_held_studies_stay_is_read() -> None:
    found = settings(RejectSeconds=60, HeldDays=90, NoticeDays=14, FourEyes=True)

    assert (found.reject_s, found.held_days, found.notice_days) == (60.0, 90, 14)
    assert found.four_eyes
    assert problems(FourEyes="yes") == ["Gatehouse.FourEyes must be true or false"]
