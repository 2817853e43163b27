#!/bin/sh
# Stands in for the entrypoint of the official image: creates the cluster on the first start, then becomes the server.
set -eu
data=${PGDATA:-/var/lib/postgresql/data}
if [ ! -s "$data/PG_VERSION" ]; then
  mkdir -p "$data"
  chown postgres: "$data"
  chmod 0700 "$data"
  if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
    POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  fi
  printf '%s\n' "$POSTGRES_PASSWORD" > /tmp/password
  chown postgres: /tmp/password
  setpriv --reuid postgres --regid postgres --clear-groups \
    initdb -D "$data" -U "${POSTGRES_USER:-postgres}" --pwfile /tmp/password --auth-local trust --auth-host scram-sha-256 \
    --encoding UTF8 --no-locale > /dev/null
  rm /tmp/password
  echo 'host all all all scram-sha-256' >> "$data/pg_hba.conf"
fi
exec setpriv --reuid postgres --regid postgres --clear-groups \
  postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off "$@"
