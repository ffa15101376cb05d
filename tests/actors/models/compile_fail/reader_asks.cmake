# A handle for reading takes no commands: the compiler says so, not the runtime.

include(${CMAKE_CURRENT_LIST_DIR}/compile.cmake)

must_not_compile(text ASK_A_READER)
must_name("${text}" "aggregate_reader<test::account>")
must_name("${text}" "no member named")
must_name("${text}" "ask")
