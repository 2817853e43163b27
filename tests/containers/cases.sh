# shellcheck shell=bash disable=SC2154
# One function for each case; its name is the sentence. They are shell because what they test is what operators type and paste: docker, compose,
# the examples' own files. In another language each line would be the same command in quotes. run.sh sources it.

test_the_images_have_one_layer_more_than_their_base_and_keep_the_budget() {
  local layer compressed id
  expect "the number of layers beyond Logto's" \
    "$(($(docker inspect --format '{{len .RootFS.Layers}}' "logto-migrate-init:$new") - $(docker inspect --format '{{len .RootFS.Layers}}' "svhd/logto:$new")))" 1
  expect "the number of layers of the tool" "$(docker inspect --format '{{len .RootFS.Layers}}' logto-migrate-init:tool)" 1
  layer=$(docker history --no-trunc --human=false --format '{{.Size}} {{.CreatedBy}}' "logto-migrate-init:$new" | grep -m 1 'COPY.*/usr/local/bin/' | cut -d ' ' -f 1)
  id=$(docker create "logto-migrate-init:$new")
  compressed=$(docker cp "$id:/usr/local/bin/logto-migrate-init" - | gzip -9 | wc -c)
  docker rm "$id" >/dev/null
  figure "layer of the binary: $layer bytes (budget $largest_layer), compressed $compressed bytes (budget $largest_compressed)"
  figure "layers of logto-migrate-init:$new, newest first: $(docker history --human=false --format '{{.Size}}' "logto-migrate-init:$new" | tr '\n' ' ')"
  figure "layers of logto-migrate-init:tool, newest first: $(docker history --human=false --format '{{.Size}}' logto-migrate-init:tool | tr '\n' ' ')"
  figure "build contexts sent: $(grep -oE 'transferring context: [0-9.]+[kMG]?B' "$build_log" | sort -u | tr '\n' ' ')"
  [ "$layer" -le $largest_layer ] || fail "the layer is too big"
  [ "$compressed" -le $largest_compressed ] || fail "the compressed layer is too big"
}

test_a_build_with_a_client_adds_that_and_nothing_else() {
  local image=logto-migrate-init:$new-client
  expect "the user" "$(docker inspect --format '{{.Config.User}}' "$image")" 65532:0
  expect "the user of Logto's image" "$(docker inspect --format '{{.Config.User}}' "svhd/logto:$new")" ""
  expect "the number of layers more than without" \
    "$(($(docker inspect --format '{{len .RootFS.Layers}}' "$image") - $(docker inspect --format '{{len .RootFS.Layers}}' "logto-migrate-init:$new")))" 1
  expect "what the package manager left" "$(docker run --rm --user 0 --entrypoint find "$image" /var/lib/apt/lists /var/cache/apt /var/cache/apk -type f -size +0 2>/dev/null)" ""
  expect "the clients of the image without" "$(docker run --rm --user 0 --entrypoint find "logto-migrate-init:$new" / -xdev -name pg_dump)" ""
  figure "layers of $image, newest first: $(docker history --human=false --format '{{.Size}}' "$image" | tr '\n' ' ')"
}

test_the_client_comes_with_the_package_manager_of_alpine() {
  local base=only:musl
  if ! real; then
    base=alpine
    docker build --quiet --tag $base - >/dev/null < <(tar --create --directory $tests/alpine .)
  fi
  build alpine-client --build-arg LOGTO_IMAGE=$base --build-arg POSTGRES_CLIENT=17
  expect_text "$(docker run --rm --entrypoint /usr/libexec/postgresql17/pg_dump alpine-client --version)" '^pg_dump \(PostgreSQL\) 17\.'
  expect "the folder for backups" "$(docker run --rm --entrypoint sh alpine-client -c "stat -c '%a %u %g' /backups")" '770 65532 0'
}

test_a_build_with_a_client_for_an_image_without_a_known_package_manager_says_so() {
  printf 'FROM only:musl\nRUN rm -f /sbin/apk\n' | docker build --quiet --tag unknown-base - >/dev/null
  code_of build unknown-client --build-arg LOGTO_IMAGE=unknown-base --build-arg POSTGRES_CLIENT=17 >"$scratch/unknown-client.log" 2>&1
  [ "$code" -ne 0 ] || fail "it was built"
  expect_text "$(cat "$scratch/unknown-client.log")" 'has neither apk nor apt-get'
}

test_the_images_say_what_they_are_and_start_the_binary_as_an_ordinary_user() {
  local image
  for image in "logto-migrate-init:$new" logto-migrate-init:tool; do
    expect "the user of $image" "$(docker inspect --format '{{.Config.User}}' "$image")" 65532:0
    expect "the version label of $image" "$(docker inspect --format '{{index .Config.Labels "org.opencontainers.image.version"}}' "$image")" 1.2.3
    expect "the length of the entrypoint of $image" "$(docker inspect --format '{{len .Config.Entrypoint}}' "$image")" 1
    expect "--version of $image" "$(docker run --rm "$image" --version)" "$(artifacts/native/logto-migrate-init --version)"
  done
  build root-image --build-arg "LOGTO_VERSION=$new" --build-arg INIT_USER=0:0
  expect "the user of an image for an old target" "$(docker inspect --format '{{.Config.User}}' root-image)" 0:0
  expect "the base label" "$(docker inspect --format '{{index .Config.Labels "org.opencontainers.image.base.name"}}' "logto-migrate-init:$new")" "svhd/logto:$new"
}

test_no_label_of_a_fork_of_logto_passes_as_ours() {
  local label name=org.opencontainers.image
  printf 'FROM svhd/logto:%s\nLABEL %s.source=theirs %s.revision=theirs %s.created=theirs %s.url=theirs %s.vendor=theirs\n' "$new" $name $name $name $name $name |
    docker build --quiet --tag fork:labelled - >/dev/null
  build labelled --build-arg LOGTO_IMAGE=fork:labelled --build-arg REVISION=abc --build-arg SOURCE=ours
  label() { docker inspect --format "{{index .Config.Labels \"$name.$1\"}}" labelled; }
  expect "the base" "$(label base.name)" fork:labelled
  expect "the source" "$(label source)" ours
  expect "the revision" "$(label revision)" abc
  for label in created url vendor; do
    expect "the label $label" "$(label $label)" ""
  done
}

test_the_executable_is_the_tested_one_in_every_image_and_the_dockerfile_can_compile_it() {
  local image expected id
  expected=$(sha256sum <artifacts/native/logto-migrate-init)
  for image in "logto-migrate-init:$new" logto-migrate-init:tool; do
    id=$(docker create "$image")
    expect "the executable in $image" "$(docker cp "$id:$(docker inspect --format '{{index .Config.Entrypoint 0}}' "$image")" - | tar --extract --to-stdout | sha256sum)" "$expected"
    docker rm "$id" >/dev/null
  done
  compile compiled:tool --target tool
  expect "--version of the compiled one" "$(docker run --rm compiled:tool --version)" "logto-migrate-init 1.2.3"
}

test_one_file_runs_on_musl_on_glibc_and_in_an_empty_image() {
  local image
  seeded everywhere "$new"
  docker volume create everywhere >/dev/null
  docker run --rm --volume everywhere:/shared debian:imported chmod 0777 /shared
  docker run --rm --volume everywhere:/shared logto-migrate-init:tool install /shared
  docker run --rm --volume everywhere:/shared --entrypoint sh "svhd/logto:$new" -c 'cp -r /etc/logto/packages /shared/logto-packages && mkdir /shared/logto && mv /shared/logto-packages /shared/logto/packages && chmod -R a+rwX /shared/logto'
  for image in only:musl debian:imported; do
    expect_text "$(gate --rm --volume everywhere:/shared --env LOGTO_INIT_LOGTO_DIR=/shared/logto --env DB_URL="$(url everywhere)" "$image" \
      /shared/logto-migrate-init run -- sh -c 'echo "the command runs"' 2>&1)" 'the command runs'
  done
  gate --rm --volume everywhere:/shared:ro --env LOGTO_INIT_LOGTO_DIR=/shared/logto --env DB_URL="$(url everywhere)" logto-migrate-init:tool check
}

test_the_gate_needs_no_shell_no_rights_no_writable_root_and_no_particular_user() {
  local output
  printf 'FROM %s\nUSER 0:0\nRUN ["rm", "-f", "/bin/sh", "/bin/dash", "/bin/bash"]\nUSER 65532:0\n' "logto-migrate-init:$new" | docker build --quiet --tag shell-less - >/dev/null
  seeded no_shell
  output=$(gate --rm --read-only --cap-drop ALL --security-opt no-new-privileges --user 12345:23456 \
    --tmpfs /etc/logto/packages/cli/alteration-scripts:uid=12345 --env DB_URL="$(url no_shell)" shell-less 2>&1) || fail "$output"
  expect_text "$output" "$deployed"
  is_current no_shell
}

test_a_random_user_of_group_0_migrates_as_on_openshift() { # a user without a name, no tmpfs, and no rights beyond those of the group
  local output user=$((1000660000 + RANDOM))
  seeded openshift
  output=$(gate --rm --cap-drop ALL --security-opt no-new-privileges --user $user:0 --env DB_URL="$(url openshift)" "logto-migrate-init:$new" 2>&1) || fail "$output"
  expect_text "$output" "$deployed"
  is_current openshift
}

test_a_migration_needs_no_more_than_256_megabytes_and_half_a_processor() {
  local output began=$SECONDS
  seeded small
  output=$(gate --rm --memory 256m --memory-swap 256m --cpus 0.5 --env DB_URL="$(url small)" "logto-migrate-init:$new" 2>&1) || fail "$output"
  expect_text "$output" "$deployed"
  is_current small
  figure "migrate from $old with 256 MiB and 0.5 CPU: $((SECONDS - began)) s with the seed"
}

test_a_rehearsal_and_a_check_start_logto_as_an_ordinary_user_with_a_read_only_root() {
  local output
  local -a bare=(--rm --read-only --cap-drop ALL --security-opt no-new-privileges --user 65532:0 --memory 512m
    --tmpfs /etc/logto/packages/cli/alteration-scripts:uid=65532 --env DB_URL="$(url starts)")
  seeded starts
  output=$(gate "${bare[@]}" "logto-migrate-init:$new-client" rehearse 2>&1) || fail "$output"
  expect_text "$output" 'starts +yes, answered after [0-9.]+ s \(default and admin tenant\)'
  code_of gate "${bare[@]}" "logto-migrate-init:$new" check --start
  expect "the exit code of a check before the upgrade" "$code" 12
  gate "${bare[@]}" "logto-migrate-init:$new"
  output=$(gate "${bare[@]}" "logto-migrate-init:$new" check --start 2>&1) || fail "$output"
  expect_text "$output" 'Logto itself, started here, answered after'
  output=$(gate "${bare[@]}" --memory 256m "logto-migrate-init:$new" check --start 2>&1) && fail "$output"
  expect_text "$output" 'the memory limit here is 256 MB'
}

test_a_target_whose_folder_is_not_writable_is_refused_before_anything_is_deployed() {
  seeded not_writable
  code_of gate --rm --read-only --env DB_URL="$(url not_writable)" "logto-migrate-init:$new"
  expect "the exit code" "$code" 11
}

test_a_folder_that_the_user_may_not_write_is_named_in_an_image_without_users() { # `tool` has no /etc/passwd
  local output
  docker volume create roots >/dev/null
  docker run --rm --volume roots:/shared debian:imported sh -c 'mkdir /shared/lost+found && chown 0:0 /shared && chmod 0700 /shared' # not empty, or the engine gives it to the user
  code_of docker run --rm --user 65532:0 --volume roots:/shared logto-migrate-init:tool install /shared >"$scratch/install.log" 2>&1
  expect "the exit code of install" "$code" 2
  expect_text "$(cat "$scratch/install.log")" 'an existing folder that user 65532:0 may write to'
  seeded roots
  printf 'FROM %s\nUSER 0:0\nRUN ["rm", "-f", "/etc/passwd"]\nUSER 65532:0\n' "logto-migrate-init:$new-client" | docker build --quiet --tag nameless - >/dev/null
  code_of gate --rm --user 65532:0 --volume roots:/backups --env LOGTO_INIT_BACKUP_DIR=/backups --env DB_URL="$(url roots)" nameless >"$scratch/backup.log" 2>&1
  expect "the exit code of a backup" "$code" 13
  output=$(cat "$scratch/backup.log")
  expect_text "$output" 'user 65532:0 may not'
  code_of gate --rm --read-only --user 65532:0 --env DB_URL="$(url roots)" nameless >"$scratch/deploy.log" 2>&1
  expect "the exit code of a deploy" "$code" 11
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
  expect_text "$(gate_log)" 'Seeding it with Logto'
  local before
  before=$(sql "$(container postgres)" logto "select value from systems where key = 'alterationState'")
  compose down
  code_of compose up --detach
  expect "the exit code of compose" "$code" 0
  logto_runs $new
  expect_text "$(gate_log)" 'nothing was pending'
  expect_no_text "$(gate_log)" 'Seeding it'
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

test_an_upgrade_by_run_and_up_keeps_the_old_logto_serving_until_the_migration_has_ended() {
  local server logto run
  in_project two_commands docker/compose.yaml
  export PORT=39017
  first_up $old
  logto_runs $old
  server=$(container postgres)
  logto=$(container logto)

  poll "$scratch/refused"
  sql "$server" logto 'create table notes (id int)' # no row-level security, with which Logto would not start
  export LOGTO_VERSION=$new
  code_of compose run --rm -T migrate
  expect "the exit code of a migration that is refused" "$code" 7
  answers_again "$scratch/refused"
  figure "compose $(compose version --short), run --rm migrate that is refused: $(longest_silence "$scratch/refused") s without an answer at most"
  rm "$scratch/refused"
  sql "$server" logto 'drop table notes'

  poll "$scratch/slow"
  hold_back "$server" logto
  compose run --rm -T migrate &
  run=$!
  wait_for 60 is_blocked "$server" logto
  answers_again "$scratch/slow"
  let_go "$server" logto
  code_of wait $run
  expect "the exit code of the migration" "$code" 0
  answers_again "$scratch/slow"
  expect "PostgreSQL's container" "$(container postgres)" "$server"
  expect "Logto's container" "$(container logto)" "$logto"
  figure "run --rm migrate that waits for a lock: $(longest_silence "$scratch/slow") s without an answer at most"
  rm "$scratch/slow"

  poll "$scratch/up"
  answers_again "$scratch/up"
  code_of up $new
  expect "the exit code of up" "$code" 0
  logto_runs $new
  answers_again "$scratch/up"
  figure "up -d after it: $(longest_silence "$scratch/up") s without an answer at most"
  rm "$scratch/up"
  expect "PostgreSQL's container" "$(container postgres)" "$server"
}

test_a_plain_up_takes_the_old_logto_away_before_it_migrates() { # as the pages say; only Compose 1 did not
  local server up
  in_project plain_up docker/compose.yaml
  export PORT=39018
  first_up $old
  logto_runs $old
  server=$(container postgres)
  poll "$scratch/up"
  answers_again "$scratch/up"
  hold_back "$server" logto
  up $new &
  up=$!
  wait_for 60 is_blocked "$server" logto
  logto_does_not_run
  let_go "$server" logto
  code_of wait $up
  expect "the exit code of compose" "$code" 0
  answers_again "$scratch/up"
  figure "plain up -d: $(longest_silence "$scratch/up") s without an answer at most, as long as the migration"
  rm "$scratch/up"
}

test_an_upgrade_is_backed_up_with_debians_own_client_and_the_restore_brings_the_old_state_back() {
  ! real || skip "Logto's image is Alpine"
  local own
  own=$(own_client)
  make_server "$own"
  run_server "server-$own" "$own"
  build "logto-migrate-init:$new-debian" --build-arg "LOGTO_VERSION=$new" --build-arg "POSTGRES_CLIENT=$own"
  upgrade_and_restore "$new-debian" "$own" "server-$own"
}

test_an_upgrade_is_backed_up_with_a_newer_client_and_the_restore_brings_the_old_state_back() {
  upgrade_and_restore "$new-client" $client server
}

test_a_client_that_is_missing_or_older_than_the_server_stops_the_upgrade_before_it_begins() {
  local before own
  seeded no_client
  before=$(level server no_client)
  docker run --rm --volume no-client:/backups debian:imported chmod 0777 /backups
  backup_fails() { # TAG TEXT
    code_of gate --rm --volume no-client:/backups --env DB_URL="$(url no_client)" --env LOGTO_INIT_BACKUP_DIR=/backups "logto-migrate-init:$1" >"$scratch/no-client.log" 2>&1
    cat "$scratch/no-client.log"
    expect "the exit code" "$code" 13
    expect_text "$(cat "$scratch/no-client.log")" "$2"
    expect "the state" "$(level server no_client)" "$before"
  }
  backup_fails "$new" 'build it with POSTGRES_CLIENT'
  real && return # Alpine has several clients, and not for long
  own=$(own_client)
  build "logto-migrate-init:$new-debian" --build-arg "LOGTO_VERSION=$new" --build-arg "POSTGRES_CLIENT=$own"
  backup_fails "$new-debian" "the server runs PostgreSQL 17, and the newest pg_dump found is $own\\."
}

test_compose_with_a_wrong_password_does_not_start_logto() {
  in_project password docker/compose.yaml
  first_up
  logto_runs $new
  compose stop logto
  export POSTGRES_PASSWORD=wrong
  code_of compose up --detach >"$scratch/compose.log" 2>&1
  cat "$scratch/compose.log"
  figure "compose said: $(grep -m 1 -E 'exited with code|complete successfully' "$scratch/compose.log")"
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

test_compose_with_a_backup_volume_backs_up_an_upgrade_and_goes_back() {
  local version server before backup
  in_project backup docker/compose.yaml docker/compose.backup.yaml
  export INIT_IMAGE=with-client
  for version in "$old" "$new"; do
    docker tag "logto-migrate-init:$version-client" "$INIT_IMAGE:$version"
  done
  first_up $old
  logto_runs $old
  server=$(container postgres)
  before=$(level "$server" logto)
  code_of up $new
  expect "the exit code of compose" "$code" 0
  logto_runs $new
  expect_text "$(gate_log)" "$deployed"
  expect_no_text "$(gate_log | sed '/Backed up/q')" "$deployed"
  backup=$(backup_in "$(docker run --rm --volume backup_backups:/backups --entrypoint ls "$INIT_IMAGE:$new" /backups)") # compose attaches after the start, and may miss what so short a program says
  LOGTO_VERSION=$new compose run --rm -T migrate backup

  LOGTO_VERSION=$new compose stop logto
  LOGTO_VERSION=$new compose run --rm -T migrate restore --yes "/backups/$backup"
  code_of up $old
  expect "the exit code of compose" "$code" 0
  logto_runs $old
  expect "the state" "$(level "$server" logto)" "$before"
}

test_an_existing_compose_file_is_extended() {
  in_project extended $tests/docker-compose.official.yml docker/compose.extend.yaml
  export TAG=$new
  code_of first_up
  expect "the exit code of compose" "$code" 0
  logto_runs $new app
  expect_text "$(gate_log)" 'Seeding it with Logto'
}

test_the_lines_of_the_page_work_in_logtos_own_compose_file() {
  python3 $tests/paste.py README.md test_the_lines_of_the_page_work_in_logtos_own_compose_file $tests/docker-compose.official.yml |
    sed -E 's/(logto-migrate-init:\$\{TAG[^}]*\})/\1-client/' >"$scratch/compose.yaml" # as the page builds it
  in_project pasted "$scratch/compose.yaml"
  code_of compose config >"$scratch/no-tag.log" 2>&1
  [ "$code" -ne 0 ] || fail "it is accepted without TAG"
  expect_text "$(cat "$scratch/no-tag.log")" 'the release that runs now, in .env'
  export TAG=$old
  code_of first_up $old
  expect "the exit code of the first installation" "$code" 0
  logto_runs $old app
  export TAG=$new
  code_of compose run -T --name pasted-migration migrate # kept, because compose may attach too late to show the first line
  expect "the exit code of the migration" "$code" 0
  docker run --rm --volume pasted_backups:/volume debian:imported sh -c 'ls /volume/*.dump'
  [ $new != 1.43.0 ] || docker logs pasted-migration 2>&1 | python3 $tests/shown.py README.md test_the_lines_of_the_page_work_in_logtos_own_compose_file
  logto_runs $old app
  code_of compose up --detach
  expect "the exit code of up" "$code" 0
  logto_runs $new app
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
  for variant in base image-volume job seed backup restore repair rehearse rollback; do
    build_pod $variant
    python3 $tests/pod.py restricted <"$scratch/$variant.yaml"
  done
}

test_the_kubernetes_component_adds_the_init_container_to_deployments_of_other_peoples_shape() {
  local shape flags first
  figure "kustomize $(real && kustomize version || cat .cache/clients/kustomize/version)"
  for shape in plain hardened sidecar; do
    kustomize build "$tests/deployments/$shape" >"$scratch/$shape.yaml"
    first=migrate
    [ $shape != sidecar ] || first=proxy
    expect "the first init container of $shape" "$(python3 -c 'import sys, yaml; print(next(yaml.safe_load_all(sys.stdin))["spec"]["template"]["spec"]["initContainers"][0]["name"])' <"$scratch/$shape.yaml")" $first
    seeded "shape_$shape"
    flags=$(env DB_URL="$(url "shape_$shape")" url="$(url "shape_$shape")" python3 $tests/pod.py flags Deployment migrate <"$scratch/$shape.yaml")
    mapfile -t flags <<<"$flags"
    code_of gate "${flags[@]//1.43.0/$new}"
    expect "the exit code of $shape" "$code" 0
    is_current "shape_$shape"
  done
  python3 $tests/pod.py restricted <"$scratch/hardened.yaml"
  # The patch of the page, in a copy of a Job's folder
  cp -r docker/kubernetes "$scratch/own"
  sed -n '/^patches:/,/^```$/p' docs/install.md | grep -v '^```' >>"$scratch/own/repair/kustomization.yaml"
  kustomize build "$scratch/own/repair" >"$scratch/own.yaml"
  expect_text "$(cat "$scratch/own.yaml")" 'name: auth-db'
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
  expect_text "$message" "refused user 'postgres'"
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

test_the_kubernetes_init_container_backs_up_into_the_claim_and_the_job_restores() {
  local before owners
  pod_version=$new-client
  seeded kubernetes_backup
  before=$(level server kubernetes_backup)
  # A new volume as fsGroup leaves it; the folder of ext4 keeps the engine from doing what it does to an empty one.
  docker run --rm --volume logto-backups:/volume debian:imported sh -c 'mkdir /volume/lost+found && chgrp 65532 /volume && chmod 2775 /volume'
  run_pod backup Deployment kubernetes_backup >"$scratch/pod.log" 2>&1
  cat "$scratch/pod.log"
  expect "the exit code" "$code" 0
  expect_text "$message" "The schema matches Logto $new"
  owners=$(docker run --rm --volume logto-backups:/volume debian:imported sh -c 'stat --format "%a %u" /volume/*.dump /volume/*.json')
  expect "the modes and owners of the backup" "$owners" $'600 65532\n600 65532'
  expect "the containers with the claim" "$(grep -c 'mountPath: /backups' "$scratch/backup.yaml")" 1
  pod_container=restore pod_backup=/backups/$(backup_in "$(cat "$scratch/pod.log")") run_pod restore Job kubernetes_backup
  expect "the exit code of the job" "$code" 0
  expect_text "$message" "The database 'kubernetes_backup' is restored"
  expect "the state" "$(level server kubernetes_backup)" "$before"
}

test_the_kubernetes_jobs_rehearse_an_upgrade_and_roll_it_back() {
  pod_version=$new-client pod_claim=rollback-backups
  docker run --rm --volume $pod_claim:/volume debian:imported sh -c 'mkdir /volume/lost+found && chgrp 65532 /volume && chmod 2775 /volume'
  seeded kubernetes_rollback
  pod_container=rehearse run_pod rehearse Job kubernetes_rollback
  expect "the exit code of the rehearsal" "$code" 0
  expect_text "$message" "The upgrade to Logto $new works on a copy of the database"
  run_pod backup Deployment kubernetes_rollback
  expect "the exit code of the upgrade" "$code" 0
  pod_container=rollback run_pod rollback Job kubernetes_rollback
  expect "the exit code of the rollback" "$code" 0
  expect_text "$message" "Next: start Logto $old with LOGTO_INIT_AHEAD="
}

test_the_kubernetes_job_repairs_what_the_init_container_names() {
  seeded kubernetes_repair "$new"
  sql server kubernetes_repair "alter role logto_tenant_kubernetes_repair_default nologin"
  run_pod base Deployment kubernetes_repair
  expect "the exit code before the job" "$code" 7
  expect_text "$message" "logto-migrate-init repair"
  pod_container=repair run_pod repair Job kubernetes_repair
  expect "the exit code of the job" "$code" 0
  run_pod base Deployment kubernetes_repair
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

test_the_values_for_charts_are_those_of_the_component() {
  python3 - <<'EOF'
import yaml
values = yaml.safe_load(open("docker/kubernetes/chart-values.yaml"))
pod = yaml.safe_load(open("docker/kubernetes/component/patch.yaml"))["spec"]["template"]["spec"]
pod["initContainers"][0]["image"] += ":1.43.0"
assert values == {"initContainers": pod["initContainers"], "volumes": pod["volumes"]}, values

# The lines of README are a part of them.
import re
block = re.search(r"<!-- run: test_the_values_for_charts[^\n]*\n```yaml\n(.*?)```", open("README.md").read(), re.S)[1]
lines = yaml.safe_load(block.replace("REGISTRY/", ""))
shown, whole = lines["initContainers"][0], values["initContainers"][0]
assert all(whole[key] == value for key, value in shown.items()), shown
assert lines["volumes"] == values["volumes"], lines
EOF
}

test_the_kubernetes_job_of_another_version_has_another_name() { # a Job cannot be changed, so a second apply of the same name is refused
  build_pod job
  cp -r docker/kubernetes "$scratch/next"
  sed -i 's/1\.43\.0/1.44.0/; s/1-43-0/1-44-0/' "$scratch/next/job/kustomization.yaml"
  kustomize build "$scratch/next/job" >"$scratch/next.yaml"
  job_of() { python3 -c 'import sys, yaml; print(*[(d["metadata"]["name"], d["spec"]["template"]["spec"]["containers"][0]["image"]) for d in yaml.safe_load_all(sys.stdin) if d["kind"] == "Job"])' <"$1"; }
  expect "the job of one version" "$(job_of "$scratch/job.yaml")" "('logto-migrate-1-43-0', 'logto-migrate-init:1.43.0')"
  expect "the job of the next" "$(job_of "$scratch/next.yaml")" "('logto-migrate-1-44-0', 'logto-migrate-init:1.44.0')"
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

test_the_nomad_files_are_hcl_with_a_prestart_task_and_a_backup_volume() { # syntax only: no Nomad is run
  local output
  [ -d $cache/hcl/node_modules/hcl2-parser ] || npm install --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --prefix $cache/hcl hcl2-parser@1.0.3
  expect_text "$(node $tests/hcl.mjs $cache/hcl docker/nomad/logto.nomad.hcl)" '^migrate docker prestart false'
  expect_text "$(node $tests/hcl.mjs $cache/hcl docker/nomad/logto.nomad.hcl)" '^auto_revert false'
  output=$(node $tests/hcl.mjs $cache/hcl docker/nomad/logto-migrate.nomad.hcl)
  expect_text "$output" '^migrate docker main'
  expect_text "$output" '^migrate mounts logto-backups at /backups'
}

test_the_files_for_platforms_start_logto_only_after_the_migration() { # parsed only: no platform is run
  local variables=(SERVICE_USER_POSTGRES=u SERVICE_PASSWORD_POSTGRES=p SERVICE_FQDN_AUTH=http://a SERVICE_FQDN_ADMIN=http://b CONTAINER_NAME=logto
    PANEL_DB_USER=u PANEL_DB_USER_PASSWORD=p PANEL_DB_HOST=h PANEL_DB_PORT=5432 PANEL_DB_NAME=logto PANEL_APP_PORT_HTTP=3002
    PANEL_APP_PORT_HTTP_LOGTO=3001 LOGTO_ENDPOINT_URL=http://a LOGTO_ADMIN_ENDPOINT_URL=http://b)
  local platform
  for platform in coolify 1panel; do
    python3 -c 'import sys, yaml
file = yaml.safe_load(sys.stdin)
file["services"]["migrate"].pop("exclude_from_hc", None)  # Coolify takes it out, too
yaml.safe_dump(file, sys.stdout)' <"docker/platforms/$platform.yaml" >"$scratch/$platform.yaml"
    (export "${variables[@]}" && compose --project-name platform --file "$scratch/$platform.yaml" config --format json) >"$scratch/$platform.json"
    python3 - "$scratch/$platform.json" <<'END'
import json, sys
services = json.load(open(sys.argv[1]))["services"]
migrate, logto = services["migrate"], services["logto"]
assert logto["depends_on"]["migrate"]["condition"] == "service_completed_successfully", logto["depends_on"]
assert migrate["restart"] == "no" and "entrypoint" not in {key for key in migrate if migrate[key]}, migrate
assert logto["entrypoint"] == ["npm", "start"], logto["entrypoint"]
assert migrate["environment"]["DB_URL"] == logto["environment"]["DB_URL"], (migrate, logto)
END
  done
  python3 - <<'END'
import json, yaml
patch = yaml.safe_load(open("docker/platforms/sealos.yaml"))
[container] = patch["spec"]["template"]["spec"]["initContainers"]
assert container["image"].startswith("logto-migrate-init:") and "command" not in container, container
assert container["env"][-2]["name"] == "DB_URL" and [each["name"] for each in container["env"]].index("PG_PASSWORD") < 4
deploy = json.load(open("docker/platforms/railway.json"))["deploy"]
assert deploy["preDeployCommand"] == ["logto-migrate-init"] and deploy["startCommand"] == "logto-migrate-init run -- npm start", deploy
END
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
