"""Small models of random weights, saved as a hub's folders are: no download, no quality.

    folder = chat_model(tmp_path / "m", "qwen2")

Each is a family's own architecture in a few thousand numbers, with a byte-level BPE tokenizer
trained here. They write nonsense, and always the same nonsense for a kind.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# How a template of each kind is written; all of them have `add_generation_prompt`.
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Like Gemma 2's and the first Mistral's: they know no instructions and insist on the order.
WITHOUT_SYSTEM = (
    "{% for m in messages %}"
    "{% if m['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate') }}{% endif %}"
    "<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
END, TURN_START, TURN_END, PAD = "<|end|>", "<|im_start|>", "<|im_end|>", "<|pad|>"
_WINDOW = 512
_SEED = 11
_SIZES: Mapping[str, Any] = {
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": _WINDOW,
}
# Standard deviations of embeddings and of other weights; tried out until texts were lively.
_SPREADS = {"gpt2": (1.0, 0.8), "t5": (0.02, 0.4), "bart": (1.0, 0.1)}
_SENTENCES = (
    "The lease ends on the last day of March, and the rent is due on the first of each month.",
    "When does the lease end? It ends in March. Who pays for repairs? The landlord pays.",
    "Answer only from the evidence. Be brief. If the evidence does not say, say so.",
    "assistant user system Question Answer Evidence: Der Mietvertrag endet im März. Größe: 12 m².",
    "Invoices are paid within thirty days; later ones carry interest of two per cent a year.",
)

# Kinds with a chat template, kinds that continue a text, and kinds with an encoder.
CHAT_KINDS = (
    "llama", "smollm3", "qwen2", "qwen3", "mistral", "gemma2", "gemma3_text", "phi3", "lfm2",
)  # fmt: skip
TEXT_KINDS = ("gpt2",)
SEQ2SEQ_KINDS = ("t5", "bart")
KINDS = (*CHAT_KINDS, *TEXT_KINDS, *SEQ2SEQ_KINDS)


def chat_model(folder: Path, kind: str, *, generation: Mapping[str, Any] | None = None) -> Path:
    """Make a model of a family and save it under `folder`.

    Args:
        folder: made when it is not there.
        kind: one of `KINDS`.
        generation: written over the fields of its generation_config.json, as hubs' models do.

    Returns:
        `folder`: config.json, model.safetensors, generation_config.json and the tokenizer's files.
    """
    import torch

    tokenizer = _tokenizer(kind)
    with torch.random.fork_rng():
        torch.manual_seed(_SEED)
        model = _MODELS[kind](tokenizer)
        _enliven(model, kind)
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if generation is not None:
        path = folder / "generation_config.json"
        fields = json.loads(path.read_text(encoding="utf-8")) | dict(generation)
        path.write_text(json.dumps(fields), encoding="utf-8")
    return folder


def _tokenizer(kind: str) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=[END, PAD, TURN_START, TURN_END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_SENTENCES, trainer)
    options: dict[str, Any] = {"eos_token": END, "pad_token": PAD}
    if kind in CHAT_KINDS:
        options["eos_token"] = TURN_END
        options["chat_template"] = WITHOUT_SYSTEM if kind == "gemma2" else CHATML
    if kind in SEQ2SEQ_KINDS:
        # As T5's own does: what the encoder reads ends with the end token.
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"$A {END}", special_tokens=[(END, tokenizer.token_to_id(END))]
        )
    made: Any = PreTrainedTokenizerFast
    return made(tokenizer_object=tokenizer, **options)


def _enliven(model: Any, kind: str) -> None:
    """Scale the weights: with the usual ones the next token hardly depends on those before."""
    import torch

    embeddings, others = _SPREADS.get(kind, (1.0, 0.35))
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if weights.ndim >= 2:
                is_embedding = any(part in name for part in ("embed", "shared", "wte", "wpe"))
                torch.nn.init.normal_(weights, std=embeddings if is_embedding else others)


def _identity(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "tie_word_embeddings": False,
    }


def _llama(tokenizer: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(**_SIZES, **_identity(tokenizer)))


def _smollm3(tokenizer: Any) -> Any:
    from transformers import SmolLM3Config, SmolLM3ForCausalLM

    return SmolLM3ForCausalLM(SmolLM3Config(**_SIZES, **_identity(tokenizer)))


def _qwen2(tokenizer: Any) -> Any:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    return Qwen2ForCausalLM(Qwen2Config(**_SIZES, **_identity(tokenizer)))


def _qwen3(tokenizer: Any) -> Any:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return Qwen3ForCausalLM(Qwen3Config(**_SIZES, head_dim=16, **_identity(tokenizer)))


def _mistral(tokenizer: Any) -> Any:
    """Every layer sees the last 32 tokens only."""
    from transformers import MistralConfig, MistralForCausalLM

    config = MistralConfig(**_SIZES, sliding_window=32, **_identity(tokenizer))
    return MistralForCausalLM(config)


def _gemma2(tokenizer: Any) -> Any:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    config = Gemma2Config(**_SIZES, head_dim=16, sliding_window=32, **_identity(tokenizer))
    return Gemma2ForCausalLM(config)


def _gemma3_text(tokenizer: Any) -> Any:
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    config = Gemma3TextConfig(**_SIZES, head_dim=16, sliding_window=32, **_identity(tokenizer))
    return Gemma3ForCausalLM(config)


def _phi3(tokenizer: Any) -> Any:
    from transformers import Phi3Config, Phi3ForCausalLM

    return Phi3ForCausalLM(Phi3Config(**_SIZES, **_identity(tokenizer)))


def _lfm2(tokenizer: Any) -> Any:
    """A hybrid: two layers keep a state of convolution, which cannot be cut back."""
    from transformers import Lfm2Config, Lfm2ForCausalLM

    config = Lfm2Config(
        **_SIZES, layer_types=["conv", "full_attention", "conv"], **_identity(tokenizer)
    )
    return Lfm2ForCausalLM(config)


def _gpt2(tokenizer: Any) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(n_positions=_WINDOW, n_embd=48, n_layer=3, n_head=4, **_identity(tokenizer))
    return GPT2LMHeadModel(config)


def _t5(tokenizer: Any) -> Any:
    """Relative positions: nothing in its config says how much it can read."""
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(
        d_model=48,
        d_kv=12,
        d_ff=96,
        num_layers=2,
        num_heads=4,
        **_identity(tokenizer) | {"decoder_start_token_id": tokenizer.pad_token_id},
    )
    return T5ForConditionalGeneration(config)


def _bart(tokenizer: Any) -> Any:
    from transformers import BartConfig, BartForConditionalGeneration

    config = BartConfig(
        d_model=48,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=96,
        decoder_ffn_dim=96,
        max_position_embeddings=_WINDOW,
        decoder_start_token_id=tokenizer.eos_token_id,
        forced_eos_token_id=tokenizer.eos_token_id,
        **_identity(tokenizer) | {"bos_token_id": tokenizer.eos_token_id},
    )
    return BartForConditionalGeneration(config)


_MODELS: Mapping[str, Callable[[Any], Any]] = {
    "llama": _llama,
    "smollm3": _smollm3,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "mistral": _mistral,
    "gemma2": _gemma2,
    "gemma3_text": _gemma3_text,
    "phi3": _phi3,
    "lfm2": _lfm2,
    "gpt2": _gpt2,
    "t5": _t5,
    "bart": _bart,
}
