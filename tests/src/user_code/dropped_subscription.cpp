// Compiled by a test only: the compiler is to warn of three lines.

#include "desk.hpp"

void drop(cairn::runtime& runtime, const cairn::aggregates<test::desk>& desks);

void drop(cairn::runtime& runtime, const cairn::aggregates<test::desk>& desks) {
  const auto handler = [](const cairn::event_info&, const test::note_put&) {};
  const auto kept = desks.subscribe(handler).value();
  desks.history("a", [](const auto&, const auto&) {}).value();
  runtime.project<test::boards<0>>().value();

  desks.subscribe(handler).value();
  runtime.subscribe_durably<test::desk>("mailer", handler).value();
  runtime.follow(cairn::event_selection::all()).value();
}
