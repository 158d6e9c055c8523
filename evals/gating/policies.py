"""What a gate demands of a run: the file that says it, read strictly. Pure but for the file.

A key that is not known is refused with its line: a misspelt rule that is passed over would be a
gate that is open.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import yaml

from evals.catalogue import METRICS, metric_of
from evals.errors import BadPolicy

Baseline: TypeAlias = Literal["last", "best", "none"] | int

# In this share of gates over two runs of the same thing, at most, some relative rule alarms.
ALARM_RATE = 0.05
# A rule of every policy: metrics are of the cases that did not fail, however few these are.
FAILED_AT_MOST = 0.02
_TOP_KEYS = ("baseline", "best_by", "alarm_rate", "metrics", "failed_at_most", "leaks")
_RULE_KEYS = ("at_least", "at_most", "confident", "may_drop", "may_rise", "unscored_at_most")
_JUDGED = ("ragas_", "judge_")
_LONGEST_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much a metric may lose: in its own unit, or as a share of the baseline's value."""

    amount: float
    is_share: bool = False

    def of(self, baseline: float) -> float:
        """The allowance in the unit of the metric."""
        return self.amount * abs(baseline) if self.is_share else self.amount

    def __str__(self) -> str:
        return f"{self.amount * 100:g} %" if self.is_share else f"{self.amount:g}"


@dataclass(frozen=True, slots=True)
class MetricRules:
    """What is demanded of one metric; None is nothing.

    With `confident`, the end of the 95 % interval must hold `at_least` or `at_most`, not only the
    value. `may_drop` and `may_rise` are against the baseline. `unscored_at_most` is a share.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    confident: bool = False
    may_drop: Allowance | None = None
    may_rise: Allowance | None = None
    unscored_at_most: float | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What a gate demands of a run.

    `baseline` is the run before (`last`), the one with the best `best_by` (`best`), one by its
    number, or none. `failed_at_most` is a share of the cases, in [0, 1]. `leaks` is how many leaks
    the probe may find: 0, or None when it is not asked for.
    """

    rules: tuple[MetricRules, ...]
    baseline: Baseline = "last"
    best_by: str = "faithfulness"
    alarm_rate: float = ALARM_RATE
    failed_at_most: float = FAILED_AT_MOST
    leaks: int | None = None

    @property
    def is_relative(self) -> bool:
        """Whether a baseline is of any use to it."""
        return self.baseline != "none" and any(
            one.may_drop is not None or one.may_rise is not None for one in self.rules
        )


_SLACK = Allowance(0.02)
# What `assay eval gate` demands without --policy: nothing that was good is lost.
DEFAULT_POLICY = Policy(
    rules=(
        MetricRules("hit_at_5", may_drop=_SLACK),
        MetricRules("containment", may_drop=_SLACK),
        MetricRules("faithfulness", may_drop=_SLACK),
        MetricRules("generated_faithfulness", may_drop=_SLACK),
        MetricRules("hallucination_rate", may_rise=_SLACK),
        MetricRules("abstention_recall", may_drop=_SLACK),
        MetricRules("answered_share", may_drop=_SLACK),
    ),
)


def read_policy(path: Path) -> Policy:
    """Read a policy file.

    Raises:
        BadPolicy: it is not there or not YAML, a key is not known or twice there, or a value
            cannot be; with the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadPolicy(str(path), 0, error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise BadPolicy(str(path), 0, "it is not UTF-8 text") from error
    return parse_policy(text, name=str(path))


def parse_policy(text: str, *, name: str = "policy") -> Policy:
    """Read a policy from its text.

    Raises:
        BadPolicy: as `read_policy`.
    """
    if len(text) > _LONGEST_CHARACTERS:
        raise BadPolicy(name, 0, f"it has {len(text)} characters; at most {_LONGEST_CHARACTERS}")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise BadPolicy(name, line, f"it is not YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise BadPolicy(name, 0, f"it is not YAML: {error}") from error
    if root is None:
        raise BadPolicy(name, 0, "it is empty; demand something under `metrics`")
    return _Reader(name).policy(root)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads nodes, which know their lines; names the file in every refusal."""

    name: str

    def policy(self, root: yaml.Node) -> Policy:
        top = dict(self._entries(root, _TOP_KEYS, "the policy"))
        rules = tuple(self._rules(top["metrics"])) if "metrics" in top else ()
        leaks = self._leaks(top["leaks"]) if "leaks" in top else None
        failed = self._share(top["failed_at_most"]) if "failed_at_most" in top else None
        if not rules and leaks is None and failed is None:
            raise self._bad(root, "it demands nothing; add rules under `metrics`")
        return Policy(
            rules=rules,
            baseline=self._baseline(top["baseline"]) if "baseline" in top else "last",
            best_by=self._best_by(top["best_by"]) if "best_by" in top else "faithfulness",
            alarm_rate=self._alarm_rate(top["alarm_rate"]) if "alarm_rate" in top else ALARM_RATE,
            failed_at_most=FAILED_AT_MOST if failed is None else failed,
            leaks=leaks,
        )

    def _rules(self, node: yaml.Node) -> Iterator[MetricRules]:
        for metric, rules in self._entries(node, METRICS, "metrics", is_metric=True):
            yield self._rule(metric, rules)

    def _rule(self, metric: str, node: yaml.Node) -> MetricRules:
        of = dict(self._entries(node, _RULE_KEYS, metric))
        if not of.keys() - {"confident"}:
            raise self._bad(node, f"{metric} demands nothing; add one of {_listed(_RULE_KEYS)}")
        at_least = self._number(of["at_least"]) if "at_least" in of else None
        at_most = self._number(of["at_most"]) if "at_most" in of else None
        if at_least is not None and at_most is not None and at_least > at_most:
            raise self._bad(node, f"{metric}: at_least {at_least:g} is above at_most {at_most:g}")
        confident = self._truth(of["confident"]) if "confident" in of else False
        if confident and at_least is None and at_most is None:
            raise self._bad(of["confident"], "`confident` needs at_least or at_most beside it")
        self._refuse_the_wrong_way(metric, of)
        return MetricRules(
            metric=metric,
            at_least=at_least,
            at_most=at_most,
            confident=confident,
            may_drop=self._allowance(of["may_drop"]) if "may_drop" in of else None,
            may_rise=self._allowance(of["may_rise"]) if "may_rise" in of else None,
            unscored_at_most=self._share(of["unscored_at_most"])
            if "unscored_at_most" in of
            else None,
        )

    def _refuse_the_wrong_way(self, metric: str, of: Mapping[str, yaml.Node]) -> None:
        """A limit on getting better is a slip: the other word was meant."""
        is_better_high = metric_of(metric).higher_is_better
        if is_better_high is True and "may_rise" in of:
            raise self._bad(of["may_rise"], f"more of {metric} is better; did you mean may_drop?")
        if is_better_high is False and "may_drop" in of:
            raise self._bad(of["may_drop"], f"less of {metric} is better; did you mean may_rise?")

    def _entries(
        self, node: yaml.Node, known: Iterable[str], where: str, *, is_metric: bool = False
    ) -> Iterator[tuple[str, yaml.Node]]:
        """Keys and values of a mapping, each key known and there once."""
        if not isinstance(node, yaml.MappingNode):
            raise self._bad(node, f"{where}: expected keys with values")
        names = tuple(known)
        seen = set()
        for key_node, value in node.value:
            key = str(key_node.value)
            is_judged = is_metric and key.startswith(_JUDGED)
            if key not in names and not is_judged:
                raise self._bad(key_node, _unknown(key, names, where))
            if key in seen:
                raise self._bad(key_node, f"{where}: {key!r} is there twice")
            seen.add(key)
            yield key, value

    def _scalar(self, node: yaml.Node, tags: Iterable[str], expected: str) -> str:
        is_one = isinstance(node, yaml.ScalarNode) and node.tag.rsplit(":", 1)[-1] in tags
        if not is_one:
            shown = repr(node.value) if isinstance(node, yaml.ScalarNode) else "something else"
            raise self._bad(node, f"expected {expected}, not {shown}")
        return str(node.value)

    def _number(self, node: yaml.Node) -> float:
        text = self._scalar(node, ("int", "float"), "a number")
        try:
            value = float(text.replace("_", ""))
        except ValueError as error:  # YAML has numbers that nobody writes here: 0x1F, 1:30, .inf
            raise self._bad(node, f"expected a plain number, not {text!r}") from error
        if value != value or abs(value) == float("inf"):
            raise self._bad(node, f"expected a finite number, not {text!r}")
        return value

    def _truth(self, node: yaml.Node) -> bool:
        return self._scalar(node, ("bool",), "true or false").lower() in {"true", "yes", "on"}

    def _share(self, node: yaml.Node) -> float:
        value = self._number(node)
        if not 0 <= value <= 1:
            raise self._bad(node, f"a share is from 0 to 1, not {value:g}")
        return value

    def _allowance(self, node: yaml.Node) -> Allowance:
        text = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
        is_share = text.endswith("%")
        try:
            value = float(text[:-1]) / 100 if is_share else self._number(node)
        except ValueError as error:
            raise self._bad(node, f"expected a number, or one with %, not {text!r}") from error
        if not 0 <= value < float("inf"):
            raise self._bad(node, f"what may be lost is 0 or more, not {text}")
        return Allowance(value, is_share)

    def _alarm_rate(self, node: yaml.Node) -> float:
        value = self._number(node)
        if not 0 < value <= 0.5:
            raise self._bad(node, f"alarm_rate is above 0 and at most 0.5, not {value:g}")
        return value

    def _leaks(self, node: yaml.Node) -> int:
        if self._scalar(node, ("int",), "0") != "0":
            raise self._bad(node, "only `leaks: 0` can be demanded: one leak is one too many")
        return 0

    def _baseline(self, node: yaml.Node) -> Baseline:
        text = self._scalar(node, ("str", "int", "null"), "last, best, none or a run's number")
        if text in {"last", "best"}:
            return "last" if text == "last" else "best"
        if text == "none":
            return "none"
        if text.isascii() and text.isdigit() and int(text) > 0:
            return int(text)
        raise self._bad(node, f"baseline is last, best, none or a run's number, not {text!r}")

    def _best_by(self, node: yaml.Node) -> str:
        text = self._scalar(node, ("str",), "the name of a metric")
        if text not in METRICS and not text.startswith(_JUDGED):
            raise self._bad(node, _unknown(text, METRICS, "best_by"))
        return text

    def _bad(self, node: yaml.Node, reason: str) -> BadPolicy:
        return BadPolicy(self.name, node.start_mark.line + 1, reason)


def _unknown(key: str, known: Iterable[str], where: str) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    advice = f"did you mean {near[0]!r}?" if near else f"known are {_listed(names)}"
    return f"{where}: there is no {key!r}; {advice}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
