# A missing overload does not compile, and the compiler names the aggregate and the alternative.

include(${CMAKE_CURRENT_LIST_DIR}/compile.cmake)

must_not_compile(text WITHOUT_DECIDE)
must_name("${text}" "cairn: missing overload: static decision<event> decide(")
must_name("${text}" "forgetful_account")
must_name("${text}" "test::withdraw")

must_not_compile(text WITHOUT_EVOLVE)
must_name("${text}" "cairn: missing overload: static void evolve(")
must_name("${text}" "forgetful_account")
must_name("${text}" "test::withdrawn")

must_not_compile(text WITHOUT_UPCAST)
must_name("${text}" "cairn: missing overload: static ... upcast(")
must_name("${text}" "forgetful_account")
must_name("${text}" "test::fee_taken")

must_not_compile(text WITHOUT_PROJECT)
must_name("${text}" "cairn: missing overload: static void project(")
must_name("${text}" "forgetful_sheet")
must_name("${text}" "test::withdrawn")
