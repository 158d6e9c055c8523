"""`assay serve`."""

import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Thread
from typing import TYPE_CHECKING

import click

from app.cli.opening import open_assay
from app.cli.terminal import Terminal
from app.errors import CommandFailed

if TYPE_CHECKING:
    from app.bootstrap import Assay

ADMINISTRATOR = "admin"
# Together below the ten seconds after which containers are killed: for answers that are being made
# to end, and for what holds a connection after that.
_ANSWERS_END_SECONDS = 4
_SHUTDOWN_SECONDS = 8
_CLOSING_SECONDS = 1.5
_BACKLOG = 128


@click.command(epilog="\b\nExamples:\n  assay serve\n  assay serve --port 9000 --with-samples")
@click.option("--host", help="Address to listen on  [default: ASSAY_HOST or 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="[default: ASSAY_PORT or 8000]")
@click.option("--with-samples", is_flag=True, help="Ingest the sample documents the first time.")
@click.pass_obj
def serve(terminal: Terminal, host: str | None, port: int | None, with_samples: bool) -> None:  # noqa: FBT001
    """Serve the web chat and the API until Ctrl-C.

    The first start makes the user `admin` and prints a generated password.
    """
    from app.upkeep import sweep_left_overs

    assay = open_assay(is_server=True)
    sweep_left_overs(assay)
    if assay.settings.audit_days is not None:
        assay.audit.forget(timedelta(days=assay.settings.audit_days))
    assay.conversations.interrupt_unfinished()
    listening = _listen(host or assay.settings.host, assay.settings.port if port is None else port)
    address, port = listening.getsockname()[:2]
    _say_how_to_log_in(terminal, assay)
    if with_samples:
        _ingest_samples(terminal, assay)
    _run(assay, listening, lambda: _announce(terminal, f"http://{address}:{port}"))


def _listen(host: str, port: int) -> socket.socket:
    """Take the port now, so that a taken one is reported before anything is loaded."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        # From here on visitors wait instead of being turned away, and no other server gets in.
        listening.listen(_BACKLOG)
    except OSError as error:
        raise CommandFailed(
            f"cannot listen on {host} port {port}: {error.strerror or error}; "
            f"choose another port, for example `assay serve --port {port + 1}`"
        ) from error
    return listening


def _say_how_to_log_in(terminal: Terminal, assay: "Assay") -> None:
    from app.passwords import generate_password

    has_administrator = any(one.is_administrator for one in assay.access.principals())
    provider = assay.settings.provider
    if provider is not None and not assay.settings.password_login:
        if not has_administrator:
            assay.access.ensure_administrator(ADMINISTRATOR)
        terminal.line(
            f"Log in with {provider.name}; `assay user login {ADMINISTRATOR}` prints a link that "
            f"logs {ADMINISTRATOR!r} in once."
        )
        return
    if has_administrator:
        terminal.line(
            "Log in with your user name and password; `assay user password "
            f"{ADMINISTRATOR}` sets a new password for {ADMINISTRATOR!r}."
        )
        return
    password = generate_password()
    principal = assay.access.ensure_administrator(ADMINISTRATOR)
    assay.accounts.set_password(principal, password)
    terminal.line(f"Log in as {ADMINISTRATOR!r} with the password {password}")
    terminal.line("It is shown this once; `assay user password admin` sets another.")


def _ingest_samples(terminal: Terminal, assay: "Assay") -> None:
    from app.bootstrap import SAMPLES_COLLECTION, sample_documents

    if SAMPLES_COLLECTION in {collection.name for collection in assay.store.collections()}:
        return
    terminal.note("Ingesting the sample documents…")
    assay.ingester().ingest(
        sample_documents(), collection=assay.store.ensure_collection(SAMPLES_COLLECTION)
    )


def _announce(terminal: Terminal, url: str) -> None:
    terminal.line(f"Assay is at {url} (Ctrl-C stops it)")
    sys.stdout.flush()


def _run(assay: "Assay", listening: socket.socket, announce: Callable[[], None]) -> None:
    import asyncio

    import uvicorn

    from app.api.application import create_app, stop_answering

    app = create_app(assay.services())

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            announce()
            # Not before: importing the model libraries would hold up the first answers.
            Thread(target=assay.warm_up, name="warm-up", daemon=True).start()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # Beside it: it waits for every stream to end, and these end by being told to.
            ending = asyncio.create_task(stop_answering(app, _ANSWERS_END_SECONDS))
            await super().shutdown(sockets)
            await ending
            # Here, since SIGTERM is raised again and ends the process: no `finally` is reached.
            closing = Thread(target=assay.close, name="closing", daemon=True)
            closing.start()
            closing.join(_CLOSING_SECONDS)

    config = uvicorn.Config(
        app,
        log_config=None,  # as everything else is logged
        log_level="warning",
        access_log=False,
        server_header=False,
        # Who the client is, X-Forwarded-For says; only proxies that are set are believed.
        proxy_headers=bool(assay.settings.proxies),
        forwarded_allow_ips=list(assay.settings.proxies),
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    # Ctrl-C is how one stops a server: not an error, and nothing to go on with.
    with _schedules(assay), _jobs(assay), suppress(KeyboardInterrupt):
        Server(config).run(sockets=[listening])


@contextmanager
def _schedules(assay: "Assay") -> Iterator[None]:
    """What is due is run meanwhile, in a child process, if the settings say so."""
    if not assay.settings.scheduler:
        yield
        return
    from app.nightly.worker import Worker

    worker = Worker(assay.schedules, assay.settings.home)
    worker.begin()
    try:
        yield
    finally:
        worker.stop()


@contextmanager
def _jobs(assay: "Assay") -> Iterator[None]:
    """Jobs are worked on meanwhile, in a child process, if the settings say so."""
    if not assay.settings.ingest_worker:
        yield
        return
    from app.job_worker import job_worker

    worker = job_worker(assay.jobs, assay.settings.home)
    worker.begin()
    try:
        yield
    finally:
        worker.stop()
