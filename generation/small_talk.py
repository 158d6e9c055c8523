"""What people say to a chat that asks nothing of any document. Pure.

Only a whole message is small talk: "Thanks! And when does it open?" is a question. Rules, no model:
what is not certainly small talk is searched for.
"""

import re
import unicodedata
from types import MappingProxyType
from typing import NamedTuple

_LANGUAGES = ("en", "de", "es")
_ENGLISH = "en"
# Kind of small talk -> language -> whole messages, words in small letters and no punctuation; a
# part in brackets may be missing, and `|` parts alternatives.
_SAID = MappingProxyType(
    {
        "thanks": {
            "en": "(many|great|ok|okay|perfect|great many|awesome|excellent|no) thanks (a lot|"
            "so much|very much|again|everyone) (for your help|for the help|for the info|for that|"
            "for explaining|for the answer) (that helped|that helps|bye)"
            " / (ok|okay|great|perfect|no|awesome|excellent) thank you (so much|very much|again|"
            "kindly) (for your help|for the help|for the info|for that|for explaining|"
            "for the answer) (that helped|that helps|bye) / thank u (so much|very much)"
            " / (that|this|it) (helped|helps) (a lot|me) (thanks|thank you)"
            " / (you are|you re) (great|very helpful|the best)"
            " / thx / ty / cheers / much appreciated / (that is|that was|that s) (very) helpful"
            " / great / perfect / awesome / cool / nice / ok / okay / well done / good job"
            " / got it (thanks|thank you)",
            "de": "(vielen|herzlichen|besten|tausend|ok|super|prima) dank (für die hilfe|"
            "für ihre hilfe|für deine hilfe|schön|sehr|ihnen|dir)"
            " / (ok|super|prima|nein) danke (schön|sehr|vielmals|dir|ihnen|für die hilfe|"
            "für ihre hilfe|für deine hilfe)"
            " / (danke) das hat (mir) (sehr) geholfen (danke)"
            " / dankeschön / merci / super / prima / toll / sehr hilfreich / alles klar"
            " / das war (sehr) hilfreich",
            "es": "(muchas|mil|ok|vale|perfecto) gracias (por tu ayuda|por su ayuda|por la ayuda|"
            "de nuevo)"
            " / (muy) amable / perfecto / genial / estupendo / muy útil / de acuerdo / vale"
            " / (gracias) (eso) me ayudó (mucho) (gracias) / te lo agradezco / se lo agradezco",
        },
        "greeting": {
            "en": "(oh) hi (there|all|assay|everyone) / hello (there|assay|everyone|world)"
            " / hey (there|assay) / good (morning|afternoon|evening|day)"
            " / nice to meet you"
            " / how are you (today|doing) / how do you do / is anybody there / are you there",
            "de": "hallo (zusammen|assay|du) / guten (tag|morgen|abend) / moin (moin) / servus"
            " / grüß gott / grüezi / wie geht s / wie geht es dir / wie geht es ihnen / hi / hey",
            "es": "(muy) buenas (tardes|noches) / buenos días / hola (assay|a todos|qué tal)"
            " / qué tal / cómo estás / cómo está (usted) / buen día",
        },
        "farewell": {
            "en": "(good) bye (bye|for now|then) / goodbye / see you (later|soon|tomorrow)"
            " / have a (nice|good|great) day / good night / that is all (for now|thanks)"
            " / that s all (for now|thanks)",
            "de": "tschüss / tschüs / auf wiedersehen / bis (bald|später|morgen|dann) / ciao"
            " / schönen tag (noch) / gute nacht / das war alles / das wär s",
            "es": "adiós / hasta (luego|pronto|mañana|la vista) / chao / nos vemos"
            " / que tenga(s) (un) buen día / eso es todo",
        },
        "abilities": {
            "en": "what can you do (for me|here) / what can i (ask|do) (you|here) / who are you"
            " / what are you / what is this / what do you do / how do you work / how does this work"
            " / help / help me / can you help (me) / what is assay / are you (an ai|a bot|a robot|"
            "human|a human|a person) / what can you help (me) with / how can you help (me)"
            " / what do you know (about) / introduce yourself / tell me about yourself"
            " / what questions can i ask (you|here) / what are you able to do (for me)"
            " / what are your (capabilities|abilities|features) / (tell me) what you can do",
            "de": "was kannst du (alles|für mich tun) / was können sie (alles|für mich tun)"
            " / wer bist du / wer sind sie / was bist du / was ist das hier / hilfe / hilf mir"
            " / welche fragen kann ich (dir|ihnen|hier) stellen"
            " / wie funktioniert das (hier) / was kann ich (dich|sie|hier) fragen / was ist assay"
            " / wie kannst du (mir) helfen / kannst du (mir) helfen / können sie (mir) helfen"
            " / bist du (ein mensch|eine ki|ein roboter|ein bot)",
            "es": "qué puedes hacer (por mí) / qué puede hacer (usted|por mí) / qué sabes hacer"
            " / quién eres / quién es usted / qué eres / qué es esto / ayuda / ayúdame / ayúdeme"
            " / qué preguntas puedo hacer"
            " / cómo funciona (esto) / qué puedo preguntar(te) / qué es assay / puedes ayudarme"
            " / puede ayudarme / en qué puedes ayudarme / cómo puedes ayudarme / eres (un bot|"
            "un robot|una ia|humano|humana)",
        },
    }
)
_REPLIES = MappingProxyType(
    {
        "thanks": {
            "en": "You are welcome. Ask on whenever you like.",
            "de": "Gern geschehen. Fragen Sie jederzeit weiter.",
            "es": "De nada. Pregunte cuando quiera.",
        },
        "greeting": {
            "en": "Hello. Ask a question about your documents, and I will look it up.",
            "de": "Guten Tag. Stellen Sie eine Frage zu Ihren Dokumenten, und ich sehe nach.",
            "es": "Hola. Haga una pregunta sobre sus documentos y la buscaré.",
        },
        "farewell": {
            "en": "Goodbye. Your documents will still be here.",
            "de": "Auf Wiedersehen. Ihre Dokumente sind weiterhin hier.",
            "es": "Hasta luego. Sus documentos seguirán aquí.",
        },
        "abilities": {
            "en": "I answer questions from the documents that you may read. What they say word for "
            "word comes first, with its source; each sentence that I add is checked against them "
            "and marked. When they do not hold the answer, I say so and show what came nearest.",
            "de": "Ich beantworte Fragen aus den Dokumenten, die Sie lesen dürfen. Was dort "
            "wörtlich steht, kommt zuerst, mit seiner Quelle; jeder Satz, den ich hinzufüge, wird "
            "daran geprüft und gekennzeichnet. Steht die Antwort nicht darin, sage ich es und "
            "zeige, was ihr am nächsten kommt.",
            "es": "Respondo preguntas a partir de los documentos que usted puede leer. Lo que "
            "dicen palabra por palabra va primero, con su fuente; cada frase que añado se "
            "comprueba con ellos y se marca. Si no contienen la respuesta, lo digo y muestro lo "
            "más cercano.",
        },
    }
)
_LONGEST_CHARACTERS = 80
# A thumb up, folded hands, a heart …, of any skin, as many as are given: thanks in every language.
_THANKING_SIGNS = re.compile(
    "[\U0001f44d\U0001f64f\U0001f44c\U0001f389\U0001f60a\u2764\U0001f3fb-\U0001f3ff\ufe0f\\s]+"
)


class Reply(NamedTuple):
    """What to say, and the language it is in."""

    text: str
    language: str


def small_talk(message: str, language: str = _ENGLISH) -> Reply | None:
    """What to say to a message that is small talk and nothing else; None when it is a question.

    Args:
        language: of the conversation so far. It decides between languages that share words ("hi").
    """
    if len(message) > _LONGEST_CHARACTERS:
        return None
    words = " ".join(re.findall(r"\w+", unicodedata.normalize("NFC", message).lower()))
    if not words:
        if not message.strip() or not _THANKING_SIGNS.fullmatch(message):
            return None
        known = language if language in _LANGUAGES else _ENGLISH
        return Reply(_REPLIES["thanks"][known], known)
    order = sorted(_LANGUAGES, key=lambda one: one != language)
    for found in order:
        for kind, pattern in _PATTERNS[found].items():
            if pattern.fullmatch(words):
                return Reply(_REPLIES[kind][found], found)
    return None


def _pattern(messages: str) -> re.Pattern[str]:
    """Messages as `_SAID` writes them, as one expression over words parted by single spaces."""
    choices = []
    for message in messages.split(" / "):
        expression = ""
        for part in re.findall(r"\([^)]*\)|[^()]+", message):
            if not part.startswith("("):
                expression += re.escape(part).replace(r"\ ", " ")
                continue
            options = "|".join(re.escape(one).replace(r"\ ", " ") for one in part[1:-1].split("|"))
            expression += f"(?:{options})?"
        # A part that is missing leaves its space behind.
        choices.append(re.sub(r" ", " ?", expression))
    return re.compile("|".join(f"(?:{choice})" for choice in choices))


_PATTERNS = {
    language: {kind: _pattern(said[language]) for kind, said in _SAID.items()}
    for language in _LANGUAGES
}
