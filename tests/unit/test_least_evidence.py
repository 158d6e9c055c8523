"""The least of a unit of evidence that carries a claim."""

from hypothesis import given
from hypothesis import strategies as st

from generation.groundedness.least import least_spans
from generation.groundedness.words import words_of

TABLE = (
    "Policy | Limit | Deductible\n"
    "Fire | EUR 2,500,000 | EUR 5,000\n"
    "Water damage | EUR 800,000 | EUR 2,000\n"
    "Theft | EUR 350,000 | EUR 1,000"
)
LONG = (
    "The lease of the northern hall, which the two parties signed in the spring of 2019 after long "
    "talks, ends on 31 May 2027; the deposit of EUR 4,000 is paid back within six weeks"
)


def carried(text: str, claim: str) -> list[str]:
    return [text[start:end] for start, end in least_spans(text, words_of(claim).content)]


def test_of_a_table_the_row_and_the_header_are_enough():
    assert carried(TABLE, "Theft is covered up to EUR 350,000.") == [
        "Theft | EUR 350,000 | EUR 1,000"
    ]
    assert carried(TABLE, "The deductible for water damage is EUR 2,000.") == [
        "Water damage | EUR 800,000 | EUR 2,000",
        "Policy | Limit | Deductible",
    ]
    assert carried(TABLE, "The limit for fire is EUR 2,500,000.") == [
        "Policy | Limit | Deductible\nFire | EUR 2,500,000 | EUR 5,000"
    ]


def test_of_a_long_sentence_a_clause_is_enough():
    assert carried(LONG, "The deposit is EUR 4,000.") == [
        "the deposit of EUR 4,000 is paid back within six weeks"
    ]
    [lease] = carried(LONG, "The lease ends on 31 May 2027.")
    assert lease.startswith("The lease of") and lease.endswith("31 May 2027")


def test_what_limits_a_sentence_stays_with_it():
    text = (
        "If it rains on the morning of the festival, the tour through the old town is cancelled, "
        "and tickets for it are refunded at the counter in the hall"
    )
    assert carried(text, "Tickets are refunded at the counter.") == [text]


def test_what_is_short_and_what_cannot_be_cut_stays_whole():
    short = "Tea is at four, and rum, which few drink, is at nine."
    assert carried(short, "Rum is at nine.") == [short]
    assert carried("word " * 60 + "end", "The end is near.") == ["word " * 60 + "end"]
    assert carried(LONG, "Nothing of this is there.") != []


def test_prose_that_was_broken_for_width_is_no_list():
    text = "The lease was signed by\nAnna Meyer on the fourth day of\nthe month of May."
    assert carried(text, "Anna Meyer signed it.") == [text]


@given(
    st.lists(
        st.sampled_from("tea Rum May 4 1,000 not if which | , ; – ( ) \n . US".split(" ")),
        max_size=60,
    ),
    st.lists(st.sampled_from("tea Rum May 4 1,000 gold US".split()), max_size=5),
)
def test_the_least_holds_all_that_the_whole_holds_of_a_claim(pieces, claim):
    text = " ".join(pieces).strip()
    wanted = words_of(" ".join(claim)).content
    spans = least_spans(text, wanted) if text else [(0, 0)]
    held = frozenset().union(*(words_of(text[start:end]).content for start, end in spans))
    assert wanted & words_of(text).content <= held
    for start, end in spans:
        assert 0 <= start <= end <= len(text)
        assert not text or text[start:end].strip()
        assert not (start and text[start - 1].isalnum() and text[start].isalnum())
        assert not (end < len(text) and text[end].isalnum() and text[end - 1].isalnum())
