"""Text without a mark that says how it was written: its letters say it."""

import random

import pytest

from ingestion.errors import UnsupportedType
from ingestion.readers import read_document
from ingestion.readers.alphabets import european_encoding

SENTENCES = {
    "Polish": "Opłata roczna wynosi pięć procent; umowa zaczyna się w maju i kończy się źle. Żółć.",
    "Czech": "Roční poplatek činí pět procent, smlouva začíná v květnu a končí příštího léta.",
    "Slovak": "Ročný poplatok je päť percent, zmluva sa začína v máji a končí sa v júni.",
    "Hungarian": "Az éves díj öt százalék, a szerződés májusban kezdődik; fűtés külön jár érte.",
    "Croatian": "Godišnja pristojba iznosi pet posto; ugovor počinje u svibnju, a završava ljeti.",
    "Romanian": "Taxa anuală este de cinci la sută, iar contractul începe în mai şi ţine o vară.",
    "Turkish": "Yıllık ücret yüzde beştir; sözleşme mayıs ayında başlar ve gelecek yıl biter.",
    "Lithuanian": "Metinis mokestis yra penki procentai; sutartis galioja už būstą iki kitų metų.",
    "Latvian": "Gada maksa ir pieci procenti; līgums sākas maijā, ņemot vērā, ka ēka ir brīva.",
    "German": "Die Jahresgebühr beträgt fünf Prozent; der Vertrag läuft bis zum nächsten Frühjahr.",
    "French": "La redevance annuelle s’élève à cinq pour cent ; le contrat dure jusqu’à l’été.",
    "Spanish": "La cuota anual es del cinco por ciento; el contrato empezará el año próximo.",
    "Portuguese": "A taxa anual é de cinco por cento; o contrato não começa antes da estação.",
    "Icelandic": "Árgjaldið er fimm prósent; samningurinn hefst í maí og lýkur í júní, þó síðar.",
}
WRITTEN = [
    ("Polish", "cp1250"), ("Polish", "iso8859-2"), ("Czech", "cp1250"), ("Czech", "iso8859-2"),
    ("Slovak", "cp1250"), ("Hungarian", "cp1250"), ("Croatian", "cp1250"), ("Romanian", "cp1250"),
    ("Turkish", "cp1254"), ("Lithuanian", "cp1257"), ("Latvian", "cp1257"), ("German", "cp1252"),
    ("French", "cp1252"), ("Spanish", "cp1252"), ("Portuguese", "cp1252"), ("Icelandic", "cp1252"),
]  # fmt: skip


def text(data: bytes) -> str:
    return read_document("a.txt", data).text


@pytest.mark.parametrize(("language", "encoding"), WRITTEN)
def test_text_of_one_byte_a_character_is_read_in_its_own_letters(language, encoding):
    sentence = SENTENCES[language]
    assert text(sentence.encode(encoding)) == sentence


@pytest.mark.parametrize(
    "sentence",
    ["A room of 20 m² costs 5 € a day.", "½ of it, ³ at most, © 2020 – “Café”.", "Only naïve."],
)
def test_a_few_signs_do_not_make_a_text_polish(sentence):
    assert text(sentence.encode("cp1252")) == sentence


def test_the_share_says_how_much_of_the_letters_is_explained():
    assert european_encoding("Größe".encode("cp1252") * 3) == ("cp1252", 1.0)
    assert european_encoding("ŁÓDŹ ÷÷÷÷".encode("cp1250")).share < 0.5
    assert european_encoding(b"plain") == ("cp1252", 1.0)


def test_greek_is_no_czech():
    sentence = "Η ετήσια αμοιβή είναι πέντε τοις εκατό. Η σύμβαση αρχίζει τον Μάιο. " * 3
    assert text(sentence.encode("iso8859-7")) == sentence


UNMARKED = [
    "料金は五パーセントです。契約は五月に始まります。",
    "费用为百分之五。合同从五月开始，到六月结束，双方另有约定的除外。",
    "Стоимость составляет пять процентов.\nДоговор начинается в мае.",
    "Η ετήσια αμοιβή είναι πέντε τοις εκατό.",
    "Grüße aus Köln.",
]


@pytest.mark.parametrize("sentence", UNMARKED)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_of_any_alphabet_needs_no_mark(sentence, encoding):
    assert text(sentence.encode(encoding)) == sentence
    assert text(("x" + sentence * 200).encode(encoding)) == "x" + sentence * 200


@pytest.mark.parametrize("seed", range(40))
def test_binary_data_is_no_text_in_any_alphabet(seed):
    rng = random.Random(seed)
    data = b"\x01\x02\x00\x03" + rng.randbytes(2 * rng.randrange(20, 400))
    with pytest.raises(UnsupportedType):
        read_document("a.bin", data)
    counted = b"".join(rng.randrange(2000).to_bytes(2, "little") for _ in range(100))
    with pytest.raises(UnsupportedType):
        read_document("a.bin", b"\x00\x01" + counted)
