"""Sends plain text through the mail server the operator has set; never through another."""

import re
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Literal, TypeAlias

from app.errors import BadSetting, DeliveryFailed
from evals.errors import BadSchedule

Tls: TypeAlias = Literal["starttls", "tls", "none"]
_TIMEOUT_SECONDS = 20.0
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_TRY_AGAIN = range(400, 500)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in.

    Args:
        tls: `starttls` asks for encryption and goes no further without; `tls` begins with it.

    Raises:
        BadSetting: the sender is no address, or a password would go unencrypted over a network.
    """

    host: str
    port: int
    tls: Tls
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not is_address(self.sender):
            raise BadSetting(
                "ASSAY_MAIL_FROM", f"it must be an address such as assay@example.org "
                f"(it is {self.sender!r})"
            )  # fmt: skip
        if not (self.user or "").isascii() or not (self.password or "").isascii():
            raise BadSetting(
                "ASSAY_MAIL_PASSWORD",
                "the name or the password has letters outside ASCII, which cannot be sent to log "
                "in; choose others",
            )
        if self.password and self.tls == "none" and self.host not in _HERE:
            raise BadSetting(
                "ASSAY_MAIL_TLS",
                f"the password would reach {self.host} unencrypted; use starttls or tls",
            )


def is_address(text: str) -> bool:
    """Whether this is one mail address, and nothing else besides."""
    return (
        len(text) <= 254
        and text.isascii()
        and bool(re.fullmatch(r"[^\s@<>,;:\"()\[\]\\]+@[\w.-]+", text))
    )


def check_address(text: str) -> None:
    """Refuse what is not one mail address.

    Raises:
        BadSchedule: it is not.
    """
    if not is_address(text) or not text.isprintable():
        raise BadSchedule(f"{text!r} is no mail address; write mail:name@example.org")


def send(server: MailServer, recipient: str, *, subject: str, text: str, message_key: str) -> None:
    """Send a mail, once.

    Args:
        subject: what of it cannot be printed, ends of lines too, becomes spaces.
        message_key: the same for the same result: a mail that comes twice has one Message-ID.

    Raises:
        DeliveryFailed: the server did not take it; it says whether another attempt may help.
    """
    message = EmailMessage()
    message["From"] = server.sender
    message["To"] = recipient
    message["Subject"] = _one_line(subject)
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = _message_id(server, message_key)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    try:
        with _connected(server) as smtp:
            if server.user is not None:
                smtp.login(server.user, server.password or "")
            smtp.send_message(message)
    except smtplib.SMTPResponseException as error:
        # Without the server's words: some repeat what was sent to them.
        raise DeliveryFailed(
            f"mail server {server.host} answered {error.smtp_code} to mail for {recipient}",
            is_transient=error.smtp_code in _TRY_AGAIN,
        ) from error
    except smtplib.SMTPRecipientsRefused as error:
        code = next((code for code, _ in error.recipients.values()), 0)
        raise DeliveryFailed(
            f"mail server {server.host} refused {recipient} with {code}",
            is_transient=code in _TRY_AGAIN,
        ) from error
    except smtplib.SMTPNotSupportedError as error:
        raise DeliveryFailed(
            f"mail server {server.host}: {error}; see ASSAY_MAIL_TLS and ASSAY_MAIL_USER"
        ) from error
    except UnicodeError as error:
        raise DeliveryFailed(
            f"mail server {server.host}: the name is no host's; see ASSAY_MAIL_HOST"
        ) from error
    except (OSError, smtplib.SMTPException) as error:
        raise DeliveryFailed(
            f"mail server {server.host}: {getattr(error, 'strerror', None) or error}",
            is_transient=not isinstance(error, ssl.SSLCertVerificationError),
        ) from error


def _connected(server: MailServer) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.tls == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=_TIMEOUT_SECONDS, context=context)
    smtp = smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT_SECONDS)
    if server.tls == "starttls":
        try:
            smtp.starttls(context=context)
        except BaseException:
            smtp.close()
            raise
    return smtp


def _one_line(text: str) -> str:
    """For a header, which may hold no end of a line, not even one of Unicode's."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _message_id(server: MailServer, key: str) -> str:
    domain = server.sender.rpartition("@")[2]
    return f"<{key}@{domain}>" if re.fullmatch(r"[\w.-]+", key) else make_msgid(domain=domain)
