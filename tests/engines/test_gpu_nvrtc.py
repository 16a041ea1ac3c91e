"""The CUDA kernels compile with NVRTC for every kind of device, without one."""

import locale
import re

import pytest

from odyssey.engines.gpu import nvrtc
from odyssey.engines.gpu.source import BACKWARD, FILES, FORWARD, LEAST_SHARED, LOSSES
from odyssey.networks.variants import VANILLA, VARIANTS, get_variant
from tests.support.emulated_gpu import SHARED

try:
    nvrtc.version()
except nvrtc.CompileError as error:
    pytest.skip(str(error), allow_module_level=True)

KERNELS = {f"odyssey_{name}" for name in (*FORWARD, *LOSSES, *BACKWARD)}


CAPABILITIES = [(7, 0), (8, 0), (9, 0)]


@pytest.mark.parametrize(
    ("code", "capability"), list(zip(VARIANTS, 3 * CAPABILITIES, strict=True)), ids=str
)
def test_every_variant_compiles_and_every_kind_of_device_is_compiled_for(code, capability):
    encoding = locale.getencoding()
    ptx = nvrtc.compile_ptx(VARIANTS[code], capability, SHARED[capability])
    assert set(re.findall(r"\.entry (\w+)", ptx)) == KERNELS
    assert f".target sm_{capability[0]}{capability[1]}" in ptx
    static = [int(size) for size in re.findall(r"\.shared .*?\[(\d+)\];", ptx)]
    assert len(static) >= 4
    assert max(static) <= LEAST_SHARED
    assert locale.getencoding() == encoding  # which NVRTC changes


def test_the_source_knows_all_its_files():
    included = {
        (path.parent / name).resolve()
        for path in FILES
        for name in re.findall(r'#include ["<](.+)[">]', path.read_text())
    }
    assert included == {path.resolve() for path in FILES if path.name != "step.cu"}


def test_rows_without_gates_compile():
    assert nvrtc.compile_ptx(get_variant("NIG+NFG+NOG"), (9, 0), SHARED[9, 0])


ON_CHIP = """
#include "weights.cuh"
static_assert(!odyssey::Weights<2, 1, false>::streamed, "forward");
static_assert(!odyssey::Weights<2, 1, true>::streamed, "backward");
"""


@pytest.mark.parametrize("capability", SHARED, ids=str)
def test_vanilla_of_128_blocks_lies_on_chip_where_96_kib_are_shared(capability, monkeypatch):
    monkeypatch.setattr(nvrtc, "SOURCE", ON_CHIP)
    if SHARED[capability] >= 96 << 10:
        assert nvrtc.compile_ptx(VANILLA, capability, SHARED[capability])
        return
    with pytest.raises(nvrtc.CompileError, match="static assertion failed"):
        nvrtc.compile_ptx(VANILLA, capability, SHARED[capability])


def test_an_error_of_the_compiler_is_one_line(monkeypatch):
    monkeypatch.setattr(nvrtc, "SOURCE", "this is no CUDA\n")
    with pytest.raises(nvrtc.CompileError, match=r"^[^\n]*error[^\n]*$"):
        nvrtc.compile_ptx(VARIANTS["V"], (8, 0))
