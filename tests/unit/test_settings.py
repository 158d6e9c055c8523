"""The environment: typos and impossible values are refused by name."""

import os
from pathlib import Path

import pytest

from app.errors import BadSetting
from app.settings import Settings, read_settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in list(os.environ):
        if name.upper().startswith("ASSAY_"):
            monkeypatch.delenv(name)


def test_every_setting_has_a_default_and_a_description():
    settings = read_settings()
    assert settings.host == "127.0.0.1"
    assert settings.abstain_below is None
    assert all(field.description for field in Settings.model_fields.values())


def test_values_come_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "a home"))
    monkeypatch.setenv("ASSAY_PORT", "9000")
    monkeypatch.setenv("ASSAY_ALLOWED_HOSTS", '["docs.example.org", "x"]')
    monkeypatch.setenv("ASSAY_ABSTAIN_BELOW", "0.5")
    settings = read_settings()
    assert settings.database == tmp_path / "a home" / "assay.db"
    assert settings.port == 9000
    assert settings.allowed_hosts == ("docs.example.org", "x")
    assert settings.abstain_below == 0.5


def test_everything_kept_lies_in_the_home_folder():
    settings = Settings(home=Path("/h"))
    places = {settings.database, settings.originals, settings.vector_index, settings.models}
    assert len(places) == 4
    assert all(place.is_relative_to("/h") for place in places)


@pytest.mark.parametrize("name", ["ASSAY_HOME", "ASSAY_ENCODER", "ASSAY_PORT"])
def test_an_empty_variable_is_an_unset_one(monkeypatch, name):
    monkeypatch.delenv(name, raising=False)
    unset = read_settings()
    monkeypatch.setenv(name, "")
    assert read_settings() == unset


def test_a_typo_is_refused_and_the_known_names_are_said(monkeypatch):
    monkeypatch.setenv("ASSAY_ENCODR", "x")
    with pytest.raises(BadSetting, match=r"ASSAY_ENCODR: there is no such setting.*ASSAY_ENCODER"):
        read_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ASSAY_PORT", "65536"),
        ("ASSAY_PORT", "-1"),
        ("ASSAY_PORT", "http"),
        ("ASSAY_EVIDENCE_PASSAGES", "0"),
        ("ASSAY_EVIDENCE_PASSAGES", "51"),
        ("ASSAY_EVIDENCE_TOKENS", "19"),
        ("ASSAY_ABSTAIN_BELOW", "1.01"),
        ("ASSAY_ABSTAIN_BELOW", "-0.1"),
        ("ASSAY_ABSTAIN_BELOW", "nan"),
        ("ASSAY_SECURE_COOKIES", "perhaps"),
        ("ASSAY_ALLOWED_HOSTS", "docs.example.org"),
        ("ASSAY_ALLOWED_HOSTS", '{"a": 1}'),
    ],
)
def test_an_impossible_value_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSetting, match=f"^{name}: "):
        read_settings()


@pytest.mark.parametrize(("name", "value"), [("ASSAY_PORT", "0"), ("ASSAY_ABSTAIN_BELOW", "1")])
def test_the_limits_themselves_are_allowed(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    read_settings()


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1


SIGN_ON = {
    "ASSAY_OIDC_ISSUER": "https://login.example.org/realms/a",
    "ASSAY_OIDC_CLIENT_ID": "assay",
    "ASSAY_OIDC_CLIENT_SECRET": "never shown",
    "ASSAY_PUBLIC_URL": "https://docs.example.org/",
}


def test_a_provider_is_sent_people_back_to_the_public_address(monkeypatch):
    for name, value in SIGN_ON.items():
        monkeypatch.setenv(name, value)
    provider = read_settings().provider
    assert provider.redirect_uri == "https://docs.example.org/login/callback"
    assert (provider.client_secret, provider.creates_accounts) == ("never shown", False)
    assert "never shown" not in f"{provider!r} {read_settings()!r}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ASSAY_OIDC_CLIENT_ID", ""),
        ("ASSAY_PUBLIC_URL", ""),
        ("ASSAY_OIDC_ISSUER", "http://login.example.org"),
        ("ASSAY_OIDC_ISSUER", "login.example.org"),
        ("ASSAY_OIDC_ISSUER", "https://login.example.org?x=1"),
        ("ASSAY_OIDC_SCOPES", "profile email"),
        ("ASSAY_OIDC_ACCOUNTS", "perhaps"),
    ],
)
def test_a_provider_with_something_missing_is_refused_by_name(monkeypatch, name, value):
    for known, usual in SIGN_ON.items():
        monkeypatch.setenv(known, usual)
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSetting, match=f"^{name}: "):
        read_settings()


def test_passwords_cannot_be_switched_off_where_they_are_the_only_way_in(monkeypatch):
    monkeypatch.setenv("ASSAY_PASSWORD_LOGIN", "false")
    with pytest.raises(BadSetting, match="nobody could log in"):
        read_settings()
