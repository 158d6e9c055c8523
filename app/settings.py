"""Every setting of Assay: the only place that reads the environment and `settings.toml`."""

import os
import re
from collections.abc import Mapping
from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from app.engines import EngineChoice, EngineKind, RemoteModel
from app.errors import BadSetting
from app.fetching.networks import Networks
from app.logs import Form
from app.oidc.discovery import is_private_on_the_way
from app.oidc.types import Provider
from app.settings_file import SETTINGS_FILE, read_kept
from generation.answering_policy import EVIDENCE_PASSAGES, EVIDENCE_TOKENS
from generation.decoding import Decoding
from generation.engines.base import BUNDLED_MODEL
from generation.types import Precision, Runtime
from retrieval.encoder import BUNDLED_ENCODER
from retrieval.types import Policy
from retrieval.vectors.kinds import Kind

_PREFIX = "ASSAY_"


def _known_fields_only(value: object) -> object:
    """Refuse what is no field of `Decoding`: a misspelt one would be passed over."""
    known = [field.name for field in fields(Decoding)]
    if isinstance(value, dict) and (unknown := sorted(set(value) - set(known))):
        raise ValueError(f"unknown are {', '.join(unknown)}; known are {', '.join(known)}")
    return value


def _network(text: str) -> str:
    """Refuse what is no network, such as 10.0.0.0/8."""
    Networks.of([text])
    return text


class Settings(BaseSettings):
    """Set with environment variables, ASSAY_ and the name in capitals, or in `settings.toml`."""

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
    reranker: str | None = Field(
        default=None,
        min_length=1,
        description="CrossEncoder that reads the first passages again: a folder, or a hub id.",
    )
    index: Literal["auto", "flat", "half", "graph", "lists"] = Field(
        default="auto",
        description="Kind of vector index; auto: what suits the number of passages.",
    )
    model: str = Field(
        default=BUNDLED_MODEL,
        min_length=1,
        description="Chat model: the bundled one, a folder, a GGUF file, or a hub id.",
    )
    runtime: Runtime = Field(
        default="auto",
        description="How it is run here: openvino (processors), torch (GPUs, the reference), auto.",
    )
    precision: Precision = Field(
        default="int8", description="How exactly OpenVINO keeps its weights."
    )
    cache_mb: int = Field(
        default=512,
        ge=64,
        le=1_048_576,
        description="Memory in MB for what the model has read: prompts of running answers, and "
        "beginnings that later prompts share.",
    )
    decoding: Annotated[Decoding, BeforeValidator(_known_fields_only)] = Field(
        default_factory=Decoding, description="How tokens are chosen unless a request says so."
    )
    remote_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/@?#]+[^\s@?#]*$",
        description="Server of a chat model, as OpenAI's protocol has it (…/v1).",
    )
    remote_key: SecretStr | None = Field(default=None, description="Its key; never shown.")
    remote_model: str | None = Field(
        default=None,
        min_length=1,
        description="The model's name at that server; unset: the only one there.",
    )
    remote_seconds: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        allow_inf_nan=False,
        description="Seconds the server may take for the next token.",
    )
    engines: tuple[EngineKind, ...] | None = Field(
        default=None,
        description="Which models answer: the first, and the others in turn when it fails.",
    )
    answers_at_once: int = Field(
        default=8, ge=1, le=1024, description="Answers that are made at the same time."
    )
    answers_waiting: int = Field(
        default=32, ge=0, le=100_000, description="Questions that wait for their turn; not more."
    )
    answers_per_user: int = Field(
        default=4,
        ge=1,
        le=100_000,
        description="Answers of one user that are being made or wait.",
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
    proxies: tuple[str, ...] = Field(
        default=(),
        description="Addresses or networks of proxies whose X-Forwarded-For is believed, as a "
        "JSON list.",
    )
    password_login: bool = Field(
        default=True, description="Take names and passwords; without, only the provider's log-in."
    )
    oidc_issuer: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/@?#]+[^\s@?#]*$",
        description="OpenID provider where people log in, exactly as it calls itself.",
    )
    oidc_client_id: str | None = Field(
        default=None, min_length=1, description="What this server is called there."
    )
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="Its secret there; unset for a public client."
    )
    oidc_name: str = Field(
        default="single sign-on",
        min_length=1,
        max_length=60,
        description="What the button on the page calls the provider.",
    )
    oidc_scopes: str = Field(
        default="openid profile email",
        description="What is asked for there, with spaces between.",
    )
    oidc_accounts: Literal["refuse", "create"] = Field(
        default="refuse",
        description="Whoever logs in there without an account here is refused, or gets one.",
    )
    oidc_name_claim: str = Field(
        default="preferred_username", min_length=1, description="Claim that names a new account."
    )
    oidc_groups_claim: str | None = Field(
        default=None,
        min_length=1,
        description="Claim that lists groups: at each log-in a user belongs to those that exist "
        "here, and to no others.",
    )
    log_format: Form = Field(
        default="text",
        description="What is logged: text, warnings and errors for people, or json, one object a "
        "line, with one for each request.",
    )
    audit_days: int | None = Field(
        default=None, ge=1, le=36_500, description="Days entries of the audit log are kept."
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
    most_unsupported: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None,
        description="Decline where more than this share of the shown sentences would be "
        "unsupported, 0 to 1, by the curve of the newest run; unset: as chosen on the page.",
    )
    gauge: bool = Field(
        default=True,
        description="Have layers of the bundled chat model say whether passages hold the answer; "
        "false asks the smaller answer finder: faster, and it declines much less.",
    )
    guard: bool = Field(
        default=True,
        description="Keep what documents order a model to do out of prompts and quotations.",
    )
    hidden_text: Literal["leave_out", "read"] = Field(
        default="leave_out",
        description="Text that files hide from human eyes; read: bring it in at a document's end.",
    )
    beyond_quotes: bool | None = Field(
        default=None,
        description="Whether a supported sentence may say more than the quotations, or gives way "
        "to the words it rests on; unset: unless the bundled model wrote it.",
    )
    policy: Policy | None = Field(
        default=None,
        description="What becomes of sentences that are not supported: show, strike, quote or "
        "abstain, for every collection in place of its own; unset: as each collection says.",
    )

    upload_mb: int = Field(
        default=4_096,
        ge=1,
        le=1_048_576,
        description="Size of one upload in MB, all its files together.",
    )
    urls: bool = Field(
        default=False,
        description="Let administrators have pages from the web brought in, and this machine "
        "connect to them.",
    )
    url_networks: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        default=(),
        description="Networks such pages may lie in besides the public internet, as a JSON list.",
    )
    ingest_worker: bool = Field(
        default=True, description="`assay serve` works on the jobs that `assay jobs list` shows."
    )
    scheduler: bool = Field(
        default=True, description="`assay serve` runs the schedules of `assay eval schedule`."
    )
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s?#]+$",
        description="Where people reach the server: for links, and for logging in at a provider.",
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
    def engine_choice(self) -> EngineChoice:
        """Which chat models answer: unless `engines` says, a server's first and then our own."""
        remote = None
        if self.remote_url is not None:
            key = None if self.remote_key is None else self.remote_key.get_secret_value()
            remote = RemoteModel(self.remote_url, self.remote_model, key, self.remote_seconds)
        usual: tuple[EngineKind, ...] = ("local",) if remote is None else ("remote", "local")
        return EngineChoice(
            self.engines or usual,
            self.model,
            self.models,
            self.runtime,
            self.precision,
            self.cache_mb,
            remote,
        )

    @property
    def address(self) -> str:
        """Where browsers find the server, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def provider(self) -> Provider | None:
        """Where people log in besides here, if anywhere."""
        if self.oidc_issuer is None:
            return None
        secret = self.oidc_client_secret
        return Provider(
            self.oidc_name,
            self.oidc_issuer,
            self.oidc_client_id or "",
            f"{self.address}/login/callback",
            None if secret is None else secret.get_secret_value(),
            self.oidc_scopes,
            self.oidc_name_claim,
            self.oidc_groups_claim,
            self.oidc_accounts == "create",
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
    def url_versions(self) -> Path:
        """What servers said by which they know a version of a page; may be deleted at any time."""
        return self.home / "url-versions.json"

    @property
    def staging(self) -> Path:
        """The folder of uploads that are not indexed yet."""
        return self.home / "staging"

    @property
    def vector_index(self) -> Path:
        """The folder of the vector index; may be deleted at any time."""
        return self.home / "projections" / "vectors"

    @property
    def lexical_seal(self) -> Path:
        """What the full-text index was when it was last left; may be deleted at any time."""
        return self.home / "projections" / "lexical.json"

    @property
    def index_kind(self) -> Kind | None:
        """The kind of vector index that was chosen; None for what suits."""
        return None if self.index == "auto" else Kind(self.index)

    @property
    def models(self) -> Path:
        """The folder of models prepared for loading; may be deleted at any time."""
        return self.home / "models"


def read_settings() -> Settings:
    """Read the settings: the environment, then `settings.toml` in the home folder.

    Raises:
        BadSetting: a value is out of range, contradicts another, or has a name that is no setting
            (a typo); or the file cannot be read, or holds a secret and others may read it.
    """
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in os.environ:
        if name.startswith(_PREFIX) and name not in known:
            raise BadSetting(
                name, f"there is no such setting; known are {', '.join(sorted(known))}"
            )
    kept = kept_settings(_home())
    # What the environment says wins; an empty variable says nothing.
    return _checked({name: kept[name] for name in kept if not set_by_environment(name)})


def kept_settings(home: Path) -> Mapping[str, Any]:
    """What `settings.toml` in a home folder says, by name; empty when there is none.

    Raises:
        BadSetting: it is no TOML, a name in it is no setting, or it holds a secret and others than
            its owner may read it.
    """
    kept = read_kept(home)
    known = sorted(set(Settings.model_fields) - {"home"})
    for name in kept.values:
        if name not in known:
            raise BadSetting(
                f"{name} in {kept.file}", f"there is no such setting; known are {', '.join(known)}"
            )
        if is_secret(name) and kept.is_open_to_others:
            raise BadSetting(
                f"{name} in {kept.file}",
                f"others than its owner may read this secret; run `chmod 600 {kept.file}`",
            )
    return kept.values


def is_secret(name: str) -> bool:
    """Whether a setting is never shown."""
    return "SecretStr" in str(Settings.model_fields[name].annotation)


def set_by_environment(name: str) -> str | None:
    """The variable that sets a setting, and so wins over the file; None when it is not set."""
    variable = _variable(name)
    return variable if os.environ.get(variable) else None


def settings_with(home: Path, kept: Mapping[str, Any]) -> Settings:
    """The settings with these values, which win, and the environment.

    Raises:
        BadSetting: as `read_settings`.
    """
    return _checked({**kept, "home": home})


def _variable(name: str) -> str:
    return f"{_PREFIX}{name.upper()}"


def _home() -> Path:
    """The home folder, told before the rest: the file with the rest lies in it."""
    said = os.environ.get(f"{_PREFIX}HOME")
    return Path(said) if said else Path(platformdirs.user_data_dir("assay", appauthor=False))


def _checked(chosen: Mapping[str, Any]) -> Settings:
    settings = _validated(chosen)
    _require_engines(settings)
    _require_login(settings)
    _require_networks(settings)
    return settings


def _validated(chosen: Mapping[str, Any]) -> Settings:
    try:
        return Settings(**chosen)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        value = "" if _hides(field) else f" (it is {first['input']!r})"
        where = f"{field} in {SETTINGS_FILE}" if field in chosen else _variable(field)
        inside = "".join(f"{part}: " for part in first["loc"][1:] if isinstance(part, str))
        raise BadSetting(where, f"{inside}{_in_words(first)}{value}") from error
    except SettingsError as error:  # names the field only in its message
        found = re.search('"(.+?)"', str(error))
        name = _variable(found[1]) if found else _PREFIX
        value = "" if found and _hides(found[1]) else f" (it is {os.environ.get(name)!r})"
        raise BadSetting(name, f"expected JSON{value}") from error


def _in_words(error: Any) -> str:  # noqa: ANN401 - pydantic's own dictionary
    """What is wrong with a value, for people who do not know Python."""
    if error["type"] == "string_pattern_mismatch":  # all of ours are of addresses
        return "it must be an address such as https://server.example:8000/v1"
    if error["type"] == "tuple_type":
        return 'it must be a list, such as ["one", "two"]'
    message = str(error["msg"]).removeprefix("Value error, ").split(", unable to parse")[0]
    message = message.replace("a valid integer", "a whole number").replace("valid ", "")
    return message.replace("Input should be", "it must be")


def _hides(field: str) -> bool:
    return field in Settings.model_fields and is_secret(field)


def _require_networks(settings: Settings) -> None:
    """Refuse what is no address of a proxy: it would be believed by nobody, silently."""
    for one in settings.proxies:
        try:
            ip_network(one)
        except ValueError as error:
            raise BadSetting(
                "ASSAY_PROXIES", f"{one!r} is neither an address nor a network such as 10.0.0.0/8"
            ) from error


def _require_login(settings: Settings) -> None:
    """Refuse a provider of which something is missing, and a server nobody could log in to."""
    provider = settings.provider
    if provider is None:
        if not settings.password_login:
            raise BadSetting(
                "ASSAY_PASSWORD_LOGIN",
                "nobody could log in: set ASSAY_OIDC_ISSUER, or leave passwords on",
            )
        return
    if not provider.client_id:
        raise BadSetting("ASSAY_OIDC_CLIENT_ID", "ASSAY_OIDC_ISSUER is set; set this, too")
    if settings.public_url is None:
        raise BadSetting(
            "ASSAY_PUBLIC_URL",
            "ASSAY_OIDC_ISSUER is set, and the provider must be told where to send people back to; "
            "set this to the address that browsers know, such as https://docs.example.org",
        )
    if "openid" not in provider.scopes.split():
        raise BadSetting(
            "ASSAY_OIDC_SCOPES", f"openid must be among them (it is {provider.scopes!r})"
        )
    if not is_private_on_the_way(provider.issuer):
        raise BadSetting(
            "ASSAY_OIDC_ISSUER",
            f"it must be https, unless it is on this very machine (it is {provider.issuer!r})",
        )


def _require_engines(settings: Settings) -> None:
    """Refuse an order of engines that cannot be followed."""
    order = settings.engine_choice.order if settings.engines is None else settings.engines
    if not order or len(set(order)) < len(order):
        raise BadSetting(
            "ASSAY_ENGINES", f"it must name local, remote or both, each once (it is {list(order)})"
        )
    if "remote" in order and settings.remote_url is None:
        raise BadSetting("ASSAY_REMOTE_URL", "ASSAY_ENGINES names a remote model; set its address")
