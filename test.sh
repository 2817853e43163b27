#!/usr/bin/env bash
# Installs what the tests need, builds, and runs every suite, or those that are named:
#   ./test.sh [unit] [integration] [end-to-end] [recovery] [load] [chaos] [bench] [containers]
#                       end-to-end is the gate itself, recovery is backup, restore, rehearsal, drift and rollback, load is two hundred replicas
#   ./test.sh arm64     cross-builds the executable for arm64 and runs part of the end-to-end tests with it, emulated; only when it is named
# Ends with one line that adds them up, and with 1 when anything failed. What needs root is skipped, and counted, for anybody else.
set -uo pipefail

# A script that starts this one in the background has it ignore SIGINT and SIGQUIT. Every gate and server would inherit that, and no shell can undo it.
[ "${SIGNALS-}" = default ] || exec env --default-signal SIGNALS=default bash "$0" "$@"

cd "$(dirname "$0")"
source tests/fixtures/checkout.sh

readonly all="unit integration end-to-end recovery load chaos bench containers"
readonly wanted=${*:-$all}
for name in $wanted; do
  [[ " $all arm64 " == *" $name "* ]] || { echo "there is no suite '$name'; usage: ./test.sh [$all arm64]" >&2; exit 2; }
done
wants() { # NAME… : one of them
  local name
  for name; do
    [[ " $wanted " == *" $name "* ]] && return
  done
  return 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
skipped=0

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

# A limit is there to end what hangs: under load everything takes several times as long. A suite that hangs ends before CI would end them all.
suite() { # NAME SECONDS [OPTIONS] : one test project, whose summary is added up
  echo "== $1${3:+ ${*:3}}"
  timeout --kill-after=30 "$2" "tests/$1/bin/Release/net10.0/$1" -noColor "${@:3}" 2>&1 | tee "$work/log" | grep -vE '^ +(Discover|Starting|Finished)'
  add_up "$1" "$2" "${PIPESTATUS[0]}" "$(last_numbers 'Total: [0-9]+, Errors: [0-9]+, Failed: [0-9]+, Skipped: [0-9]+')"
}

containers() { # the images and the orchestrators' examples, on a real engine
  local total right wrong left_out
  echo "== containers"
  timeout --kill-after=60 1600 tests/containers/run.sh 2>&1 | tee "$work/log"
  set -- "${PIPESTATUS[0]}"
  read -r right wrong left_out <<<"$(last_numbers '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$')"
  total=${right:+$((right + wrong + left_out)) 0 $wrong ${left_out:-0}}
  add_up containers 5400 "$1" "$total"
}

arm64() { # what meets the processor, the C library or OpenSSL; Logto's CLI is this machine's Node.js
  local name classes=()
  check "native build for arm64" docker/build-arm64.sh artifacts/arm64
  printf '#!/bin/sh\nexec qemu-aarch64 %q "$@"\n' "$PWD/artifacts/arm64/logto-migrate-init" >artifacts/arm64/emulated
  chmod +x artifacts/arm64/emulated
  for name in NameSpecs PasswordSpecs RunCommandSpecs SystemRootsSpecs UpgradeSpecs; do
    classes+=(-class "LogtoMigrateInit.EndToEndTests.$name")
  done
  classes+=(-method- '*gets_every_byte_of_the_variables*') # the emulator hands variables on in another order
  export LOGTO_MIGRATE_INIT_BINARY=$PWD/artifacts/arm64/emulated
  suite LogtoMigrateInit.EndToEndTests 1800 "${classes[@]}"
}

add_up() { # NAME SECONDS EXIT-CODE "TOTAL ERRORS FAILED SKIPPED" : no numbers, or another exit code than they explain, is a failure too
  local total errors wrong left_out
  read -r total errors wrong left_out <<<"$4"
  if [ -z "$total" ] || { [ "$3" -ne 0 ] && [ $((errors + wrong)) -eq 0 ]; }; then
    echo "FAILED: $1 ended with exit code $3 and $([ -n "$total" ] && echo 'no failure' || echo 'no summary') (124: not within $2 s)"
    failed=$((failed + 1))
  fi
  passed=$((passed + total - errors - wrong - left_out))
  failed=$((failed + errors + wrong))
  skipped=$((skipped + left_out))
}

last_numbers() { # PATTERN : the numbers in the last line of the log that matches; nothing when none does
  grep -oE "$1" "$work/log" | tail -n 1 | tr -cs '0-9\n' ' '
}

within_limit() { # NAME COMMAND… : the command prints a file's size
  local bytes limit
  bytes=$("${@:2}" artifacts/native/logto-migrate-init) && limit=$(size_limit "$1") || return
  echo "$bytes of $limit bytes"
  [ "$bytes" -gt 0 ] && [ "$bytes" -le "$limit" ]
}

compressed_size() { gzip -9 --stdout "$1" | wc -c; }

publish_without_a_warning() {
  publish | tee "$work/publish.log"
  [ "${PIPESTATUS[0]}" -eq 0 ] && ! grep -E 'warning|IL[23][0-9]{3}' "$work/publish.log"
}

packages=("${toolchain[@]}")
# PgBouncer stands between the gate and the server in some tests, and libfaketime gives a wrong clock.
wants end-to-end recovery load chaos && packages+=(pgbouncer libfaketime)
wants arm64 && packages+=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)
wants end-to-end recovery bench && packages+=(postgresql-client) # pg_dump for the older servers
need "${packages[@]}" || exit 1
tests/fixtures/install.sh || exit 1
wants end-to-end recovery bench && { tests/fixtures/clients.sh || exit 1; } # and for the newer ones

check "build without a warning" in_turn dotnet build LogtoMigrateInit.sln -c Release --nologo -v quiet -warnaserror
check "native build without a warning" in_turn publish_without_a_warning
check "format" in_turn dotnet format LogtoMigrateInit.sln --verify-no-changes --no-restore
check "the native binary answers" artifacts/native/logto-migrate-init --version
check "the native binary is within its limit" within_limit Binary stat -c %s
check "the compressed native binary is within its limit" within_limit CompressedBinary compressed_size

wants unit && suite LogtoMigrateInit.UnitTests 300
wants integration && suite LogtoMigrateInit.IntegrationTests 400
readonly e2e=LogtoMigrateInit.EndToEndTests
wants end-to-end && suite $e2e 1200 -namespace- $e2e.Recovery -namespace- $e2e.Rehearsal -namespace- $e2e.Load
wants recovery && suite $e2e 1200 -namespace $e2e.Recovery -namespace $e2e.Rehearsal
wants load && suite $e2e 400 -namespace $e2e.Load
wants chaos && suite LogtoMigrateInit.ChaosTests 400
wants bench && check "everything that is compared can be measured" timeout --kill-after=30 900 bench/run.sh --quick --output "$work/bench"
wants containers && containers
wants arm64 && arm64

echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
[ "$failed" -eq 0 ]
