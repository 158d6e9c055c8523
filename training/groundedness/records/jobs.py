"""Records of open positions."""

from training.groundedness.records.businesses import business_name
from training.groundedness.records.facts import (
    bool_trait,
    put_date,
    put_members,
    put_number,
    put_opening,
)
from training.groundedness.records.people import COMPANIES, ROLES, SKILLS
from training.groundedness.records.sheet import Say, Sheet, Slip
from training.groundedness.records.values import Choice, Trait
from training.groundedness.records.words import any_town, money, other_of

_JOB_TRAITS = (
    bool_trait("health insurance/medical insurance", "health insurance"),
    bool_trait("dental insurance/dental", "dental insurance"),
    bool_trait("retirement plan/pension plan", "a retirement plan",
        "so employees can save for retirement"),
    bool_trait("stock options/equity", "stock options"),
    bool_trait("annual bonus/bonus", "an annual bonus"),
    bool_trait("paid parental leave/parental leave", "paid parental leave"),
    bool_trait("visa sponsorship/visa support", "visa sponsorship",
        "making it open to applicants who need a visa"),
    bool_trait("training budget/learning budget", "a training budget"),
    bool_trait("relocation support/relocation package", "relocation support",
        "making it easier to move for the position"),
    bool_trait("flexible hours/flextime", "flexible hours",
        "so working times can be adapted"),
    bool_trait("meal allowance/free lunch", "a meal allowance"),
    Trait("travel required/requires travel", "", ("requires travel",),
        ("does not require travel",), (), "whether travel is required"),
    Trait("degree required/requires degree", "", ("requires a degree",),
        ("does not require a degree",), (), "whether a degree is required"),
)  # fmt: skip


_WORKPLACE = Choice("work arrangement/workplace/remote policy", {"remote": ("is ‹fully remote›",
    "can be done ‹remotely›"), "hybrid": ("is a ‹hybrid› position", "follows a ‹hybrid› model"),
    "on-site": ("is an ‹on-site› position", "is based ‹on site›")}, (),
    "the work arrangement")  # fmt: skip


_CONTRACT = Choice("employment type/contract type", {"full_time": ("is a ‹full-time› position",
    "is offered ‹full time›"), "part_time": ("is a ‹part-time› position", "is offered ‹part time›"),
    "internship": ("is an ‹internship›", "is offered as an ‹internship›"),
    "temporary": ("is a ‹temporary› position",)}, (), "the type of contract")  # fmt: skip


def draw_job(sheet: Sheet) -> None:
    rng = sheet.rng
    department = rng.choice(list(ROLES))
    role, company, town = (
        rng.choice(ROLES[department]),
        business_name(rng, COMPANIES),
        any_town(rng),
    )
    sheet.name = rng.choice([f"the {role} position", f"the job at {company}"])
    sheet.subjects = ("the position", "the role", "the job")
    sheet.groups = ("role", "requirements", "benefits", "closing", "unknown")
    sheet.leads = {
        "benefits": ("In terms of benefits, ", "As for the package, "),
        "requirements": ("As for requirements, ", "Applicants should know that "),
    }
    sheet.lists = (
        "{s} offers {x}",
        "benefits include {x}",
        "the package comprises {x}",
        "employees receive {x}",
    )
    sheet.inferences = (
        "making it ideal for recent graduates",
        "in a fast-growing team",
        "making it one of the best-paid roles in the industry",
        "with excellent prospects for promotion",
        "in a friendly and collaborative environment",
        "making it a rare opportunity",
    )
    sheet.put("", "title/job title/position", role.title())
    sheet.put("", "company/employer/company name", company)
    sheet.put("", "location/city", town)
    wrong_role = [
        rng.choice(ROLES[d]) for d in rng.sample([d for d in ROLES if d != department], 2)
    ]
    put_opening(
        sheet,
        (
            "{company} is looking for a {role} in {town}.",
            "{company} is hiring a {role} for its location in {town}.",
            "this is an opening for a {role} at {company} in {town}.",
            "a {role} is wanted by {company} in {town}.",
        ),
        {
            "role": (role, wrong_role, "category"),
            "company": (company, [business_name(rng, COMPANIES)], "value"),
            "town": (town, [other_of(rng, any_town, town)], "place"),
        },
    )
    low = rng.randint(30, 120) * 1000
    high = low + rng.randint(5, 40) * 1000
    said = [f"between {money(low)} and {money(high)}", f"from {money(low)} to {money(high)}"]
    wrong = [
        f"between {money(low + 10000)} and {money(high + 10000)}",
        f"up to {money(high + 15000)}",
    ]
    texts = ("pays {} per year",)
    raw = rng.choice([f"{low}-{high} USD per year", f"${low:,} - ${high:,} per year"])
    sheet.slot("", "role", "salary/salary range/compensation", raw, said, wrong, texts,
        fault="number", about="the salary", is_optional=True,
        more=[Slip(Say(f"pays {said[0]} ‹per month›"), "unit", contradicts=True)])  # fmt: skip
    sheet.choice("", "role", _WORKPLACE)
    sheet.choice("", "role", _CONTRACT)
    put_number(
        sheet,
        "",
        "role",
        "weekly hours/hours per week",
        rng.choice([16, 20, 32, 35, 38, 40]),
        ("involves {} hours per week", "comprises {} hours a week"),
        "weekly hours",
        steps=(2, 4, 5),
    )
    put_date(sheet, "", "role", "application deadline/apply by/closing date",
        ("accepts applications until {}", "has an application deadline of {}"), "the deadline",
        is_optional=True)  # fmt: skip
    put_number(sheet, "requirements", "requirements", "years of experience/min experience years",
        rng.randint(2, 10), ("requires {} years of experience", "calls for {} years of experience"),
        "experience")  # fmt: skip
    put_members(sheet, "requirements", "requirements", "skills/required skills", SKILLS,
        ("requires skills in {}", "calls for knowledge of {}"), "required skills")  # fmt: skip
    for trait in _JOB_TRAITS[-2:]:
        sheet.trait("requirements", "requirements", trait)
    for trait in rng.sample(_JOB_TRAITS[:-2], rng.randint(4, 7)):
        sheet.trait("benefits", "benefits", trait)
