"""What is passed over, by the rules of gitignore."""

from pathlib import PurePosixPath

import pytest

from ingestion.errors import BadPattern
from ingestion.ignoring import IgnoreRules, Selection, ignored_among

ROOT = PurePosixPath()


def reason(rules: IgnoreRules, path: str) -> str | None:
    return rules.reason(PurePosixPath(path), is_folder=path.endswith("/"))


def test_no_rules_ignore_nothing():
    assert reason(IgnoreRules(), "a/b.txt") is None
    assert reason(IgnoreRules().with_file(ROOT, "\n# only a comment\n  \n"), "a.txt") is None


def test_the_reason_names_the_line():
    rules = IgnoreRules().with_file(ROOT, "# temporary\n\n*.tmp\nbuild/\n")
    assert reason(rules, "deep/er/x.tmp") == "ignored by .assayignore, line 3: *.tmp"
    assert reason(rules, "deep/build/") == "ignored by .assayignore, line 4: build/"
    assert reason(rules, "build") is None  # a file of that name is no folder


@pytest.mark.parametrize(
    ("pattern", "path", "is_ignored"),
    [
        ("/top.txt", "top.txt", True),
        ("/top.txt", "a/top.txt", False),
        ("a/**/z.txt", "a/z.txt", True),
        ("a/**/z.txt", "a/b/c/z.txt", True),
        ("*.t?t", "x.txt", True),
        ("[ab].txt", "c.txt", False),
        ("\\#odd", "#odd", True),
        ("trailing   ", "trailing", True),
        ("Größe*", "Größe 2.txt", True),
    ],
)
def test_patterns_are_those_of_gitignore(pattern, path, is_ignored):
    rules = IgnoreRules().with_file(ROOT, pattern)
    assert (reason(rules, path) is not None) is is_ignored


def test_a_later_line_takes_back_and_an_inner_file_overrules_an_outer():
    outer = IgnoreRules().with_file(ROOT, "*.log\n!keep.log\n")
    assert reason(outer, "keep.log") is None
    assert reason(outer, "a/other.log") is not None
    inner = outer.with_file(PurePosixPath("a"), "!*.log\n/secret.txt\n")
    assert reason(inner, "a/other.log") is None
    assert reason(inner, "a/secret.txt") == "ignored by a/.assayignore, line 2: /secret.txt"
    assert reason(inner, "a/b/secret.txt") is None  # relative to the folder the file lies in


@pytest.mark.parametrize("line", ["!", "[z-a]", "ends with a backslash\\"])
def test_what_is_no_pattern_is_named_with_its_line(line):
    with pytest.raises(BadPattern, match=r"a/\.assayignore, line 2"):
        IgnoreRules().with_file(PurePosixPath("a"), f"fine\n{line}")
    with pytest.raises(BadPattern, match="--exclude, line 1"):
        Selection(exclude=(line,))


def test_a_selection_refuses_what_is_excluded_and_what_no_include_matches():
    selection = Selection(include=("*.pdf", "/notes/"), exclude=("drafts/", "!drafts/final/"))
    assert selection.refusal("a/b.pdf") is None
    assert selection.refusal("notes/x.txt") is None
    assert selection.refusal("a/b.txt") == "matches no --include"
    assert selection.refusal("a/drafts/b.pdf") == "left out by --exclude 'drafts/'"
    assert selection.refusal("a/") is None  # may hold what is included
    assert Selection().refusal("anything") is None


def test_among_uploaded_files_rules_hold_for_their_own_folder():
    names = ["one/a.txt", "one/b.tmp", "one/deep/drafts/c.txt", "two/b.tmp", "b.tmp"]
    texts = {"one/.assayignore": "*.tmp\ndrafts/\n"}
    assert ignored_among(names, texts) == {
        "one/b.tmp": "ignored by one/.assayignore, line 1: *.tmp",
        "one/deep/drafts/c.txt": "ignored by one/.assayignore, line 2: drafts/",
    }
    assert ignored_among(names, {}) == {}
