"""LaTeX: sections, prose, lists and tables as words; formulas stay as they are written.

Commands are not run and files are not included: what `\\input` names is not read.
"""

import re
import unicodedata
from itertools import islice

from ingestion.readers.builder import DocumentBuilder, one_line, title_of
from ingestion.readers.detection import Format
from ingestion.readers.encoding import decoded
from ingestion.types import BlockKind, ParsedDocument

_COMMENT = re.compile(r"(?<!\\)%.*")
_ARGUMENT = r"\{((?:[^{}]|\{(?:[^{}]|\{[^{}]{0,500}\}){0,500}\}){0,2000})\}"
_OPTIONAL = r"(?:\[[^\]]{0,500}\])?"
_SECTION = re.compile(
    r"\\(part|chapter|section|subsection|subsubsection|paragraph|subparagraph)\*?\s*"
    + _OPTIONAL + r"\s*" + _ARGUMENT
)  # fmt: skip
_LEVELS = {
    "part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5,
    "subparagraph": 6,
}  # fmt: skip
_TITLE = re.compile(r"\\title\s*" + _OPTIONAL + r"\s*" + _ARGUMENT)
_CODE = re.compile(
    r"\\begin\{(verbatim|lstlisting|minted|Verbatim)\}" + _OPTIONAL
    + r"(.{0,200000}?)\\end\{\1\}", re.DOTALL,
)  # fmt: skip
_ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{([a-zA-Z*]{1,40})\}" + _OPTIONAL)
_TABLES = frozenset({"tabular", "tabular*", "tabularx", "longtable", "array", "tabulary"})
_LISTS = frozenset({"itemize", "enumerate", "description", "compactitem"})
_DROPPED = re.compile(
    r"\\(?:label|cite\w*|ref|eqref|autoref|pageref|cref|Cref|input|include|includegraphics|"
    r"bibliography|bibliographystyle|usepackage|vspace|hspace|setlength|thispagestyle|pagestyle|"
    r"newcommand|renewcommand|definecolor|addcontentsline|cline|cmidrule|footnotemark)\*?\s*"
    r"(?:\([^)]{0,100}\))?(?:\[[^\]]{0,500}\]){0,2}(?:\{[^{}]{0,2000}\}){1,3}"
)
_WITH_TEXT = re.compile(
    r"\\(?:href\s*\{[^{}]{0,2000}\}|textcolor\s*\{[^{}]{0,100}\}|multicolumn\s*\{[^{}]{0,20}\}\s*\{[^{}]{0,100}\}|multirow\s*\{[^{}]{0,20}\}\s*\{[^{}]{0,100}\})"
)
_FORMULA = re.compile(
    r"\$\$.{1,5000}?\$\$|(?<!\\)\$[^$\n]{1,1000}\$|\\\(.{1,1000}?\\\)|\\\[.{1,5000}?\\\]", re.DOTALL
)
_COMMAND = re.compile(r"\\[a-zA-Z@]+\*?\s*(?:\[[^\]\n]{0,200}\])?")
_ACCENTS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "c": "\u0327",
    "v": "\u030c", "=": "\u0304", "u": "\u0306", "H": "\u030b", "r": "\u030a", ".": "\u0307",
}  # fmt: skip
_ACCENT = re.compile(r"\\(['`^\"~=.]|[cvuHr](?=[\s{]))\s*\{?\s*\\?([a-zA-Z])\}?")
_LETTERS = {
    r"\ss": "ß", r"\ae": "æ", r"\AE": "Æ", r"\o": "ø", r"\O": "Ø", r"\aa": "å", r"\AA": "Å",
    r"\l": "ł", r"\L": "Ł", r"\ldots": "…", r"\dots": "…", r"\textbackslash": "\\",
    r"\LaTeX": "LaTeX", r"\TeX": "TeX", r"\S": "§", r"\copyright": "©", r"\texteuro": "€",
    r"\euro": "€", r"\pounds": "£",
}  # fmt: skip
_LETTER = re.compile(
    r"\\(?:ss|ae|AE|o|O|aa|AA|l|L|ldots|dots|textbackslash|LaTeX|TeX|S|copyright|texteuro|euro|pounds)(?![a-zA-Z])(?:\{\})?"
)
# Where a word may be divided; spaces of other widths.
_DIVISION, _THIN_SPACE = r"\-", re.compile(r"\\[,;:!/>](?![a-zA-Z])")
_NOTE = re.compile(r"\s{0,20}\\footnote(?:text)?\s*" + _OPTIONAL + r"\s*" + _ARGUMENT)
_ABSTRACT = re.compile(r"\\begin\s*\{abstract\}")
_AUTHOR = re.compile(r"\\author\s*" + _OPTIONAL + r"\s*" + _ARGUMENT)
# Commands without arguments that the text defines: the names of companies and products, often.
_MACRO = re.compile(
    r"\\(?:newcommand|renewcommand|providecommand)\*?\s*\{?\\([a-zA-Z]{1,40})\}?\s*" + _ARGUMENT
    + r"|\\def\s*\\([a-zA-Z]{1,40})\s*" + _ARGUMENT
)  # fmt: skip
_MOST_MACROS = 500
_MOST_GROWTH = 1_000_000  # characters that macros may add
_ESCAPED = re.compile(r"\\([%&$#_{}\s])")
_SLOT = "\ue000"  # stands for a formula or code while commands are removed


def read_tex(name: str, data: bytes) -> ParsedDocument:
    """Read LaTeX source."""
    text = decoded(data).replace("\r\n", "\n").replace("\r", "\n").replace(_SLOT, "")
    title, author = _TITLE.search(text), _AUTHOR.search(text)
    text = _expanded(text)
    begin = text.find(r"\begin{document}")
    if begin >= 0:
        end = text.find(r"\end{document}", begin)
        text = text[begin + len(r"\begin{document}") : end if end > 0 else len(text)]
    builder = DocumentBuilder()
    if author:
        builder.add(BlockKind.PARAGRAPH, one_line(_plain(author[1].replace(r"\and", ", "), [])))
    _append(builder, text)
    proposal = _plain(title[1], []) if title else None
    return builder.build(title_of(name, proposal, builder.first_heading()), Format.TEX.value)


def _expanded(text: str) -> str:
    """The text with what its own commands stand for, those that take no arguments; once, not again.

    A text that would grow by a million characters stays as it is.
    """
    found = islice(_MACRO.finditer(text), _MOST_MACROS)
    macros = {m[1] or m[3]: m[2] if m[1] else m[4] for m in found}
    if not macros:
        return text
    text = _MACRO.sub("", text)
    uses = re.compile(r"\\(" + "|".join(macros) + r")(?![a-zA-Z@])(?:\{\}|\s+(?=[^\s]))?")
    grown = sum(len(macros[m[1]]) for m in uses.finditer(text))
    if grown > _MOST_GROWTH:
        return text
    return uses.sub(lambda m: macros[m[1]] + (" " if m.group()[-1].isspace() else ""), text)


def _append(builder: DocumentBuilder, text: str) -> None:
    position = 0
    for match in _CODE.finditer(text):
        _append_prose(builder, text[position : match.start()])
        builder.add(BlockKind.CODE, match[2])
        position = match.end()
    _append_prose(builder, text[position:])


def _append_prose(builder: DocumentBuilder, text: str) -> None:
    text = _ABSTRACT.sub(r"\\section{Abstract}", _COMMENT.sub("", text))
    text = _NOTE.sub(r" (\1)", text.replace(_DIVISION, ""))
    position = 0
    for match in _SECTION.finditer(text):
        _append_body(builder, text[position : match.start()])
        heading = one_line(_plain(match[2], []))
        builder.add(BlockKind.HEADING, heading, level=_LEVELS[match[1]])
        position = match.end()
    _append_body(builder, text[position:])


def _append_body(builder: DocumentBuilder, text: str) -> None:
    """Prose, lists and tables between two section commands."""
    position, depth = 0, 0
    kind = BlockKind.PARAGRAPH
    for match in _ENVIRONMENT.finditer(text):
        is_begin, name = match[1] == "begin", match[2]
        if name not in _TABLES and name not in _LISTS:
            continue
        if depth == 0 or (depth == 1 and not is_begin):
            _append_stretch(builder, text[position : match.start()], kind)
            position = match.end()
            kind = BlockKind.TABLE if name in _TABLES else BlockKind.LIST
        depth = max(0, depth + (1 if is_begin else -1))
        if depth == 0:
            kind = BlockKind.PARAGRAPH
    _append_stretch(builder, text[position:], kind)


def _append_stretch(builder: DocumentBuilder, text: str, kind: BlockKind) -> None:
    formulas: list[str] = []

    def keep(match: "re.Match[str]") -> str:
        formulas.append(match.group())
        return _SLOT

    text = _FORMULA.sub(keep, text)
    if kind is BlockKind.TABLE:
        rows = (_row(row, formulas) for row in text.split(r"\\"))
        builder.add(kind, "\n".join(filter(None, rows)))
    elif kind is BlockKind.LIST:
        items = (one_line(_plain(i, formulas)) for i in re.split(r"\\item(?![a-zA-Z])", text)[1:])
        builder.add(kind, "\n".join(f"- {item}" for item in items if item))
    else:
        for paragraph in re.split(r"\n\s*\n|\\par(?![a-zA-Z])", text):
            builder.add(kind, one_line(_plain(paragraph, formulas)))


def _row(row: str, formulas: list[str]) -> str:
    row = re.sub(r"\A\s*(?:\{[^{}]{0,200}\})+", "", row)  # the columns' alignment
    cells = (one_line(_plain(cell, formulas)) for cell in re.split(r"(?<!\\)&", row))
    return " | ".join(filter(None, cells))


def _plain(text: str, formulas: list[str]) -> str:
    """The words of a stretch; each slot gets its formula back, in order."""
    text = text.replace(r"\\", "\n").replace("``", "“").replace("''", "”")
    text = _ACCENT.sub(_accented, _THIN_SPACE.sub(" ", text))
    text = _LETTER.sub(lambda m: _LETTERS[m.group().removesuffix("{}")], text)
    text = _WITH_TEXT.sub("", _DROPPED.sub("", text))
    text = _ENVIRONMENT.sub(" ", text)
    text = _COMMAND.sub("", _ESCAPED.sub(r"\1", text.replace(r"\{", "").replace(r"\}", "")))
    text = text.replace("~", " ").replace("---", "—").replace("--", "–")
    text = re.sub(r"[{}]", "", text)
    return re.sub(_SLOT, lambda _: formulas.pop(0) if formulas else "", text)


def _accented(match: "re.Match[str]") -> str:
    return unicodedata.normalize("NFC", match[2] + _ACCENTS[match[1]])
