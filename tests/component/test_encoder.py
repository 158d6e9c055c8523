"""The bundled encoder, for real: shapes, lengths, order, limits."""

import numpy as np
import pytest

from retrieval.encoder import beginnings
from retrieval.encoder_loading import load_encoder
from retrieval.errors import ModelMissing, TextTooLong

TEXTS = ["The lease ends in March.", "A bell hammer weighs 12 kg.", "Der Vertrag endet im März. 😀"]


@pytest.fixture(scope="module")
def encoder():
    return load_encoder()


def test_vectors_are_unit_rows_in_the_order_of_the_texts(encoder):
    together = encoder.encode(TEXTS)
    assert together.shape == (3, encoder.dimension) == (3, 384)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert (together * alone).sum(axis=1).min() > 0.999  # a batch changes rounding, no more


@pytest.mark.parametrize("texts", [[], ["one"], ["a"] * 33])
def test_none_one_and_one_more_than_a_batch(encoder, texts):
    done = []
    assert encoder.encode(texts, on_progress=done.append).shape == (len(texts), 384)
    assert done == ([] if not texts else [1] if len(texts) == 1 else [32, 33])


def test_nothing_is_cut_off_silently(encoder):
    fits, over = "word " * encoder.limit_tokens, "word " * (encoder.limit_tokens + 1)
    assert encoder.count_tokens([fits, over]) == [encoder.limit_tokens, encoder.limit_tokens + 1]
    assert encoder.encode([fits]).shape == (1, 384)
    with pytest.raises(TextTooLong, match=f"the encoder reads {encoder.limit_tokens}"):
        encoder.encode([over])


def test_a_long_question_is_read_from_its_beginning(encoder):
    long = "lease " * 2000
    short, cut = beginnings(["lease", long], encoder)
    assert short == "lease"
    assert long.startswith(cut)
    tokens = encoder.count_tokens([cut])[0]
    assert 0.8 * encoder.limit_tokens < tokens <= encoder.limit_tokens


def test_the_nearest_text_is_the_one_that_means_the_same(encoder):
    question, *rows = encoder.encode(["When does the rental agreement finish?", *TEXTS[:2]])
    assert question @ rows[0] > question @ rows[1] + 0.2


def test_another_load_is_the_same_encoder(encoder):
    assert load_encoder().fingerprint == encoder.fingerprint


def test_a_model_that_is_not_here_is_named(tmp_path):
    with pytest.raises(ModelMissing, match="ASSAY_ENCODER"):
        load_encoder(str(tmp_path))
