"""Input noise: the generator against its authors' vectors, the numbers against their law."""

import numpy as np
import pytest
from scipy import stats

from odyssey.engines.fused.loader import instruction_set
from odyssey.engines.fused.model import FusedModel
from odyssey.engines.noise import Noise, threefry
from odyssey.networks.spec import NetworkSpec, UpdateRule
from odyssey.networks.variants import get_variant

ONES = [0xFFFFFFFF] * 4
PI = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344]
MORE_PI = [0xA4093822, 0x299F31D0, 0x082EFA98, 0xEC4E6C89]


@pytest.mark.parametrize(
    ("key", "counter", "words"),
    [
        ([0] * 4, [0] * 4, [0x9C6CA96A, 0xE17EAE66, 0xFC10ECD4, 0x5256A7D8]),
        (ONES, ONES, [0x2A881696, 0x57012287, 0xF6C7446E, 0xA16A6732]),
        (MORE_PI, PI, [0x59CD1DBB, 0xB8879579, 0x86B5D00C, 0xAC8B6D84]),
    ],
)
def test_words_are_those_of_random123(key, counter, words):
    got = threefry(np.array(key, np.uint32), np.array(counter, np.uint32)[:, None])
    assert got[:, 0].tolist() == words


def test_numbers_are_standard_normal_and_independent():
    numbers = Noise(1.0, key=3, presentation=5).standard(400_000)
    assert stats.kstest(numbers, "norm").pvalue > 0.01
    correlation = [np.corrcoef(numbers[:-k], numbers[k:])[0, 1] for k in range(1, 130)]
    assert np.abs(correlation).max() < 4.5 / np.sqrt(len(numbers))
    squares = [np.corrcoef(numbers[:-k] ** 2, numbers[k:] ** 2)[0, 1] for k in range(1, 130)]
    assert np.abs(squares).max() < 4.5 / np.sqrt(len(numbers))


def test_longer_sequences_begin_like_shorter_ones():
    noise = Noise(1.0, key=2**63 + 1, presentation=2**40)
    assert (noise.standard(1000)[:37] == noise.standard(37)).all()


@pytest.mark.parametrize("other", [Noise(1.0, 8, 1), Noise(1.0, 7, 2), Noise(1.0, 7, 1 + 2**32)])
def test_keys_and_presentations_have_numbers_of_their_own(other):
    mine = Noise(1.0, key=7, presentation=1).standard(10_000)
    assert (mine != other.standard(10_000)).mean() > 0.999
    assert abs(np.corrcoef(mine, other.standard(10_000))[0, 1]) < 0.05


@pytest.mark.parametrize(("T", "D"), [(1, 1), (5, 3), (13, 39), (61, 88), (1, 64), (7, 129)])
@pytest.mark.parametrize("presentation", [2**33 + 5, 2**63 + 5])
def test_the_operator_adds_the_same_numbers(T, D, presentation):
    """The gradient of W is a sum over frames of rows of x + noise."""
    spec = NetworkSpec(get_variant("NP"), D, 3, 2, bidirectional=False, loss="softmax")
    generator = np.random.default_rng(T)
    x, y = generator.normal(size=(T, D)).astype(np.float32), generator.integers(0, 2, T)
    start = {
        n: generator.normal(0, 0.5, s).astype(np.float32)
        for n, s in spec.parameter_shapes().items()
    }
    noise = Noise(0.7, key=2**50 + 17, presentation=presentation)
    moved = []
    for inputs, drawn in ((x, noise), (noise.added_to(x), None)):
        model = FusedModel(spec, UpdateRule(0.1, 0.5))
        model.set_parameters(start)
        model.train_step(inputs, y, drawn)
        moved.append(model.get_state()["velocity"]["forward.W"])
    assert np.abs(moved[0] - moved[1]).max() <= 3e-6 * np.abs(moved[1]).max(), instruction_set()
