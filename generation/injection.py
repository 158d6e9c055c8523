"""Words in documents that give orders to a model instead of telling a reader something. Pure.

Documents are hostile text: whoever may write one may try to have answers changed with it. What is
found here stays in the document, can be searched and read, is flagged wherever it is shown, and
goes into no prompt and no quotation. It is a net with holes, and no lock: the evidence is fenced,
and what a model was led to write still has to pass the verifier.
"""

import re
from typing import NamedTuple

from retrieval.sentences import sentence_spans


class Command(NamedTuple):
    """`text[start:end]`, code points: an order, with what stands after it in its paragraph."""

    start: int
    end: int


# A person may be an assistant, too: only what a model alone is asked to do tells.
_MACHINE = (
    r"(?:AIs?|A\.I\.|LLMs?|GPT|chat ?bots?|(?:large )?(?:language|chat|AI) models?|"
    r"(?:AI|virtual|digital|automated) (?:assistants?|systems?|agents?)|Sprachmodelle?|KI|"
    r"modelos? de lenguaje)"
)
_MODEL = rf"(?:{_MACHINE}|assistants?|Assistent(?:en)?|asistentes?)"
_RULES = (
    r"(?:instructions?|prompts?|rules?|guidelines?|directions?|directives?|commands?|constraints?|"
    r"system messages?|safety|context|evidence|passages?|documents?|sources?|conversation|"
    r"restrictions|programming|training)"
)
_BEFORE = (
    r"(?:previous(?:ly)?|prior|above|earlier|preceding|foregoing|existing|original|other|system|"
    r"your|these|those|all|any|the|of|given|current|former)"
)
_NOT = r"(?:do not|don[’']t|never|must not|may not|should not|stop|avoid|refuse to|no longer)"
_PARTS = (
    # setting the rules aside
    rf"(?<!not )(?<!never )(?<!n[’']t )\b(?:ignore|disregard|forget|override|overrule|"
    rf"bypass|discard|neglect|drop|set aside|pay no attention to|"
    rf"do not (?:follow|obey|use|trust))\s+(?:\w+\s+){{0,3}}?(?:{_BEFORE}\s+)+"
    rf"(?:\w+\s+){{0,2}}?{_RULES}\b",
    r"\b(?:ignore|disregard|forget)\s+(?:everything|anything|all|what(?:ever)?)\s+"
    r"(?:\w+\s+){0,3}?(?:above|before|previously|said|told|earlier|else|know)\b",
    rf"\b(?:new|updated?|revised|real|actual|secret|hidden|special|important|override)\s+"
    rf"(?:system\s+)?(?:instructions?|prompts?|directives?|orders)\b(?:\s+for\s+(?:the\s+)?{_MODEL})?"
    rf"\s*(?::|\bfollow)",
    r"\byour\s+(?:new|real|only|true|sole)\s+(?:\w+\s+)?(?:task|instructions?|role|goal|job|rules?|"
    r"purpose|persona|objective)\b",
    # whom it is for
    rf"\b(?:dear|attention,?|hey,?|hello,?|note to|message (?:to|for)|instructions? (?:to|for)|"
    rf"notice (?:to|for)|(?<=\n)for|(?<=\n)to)\s+(?:the\s+|any\s+|all\s+|every\s+|our\s+|an\s+)?"
    rf"(?:\w+\s+)?{_MACHINE}\b(?:\s+(?:reading|processing|that|which|who|summari[sz]ing|answering)\b"
    rf"[^.:;]{{0,60}})?\s*[:,]\s*",
    rf"\bif\s+you\s+are\s+(?:an?\s+)?(?:\w+\s+)?{_MODEL}\b",
    rf"\b(?:you|the {_MODEL}|any {_MODEL}|every {_MODEL}|all {_MODEL}|{_MODEL}s? reading \w+)\s+"
    rf"(?:must|shall|should|will|are to|have to|need to|has to|is to|are (?:now )?required to)\s+"
    rf"(?:now\s+|always\s+|only\s+|never\s+|not\s+|instead\s+|immediately\s+|first\s+)*"
    rf"(?:answer|reply|respond|say|claim|state|tell the (?:user|reader)|output|write\s+only|"
    rf"(?:cite|mention) (?:no|nothing|only)|pretend|obey|act as|insist|print|repeat|reveal)\b",
    # who it is to be
    rf"\b(?:you are now|from now on,? you(?: are|[’']re| will| must)?|act as(?: if you| an?| the)?|"
    rf"pretend (?:to be|that you|you are)|role-?play as|behave (?:as|like)|simulate)\s+"
    rf"(?:\w+\s+){{0,4}}?(?:{_MODEL}|DAN|pirate|unrestricted|unfiltered|jailbroken|developer mode|"
    rf"administrator|root|expert who|character|persona|without (?:rules|restrictions))\b",
    r"\b(?:developer|god|jailbreak|debug|maintenance|admin) mode\s+(?:is\s+)?"
    r"(?:enabled|on|activated)",
    r"\bfrom now on\b[^.]{0,30}\b(?:answer|reply|respond|say|speak|write|begin|end|start)\b",
    # what it is to say, or not
    r"\b(?:answer|respond|reply)\s+(?:only\s+|always\s+|instead\s+|to\s+(?:every|any|all|each)\s+"
    r"(?:\w+\s+)?questions?\s*,?\s*)+(?:with|by|that|in|as|:)",
    r"\b(?:always|only|instead|simply|just)\s*,?\s+(?:answer|respond|reply|say|output|print)\s+"
    r"(?:only\s+|exactly\s+)?(?:with\b|that\b|by\b|in\b|the (?:word|phrase|following)\b|[“\"'‘:])",
    r"\b(?:when|whenever|if|every time|each time)\s+(?:(?:you\s+are|you[’']re|(?:a|the|any)\s+"
    r"(?:user|reader|human)|users?|readers?)\s+)?ask(?:s|ed|ing)?\b[^.]{0,120}?,\s*(?:then\s+)?"
    r"(?:you\s+(?:must\s+|should\s+|will\s+)?|please\s+|always\s+|simply\s+|only\s+)*"
    r"(?:answer|respond|reply|say|claim|state|insist|output|write)\b\s*(?:that|with|only|exactly|"
    r"it|the|there|[“\"'‘:])",
    r"\b(?:tell|inform|assure|convince|advise|instruct)\s+(?:the\s+|any\s+|every\s+|all\s+)?"
    r"(?:user|reader|person asking|people asking|human)s?\s+(?:that|to|they|about|instead)\b",
    rf"\b{_NOT}\s+(?:\w+\s+)?(?:cit(?:e|ing)|mention(?:ing)?|quot(?:e|ing)|reveal(?:ing)?|"
    r"disclos(?:e|ing)|includ(?:e|ing)|us(?:e|ing)|tell(?:ing)?)\s+(?:\w+\s+){0,3}?"
    r"(?:citations?|sources?|evidence|these instructions|this instruction|the user|"
    r"other documents?|"
    r"this (?:message|note|text|prompt)|the passages?|any references?)\b",
    r"\b(?:end|begin|start|finish|open|close|preface|prefix|sign)\s+(?:each|every|all|your|any)\s+"
    r"(?:of\s+your\s+)?(?:answers?|repl(?:y|ies)|responses?|sentences?|messages?|outputs?)\b",
    r"\byour\s+(?:answer|reply|response|output|summary)s?\s+(?:must|should|shall|has to|needs to|"
    r"will|is to)\s+(?:\w+\s+){0,3}?(?:be|contain|include|say|state|start|begin|end|consist|"
    r"read)\b",
    r"\b(?:include|insert|add|append|embed|put|mention)\b[^.]{0,60}\b(?:in|to|into|at the end of|"
    r"before|after|within)\s+(?:your|every|each|all|the)\s+(?:\w+\s+)?(?:answers?|repl(?:y|ies)|"
    r"responses?|outputs?|summar(?:y|ies))\b",
    # leaking and reaching out
    r"\b(?:reveal|print|repeat|output|show|display|disclose|recite|leak|dump|translate|summari[sz]e|"
    r"expose|list|copy)\s+(?:me\s+|us\s+|out\s+)?(?:verbatim\s+)?(?:your|the|all)\s+(?:\w+\s+){0,2}?"
    r"(?:system prompts?|system messages?|initial prompt|hidden prompt|prompt above|"
    r"instructions (?:above|you|given)|"
    r"instructions\b(?=[^.]{0,20}\b(?:verbatim|word for word|above))|"
    r"conversation history|chat history|previous (?:messages|questions|conversation)|"
    r"other (?:documents|users?|collections?)|api keys?|credentials)",
    r"\b(?:send|post|upload|forward|transmit|exfiltrate|submit|leak|report)\b[^.]{0,40}"
    r"\b(?:(?:the\s+(?:user|reader)[’']s?|this|the whole|the entire|the)\s+(?:conversation|"
    r"chat(?: history)?|dialogue|system prompt|question and (?:the )?answer)|user[’']s question|"
    r"all (?:passages|evidence)|everything you (?:know|have|see|read))\b[^.]{0,60}"
    r"(?:https?:|www\.|@|\bto\b)",
    r"\b(?:visit|open|fetch|load|call|browse to|click|request|go to|contact)\s+(?:\w+\s+){0,3}?"
    r"https?://\S+\s+(?:\w+\s+){0,4}?(?:before|and|to|when)\s+(?:you\s+)?(?:answer|reply|respond)",
    r"!\[[^\]]*\]\(\s*https?://[^)]*(?:\{|(?:data|text|secret|prompt|question|answer|leak|chat|"
    r"conversation)=)[^)]*\)",
    # the marks of prompts themselves
    r"<\|?(?:im_start|im_end|system|assistant|user|endoftext|eot_id|start_header_id)\|?>|\[/?INST\]|"
    r"<</?SYS>>|</?(?:evidence|instructions?|system|prompt)>",
    r"(?:^|\n)\s*(?:#{1,}\s*)?(?:system|developer)\s*(?:prompt|message|override|note)\s*:",
    r"(?:^|\n)\s*\[?(?:system|assistant)\]?\s*:\s*(?:you|ignore|always|never|do not|from now|"
    r"the)\b",
    r"(?:^|\n)\s*#{2,}\s*(?:instruction|response|system)s?\s*:?",
    # German and Spanish
    r"\b(?:ignorier\w*|vergiss|vergessen sie|missachte\w*|übergeh\w*)\s+(?:sie\s+)?(?:\w+\s+){0,3}?"
    r"(?:anweisung\w*|vorgaben?|regeln?|prompts?|kontext|obige[ns]?|vorherige[ns]?|bisherige[ns]?)",
    r"\b(?:antworte|erwidere|sage?|behaupte|schreib\w*)\s+(?:immer|nur|ausschließlich|stets|"
    r"stattdessen)\b",
    r"\b(?:du bist jetzt|sie sind jetzt|ab jetzt bist du|tu so,? als)\b",
    r"\bverrate\s+(?:mir\s+)?(?:deine|die|alle)\s+(?:\w+\s+)?(?:anweisung\w*|prompts?)",
    r"\b(?:ignora|ignore|olvida|olvide|descarta)\s+(?:\w+\s+){0,3}?(?:instrucciones|reglas|"
    r"indicaciones|contexto|anteriores)",
    r"\b(?:responde|responda|contesta|conteste|di|diga)\s+(?:siempre|solo|sólo|solamente|únicamente|"
    r"en su lugar)\b",
    r"\b(?:ahora eres|a partir de ahora eres|finge (?:ser|que)|actúa como)\b",
    r"\b(?:revela|revele|muestra|muestre)\s+(?:tus?|sus?|las?|el)\s+(?:\w+\s+)?(?:instrucciones|"
    r"prompts?)",
)  # fmt: skip
_COMMAND = re.compile("|".join(_PARTS), re.IGNORECASE)
_PARAGRAPH = re.compile(r"\n[ \t]*\n|\Z")
# What cannot be seen, and can part the words of an order or hold one of its own (U+E0000 on).
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\U000e0000-\U000e007f]")


def commands_in(text: str) -> list[Command]:
    """The orders to a model in a text, in order, none overlapping.

    Each begins with the sentence that gives it and ends with its paragraph: what follows an order
    is usually what is to be said.
    """
    plain, places = _seen(text)
    found: list[Command] = []
    for match in _COMMAND.finditer(plain):
        at = match.start() + len(match.group()) - len(match.group().lstrip())
        if found and at < found[-1].end:
            continue
        start, stop = _sentence(plain, at), _paragraph_end(plain, match.end())
        first = max(start, found[-1].end) if found else start
        found.append(Command(first, stop))
    return [Command(places[one.start], places[one.end]) for one in found]


def is_command(text: str) -> bool:
    """Whether there is an order to a model in a text."""
    return _COMMAND.search(_seen(text)[0]) is not None


def _seen(text: str) -> tuple[str, list[int]]:
    """The text without what cannot be seen, and where each of its characters was.

    The list has one more: where the text ends. White space counts as a space, but for line feeds.
    """
    kept = [place for place, one in enumerate(text) if not _UNSEEN.match(one)]
    return "".join(text[place] for place in kept), [*kept, len(text)]


def _sentence(text: str, at: int) -> int:
    """Where the sentence of a place begins."""
    for start, end in sentence_spans(text):
        if start <= at < end:
            piece = text[start:end]
            return start + len(piece) - len(piece.lstrip())
    return at


def _paragraph_end(text: str, at: int) -> int:
    match = _PARAGRAPH.search(text, at)
    return match.start() if match is not None else len(text)
