"""Puts the routes together."""

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from app.api.account_pages import account_page_routes
from app.api.admin_pages import admin_page_routes, viewing_routes
from app.api.asking import AnswerMaker
from app.api.audit import audit_routes
from app.api.audit_pages import audit_page_routes
from app.api.browsing import chat_routes, health_routes
from app.api.collections import collection_routes
from app.api.completions import completion_routes
from app.api.conversations import conversation_routes
from app.api.desk import Desks, desks_for
from app.api.desk_state import desk_routes
from app.api.documents import document_routes
from app.api.evaluation import evaluation_routes
from app.api.evaluation_pages import evaluation_page_routes
from app.api.evidence import evidence_routes
from app.api.feedback import feedback_routes
from app.api.guard import Guard
from app.api.identity import Identity
from app.api.jobs import JobDesk, job_routes
from app.api.library_pages import library_page_routes
from app.api.logging_in import login_routes
from app.api.metrics import metrics_routes
from app.api.operating_pages import operating_page_routes
from app.api.own_account import own_account_routes
from app.api.people import people_routes
from app.api.policies import policy_routes
from app.api.problems import LOGIN_PATH, install_handlers, response_to
from app.api.questions import question_routes
from app.api.queueing import Limits
from app.api.reference import reference_routes
from app.api.request_log import RequestLog
from app.api.script_errors import script_error_routes
from app.api.search_pages import search_page_routes
from app.api.services import Services
from app.api.uploads import UPLOAD_PATH, upload_routes
from app.api.urls import url_routes
from app.api.verification import verification_routes
from app.web import pages

# To write down how the last answers ended.
_KEPT_SECONDS = 1.0


def create_app(services: Services) -> FastAPI:
    """Make the web application. It owns nothing: what it uses comes and goes with `services`."""
    # FastAPI's own documentation pages load scripts from another host.
    app = FastAPI(title="Assay", openapi_url=None, docs_url=None, redoc_url=None)
    identity = Identity(
        services.accounts, services.session_secret, is_secure=services.secure_cookies
    )
    desks = desks_for(
        Limits(services.answers_at_once, services.answers_waiting, services.answers_per_user)
    )
    asking = AnswerMaker(services, desks.answers)
    jobs = JobDesk(services)
    app.state.desks, app.state.asking, app.state.jobs = desks, asking, jobs
    app.include_router(health_routes(services))
    app.include_router(chat_routes(services, identity))
    app.include_router(login_routes(services, identity))
    app.include_router(search_page_routes(services, identity))
    app.include_router(question_routes(services, identity, desks.answers))
    app.include_router(conversation_routes(services, identity, asking))
    app.include_router(evidence_routes(services, identity))
    app.include_router(verification_routes(services, identity, desks.verifications))
    app.include_router(completion_routes(services, identity, desks.answers))
    app.include_router(desk_routes(desks, identity))
    app.include_router(metrics_routes(services, identity, desks))
    app.include_router(policy_routes(services, identity))
    app.include_router(evaluation_routes(services, identity))
    app.include_router(upload_routes(services, identity, jobs))
    app.include_router(url_routes(services, identity, jobs))
    app.include_router(job_routes(services, identity, jobs))
    app.include_router(feedback_routes(services, identity))
    app.include_router(operating_page_routes(services, identity))
    app.include_router(evaluation_page_routes(services, identity))
    app.include_router(script_error_routes(identity))
    app.include_router(own_account_routes(services, identity))
    app.include_router(account_page_routes(services, identity))
    app.include_router(admin_page_routes(services, identity))
    app.include_router(viewing_routes(services, identity))
    app.include_router(audit_page_routes(services, identity))
    app.include_router(people_routes(services, identity))
    app.include_router(collection_routes(services, identity))
    app.include_router(audit_routes(services, identity))
    app.include_router(document_routes(services, identity))
    app.include_router(library_page_routes(services, identity))
    app.include_router(reference_routes(app, identity))
    app.mount("/static", StaticFiles(directory=pages.STATIC), name="static")
    install_handlers(app)
    app.add_middleware(
        Guard,
        allowed_hosts=services.allowed_hosts,
        session_cookie=identity.cookie_name,
        login_path=LOGIN_PATH,
        upload_path=UPLOAD_PATH,
        explain=response_to,
    )
    app.add_middleware(RequestLog)
    return app


async def stop_answering(app: FastAPI, patience_seconds: float) -> None:
    """End what is being answered, as a server does that is being stopped; see `Desks.close`."""
    desks: Desks = app.state.desks
    jobs: JobDesk = app.state.jobs
    jobs.close()
    await desks.close(patience_seconds)
    asking: AnswerMaker = app.state.asking
    await asking.live.close(_KEPT_SECONDS)
