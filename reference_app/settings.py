"""Configuration, read once from the environment; every time is in seconds."""

import re
from typing import Annotated, Literal, Self

import httpx
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What can follow `Bearer` in a header (RFC 6750)."""


class Settings(BaseSettings):
    """All settings of the service, each with a safe default: with no variable set at all the app starts.

    Variables carry the prefix `APP_`, but for `LOG_FORMAT` and `LOG_FILE`. `APP_PROVIDER_URL` is the base URL
    of an OpenAI-compatible API (`http://127.0.0.1:9000/v1`); without it, or with an empty one, the pattern level
    answers alone. A value that could never work is refused here, by a ValueError that does not repeat it.
    """

    model_config = SettingsConfigDict(
        env_prefix="APP_", extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True
    )

    provider_url: str | None = None
    provider_key: SecretStr | None = None
    provider_model: str = "gpt-4o-mini"
    provider_connections_max: int = Field(default=256, ge=1)

    deadline_s: float = Field(default=1.8, gt=0)
    conversation_level_s: float = Field(default=1.1, gt=0)
    structured_level_s: float = Field(default=0.5, gt=0)
    reserve_s: float = Field(default=0.05, ge=0)
    facade_s: float = Field(default=10.0, gt=0)
    history_turns_max: int = Field(default=20, ge=0)

    breaker_failures: int = Field(default=5, ge=1)
    breaker_open_s: float = Field(default=2.0, gt=0)
    breaker_lease_s: float = Field(default=2.0, gt=0)

    store_url: str = "sqlite:///:temporary:"
    """`sqlite:///PATH`; `:temporary:` is a fresh file that goes with the process."""
    store_busy_s: float = Field(default=0.5, gt=0, lt=1)
    store_queue_max: int = Field(default=512, ge=1)
    store_readers: int = Field(default=5, ge=1)

    session_waiters_max: int = Field(default=4, ge=0)
    in_flight_max: int = Field(default=256, ge=1)
    body_bytes_max: int = Field(default=64 * 1024, ge=1)

    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """With any key set, every route but /health, /ready and /metrics wants `Authorization: Bearer`.

    In the environment several are separated by commas.
    """
    quota_per_minute: int | None = Field(default=None, ge=1)

    log_format: Literal["json", "console"] = Field(default="json", alias="LOG_FORMAT")
    log_file: str | None = Field(default=None, alias="LOG_FILE")

    @field_validator("provider_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        address = (value or "").strip()
        if not address:
            return None
        try:
            url = httpx.URL(address)
            reachable = url.scheme in {"http", "https"} and bool(url.host)
        except (httpx.InvalidURL, ValueError):
            reachable = False
        if not reachable:
            raise ValueError("is no address: give http:// or https:// and a host")
        return address

    @field_validator("provider_key")
    @classmethod
    def _printable(cls, value: SecretStr | None) -> SecretStr | None:
        key = "" if value is None else value.get_secret_value().strip()
        if not (key.isascii() and key.isprintable()):
            raise ValueError("cannot stand in a header: give printable ASCII")
        return SecretStr(key) if key else None

    @field_validator("api_keys", mode="before")
    @classmethod
    def _separated(cls, value: object) -> object:
        return value.split(",") if isinstance(value, str) else value

    @field_validator("api_keys")
    @classmethod
    def _tokens(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        keys = [key.get_secret_value().strip() for key in value]
        if not all(keys):
            raise ValueError("an API key must not be empty")
        if not all(_TOKEN.fullmatch(key) for key in keys):
            raise ValueError(
                "no client can send such a key: give letters, digits and -._~+/=, and commas between keys"
            )
        return tuple(map(SecretStr, keys))

    @model_validator(mode="after")
    def _time_to_ask(self) -> Self:
        if self.reserve_s >= self.deadline_s:
            raise ValueError("reserve_s must be less than deadline_s: the provider would never be asked")
        return self
