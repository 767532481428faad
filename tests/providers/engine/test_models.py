"""What model files say of themselves, and what damaged ones get."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import gguf
import pytest

from portal_desktop.errors import ProviderError
from portal_desktop.providers.engine.header import BLOCKS, FILE_TYPES, BadHeader, read_header
from portal_desktop.providers.engine.models import ModelFiles
from tests.models.scripted import CONTEXT, build_random, build_scripted


@pytest.fixture
def folder(tmp_path: Path, scripted_model: Path) -> Path:
    (tmp_path / "nested").mkdir()
    (tmp_path / "one.gguf").write_bytes(scripted_model.read_bytes())
    (tmp_path / "nested" / "two.gguf").write_bytes(scripted_model.read_bytes())
    (tmp_path / "notes.txt").write_text("no model")
    return tmp_path


@pytest.mark.spec("P-19")
async def test_all_of_a_folder_tells_what_the_files_say_and_nothing_else(folder: Path) -> None:
    models = {model.id: model for _, model in await ModelFiles(folder).all("engine")}
    assert set(models) == {"one", "nested/two"}
    one = models["one"]
    assert (one.name, one.context_length, one.family, one.quantization) == ("scripted", CONTEXT, "llama", "F16")
    assert (one.tools, one.thinking, one.vision, one.embedding) == (True, True, None, False)
    assert one.parameters == ""
    assert one.full_id == "engine/one"


async def test_all_picked_file_stands_beside_the_folder(folder: Path, scripted_model: Path) -> None:
    models = await ModelFiles(folder, lambda: (scripted_model,)).all("engine")
    assert {model.id for _, model in models} == {"one", "nested/two", "scripted"}


async def test_all_without_a_folder_is_empty(tmp_path: Path) -> None:
    assert await ModelFiles(tmp_path / "absent").all("engine") == ()


async def test_all_of_a_split_model_shows_its_first_part_only(tmp_path: Path, scripted_model: Path) -> None:
    for part in (1, 2, 3):
        (tmp_path / f"big-{part:05}-of-00003.gguf").write_bytes(scripted_model.read_bytes())
    assert [model.id for _, model in await ModelFiles(tmp_path).all("engine")] == ["big-00001-of-00003"]


async def test_all_leaves_damaged_files_out(folder: Path) -> None:
    (folder / "broken.gguf").write_bytes(b"<html>404</html>")
    assert {model.id for _, model in await ModelFiles(folder).all("engine")} == {"one", "nested/two"}


async def test_all_again_after_a_file_was_deleted_no_longer_shows_it(folder: Path) -> None:
    files = ModelFiles(folder)
    assert len(await files.all("engine")) == 2
    (folder / "one.gguf").unlink()
    assert {model.id for _, model in await files.all("engine")} == {"nested/two"}


async def test_check_file_changed_since_reads_it_again(folder: Path) -> None:
    files = ModelFiles(folder)
    await files.check("one", "engine")
    (folder / "one.gguf").write_bytes(b"overwritten")
    with pytest.raises(ProviderError) as raised:
        await files.check("one", "engine")
    assert raised.value.name == "bad_model_file"


async def test_check_missing_model_is_model_missing(folder: Path) -> None:
    with pytest.raises(ProviderError) as raised:
        await ModelFiles(folder).check("three", "engine")
    assert raised.value.name == "model_missing"
    assert "three" in raised.value.title


@pytest.mark.spec("X-26")
async def test_check_truncated_file_is_not_a_valid_model_file(folder: Path) -> None:
    whole = (folder / "one.gguf").read_bytes()
    (folder / "one.gguf").write_bytes(whole[:-1000])
    with pytest.raises(ProviderError) as raised:
        await ModelFiles(folder).check("one", "engine")
    assert raised.value.title == "one.gguf is not a valid model file"
    assert "bytes are missing" in raised.value.technical


def test_read_header_cut_at_any_place_is_a_bad_header(tmp_path: Path, scripted_model: Path) -> None:
    whole = scripted_model.read_bytes()
    cut = tmp_path / "cut.gguf"
    places = random.Random(5).sample(range(len(whole) - 64), 40)
    for place in [*range(64), *places]:
        cut.write_bytes(whole[:place])
        with pytest.raises(BadHeader):
            read_header(cut)


def test_read_header_with_any_byte_flipped_never_fails_otherwise(tmp_path: Path, scripted_model: Path) -> None:
    whole = scripted_model.read_bytes()
    flipped = tmp_path / "flipped.gguf"
    chooser = random.Random(6)
    for _ in range(150):
        damaged = bytearray(whole[:20000])
        damaged[chooser.randrange(4000)] ^= 1 << chooser.randrange(8)
        flipped.write_bytes(damaged)
        with pytest.raises(BadHeader):
            read_header(flipped)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"", "ends inside"),
        (b"PK\x03\x04" + bytes(60), "does not begin with GGUF"),
        (b"GGUF" + struct.pack("<I", 99) + bytes(60), "version 99"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 1), "announces"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**62), "text of"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 0), "no architecture"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q1sI", 1, b"k", 77), "unknown type 77"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q1sIIQ", 1, b"k", 9, 9, 1), "array of unknown type"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q1sIIQ", 1, b"k", 9, 10, 2**61), "ends inside"),
    ],
)
def test_read_header_hostile_numbers_are_refused_with_the_reason(tmp_path: Path, head: bytes, reason: str) -> None:
    path = tmp_path / "hostile.gguf"
    path.write_bytes(head)
    with pytest.raises(BadHeader, match=reason):
        read_header(path)


def test_blocks_agree_with_the_gguf_package() -> None:
    assert dict(BLOCKS) == {int(kind): sizes for kind, sizes in gguf.GGML_QUANT_SIZES.items()}


def test_file_types_agree_with_the_gguf_package() -> None:
    named = {int(kind): kind.name.removeprefix("MOSTLY_").removeprefix("ALL_") for kind in gguf.LlamaFileType}
    named.pop(int(gguf.LlamaFileType.GUESSED))
    assert dict(FILE_TYPES) == named


def test_read_header_of_generated_models_agrees_with_the_gguf_package(tmp_path: Path) -> None:
    for build in (build_scripted, build_random):
        path = build(tmp_path / f"{build.__name__}.gguf")
        header = read_header(path)
        reader = gguf.GGUFReader(path)
        assert header.tensors == len(reader.tensors)
        for key in ("general.architecture", "general.name", "llama.context_length", "tokenizer.chat_template"):
            field = reader.get_field(key)
            assert field is not None
            assert header.values[key] == field.contents()
