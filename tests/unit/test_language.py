"""Which language an answer is in: that of the question, as far as it tells."""

import pytest

from generation.language import (
    ABSTENTIONS,
    abstention_in,
    language_of,
)
from retrieval.languages import LANGUAGES

QUESTIONS = {
    "en": [
        "When does the lease end?",
        "Who signed it?",
        "How much?",
        "And in 2019?",
        "What does “Kündigungsfrist” mean?",
        "Where is Düsseldorf?",
        "WHAT IS THE NOTICE PERIOD?",
    ],
    "de": [
        "Wann endet der Vertrag?",
        "Wer hat ihn unterschrieben?",
        "Kündigungsfrist?",
        "Wie viel?",
        'Was bedeutet "notice period"?',
    ],
    "es": ["¿Cuándo termina el contrato?", "¿Quién lo firmó?", "¿Y en 2019?", "cuanto cuesta"],
    "fr": ["Quand le bail prend-il fin ?", "Qui l’a signé ?", "Et en 2019 ?", "Combien ?"],
    "it": ["Quando scade il contratto?", "Chi lo ha firmato?", "Quanto costa?", "E nel 2019?"],
    "pt": ["Quando termina o contrato?", "Quem assinou?", "Quanto custa?", "E em 2019?"],
    "nl": ["Wanneer eindigt het contract?", "Wie heeft het ondertekend?", "En in 2019?"],
    "pl": ["Kiedy kończy się umowa najmu?"],
    "ru": ["Когда заканчивается договор?"],
    "ja": ["契約はいつ終わりますか？"],
    "ar": ["متى ينتهي العقد؟"],
}  # fmt: skip
TELL_NOTHING = [
    "",
    "???",
    "42",
    "2019-03-04",
    "INV-2041",
    "`SELECT * FROM usuarios`",
    "https://example.org/was/ist/das",
    "“Wie hoch ist die Miete?”",
    "\ud800\x00",
]


@pytest.mark.parametrize(
    ("language", "question"),
    [(language, question) for language, asked in QUESTIONS.items() for question in asked],
)
def test_the_language_of_a_question(language, question):
    assert language_of(question) == language


@pytest.mark.parametrize("question", TELL_NOTHING)
def test_what_tells_nothing_is_in_the_language_of_the_conversation(question):
    assert language_of(question) == "en"
    assert language_of(question, "de") == "de"


@pytest.mark.parametrize("code", ["SELECT * FROM users WHERE id = 3;", "def f(x): return x + 1"])
def test_code_is_english(code):
    assert language_of(code) == "en"


def test_a_question_in_another_language_changes_the_conversation():
    assert language_of("When does the lease end?", "de") == "en"


def test_a_mixed_question_is_in_the_language_of_most_of_its_words():
    mixed = "Wie hoch ist die Miete laut Abschnitt „The rent is due monthly“ im Mietvertrag?"
    assert language_of(mixed) == "de"
    assert language_of("Please explain the word Kündigungsfrist in this contract to me") == "en"


def test_a_very_long_question_is_read_at_its_beginning():
    assert language_of("Wann endet der Vertrag? " + "the lease " * 100_000) in {"de", "en"}


def test_abstentions_are_in_languages_that_have_names():
    assert set(ABSTENTIONS) <= set(LANGUAGES)
    assert len(set(ABSTENTIONS.values())) == len(ABSTENTIONS)
    assert abstention_in("de").startswith("Ihre Dokumente")
    assert abstention_in("pl") == ABSTENTIONS["en"]
