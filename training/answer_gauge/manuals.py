"""Made-up manuals of programs and machines, with questions. Pure; every word is ours.

People ask manuals how, why, when and what is different, at length, and take a sentence for the
answer. SQuAD's questions ask for a name or a number, and so do those about an office.
"""

import random
from collections.abc import Iterator

from training.answer_finding.questions import Asked

_PRODUCTS = "Lumen Tessel Quillon Varda Brisk Ostara Pendle Corvid Merrow Halden".split()
_FEATURES = (
    "shared folders|the import wizard|the audit view|batch mode|the draft editor|"
    "the usage report|smart labels|"
    "the night run|webhooks|the preview pane|access tokens|the sandbox|saved filters|"
    "the sync client|templates|"
    "the rule builder|version history|the command palette|live captions|the print queue|"
    "offline mode|"
    "the health check|streaming replies|the cost panel|retry policies|the cache layer"
).split("|")
_TASKS = (
    "rename a workspace|invite a guest|export a report|reset a token|merge two records|"
    "schedule a backup|"
    "connect a printer|change the language|archive a project|restore a deleted file|"
    "test a prompt|limit the length of replies|"
    "split a long document|label a ticket|count tokens|share a dashboard|replace the filter|"
    "calibrate the scale|"
    "add a second screen|turn off notifications|compare two versions|evaluate a model"
).split("|")
_PLACES = (
    "Settings and then Members|the Tools menu|the gear beside its name|the sidebar|"
    "the page of your account|"
    "the console|the panel on the left|the context menu|the Data tab"
).split("|")
_STEPS = (
    "choose Apply|press the round button for three seconds|confirm with your password|"
    "pick a format and wait for the mail|pass the identifier in the request|"
    "drag the file onto the list|"
    "set the flag to true|upload a table with one row each|write the values between double braces"
).split("|")
_EFFECTS = (
    "keep the history of every change in one place|see which requests failed and why|"
    "work without a connection|"
    "send many items at once at half the price|give colleagues access without a password|"
    "find mistakes before customers do|"
    "show results while they are still being made|avoid paying twice for the same text|"
    "undo a step within a month|"
    "make replies more consistent|test changes without touching real data|group similar records"
).split("|")
_TROUBLES = (
    "the connection is refused|the screen stays black|replies are cut off|"
    "an import stops halfway|the rate limit is reached|"
    "a label is wrong|two users edit at once|the upload is too large|"
    "the signature does not match|the motor overheats"
).split("|")
_CURES = (
    "wait a minute and try again with fewer items|restart the service and look at the log|"
    "raise the limit in the request|"
    "remove the last row and start anew|ask an administrator for a new key|"
    "give a few more examples in the instructions|"
    "let it cool down for ten minutes|split the file into parts"
).split("|")
_PARTS = (
    "a name, a description and a schema|a header, a body and a footer|latency, cost and accuracy|"
    "owners, editors and viewers|a trigger, a condition and an action|"
    "precision, recall and coverage|"
    "a role, some context and a task|the hopper, the blade and the tray"
).split("|")

# A statement, and questions that it answers.
_Said = tuple[str, tuple[str, ...]]


def manual_questions(n: int, seed: int) -> Iterator[Asked]:
    """`n` questions, about half of them answered by their text."""
    rng = random.Random(f"manuals {seed}")
    for place in range(n):
        product = rng.choice(_PRODUCTS)
        said = _statements(product, rng)
        asked = rng.randrange(len(said))
        question = rng.choice(said[asked][1])
        is_answered = rng.random() < 0.5
        kept = [one for i, (one, _) in enumerate(said) if is_answered or i != asked]
        heading = rng.choice(
            ("", f"{product}\n\n", f"{product} Guide > {rng.choice(_HEADINGS)}\n\n")
        )
        text = heading + rng.choice((" ", " ", "\n\n", "\n- ")).join(kept)
        answers = ()
        if is_answered:
            start = text.index(said[asked][0])
            answers = ((start, start + len(said[asked][0])),)
        yield Asked(question[0].upper() + question[1:], text, answers, f"manual {place}")


_HEADINGS = "Getting started|Reference|How it works|Working together|Limits|Help".split("|")


def _statements(product: str, rng: random.Random) -> list[_Said]:
    tasks, places = rng.sample(_TASKS, 2), rng.sample(_PLACES, 2)
    features, effects = rng.sample(_FEATURES, 6), rng.sample(_EFFECTS, 4)
    troubles, cures = rng.sample(_TROUBLES, 2), rng.sample(_CURES, 2)
    found: list[_Said] = []
    for task, place in zip(tasks, places, strict=True):
        found.append(
            (
                f"To {task}, open {place} and {rng.choice(_STEPS)}.",
                (
                    f"How do I {task}?",
                    f"How can you {task} in {product}?",
                    f"What steps are needed to {task} with {product}?",
                ),
            )
        )
    for feature, effect in zip(features[:2], effects[:2], strict=True):
        found.append(
            (
                f"With {feature} you can {effect}.",
                (
                    f"What is the purpose of {feature} in {product}?",
                    f"Why would somebody use {feature}?",
                    f"How do {feature.removeprefix('the ')} help people who work with {product}?",
                ),
            )
        )
    found.append(
        (
            f"Unlike {features[2]}, {features[3]} lets you {effects[2]}, and needs no set-up.",
            (
                f"What is the difference between {features[2]} and {features[3]}?",
                f"How does {features[3]} differ from {features[2]} in {product}?",
                f"When should I prefer {features[3]} over {features[2]}?",
            ),
        )
    )
    for trouble, cure in zip(troubles, cures, strict=True):
        found.append(
            (
                f"If {trouble}, {cure}.",
                (
                    f"What should I do if {trouble}?",
                    f"What does the guide recommend when {trouble}?",
                    f"How can the problem that {trouble} be solved in {product}?",
                ),
            )
        )
    found.append(
        (
            f"{features[4][0].upper()}{features[4][1:]} consists of {rng.choice(_PARTS)}.",
            (
                f"What are the three parts of {features[4]}?",
                f"What does {features[4]} consist of in {product}?",
            ),
        )
    )
    found.append(
        (
            f"Because {features[5]} runs before anything else, it lets you {effects[3]}.",
            (
                f"Why does {features[5]} run first?",
                f"How does the order in which {features[5]} runs help?",
            ),
        )
    )
    rng.shuffle(found)
    return found[: rng.randrange(3, 8)]
