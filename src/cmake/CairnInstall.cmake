# cairn::cairn, and the install that find_package(cairn) reads. Included last: it needs the list of
# libraries.
get_property(cairn_libraries GLOBAL PROPERTY CAIRN_LIBRARIES)
get_property(cairn_programs GLOBAL PROPERTY CAIRN_PROGRAMS)

# What users link.
get_property(cairn_linked GLOBAL PROPERTY CAIRN_LINKED_LIBRARIES)
add_library(cairn INTERFACE)
add_library(cairn::cairn ALIAS cairn)
target_link_libraries(cairn INTERFACE ${cairn_linked})

if(NOT CAIRN_INSTALL)
  return()
endif()

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(cairn_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/cairn)

foreach(library IN LISTS cairn_libraries)
  set(file_sets "")
  get_target_property(sets ${library} INTERFACE_HEADER_SETS)
  foreach(set IN LISTS sets)
    list(APPEND file_sets FILE_SET ${set} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  endforeach()
  install(TARGETS ${library} EXPORT cairn-targets ${file_sets})
endforeach()
install(TARGETS cairn ${cairn_programs} EXPORT cairn-targets)
install(EXPORT cairn-targets NAMESPACE cairn:: DESTINATION ${cairn_package_dir})

configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/cairn-config.cmake.in ${PROJECT_BINARY_DIR}/cairn-config.cmake
  INSTALL_DESTINATION ${cairn_package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cairn-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
    ${PROJECT_BINARY_DIR}/cairn-config.cmake ${PROJECT_BINARY_DIR}/cairn-config-version.cmake
    ${CMAKE_CURRENT_LIST_DIR}/CairnSchemas.cmake
    ${CMAKE_CURRENT_LIST_DIR}/FindCAF.cmake ${CMAKE_CURRENT_LIST_DIR}/FindIsal.cmake
    ${CMAKE_CURRENT_LIST_DIR}/FindLMDB.cmake ${CMAKE_CURRENT_LIST_DIR}/FindxxHash.cmake
  DESTINATION ${cairn_package_dir})
