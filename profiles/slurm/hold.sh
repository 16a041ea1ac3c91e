#!/bin/bash
# Snakemake as a job of its own, for sites that allow no long processes on login nodes. In the checkout:
#   sbatch profiles/slurm/hold.sh --configfile my-study.yaml
# What follows the script goes to Snakemake. Five minutes before its time limit it ends Snakemake as
# Ctrl-C does (running trials save themselves), goes back to the queue under its number, and resumes.
# The longer its --time (at most the partition's MaxTime), the seldomer the study's jobs queue anew.
# SNAKEMAKE names another snakemake than .venv/bin/snakemake, also in several words; ODYSSEY_PROFILE
# another profile. So a whole study runs in an image on this job's node alone (docs/container.md):
#   export SNAKEMAKE="apptainer exec odyssey.sif study" ODYSSEY_PROFILE=local
#   sbatch --exclusive --mem=0 profiles/slurm/hold.sh --configfile my-study.yaml
#SBATCH --job-name=odyssey-hold
#SBATCH --cpus-per-task=1 --mem=2000 --time=1-00:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue --open-mode=append --output=odyssey-hold-%j.log

cd "${SLURM_SUBMIT_DIR:?sbatch starts this script, in the checkout}" || exit 2
profile=${ODYSSEY_PROFILE:-profiles/slurm}
[ "$profile" != profiles/slurm ] || [ -f profiles/slurm/config.yaml ] ||
  { echo "submit this in the checkout, not in $PWD" >&2; exit 2; }
snakemake=("${SNAKEMAKE:-.venv/bin/snakemake}")
[ -x "${snakemake[0]}" ] || read -ra snakemake <<<"${SNAKEMAKE:-snakemake}"
command -v "${snakemake[0]}" >/dev/null || { echo "found no snakemake: make env, or set SNAKEMAKE" >&2; exit 2; }

ends=
set -m # else a process in the background does not hear SIGINT
"${snakemake[@]}" --profile "$profile" "$@" &
main=$!
trap 'ends=limit; kill -INT "$main"' USR1
trap 'ends=cancelled; kill -INT "$main"' TERM

code=0
while :; do
  wait "$main"
  code=$?
  kill -0 "$main" 2>/dev/null || break # a signal ends wait, not Snakemake
done

if [ "$ends" = limit ] && [ "$code" != 0 ]; then
  echo "$(date): the time limit is near, job $SLURM_JOB_ID goes back to the queue"
  scontrol requeue "$SLURM_JOB_ID" || sbatch profiles/slurm/hold.sh "$@"
fi
exit "$code"
