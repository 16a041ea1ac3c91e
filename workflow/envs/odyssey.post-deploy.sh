#!/usr/bin/env bash
# Runs in the new conda environment, from the working directory, which must be the checkout.
set -euo pipefail
pip install --require-hashes --requirement requirements.lock
pip install --no-deps --no-build-isolation --editable .
