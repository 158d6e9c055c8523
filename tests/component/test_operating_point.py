"""Administrators choose when to decline, on the curve of a run."""

import pytest

from tests.component.site import finished_run, site

__all__ = ["site"]  # a fixture


def test_an_administrator_chooses_when_to_decline_on_the_curve_of_a_run(site):
    root, run = site.client("root"), finished_run(site)
    page = root.get("/evals/operating-point")
    assert "the measured default" in page.text
    assert "<svg" in page.text

    form = {"decision": "choose", "run": str(run), "unsupported": "25", "answered": "50 %"}
    assert root.post("/evals/operating-point", data=form).status_code == 303
    chosen = site.services.operating_point.current()
    assert chosen.abstain_below == pytest.approx(0.32)
    assert (chosen.run_id, chosen.chosen_by) == (run, "root")
    after = root.get("/evals/operating-point?done=chosen").text
    assert "at most 25.0" in after
    assert "in force" in after

    assert root.post("/evals/operating-point", data={"decision": "clear"}).status_code == 303
    assert site.services.operating_point.current() is None


@pytest.mark.parametrize(
    "form",
    [
        {"decision": "choose", "run": "", "unsupported": "5"},
        {"decision": "choose", "unsupported": "-1"},
        {"decision": "choose", "unsupported": "nan"},
        {"decision": "choose", "unsupported": "0", "answered": "100"},
        {"decision": "shout"},
    ],
)
def test_what_cannot_be_kept_is_not_chosen(site, form):
    run = finished_run(site)
    answer = site.client("root").post("/evals/operating-point", data={"run": str(run), **form})
    assert answer.status_code == 422
    assert site.services.operating_point.current() is None


def test_the_operating_point_is_for_administrators_and_says_when_a_setting_stands_in_its_place(
    site,
):
    assert site.client("ada").get("/evals/operating-point").status_code == 403
    page = site.client("root", limit_set_by="ASSAY_ABSTAIN_BELOW").get("/evals/operating-point")
    assert "No run to choose by" in page.text
    assert "ASSAY_ABSTAIN_BELOW" in page.text
