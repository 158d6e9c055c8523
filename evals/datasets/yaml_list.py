"""Our own suites as YAML: a list of cases, or {cases: […]}.

Nothing is guessed: every value is the text that is written (`reference: No` is "No"), but for
`null`. Aliases are refused, since a few lines of them can stand for a gigabyte, and so are tags.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from evals.datasets.fields import case_of, row_of
from evals.datasets.sources import LARGEST_YAML_BYTES, text_of
from evals.errors import BadDataset
from evals.types import Case

_DEEPEST = 20
_NULL = "tag:yaml.org,2002:null"
_TAGS = "tag:yaml.org,2002:"
_PLAIN = frozenset(
    f"{_TAGS}{name}" for name in "str null bool int float timestamp value merge seq map".split()
)
_MERGE = "tag:yaml.org,2002:merge"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(path: Path) -> Iterator[tuple[int, Case]]:
    """(line, case) of each item.

    Raises:
        BadDataset: the file is too large, not YAML, or an item is not a case.
    """
    text = text_of(path, limit_bytes=LARGEST_YAML_BYTES)
    try:
        _check_events(text, path)
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise BadDataset(path, line, f"it is not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise BadDataset(path, 0, f"it is not YAML: {error}") from error
    for node in _items(root, path):
        line = node.start_mark.line + 1
        value = _value(node, path)
        if not isinstance(value, dict):
            raise BadDataset(path, line, "expected a case: a mapping with a question")
        yield line, case_of(value, path, line)


def _check_events(text: str, path: Path) -> None:
    """Refuse aliases and deep nesting before anything is built of them."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            raise BadDataset(path, line, f"aliases (*{event.anchor}) are not read; write it out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise BadDataset(path, line, f"it is nested more than {_DEEPEST} deep, the limit")


def _items(root: yaml.Node | None, path: Path) -> list[yaml.Node]:
    if isinstance(root, yaml.MappingNode):
        named = {key.value: value for key, value in root.value if isinstance(key, yaml.ScalarNode)}
        root = named.get("cases")
    if not isinstance(root, yaml.SequenceNode):
        raise BadDataset(path, 0, "expected a list of cases, or a mapping with a list `cases`")
    return list(root.value)


def _value(node: yaml.Node, path: Path) -> Any:  # noqa: ANN401 - anything YAML can hold
    line = node.start_mark.line + 1
    if node.tag not in _PLAIN:
        raise BadDataset(path, line, f"the tag {node.tag} is not read; write the value alone")
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, path) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise BadDataset(path, line, "a field's name must be a word")
            if key.tag == _MERGE:
                raise BadDataset(path, line, "merging (<<) is not read; write the fields out")
            if key.value in found:
                raise BadDataset(path, key.start_mark.line + 1, f"{key.value!r} is there twice")
            found[key.value] = _value(value, path)
        return found
    return None if node.tag == _NULL else node.value


class _Dumper(yaml.SafeDumper):
    """Writes every text so that it is read as the same text."""


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Line breaks other than the line feed are folded away in every style but this one.
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent)


def written(cases: Sequence[Case]) -> str:
    """The cases as a YAML list."""
    rows = [row_of(case) for case in cases]
    return str(yaml.dump(rows, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=2**30))
