# shellcheck shell=bash disable=SC2154
# Measures how much memory and processor the commands need. run.sh sources it for `bench/run.sh --sizes`, which writes bench/sizes.md.

test_sizes_of_containers() { # Logto's start is left out: the stand-in for its server needs less
  local command limits began output
  printf '| command | memory | processors | exit code | seconds | last line of a failure |\n|---|---|---|---|---|---|\n' >"$SIZES"
  for command in migrate "rehearse --no-start" backup; do
    for limits in "512 1" "256 1" "192 1" "128 1" "512 0.5" "512 0.2" "512 0.1"; do
      measure_size "$command" "${limits% *}" "${limits#* }"
    done
  done
}

measure_size() { # COMMAND MEBIBYTES PROCESSORS
  local database=sized began
  sql server postgres "drop database if exists $database with (force)"
  sql server postgres "drop role if exists logto_tenant_${database}_default, logto_tenant_${database}_admin, logto_tenant_$database"
  seeded $database >/dev/null 2>&1
  began=$(date +%s%N)
  # shellcheck disable=SC2086 # the command and its options
  code_of timeout 900 docker run --rm --network gate-tests --memory "$2m" --memory-swap "$2m" --cpus "$3" --tmpfs /backups:uid=65532 \
    --env LOGTO_INIT_BACKUP_DIR="$([ "$1" != backup ] || echo /backups)" --env DB_URL="$(url $database)" "logto-migrate-init:$new-client" $1 \
    >"$scratch/size.out" 2>"$scratch/size.log"
  printf '| `%s` | %s MiB | %s | %s | %s | %s |\n' "$1" "$2" "$3" "$code" "$(awk "BEGIN { printf \"%.1f\", ($(date +%s%N) - $began) / 1e9 }")" \
    "$([ "$code" -eq 0 ] || tail -n 1 "$scratch/size.log" | sed -E 's/^\S+ [A-Z]{3} //; s/\|/\\|/g')" >>"$SIZES"
}
