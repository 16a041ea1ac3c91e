"""What is fixed about TIMIT: its phones and the speakers of Halberstadt's sets.

Source: the corpus's documentation (phones); Halberstadt, PhD thesis, MIT 1998 (speakers).
"""

from odyssey.tasks import timit

_PHONES = """
    aa ae ah ao aw ax ax-h axr ay b bcl ch d dcl dh dx eh el em en eng epi er ey f g gcl h# hh hv
    ih ix iy jh k kcl l m n ng nx ow oy p pau pcl q r s sh t tcl th uh uw ux v w y z zh
"""
_DEVELOPMENT = """
    faks0 fdac1 fjem0 mgwt0 mjar0 mmdb1 mmdm2 mpdf0 fcmh0 fkms0 mbdg0 mbwm0 mcsh0 fadg0 fdms0
    fedw0 mgjf0 mglb0 mrtk0 mtaa0 mtdt0 mthc0 mwjg0 fnmr0 frew0 fsem0 mbns0 mmjr0 mdls0 mdlf0
    mdvc0 mers0 fmah0 fdrw0 mrcs0 mrjm4 fcal1 mmwh0 fjsj0 majc0 mjsw0 mreb0 fgjd0 fjmg0 mroa0
    mteb0 mjfc0 mrjr0 fmml0 mrws1
"""
_CORE_TEST = """
    mdab0 mwbt0 felc0 mtas1 mwew0 fpas0 mjmp0 mlnt0 fpkt0 mlll0 mtls0 fjlm0 mbpm0 mklt0 fnlp0
    mcmj0 mjdh0 fmgd0 mgrt0 mnjm0 fdhc0 mjln0 mpam0 fmld0
"""

#: The 61 phones, by name.
PHONES = tuple(_PHONES.split())
#: The validation set: 50 speakers of TEST, none of them in the core test set.
DEVELOPMENT = frozenset(_DEVELOPMENT.split())
#: The core test set: 24 speakers of TEST.
CORE_TEST = frozenset(_CORE_TEST.split())
#: Speakers of each set, with eight utterances each (SA sentences left aside).
UTTERANCES_PER_SPEAKER = 8
SPEAKERS = {name: n // UTTERANCES_PER_SPEAKER for name, n in timit.SIZE.sequences.items()}
