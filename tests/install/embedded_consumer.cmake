# Configures a project that takes this checkout into its own build, by add_subdirectory with Cairn's
# own defaults, and by FetchContent with its tests and examples. Builds no more of Cairn than the
# headers that schemas generate. Arguments: those of install_consumer.cmake.
cmake_minimum_required(VERSION 3.24)
include(${CMAKE_CURRENT_LIST_DIR}/steps.cmake)
file(REMOVE_RECURSE ${WORK_DIR})
string(REPLACE ";" "\\;" prefix_path "${build_CMAKE_PREFIX_PATH}")
list(APPEND consumer_arguments "-DCMAKE_PREFIX_PATH=${prefix_path}")

run("configuring with add_subdirectory"
  ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/embedded -B ${WORK_DIR}/subdirectory
  ${consumer_arguments})
run("generating headers"
  ${CMAKE_COMMAND} --build ${WORK_DIR}/subdirectory --config ${CONFIG} --target cairn-schemas)
check_private_headers(${WORK_DIR}/subdirectory embedded.cpp)

run("configuring with FetchContent, tests and examples"
  ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/embedded -B ${WORK_DIR}/fetched
  ${consumer_arguments} -DFETCH=ON -DCAIRN_BUILD_TESTS=ON -DCAIRN_BUILD_EXAMPLES=ON)
