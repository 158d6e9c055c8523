"""Languages, and how alike texts are by their signatures: the same everywhere."""

import random

import pytest

from retrieval.languages import LANGUAGES, known_language, language_of_text
from retrieval.traits import bands_of, likeness, signature_of, traits_of

TEXTS = {
    "en": "The lease ends in May, and the landlord must be told three months before the end.",
    "de": "Der Mietvertrag endet im Mai, und der Vermieter muss es drei Monate vorher wissen.",
    "fr": "Le bail se termine en mai et le propriétaire doit être prévenu trois mois avant la fin.",
    "es": "El contrato termina en mayo y hay que avisar al propietario tres meses antes del final.",
    "ru": "Договор аренды заканчивается в мае, о чём владельца предупреждают за три месяца.",
    "ja": "賃貸契約は五月に終了し、貸主には三か月前までに通知しなければならないとされています。",
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_text_is_in_its_language(language):
    assert language_of_text(TEXTS[language]) == language


def test_one_foreign_part_does_not_decide():
    assert language_of_text(TEXTS["en"] * 60 + TEXTS["de"]) == "en"
    assert language_of_text(TEXTS["de"] + TEXTS["en"] * 60 + TEXTS["en"]) == "en"


@pytest.mark.parametrize("text", ["", "1 2 3 4 5 6 7 8 9", "12.5 | 17.0 | 19 %\n" * 50, "Hm?"])
def test_what_is_no_text_is_in_no_language(text):
    assert language_of_text(text) == ""


def test_a_code_is_known_whatever_its_case():
    assert known_language(" DE ") == "de"
    assert all(known_language(code) == code for code in LANGUAGES)
    with pytest.raises(ValueError, match="'xx' is no language"):
        known_language("xx")


def words(count: int, seed: int = 1) -> list[str]:
    draw = random.Random(seed)
    return [f"w{draw.randrange(5_000)}" for _ in range(count)]


def test_the_same_words_are_the_same_whatever_parts_them():
    text = " ".join(words(300))
    other = text.upper().replace(" ", ",\n")
    assert likeness(signature_of(text), signature_of(other)) == 1.0
    assert len(signature_of(text)) == 4 * 126


def test_a_signature_is_the_same_in_every_process():
    assert signature_of("The lease ends in May.")[:8].hex() == "67f08c73e7e4c313"


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_the_estimate_is_near_what_texts_have_in_common(share):
    base = words(4_000)
    cut = int(share * len(base))
    a, b = base, base[cut:]
    true = (len(b) - 4) / (len(a) - 4)  # runs of five; hardly any comes twice
    found = likeness(signature_of(" ".join(a)), signature_of(" ".join(b)))
    assert abs(found - true) < 4 * (true * (1 - true) / 126) ** 0.5 + 0.005


def test_unlike_texts_share_no_band_and_alike_ones_do():
    one, other = signature_of(" ".join(words(500))), signature_of(" ".join(words(500, seed=2)))
    assert likeness(one, other) < 0.1
    assert not set(bands_of(one)) & set(bands_of(other))
    near = signature_of(" ".join([*words(500), "and", "no", "more"]))
    assert set(bands_of(one)) & set(bands_of(near))
    assert len(set(bands_of(one))) == 21
    assert all(-(2**63) <= band < 2**63 for band in bands_of(one))


@pytest.mark.parametrize("text", ["", "!!! ???", "\n\n"])
def test_a_text_without_words_is_like_none(text):
    assert signature_of(text) == b""
    assert bands_of(b"") == []
    assert likeness(b"", b"") == 0.0


def test_short_texts_and_scripts_without_spaces_have_signatures():
    assert likeness(signature_of("May"), signature_of("may!")) == 1.0
    assert likeness(signature_of(TEXTS["ja"]), signature_of(TEXTS["ja"] + "。")) == 1.0
    assert traits_of(TEXTS["ja"]).language == "ja"
