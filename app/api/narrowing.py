"""Which documents a request wants."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from retrieval.languages import known_language
from retrieval.narrowing import Narrowing
from retrieval.tags import tag_of

Part = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Tag = Annotated[str, AfterValidator(tag_of)]

Language = Annotated[str, AfterValidator(known_language)]


class NarrowedRequest(BaseModel):
    """A request that may name the documents it is about."""

    model_config = ConfigDict(extra="forbid")

    documents: list[Part] = Field(default=[], max_length=50)
    types: list[Part] = Field(default=[], max_length=50)
    since: date | None = None
    until: date | None = None
    languages: list[Language] = Field(default=[], max_length=50)
    tags: list[Tag] = Field(default=[], max_length=50)

    @property
    def within(self) -> Narrowing:
        """The documents that are wanted."""
        return Narrowing(
            tuple(self.documents),
            tuple(self.types),
            self.since,
            self.until,
            tuple(self.languages),
            tags=tuple(self.tags),
        )
