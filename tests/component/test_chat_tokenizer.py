"""Conversations as tokens without transformers: the same ones, or transformers is used."""

import pytest
from jinja2 import TemplateError
from transformers import AutoTokenizer

from generation.engines.prepared_tokenizer import difference, prepare_tokenizer
from generation.engines.templates import ChatTemplate
from generation.engines.tokenizing import (
    CHAT_FILE,
    TOKENIZER_FILE,
    PreparedTokenizer,
    TransformersTokenizer,
    load_tokenizer,
)
from generation.types import Message
from tests.models import CHATML, WITHOUT_SYSTEM, chat_model

ASKED = [Message("user", "When does the lease end?")]
# Each uses what templates of known models use.
TEMPLATES = {
    "chatml": CHATML,
    "no system": WITHOUT_SYSTEM,
    "blanks": "  {%- for m in messages -%}\n  {% if m.role == 'user' %}\n[{{ m.content | trim }}]\n"
    "  {% endif %}\n{%- endfor %}\n",
    "names": "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}"
    "{% endfor %}{{ bos_token }}{{ ns.n }}{{ eos_token }}{{ messages[0].content | tojson }}",
    "loop": "{% for m in messages %}{% if loop.index > 2 %}{% break %}{% endif %}{{ m.content }}"
    "{% endfor %}",
    "generation": "{% for m in messages %}{% generation %}{{ m['content'] }}{% endgeneration %}"
    "{% endfor %}{% if enable_thinking is defined and not enable_thinking %}<think></think>"
    "{% endif %}",
    "today": "{{ strftime_now('%Y') }} {{ dict(a=1).a }} {% if tools %}T{% endif %}"
    "{{ messages[-1]['content'].split('?')[0] }}{% if messages[0].get('x') is none %}!{% endif %}",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return chat_model(tmp_path_factory.mktemp("m") / "tiny", "llama")


@pytest.mark.parametrize("name", TEMPLATES)
def test_tokens_and_texts_are_those_of_transformers(folder, tmp_path, name):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = TEMPLATES[name]
    assert prepare_tokenizer(tokenizer, tmp_path)
    prepared, reference = load_tokenizer(tmp_path), TransformersTokenizer(tokenizer)
    assert isinstance(prepared, PreparedTokenizer)
    assert prepared.written(ASKED) == reference.written(ASKED) != ""
    assert (prepared.end, prepared.markers) == (reference.end, reference.markers)


def test_a_model_without_a_template_too(tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(chat_model(tmp_path / "gpt2", "gpt2"))
    assert prepare_tokenizer(tokenizer, tmp_path)
    assert not load_tokenizer(tmp_path).has_template


@pytest.mark.parametrize("template", ["{{ dict.fromkeys([1]) }}", "{% bad"])
def test_what_comes_out_otherwise_is_left_to_transformers(folder, tmp_path, template):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = template
    assert not prepare_tokenizer(tokenizer, tmp_path)
    assert not (tmp_path / CHAT_FILE).exists()
    assert not (tmp_path / TOKENIZER_FILE).exists()
    tokenizer.save_pretrained(tmp_path)
    assert isinstance(load_tokenizer(tmp_path), TransformersTokenizer)


def test_a_difference_is_found(folder, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prepare_tokenizer(tokenizer, tmp_path)
    tokenizer.chat_template = CHATML + "!"
    found = difference(PreparedTokenizer(tmp_path), TransformersTokenizer(tokenizer))
    assert found == "conversation 1 has other tokens"


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages.__class__.__mro__ }}",
        "{% set ns = namespace() %}{% set ns.__class__ = 1 %}",
        "{{ namespace(__class__=1) }}",
        "{{ messages.append(1) }}",
        "{{ raise_exception('No.') }}",
    ],
)
def test_a_template_cannot_reach_into_python(template):
    with pytest.raises(TemplateError):
        ChatTemplate(template, {}).written(ASKED)
