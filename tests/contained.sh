#!/usr/bin/env bash
# Runs a command so that nothing of it is left, however it ends: no process, no temporary file, no shared memory.
#   tests/contained.sh COMMAND…
# Ends with the command's exit code, or with 128 and the signal's number. What a run that was killed has left, the next one removes.
set -uo pipefail

# Who starts this in the background has it ignore SIGINT and SIGQUIT, and no shell can undo that; so it does to the command below.
[ "${SIGNALS-}" = default ] || exec env --default-signal SIGNALS=default bash "$0" "$@"

# A run has two folders of the same name, whose end says whose they are: the number of this process and when it started.
readonly prefix=logto-tests- memory=/dev/shm base=${TMPDIR:-/tmp}
started() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; } # PID : starttime of proc(5), in clock ticks since the boot
readonly name=$prefix$$-$(started $$)
readonly folder=$base/$name

# The processes of a run: all of its session, all that name its folder in their environment, and all descendants of these.
processes() { # FOLDER
  local session marked
  session=$(cat "$1/session" 2>/dev/null)
  marked=$(grep -lzFx "LOGTO_TESTS_FOLDER=$1" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3 | tr '\n' ' ')
  cat /proc/[0-9]*/stat 2>/dev/null | sed 's/ (.*) / /' | awk -v session="${session:-none}" -v marked="$marked" -v self=$$ '
    BEGIN { split(marked, list, " "); for (i in list) ours[list[i]] = 1 }
    $2 != "Z" { parent[$1] = $3; if ($5 == session) ours[$1] = 1 }
    END {
      do {
        more = 0
        for (pid in parent) if (!(pid in ours) && (parent[pid] in ours)) { ours[pid] = 1; more = 1 }
      } while (more)
      for (pid in ours) if ((pid in parent) && pid != self) print pid
    }'
}

send() { # SIGNAL FOLDER : to all processes of a run; fails when there is none
  local pids
  pids=$(processes "$2")
  [ -n "$pids" ] || return
  # shellcheck disable=SC2086 # several numbers
  kill -s "$1" $pids 2>/dev/null
  return 0
}

remove() { # FOLDER : ends what is left of a run, and removes its files
  local deadline=$((SECONDS + 20)) file
  while send TERM "$1" && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.2; done
  while send KILL "$1"; do sleep 0.1; done
  # A server that was killed leaves a segment, whose number is in line 7 of its file.
  find "$1" "$memory/${1##*/}" -name postmaster.pid 2>/dev/null | while read -r file; do
    sed -n '7s/.* //p' "$file" | xargs --no-run-if-empty -n 1 ipcrm -m 2>/dev/null
  done
  grep -F " $1/" /proc/mounts | cut -d ' ' -f 2 | sort --reverse | xargs --no-run-if-empty umount --lazy 2>/dev/null
  rm -rf "$1" "${memory:?}/${1##*/}"
}

remove_what_killed_runs_left() {
  local left owner file
  for left in "$base/$prefix"*; do
    [ -O "$left" ] || continue
    owner=${left##*/"$prefix"}
    [ "$(started "${owner%-*}")" = "${owner#*-}" ] || remove "$left"
  done
  for file in "$memory"/faketime_shm_* "$memory"/sem.faketime_sem_*; do # libfaketime names them after its process
    [ ! -O "$file" ] || [ -e "/proc/${file##*_}" ] || rm -f "$file"
  done
}

remove_what_killed_runs_left
mkdir "$folder" && chmod 1777 "$folder" || exit # PostgreSQL's user enters it, too
if mkdir "$memory/$name" 2>/dev/null; then
  chmod 1777 "$memory/$name"
  export LOGTO_TESTS_MEMORY=$memory/$name
fi
export LOGTO_TESTS_FOLDER=$folder TMPDIR=$folder

signal=
for each in HUP INT QUIT TERM; do
  # shellcheck disable=SC2064 # each name now
  trap "signal=$each" "$each"
done
# shellcheck disable=SC2016 # the inner shell expands it
env --default-signal setsid sh -c 'echo $$ >"$LOGTO_TESTS_FOLDER/session"; exec "$@"' sh "$@" <&0 &
child=$!
while
  wait "$child"
  code=$?
  [ -z "$signal" ] && kill -0 "$child" 2>/dev/null
do :; done
trap '' HUP INT QUIT TERM
[ -z "$signal" ] || { echo "stopped by SIG$signal: ending what runs and removing its files" >&2; code=$((128 + $(kill -l "$signal"))); }
remove "$folder"
remove_what_killed_runs_left # libfaketime's files
exit "$code"
