"""Made-up English for the stand-ins: sentences with every sound, lines with every character."""

import numpy as np

from odyssey.tasks.readers.ink import CHARACTERS

_WORDS = {
    "who": """the girl|a boy|my father|our judge|that singer|the young man|Jack|Sue|a huge dog
        |the quick fox|Zoe|her mother|George|the king|a thin child|Victor|the cook|your aunt""",
    "does": """measured|pushed|enjoyed|thought of|washed|took|heard|chose|bought|found|joined
        |sang about|looked at|drove to|asked for|watched|moved|caught|carried""",
    "what": """the blue boat|a loud noise|five good books|the usual vision|his yellow shoes
        |some cheap oil|a bottle of water|the garage|a better method|her gold ring|an old zoo
        |the bathroom mirror|both pages|a cup of coffee|rough leather|a bird in the bush""",
    "when": """now|at noon|every year|on Thursday|after the show|in June|before long|last night
        |all day|with joy|for an hour|together|again|upstairs""",
}
_CHOICES = {role: [w.strip() for w in words.split("|")] for role, words in _WORDS.items()}


def sentence(rng: np.random.Generator) -> str:
    """Return a sentence of some ten words."""
    who, does, what, when = (str(rng.choice(choices)) for choices in _CHOICES.values())
    text = f"{who} {does} {what} {when}"
    return f"{text[0].upper()}{text[1:]}."


def written_line(rng: np.random.Generator, longest: int) -> str:
    """Return a line to write, at most ``longest`` characters, now and then with rare ones."""
    words = sentence(rng).split()
    for k in range(len(words)):
        draw = rng.random()
        if draw < 0.06:
            words[k] = words[k].upper()
        elif draw < 0.16:
            words[k] = str(rng.integers(0, 10 ** int(rng.integers(1, 5))))
        elif draw < 0.26:
            words[k] += str(rng.choice(list(CHARACTERS[63:])))
        elif draw < 0.30:
            words[k] = "".join(rng.choice(CHARACTERS[:62], size=4))
    return " ".join(words)[:longest].strip()
