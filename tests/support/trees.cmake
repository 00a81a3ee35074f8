# Read by ctest: puts the tree's name in front of each test's, so that one list can hold several trees.

function(add_test name)
  if(name MATCHES "_NOT_BUILT$") # the tree has only some of the targets; those that fail to build stop run.sh earlier
    return()
  endif()
  set(words)
  math(EXPR last "${ARGC} - 1")
  foreach(i RANGE 1 ${last})
    string(REPLACE ";" "\\;" word "${ARGV${i}}") # a word keeps its semicolons only if they are escaped
    list(APPEND words "${word}")
  endforeach()
  _add_test("${tree}.${name}" ${words})
endfunction()

function(set_tests_properties name)
  set(words)
  math(EXPR last "${ARGC} - 1")
  foreach(i RANGE 1 ${last})
    string(REPLACE ";" "\\;" word "${ARGV${i}}")
    list(APPEND words "${word}")
  endforeach()
  _set_tests_properties("${tree}.${name}" ${words})
endfunction()
