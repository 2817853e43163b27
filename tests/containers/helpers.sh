# shellcheck shell=bash disable=SC2154
# What the cases are written with. run.sh sources it.

figure() { echo "figure: $*"; } # is printed also when the test passes

fail() {
  echo "$*"
  exit 1
}

skip() {
  echo "reason: $*"
  exit 77
}

expect() { # WHAT ACTUAL EXPECTED
  [ "$2" = "$3" ] || fail "$1 is '$2' instead of '$3'"
}

expect_text() { # TEXT PATTERN
  grep -qE -- "$2" <<<"$1" || fail "no '$2' in: $1"
}

expect_no_text() { # TEXT PATTERN
  ! grep -qE -- "$2" <<<"$1" || fail "'$2' must not be in: $1"
}

code_of() { # COMMAND… : prints its output and sets $code
  code=0
  "$@" || code=$?
}

state() { docker inspect --format "{{.State.$2}}" "$1"; } # CONTAINER FIELD

is() { [ "$("${@:2}")" = "$1" ]; } # VALUE COMMAND…

logs_say() { docker logs "$1" 2>&1 | grep -qE -- "$2"; } # CONTAINER PATTERN

count_in_logs() { docker logs "$1" 2>&1 | grep -cE -- "$2"; } # CONTAINER PATTERN

has_ended() { is exited state "$1" Status; } # CONTAINER

sql() { docker exec "$1" psql --no-align --tuples-only --dbname "$2" --command "$3"; } # CONTAINER DATABASE SQL

# A deploy writes one such line for each alteration.
readonly deployed='[0-9]+/[0-9]+ 1\.[0-9]+\.[0-9]+ '

run_server() { # NAME MAJOR
  docker run --detach --name "$1" --network gate-tests --env POSTGRES_PASSWORD=p0stgr3s "postgres:$2-alpine" -c max_connections=200 >/dev/null &&
    wait_for 60 docker exec "$1" pg_isready -h 127.0.0.1
}

# One server for nearly all tests but those of the compose files; each test has a database of its own.
start_server() {
  docker network create gate-tests >/dev/null && run_server server 17
}

url() { echo "postgres://postgres:${2:-p0stgr3s}@${3:-server}:5432/$1"; } # DATABASE [PASSWORD [SERVER]]

gate() { timeout 150 docker run --network gate-tests "$@"; }

seeded() { # DATABASE [VERSION] : made by the old gate
  gate --rm --env DB_URL="$(url "$1")" --env LOGTO_INIT_SEED=create "logto-migrate-init:${2:-$old}"
}

is_current() { # DATABASE
  gate --rm --env DB_URL="$(url "$1")" "logto-migrate-init:$new" check
}

level() { sql "$1" "$2" "select value from systems where key = 'alterationState'"; } # SERVER DATABASE

backup_in() { grep -oE 'logto-[^ /]+\.dump' <<<"$1" | head -n 1; } # LOG : the file's name

# From the old Logto to the new one and back, with nothing but the image and a volume of its own.
upgrade_and_restore() { # TAG MAJOR SERVER : of a gate with that client
  local tag=$1 server=$3 database=backup_of_$1 options before output
  database=${database//[.-]/_}
  options=(--rm --volume "$database:/backups" --env "DB_URL=$(url "$database" p0stgr3s "$server")" --env LOGTO_INIT_BACKUP_DIR=/backups)
  gate --rm --env "DB_URL=$(url "$database" p0stgr3s "$server")" --env LOGTO_INIT_SEED=create "logto-migrate-init:$old"
  before=$(level "$server" "$database")
  output=$(gate "${options[@]}" --read-only --cap-drop ALL --tmpfs /etc/logto/packages/cli/alteration-scripts:uid=65532 "logto-migrate-init:$tag" 2>&1) || fail "$output"
  echo "$output"
  expect_text "$output" "$deployed"
  expect_text "$output" "with pg_dump $2\."
  expect_no_text "$(sed '/Backed up/q' <<<"$output")" "$deployed"
  sql "$server" "$database" "insert into systems (key, value) values ('newer', '{}')"
  expect "what is in the volume" "$(docker run --rm --volume "$database:/backups" debian:imported sh -c 'cd /backups && stat --format "%a %u %n" *' | sed -E 's/logto-.*\././')" $'600 65532 .dump\n600 65532 .json'
  code_of gate "${options[@]}" "logto-migrate-init:$tag" restore "/backups/$(backup_in "$output")" </dev/null
  expect "the exit code of a restore that nobody confirms" "$code" 17
  expect "the row that is newer than the backup" "$(sql "$server" "$database" "select count(*) from systems where key = 'newer'")" 1
  output=$(gate "${options[@]}" "logto-migrate-init:$tag" restore --yes "/backups/$(backup_in "$output")" 2>&1) || fail "$output"
  echo "$output"
  expect "the state after the restore" "$(level "$server" "$database")" "$before"
  expect "the row that is newer than the backup" "$(sql "$server" "$database" "select count(*) from systems where key = 'newer'")" 0
  expect "the databases that are kept" "$(sql "$server" postgres "select count(*) from pg_database where datname like '${database}_before_%'")" 1
  gate --rm --env "DB_URL=$(url "$database" p0stgr3s "$server")" "logto-migrate-init:$old" check --deep
}

is_blocked() { # SERVER DATABASE : the CLI waits for a lock
  is t sql "$1" "$2" "select count(*) > 0 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
}

hold_back() { # SERVER DATABASE : the first alteration that touches users has to wait
  docker exec --detach "$1" psql --dbname "$2" --command "set application_name = 'holder'" \
    --command "begin; lock table users in access exclusive mode; select pg_sleep(600)"
  wait_for 10 is 1 sql "$1" "$2" "select count(*) from pg_stat_activity where application_name = 'holder' and wait_event = 'PgSleep'"
}

let_go() { # SERVER DATABASE
  sql "$1" "$2" "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'holder'"
}

compose() { # Docker's current one, which stops a service that it replaces before it starts what that depends on
  if real; then
    timeout 150 docker compose --ansi never "$@"
  else
    timeout 150 .cache/clients/compose/bin/docker-compose --ansi never "$@"
  fi
}

up() { LOGTO_VERSION=$1 compose up --detach; } # VERSION

first_up() { SEED=create up "${1:-$new}"; } # [VERSION] : the first installation

container() { compose ps --all --quiet "$1" 2>/dev/null | head -n 1; } # SERVICE, of $COMPOSE_FILE

poll() { # FILE : asks Logto at $PORT again and again while the file is there, and notes when it answered
  touch "$1"
  while [ -e "$1" ]; do
    ! curl --silent --fail --output /dev/null --max-time 2 "http://127.0.0.1:$PORT/api/status" || echo "$EPOCHREALTIME" >>"$1"
    sleep 0.05
  done &
}

has_answered() { [ "$(wc -l <"$1")" -ge "$2" ]; } # FILE TIMES

answers_again() { # FILE : since now
  local count
  count=$(wc -l <"$1")
  wait_for 60 has_answered "$1" $((count + 10))
}

longest_silence() { awk 'NR > 1 && $1 - last > gap { gap = $1 - last } { last = $1 } END { printf "%.1f", gap }' "$1"; } # FILE : seconds between two answers

gate_log() { docker logs "$(docker ps --all --quiet --latest --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" --filter label=com.docker.compose.service=migrate)" 2>&1; }

in_project() { # NAME FILES… : compose commands that follow are about this project
  export COMPOSE_PROJECT_NAME=$1 COMPOSE_FILE PORT=0 ADMIN_PORT=0
  COMPOSE_FILE=$(IFS=:; echo "${*:2}")
  trap 'compose logs --no-color --tail 20; compose down --volumes >/dev/null 2>&1' EXIT
}

logto_runs() { # VERSION [SERVICE]
  local id
  id=$(container "${2:-logto}")
  wait_for 60 logs_say "$id" 'Logto started|app is running at'
  expect "the state of Logto" "$(state "$id" Status)" running
  expect "the image of Logto" "$(docker inspect --format '{{.Config.Image}}' "$id")" "${3:-svhd/logto}:$1"
}

logto_does_not_run() { # no container of this project that has started Logto is running
  local id
  for id in $(docker ps --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" --filter "label=com.docker.compose.service=logto"); do
    fail "Logto runs: $(docker logs "$id" 2>&1)"
  done
}

kustomize() { # ARGUMENTS…
  if real; then
    command -v kustomize >/dev/null || skip "there is no kustomize"
    command kustomize "$@"
  else
    .cache/clients/kustomize/bin/kustomize "$@"
  fi
}

build_pod() { kustomize build "docker/kubernetes/$1" >"$scratch/$1.yaml"; } # VARIANT

run_pod() { # VARIANT KIND DATABASE OPTIONS… : runs the gate's container as its YAML says; $message is the termination message
  local variant=$1 kind=$2 database=$3 flags
  shift 3
  build_pod "$variant"
  flags=$(DB_URL=${pod_url:-$(url "$database")} python3 "$tests/pod.py" flags "$kind" "${pod_container:-migrate}" <"$scratch/$variant.yaml")
  mapfile -t flags <<<"$flags"
  flags=("${flags[@]//1.43.0/${pod_version:-$new}}")
  flags=("${flags[@]//logto-backups/${pod_claim:-logto-backups}}")
  # The kubelet makes this file and lets everybody write it.
  : >"$scratch/message"
  chmod 0666 "$scratch/message"
  code_of gate --volume "$scratch/message:/dev/termination-log" "$@" "${flags[@]//\/backups\/FILE/${pod_backup:-}}"
  message=$(cat "$scratch/message")
}
