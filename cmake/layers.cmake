# One static library a layer. PRIVATE dependencies keep third-party headers inside the layer that may know them.

add_library(chaperone_options INTERFACE)
target_compile_features(chaperone_options INTERFACE cxx_std_20)
target_include_directories(chaperone_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(chaperone_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Wcast-align -Wformat=2 -Wundef -Werror
  -fno-omit-frame-pointer -fstack-protector-strong)
if(NOT CMAKE_UNITY_BUILD) # where a name may hide one of another file
  target_compile_options(chaperone_options INTERFACE -Wshadow)
endif()
# GCC 12 reports these inside libstdc++ and Boost at -O2, where nothing can be done about them here.
target_compile_options(chaperone_options INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-Wno-error=restrict -Wno-error=maybe-uninitialized -Wno-error=stringop-overflow
  -Wno-error=array-bounds -Wno-error=dangling-pointer>)
target_link_options(chaperone_options INTERFACE -Wl,-z,relro,-z,now)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(chaperone_options INTERFACE _FORTIFY_SOURCE=2)
endif()
if(CHAPERONE_SANITIZE)
  target_compile_options(chaperone_options INTERFACE -fsanitize=${CHAPERONE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(chaperone_options INTERFACE -fsanitize=${CHAPERONE_SANITIZE})
  if(CHAPERONE_SANITIZE MATCHES "thread")
    # ThreadSanitizer knows no fences; Asio's only order what its locks order already.
    target_compile_definitions(chaperone_options INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
endif()
# yaml-cpp, OpenSSL and prometheus-cpp headers come as system headers through their targets.
target_link_libraries(chaperone_options INTERFACE fmt::fmt Threads::Threads)

# add_layer(<name> FOLDER <dir> [EXTRA <file>...] [USES <layer>...] [PRIVATE <target>...])
function(add_layer name)
  cmake_parse_arguments(LAYER "" "FOLDER" "EXTRA;USES;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${LAYER_FOLDER}/*.cpp)
  foreach(file IN LISTS LAYER_EXTRA) # files directly under proxy/
    file(GLOB extra CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${file})
    list(APPEND sources ${extra})
  endforeach()
  if(NOT sources)
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE chaperone_options ${LAYER_USES})
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC chaperone_options ${LAYER_USES} PRIVATE ${LAYER_PRIVATE})
  set_target_properties(${name} PROPERTIES ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib LINKER_LANGUAGE CXX)
  join_sources(${name})
endfunction()

# embed(<layer> NAMESPACE <a::b> HEADER <what declares them> FOLDER <dir> <constant>=<file>...): text files as constants.
function(embed layer)
  cmake_parse_arguments(EMBED "" "NAMESPACE;HEADER;FOLDER" "" ${ARGN})
  get_filename_component(unit ${EMBED_HEADER} NAME_WE)
  set(output ${CMAKE_BINARY_DIR}/embedded/${unit}.cpp)
  set(files "")
  set(paths "")
  foreach(file IN LISTS EMBED_UNPARSED_ARGUMENTS)
    string(REPLACE "=" "=${CMAKE_SOURCE_DIR}/${EMBED_FOLDER}/" file ${file})
    list(APPEND files ${file})
    string(REGEX REPLACE "^[^=]+=" "" path ${file})
    list(APPEND paths ${path})
  endforeach()
  list(JOIN files "|" files)
  add_custom_command(OUTPUT ${output} DEPENDS ${paths} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake VERBATIM
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DHEADER=${EMBED_HEADER} -DNAMESPACE=${EMBED_NAMESPACE} -DFILES=${files}
      -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake)
  target_sources(${layer} PRIVATE ${output})
  set_source_files_properties(${output} PROPERTIES COMPILE_OPTIONS -Wno-overlength-strings)
endfunction()
