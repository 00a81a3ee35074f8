# Writes a C++ file with the bytes of text files as std::string_view constants.
#
#   cmake -DOUTPUT=<file.cpp> -DHEADER=<what declares them> -DNAMESPACE=<a::b> "-DFILES=kName=<path>|kOther=<path>" -P embed.cmake

set(text "#include \"${HEADER}\"\n\nnamespace ${NAMESPACE} {\n")
string(REPLACE "|" ";" files "${FILES}")
foreach(file IN LISTS files)
  string(REGEX MATCH "^([^=]+)=(.+)$" matched "${file}")
  set(name "${CMAKE_MATCH_1}")
  file(READ "${CMAKE_MATCH_2}" bytes)
  string(APPEND text "const std::string_view ${name} = R\"~~~(${bytes})~~~\";\n")
endforeach()
string(APPEND text "}  // namespace ${NAMESPACE}\n")
file(WRITE "${OUTPUT}" "${text}")
