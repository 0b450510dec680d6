"""The settings: what could never work is refused at the start, and no secret is in the refusal."""

from typing import Any

import pytest
from pydantic import ValidationError

from reference_app.settings import Settings


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads the settings from an environment with the given variables."""

    def settings(**variables: str) -> Settings:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return Settings()

    return settings


def message(refused: pytest.ExceptionInfo[ValidationError]) -> str:
    """What the one refusal says; it fits in one line."""
    (error,) = refused.value.errors()
    assert "\n" not in error["msg"]
    return error["msg"]


def shown(secrets: Any) -> list[str]:
    return [secret.get_secret_value() for secret in secrets]


@pytest.mark.parametrize("value", ["", "  ", "\n"])
def test_an_empty_address_is_none(read: Any, value: str) -> None:
    """`APP_PROVIDER_URL` set to nothing means no provider."""
    assert read(APP_PROVIDER_URL=value).provider_url is None


@pytest.mark.parametrize(
    "value", ["http://127.0.0.1:9000/v1", " https://api.example.org/v1\n", "http://[::1]/"]
)
def test_an_address_is_taken(read: Any, value: str) -> None:
    """An address over http or https is taken, without the white space around it."""
    assert read(APP_PROVIDER_URL=value).provider_url == value.strip()


@pytest.mark.parametrize(
    "value",
    [
        "api.example.org/v1",
        "ftp://host/v1",
        "http://",
        "http:///v1",
        "http://[::1/v1",
        "http://xn--a.b..c/v1",
    ],
)
def test_what_is_no_address_is_refused(read: Any, value: str) -> None:
    """An address that no call could reach is refused with the remedy, and not once a turn."""
    with pytest.raises(ValidationError) as refused:
        read(APP_PROVIDER_URL=value)
    assert "http:// or https:// and a host" in message(refused)


@pytest.mark.parametrize(("value", "key"), [("sk-1\n", "sk-1"), ("  sk-1", "sk-1"), ("", None), ("\n", None)])
def test_the_white_space_around_a_key_is_no_part_of_it(read: Any, value: str, key: str | None) -> None:
    """A provider's key that ends in a newline, as a file does, is the key; nothing but white space is none."""
    found = read(APP_PROVIDER_KEY=value).provider_key
    assert (found and found.get_secret_value()) == key


@pytest.mark.parametrize("value", ["sk-canary\u00e9", "sk-\ncanary", "sk-canary\u2026"])
def test_a_key_that_no_header_can_carry_is_refused(read: Any, value: str) -> None:
    """A provider's key with anything but printable ASCII is refused, and not shown."""
    with pytest.raises(ValidationError) as refused:
        read(APP_PROVIDER_KEY=value)
    assert "printable ASCII" in message(refused)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("value", "keys"),
    [("one", ["one"]), ("one, two\n", ["one", "two"]), ("a-Z.0_9~+/x==", ["a-Z.0_9~+/x=="])],
)
def test_api_keys_are_separated_by_commas(read: Any, value: str, keys: list[str]) -> None:
    """One plain word is a key, and commas stand between several."""
    assert shown(read(APP_API_KEYS=value).api_keys) == keys


@pytest.mark.parametrize(
    "value", ['"canary"', '["canary", "two"]', "canary two", "canary\u00e9", "good,canary key", "canary:1"]
)
def test_an_api_key_that_no_client_can_send_is_refused(read: Any, value: str) -> None:
    """A key that can never match is refused with the remedy, and no key is shown."""
    with pytest.raises(ValidationError) as refused:
        read(APP_API_KEYS=value)
    assert "commas between keys" in message(refused)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("value", ["", " ", "one,", ",one"])
def test_an_empty_api_key_is_refused(read: Any, value: str) -> None:
    """Keys that are set to nothing do not open the service to everybody: it does not start."""
    with pytest.raises(ValidationError) as refused:
        read(APP_API_KEYS=value)
    assert "must not be empty" in message(refused)


def test_no_value_is_shown_in_any_refusal(read: Any) -> None:
    """A value of any variable stays out of the error: a secret may have been put into the wrong one."""
    with pytest.raises(ValidationError) as refused:
        read(APP_QUOTA_PER_MINUTE="sk-canary")
    assert "quota_per_minute" in str(refused.value)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("reserve_s", [1.8, 60.0])
def test_a_reserve_that_leaves_no_time_is_refused(reserve_s: float) -> None:
    """A reserve of the whole deadline or more would never ask the provider: the service does not start."""
    with pytest.raises(ValidationError) as refused:
        Settings(deadline_s=1.8, reserve_s=reserve_s)
    assert "reserve_s must be less than deadline_s" in message(refused)
    assert Settings(deadline_s=1.8, reserve_s=1.7).reserve_s == 1.7
