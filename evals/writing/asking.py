"""A statement and one of its facts -> a question. Pure.

Only where the words can be turned round safely: "The lease ends on 31 May 2027." has a subject
before its verb and the fact at the end. Elsewhere the sentence is given with a gap.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from evals.writing.facts import Fact, facts_of
from evals.writing.types import Draft, Kind, Source

_LEAD = re.compile(
    r"(?P<lead>(?:During|After|Before|In|On|At|From|For|Since|Until|By|With|Without|Within) "
    r"[^,.;:]{3,60}), (?P<rest>.+)"
)
_AUXILIARY = re.compile(
    r"(?P<subject>.+?) (?P<verb>is|are|was|were|will|must|can|may|should|could|would)(?P<after> .*)"
)
# base: third person and past
_VERBS = """
begin begins began | end ends ended | start starts started | last lasts lasted | run runs ran
cost costs cost | take takes took | close closes closed | open opens opened
expire expires expired | weigh weighs weighed | begin begins began | rise rises rose
fall falls fell | lift lifts lifted | work works worked | cover covers covered
die dies died | move moves moved | return returns returned | grow grows grew
reach reaches reached | join joins joined | leave leaves left | become becomes became
follow follows followed | lock locks locked | receive receives received | arrive arrives arrived
merge merges merged | launch launches launched | premiere premieres premiered | air airs aired
"""
_FORMS = {
    form: (base, helper)
    for entry in _VERBS.replace("\n", "|").split("|")
    if (words := entry.split())
    for base, third, past in [words]
    for form, helper in ((past, "did"), (third, "does"), (base, "do"))
}
_FULL_VERB = re.compile(
    rf"(?P<subject>.+?) (?P<verb>{'|'.join(sorted(_FORMS, key=len, reverse=True))})(?P<after> .*)"
)
_PERSONS_DO = frozenset(
    "reported received presented wrote founded invented joined married directed designed developed "
    "discovered published proposed created built signed approved announced won argued became led "
    "described introduced produced performed released served taught holds keeps leads reviews "
    "manages owns decides signs approves".split()
)
_ROLE = re.compile(r"(?P<name>[A-Z]\w+(?: [A-Z]\w+)+), (?P<role>the [A-Z][\w ]{3,40}),? [a-z]")
# What a question would have to know about the sentence to keep it whole.
_BREAKS = re.compile(
    r"[;:(),]| (?:which|who|that|whose|where|if|when|while|unless|because|but|although|and|or|than|"
    r"as|not|only|so)\b"
)
_BAD_SUBJECT = re.compile(
    r"\b(?:who|which|that|if|when|while|because|not|there|it|they|he|she|is|are|was|were|has|have|"
    r"had|to|nobody|nothing|no|everyone|neither)\b",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(
    r"(?:\A|.* )(?P<word>on|in|at|by|from|until|since|within|for|after|before|to|of)\Z"
)
_REST = re.compile(
    r"(?: (?:in|on|of|for|at|by|to|from|per|a|each|after|before|during)\b[^,;:]*)?\Z"
)
_LONGEST_SUBJECT = 9
_PERSONS_ROLE = re.compile(
    r"\b(?:manager|director|president|officer|clerk|chair\w*|leader|mate|secretary|minister|mayor|"
    r"engineer|founder|author|owner|king|queen|governor|coordinator|lead|head|winner|host|judge)\b",
    re.IGNORECASE,
)
_GAP = "____"
_LONGEST_MIDDLE = 7
_MOST_AFTER = 20
_FEWEST_WITH_GAP, _MOST_WITH_GAP = 5, 26
# (kind of fact, word before it) -> how the question begins
_MOMENTS = {"on": "When", "in": "When", "at": "When", "by": "By when", "from": "From when",
            "until": "Until when", "since": "Since when"}  # fmt: skip
_BEGINNINGS = {
    **{(kind, word): text for kind in ("date", "year", "time") for word, text in _MOMENTS.items()},
    ("duration", "within"): "Within what time", ("duration", "for"): "For how long",
    ("duration", "after"): "After how long",
    ("amount", "at"): "At what price", ("amount", "for"): "For how much",
    ("percentage", "at"): "At what percentage", ("percentage", "by"): "By how much",
    ("amount", "to"): "To what amount", ("percentage", "to"): "To what percentage",
    ("name", "by"): "By whom",
}  # fmt: skip
_OBJECTS = {
    ("cost", "amount"): "How much", ("last", "duration"): "How long", ("weigh", "measure"):
    "How much", ("take", "duration"): "How long", ("lift", "measure"): "How much",
}  # fmt: skip


class Corpus(NamedTuple):
    """What is known of all the documents when one of them is asked about.

    `in_small`: words that occur without a capital. `is_unclear` says of some words whether more
    than one document has a passage with all of them, so that a question has to name its document.
    """

    in_small: frozenset[str]
    is_unclear: Callable[[str], bool]


class _Question(NamedTuple):
    """A question, and the subject it is about when that can be exchanged."""

    text: str
    subject: str = ""


class _Clause(NamedTuple):
    """A sentence taken apart: subject, verb, what follows, and a phrase that stood before it."""

    subject: str
    verb: str
    after: str
    lead: str


def drafts_of(sentence: str, source: Source, corpus: Corpus) -> list[Draft]:
    """Questions about a statement, those in plain words first, then those with a gap."""
    facts = [fact for fact in facts_of(sentence) if _is_outside_brackets(sentence, fact)]
    found = [*_roles(sentence, source), *_complements(sentence, source, corpus)]
    for fact in facts:
        question = _question(sentence, fact, corpus)
        entity = ""
        if question is not None:
            kind = Kind.FACT
            asked = _placed(question.text, source, corpus)
            entity = question.subject
        elif _may_be_gap(sentence, fact):
            kind = Kind.CLOZE
            asked = _with_gap(sentence, fact, source)
        else:
            continue
        found.append(Draft(kind, asked, fact.text, sentence, sentence, source, fact.kind, entity))
    return sorted(found, key=lambda draft: draft.kind is Kind.CLOZE)


def _question(sentence: str, fact: Fact, corpus: Corpus) -> _Question | None:
    """The sentence turned into a question for the fact, or None where that is not safe."""
    if fact.kind == "name" and fact.start == 0:
        return _who(sentence, fact)
    if fact.kind in {"year", "date"} and fact.start <= len("On "):
        return _when(sentence, fact, corpus)
    for clause in _clauses(sentence[: fact.start]):
        rest = _rest(sentence[fact.end :].removesuffix("."))
        # "20 per cent of the fee": the fee belongs to the number.
        if rest is None or (rest.startswith(" of ") and fact.kind not in {"date", "name"}):
            continue
        subject = _lowered(clause.subject, corpus.in_small)
        tail = f"{rest} {clause.lead}".rstrip() if clause.lead else rest
        asked = _asked(clause, fact, subject, tail)
        if asked is not None:
            return _Question(f"{' '.join(asked.split())}?", subject)
    return None


def _when(sentence: str, fact: Fact, corpus: Corpus) -> _Question | None:
    """A sentence that begins with its date: "In 1906, the alloys were found by …"."""
    rest = sentence[fact.end :].removesuffix(".")
    if not rest.startswith(", ") or _BREAKS.search(rest[2:]) or len(rest.split()) > _MOST_AFTER:
        return None
    rest = rest[2:]
    beginning = "In which year" if fact.kind == "year" else "When"
    match = _AUXILIARY.match(rest)
    subject = match["subject"] if match is not None else ""
    is_short = 0 < len(subject.split()) <= _LONGEST_SUBJECT and not _BAD_SUBJECT.search(subject)
    if match is not None and is_short and match["verb"] in {"is", "are", "was", "were"}:
        lowered = _lowered(subject, corpus.in_small)
        return _Question(f"{beginning} {match['verb']} {lowered}{match['after']}?", lowered)
    return _Question(f"{beginning} was it that {_lowered(rest, corpus.in_small)}?")


def _clauses(before: str) -> Iterator[_Clause]:
    """The ways to read what stands before a fact."""
    lead = ""
    moved = _LEAD.match(before)
    if moved is not None:
        lead, before = moved["lead"][0].lower() + moved["lead"][1:], moved["rest"]
    for pattern in (_AUXILIARY, _FULL_VERB):
        match = pattern.match(before)
        if match is None or _BREAKS.search(before):
            continue
        subject = match["subject"]
        is_short = len(subject.split()) <= _LONGEST_SUBJECT
        if is_short and not _BAD_SUBJECT.search(subject) and not facts_of(f"{subject} ")[2:]:
            yield _Clause(subject, match["verb"], match["after"].strip(), lead)


def _asked(clause: _Clause, fact: Fact, subject: str, tail: str) -> str | None:
    helper, verb = clause.verb, ""
    if clause.verb in _FORMS:
        verb, helper = _FORMS[clause.verb]
        if helper == "do" and not _is_plural(subject):
            return None
        if not clause.after and (verb, fact.kind) in _OBJECTS:
            return f"{_OBJECTS[verb, fact.kind]} {helper} {subject} {verb}{tail}"
    elif not clause.after and clause.verb in {"is", "are", "was", "were"}:
        if len(subject.split()) < 2:
            return None
        who = "What"
        if fact.kind == "name":
            who = "Who" if _PERSONS_ROLE.search(subject) else "Who or what"
        return f"{who} {clause.verb} {subject}{tail}"
    preposition = _PREPOSITION.match(clause.after)
    if preposition is None:
        return None
    beginning = _BEGINNINGS.get((fact.kind, preposition["word"]))
    if beginning is None:
        return None
    middle = clause.after[: preposition.start("word")].strip()
    if (
        middle.endswith("up")
        or len(middle.split()) > _LONGEST_MIDDLE
        or (fact.kind == "name" and facts_of(f"{middle} "))
    ):
        return None
    return f"{beginning} {helper} {subject} {verb} {middle}{tail}"


def _rest(after: str) -> str | None:
    """What of the words behind the fact stays in the question; None when they cannot."""
    kept = after.split(",", 1)[0]
    if not _REST.match(kept) or _BREAKS.search(kept):
        return None
    return kept


def _who(sentence: str, fact: Fact) -> _Question | None:
    rest = sentence[fact.end :].removesuffix(".")
    words = rest.split()
    if not words or words[0] not in _PERSONS_DO or len(words) > 16 or _BREAKS.search(rest):
        return None
    return _Question(f"Who{rest}?")


def _roles(sentence: str, source: Source) -> Iterator[Draft]:
    for match in _ROLE.finditer(sentence):
        name, role = match["name"], match["role"]
        if len(role.split()) > 5:
            continue
        yield Draft(
            Kind.FACT, f"Who is {role}?", name, f"{name} is {role}.", sentence, source, "name"
        )


def _complements(sentence: str, source: Source, corpus: Corpus) -> Iterator[Draft]:
    """ "The assembly point is the mill pond gate." -> what is, where is."""
    match = re.fullmatch(r"(?P<subject>The [^,;:()]+?) is (?P<what>[^,;:()]+)\.", sentence)
    if match is None or _BAD_SUBJECT.search(match["subject"]) or facts_of(match["what"]):
        return
    what, subject = match["what"], _lowered(match["subject"], corpus.in_small)
    first = what.split()[0]
    is_short = len(what.split()) <= 12 and len(subject.split()) <= 6
    if not is_short or _BREAKS.search(f" {what}"):
        return
    if first in {"in", "under", "beside", "behind", "near", "at", "above", "below"}:
        question = f"Where is {subject}?"
    elif first in {"the", "a", "an"}:
        question = f"What is {subject}?"
    else:
        return
    asked = _placed(question, source, corpus)
    yield Draft(Kind.DEFINITION, asked, what, sentence, sentence, source, "definition", subject)


def _is_outside_brackets(sentence: str, fact: Fact) -> bool:
    before = sentence[: fact.start]
    return before.count("(") == before.count(")")


def _may_be_gap(sentence: str, fact: Fact) -> bool:
    """Whether the rest of the sentence says enough, and a name is one that does something."""
    words = (sentence[: fact.start] + sentence[fact.end :]).split()
    if not _FEWEST_WITH_GAP <= len(words) <= _MOST_WITH_GAP:
        return False
    if fact.kind != "name":
        return True
    following = sentence[fact.end :].split()
    does = following[0] if following else ""
    acts = does in _PERSONS_DO or does in _FORMS or does in {"is", "was", "has", "had", "will"}
    return fact.start == 0 and " of " not in fact.text and acts


def _with_gap(sentence: str, fact: Fact, source: Source) -> str:
    gapped = f"{sentence[: fact.start]}{_GAP}{sentence[fact.end :]}"
    where = f" from “{source.title}”" if source.title else ""
    return f"Complete the sentence{where}: {gapped}"


def _placed(question: str, source: Source, corpus: Corpus) -> str:
    """The question with the document it is about, when its words alone do not say."""
    if not source.title or not corpus.is_unclear(question):
        return question
    return f"According to “{source.title}”, {question[0].lower()}{question[1:]}"


def _lowered(text: str, in_small: frozenset[str]) -> str:
    """The text without the capital it has only for beginning a sentence."""
    first = text.split(" ", 1)[0]
    forms = {first.lower(), first.lower().removesuffix("s")}
    is_known = text[1:2].islower() and bool(forms & in_small)
    is_common = is_known or first in {"The", "A", "An", "Every", "Each"}
    return text[0].lower() + text[1:] if is_common else text


def _is_plural(subject: str) -> bool:
    head = re.split(r" (?:of|for|in|on|at|with|to|from|by) ", subject)[0]
    return head.endswith("s") and not head.endswith("ss")
