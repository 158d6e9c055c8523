"""Follow-up questions over a real store: what goes into the prompt again, and for whom."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from pydantic import ValidationError

from app.api.questions import AskRequest
from app.api.wire import answer_json
from app.bootstrap import Assay, sample_documents
from app.settings import Settings
from generation.answering import Answerer
from generation.answering_policy import AnsweringPolicy
from generation.recall import MOST_RECALLED
from generation.types import Answer, EngineInfo, Finished, LeftOut, Message, PassagePart, Piece
from retrieval.types import Mode
from tests.component.library import Library, opened, texts
from tests.fakes import ScriptedEngine, SubstringVerifier, shared_words

LEASE = "The lease ends in May. The rent is due monthly. The cat may stay."
SECRET = "The merger is called Heron. The lease of the moon is for sale."


@pytest.fixture
def library(tmp_path) -> Iterator[Library]:
    with opened(tmp_path) as made:
        made.publish("contracts", "/lease.txt", LEASE)
        made.publish("secrets", "/secret.txt", SECRET)
        yield made


class Reader:
    """Asks as somebody who may read some collections, and keeps what was said."""

    def __init__(self, library: Library, *collections: str, engine: Any = None) -> None:
        self.engine = engine or ScriptedEngine(["It is so."] * 100)
        self.readable = frozenset(library.store.collection(name).id for name in collections)
        self.answerer = Answerer(
            library.searcher.search,
            library.encoder,
            self.engine,
            SubstringVerifier(),
            shared_words(),
            library.store.change_number,
            AnsweringPolicy(abstain_below=0.0),
            library.store.located,
        )

    def ask(self, question: str, history: list[Message] | None = None) -> Answer:
        [*_, last] = self.answerer.answer(question, readable=self.readable, history=history or [])
        assert isinstance(last, Finished)
        return last.answer

    @property
    def prompt(self) -> list[Message]:
        return list(self.engine.conversations[-1])


def turns_of(answer: Answer) -> list[Message]:
    return [
        Message("user", answer.question, answer.evidence),
        Message("assistant", answer.text),
    ]


def test_a_follow_up_begins_with_the_whole_prompt_before_it(library):
    reader = Reader(library, "contracts")
    history: list[Message] = []
    before: list[Message] = []
    for question in ["When does the lease end?", "And when is the rent due?", "May the cat stay?"]:
        answer = reader.ask(question, history)
        assert reader.prompt[: len(before)] == before
        before = reader.prompt
        history += turns_of(answer)
    assert "The lease ends in May." in before[1].content
    assert [message.role for message in before] == ["system"] + ["user", "assistant"] * 2 + ["user"]


def test_a_follow_up_is_searched_for_with_the_words_it_was_lent(library):
    reader = Reader(library, "contracts")
    first = reader.ask("May the cat stay in the flat?")
    assert first.standalone == first.question
    asked_alone = reader.ask("For how long?")
    follow_up = reader.ask("For how long?", turns_of(first))
    assert follow_up.standalone == "For how long? (May cat stay flat)"
    assert answer_json(follow_up)["standalone_question"] == follow_up.standalone
    assert asked_alone.standalone == "For how long?"


def test_the_words_it_was_lent_find_what_its_own_do_not(library):
    for number in range(5):
        library.publish("contracts", f"/{number}.txt", f"Rule {number} holds for a long time.")
    everything, earlier = library.everything(), ["May the cat stay?"]
    for mode in Mode:
        alone = library.searcher.search("How long?", readable=everything, k=1, mode=mode)
        lent = library.searcher.search(
            "How long?", readable=everything, k=20, mode=mode, earlier=earlier
        )
        assert "cat" not in texts(alone)[0]
        assert any("cat" in text for text in texts(lent)[:6])


def test_what_is_declined_alone_is_declined_as_a_second_question(tmp_path):
    with closing(Assay(Settings(home=tmp_path / "home", gauge=True))) as assay:
        samples = assay.store.ensure_collection("samples")
        assay.ingester().ingest(sample_documents(), collection=samples)
        answerer = Answerer(
            assay.searcher.search,
            assay.encoder,
            ScriptedEngine(["It is so."] * 100),
            SubstringVerifier(),
            assay.sufficiency,
            assay.store.change_number,
        )
        questions = [
            "What does a condition survey cost?",
            "How many days of study leave do apprentices get?",
        ]
        earlier: list[Message] = []
        found = []
        for question in questions:
            [*_, last] = answerer.answer(
                question, readable=frozenset({samples.id}), history=earlier
            )
            assert isinstance(last, Finished)
            found.append(last.answer)
            earlier += turns_of(last.answer)
    assert [answer.abstained for answer in found] == [False, True]
    assert "condition survey" in found[1].standalone


def test_words_of_other_people_and_of_answers_lend_nothing(library):
    reader = Reader(library, "contracts")
    history = [Message("system", "Speak of dogs."), Message("assistant", "Birds may stay.")]
    assert reader.ask("For how long?", history).standalone == "For how long?"


def test_evidence_is_named_by_its_place_in_the_document(library):
    answer = Reader(library, "contracts").ask("When does the lease end?")
    parts = [part for part in answer.evidence if LEASE[part.start : part.end].strip()]
    assert LEASE[parts[0].start : parts[0].end].strip() == "The lease ends in May."
    assert answer.left_out == LeftOut(passages=0, turns=0)
    assert answer_json(answer)["evidence"][0] == {
        "passage": parts[0].passage_id,
        "start": parts[0].start,
        "end": parts[0].end,
    }


def test_passages_without_room_are_counted(library):
    words = "and the lease may be renewed for one more year by either party in writing"
    many = " ".join(f"The lease number {n} ends in a year {words}." for n in range(40))
    library.publish("contracts", "/many.txt", many)
    answer = Reader(library, "contracts").ask("When does the lease end?")
    read = {part.passage_id for part in answer.evidence}
    assert answer.left_out == LeftOut(passages=8 - len(read), turns=0)
    assert 0 < len(read) < 8


def test_nobody_reads_the_words_of_others_by_naming_them(library):
    theirs = Reader(library, "secrets").ask("What is the merger called?")
    assert theirs.evidence
    reader = Reader(library, "contracts")
    numbers = [int(str(row[0])) for row in library.rows("SELECT id FROM passages")]
    for number in [*numbers, 0, -1, 2**63 - 1]:
        claimed = tuple(PassagePart(number, start, start + 20) for start in range(0, 40, 5))
        for parts in [theirs.evidence, claimed, (PassagePart(number, 0, len(SECRET)),)]:
            reader.ask("So?", [Message("user", "What is it called?", parts)])
            said = " ".join(message.content for message in reader.prompt)
            assert "Heron" not in said
            assert "moon" not in said


def test_an_engines_cache_is_shared_among_those_with_the_same_rights_only(library):
    readers = [
        Reader(library, "contracts"),
        Reader(library, "contracts"),
        Reader(library, "contracts", "secrets"),
    ]
    for reader in readers:
        reader.ask("The lease?")
    one, other, third = (reader.prompt[0].audience for reader in readers)
    assert one == other
    assert one != third


def test_a_right_that_is_gone_takes_the_evidence_with_it(library):
    first = Reader(library, "contracts", "secrets")
    history = turns_of(first.ask("What is the merger called?"))
    reader = Reader(library, "contracts")
    reader.ask("And the rent?", [history[0], Message("assistant", "I see.")])
    assert reader.prompt[1] == Message("user", "What is the merger called?")


def test_deleted_words_do_not_come_back(library):
    reader = Reader(library, "contracts")
    history = turns_of(reader.ask("When is the rent due?"))
    library.remove("contracts", "/lease.txt")
    library.publish("contracts", "/new.txt", "The rent of the shed is free.")
    reader.ask("And now?", [history[0], Message("assistant", "I see.")])
    assert reader.prompt[1] == Message("user", "When is the rent due?")
    assert "due monthly" not in " ".join(message.content for message in reader.prompt)


def test_the_answer_is_in_the_language_of_the_question(library):
    reader = Reader(library, "contracts")
    answer = reader.ask("Wann endet der Mietvertrag?")
    assert answer.language == "de"
    assert "in German: Wann endet" in reader.prompt[-1].content
    follow_up = reader.ask("2019?", turns_of(answer))
    assert follow_up.language == "de"
    assert reader.ask("2019?").language == "en"


def test_an_abstention_is_in_the_language_of_the_question(library):
    reader = Reader(library)
    answer = reader.ask("Quand le bail prend-il fin ?")
    assert answer.abstained
    assert answer.text.startswith("Vos documents ne répondent pas")


def test_an_abstention_before_anything_was_asked_left_nothing_out(library):
    reader = Reader(library, "contracts")
    reader.answerer = Answerer(
        library.searcher.search,
        library.encoder,
        reader.engine,
        SubstringVerifier(),
        shared_words(),
        library.store.change_number,
        AnsweringPolicy(abstain_below=1.0),
    )
    answer = reader.ask("Who made the moon?")
    assert (answer.abstained, answer.left_out, answer.evidence) == (True, None, ())
    assert answer_json(answer)["left_out"] is None


def test_the_answer_names_the_engine_that_wrote_it(library):
    other = EngineInfo("other", "remote")

    class TakenOver(ScriptedEngine):
        def stream(self, messages, decoding, *, is_cancelled):
            *pieces, last = super().stream(messages, decoding, is_cancelled=is_cancelled)
            yield from pieces
            yield Piece(last.text, last.usage, last.finish_reason, engine=other)

    assert Reader(library, "contracts").ask("The lease?").engine.name == "scripted"
    reader = Reader(library, "contracts", engine=TakenOver(["It is so."]))
    assert reader.ask("The lease?").engine == other


def asking(**turn: Any) -> AskRequest:
    said = {"role": "user", "content": "One?", **turn}
    return AskRequest.model_validate({"question": "Two?", "history": [said]})


def test_a_request_names_the_evidence_of_earlier_questions():
    [turn] = asking(evidence=[{"passage": 3, "start": 5, "end": 9}]).history
    assert turn.said() == Message("user", "One?", (PassagePart(3, 5, 9),))


@pytest.mark.parametrize(
    "evidence",
    [
        [{"passage": 1, "start": 0, "end": 1}] * (MOST_RECALLED + 1),
        [{"passage": 2**63, "start": 0, "end": 1}],
        [{"passage": -1, "start": 0, "end": 1}],
        [{"passage": 1, "start": 0, "end": 1, "text": "The merger"}],
        [{"passage": 1, "start": 0}],
        [{"passage": "1 OR 1=1", "start": 0, "end": 1}],
        [{"passage": True, "start": 0, "end": 1}],
        [{"passage": 1, "start": 0.0, "end": "1"}],
    ],
)
def test_a_request_with_impossible_evidence_is_refused(evidence):
    with pytest.raises(ValidationError):
        asking(evidence=evidence)
