"""`assay ask --replay`: a kept answer comes out the same, or it is said what has changed."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli import questions
from app.cli.terminal import Terminal
from app.conversations.recording import recorded
from app.conversations.store import ConversationStore
from app.conversations.types import State
from generation.answering import Answerer
from generation.answering_policy import AnsweringPolicy
from generation.decoding import Decoding
from generation.types import EngineInfo
from retrieval.policies import Policies
from retrieval.types import Policy
from tests.component.library import Library
from tests.fakes import ScriptedEngine, SubstringVerifier, WordEncoder, shared_words


class Parrot(ScriptedEngine):
    """Says the same at every turn."""

    def stream(self, messages, decoding, *, is_cancelled):
        self.answers = ["Tea is at four."] * (len(self.conversations) + 1)
        yield from super().stream(messages, decoding, is_cancelled=is_cancelled)


@pytest.fixture
def product(tmp_path, monkeypatch):
    library = Library(tmp_path, WordEncoder())
    library.publish("home", "/notes.txt", "Tea is at four. Tea is served hot.")
    engine = Parrot(info=EngineInfo("toy", "openvino", "int8", "cpu", "9f"))
    verifier = SubstringVerifier()

    def answerer(policy: AnsweringPolicy) -> Answerer:
        return Answerer(
            library.searcher.search,
            library.encoder,
            engine,
            verifier,
            shared_words(),
            library.store.change_number,
            policy,
            library.store.located,
            Policies(library.engine).among,
            search_version=lambda: library.searcher.version,
            code_version=lambda: "1.0+ab",
        )

    product = SimpleNamespace(
        answerer=answerer(AnsweringPolicy(abstain_below=0.0)),
        answerer_with=answerer,
        searcher=library.searcher,
        code_version="1.0+ab",
        engine=engine,
        verifier=verifier,
        sufficiency=shared_words(),
        encoder=library.encoder,
        store=library.store,
        access=library.access,
        conversations=ConversationStore(library.engine),
        settings=SimpleNamespace(decoding=Decoding(max_tokens=50), abstain_below=0.0),
        abstain_below=lambda settings: settings.abstain_below,
        readable_by=lambda principal, collection: library.everything(),
        library=library,
        owner=library.access.add_user("ada"),
    )
    monkeypatch.setattr(questions, "open_assay", lambda: product)
    yield product
    library.close()


def kept(product: Any, question: str = "When is tea served?", follows: Any = None) -> int:
    """Ask, and keep the answer as the chat does."""
    begun = product.conversations.begin(
        product.owner,
        question,
        conversation_id=follows and follows.conversation_id,
        follows=follows and follows.id,
        collections=product.library.everything(),
        decoding=product.settings.decoding,
    )
    events = product.answerer.answer(
        question, readable=product.library.everything(), decoding=product.settings.decoding
    )
    for _ in recorded(
        events,
        product.conversations,
        begun.id,
        verifier_version=lambda: product.verifier.version,
        is_cancelled=lambda: False,
    ):
        pass
    return begun.id


def ran(*arguments: str, code: int) -> Any:
    result = CliRunner().invoke(questions.ask, arguments, obj=Terminal(), catch_exceptions=True)
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


def replayed(answer: int, *, code: int) -> dict[str, Any]:
    result = ran("--replay", str(answer), "--json", code=code)
    return json.loads(result.stdout.splitlines()[-1])["like"]


def test_a_kept_answer_comes_out_the_same(product):
    number = kept(product)
    assert replayed(number, code=0) == {"identical": True, "differences": []}
    assert "identical" in ran("--replay", str(number), code=0).output


def test_what_has_changed_is_named(product):
    number = kept(product)
    product.library.publish("home", "/notes.txt", "Tea is at nine. Tea is served cold.")
    product.verifier.version = "substring-2"
    home = product.store.collection("home")
    Policies(product.library.engine).choose(home, Policy.STRIKE)
    like = replayed(number, code=1)
    assert not like["identical"]
    changed = {one["what"]: (one["then"], one["now"]) for one in like["differences"]}
    assert changed["document"] == ("notes.txt, revision 1", "changed")
    assert changed["verifier"] == ("substring", "substring-2")
    assert changed["policy"] == ("show", "strike")
    assert "change number" in changed


def test_another_encoder_is_named_too(product):
    number = kept(product)
    product.library.encoder.fingerprint = "words-2"
    differences = replayed(number, code=0)["differences"]
    assert [(one["what"], one["then"]) for one in differences] == [("encoder", "words")]


def test_another_answer_gauge_is_named_too(product):
    number = kept(product)
    product.sufficiency.gauge.version = "words-2"
    differences = replayed(number, code=0)["differences"]
    assert [(one["what"], one["then"]) for one in differences] == [("answer gauge", "words")]


def test_settings_search_and_program_of_then_are_compared_with_those_of_now(product):
    number = kept(product)
    product.answerer = product.answerer_with(AnsweringPolicy(abstain_below=0.0, is_guarded=False))
    product.code_version = "1.1+cd"
    differences = replayed(number, code=0)["differences"]
    assert {(one["what"], one["then"], one["now"]) for one in differences} == {
        ("program", "1.0+ab", "1.1+cd"),
        ("guard against orders", "on", "off"),
    }
    shown = ran("--replay", str(number), code=0).output
    assert "differs now: guard against orders: on then, off now" in shown


def test_an_answer_of_before_settings_were_kept_is_compared_by_what_it_has(product):
    number = kept(product)
    with product.library.engine.begin() as sql:
        facts = json.loads(sql.exec_driver_sql("SELECT facts FROM answers").scalar_one())
        for name in ("answering", "search", "code"):
            del facts[name]
        sql.exec_driver_sql("UPDATE answers SET facts = ?", (json.dumps(facts),))
    assert replayed(number, code=0) == {"identical": True, "differences": []}


def test_a_follow_up_is_asked_after_the_same_turns(product):
    first = product.conversations.answer(None, kept(product))
    second = kept(product, "And when is it served hot?", first)
    replayed(second, code=0)
    said = [message.content for message in product.engine.conversations[-1]]
    assert any("When is tea served?" in words for words in said[:-1])


def test_what_cannot_be_replayed_says_why(product):
    begun = product.conversations.begin(
        product.owner,
        "When?",
        conversation_id=None,
        follows=None,
        collections=frozenset(),
        decoding=Decoding(),
    )
    product.conversations.end(begun.id, State.STOPPED)
    stopped = ran("--replay", str(begun.id), code=1)
    assert "only a finished one" in repr(stopped.exception)
    gone = kept(product)
    product.library.remove("home", "/notes.txt")
    assert "went with a document" in repr(ran("--replay", str(gone), code=1).exception)
    assert ran("--replay", "999", code=1).exception
    assert "leave out" in ran("--replay", "1", "--as", "ada", code=2).output
    assert "leave out" in ran("--replay", "1", "--seed", "3", code=2).output
