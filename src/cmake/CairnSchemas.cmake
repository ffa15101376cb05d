# cairn_add_schemas(target FILES file... [BASE_DIR folder] [IMPORT_DIRS folder...])
#
# Compiles Cap'n Proto schemas into `target`, an executable or a library with sources: for
# cart.capnp, Cap'n Proto's own classes (cart.capnp.h) and Cairn's value structs (cart.cairn.hpp).
#
# BASE_DIR (default: the current source folder) is where paths begin: BASE_DIR/shop/cart.capnp is
# included as <shop/cart.cairn.hpp> and imported by others as "/shop/cart.capnp". IMPORT_DIRS are
# the base folders of schemas that these import but that another target compiles; link that one too.
# The include path of a library is public.
#
# Works in Cairn's own tree and with an installed package: everything is found through the targets
# cairn::capnpc-cairn, cairn::schemas and Cap'n Proto's own.
function(cairn_add_schemas target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "BASE_DIR" "FILES;IMPORT_DIRS")
  if(NOT arg_FILES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR
      "cairn_add_schemas(target FILES file... [BASE_DIR folder] [IMPORT_DIRS folder...]): "
      "no FILES, or an unknown argument: '${arg_UNPARSED_ARGUMENTS}'")
  endif()
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "INTERFACE_LIBRARY")
    message(FATAL_ERROR
      "cairn_add_schemas: ${target} is an INTERFACE library, which compiles nothing")
  elseif(type STREQUAL "EXECUTABLE")
    set(visibility PRIVATE)
  else()
    set(visibility PUBLIC)
  endif()

  if(NOT DEFINED arg_BASE_DIR)
    set(arg_BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
  endif()
  cmake_path(ABSOLUTE_PATH arg_BASE_DIR BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE
    OUTPUT_VARIABLE base)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${target}.schemas)
  file(MAKE_DIRECTORY ${output})

  # Debian's package sets these variables rightly and the targets' locations wrongly; others have
  # only the targets.
  set(capnp $<TARGET_FILE:CapnProto::capnp_tool>)
  set(capnpc_cxx $<TARGET_FILE:CapnProto::capnpc_cpp>)
  if(CAPNP_EXECUTABLE AND CAPNPC_CXX_EXECUTABLE)
    set(capnp ${CAPNP_EXECUTABLE})
    set(capnpc_cxx ${CAPNPC_CXX_EXECUTABLE})
  endif()

  # Cap'n Proto's compiler does not say what a file imports, so each depends on all that it could
  # import.
  set(imports)
  set(sources_to_import)
  foreach(folder IN LISTS arg_IMPORT_DIRS)
    cmake_path(ABSOLUTE_PATH folder NORMALIZE)
    list(APPEND imports -I${folder})
    file(GLOB_RECURSE found CONFIGURE_DEPENDS ${folder}/*.capnp)
    list(APPEND sources_to_import ${found})
  endforeach()
  set(schemas) # a function sees its caller's variables
  foreach(file IN LISTS arg_FILES)
    cmake_path(ABSOLUTE_PATH file NORMALIZE)
    cmake_path(IS_PREFIX base ${file} is_below)
    if(NOT EXISTS ${file} OR NOT is_below)
      message(FATAL_ERROR "cairn_add_schemas: no such file below ${base}: ${file}")
    endif()
    list(APPEND schemas ${file})
  endforeach()

  # For /cairn/cairn.capnp and /capnp/c++.capnp, which lie among the headers.
  set(cairn_folders $<TARGET_PROPERTY:cairn::schemas,INTERFACE_INCLUDE_DIRECTORIES>)
  set(capnp_folders $<TARGET_PROPERTY:CapnProto::capnp,INTERFACE_INCLUDE_DIRECTORIES>)
  foreach(file IN LISTS schemas)
    cmake_path(RELATIVE_PATH file BASE_DIRECTORY ${base} OUTPUT_VARIABLE path)
    cmake_path(REMOVE_EXTENSION path LAST_ONLY OUTPUT_VARIABLE stem)
    set(generated
      ${output}/${path}.c++ ${output}/${path}.h
      ${output}/${stem}.cairn.cpp ${output}/${stem}.cairn.hpp)
    add_custom_command(
      OUTPUT ${generated}
      COMMAND ${capnp} compile
        -o${capnpc_cxx}:${output}
        -o$<TARGET_FILE:cairn::capnpc-cairn>:${output}
        --src-prefix=${base} -I${base} ${imports}
        "$<$<BOOL:${cairn_folders}>:-I$<JOIN:${cairn_folders},;-I>>"
        "$<$<BOOL:${capnp_folders}>:-I$<JOIN:${capnp_folders},;-I>>"
        ${file}
      DEPENDS ${schemas} ${sources_to_import} $<TARGET_FILE:cairn::capnpc-cairn>
      COMMENT "Compiling schema ${path}"
      COMMAND_EXPAND_LISTS VERBATIM)
    target_sources(${target} PRIVATE ${generated})
    # Cap'n Proto's generated code is not written for the warnings that the user's own code may be
    # compiled with.
    set_source_files_properties(${output}/${path}.c++ TARGET_DIRECTORY ${target}
      PROPERTIES COMPILE_OPTIONS -w)
  endforeach()

  target_include_directories(${target} ${visibility} $<BUILD_INTERFACE:${output}>)
  target_link_libraries(${target} ${visibility} cairn::schemas)
endfunction()
