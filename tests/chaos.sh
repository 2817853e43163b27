#!/usr/bin/env bash
# Runs random schedules of faults against gates with Logto's real CLI, each made from its seed, and prints one line for each and a summary.
#   tests/chaos.sh --schedules 200 --seed 1   the seeds 1 to 200, about 25 s each
#   tests/chaos.sh --seed 17                  one of them again
#   --parallel N   so many at once, each with servers of its own
#   --lease N      the gates' lease in seconds (6 when not given); 0 leaves them their default, for a gate that has no variable for it
# What a violation leaves is in artifacts/chaos/. Another gate than the published one is named by LOGTO_MIGRATE_INIT_BINARY.
set -euo pipefail

usage() {
  sed -n '2,7p' "$0" | cut -c 3- >&2
  exit 2
}

schedules=1
seed=
parallel=1
lease=6
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] && [[ $2 =~ ^[0-9]+$ ]] || usage
  case $1 in
    --schedules) schedules=$2 ;;
    --seed) seed=$2 ;;
    --parallel) parallel=$2 ;;
    --lease) lease=$2 ;;
    *) usage ;;
  esac
  shift 2
done
[ -n "$seed" ] || usage
cd "$(dirname "$0")/.."
[ -n "${LOGTO_TESTS_FOLDER-}" ] || exec tests/contained.sh tests/chaos.sh --schedules "$schedules" --seed "$seed" --parallel "$parallel" --lease "$lease"

tests/fixtures/install.sh
[ -n "${LOGTO_MIGRATE_INIT_BINARY-}" ] || dotnet publish src/LogtoMigrateInit -c Release -o artifacts/native --nologo -v quiet
dotnet build tests/LogtoMigrateInit.ChaosTests -c Release --nologo -v quiet -warnaserror
CHAOS_LEASE=$lease exec tests/LogtoMigrateInit.ChaosTests/bin/Release/net10.0/LogtoMigrateInit.ChaosTests --schedules "$schedules" --seed "$seed" --parallel "$parallel"
