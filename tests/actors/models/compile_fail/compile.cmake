# What the tests of this folder share. Arguments: CXX, FLAGS (one text), SOURCE.

separate_arguments(FLAGS UNIX_COMMAND "${FLAGS}")

function(compile result_variable text_variable)
  execute_process(
    COMMAND ${CXX} ${FLAGS} -fsyntax-only ${ARGN} ${SOURCE}
    RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE text)
  set(${result_variable} ${result} PARENT_SCOPE)
  set(${text_variable} "${text}" PARENT_SCOPE)
endfunction()

function(must_name text what)
  string(FIND "${text}" "${what}" place)
  if(place EQUAL -1)
    message(FATAL_ERROR "the compiler does not say \"${what}\":\n${text}")
  endif()
endfunction()

# The source must not compile with this macro, whose absence lets it.
function(must_not_compile text_variable macro)
  compile(result text -D${macro})
  if(result EQUAL 0)
    message(FATAL_ERROR "it compiles with ${macro}")
  endif()
  set(${text_variable} "${text}" PARENT_SCOPE)
endfunction()

compile(result text)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "without a macro it must compile:\n${text}")
endif()
