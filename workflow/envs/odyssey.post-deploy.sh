#!/usr/bin/env bash
# Runs in the new conda environment, from the working directory, which must be the checkout.
set -euo pipefail
pip install --require-hashes --requirement requirements.lock
pip install --no-deps --no-build-isolation --editable .
# What PYTHONPATH holds comes last.
cp workflow/envs/own-packages-first.pth "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
