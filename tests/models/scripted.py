"""Tiny real model files for the embedded engine: one that follows a script, one with random weights.

How the scripted one works: attention and feed-forward weights are zero, so the next token depends on the current one
alone. Embeddings are random signs; the output row of a token is the sum of its predecessors' embeddings, so that the
right token wins by a wide margin at any temperature. Every piece of a script is a vocabulary entry of its own. The
chat template looks at the last message and ends the prompt with a hidden control token, which starts one chain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import gguf
import numpy as np

WIDTH = 128
CONTEXT = 8192

END = "<|im_end|>"
SPECIALS = ("<unk>", "<s>", "</s>", "<|im_start|>", END)

SPLIT_TEXT = "😀中é"


@dataclass(frozen=True)
class Chain:
    """What the model says once its route token stands at the end of the prompt; an endless one starts over."""

    pieces: tuple[str | bytes, ...]
    endless: bool = False

    @property
    def text(self) -> str:
        return b"".join(p if isinstance(p, bytes) else p.encode() for p in self.pieces).decode()


CHAINS: Mapping[str, Chain] = MappingProxyType(
    {
        "text": Chain(("Hello", "! I", " am a", " scripted", " model", ", and", " I answer", " the same.")),
        "think": Chain(
            ("<think>\n", "The user", " wants me", " to reason", ".\n</think>\n\n", "Thought", " about it", ": yes.")
        ),
        "split": Chain(("Look: ", *(bytes([byte]) for byte in SPLIT_TEXT.encode()), " – done.")),
        "add": Chain(
            (
                "I will add",
                " that.\n",
                '<tool_call>\n{"name"',
                ': "add_task"',
                ', "arguments": {',
                '"title"',
                ': "Buy',
                " oat",
                ' milk"}}',
                "\n</tool_call>",
            )
        ),
        "both": Chain(
            (
                "Two at",
                " once.\n",
                '<tool_call>\n{"name": "',
                'add_task", ',
                '"arguments": {"title": "Ring',
                ' Anna"}',
                "}\n</tool_call>\n",
                '<tool_call>\n{"name": "add_task',
                '", "arguments": ',
                '{"title": "Water',
                ' the plants"}}\n',
                "</tool_call>",
            )
        ),
        "after_tool": Chain(("Done", ": it is", " on your", " list now", ".")),
        "endless": Chain((" tick", " tock", " and", " again"), endless=True),
    }
)

TEMPLATE = """\
{%- if tools %}<|im_start|>system
{%- if messages[0].role == 'system' %}
{{ messages[0].content }}
{%- endif %}
# Tools
You may call one or more functions to assist with the user query.
<tools>
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
</tools>
For each function call return a json object with function name and arguments within <tool_call></tool_call> tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
{% elif messages[0].role == 'system' %}<|im_start|>system
{{ messages[0].content }}<|im_end|>
{% endif %}
{%- for message in messages %}
{%- if message.role == 'user' %}<|im_start|>user
{{ message.content }}<|im_end|>
{% elif message.role == 'assistant' %}<|im_start|>assistant
{% if message.reasoning_content %}<think>
{{ message.reasoning_content }}
</think>

{% endif %}{{ message.content or '' }}
{%- for call in message.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% elif message.role == 'tool' %}<|im_start|>user
<tool_response>
{{ message.content }}
</tool_response><|im_end|>
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{%- set last = messages[-1] %}
{%- set said = (last.content or '') | lower %}
{%- if last.role == 'tool' %}<|after_tool|>
{%- elif 'both' in said and tools %}<|both|>
{%- elif 'add' in said and tools %}<|add|>
{%- elif 'emoji' in said %}<|split|>
{%- elif 'think' in said %}<|think|>
{%- elif 'long' in said %}<|endless|>
{%- else %}<|text|>
{%- endif %}
{%- endif %}"""


PLAIN_TEMPLATE = """\
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant<|text|>{% endif %}"""
"""Knows neither tools nor thinking, and always starts the chain named text."""


@dataclass(frozen=True)
class _Vocabulary:
    tokens: list[str]
    types: list[int]
    index: dict[str, int]


def build_scripted(path: Path, chains: Mapping[str, Chain] = CHAINS, template: str = TEMPLATE) -> Path:
    """Write the scripted model (about 300 kB in 0.1 s) and return its path."""
    vocabulary = _vocabulary(chains)
    embedding = _signs(len(vocabulary.tokens))
    output = np.zeros_like(embedding)
    for before, after in _steps(chains, vocabulary):
        output[after] += embedding[before] * (40 / WIDTH)
    _write(path, vocabulary, embedding, output, template, layer=lambda *shape: np.zeros(shape, np.float16))
    return path


def build_random(path: Path, seed: int = 7) -> Path:
    """Write a model of random weights: it says any bytes at all, also invalid UTF-8."""
    vocabulary = _vocabulary({})
    random = np.random.default_rng(seed)

    def layer(*shape: int) -> np.ndarray:
        return (random.standard_normal(shape) * 0.2).astype(np.float16)

    size = len(vocabulary.tokens)
    _write(path, vocabulary, layer(size, WIDTH), layer(size, WIDTH), TEMPLATE, layer=layer)
    return path


def _vocabulary(chains: Mapping[str, Chain]) -> _Vocabulary:
    control = [*SPECIALS, *(f"<|{name}|>" for name in chains)]
    plain = list(dict.fromkeys(_spelled(p) for chain in chains.values() for p in chain.pieces if isinstance(p, str)))
    count = sum(isinstance(piece, str) for chain in chains.values() for piece in chain.pieces)
    assert len(plain) == count, "every piece of every chain must be a string of its own"
    tokens = [*control, *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *plain]
    kinds = gguf.TokenType
    types = [kinds.UNKNOWN, *[kinds.CONTROL] * (len(control) - 1), *[kinds.BYTE] * 256]
    types += [kinds.NORMAL] * (1 + len(plain))
    return _Vocabulary(tokens, [int(kind) for kind in types], {token: n for n, token in enumerate(tokens)})


def _spelled(piece: str | bytes) -> str:
    return f"<0x{piece[0]:02X}>" if isinstance(piece, bytes) else piece.replace(" ", "▁")


def _steps(chains: Mapping[str, Chain], vocabulary: _Vocabulary) -> list[tuple[int, int]]:
    steps: list[tuple[int, int]] = []
    for name, chain in chains.items():
        ids = [vocabulary.index[_spelled(piece)] for piece in chain.pieces]
        start = vocabulary.index[f"<|{name}|>"]
        last = ids[0] if chain.endless else vocabulary.index[END]
        steps += zip([start, *ids], [*ids, last], strict=True)
    assert len({before for before, _ in steps}) == len(steps), "a token can have one successor only"
    return steps


def _signs(count: int) -> np.ndarray:
    return np.random.default_rng(1).choice(np.array([-1, 1], np.float16), (count, WIDTH))


def _write(
    path: Path,
    vocabulary: _Vocabulary,
    embedding: np.ndarray,
    output: np.ndarray,
    template: str,
    *,
    layer: Callable[..., np.ndarray],
) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    _describe(writer, vocabulary, template)
    ones = np.ones(WIDTH, np.float32)
    tensors: Sequence[tuple[str, np.ndarray]] = (
        ("token_embd.weight", embedding),
        ("blk.0.attn_norm.weight", ones),
        ("blk.0.attn_q.weight", layer(WIDTH, WIDTH)),
        ("blk.0.attn_k.weight", layer(WIDTH, WIDTH)),
        ("blk.0.attn_v.weight", layer(WIDTH, WIDTH)),
        ("blk.0.attn_output.weight", layer(WIDTH, WIDTH)),
        ("blk.0.ffn_norm.weight", ones),
        ("blk.0.ffn_gate.weight", layer(32, WIDTH)),
        ("blk.0.ffn_up.weight", layer(32, WIDTH)),
        ("blk.0.ffn_down.weight", layer(WIDTH, 32)),
        ("output_norm.weight", ones),
        ("output.weight", output.astype(np.float16)),
    )
    for name, values in tensors:
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: gguf.GGUFWriter, vocabulary: _Vocabulary, template: str) -> None:
    writer.add_name("scripted")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(32)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // 2)
    writer.add_vocab_size(len(vocabulary.tokens))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_scores([0.0] * len(vocabulary.tokens))
    writer.add_token_types(vocabulary.types)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(vocabulary.index[END])
    writer.add_eot_token_id(vocabulary.index[END])
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(template)
