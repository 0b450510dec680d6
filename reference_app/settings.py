"""Configuration, read once from the environment; every time is in seconds."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """All settings of the service, each with a safe default: with no variable set at all the app starts.

    Variables carry the prefix `APP_`, but for `LOG_FORMAT` and `LOG_FILE`. `APP_PROVIDER_URL` is the base URL
    of an OpenAI-compatible API (`http://127.0.0.1:9000/v1`); without it the pattern level answers alone.
    """

    model_config = SettingsConfigDict(env_prefix="APP_", extra="ignore", frozen=True, populate_by_name=True)

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

    api_keys: tuple[SecretStr, ...] = ()
    """With any key set, every route but /health, /ready and /metrics wants `Authorization: Bearer`."""
    quota_per_minute: int | None = Field(default=None, ge=1)

    log_format: Literal["json", "console"] = Field(default="json", alias="LOG_FORMAT")
    log_file: str | None = Field(default=None, alias="LOG_FILE")
