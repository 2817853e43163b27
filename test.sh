#!/usr/bin/env bash
# Installs what the tests need, builds, and runs the suites:
#   ./test.sh           unit, integration, end-to-end, recovery, containers
#   ./test.sh quick     what a change needs first: an ordinary build, the unit tests, and those of the others that are marked as quick
#   ./test.sh NAME…     these suites alone: unit, integration, end-to-end, recovery, containers, load, chaos, bench, arm64
#   ./test.sh all       all of them
#   ./test.sh one NAME  one class, one test or one container case, with an ordinary build; LOGTO_MIGRATE_INIT_BINARY names another
# end-to-end is the program's main job, recovery is backup, restore, rehearsal, drift and rollback, load is two hundred replicas, arm64
# cross-builds the executable and runs it emulated. Ends with one line that adds the suites up, and with 1 when anything failed. What needs
# root is skipped, and counted, for anybody else.
set -uo pipefail
cd "$(dirname "$0")"
[ -n "${LOGTO_TESTS_FOLDER-}" ] || exec tests/contained.sh ./test.sh "$@"
source tests/fixtures/checkout.sh

usage() {
  sed -n '2,7p' "$0" | cut -c 3- >&2
  exit 2
}

readonly default="unit integration end-to-end recovery containers" rest="load chaos bench arm64"
case ${1-} in
  "") wanted=$default ;;
  all) wanted="$default $rest" ;;
  quick | one) wanted=$1 ;;
  *)
    wanted=$*
    for name; do
      [[ " $default $rest " == *" $name "* ]] || usage
    done
    ;;
esac
readonly wanted
case $wanted in
  one) [ $# -ge 2 ] || usage ;;
  quick) [ $# -eq 1 ] || usage ;;
esac
wants() { # NAME… : one of them
  local name
  for name; do
    [[ " $wanted " == *" $name "* ]] && return
  done
  return 1
}

readonly work=$TMPDIR
passed=0
failed=0
skipped=0

check() { # NAME COMMAND… : one check that passes or fails as a whole, and does so itself
  local name=$1 began=$SECONDS
  shift
  echo "== $name"
  if "$@"; then
    passed=$((passed + 1))
    echo "$name: $((SECONDS - began)) s"
  else
    echo "FAILED: $name"
    failed=$((failed + 1))
    return 1
  fi
}

# A limit is there to end what hangs: under load everything takes several times as long. Those of all suites that CI runs, 78 minutes, end
# before CI's own.
suite() { # NAME SECONDS [OPTIONS] : one test project, whose summary is added up
  echo "== $1${3:+ ${*:3}}"
  timeout --kill-after=30 "$2" "tests/$1/bin/Release/net10.0/$1" -noColor "${@:3}" 2>&1 | tee "$work/log" | grep -vE '^ +(Discover|Starting|Finished)'
  add_up "$1" "$2" "${PIPESTATUS[0]}" "$(last_numbers 'Total: [0-9]+, Errors: [0-9]+, Failed: [0-9]+, Skipped: [0-9]+')"
}

containers() { # [CASE] : the images and the orchestrators' examples, on a real engine
  local total right wrong left_out
  echo "== containers"
  timeout --kill-after=60 1600 tests/containers/run.sh "$@" 2>&1 | tee "$work/log"
  set -- "${PIPESTATUS[0]}"
  read -r right wrong left_out <<<"$(last_numbers '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$')"
  total=${right:+$((right + wrong + left_out)) 0 $wrong ${left_out:-0}}
  add_up containers 1600 "$1" "$total"
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

near_the_table() { # bench/README.md is the one page with the size
  local bytes shown
  bytes=$(stat -c %s artifacts/native/logto-migrate-init)
  shown=$(sed -nE 's/^([0-9,]+) bytes, [0-9,]+ with gzip.*/\1/p' bench/README.md | tr -d ,)
  echo "$bytes bytes, and $shown in bench/README.md"
  [ -n "$shown" ] && [ $(((bytes > shown ? bytes - shown : shown - bytes) * 20)) -le "$shown" ]
}

compressed_size() { gzip -9 --stdout "$1" | wc -c; }

publish_without_a_warning() {
  publish | tee "$work/publish.log"
  [ "${PIPESTATUS[0]}" -eq 0 ] && ! grep -E 'warning|IL[23][0-9]{3}' "$work/publish.log"
}

notices_are_complete() { # as the compiler's and the linker's own files say
  local row rows complete=true
  rows=$(docker/release/sbom.py --notices src/LogtoMigrateInit/obj/Release/net10.0/linux-x64/native) || return
  while read -r row; do
    grep -qxF -- "$row" THIRD-PARTY-NOTICES.md || { echo "missing: $row"; complete=false; }
  done <<<"$rows"
  $complete
}

build_without_a_warning() { # [PROJECT…] : all of them when none is named
  local project
  for project in "${@:-LogtoMigrateInit.sln}"; do
    dotnet build "$project" -c Release --nologo -v quiet -clp:NoSummary -warnaserror || return
  done
}

finish() {
  echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
  [ "$failed" -eq 0 ]
  exit
}

readonly e2e=LogtoMigrateInit.EndToEndTests ordinary=$PWD/src/LogtoMigrateInit/bin/Release/net10.0/logto-migrate-init

if wants quick; then # a pair of releases, one server, and no compiler of C
  need || exit 1
  tests/fixtures/install.sh logto/1.40.1 logto/1.43.0 servers/17 || exit 1
  tests/fixtures/clients.sh 17 || exit 1
  check "build without a warning" in_turn build_without_a_warning tests/LogtoMigrateInit.{Unit,Integration,EndToEnd}Tests || finish
  export LOGTO_MIGRATE_INIT_BINARY=$ordinary
  suite LogtoMigrateInit.UnitTests 300
  suite LogtoMigrateInit.IntegrationTests 400 -trait- "Needs=all fixtures"
  suite $e2e 600 -trait "Run=quick"
  finish
fi

packages=()
wants one || packages+=("${toolchain[@]}" python3) # docker/release/sbom.py
# PgBouncer stands between the program and the server in some tests, iptables makes bad networks, and libfaketime a wrong clock.
wants one end-to-end recovery load chaos && packages+=(iptables pgbouncer libfaketime)
wants arm64 && packages+=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)
wants one end-to-end recovery bench && packages+=(postgresql-client) # pg_dump for the older servers
need "${packages[@]}" || exit 1

if wants one; then
  name=${*:2}
  if grep -q "^test_${name// /_}() " tests/containers/cases.sh; then
    containers "^${name// /_}\$"
    finish
  fi
  file=$(grep -rlE "(class|Task|ValueTask|void) $name(\(|$| |<)" --include=*Specs.cs tests | head -n 1)
  [ -n "$file" ] || { echo "no test, no class of tests and no container case is called '$name'" >&2; exit 2; }
  project=${file#tests/}
  project=${project%%/*}
  tests/fixtures/install.sh && tests/fixtures/clients.sh || exit 1
  check "build without a warning" in_turn build_without_a_warning src/LogtoMigrateInit "tests/$project" || finish
  export LOGTO_MIGRATE_INIT_BINARY=${LOGTO_MIGRATE_INIT_BINARY:-$ordinary}
  grep -q "class $name\b" "$file" && filter=-class || filter=-method
  suite "$project" 1200 $filter "*.$name"
  finish
fi

tests/fixtures/install.sh || exit 1
wants end-to-end recovery bench && { tests/fixtures/clients.sh || exit 1; } # and for the newer ones

check "build without a warning" in_turn build_without_a_warning || finish
check "native build without a warning" in_turn publish_without_a_warning || finish
check "format" in_turn dotnet format LogtoMigrateInit.sln --verify-no-changes --no-restore
check "the native binary answers" artifacts/native/logto-migrate-init --version
check "the native binary is within its limit" within_limit Binary stat -c %s
check "the compressed native binary is within its limit" within_limit CompressedBinary compressed_size
check "the native binary is within 5 % of the size in bench/README.md" near_the_table

check "THIRD-PARTY-NOTICES.md names all that is linked in" notices_are_complete

wants unit && suite LogtoMigrateInit.UnitTests 300
wants integration && suite LogtoMigrateInit.IntegrationTests 400
wants end-to-end && suite $e2e 1200 -namespace- $e2e.Recovery -namespace- $e2e.Rehearsal -namespace- $e2e.Load
wants recovery && suite $e2e 1200 -namespace $e2e.Recovery -namespace $e2e.Rehearsal
wants containers && containers
wants load && suite $e2e 400 -namespace $e2e.Load
wants chaos && suite LogtoMigrateInit.ChaosTests 400
wants bench && check "everything that is compared can be measured" timeout --kill-after=30 900 bench/run.sh --quick --output "$work/bench"
wants arm64 && arm64
finish
