import dataclasses
from itertools import product

import pytest

from odyssey.networks.spec import NetworkSpec
from odyssey.networks.variants import VANILLA, VARIANTS, LSTMVariant, get_variant

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
