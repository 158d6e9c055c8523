"""Which part of a page is its main text. Pure: looks at lengths and links, knows no site.

After Kohlschütter et al., "Boilerplate Detection using Shallow Text Features", WSDM 2010: prose is
long and holds few links; menus, teasers and imprints are short or all links. A page without prose
(a table, a list of links) is kept whole.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lxml import etree

from ingestion.readers.markup import drop, tag_of

_INLINE = frozenset(
    """
    a abbr acronym b bdi bdo big br cite code data del dfn em font i img ins kbd label mark q s samp
    small span strike strong sub sup time tt u var wbr
    """.split()
)
_CELLS = frozenset({"td", "th", "pre"})  # a number in a table says as much as a sentence
_WHOLE = frozenset({"p", "pre", "tr", "tbody", "td", "th", "blockquote", "li", "ul", "ol", "dl"})
_FEWEST_CHARACTERS = 80  # of a block of prose
_MOST_LINKED = 0.33  # of the characters of a block of prose
_MAIN_SHARE = 0.85  # of all prose, for an element to be the main text
_TABLE_SHARE = 0.97  # the same for a table, which may stand among little prose
_LEAST_KEPT = 0.33  # of the page's characters outside links; with less the page is kept whole
_LINK_LIST = 0.6  # of a list's or a section's characters, for it to be no more than links
_BESIDE_LINKED = 0.1  # of what stands beside the main text: titles and notes hold no links
_FEWEST_LINKS = 3
_CONTAINERS = ("div", "ul", "ol", "section", "p", "figure")
_NAMED = frozenset({"div", "section", "ul", "ol", "p", "aside", "form", "header", "figure"})
_ASIDE_NAMES = re.compile(
    r"(?:\A|[\s_-])(?:ad|ads|advert\w*|banner|breadcrumbs?|byline|comments?|cookies?|consent|disqus|"
    r"footer|login|masthead|menu|modal|most-?read|nav|navbar|navigation|newsletter\w*|outbrain|"
    r"pagination|paywall|popup|popular|promo\w*|recirc\w*|recommend\w*|related\w*|share|sharing|"
    r"sidebar|signup|skip|social\w*|sponsor\w*|subscri\w*|taboola|tags|teasers?|toolbar|trending|"
    r"widgets?)(?:\Z|[\s_-])",
    re.IGNORECASE,
)
_MOST_ASIDE = 0.3  # of the page's prose: more than that is no aside, whatever it is called


def drop_asides(root: etree._Element) -> None:
    """Remove what is beside the main text; a page of which little would be left stays whole."""
    sizes = _sizes(root)
    prose = _prose(sizes)
    weights = _summed(root, prose)
    everything = _summed(root, {e: size.all for e, size in sizes.items()})
    linked = _summed(root, {e: size.linked for e, size in sizes.items()})
    links = _summed(root, dict.fromkeys(root.iter("a"), 1))
    titles = _summed(root, dict.fromkeys(root.iter("h1"), 1))
    tables = set(root.iter("table"))
    in_tables, around_tables = _below(root, tables), _summed(root, dict.fromkeys(tables, 1))

    def is_linked(element: etree._Element, share: float) -> bool:
        return linked[element] > share * everything[element]

    asides = {
        element
        for element in root.iter()
        if _is_named_aside(element) and weights[element] <= _MOST_ASIDE * weights[root]
    }
    gone = _below(root, asides)
    left = {element: length for element, length in prose.items() if element not in gone}
    main = _smallest(root, _summed(root, left), sum(left.values()))
    kept = everything[main] - linked[main]
    if not left or kept < _LEAST_KEPT * (everything[root] - linked[root]):
        return
    for element in (main, *main.iterancestors()):
        if element is root:
            break
        asides.update(s for s in _siblings(element) if is_linked(s, _BESIDE_LINKED))
    for element in main.iter(*_CONTAINERS):
        is_list = links[element] >= _FEWEST_LINKS and is_linked(element, _LINK_LIST)
        # Not in tables: facts there are often links.
        if is_list and element not in in_tables and not around_tables[element]:
            asides.add(element)
    drop(root, [e for e in root.iter() if e in asides and e is not main and not titles[e]])


def _siblings(element: etree._Element) -> Iterator[etree._Element]:
    yield from element.itersiblings()
    yield from element.itersiblings(preceding=True)


class _Size(NamedTuple):
    """Characters of a block's own text, and how many of them are in links."""

    all: int
    linked: int


def _sizes(root: etree._Element) -> dict[etree._Element, _Size]:
    """The text right in each block: that of its inline elements, not of blocks inside it."""
    sizes: dict[etree._Element, _Size] = {}
    block_of: dict[etree._Element, tuple[etree._Element, bool]] = {}
    for element in root.iter():
        above = element.getparent() if element is not root else None
        outer = block_of.get(above, (root, False)) if above is not None else (root, False)
        tag = tag_of(element)
        inner = (outer[0] if tag in _INLINE else element, outer[1] or tag == "a")
        block_of[element] = inner
        _count(sizes, inner, element.text)
        _count(sizes, outer, element.tail if element is not root else None)
    return sizes


def _count(
    sizes: dict[etree._Element, _Size], place: tuple[etree._Element, bool], text: str | None
) -> None:
    length = len(text.strip()) if text else 0
    if length:
        block, is_linked = place
        size = sizes.get(block, _Size(0, 0))
        sizes[block] = _Size(size.all + length, size.linked + length * is_linked)


def _prose(sizes: dict[etree._Element, _Size]) -> dict[etree._Element, int]:
    """Characters of each block that reads like a sentence, or is a cell of a table."""
    return {
        element: size.all
        for element, size in sizes.items()
        if size.all >= (1 if tag_of(element) in _CELLS else _FEWEST_CHARACTERS)
        and size.linked <= _MOST_LINKED * size.all
    }


def _below(root: etree._Element, elements: set[etree._Element]) -> set[etree._Element]:
    """The elements and everything in them."""
    found: set[etree._Element] = set()
    for element in root.iter():
        if element in elements or element.getparent() in found:
            found.add(element)
    return found


def _summed(root: etree._Element, lengths: dict[etree._Element, int]) -> dict[etree._Element, int]:
    """For each element the lengths of all elements in it, its own included."""
    sums: dict[etree._Element, int] = {}
    # Backwards, children come before their parents: one pass, however deep a page nests.
    for element in reversed(list(root.iter())):
        sums[element] = sums.get(element, 0) + lengths.get(element, 0)
        above = element.getparent()
        if above is not None and element is not root:
            sums[above] = sums.get(above, 0) + sums[element]
    return sums


def _smallest(
    root: etree._Element, weights: dict[etree._Element, int], total: int
) -> etree._Element:
    """Go down from the root as long as one child holds nearly all prose."""
    main = root
    while True:
        heaviest = max(main, key=lambda child: weights.get(child, 0), default=None)
        if heaviest is None or tag_of(heaviest) in _WHOLE:
            return main
        share = _TABLE_SHARE if tag_of(heaviest) == "table" else _MAIN_SHARE
        if weights.get(heaviest, 0) < share * total:
            return main
        main = heaviest


def _is_named_aside(element: etree._Element) -> bool:
    names = f"{element.get('class', '')} {element.get('id', '')}"
    return tag_of(element) in _NAMED and _ASIDE_NAMES.search(names) is not None
