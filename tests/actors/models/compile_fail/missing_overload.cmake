# A missing overload does not compile, and the compiler names the aggregate and the alternative.
# Arguments: CXX, FLAGS (one text), SOURCE.

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

compile(result text)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "with all overloads it must compile:\n${text}")
endif()

compile(result text -DWITHOUT_DECIDE)
if(result EQUAL 0)
  message(FATAL_ERROR "it compiles without an overload of decide")
endif()
must_name("${text}" "cairn: missing overload: static decision<event> decide(")
must_name("${text}" "forgetful_account")
must_name("${text}" "test::withdraw")

compile(result text -DWITHOUT_EVOLVE)
if(result EQUAL 0)
  message(FATAL_ERROR "it compiles without an overload of evolve")
endif()
must_name("${text}" "cairn: missing overload: static void evolve(")
must_name("${text}" "forgetful_account")
must_name("${text}" "test::withdrawn")

compile(result text -DWITHOUT_UPCAST)
if(result EQUAL 0)
  message(FATAL_ERROR "it compiles without the upcaster of an older event")
endif()
must_name("${text}" "cairn: missing overload: static ... upcast(")
must_name("${text}" "forgetful_account")
must_name("${text}" "test::fee_taken")

compile(result text -DWITHOUT_PROJECT)
if(result EQUAL 0)
  message(FATAL_ERROR "it compiles without an overload of project")
endif()
must_name("${text}" "cairn: missing overload: static void project(")
must_name("${text}" "forgetful_sheet")
must_name("${text}" "test::withdrawn")
