"""Records of employees."""

from training.groundedness.records.businesses import business_name
from training.groundedness.records.facts import (
    put_amount,
    put_date,
    put_members,
    put_name,
    put_number,
    put_opening,
)
from training.groundedness.records.sheet import Sheet
from training.groundedness.records.values import Trait
from training.groundedness.records.words import LANGUAGES, any_person, any_town, other_of

ROLES = {
    "Engineering": (
        "software engineer",
        "test engineer",
        "site reliability engineer",
        "data engineer",
    ),
    "Finance": ("financial analyst", "payroll specialist", "controller", "auditor"),
    "Marketing": ("content strategist", "brand manager", "copywriter", "campaign manager"),
    "Human Resources": ("recruiter", "training coordinator", "benefits administrator"),
    "Logistics": ("warehouse supervisor", "dispatch planner", "procurement officer"),
    "Legal": ("contract lawyer", "compliance officer", "paralegal"),
    "Research": ("laboratory technician", "research scientist", "statistician"),
}


SKILLS = (
    "budgeting", "SQL", "negotiation", "technical writing", "forecasting", "public speaking",
    "Excel", "project planning", "contract law", "Python", "welding", "copy editing",
    "inventory control", "interviewing", "risk analysis", "video editing", "first aid",
)  # fmt: skip


_EMPLOYEE_TRAITS = (
    Trait("remote/works remotely", "", ("works remotely",), ("does not work remotely",),
        ("so a place in the office is not needed",), "remote work"),
    Trait("full time/is full time", "", ("works full time",), ("does not work full time",), (),
        "whether the position is full time"),
    Trait("first aid trained/first aider", "", ("is trained in first aid",),
        ("is not trained in first aid",), (), "first aid training"),
    Trait("driving license/drivers license", "", ("holds a driver's license",),
        ("does not hold a driver's license",), (), "a driver's license"),
    Trait("on probation/probation", "", ("is on probation",), ("is not on probation",), (),
        "whether there is a probation period"),
    Trait("company car/has company car", "", ("has a company car",),
        ("does not have a company car",), (), "a company car"),
    Trait("union member/in union", "", ("is a union member",), ("is not a union member",), (),
        "union membership"),
    Trait("security clearance/cleared", "", ("has a security clearance",),
        ("does not have a security clearance",), (), "security clearance"),
    Trait("mentor/is mentor", "", ("serves as a mentor",), ("does not serve as a mentor",), (),
        "mentoring"),
)  # fmt: skip


_DEGREES = ("Bachelor of Arts", "Master of Science", "Bachelor of Science", "Doctorate")


COMPANIES = ("Group", "Systems", "Partners", "Labs")


SCHOOLS = ("College", "Academy", "Institute", "Open School")


def draw_employee(sheet: Sheet) -> None:
    rng = sheet.rng
    sheet.name = any_person(rng)
    sheet.it, gender = rng.choice([("she", "female"), ("he", "male")])
    sheet.subjects = (sheet.name.split()[0], sheet.name)
    sheet.groups = ("work", "background", "terms", "closing", "unknown")
    sheet.leads = {
        "terms": ("As for the terms of employment, ", "On the contractual side, "),
        "background": ("In terms of qualifications, ", "Professionally, "),
    }
    sheet.inferences = (
        f"making {'her' if sheet.it == 'she' else 'him'} a strong candidate for promotion",
        "which is appreciated by the whole team",
        f"making {'her' if sheet.it == 'she' else 'him'} one of the most experienced colleagues",
        f"reflecting {'her' if sheet.it == 'she' else 'his'} excellent performance",
        "which has earned the trust of senior management",
    )
    department = rng.choice(list(ROLES))
    role, company, town = (
        rng.choice(ROLES[department]),
        business_name(rng, COMPANIES),
        any_town(rng),
    )
    sheet.put("", "name/full name/employee name", sheet.name)
    sheet.put("", "gender/sex", gender)
    sheet.put("", "employee id/id", f"E{rng.randint(100, 99999)}")
    sheet.put("position", "title/job title/role", role)
    sheet.put("position", "department/team", department)
    sheet.put("position", "company/employer", company)
    sheet.put("position", "office/location", town)
    wrong_role = rng.choice(ROLES[rng.choice([d for d in ROLES if d != department])])
    put_opening(
        sheet,
        (
            "{s} is a {role} in the {department} department at {company}.",
            "{s} works as a {role} at {company} in {town}.",
            "{s} works as a {role} in the {department} department of {company}, based in {town}.",
            "{s} is employed by {company} as a {role} and is based in {town}.",
        ),
        {
            "role": (
                role,
                [wrong_role, *[r for r in ROLES[department] if r != role][:1]],
                "category",
            ),
            "department": (
                department,
                [rng.choice([d for d in ROLES if d != department])],
                "category",
            ),
            "company": (company, [business_name(rng, COMPANIES)], "value"),
            "town": (town, [other_of(rng, any_town, town)], "place"),
        },
    )
    put_date(
        sheet,
        "position",
        "work",
        "start date/hire date/joined",
        ("joined the company on {}", "started on {}"),
    )
    put_name(sheet, "position", "work", "manager/reports to/supervisor", ("reports to {}",
        "has {} as a manager"), "the manager")  # fmt: skip
    put_number(sheet, "position", "work", "direct reports/number of direct reports", rng.randint(2,
        30), ("has {} direct reports", "manages {} direct reports"), "direct reports")  # fmt: skip
    put_members(sheet, "", "background", "skills/competencies", SKILLS, ("has skills in {}",
        "is skilled in {}", "lists {} among the competencies"), "skills")  # fmt: skip
    put_members(sheet, "", "background", "languages/spoken languages", LANGUAGES, ("speaks {}",
        "is able to speak {}"), "languages")  # fmt: skip
    degree = rng.choice(_DEGREES)
    sheet.slot("", "background", "degree/education", degree, degree,
        [d for d in _DEGREES if d != degree], ("holds a {}", "has a {}"), about="education",
        is_optional=True)  # fmt: skip
    put_amount(sheet, "contract", "terms", "annual salary/salary per year/yearly salary",
        rng.randint(38, 160) * 1000, ("earns {} per year", "has a salary of {} per year"),
        "the salary", wrong_per=("per year",
        "per month")) if rng.random() < 0.8 else None  # fmt: skip
    put_number(sheet, "contract", "terms", "vacation days/annual leave days", rng.randint(15, 32),
        ("is entitled to {} days of vacation", "has {} vacation days"), "vacation days", steps=(2,
        5, 3))  # fmt: skip
    for trait in rng.sample(_EMPLOYEE_TRAITS, rng.randint(3, 5)):
        sheet.trait("contract", "terms", trait)
