# install -> look at the headers -> configure, build and run the consumer. Arguments:
# CAIRN_BUILD_DIR, the build whose programs and libraries exist; WORK_DIR, a folder that is emptied;
# CONFIG, the build type; LAUNCHER, what stands before the compiler (ccache), or nothing.
cmake_minimum_required(VERSION 3.24)

function(run step)
  message(STATUS "${step}")
  execute_process(COMMAND ${ARGN}
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${step} failed (${status}):\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

set(prefix ${WORK_DIR}/prefix)
file(REMOVE_RECURSE ${WORK_DIR})
run("installing"
  ${CMAKE_COMMAND} --install ${CAIRN_BUILD_DIR} --prefix ${prefix} --config ${CONFIG})

# A public header must not bring in what the application did not ask for.
file(GLOB_RECURSE headers RELATIVE ${prefix}/include ${prefix}/include/*.hpp ${prefix}/include/*.h)
if(NOT headers)
  message(FATAL_ERROR "no header was installed below ${prefix}/include")
endif()
foreach(header IN LISTS headers)
  file(STRINGS ${prefix}/include/${header} includes REGEX "^[ \t]*#[ \t]*include")
  foreach(line IN LISTS includes)
    if(line MATCHES "[<\"](cairn|capnp|kj)/[^>\"]+[>\"]" OR line MATCHES "<[a-z_]+>")
      continue()
    elseif(header STREQUAL "cairn/caf.hpp" AND line MATCHES "<caf/")
      continue()
    endif()
    message(SEND_ERROR "installed header ${header} has: ${line}")
  endforeach()
endforeach()

# The build's own choices, so that sanitizers and a toolchain given by hand reach the consumer too.
set(inherited
  CMAKE_CXX_COMPILER CMAKE_C_COMPILER CMAKE_MAKE_PROGRAM CMAKE_CXX_FLAGS
  CMAKE_CXX_FLAGS_DEBUG CMAKE_CXX_FLAGS_RELEASE CMAKE_CXX_FLAGS_RELWITHDEBINFO CMAKE_TOOLCHAIN_FILE)
load_cache(${CAIRN_BUILD_DIR} READ_WITH_PREFIX build_
  CMAKE_GENERATOR CMAKE_PREFIX_PATH ${inherited})
set(arguments "")
foreach(name IN LISTS inherited)
  if(NOT "${build_${name}}" STREQUAL "")
    list(APPEND arguments "-D${name}=${build_${name}}")
  endif()
endforeach()
list(PREPEND build_CMAKE_PREFIX_PATH ${prefix})
string(REPLACE ";" "\\;" prefix_path "${build_CMAKE_PREFIX_PATH}")
string(REPLACE ";" "\\;" header_list "${headers}")

run("configuring the consumer"
  ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${WORK_DIR}/build
  -G ${build_CMAKE_GENERATOR} -DCMAKE_BUILD_TYPE=${CONFIG}
  -DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER} ${arguments}
  "-DCMAKE_PREFIX_PATH=${prefix_path}" "-DCAIRN_HEADERS=${header_list}")
run("building the consumer" ${CMAKE_COMMAND} --build ${WORK_DIR}/build --config ${CONFIG})
run("running the consumer" ${WORK_DIR}/build/consumer ${WORK_DIR}/data)
message(STATUS "${output}")
