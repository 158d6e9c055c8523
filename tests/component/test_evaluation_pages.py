"""The pages, the routes and the report of evaluation over a real database."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from click.testing import CliRunner

from app.api import feedback
from app.api.feedback import FEEDBACK_ALLOWED, NOT_KEPT
from app.cli.evals.report import report
from app.cli.terminal import Terminal
from evals.reports.report import report_html
from evals.store import EvalStore
from evals.summary import summarise
from evals.types import (
    Case,
    Expectation,
    Observation,
    Relevant,
    Result,
    Run,
    RunState,
    SeenCitation,
    SeenPassage,
    SeenSentence,
    key_of,
)
from generation.types import Message, Origin, Verdict
from tests.component.library import revision_of
from tests.component.site import SCRIPT, Site, answer_of, hit_of, sentence_from, site
from tests.fakes import WordEncoder

__all__ = ["site"]  # a fixture

LONG_WORD = "w" * 10_000
BACKWARDS = "\u202eevil\u202c"
ANSWER, ABSTAIN = Expectation.ANSWER, Expectation.ABSTAIN


# What a site holds that has been evaluated


def cases() -> list[Case]:
    """Twelve: the first of each six is hostile, every third should be declined."""
    made = [
        Case(
            f"case {i}",
            f"Question {i} about the lease?",
            references=(f"{i} pounds",),
            relevant=(Relevant("lease.txt", "The rent is 900 pounds."),),
            expectation=ABSTAIN if i % 3 == 0 else ANSWER,
            tags=("money",),
            source="by hand",
        )
        for i in range(12)
    ]
    made[0] = replace(made[0], question=f"{SCRIPT} {BACKWARDS} {LONG_WORD[:3000]}", note=SCRIPT)
    made[6] = replace(made[6], history=(Message("user", SCRIPT), Message("assistant", LONG_WORD)))
    return made


def publish(site: Site, text: str = "The rent is 900 pounds. It is due monthly.") -> Any:
    """Publish a lease in the secret collection; its passages as they are found."""
    encoder = WordEncoder()
    store = site.services.store
    revision = revision_of("/srv/files/lease.txt", text, encoder)
    store.publish(store.collection("secret"), revision, text.encode(), encoder=encoder.fingerprint)
    ids = [row for row in range(1, 9) if store.located([row])]
    return [store.located([row])[row] for row in ids]


def observation(
    passages: Any, *, abstained: bool, verdicts: list[Verdict], words: str
) -> Observation:
    seen = [
        SeenPassage(
            one.passage.id,
            one.passage.document_id,
            one.passage.revision_id,
            one.document.name,
            one.document.path,
            one.passage.page,
            one.passage.start,
            one.passage.end,
            0.5,
        )
        for one in passages
    ]
    first = passages[0].passage
    citation = SeenCitation(
        first.id, first.document_id, first.revision_id, "lease.txt", None, first.start, first.end,
        first.text,
    )  # fmt: skip
    sentences = tuple(
        SeenSentence(
            f"{words} {number}.",
            Origin.QUOTED if number == 0 else Origin.GENERATED,
            verdict,
            0.9,
            (citation,) if verdict is not Verdict.UNSUPPORTED else (),
        )
        for number, verdict in enumerate(verdicts)
    )
    return Observation(
        text="It is not in the documents." if abstained else f"{words} 0.",
        abstained=abstained,
        answerability=0.2 if abstained else 0.8,
        sentences=() if abstained else sentences,
        retrieved=tuple(seen),
        prompt_tokens=100,
        completion_tokens=12,
        retrieval_seconds=0.1,
        first_token_seconds=0.3,
        seconds=1.25,
        change_number=1,
    )


def result(case: Case, position: int, seen: Observation | None, error: str | None = None) -> Result:
    values: dict[str, float | None] = {}
    if seen is not None:
        said = [one.verdict for one in seen.sentences]
        bad = [one for one in said if one in {Verdict.UNSUPPORTED, Verdict.CONTRADICTED}]
        values = {
            "abstained": float(seen.abstained),
            "answerability": seen.answerability + position / 100,
            "seconds": seen.seconds + position / 10,
        }
        if said:
            values["faithfulness"] = said.count(Verdict.SUPPORTED) / len(said)
            values["hallucinated"] = float(bool(bad))
            values["containment"] = float(position % 2)
            values["judge_helpfulness"] = None
    return Result(position, case.key, case.key, 1.0, case.expectation, values, seen, error)


def evaluated(
    site: Site, passages: Any, *, worse: bool = False, suite: str = "leases", note: str = ""
) -> Run:
    """A run of twelve cases; in a worse one the last half is hallucinated and one case fails."""
    evals, made = site.services.evals, cases()
    version = evals.put_suite(suite, made)
    pins = {"seed": 1, "model": {"name": "toy", "folder": SCRIPT}, "worse": worse}
    run = evals.start_run(version, cases=len(made), origin="command", pins=pins)
    for position, case in enumerate(made):
        verdicts = [Verdict.SUPPORTED, Verdict.PARTLY]
        if worse and position >= 6:
            verdicts = [Verdict.SUPPORTED, Verdict.CONTRADICTED, Verdict.UNSUPPORTED]
        seen = observation(
            passages,
            abstained=case.expectation is ABSTAIN and position != 9,
            verdicts=verdicts,
            words=SCRIPT if position == 1 else "The rent is 900 pounds",
        )
        if worse and position == 11:
            evals.add_result(run.id, result(case, position, None, f"broke {SCRIPT}"))
        else:
            evals.add_result(run.id, result(case, position, seen))
    run = evals.finish_run(run.id, summarise(evals.results(run.id)), state=RunState.FINISHED)
    return evals.annotate(run.id, note) if note else run


@pytest.fixture
def passages(site):
    return publish(site)


@pytest.fixture
def two_runs(site, passages):
    return (
        evaluated(site, passages, note=f"first {SCRIPT}"),
        evaluated(site, passages, worse=True),
    )


class _Tags(HTMLParser):
    """What a browser would take for scripts, styles, other hosts and handlers."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts, self.offences = 0, []

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        for name, value in attrs:
            if name == "style" or name.startswith("on"):
                self.offences.append((tag, name))
            if name in {"src", "href", "action"} and re.match(r"[a-z]+:|//", value or ""):
                self.offences.append((tag, value))


def offences_of(html: str) -> tuple[int, list[tuple[str, str]]]:
    tags = _Tags()
    tags.feed(html)
    return tags.scripts, tags.offences


# Who may see it

PAGES = [
    "/evals", "/evals/suites/leases", "/evals/runs/1", "/evals/runs/1/cases/0", "/evals/review",
    "/evals/runs/1/report.html", "/api/evals/suites", "/api/evals/runs", "/api/evals/runs/1",
    "/api/evals/runs/1/cases",
]  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_nobody_but_administrators_learns_anything_of_runs(site, two_runs, path):
    refused = site.client("bob").get(path)
    nothing_there = site.client("bob").get(path.replace("leases", "x").replace("runs/1", "runs/77"))

    assert refused.status_code == nothing_there.status_code == 403
    assert "or administrators" in refused.text
    for words in ["lease", "pounds", "Question", "hallucin"]:
        assert words not in refused.text
    assert told(refused) == told(nothing_there)
    anonymous = site.client().get(path)
    assert anonymous.status_code == (401 if path.startswith("/api") else 303)
    assert site.client("root").get(path).status_code == 200


def told(reply) -> str:
    """A reply without the number of its request."""
    return reply.text.replace(reply.headers["x-request-id"], "")


def test_what_changes_something_is_for_administrators_and_their_own_pages(site, two_runs):
    run = two_runs[0].id
    assert site.client("bob").post(f"/evals/runs/{run}/note", data={"note": "x"}).status_code == 403
    elsewhere = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    client = site.client("root")
    forged = client.post(f"/evals/runs/{run}/note", data={"note": "x"}, headers=elsewhere)
    assert forged.status_code == 403
    assert site.services.evals.run(run).note == f"first {SCRIPT}"
    saved = client.post(f"/evals/runs/{run}/note", data={"note": " new model "})
    assert (saved.status_code, saved.headers["location"]) == (303, f"/evals/runs/{run}")
    assert site.services.evals.run(run).note == "new model"
    too_long = client.post(f"/evals/runs/{run}/note", data={"note": "x" * 501})
    assert too_long.status_code == 422
    assert "501 characters and the limit is 500" in too_long.text


# Pages


@pytest.mark.parametrize("path", PAGES[:5])
def test_a_page_holds_no_script_no_style_and_nothing_of_other_hosts(site, two_runs, path):
    page = site.client("root").get(path)
    frame = '<script type="module" src="/static/frame.js"></script>'
    assert page.text.count(frame) == 1
    assert offences_of(page.text.replace(frame, "")) == (0, [])
    assert "alert(1)</script>" not in page.text


def test_an_empty_home_says_how_to_begin(site):
    page = site.client("root").get("/evals").text
    assert "No suite yet" in page
    assert "None. <code>assay eval schedule add</code>" in page
    assert site.client("root").get("/evals/review").text.count("Nothing waits") == 1


def test_the_overview_calls_a_change_worse_only_when_it_is_sure(site, two_runs):
    page = site.client("root").get("/evals").text
    assert 'href="/evals/suites/leases"' in page
    assert re.search(r'data-is="worse">▲ [\d.]+\u00a0points, worse', page)
    assert page.count('data-is="better"') == 0
    assert "may be chance" in page or "no change" in page


def test_the_overview_shows_thumbs_live_answers_schedules_and_what_waits(site, two_runs):
    services = site.services
    services.schedules.add("nightly", suite="leases", cron="0 2 * * *", timezone="Europe/Paris")
    services.evals.propose("leases", [(Case("new", "New?"), None)])
    hit = hit_of(services.store.collection("open"), "Tea is at four.")
    services.evals.count_answer(answer_of("When?", [sentence_from(hit)]), verifier="v1")
    services.evals.count_answer(answer_of("Who?", []), verifier="v1")
    for thumb in ["up", "up", "down"]:
        services.thumbs.count(thumb)

    page = " ".join(site.client("root").get("/evals").text.split())

    assert "1 answer and 1 abstention on the last days with any" in page
    assert "Thumbs in 30 days: 2 up, 1 down" in page
    assert re.search(r"nightly</bdi><small><bdi>leases</bdi> at 0 2 \* \* \*", page)
    assert "02:00 CE" in page
    assert re.search(r'Review<span class="badge">1<', page)


def test_a_suite_shows_its_trend_with_notes_and_lets_one_choose_metrics(site, two_runs):
    client = site.client("root")
    page = client.get("/evals/suites/leases").text
    assert page.count("<figure") == 4
    assert "<strong>A</strong>" in page
    assert "chart-band" in page
    chosen = client.get("/evals/suites/leases?metric=seconds_p95&metric=unknown").text
    assert chosen.count("<figure") == 1
    assert "Seconds, 95th percentile" in chosen


def test_a_suite_without_runs_and_names_that_need_care(site):
    evals = site.services.evals
    for name in ["empty", "a/b ?&#", f"{SCRIPT}"[:200], LONG_WORD[:200]]:
        evals.put_suite(name, [Case("a", "A?")])
        link = re.findall(
            r'<h2[^>]*><a href="(/evals/suites/[^"]+)"', site.client("root").get("/evals").text
        )
        pages = [site.client("root").get(one.replace("&amp;", "&")) for one in link]
        assert [page.status_code for page in pages] == [200] * len(link)
        assert all("Never run" in page.text for page in pages)
    missing = site.client("root").get("/evals/suites/nothing")
    assert (missing.status_code, "there is no suite &#39;nothing&#39;" in missing.text) == (
        404,
        False,
    )


def test_a_run_shows_the_worst_first_and_filters(site, two_runs):
    client, run = site.client("root"), two_runs[1].id
    page = client.get(f"/evals/runs/{run}").text
    first = re.search(r'href="/evals/runs/\d+/cases/(\d+)"', page)
    assert first[1] == "11"  # the one that failed
    only = client.get(f"/evals/runs/{run}?only=answered-wrongly").text
    assert re.findall(r'href="/evals/runs/\d+/cases/(\d+)"', only) == ["9"]
    flipped = client.get(f"/evals/runs/{run}?only=flipped").text
    assert {"7", "8", "11"} <= set(re.findall(r'href="/evals/runs/\d+/cases/(\d+)"', flipped))
    assert client.get(f"/evals/runs/{run}?only=nothing").status_code == 422
    assert client.get(f"/evals/runs/{run}?page=9").text.count("No such case") == 1
    assert "<bdi>model.name</bdi></dt><dd><bdi>toy</bdi>" in page
    assert "Helpfulness (judge)" in page


def test_a_run_can_be_compared_with_any_other(site, two_runs):
    first, second = (run.id for run in two_runs)
    page = site.client("root").get(f"/evals/runs/{first}?against={second}").text
    assert f'Compared with <a href="/evals/runs/{second}">' in page
    assert "worse: True" in page
    assert site.client("root").get(f"/evals/runs/{first}?against=77").status_code == 404


def test_a_run_that_has_not_ended_says_so(site, passages):
    version = site.services.evals.put_suite("leases", cases())
    run = site.services.evals.start_run(version, cases=12, origin="command", pins={})
    page = site.client("root").get(f"/evals/runs/{run.id}").text
    assert "0 of 12 so far" in page
    assert "It has not ended" in page
    assert "0 of 12" in site.client("root").get(f"/evals/runs/{run.id}/report.html").text


def test_a_case_shows_everything_and_what_became_of_it(site, two_runs):
    page = site.client("root").get(f"/evals/runs/{two_runs[1].id}/cases/7").text
    assert "Question 7 about the lease?" in page
    assert "Hallucinated" in page
    assert page.count('data-verdict="contradicted"') == 2  # the sentence and its mark
    assert "Since it last went well" in page
    assert f'href="/evals/runs/{two_runs[0].id}/cases/7"' in page
    assert "The rent is 900 pounds." in page
    assert "source changed since" not in page


def test_passages_say_when_their_source_changed_or_went(site, two_runs):
    client, path = site.client("root"), f"/evals/runs/{two_runs[0].id}/cases/1"
    publish(site, "The rent is 950 pounds.")
    changed = client.get(path).text
    assert changed.count("source changed since") == 2
    assert "It is due monthly." in changed  # the words of then
    document = site.services.store.known_files(site.services.store.collection("secret"))
    site.services.store.remove([one.document_id for one in document.values()])
    gone = client.get(path).text
    assert "has been deleted since. The numbers stay." in gone
    assert "900 pounds." not in gone.replace("The rent is 900 pounds.</span></li>", "")
    assert "Document deleted since" in client.get(f"/evals/runs/{two_runs[0].id}").text


@pytest.mark.parametrize(
    "path", ["/evals/runs/1/cases/99", f"/evals/runs/{2**63}", "/evals/runs/x"]
)
def test_what_is_not_there_is_an_error_page(site, two_runs, path):
    assert site.client("root").get(path).status_code in {404, 422}


# Review


def test_a_proposal_is_accepted_as_edited_or_dropped(site):
    evals, client = site.services.evals, site.client("root")
    first = Case("a", "How much?", references=("9",), relevant=(Relevant("x.txt", SCRIPT),))
    evals.propose("new", [(first, None), (Case("b", "Why?"), None), (Case("c", "Who?"), None)])
    page = client.get("/evals/review").text
    assert page.count('<form class="panel"') == 3
    assert SCRIPT not in page
    one, two, three = evals.proposals()
    form = {
        "decision": "accept",
        "question": "How much is it?",
        "references": " 9 \r\n\r\n nine ",
        "expectation": "answer",
        "tags": "money, , edited",
        "suite": "new",
    }
    reply = client.post(f"/evals/review/{one.id}", data=form)
    assert reply.headers["location"] == "/evals/review?suite=new&done=accepted"
    [kept] = evals.cases(evals.suite("new"))
    assert kept == replace(
        first,
        question="How much is it?",
        references=("9", "nine"),
        expectation=ANSWER,
        tags=("money", "edited"),
    )
    client.post(f"/evals/review/{two.id}", data={"decision": "drop"})
    again = client.post(f"/evals/review/{two.id}", data=form)
    assert again.headers["location"].endswith("done=gone")
    assert [waiting.id for waiting in evals.proposals()] == [three.id]
    for bad in [
        {**form, "question": " "},
        {**form, "expectation": "perhaps"},
        {**form, "decision": "x"},
        {**form, "question": "x" * 4001},
    ]:
        assert client.post(f"/evals/review/{three.id}", data=bad).status_code == 422
    assert len(evals.proposals()) == 1
    assert site.client("ada").post(f"/evals/review/{three.id}", data=form).status_code == 403


# What readers send


def test_a_reader_adds_a_case_with_what_should_have_come(site):
    body = {
        "question": " How long is it? ",
        "history": [
            {"role": "user", "content": "What is the contract?"},
            {"role": "assistant", "content": "Words of a document."},
        ],
        "expectation": "answer",
        "reference": "Six months.",
        "thumb": "down",
        "reason": "wrong",
        "comment": "It says twelve.",
    }
    reply = site.client("ada").post("/api/evals/cases", json=body)
    assert reply.status_code == 201
    evals = site.services.evals
    [case] = evals.cases(evals.suite("chat"))
    assert reply.json() == {"suite": "chat", "version": 1, "key": case.key}
    assert case == Case(
        case.key,
        "How long is it?",
        history=(Message("user", "What is the contract?"), Message("assistant", NOT_KEPT)),
        references=("Six months.",),
        expectation=ANSWER,
        tags=("thumbs down", "wrong"),
        cluster=key_of("How long is it?", case.history),
        source="chat",
        note="added by ada: It says twelve.",
    )
    body |= {"expectation": "abstain", "reference": ""}
    again = site.client("ada").post("/api/evals/cases", json=body).json()
    assert (again["version"], again["key"]) == (2, case.key)
    assert len(evals.cases(evals.suite("chat"))) == 1


def test_nobody_replaces_what_another_has_said(site):
    body = {"question": "How long is it?", "expectation": "answer", "reference": "Six months."}
    first = site.client("root").post("/api/evals/cases", json=body).json()
    other = {"question": "How  long is it? ", "expectation": "abstain"}
    second = site.client("bob").post("/api/evals/cases", json=other).json()
    by_key = site.client().post("/api/evals/cases", json=other, headers=site.key("bob")).json()
    assert first["key"] != second["key"] == by_key["key"]
    evals = site.services.evals
    roots, bobs = evals.cases(evals.suite("chat"))
    assert (roots.key, roots.references, roots.expectation) == (
        first["key"], ("Six months.",), ANSWER,
    )  # fmt: skip
    assert bobs.note == "added by bob"
    # The same question twice is no second opinion on how good the answers are.
    assert roots.cluster == bobs.cluster


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"question": " "}, "question"),
        ({"question": "x" * 4001}, "question"),
        ({"expectation": "maybe"}, "expectation"),
        ({"expectation": "abstain", "reference": "x"}, "reference"),
        ({"reference": "x" * 4001}, "reference"),
        ({"comment": "x" * 1001}, "comment"),
        ({"passages": ["x"]}, "passages"),
        ({"history": [{"role": "user", "content": "x" * 20_000}] * 4}, "history"),
        ({"history": [{"role": "user", "content": "x"}] * 13}, "history"),
        ({"history": [{"role": "system", "content": "x"}]}, "history.0.role"),
    ],
)
def test_a_case_that_cannot_be_is_refused_and_named(site, change, parameter):
    body = {"question": "Why?", "expectation": "answer"} | change
    reply = site.client("ada").post("/api/evals/cases", json=body)
    assert (reply.status_code, reply.json()["parameter"]) == (422, parameter)
    assert site.services.evals.suites() == []


def test_cases_and_thumbs_come_at_a_bearable_pace(site):
    client = site.client("ada")
    for number in range(FEEDBACK_ALLOWED):
        body = {"question": f"Why {number % 2}?", "expectation": "answer"}
        path = "thumbs" if number % 2 else "cases"
        sent = {"thumb": "up"} if number % 2 else body
        assert client.post(f"/api/evals/{path}", json=sent).status_code in {201, 204}
    reply = client.post("/api/evals/thumbs", json={"thumb": "up"})
    assert reply.status_code == 429
    assert int(reply.headers["retry-after"]) > 500
    assert site.client("bob").post("/api/evals/thumbs", json={"thumb": "up"}).status_code == 204
    assert site.services.thumbs.counts(days=1) == (FEEDBACK_ALLOWED // 2 + 1, 0)


def test_the_suite_of_the_chat_does_not_grow_without_end(site, monkeypatch):
    monkeypatch.setattr(feedback, "MOST_CHAT_CASES", 1)
    client = site.client("ada")
    body = {"question": "One?", "expectation": "answer"}
    assert client.post("/api/evals/cases", json=body).status_code == 201
    refused = client.post("/api/evals/cases", json=body | {"question": "Two?"})
    assert refused.status_code == 409
    assert "has 1 cases and the limit is 1" in refused.json()["detail"]


def test_strangers_and_other_sites_send_nothing(site):
    body = {"question": "One?", "expectation": "answer"}
    assert site.client().post("/api/evals/cases", json=body).status_code == 401
    forged = site.client("ada").post(
        "/api/evals/cases", json=body, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert forged.status_code == 403
    with_key = site.client().post("/api/evals/cases", json=body, headers=site.key("ada"))
    assert with_key.status_code == 201


# JSON


def test_suites_runs_and_cases_as_json(site, two_runs):
    client, (first, second) = site.client("root"), two_runs
    [suite] = client.get("/api/evals/suites").json()["suites"]
    assert (suite["suite"], suite["cases"], suite["newest_run"]) == ("leases", 12, second.id)
    runs = client.get("/api/evals/runs?suite=leases&state=finished").json()["runs"]
    assert [one["run"] for one in runs] == [second.id, first.id]
    assert runs[0]["started_at"].endswith("Z")
    one = client.get(f"/api/evals/runs/{first.id}").json()
    measured = one["metrics"]["faithfulness"]
    assert measured.keys() == {"value", "low", "high", "scored", "unscored"}
    assert one["pins"]["seed"] == 1
    page = client.get(f"/api/evals/runs/{second.id}/cases?order=worst&limit=2").json()
    assert page["total"] == 12
    assert [case["position"] for case in page["cases"]] == [11, 8]
    assert page["cases"][0]["error"].startswith("broke")
    assert page["cases"][1]["observation"]["sentences"][1]["verdict"] == "contradicted"
    only = client.get(f"/api/evals/runs/{second.id}/cases?only=failed").json()
    assert only["total"] == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/evals/runs/77", 404),
        ("/api/evals/runs?suite=nothing", 404),
        ("/api/evals/runs/1/cases?only=x", 422),
        ("/api/evals/runs/1/cases?limit=101", 422),
        ("/api/evals/runs/1/cases?offset=-1", 422),
        (f"/api/evals/runs/{2**64}", 422),
    ],
)
def test_errors_are_problem_details(site, two_runs, path, status):
    reply = site.client("root").get(path)
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["status"] == status


def test_the_schema_has_the_routes_with_examples(site):
    schema = site.client("root").get("/openapi.json").json()["paths"]
    body = schema["/api/evals/cases"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["examples"]) == {"should answer", "should decline"}
    for path in ["/api/evals/runs", "/api/evals/runs/{run}/cases"]:
        reply = schema[path]["get"]["responses"]["200"]["content"]["application/json"]
        assert reply["example"]


# The report


def test_a_report_is_one_file_that_needs_nothing(site, two_runs):
    first, second = two_runs
    html = report_html(site.services.evals, second.id)
    scripts, offences = offences_of(html)
    assert (scripts, offences) == (0, [])
    assert f"Changes are against run {first.id}, over 12 shared cases" in html
    assert "default-src 'none'; style-src 'unsafe-inline'" in html
    assert html.count("<svg") == 3
    assert f"broke {SCRIPT}" not in html
    assert "<bdi>model.name</bdi></dt><dd><bdi>toy</bdi>" in html
    assert "<h2>What went the other way" not in report_html(site.services.evals, first.id)


def test_a_report_is_served_as_a_file_under_its_own_policy(site, two_runs):
    reply = site.client("root").get(f"/evals/runs/{two_runs[1].id}/report.html")
    assert reply.headers["content-disposition"] == 'attachment; filename="assay-run-2.html"'
    assert "sandbox" in reply.headers["content-security-policy"]
    assert "script-src" not in reply.headers["content-security-policy"]
    assert reply.headers["cache-control"] == "no-store"


def test_the_command_writes_the_report(site, two_runs, tmp_path, monkeypatch):
    class Opened:
        evals = EvalStore(site.services.evals._engine)

    monkeypatch.setattr("app.cli.evals.report.open_assay", Opened)
    target = tmp_path / "night.html"
    arguments = ["2", "--output", str(target), "--against", "1", "--json"]
    said = CliRunner().invoke(report, arguments, obj=Terminal())
    assert (said.exit_code, json.loads(said.output)) == (0, {"run": 2, "file": str(target)})
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in tmp_path.glob("night*")] == ["night.html"]
    refused = CliRunner().invoke(
        report, ["2", "--output", str(tmp_path / "no" / "x.html")], obj=Terminal()
    )
    assert "there is no folder" in str(refused.exception)
