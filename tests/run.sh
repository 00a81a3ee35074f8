#!/usr/bin/env bash
# Installs what is missing, builds every tree and runs all tests. About 20 minutes on 2 cores the first time.
#
#   tests/run.sh [CTEST ARGUMENT...]     e.g. tests/run.sh -R wire
#
#   release   everything, with the tests on a real PostgreSQL
#   asan      the tests again, under AddressSanitizer and UndefinedBehaviorSanitizer, and the fuzz targets: the
#             checked-in corpus and some seconds of new input
#   tsan      the tests of net and audit, under ThreadSanitizer
#
# The sanitizers' trees compile files together (cmake/joined.cmake); that each compiles alone is seen in the release tree.
# The end of the output is ctest's summary over all trees, and what each step took; a failed test's output stands above.
set -euo pipefail
case ${1-} in -h | --help)
  sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"
  exit 0
  ;;
esac
cd "$(dirname "$0")/.."
# shellcheck source=tests/support/build.sh
source tests/support/build.sh

took=()
step() { # TEXT: ends the last step and begins the next
  if ((${#took[@]})); then took[-1]+=" $((SECONDS - began)) s"; fi
  began=$SECONDS
  took+=("$1:")
  echo "[${#took[@]}/5] $1${2:+ ($2)}"
}

step packages
tests/install.sh test
step "release tree" "about 8 minutes"
build_tree release all
step "asan tree" "about 5 minutes"
build_tree asan all
step "tsan tree" "about 1 minute"
build_tree tsan net_test audit_test

# One list over all trees, each test under its tree's name.
mkdir -p build/tests
cat > build/tests/CTestTestfile.cmake << CMAKE
add_test(format "$PWD/tests/support/format.sh")
add_test(shellcheck "$PWD/tests/support/lint.sh")
add_test(names "$PWD/tests/support/names.py")
add_test(names.self_check "$PWD/tests/support/names.py" --self-check)
add_test(clients "$PWD/tests/conformance/clients.sh")
add_test(builtin "$PWD/tests/conformance/builtin.sh")
set_tests_properties(format shellcheck names names.self_check PROPERTIES LABELS style)
set_tests_properties(names PROPERTIES TIMEOUT 1200 COST 1000)
set_tests_properties(clients PROPERTIES LABELS conformance RUN_SERIAL TRUE TIMEOUT 300)
set_tests_properties(builtin PROPERTIES LABELS conformance TIMEOUT 120)
include("$PWD/tests/support/trees.cmake")
set(tree release)
subdirs("../release")
set(tree asan)
subdirs("../asan")
set(tree tsan)
subdirs("../tsan")
CMAKE
step tests "about 6 minutes"
status=0
# Most tests wait more than they compute.
ctest --test-dir build/tests --output-on-failure --no-tests=error --timeout 300 -j "$(($(nproc) + 1))" "$@" || status=$?
took[-1]+=" $((SECONDS - began)) s"
printf '\n%s\n' "${took[*]}"
exit "$status"
