"""What is written, before it is a case. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum

from evals.types import Case, Expectation, Relevant, key_of

SOURCE = "written"


class Kind(StrEnum):
    """How a question came about."""

    FACT = "fact"
    CLOZE = "cloze"
    DEFINITION = "definition"
    PAIR = "key-value"
    TABLE = "table"
    SWAP = "swap"
    ENGINE = "engine"


@dataclass(frozen=True, slots=True)
class Source:
    """A passage to write from. `title` is the document's; `document` the name readers see."""

    passage_id: int
    document_id: int
    document: str
    title: str
    text: str
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A question that may become a case.

    `evidence` is the words of the source that answer it, `statement` the answer as a sentence that
    the source must support. `altered` is the fact that was put in place of another one: then the
    question wants an abstention, and nothing may support the statement. `entity` is what the
    question is about, as the question has it.
    """

    kind: Kind
    question: str
    reference: str
    statement: str
    evidence: str
    source: Source = field(repr=False)
    asked_for: str = ""
    entity: str = ""
    altered: str = ""

    @property
    def gives_itself_away(self) -> bool:
        """Whether the question, or the title it names, holds the answer."""
        return self.reference.lower() in self.question.lower()

    @property
    def case(self) -> Case:
        """The case it proposes."""
        tags = (SOURCE, self.kind.value, *((self.asked_for,) if self.asked_for else ()))
        if self.altered:
            return Case(
                key=key_of(self.question),
                question=self.question,
                expectation=Expectation.ABSTAIN,
                tags=tags,
                cluster=self.source.document,
                source=SOURCE,
                note=f"“{self.altered}” was put into a question that the document answers",
            )
        return Case(
            key=key_of(self.question),
            question=self.question,
            references=(self.reference,),
            relevant=(Relevant(self.source.document, self.evidence),),
            expectation=Expectation.ANSWER,
            tags=tags,
            cluster=self.source.document,
            source=SOURCE,
        )
