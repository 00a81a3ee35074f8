# shellcheck shell=bash
# Building the trees of CMakePresets.json, to be sourced.
#
#   build_tree PRESET TARGET...    configures and builds below build/PRESET; one script at a time. Progress on a terminal
#                                  is ninja's own line, elsewhere a line every fifth; the log comes when it fails
BUILD_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

build_tree() {
  local preset=$1 log=$BUILD_ROOT/build/$1.log tests=ON lock status=0
  shift
  mkdir -p "$BUILD_ROOT/build"
  exec {lock}< "$BUILD_ROOT/CMakePresets.json" # the lock of all trees
  flock -n "$lock" || {
    echo "  another run is building, waiting for it"
    flock "$lock"
  }
  # The program alone can be built without what the tests need.
  [[ -e /usr/include/gtest/gtest.h && -e /usr/include/benchmark/benchmark.h ]] || tests=OFF
  if ! (cd "$BUILD_ROOT" && cmake --preset "$preset" -DCHAPERONE_TESTS=$tests) > "$log" 2>&1; then
    tail -n 40 "$log" >&2
    echo "configuring the tree $preset failed" >&2
    exec {lock}<&-
    return 1
  fi
  if [[ -t 1 ]]; then
    cmake --build "$BUILD_ROOT/build/$preset" --target "$@" || status=1
  else
    cmake --build "$BUILD_ROOT/build/$preset" --target "$@" 2>&1 | tee "$log" | awk -F'[][/]' '
      /^\[[0-9]+\/[0-9]+\]/ { fifth = int($2 * 5 / $3)
        if (fifth > last && fifth < 5) printf "  %d of %d\n", $2, $3; last = fifth; fflush() }'
    if ((PIPESTATUS[0])); then
      grep -aE -B2 -A30 '^FAILED|error:|CMake Error' "$log" | head -n 150 >&2
      status=1
    fi
  fi
  exec {lock}<&-
  ((status == 0)) || echo "building the tree $preset failed" >&2
  return "$status"
}
