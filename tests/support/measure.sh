# shellcheck shell=bash
# What a process costs, to be sourced.
#
#   cpu_us PID             CPU time of the process so far, in microseconds (the kernel counts in hundredths of a second)
#   resident_kb PID        its resident memory
#   peak_resident_kb PID   the highest that it ever was; reset_peak PID begins anew
#   median                 of the numbers on standard input
#   calculate EXPRESSION [FORMAT]    prints it, with two decimals
#   hold_sessions URI COUNT          opens idle sessions, each of which has run a statement; status 1 if one can't
#   release_sessions                 has each answer once more, then closes them; status 1 if one does not
cpu_us() { awk -v tick="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) * 1000000 / tick }' "/proc/$1/stat"; }
resident_kb() { awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"; }
peak_resident_kb() { awk '/^VmHWM:/ { print $2 }' "/proc/$1/status"; }
reset_peak() { echo 5 > "/proc/$1/clear_refs"; }
median() { sort -n | awk '{ a[NR] = $1 } END { if (NR) print NR % 2 ? a[(NR + 1) / 2] : (a[NR / 2] + a[NR / 2 + 1]) / 2 }'; }
calculate() { awk "BEGIN { printf \"${2:-%.2f}\n\", $1 }"; }

hold_sessions() {
  rm -f "$SCRATCH/hold"
  mkfifo "$SCRATCH/hold"
  /usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/idle_sessions.py" "$@" < "$SCRATCH/hold" > "$SCRATCH/held" 2>&1 &
  HOLDER=$!
  exec {HOLD}> "$SCRATCH/hold"
  until grep -qx "open $2" "$SCRATCH/held"; do
    if ! kill -0 "$HOLDER" 2> /dev/null; then
      exec {HOLD}>&-
      tail -n 3 "$SCRATCH/held" >&2
      return 1
    fi
    sleep 0.2
  done
}

release_sessions() {
  exec {HOLD}>&-
  wait "$HOLDER"
}
