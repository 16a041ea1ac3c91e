"""The kernels without a framework: the C interface, and what Python and C++ both know."""

import ctypes
import subprocess
import sysconfig

import numpy as np
import pytest

from odyssey.engines.fused.instructions import INSTRUCTION_SETS
from odyssey.engines.fused.loader import (
    FUSED_LOSSES,
    OUTSIDE,
    OpenNetwork,
    instruction_set,
    interface,
    load,
    network_attributes,
)
from odyssey.engines.fused.model import FusedModel
from odyssey.engines.noise import Noise
from odyssey.engines.switches import switches
from odyssey.losses import get_loss
from odyssey.networks.gru import GRU
from odyssey.networks.rnn import RNN
from odyssey.networks.spec import UpdateRule
from odyssey.networks.variants import VANILLA, VARIANTS
from tests.conftest import ROOT
from tests.support.model_checks import network, sequence, started

pytestmark = pytest.mark.usefixtures("libraries")

SOURCES = ROOT / "odyssey" / "engines" / "fused"
RULE = UpdateRule(0.01, 0.9, clip=True)


class CNoise(ctypes.Structure):
    """odyssey_noise of interface.h."""

    _fields_ = (
        ("std", ctypes.c_float),
        ("key", ctypes.c_uint32 * 2),
        ("presentation", ctypes.c_uint32 * 2),
        ("dropout", ctypes.c_float),
    )

    @classmethod
    def of(cls, noise):
        words = [(n & 0xFFFFFFFF, n >> 32) for n in (noise.key, noise.presentation)]
        return cls(noise.std, *((ctypes.c_uint32 * 2)(*pair) for pair in words), noise.dropout)


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


class Bare:
    """A network behind the C interface, with its arrays in NumPy."""

    def __init__(self, library, handle, parameters):
        self.library, self.handle = library, handle
        canonical = np.concatenate([value.ravel() for value in parameters.values()])
        self.shapes = {name: value.shape for name, value in parameters.items()}
        self.theta = np.empty(library.odyssey_size(handle), np.float32)
        self.state = np.zeros_like(self.theta)
        self.rule = np.array(list(RULE.numbers().values()), np.float32)
        assert library.odyssey_pack(handle, pointer(canonical), pointer(self.theta)) == 0

    def canonical(self, flat):
        sizes = [int(np.prod(shape)) for shape in self.shapes.values()]
        out = np.empty(sum(sizes), np.float32)
        assert self.library.odyssey_unpack(self.handle, pointer(flat), pointer(out)) == 0
        parts = np.split(out, np.cumsum(sizes)[:-1])
        pairs = zip(parts, self.shapes.items(), strict=True)
        return {name: part.reshape(shape) for part, (name, shape) in pairs}

    def step(self, x, y, noise):
        loss, target = np.empty(1), np.ascontiguousarray(y, np.float32)
        arrays = map(pointer, (self.theta, self.state, self.rule, loss))
        where = ctypes.byref(CNoise.of(noise))
        args = (pointer(x), len(x), pointer(target), len(y), where)
        assert self.library.odyssey_step(self.handle, *args, *arrays) == 0
        return loss[0]

    def step_outside(self, loss, x, y, noise):
        a = np.empty((len(x), self.shapes["output.b"][0]), np.float32)
        where = ctypes.byref(CNoise.of(noise))
        args = (pointer(x), len(x), where, pointer(self.theta), pointer(a))
        assert self.library.odyssey_forward(self.handle, *args) == 0
        value, gradient = loss.value_and_gradient(a.astype(float), y)
        a[:] = gradient
        arrays = map(pointer, (a, self.theta, self.state, self.rule))
        assert self.library.odyssey_learn(self.handle, *arrays) == 0
        return value


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("loss", ["softmax", "ctc", "bernoulli", "squared"])
@pytest.mark.parametrize("code", ["V", "FGR", "GRU"])
def test_the_c_interface_takes_the_steps_of_the_operators_bit_by_bit(code, loss, fused):
    spec, generator = network(code, 3, 21, 5, loss=loss), np.random.default_rng(4)
    model = started(FusedModel(spec, RULE, fused_loss=fused))
    opened = OpenNetwork(spec, fused)
    bare = Bare(opened.library, opened.handle, model.get_parameters())
    for k, T in enumerate((9, 30, 14)):
        x, y = sequence(spec, T, generator)
        noise = Noise(0.3, 2**63 + 5, 2**35 + k, 0.25)
        step = bare.step if fused else lambda *of: bare.step_outside(get_loss(loss), *of)
        assert step(x, y, noise) == model.train_step(x, y, noise)
    for flat, values in (
        (bare.theta, model.get_parameters()),
        (bare.state, model.get_state()["velocity"]),
    ):
        for name, value in bare.canonical(flat).items():
            assert (value == values[name]).all(), name
    out, nats = np.empty((14, 5), np.float32), np.empty(1)
    target = np.ascontiguousarray(y, np.float32)
    args = (pointer(x), 14, pointer(target), len(y), pointer(bare.theta))
    assert opened.library.odyssey_evaluate(opened.handle, *args, pointer(out), pointer(nats)) == 0
    value, activations = model.evaluate(x, y)
    assert (out == activations).all()
    assert nats[0] == value if fused else np.isnan(nats[0])


@pytest.mark.slow
def test_the_core_needs_no_framework(tmp_path):
    """It is compiled without MXNet's headers, linked with nothing, and takes the same step."""
    library = tmp_path / "core.so"
    flags = ["-std=c++17", "-O2", "-fPIC", "-shared", "-Wno-psabi", "-Wall", "-Wextra", "-Werror"]
    flags += ["-Wno-uninitialized"]  # which g++ 12 says of its own header of intrinsics
    flags += ["-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]
    flags += [*INSTRUCTION_SETS[instruction_set()], "-Wl,--no-undefined"]
    defined = f"-DODYSSEY_ROWS(ROW)=ROW({switches(VANILLA)}u)"
    files = [str(SOURCES / f"{name}.cc") for name in ("batch", "core", "direction", "interface")]
    subprocess.run(["g++", *flags, defined, *files, "-o", str(library)], check=True)
    bare_library = ctypes.CDLL(str(library))
    bare_library.odyssey_open.restype = ctypes.c_void_p
    bare_library.odyssey_size.restype = ctypes.c_size_t
    spec = network("V", 3, 21, 5)
    model = started(FusedModel(spec, RULE))
    shape = (ctypes.c_int * 5)(*network_attributes(spec).values())
    handle = ctypes.c_void_p(bare_library.odyssey_open(switches(VANILLA), shape))
    bare = Bare(bare_library, handle, model.get_parameters())
    x, y = sequence(spec, 30, np.random.default_rng(4))
    noise = Noise(0.3, 5, 6)
    assert bare.step(x, y, noise) == model.train_step(x, y, noise)
    for name, value in bare.canonical(bare.theta).items():
        assert (value == model.get_parameters()[name]).all(), name
    bare_library.odyssey_close(handle)


@pytest.mark.parametrize(
    ("bits", "shape", "message"),
    [
        (1 << 10, (3, 4, 5, 1, 0), "no variant with switches 1024"),
        (switches(VANILLA), (3, 0, 5, 1, 0), "at least one input, block and output"),
        (switches(VANILLA), (3, 4, 5, 3, 0), "one or two directions"),
        (switches(VANILLA), (3, 4, 5, 1, 5), "a loss must be one of 0 to 4"),
    ],
)
def test_what_cannot_be_opened_says_why(bits, shape, message):
    library = interface(VANILLA)
    assert library.odyssey_open(bits, (ctypes.c_int * 5)(*shape)) is None
    said = library.odyssey_error().decode()
    assert message in said
    assert "\n" not in said


def test_learning_needs_the_forward_pass_before_it():
    spec = network("V", 3, 4, 5)
    opened = OpenNetwork(spec)
    bare = Bare(opened.library, opened.handle, started(FusedModel(spec, RULE)).get_parameters())
    arrays = [np.zeros((9, 5), np.float32), bare.theta, bare.state, bare.rule]
    assert opened.library.odyssey_learn(opened.handle, *map(pointer, arrays)) == -1
    assert b"forward pass" in opened.library.odyssey_error()
    x, y = sequence(spec, 9, np.random.default_rng(1))
    bare.step_outside(get_loss("softmax"), x, y, Noise(0.0, 0, 0))
    assert opened.library.odyssey_learn(opened.handle, *map(pointer, arrays)) == -1  # once each


def test_losses_have_the_numbers_of_the_kernels():
    names = interface(VANILLA).odyssey_losses().decode().split()
    assert {name: number for number, name in enumerate(names)} == FUSED_LOSSES | {
        "outside": OUTSIDE
    }


def test_the_update_rule_has_the_order_of_the_kernels():
    assert list(RULE.numbers()) == interface(VANILLA).odyssey_rule().decode().split()


@pytest.mark.parametrize("cell", [GRU, RNN])
def test_cells_beside_the_lstm_mean_the_same_to_python_and_the_kernels(cell):
    facts = (ctypes.c_int * 10)()
    load(cell)
    assert interface(cell).odyssey_variant(switches(cell), facts) == 0
    assert list(facts) == [*[0] * 8, len(cell.blocks), 0]


@pytest.mark.parametrize("code", VARIANTS)
def test_switches_mean_the_same_to_python_and_the_kernels(code):
    variant, facts = VARIANTS[code], (ctypes.c_int * 10)()
    load(variant)
    assert interface(variant).odyssey_variant(switches(variant), facts) == 0
    assert list(facts) == [
        variant.input_gate,
        "f" in variant.gates,
        variant.output_gate,
        variant.input_activation,
        variant.output_activation,
        variant.coupled_gates,
        variant.peepholes and bool(variant.gates),
        variant.gate_recurrence,
        len(variant.blocks),
        len(variant.gates),
    ]


def test_the_header_is_c(tmp_path):
    source = tmp_path / "user.c"
    source.write_text('#include "interface.h"\nint main(void) { return odyssey_error() == 0; }\n')
    compiler = sysconfig.get_config_var("CC").split()[0]
    command = [compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    subprocess.run([*command, f"-I{SOURCES}", str(source)], check=True)
