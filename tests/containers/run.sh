#!/usr/bin/env bash
# Tests the images and the examples under docker/ with a real engine of its own, as root on Debian. No image is pulled: stand-ins with
# the same names are made of this machine's Debian, .NET, and the Logto releases and servers that tests/fixtures/install.sh installs.
#   tests/containers/run.sh [PATTERN]     only the tests whose names match
#   REAL_IMAGES=true …                    pulls Logto, PostgreSQL, Alpine, Debian and the SDK instead, with the engine that runs already
#   SIZES=FILE …                          measures what containers need instead, and writes it there
#   NEWEST_LOGTO=1.44.0 …                 goes to another release than the newest one known here; only with the real images
# Where no engine can be started, the tests are skipped, and the reason is printed; with CI=true that is a failure.
set -uo pipefail
cd "$(dirname "$0")/../.."
[ -n "${LOGTO_TESTS_FOLDER-}" ] || exec tests/contained.sh tests/containers/run.sh "$@"

readonly old=1.40.1 new=${NEWEST_LOGTO:-1.43.0} client=17 tests=tests/containers cache=.cache/containers
pattern=${1:-.}
export LC_ALL=C DOCKER_BUILDKIT=1 BUILDKIT_PROGRESS=plain COMPOSE_INTERACTIVE_NO_CLI=1
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH # Debian's docker, whatever else is there
source tests/fixtures/checkout.sh
readonly largest_layer=$(size_limit Binary) largest_compressed=$(size_limit CompressedBinary)
source $tests/engine.sh
source $tests/helpers.sh
cases=$tests/cases.sh
[ -z "${SIZES:-}" ] || cases=$tests/sizes.sh
source "$cases"
unset DOCKER_CONTEXT DOCKER_CONFIG LOGTO_VERSION SEED TAG POSTGRES_PASSWORD COMPOSE_FILE COMPOSE_PROJECT_NAME "${!LOGTO_INIT_@}"

[ "$(id -u)" -eq 0 ] || skip_all "starting an engine needs root"
real() { [ "${REAL_IMAGES:-}" = true ]; }
real || grep -qE '^ID=debian' /etc/os-release 2>/dev/null || skip_all "the tools and the stand-ins are Debian's"
real || install_tools || skip_all "Debian's packages could not be installed: $(tail -n 3 "$scratch/apt.log" 2>/dev/null)"
# Two engines at once would fight over this machine's firewall, and over the network of the bridge.
exec 9<"$(command -v dockerd)"
flock --nonblock 9 || { echo "waiting for the container tests of another run"; flock 9; }
real || start_engine || skip_all "the engine did not start: $(tail -n 3 "$scratch/daemon.log" 2>/dev/null)"

tests/fixtures/install.sh || exit 1
real || tests/fixtures/clients.sh || exit 1
prepare() { # WHAT FUNCTION
  local began=$SECONDS
  if ! (set -e; "$2") >"$scratch/$2.out" 2>&1; then
    tail -n 60 "$scratch/$2.out"
    echo "FAILED: $1"
    echo "0 passed, $(names | wc -l) failed"
    exit 1
  fi
  echo "$1 ($((SECONDS - began)) s)"
}
if real; then
  prepare "pulled the images" pull_images
else
  prepare "made the stand-ins" make_stand_ins
fi
prepare "built the images" build_images
readonly build_log=$scratch/build_images.out
prepare "started a server" start_server

run_case() { # NAME : in a shell and a folder of its own; leaves its log, its exit code and the seconds it took
  local began=$SECONDS
  mkdir "$scratch/$1"
  (set -e; scratch=$scratch/$1; "test_$1") >"$scratch/$1.log" 2>&1 </dev/null
  echo "$? $((SECONDS - began))" >"$scratch/$1.end"
}

report_ended() { # of the cases that were started; those that still run stay in $running
  local name code seconds still=()
  for name in "${running[@]}"; do
    [ -e "$scratch/$name.end" ] || { still+=("$name"); continue; }
    read -r code seconds <"$scratch/$name.end"
    if [ "$code" -eq 0 ]; then
      passed=$((passed + 1))
      echo "ok ${name//_/ } ($seconds s)"
      sed -n 's/^figure: /   /p' "$scratch/$name.log"
    elif [ "$code" -eq 77 ] && [ "${CI:-}" != true ]; then
      skipped=$((skipped + 1))
      echo "SKIPPED ${name//_/ }: $(sed -n 's/^reason: //p' "$scratch/$name.log")"
    else
      failed=$((failed + 1))
      echo "FAILED ${name//_/ } ($seconds s)"
      tail -n 80 "$scratch/$name.log" | sed 's/^/   /'
    fi
  done
  running=("${still[@]}")
}

passed=0
failed=0
skipped=0
running=()
# A case waits half of its time, for containers and for Logto; with more of them at once they would wait for the processors.
for name in $(names); do
  run_case "$name" &
  running+=("$name")
  while [ ${#running[@]} -ge 2 ]; do
    wait -n
    report_ended
  done
done
while [ ${#running[@]} -gt 0 ]; do
  wait -n
  report_ended
done
echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
[ "$failed" -eq 0 ]
