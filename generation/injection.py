"""Words in documents that give orders to a model instead of telling a reader something. Pure.

Documents are hostile text: whoever may write one may try to have answers changed with it. What is
found here stays in the document, can be searched and read, is flagged wherever it is shown, and
goes into no prompt and no quotation. It is a net with holes, and no lock: the evidence is fenced,
and what a model was led to write still has to pass the verifier.
"""

import re
import unicodedata
from typing import NamedTuple

from retrieval.sentences import sentence_spans


class Command(NamedTuple):
    """`text[start:end]`, code points: an order, with what stands after it in its paragraph."""

    start: int
    end: int


# A person may be an assistant, too: only what a model alone is asked to do tells.
_MACHINE = (
    r"(?:AIs?|A\.I\.|LLMs?|GPT|chat ?bots?|(?:large )?(?:language|chat|AI) models?|"
    r"(?:AI|virtual|digital|automated) (?:assistants?|systems?|agents?)|Sprachmodelle?|KI|IA|"
    r"modelos? de lenguaje|modèles? de langage|assistants? (?:virtuel|IA)s?)"
)
# Programs are told to do many things; only what they are to tell people is an order.
_PROGRAMS = (
    rf"(?:{_MACHINE}|(?:AI|automated|search|summary) (?:tools?|programs?|software|services?)|"
    r"(?:(?:all|any|every|whatever) )?(?:software|programs?|tools?) that (?:answers?|reads?|"
    r"summari[sz]es?|retrieves?|searches)\b[^.:;\n]{0,40})"
)
_THIS = r"(?:this|these|the (?:above|following))"
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
    r"\b(?:hinweis|nachricht|anweisung|mitteilung|nota|mensaje|instrucciones|avis|avviso|messaggio|"
    r"bericht)\s+(?:an|für|para|à|pour|per|voor|aan)\s+(?:die|den|das|alle|la|el|los|las|le|les|"
    rf"l[’'])?\s*{_MACHINE}\s*:",
    r"\bdear\s+(?:AI|LLM|chat ?bot|(?:language |chat |AI )?models?|(?:AI |virtual )assistants?)\b",
    r"\b(?:bots?|chat ?bots?|LLMs?|AIs?|language models?)\s*[:,]\s*(?:please\s+)?(?:override|"
    r"ignore|answer|say|state|reply|respond|replace|when asked|always|never|do not|you (?:must|are|"
    r"should|will))\b",
    rf"\b{_PROGRAMS}\s+(?:must|shall|should|are to|is to|have to|has to)\s+"
    r"(?:now\s+|always\s+|only\s+|never\s+|not\s+|instead\s+)*"
    r"(?:(?:say|tell|answer|reply|respond|claim|state)\b|"
    r"(?:present|give|treat|state)\b[^.\n]{0,60}\bas\b)",
    rf"\b(?:when(?:ever)?|if|while|before|after)\s+(?:you\s+(?:are\s+)?)?(?:summari[sz](?:e|ing)|"
    rf"process(?:ing)?|index(?:ing)?|retriev(?:e|ing)|quot(?:e|ing)|cit(?:e|ing))\s+{_THIS}\b"
    r"[^.\n]{0,60},\s*(?:please\s+)?(?:write|say|state|answer|reply|respond|claim)\b",
    r"\bany other answers?\s+(?:(?:is|are)\s+(?:wrong|false|incorrect)|must be corrected)\b",
    r"\b(?:the|your)\s+(?:only\s+)?(?:answer|reply|response)\s+to\s+(?:give|be given)\b",
    r"\b(?:put|leave|set)\s+aside\s+(?:what|everything|whatever)\b[^.\n]{0,40}\b(?:files?|documents?|"
    r"sources?|passages?|texts?|evidence)\b",
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
    r"\b(?:always|only|instead|simply|just)\s*,?\s+(?:answer|respond|reply|say|state|claim|output|"
    r"print)\s+"
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
    r"<</?SYS>>|</?(?:evidence|instructions?|system|prompt|system_prompt|tool_results?|"
    r"tool_response|function_results?)>",
    r"[\"']role[\"']\s*:\s*[\"'](?:system|developer)[\"']",
    # a conversation that never was
    r"(?:^|\n)\s*\[?(?:user|human|question)\]?\s*:[^\n]*\n+\s*\[?(?:assistant|AI)\]?\s*:",
    r"(?:^|\n)\s*(?:#{1,}\s*)?(?:system|developer)\s*(?:prompt|message|override|note)\s*:",
    r"(?:^|\n)\s*\[?(?:system|assistant)\]?\s*:\s*(?:you|ignore|always|never|do not|from now|"
    r"the)\b",
    r"(?:^|\n)\s*#{2,}\s*(?:instruction|response|system)s?\s*:?",
    # other languages: all rules, or those before, are set aside; what is always to be answered
    r"\b(?:ignor(?:e[rz]?|ate?|are)|oubli(?:e[rz]?)|dimentica(?:te)?|esque[cç]a)\s+(?:\w+\s+){0,3}?"
    r"(?:instructions|consignes|règles|istruzioni|regole|indicazioni|instruções|regras)\s+"
    r"(?:\w+\s+)?(?:précédentes|antérieures|ci-dessus|précédemment|precedenti|anteriori|sopra|"
    r"anteriores|acima)\b",
    r"\b(?:ignor(?:e[rz]?|ate?)|oubli(?:e[rz]?)|dimentica(?:te)?|esque[cç]a)\s+(?:toutes|tutte|todas)\s+"
    r"(?:\w+\s+){0,2}?(?:instructions|consignes|règles|istruzioni|regole|instruções|regras)\b",
    r"\b(?:répond(?:s|ez|re)|rispond(?:i|ete|a|ere)|responda|antwoord)\s+(?:toujours|uniquement|"
    r"seulement|sempre|solo|soltanto|apenas|somente|altijd|alleen|uitsluitend)\s+"
    r"(?:que\b|qu[’']|che\b|dat\b|par\b|com\b|con\b|met\b|avec\b|[:“\"«])",
    r"\b(?:negeer|vergeet)\s+(?:alle|de|deze)\s+(?:\w+\s+){0,2}?(?:instructies|regels|aanwijzingen)\b",
    r"\b(?:z?ignoruj|zapomnij)\w*\s+(?:\w+\s+){0,3}?(?:instrukcj|polece|zasad)\w*",
    r"\bodpowiadaj\s+(?:zawsze|tylko)\b",
    r"\b(?:про)?игнорируй\w*\s+(?:\w+\s+){0,3}?(?:инструкци|указани|правил)\w*",
    r"\b(?:забудь|забудьте)\s+(?:\w+\s+){0,3}?(?:инструкци|указани|правил)\w*",
    r"\bотвечай(?:те)?\s+(?:всегда|только)\b",
    r"(?:忽略|无视|無視|忽視|忘记|忘記)[^。\n]{0,12}(?:指令|指示|规则|規則|提示)",
    r"(?:指示|命令|指令|ルール|プロンプト)(?:を|は)?(?:すべて|全て|全部)?(?:無視|忘れ)",
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
_BREAK = re.compile(r"\n(?:[ \t]*\n)+")
# A paragraph of at most so many characters that is an order says only that there is one.
_BARE_CHARACTERS = 160
_WORD = re.compile(r"\w+")
_LATIN = re.compile(r"[A-Za-z]")
_LATIN_AROUND_DIGIT = re.compile(r"[A-Za-z][0134578]+[A-Za-z]|[0134578]+[A-Za-z]{3}")
_SET_APART = re.compile(r"(?<!\w)[^\W\d_](?: [^\W\d_]){3,}(?!\w)")
# What looks like Latin letters within a word of them.
_ALIKE = str.maketrans(
    "аеорсухіјѕһкмтнвАЕОРСХІЈЅКМТНВοαινκρτυχΟΑΙΝΚΡΤΥΧΕΗΜΒ",
    "aeopcyxijshkmtnbAEOPCXIJSKMTHBoaivkptuxOAINKPTYXEHMB",
)
_DIGITS = str.maketrans("0134578", "oieastb")
# What cannot be seen, and can part the words of an order or hold one of its own (U+E0000 on).
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\U000e0000-\U000e007f]")


def commands_in(text: str) -> list[Command]:
    """The orders to a model in a text, in order, none overlapping.

    Each begins with the sentence that gives it and ends with its paragraph: what follows an order
    is usually what is to be said. Where nothing follows in a short paragraph, it is the next one.
    """
    plain, places = _seen(text)
    found: list[Command] = []
    for match in _COMMAND.finditer(plain):
        at = match.start() + len(match.group()) - len(match.group().lstrip())
        if found and at < found[-1].end:
            continue
        start, stop = _sentence(plain, at), _end(plain, at, match.end())
        first = max(start, found[-1].end) if found else start
        found.append(Command(first, stop))
    return [Command(places[one.start], places[one.end]) for one in found]


def is_command(text: str) -> bool:
    """Whether there is an order to a model in a text."""
    return _COMMAND.search(_seen(text)[0]) is not None


def _seen(text: str) -> tuple[str, list[int]]:
    """The text as it looks to a reader, and where each of its characters was.

    Without what cannot be seen and without the spaces of l e t t e r s set apart; with letters for
    what looks like them within a word (Cyrillic among Latin ones, 0 for o). The list has one more:
    where the text ends.
    """
    apart = {
        space for run in _SET_APART.finditer(text) for space in range(run.start() + 1, run.end(), 2)
    }
    kept = [
        place for place, one in enumerate(text) if place not in apart and not _UNSEEN.match(one)
    ]
    plain = "".join(text[place] for place in kept)
    return _WORD.sub(lambda word: _plain(word.group()), plain), [*kept, len(text)]


def _plain(word: str) -> str:
    """A word with Latin letters for what stands for them in it; as long as before."""
    if word.isascii() and (word.isalpha() or word.isdigit()):
        return word
    wide = "".join(_narrow(one) for one in word)
    if not _LATIN.search(wide):
        return word
    alike = wide.translate(_ALIKE)
    return alike.translate(_DIGITS) if _LATIN_AROUND_DIGIT.search(alike) else alike


def _narrow(one: str) -> str:
    plain = unicodedata.normalize("NFKC", one)
    return plain if len(plain) == 1 else one


def _sentence(text: str, at: int) -> int:
    """Where the sentence of a place begins."""
    for start, end in sentence_spans(text):
        if start <= at < end:
            piece = text[start:end]
            return start + len(piece) - len(piece.lstrip())
    return at


def _end(text: str, at: int, end: int) -> int:
    """Where what an order at [at, end) is about ends."""
    stop = _paragraph_end(text, end)
    follows = sentence_spans(text[at:stop])[1:]
    begins = max((match.end() for match in _BREAK.finditer(text, 0, at)), default=0)
    if follows or stop - begins > _BARE_CHARACTERS:
        return stop
    after = _BREAK.match(text, stop)
    return stop if after is None else _paragraph_end(text, after.end())


def _paragraph_end(text: str, at: int) -> int:
    match = _PARAGRAPH.search(text, at)
    return match.start() if match is not None else len(text)
