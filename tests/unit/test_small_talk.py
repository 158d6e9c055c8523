"""What asks nothing of any document gets a reply; whatever may be a question is looked up."""

import pytest

from generation.small_talk import small_talk


@pytest.mark.parametrize(
    ("message", "language"),
    [
        ("Thanks", "en"), ("thank you so much for your help!", "en"), ("Ok, thanks.", "en"),
        ("What can you do?", "en"), ("who are you", "en"), ("Hello!", "en"), ("Bye", "en"),
        ("Danke!", "de"), ("Vielen Dank für die Hilfe", "de"), ("Was kannst du?", "de"),
        ("Guten Tag", "de"), ("Auf Wiedersehen", "de"), ("Wie geht's?", "de"),
        ("¡Muchas gracias!", "es"), ("¿Qué puedes hacer?", "es"), ("Hola", "es"),
        ("Hasta luego", "es"), ("¿Quién eres?", "es"),
    ],
)  # fmt: skip
def test_small_talk_is_replied_to_in_its_language(message: str, language: str) -> None:
    reply = small_talk(message)
    assert reply is not None
    assert reply.language == language


@pytest.mark.parametrize(
    "message",
    [
        "Thanks! And when does it open?", "What can you do about a stopped clock?", "No", "Yes",
        "Who are you insured with?", "What is this contract?", "How do you work with granite?",
        "Help for new employees", "Good morning America ratings", "", "   ", "?!", "Is there tea?",
        "Was kannst du über den Vertrag sagen?", "¿Qué puedes hacer con el reloj?", "thanks " * 40,
    ],
)  # fmt: skip
def test_what_may_be_a_question_is_looked_up(message: str) -> None:
    assert small_talk(message) is None


def test_a_word_of_two_languages_is_taken_for_that_of_the_conversation() -> None:
    assert small_talk("hi", "de") == small_talk("Hallo")
    assert small_talk("hi", "en") == small_talk("Hello")
    assert small_talk("hi", "fr") == small_talk("Hello")
