#!/usr/bin/env bash
# Measures the standard study on a CUDA device and compares the device with the processor; under eight minutes.
#     tests/device/check.sh [FOLDER FOR THE OUTPUT]
set -euo pipefail
cd "$(dirname "$0")/../.."
export PYTHONPATH=$PWD OMP_NUM_THREADS=${OMP_NUM_THREADS:-4}
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python)}
if ! "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
    echo "no CUDA device: nothing was measured"
    exit 0
fi
timeout 470 "$python" -m tests.device.standard_study --device cuda | tee "${1:-tests/device}/measured.txt"
