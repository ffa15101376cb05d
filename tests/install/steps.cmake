# What the tests of consumers share. Included with CAIRN_BUILD_DIR, CONFIG and LAUNCHER set as
# install_consumer.cmake says.

# run(step command...): says the step; if the command fails, so does the test, with its output.
function(run step)
  message(STATUS "${step}")
  execute_process(COMMAND ${ARGN}
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${step} failed (${status}):\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

# The build's own choices, so that sanitizers and a toolchain given by hand reach the consumer too:
# consumer_arguments, and the search path in build_CMAKE_PREFIX_PATH.
set(inherited
  CMAKE_CXX_COMPILER CMAKE_C_COMPILER CMAKE_MAKE_PROGRAM CMAKE_CXX_FLAGS
  CMAKE_CXX_FLAGS_DEBUG CMAKE_CXX_FLAGS_RELEASE CMAKE_CXX_FLAGS_RELWITHDEBINFO CMAKE_TOOLCHAIN_FILE)
load_cache(${CAIRN_BUILD_DIR} READ_WITH_PREFIX build_
  CMAKE_GENERATOR CMAKE_PREFIX_PATH ${inherited})
set(consumer_arguments
  -G ${build_CMAKE_GENERATOR} -DCMAKE_BUILD_TYPE=${CONFIG}
  -DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER} -DCMAKE_EXPORT_COMPILE_COMMANDS=ON)
foreach(name IN LISTS inherited)
  if(NOT "${build_${name}}" STREQUAL "")
    list(APPEND consumer_arguments "-D${name}=${build_${name}}")
  endif()
endforeach()

# compile_like(build source text): compiles the text, and generates no code, with the command by
# which the build compiles a source of this name; sets status and output.
function(compile_like build source text)
  file(READ ${build}/compile_commands.json commands)
  string(JSON count LENGTH "${commands}")
  math(EXPR last "${count} - 1")
  foreach(index RANGE ${last})
    string(JSON file GET "${commands}" ${index} file)
    if(file MATCHES "/${source}$")
      string(JSON command GET "${commands}" ${index} command)
      string(JSON folder GET "${commands}" ${index} directory)
      break()
    endif()
  endforeach()
  if(NOT command)
    message(FATAL_ERROR "${build} compiles no ${source}")
  endif()
  file(WRITE ${build}/probe/probe.cpp "${text}")
  string(REPLACE "${file}" "${build}/probe/probe.cpp" command "${command}")
  separate_arguments(command UNIX_COMMAND "${command}")
  execute_process(COMMAND ${command} -fsyntax-only WORKING_DIRECTORY ${folder}
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  set(status ${status} PARENT_SCOPE)
  set(output "${output}" PARENT_SCOPE)
endfunction()

# check_private_headers(build source): that a consumer finds the public headers, and no other header
# of the layers under any name: not by its path from the layer, or from the checkout, nor bare.
function(check_private_headers build source)
  message(STATUS "looking for private headers")
  cmake_path(SET checkout NORMALIZE ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../..)
  set(names "")
  foreach(layer schemas persistence actors src)
    file(GLOB_RECURSE headers RELATIVE ${checkout}/${layer} ${checkout}/${layer}/*.hpp)
    foreach(header IN LISTS headers)
      if(NOT header MATCHES "(^|/)include/")
        cmake_path(GET header FILENAME bare)
        list(APPEND names ${header} ${layer}/${header} ${bare})
      endif()
    endforeach()
  endforeach()
  list(LENGTH names count)
  if(count LESS 100)
    message(FATAL_ERROR "only ${count} names of private headers below ${checkout}")
  endif()

  set(text "#include <cairn/runtime.hpp>\n")
  string(APPEND text "cairn::runtime_options options{.storage = cairn::in_memory{}};\n")
  foreach(name IN LISTS names)
    string(APPEND text "#if __has_include(\"${name}\")\n#error found: ${name}\n#endif\n")
  endforeach()
  compile_like(${build} ${source} "${text}")
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "public headers do not compile, or private ones are found:\n${output}")
  endif()

  foreach(include [["lmdb/reader_pool.hpp"]] [[<aggregates/engine.hpp>]]
      [["persistence/records/record.hpp"]])
    compile_like(${build} ${source} "#include ${include}\n")
    if(status EQUAL 0 OR NOT output MATCHES "No such file|file not found")
      message(FATAL_ERROR "#include ${include} has status ${status}:\n${output}")
    endif()
  endforeach()
endfunction()
