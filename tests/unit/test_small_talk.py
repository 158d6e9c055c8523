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
        ("Hasta luego", "es"), ("¿Quién eres?", "es"), ("Thanks a lot, that helped!", "en"),
        ("Awesome, thank you so much!", "en"), ("That helped, thank you", "en"),
        ("What are you able to do?", "en"), ("What questions can I ask?", "en"),
        ("tell me what you can do", "en"), ("Danke, das hat mir sehr geholfen", "de"),
        ("Welche Fragen kann ich stellen?", "de"), ("Gracias, me ayudó mucho", "es"),
        ("\U0001f44d", "en"), ("\U0001f64f\U0001f3fd \u2764\ufe0f", "en"),
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
        "What are you able to do about rust?", "What do you know about clocks?", "\u231a?",
        "This helps against rust", "What is this for?", "No.", "so much", "\U0001f3fd why",
        "Was kannst du über den Vertrag sagen?", "¿Qué puedes hacer con el reloj?", "thanks " * 40,
    ],
)  # fmt: skip
def test_what_may_be_a_question_is_looked_up(message: str) -> None:
    assert small_talk(message) is None


def test_a_word_of_two_languages_is_taken_for_that_of_the_conversation() -> None:
    assert small_talk("hi", "de") == small_talk("Hallo")
    assert small_talk("hi", "en") == small_talk("Hello")
    assert small_talk("\U0001f44d", "es") == small_talk("Gracias")
    assert small_talk("hi", "fr") == small_talk("Hello")
