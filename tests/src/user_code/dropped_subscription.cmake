# Compiles dropped_subscription.cpp: the compiler warns of the three subscriptions that it drops,
# and of nothing else.
#     cmake -DCOMPILER=... -DINCLUDES=-Ia;-Ib -DSOURCE=... -P dropped_subscription.cmake
execute_process(
  COMMAND ${COMPILER} -std=c++20 -fsyntax-only -Wall -Wextra ${INCLUDES} ${SOURCE}
  RESULT_VARIABLE status ERROR_VARIABLE said)
string(REGEX MATCHALL "warning: [^\n]*" warnings "${said}")
string(REGEX MATCHALL "warning: ignoring [^\n]*" dropped "${said}")
list(LENGTH warnings all)
list(LENGTH dropped count)
if(NOT status EQUAL 0 OR NOT all EQUAL 3 OR NOT count EQUAL 3)
  message(FATAL_ERROR "expected 3 warnings of dropped values, got ${count} of ${all}:\n${said}")
endif()
