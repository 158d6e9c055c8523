"""Records of courses."""

from training.groundedness.records.events import TOPICS
from training.groundedness.records.facts import (
    bool_trait,
    put_amount,
    put_date,
    put_number,
    put_opening,
)
from training.groundedness.records.people import SCHOOLS
from training.groundedness.records.sheet import Say, Sheet, Slip, in_words
from training.groundedness.records.values import Choice, Trait
from training.groundedness.records.words import LANGUAGES, any_person, any_town, other_of

_COURSE_TRAITS = (
    bool_trait("certificate/certificate of completion",
        "a certificate of completion"),
    bool_trait("recorded lectures/recordings", "recorded lectures",
        "so classes can be watched again"),
    bool_trait("scholarships/scholarships available", "scholarships"),
    bool_trait("tutoring/individual tutoring", "individual tutoring"),
    bool_trait("discussion forum/forum", "a discussion forum"),
    bool_trait("free trial/trial lesson", "a free trial lesson"),
    Trait("final exam/exam", "", ("ends with a final exam", "has a final exam"),
        ("has no final exam",), ("so participants are tested at the end",), "exams"),
    Trait("self paced/is self paced", "", ("is self-paced",), ("is not self-paced",),
        ("making it possible to study at one's own speed",),
        "whether it is self-paced"),
    Trait("prior knowledge required/prerequisites", "", ("requires prior knowledge",),
        ("does not require prior knowledge",), (), "prerequisites"),
    Trait("in person/held in person", "", ("is held in person",), ("is not held in person",), (),
        "whether it is held in person"),
)  # fmt: skip


_LEVEL = Choice("level/difficulty", {"beginner": ("is aimed at ‹beginners›",
    "is taught at ‹beginner› level"), "intermediate": ("is taught at ‹intermediate› level",),
    "advanced": ("is aimed at ‹advanced› learners", "is taught at ‹advanced› level")}, (),
    "the level")  # fmt: skip


def draw_course(sheet: Sheet) -> None:
    rng = sheet.rng
    topic = rng.choice(TOPICS)
    title = rng.choice(
        ["Introduction to {}", "{} in Practice", "Foundations of {}", "The World of {}"]
    ).format(topic.title())
    provider = f"{any_town(rng)} {rng.choice(SCHOOLS)}"
    teacher = any_person(rng)
    sheet.name = f"“{title}”" if rng.random() < 0.4 else title
    sheet.subjects = ("the course", "the class")
    sheet.groups = ("frame", "fees", "features", "closing", "unknown")
    sheet.leads = {
        "frame": ("In terms of structure, ", "As for its format, "),
        "features": ("In terms of features, ", "As for additional features, "),
    }
    sheet.lists = ("{s} offers {x}", "{s} includes {x}", "participants benefit from {x}")
    sheet.inferences = (
        "making it ideal for working parents",
        "which is recognized by employers worldwide",
        "making it the most popular course of its kind",
        "preparing participants for a new career",
        "making it suitable for children",
    )
    sheet.put("", "title/course title/course name", title)
    sheet.put("", "provider/school/institution", provider)
    sheet.put("", "instructor/lecturer/teacher", teacher)
    sheet.put("", "subject/topic", topic)
    wrong_topic = rng.sample([t for t in TOPICS if t != topic], 2)
    put_opening(
        sheet,
        (
            "{s} is a course on {topic} offered by {provider} and taught by {teacher}.",
            "{s} is a course offered by {provider}, with {teacher} as its instructor.",
            "taught by {teacher}, {s} is a course on {topic} at {provider}.",
        ),
        {
            "topic": (topic, wrong_topic, "category"),
            "provider": (provider, [f"{any_town(rng)} {rng.choice(SCHOOLS)}"], "value"),
            "teacher": (teacher, [other_of(rng, any_person, teacher)], "value"),
        },
    )
    _measure_weeks(sheet)
    put_number(
        sheet,
        "",
        "frame",
        "hours per week/weekly hours/weekly workload hours",
        rng.randint(2, 15),
        ("takes {} hours per week", "requires a workload of {} hours per week"),
        "the workload",
    )
    put_date(sheet, "", "frame", "start date/starts on/first session", ("starts on {}",
        "begins on {}"), "the start date", is_optional=True)  # fmt: skip
    sheet.choice("", "frame", _LEVEL)
    language = rng.choice(LANGUAGES)
    sheet.slot("", "frame", "language/language of instruction", language, language,
        rng.sample([x for x in LANGUAGES if x != language], 2), ("is taught in {}",
        "is held in {}"), about="the language", is_optional=True)  # fmt: skip
    put_amount(sheet, "", "fees", "fee/tuition/price", rng.randint(3, 180) * 10, ("costs {}",
        "has a fee of {}", "is priced at {}"), "fees")  # fmt: skip
    put_number(sheet, "", "fees", "max participants/class size/seats", rng.randint(8, 60),
        ("is limited to {} participants", "admits {} participants"), "the class size", steps=(5, 10,
        4))  # fmt: skip
    put_date(sheet, "", "fees", "registration deadline/enroll by",
        ("accepts registrations until {}",), "registration", is_optional=True)  # fmt: skip
    for trait in rng.sample(_COURSE_TRAITS, rng.randint(4, 7)):
        sheet.trait("features", "features", trait)


def _measure_weeks(sheet: Sheet) -> None:
    weeks = sheet.rng.randint(3, 24)
    texts = ("runs for {}", "lasts {}", "takes place over {}")
    said = [f"{in_words(weeks)} weeks", f"{weeks} weeks"]
    sheet.slot("", "frame", "duration weeks/length in weeks", weeks, said,
        [f"{in_words(weeks + 2)} weeks", f"{in_words(weeks - 1)} weeks"], texts, fault="number",
        about="the duration", is_optional=True, more=[Slip(Say(t.replace("{}",
        f"{in_words(weeks)} ‹{u}›")), "unit", contradicts=True) for t in texts for u in ("months",
        "days")])  # fmt: skip
