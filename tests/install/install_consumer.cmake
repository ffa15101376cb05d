# install -> look at the headers -> configure, build and run the consumer. Arguments:
# CAIRN_BUILD_DIR, the build whose programs and libraries exist; WORK_DIR, a folder that is emptied;
# CONFIG, the build type; LAUNCHER, what stands before the compiler (ccache), or nothing.
cmake_minimum_required(VERSION 3.24)

include(${CMAKE_CURRENT_LIST_DIR}/steps.cmake)

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

list(PREPEND build_CMAKE_PREFIX_PATH ${prefix})
string(REPLACE ";" "\\;" prefix_path "${build_CMAKE_PREFIX_PATH}")
string(REPLACE ";" "\\;" header_list "${headers}")

run("configuring the consumer"
  ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${WORK_DIR}/build
  ${consumer_arguments}
  "-DCMAKE_PREFIX_PATH=${prefix_path}" "-DCAIRN_HEADERS=${header_list}")
check_private_headers(${WORK_DIR}/build main.cpp)
run("building the consumer" ${CMAKE_COMMAND} --build ${WORK_DIR}/build --config ${CONFIG})
run("running the consumer" ${WORK_DIR}/build/consumer ${WORK_DIR}/data)
message(STATUS "${output}")
