# The one helper for libraries: cairn_add_library(layer HEADERS ... SOURCES ... PUBLIC ... PRIVATE ...).
#
# A layer's folder is its include root: HEADERS are the public ones, relative to it (cairn/journal.hpp). They are
# installed, and each must compile alone (VERIFY_INTERFACE_HEADER_SETS).
function(cairn_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;SOURCES;PUBLIC;PRIVATE")
  add_library(cairn-${name})
  add_library(cairn::${name} ALIAS cairn-${name})
  set_target_properties(cairn-${name} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_sources(cairn-${name}
    PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_CURRENT_SOURCE_DIR} FILES ${arg_HEADERS}
    PRIVATE ${arg_SOURCES})
  target_compile_features(cairn-${name} PUBLIC cxx_std_20)
  target_link_libraries(cairn-${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
  target_include_directories(cairn-${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  cairn_warnings(cairn-${name})
endfunction()

function(cairn_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion)
endfunction()
