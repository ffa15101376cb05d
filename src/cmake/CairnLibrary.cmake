# The helpers for Cairn's own targets.

# Where the private headers of the layers are found, by Cairn's own sources alone.
set(CAIRN_PRIVATE_ROOTS
  ${PROJECT_SOURCE_DIR}/persistence ${PROJECT_SOURCE_DIR}/actors ${PROJECT_SOURCE_DIR}/src)

# Everything a user runs or links, and nothing of the tests: what examples/run builds and what an
# install needs.
add_custom_target(cairn-programs)

# cairn_add_library(name HEADERS ... SCHEMAS ... SOURCES ... PUBLIC ... PRIVATE ... [APART])
#
# Adds the library cairn-<name>, alias cairn::<name>, and remembers it for the install and, unless
# it is to stay APART, for cairn::cairn. HEADERS are the public ones and SCHEMAS the Cap'n Proto
# files, both relative to include/ in the library's folder (cairn/journal.hpp): nothing beside that
# folder is on a user's include path. From these lists come the include path, the generated
# <cairn/journal.capnp.h>, what is installed, and the check that each header compiles alone
# (VERIFY_INTERFACE_HEADER_SETS). PUBLIC libraries are seen by users; PRIVATE ones are only linked.
#
# Private headers are included by their path from the layer's folder ("lmdb/reader_pool.hpp"), its
# own or one below; tests/tidy says which rooms may include which.
function(cairn_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "APART" "" "HEADERS;SCHEMAS;SOURCES;PUBLIC;PRIVATE")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "cairn_add_library(${name}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  set(target cairn-${name})
  list(TRANSFORM arg_HEADERS PREPEND include/)
  add_library(${target} ${arg_SOURCES})
  add_library(cairn::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES
    EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON VERIFY_INTERFACE_HEADER_SETS ON)
  target_sources(${target}
    PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_CURRENT_SOURCE_DIR}/include FILES ${arg_HEADERS})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
  target_include_directories(${target} PRIVATE ${CAIRN_PRIVATE_ROOTS})
  cairn_compile_options(${target})
  if(arg_SCHEMAS)
    cairn_add_capnp(${target} ${arg_SCHEMAS})
  endif()
  add_dependencies(cairn-programs ${target})
  set_property(GLOBAL APPEND PROPERTY CAIRN_LIBRARIES ${target})
  if(NOT arg_APART)
    set_property(GLOBAL APPEND PROPERTY CAIRN_LINKED_LIBRARIES ${target})
  endif()
endfunction()

# Compiles schemas below include/ to C++ and makes the generated headers public headers of the
# target.
function(cairn_add_capnp target)
  set(CAPNPC_SRC_PREFIX ${CMAKE_CURRENT_SOURCE_DIR}/include)
  set(CAPNPC_OUTPUT_DIR ${CMAKE_CURRENT_BINARY_DIR})
  list(TRANSFORM ARGN PREPEND include/ OUTPUT_VARIABLE schemas)
  foreach(schema IN LISTS ARGN)
    cmake_path(GET schema PARENT_PATH folder)
    file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/${folder})
  endforeach()
  capnp_generate_cpp(sources headers ${schemas})
  set_source_files_properties(${sources} PROPERTIES COMPILE_OPTIONS -w)
  target_sources(${target}
    PRIVATE ${sources}
    PUBLIC FILE_SET generated TYPE HEADERS BASE_DIRS ${CMAKE_CURRENT_BINARY_DIR} FILES ${headers}
    PUBLIC FILE_SET schemas TYPE HEADERS BASE_DIRS ${CAPNPC_SRC_PREFIX} FILES ${schemas})
  # A .capnp file is found and installed as a header is, but does not compile as C++.
  set_target_properties(${target} PROPERTIES INTERFACE_HEADER_SETS_TO_VERIFY "HEADERS;generated")
endfunction()

# Commands are allocated by the thread that sends them and freed by the one that answers, which
# glibc's allocator bears badly. Which allocator a program has is for the program to say, so the
# libraries do not ask for one.
option(CAIRN_JEMALLOC "Link programs that run aggregates with jemalloc, where it is found" ON)
if(CAIRN_JEMALLOC)
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    pkg_check_modules(jemalloc QUIET IMPORTED_TARGET jemalloc)
  endif()
endif()

# cairn_add_program(name SOURCES ... LIBRARIES ... [INSTALL]): a program for users, built into bin/.
# Its target is its name, with cairn- in front if "cairn" is not in it. One that is installed is a
# tool and runs no aggregates.
function(cairn_add_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "INSTALL" "" "SOURCES;LIBRARIES")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "cairn_add_program(${name}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  set(target ${name})
  if(NOT name MATCHES "cairn")
    set(target cairn-${name})
  endif()
  add_executable(${target} ${arg_SOURCES})
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  target_link_libraries(${target} PRIVATE ${arg_LIBRARIES})
  cairn_compile_options(${target})
  add_dependencies(cairn-programs ${target})
  if(arg_INSTALL)
    set_property(GLOBAL APPEND PROPERTY CAIRN_PROGRAMS ${target})
  elseif(TARGET PkgConfig::jemalloc)
    target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src/programs/malloc_options.cpp)
    target_link_libraries(${target} PRIVATE PkgConfig::jemalloc)
  endif()
endfunction()

# cairn_compile_options(target [flag...]): warnings for all that is ours, these flags, and
# precompiled headers.
function(cairn_compile_options target)
  set(flags -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion ${ARGN})
  target_compile_options(${target} PRIVATE ${flags})
  cairn_precompiled(${target} ${flags})
endfunction()

# The headers of others that nearly every source includes, parsed once for each set of flags instead
# of once a file. Not for editors: clang cannot read what GCC has precompiled.
option(CAIRN_PRECOMPILED_HEADERS "Precompile the standard library's headers and Cap'n Proto's" OFF)

# cairn_precompiled(target [flag...]): for a target that is compiled with these flags.
function(cairn_precompiled target)
  if(NOT CAIRN_PRECOMPILED_HEADERS)
    return()
  endif()
  get_target_property(independent ${target} POSITION_INDEPENDENT_CODE)
  string(SHA1 flags "${independent} ${ARGN}")
  string(SUBSTRING ${flags} 0 8 flags)
  set(set cairn-precompiled-${flags})
  if(NOT TARGET ${set})
    file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/${set}.cpp CONTENT "")
    add_library(${set} OBJECT ${PROJECT_BINARY_DIR}/${set}.cpp)
    set_target_properties(${set} PROPERTIES POSITION_INDEPENDENT_CODE ${independent})
    target_compile_features(${set} PRIVATE cxx_std_20)
    target_compile_options(${set} PRIVATE ${ARGN})
    target_link_libraries(${set} PRIVATE CapnProto::capnp)
    target_precompile_headers(${set} PRIVATE
      <algorithm> <array> <atomic> <chrono> <condition_variable> <coroutine> <cstdint> <deque>
      <filesystem> <fstream> <functional> <iostream> <limits> <map> <memory> <mutex> <optional>
      <random> <ranges> <set> <shared_mutex> <span> <sstream> <stdexcept> <string> <string_view>
      <thread> <tuple> <unordered_map> <utility> <variant> <vector>
      <capnp/dynamic.h> <capnp/message.h> <capnp/schema.h> <capnp/serialize.h>)
  endif()
  target_precompile_headers(${target} REUSE_FROM ${set})
  # What GCC 12 says of the standard library's strings is wrong. Usually it keeps it to itself, but
  # headers that are precompiled are not the system's to it.
  target_compile_options(${target} PRIVATE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds;-Wno-restrict;-Wno-stringop-overflow>)
endfunction()
