import dataclasses
from itertools import product

import numpy as np
import pytest

from odyssey.networks import equations
from odyssey.networks.cells import get_cell, without_names
from odyssey.networks.numpy_ops import sigmoid
from odyssey.networks.spec import NetworkSpec
from odyssey.networks.variants import NAMED, VANILLA, VARIANTS, LSTMVariant, get_variant

SWITCHES = [
    field.name for field in dataclasses.fields(LSTMVariant) if field.default in (True, False)
]


def parameter_count(variant, D, H):
    sizes = []
    for shape in variant.parameter_shapes(D, H).values():
        size = 1
        for length in shape:
            size *= length
        sizes.append(size)
    return sum(sizes)


def test_the_nine_variants_of_the_paper_in_its_order():
    assert list(VARIANTS) == ["V", "NIG", "NFG", "NOG", "NIAF", "NOAF", "CIFG", "NP", "FGR"]


@pytest.mark.parametrize("code", VARIANTS)
def test_each_variant_changes_one_switch(code):
    changed = [s for s in SWITCHES if getattr(VARIANTS[code], s) != getattr(VANILLA, s)]
    assert len(changed) == (0 if code == "V" else 1)


@pytest.mark.parametrize(("D", "H"), [(3, 5), (39, 64)])
def test_counts_of_parameters(D, H):
    vanilla = 4 * D * H + 4 * H * H + 3 * H + 4 * H
    one_gate = D * H + H * H + H
    expected = {
        "V": vanilla,
        "NIG": vanilla - one_gate - H,
        "NFG": vanilla - one_gate - H,
        "NOG": vanilla - one_gate - H,
        "NIAF": vanilla,
        "NOAF": vanilla,
        "CIFG": vanilla - one_gate - H,
        "NP": vanilla - 3 * H,
        "FGR": vanilla + 9 * H * H,
    }
    assert {code: parameter_count(v, D, H) for code, v in VARIANTS.items()} == expected


def test_changes_combine():
    variant = get_variant("CIFG+NP")
    assert variant.coupled_gates
    assert not variant.peepholes
    assert variant.gates == ("i", "o")
    assert "p" not in variant.parameter_shapes(3, 4)


@pytest.mark.parametrize("code", ["LSTM", "", "V+", "NFG+CIFG", "NIG+CIFG", "NIG+NFG+NOG+FGR"])
def test_nonsense_is_refused(code):
    with pytest.raises(ValueError, match="variant"):
        get_variant(code)


def test_every_row_that_the_switches_allow_has_shapes():
    for values in product([False, True], repeat=len(SWITCHES)):
        switches = dict(zip(SWITCHES, values, strict=True))
        try:
            variant = LSTMVariant("X", "any", **switches)
        except ValueError:
            continue
        assert variant.parameter_shapes(2, 3)["W"] == (3 * len(variant.blocks), 2)


def test_network_parameters_in_canonical_order():
    spec = NetworkSpec(VARIANTS["NP"], 3, 5, 7, True, "softmax")
    assert list(spec.parameter_shapes().items()) == [
        ("forward.W", (20, 3)),
        ("forward.R", (20, 5)),
        ("forward.b", (20,)),
        ("backward.W", (20, 3)),
        ("backward.R", (20, 5)),
        ("backward.b", (20,)),
        ("output.W", (7, 10)),
        ("output.b", (7,)),
    ]
    with pytest.raises(ValueError, match="at least one"):
        NetworkSpec(VARIANTS["V"], 3, 0, 7, True, "softmax")


def test_janet_equals_its_definition():
    """Its f is 1 minus our input gate, so f's parameters are the opposites of i's."""
    T, B, D, H, generator = 6, 2, 3, 5, np.random.default_rng(1)
    cell = get_cell("JANET")
    p = {n: generator.normal(size=shape) for n, shape in cell.parameter_shapes(D, H).items()}
    x, h, expected = generator.normal(size=(T, B, D)), np.zeros((B, H)), []
    (Wc, Wi), (Uc, Ui), (bc, bi) = (np.split(p[name], 2) for name in ("W", "R", "b"))
    for x_t in x:
        f = sigmoid(h @ -Ui.T + x_t @ -Wi.T - bi)
        h = f * h + (1 - f) * np.tanh(h @ Uc.T + x_t @ Wc.T + bc)
        expected.append(h)
    np.testing.assert_allclose(equations.cell_forward(cell, p, x), expected, rtol=1e-9)


@pytest.mark.parametrize("code", NAMED)
def test_a_combination_with_a_name_is_the_same_network(code):
    assert get_cell(code) is NAMED[code]
    assert without_names(NAMED[code]) == without_names(get_variant("CIFG+NOG+NOAF+NP"))


@pytest.mark.parametrize("code", ["NIG+NOG", "NOG+NP", "CIFG+NIAF", "CIFG+NOG"])
def test_the_pairs_that_the_authors_did_not_publish_change_two_switches(code):
    one, other = (get_variant(part) for part in code.split("+"))
    changed = {s for s in SWITCHES if getattr(get_variant(code), s) != getattr(VANILLA, s)}
    assert len(changed) == 2
    assert all(getattr(one, s) != getattr(other, s) for s in changed)
