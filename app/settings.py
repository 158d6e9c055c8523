"""Every setting of Assay: the only place that reads the environment."""

import os
import re
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from app.errors import BadSetting
from generation.answering import EVIDENCE_PASSAGES, EVIDENCE_TOKENS
from generation.engines.loading import BUNDLED_MODEL
from retrieval.encoder import BUNDLED_ENCODER

_PREFIX = "ASSAY_"


class Settings(BaseSettings):
    """Set with environment variables: ASSAY_ and the name in capitals."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_ignore_empty=True, frozen=True)

    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("assay", appauthor=False)),
        description="Folder that holds everything Assay keeps: database, originals, indexes.",
    )
    encoder: str = Field(
        default=BUNDLED_ENCODER,
        min_length=1,
        description="Embedding model: the bundled one, a folder, or a hub id.",
    )
    model: str = Field(
        default=BUNDLED_MODEL,
        min_length=1,
        description="Chat model: the bundled one, a folder, a GGUF file, or a hub id.",
    )
    host: str = Field(default="127.0.0.1", description="Address `assay serve` listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port `assay serve` listens on.")
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="Names the server is reached by, besides localhost, as a JSON list.",
    )
    secure_cookies: bool = Field(
        default=False,
        description="Send cookies over HTTPS only; set it when a proxy serves HTTPS.",
    )
    evidence_passages: int = Field(
        default=EVIDENCE_PASSAGES, ge=1, le=50, description="Passages looked through for an answer."
    )
    evidence_tokens: int = Field(
        default=EVIDENCE_TOKENS,
        ge=50,
        description="Tokens of evidence in the prompt; more suits a larger model.",
    )
    abstain_below: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None,
        description="Abstain when the answer is less probably in the passages than this, 0 to 1; "
        "unset: the measured operating point.",
    )

    scheduler: bool = Field(
        default=True, description="`assay serve` runs the schedules of `assay eval schedule`."
    )
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s?#]+$",
        description="Where people reach the server, for links in what is delivered.",
    )
    webhook_url: SecretStr | None = Field(
        default=None, description="Address that results of scheduled runs are posted to."
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="Signs what is posted, so that the receiver knows the sender."
    )
    webhook_allow_private: bool = Field(
        default=False,
        description="Let the webhook be on this machine or in a private network, over http too.",
    )
    mail_host: str | None = Field(
        default=None, description="Mail server for results of scheduled runs."
    )
    mail_port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    mail_tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the connection to it is encrypted."
    )
    mail_user: str | None = Field(default=None, description="Name to log in there with.")
    mail_password: SecretStr | None = Field(default=None, description="Password to log in with.")
    mail_from: str | None = Field(default=None, description="Sender of the mail.")

    judge_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/@?#]+[^\s@?#]*$",
        description="Server of the model that judges answers, as OpenAI's protocol has it (…/v1).",
    )
    judge_key: SecretStr | None = Field(default=None, description="Its key; never shown.")
    judge_model: str | None = Field(
        default=None,
        min_length=1,
        description="Model that judges answers: its name at that server, else as ASSAY_MODEL.",
    )

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.home / "assay.db"

    @property
    def originals(self) -> Path:
        """The folder of original bytes, by content."""
        return self.home / "originals"

    @property
    def vector_index(self) -> Path:
        """The folder of the vector index; may be deleted at any time."""
        return self.home / "projections" / "vectors"

    @property
    def models(self) -> Path:
        """The folder of models prepared for loading; may be deleted at any time."""
        return self.home / "models"


def read_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        BadSetting: a value is out of range, or an ASSAY_ variable is no setting (a typo).
    """
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in os.environ:
        if name.startswith(_PREFIX) and name not in known:
            raise BadSetting(
                name, f"there is no such setting; known are {', '.join(sorted(known))}"
            )
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = f"{_PREFIX}{str(first['loc'][0]).upper()}" if first["loc"] else _PREFIX
        raise BadSetting(name, f"{first['msg']} (it is {first['input']!r})") from error
    except SettingsError as error:  # names the field only in its message
        field = re.search('"(.+?)"', str(error))
        name = f"{_PREFIX}{field[1].upper()}" if field else _PREFIX
        raise BadSetting(name, f"expected JSON (it is {os.environ.get(name)!r})") from error
