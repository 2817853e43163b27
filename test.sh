#!/usr/bin/env bash
# Installs what the tests need, builds, and runs every suite. Ends with one line that adds them up, and with 1 when anything failed.
set -uo pipefail

# A script that starts this one in the background has it ignore SIGINT and SIGQUIT. Every gate and server would inherit that, and no shell can undo it.
[ "${SIGNALS-}" = default ] || exec env --default-signal SIGNALS=default bash "$0" "$@"

cd "$(dirname "$0")"

passed=0
failed=0

check() { # NAME COMMAND… : one check that passes or fails as a whole
  local name=$1
  shift
  echo "== $name"
  if "$@"; then
    passed=$((passed + 1))
  else
    echo "FAILED: $name"
    failed=$((failed + 1))
  fi
}

suite() { # NAME SECONDS : one test project, whose summary is added up
  local log summary
  log=$(mktemp)
  echo "== $1"
  timeout --kill-after=30 "$2" "tests/$1/bin/Release/net10.0/$1" -noColor 2>&1 | tee "$log" | grep -vE '^ +(Discover|Starting|Finished)'
  summary=$(grep -oE 'Total: [0-9]+, Errors: [0-9]+, Failed: [0-9]+, Skipped: [0-9]+' "$log" | tail -n 1)
  rm -f "$log"
  if [ -z "$summary" ]; then
    echo "FAILED: $1 did not finish within $2 s, or did not start"
    failed=$((failed + 1))
    return
  fi
  # shellcheck disable=SC2046 # the four numbers are four words
  set -- $(echo "$summary" | tr -dc '0-9 ')
  passed=$((passed + $1 - $2 - $3 - $4))
  failed=$((failed + $2 + $3))
}

containers() { # the images and the orchestrators' examples, on a real engine
  local log summary
  log=$(mktemp)
  echo "== containers"
  timeout --kill-after=60 1500 tests/containers/run.sh 2>&1 | tee "$log"
  summary=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
  rm -f "$log"
  if [ -z "$summary" ]; then
    echo "FAILED: the container tests did not finish"
    failed=$((failed + 1))
    return
  fi
  # shellcheck disable=SC2046 # the numbers are words
  set -- $(echo "$summary" | tr -dc '0-9 ')
  passed=$((passed + $1))
  failed=$((failed + $2))
}

publish() {
  dotnet publish src/LogtoMigrateInit -c Release -o artifacts/native -p:IlcGenerateMstatFile=true --nologo | tee artifacts/publish.log
  [ "${PIPESTATUS[0]}" -eq 0 ] && ! grep -E 'warning|IL[23][0-9]{3}' artifacts/publish.log
}

# The native compiler links with the system's C toolchain.
# PgBouncer stands between the gate and the server in some tests, and libfaketime gives a wrong clock.
if ! { command -v clang || command -v gcc; } >/dev/null || [ ! -e /usr/include/zlib.h ] || [ ! -x /usr/sbin/pgbouncer ] || ! ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends clang zlib1g-dev pgbouncer libfaketime >/dev/null || exit 1
fi
mkdir -p artifacts
tests/fixtures/install.sh || exit 1

check "build without a warning" dotnet build LogtoMigrateInit.sln -c Release --nologo -v quiet -warnaserror
check "native build without a warning" publish
check "format" dotnet format LogtoMigrateInit.sln --verify-no-changes --no-restore
check "the native binary answers" artifacts/native/logto-migrate-init --version
check "the native binary is no larger than 11 MB" [ "$(stat -c %s artifacts/native/logto-migrate-init)" -le 11000000 ]

suite LogtoMigrateInit.UnitTests 120
suite LogtoMigrateInit.IntegrationTests 600
suite LogtoMigrateInit.EndToEndTests 1500
check "everything that is compared can be measured" timeout --kill-after=30 600 bench/run.sh --quick --output artifacts/bench/quick
containers

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
