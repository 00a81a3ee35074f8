# GNU libidn: SASLprep (RFC 4013). Defines Idn::Idn.
find_path(Idn_INCLUDE_DIR stringprep.h)
find_library(Idn_LIBRARY NAMES idn)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Idn REQUIRED_VARS Idn_LIBRARY Idn_INCLUDE_DIR)
if(Idn_FOUND AND NOT TARGET Idn::Idn)
  add_library(Idn::Idn UNKNOWN IMPORTED)
  set_target_properties(Idn::Idn PROPERTIES
    IMPORTED_LOCATION ${Idn_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${Idn_INCLUDE_DIR})
endif()
