"""Who chooses what becomes of unsupported sentences, and who sees it."""

from retrieval.types import Access, Collection
from tests.component.site import site

__all__ = ["site"]  # a fixture


def test_who_manages_a_collection_chooses_its_policy_and_readers_see_those_of_their_collections(
    site,
):
    root, ada = site.client("root"), site.client("ada")
    chosen = root.put("/api/policies/open", json={"policy": "strike"})
    assert chosen.json() == {"collection": "open", "policy": "strike"}
    assert ada.get("/api/policies").json() == {
        "policies": [{"collection": "open", "policy": "strike"}]
    }
    assert len(root.get("/api/policies").json()["policies"]) == 2
    site.services.access.grant(site.people["ada"], Collection(1, "open"), Access.MANAGE)
    assert ada.put("/api/policies/open", json={"policy": "quote"}).status_code == 200
    assert ada.put("/api/policies/secret", json={"policy": "show"}).status_code == 404


def test_a_policy_is_not_chosen_by_readers_nor_for_what_is_not_there(site):
    refused = site.client("ada").put("/api/policies/open", json={"policy": "show"})
    assert refused.status_code == 403
    assert site.client("root").put("/api/policies/no", json={"policy": "show"}).status_code == 404
    wrong = site.client("root").put("/api/policies/open", json={"policy": "shout"})
    assert wrong.status_code == 422
    assert site.client().get("/api/policies").status_code == 401
