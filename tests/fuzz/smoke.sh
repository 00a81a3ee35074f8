#!/bin/sh
# smoke.sh BINARY CORPUS: a libFuzzer target over its corpus, then over new inputs for a few seconds.
# An input that breaks it is left in the working directory; the corpus is not touched.
set -eu

binary=$1
corpus=$2
seconds=${FUZZ_SECONDS:-5}

if [ -z "$(find "$corpus" -type f 2>/dev/null | head -n 1)" ]; then
  echo "$corpus: no inputs" >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cp -R "$corpus" "$work/corpus"

# As files, not as a folder: whole, whatever -max_len says.
if ! find "$work/corpus" -type f -exec "$binary" -timeout=10 {} + >"$work/log" 2>&1; then
  cat "$work/log" >&2
  exit 1
fi

"$binary" -max_len=4096 -timeout=10 -max_total_time="$seconds" -print_final_stats=1 \
  -artifact_prefix="$PWD/$(basename "$binary")-" "$work/corpus"
