#!/bin/sh
# The command `nightshift` in a container. As process 1 it hands signals on, and takes leave of processes whose parent has
# gone (training programs, hosts of models), which Node does not do; any other time it becomes the program itself.
[ -z "${TMPDIR:-}" ] || mkdir -p "$TMPDIR"
[ "$$" -eq 1 ] || exec node /app/cli/nightshift.mjs "$@"

node "${NIGHTSHIFT_PROGRAM:-/app/cli/nightshift.mjs}" "$@" <&0 &
program=$!
for signal in TERM INT HUP; do
  # shellcheck disable=SC2064 # The number is that of now.
  trap "kill -$signal $program 2>/dev/null" "$signal"
done
# A signal ends the wait and not the program; an ended program that was not waited for still answers to signal 0.
wait "$program"
code=$?
while kill -0 "$program" 2>/dev/null; do
  wait "$program"
  code=$?
done
exit "$code"
