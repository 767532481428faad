"""A tiny real embedding model (BERT, random weights): its vectors are unit vectors that depend on the text alone."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

WIDTH = 64
LAYERS = 2
CONTEXT = 128
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,!?-'"
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def build_embedder(path: Path, seed: int = 3) -> Path:
    """Write the model (about 400 kB in 0.02 s) and return its path."""
    random = np.random.default_rng(seed)
    tokens = [*SPECIALS, *(f"▁{letter}" for letter in LETTERS), *LETTERS]
    writer = gguf.GGUFWriter(path, "bert")
    _describe(writer, tokens)

    def matrix(name: str, *shape: int) -> None:
        writer.add_tensor(name, (random.standard_normal(shape) * 0.3).astype(np.float32))

    def norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))
        writer.add_tensor(f"{name}.bias", np.zeros(WIDTH, np.float32))

    matrix("token_embd.weight", len(tokens), WIDTH)
    matrix("token_types.weight", 2, WIDTH)
    matrix("position_embd.weight", CONTEXT, WIDTH)
    norm("token_embd_norm")
    for layer in (f"blk.{number}" for number in range(LAYERS)):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            matrix(f"{layer}.{name}.weight", WIDTH, WIDTH)
            matrix(f"{layer}.{name}.bias", WIDTH)
        norm(f"{layer}.attn_output_norm")
        matrix(f"{layer}.ffn_up.weight", WIDTH * 2, WIDTH)
        matrix(f"{layer}.ffn_up.bias", WIDTH * 2)
        matrix(f"{layer}.ffn_down.weight", WIDTH, WIDTH * 2)
        matrix(f"{layer}.ffn_down.bias", WIDTH)
        norm(f"{layer}.layer_output_norm")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _describe(writer: gguf.GGUFWriter, tokens: list[str]) -> None:
    writer.add_name("embedder")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(WIDTH * 2)
    writer.add_head_count(2)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("bert")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(
        [int(gguf.TokenType.CONTROL)] * len(SPECIALS) + [int(gguf.TokenType.NORMAL)] * (len(tokens) - len(SPECIALS))
    )
    writer.add_token_type_count(2)
    writer.add_pad_token_id(0)
    writer.add_unk_token_id(1)
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(3)
    writer.add_sep_token_id(3)
    writer.add_mask_token_id(4)
