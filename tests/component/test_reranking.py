"""A real CrossEncoder, made here and as good as random, over the real search."""

import pytest
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from retrieval.cross_encoder import load_cross_encoder
from retrieval.errors import ModelMissing
from retrieval.reranker import RERANKED
from retrieval.search import Searcher
from retrieval.types import Mode
from tests.component.library import opened, texts

WORDS = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] the lease ends in may rent is due monthly soup of day".split()
)


def saved(folder, *, labels=1):
    """A CrossEncoder with random weights in a folder."""
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        num_labels=labels,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.fixture
def library(tmp_path):
    with opened(tmp_path / "home") as library:
        library.publish("a", "/lease.txt", "The lease ends in May. Rent is due monthly.")
        library.publish("b", "/menu.txt", "Soup of the day. The lease of the menu.")
        yield library


class Longest:
    """A reranker that likes long texts, and remembers what it was shown."""

    name = "longest"

    def __init__(self):
        self.shown = []

    def scores(self, question, shown):
        self.shown += shown
        return [float(len(text)) for text in shown]


def reranking(library, reranker):
    return Searcher(
        library.store, library.encoder, library.vectors, library.lexical, reranker=reranker
    )


def test_a_model_from_a_folder_orders_what_fusion_found(library, tmp_path):
    reranker = load_cross_encoder(str(saved(tmp_path / "model")))
    assert reranker.scores("lease", []) == []
    one, two = reranker.scores("lease", ["the lease ends", "soup of the day " * 90])
    assert reranker.scores("lease", ["the lease ends"]) == pytest.approx([one], abs=1e-5)
    assert one != two
    found = reranking(library, reranker).search("lease", readable=library.everything())
    fused = library.searcher.search("lease", readable=library.everything())
    assert sorted(texts(found)) == sorted(texts(fused))
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)


def test_what_is_no_reranker_is_refused_by_name(tmp_path):
    with pytest.raises(ModelMissing, match=r"ASSAY_RERANKER=.*gives 2 scores"):
        load_cross_encoder(str(saved(tmp_path / "two", labels=2)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelMissing, match=r"ASSAY_RERANKER=.*no config\.json"):
        load_cross_encoder(str(tmp_path / "empty"))


def test_it_reads_what_may_be_read_and_decides_in_hybrid_search_alone(library):
    reranker = Longest()
    searcher = reranking(library, reranker)
    readable = frozenset({library.store.collection("a").id})
    found = searcher.search("lease rent", readable=readable, k=1)
    assert texts(found) == ["The lease ends in May."]
    assert reranker.shown
    assert not any("menu" in text or "Soup" in text for text in reranker.shown)
    reranker.shown.clear()
    for mode in (Mode.DENSE, Mode.LEXICAL):
        assert searcher.search("lease", readable=readable, mode=mode)
    assert searcher.without_reranker().search("lease", readable=readable)
    assert searcher.search("", readable=readable) == []
    assert not reranker.shown


def test_only_the_first_are_read_again(library):
    for number in range(RERANKED + 5):
        library.publish("c", f"/{number}.txt", "Soup and " + "bread " * number)
    reranker = Longest()
    readable = frozenset({library.store.collection("c").id})
    found = reranking(library, reranker).search("soup", readable=readable, k=RERANKED + 5)
    assert len(reranker.shown) == RERANKED
    assert len(found) == RERANKED + 5
