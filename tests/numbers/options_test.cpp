#include "declared_numbers.hpp"

#include "extremes.hpp"
#include "uses.hpp"

#include "caf_options.hpp"

#include <doctest/doctest.h>

#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

using cairn::errc;

namespace {

/// Documented errors of values that are in their range: what they ask for, the machine may lack.
const std::map<std::string_view, errc> allowed{
    {"lmdb_journal_options::free_space_watermark_bytes", errc::storage_full},
    {"table_store_options::free_space_watermark_bytes", errc::storage_full},
    {"ask_options::deadline", errc::deadline_exceeded},
    {"query_options::deadline", errc::deadline_exceeded},
};

/// The upper end of these is work without an end.
const std::set<std::string_view> endless{"simulation_options::runs", "simulation_options::clients",
                                         "simulation_options::aggregates",
                                         "simulation_options::commands"};

/// As the text of an error has it.
template <class Value>
std::string text_of(Value value) {
  if constexpr (std::is_same_v<Value, std::chrono::milliseconds>) {
    return std::to_string(value.count()) + " ms";
  } else if constexpr (std::is_same_v<Value, double>) {
    char buffer[32];
    return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
  } else if constexpr (std::is_integral_v<Value>) {
    return std::to_string(value);
  } else {
    return std::to_string(value.time_since_epoch().count());
  }
}

template <class Value>
Value value_of(const std::string& text) {
  if constexpr (std::is_same_v<Value, std::chrono::milliseconds>)
    return Value{std::stoll(text)};
  else if constexpr (std::is_same_v<Value, double>)
    return std::stod(text);
  else if constexpr (std::is_same_v<Value, std::chrono::steady_clock::time_point>)
    return Value{typename Value::duration{std::stoll(text)}};
  else
    return static_cast<Value>(std::stoull(text));
}

/// One of the numbers that a program can set.
template <class Options, class Value>
class member {
public:
  member(std::string_view name, Value Options::*which) : name_{name}, which_{which} {}

  void check() {
    for (const auto value : numbers::extremes<Value>())
      (void)works_or_is_refused(value);
    if (!least_)
      return; // it may be anything
    if constexpr (!std::is_same_v<Value, std::chrono::steady_clock::time_point>)
      check_range(value_of<Value>(*least_), value_of<Value>(*most_));
  }

private:
  void check_range(Value least, Value most) {
    CHECK(works_or_is_refused(least));
    if (!endless.contains(name_))
      CHECK(works_or_is_refused(most));
    if (const auto below = before(least); below < least)
      CHECK_FALSE(works_or_is_refused(below));
    if (const auto beyond = after(most); beyond > most)
      CHECK_FALSE(works_or_is_refused(beyond));
  }

  static Value before(Value value) {
    if constexpr (std::is_same_v<Value, double>)
      return std::nextafter(value, -HUGE_VAL);
    else if constexpr (std::is_same_v<Value, std::chrono::milliseconds>)
      return value - Value{1};
    else
      return value == 0 ? value : static_cast<Value>(value - 1);
  }
  static Value after(Value value) {
    if constexpr (std::is_same_v<Value, double>)
      return std::nextafter(value, HUGE_VAL);
    else if constexpr (std::is_same_v<Value, std::chrono::milliseconds>)
      return value + Value{1};
    else
      return static_cast<Value>(value + 1);
  }

  bool works_or_is_refused(Value value) {
    const auto text = text_of(value);
    INFO(std::string{name_} << " = " << text);
    if (in_range(value) && endless.contains(name_) && value != value_of<Value>(*least_))
      return true; // see `endless`
    auto options = numbers::use<Options>::usual();
    options.*which_ = value;
    const auto worked = numbers::use<Options>::run(options);
    if (worked)
      return true;
    INFO(worked.error());
    if (const auto known = allowed.find(name_);
        known != allowed.end() && worked.error().code() == known->second)
      return true;
    CHECK(worked.error().code() == errc::invalid_argument);
    const auto& told = worked.error().message();
    const auto begin = std::string{name_} + " is " + text + "; it must lie in [";
    CHECK(told.substr(0, begin.size()) == begin);
    note_range(told.substr(std::min(begin.size(), told.size())));
    return false;
  }

  /// "0 ms, 10 ms]": the same each time.
  void note_range(const std::string& text) {
    const auto comma = text.find(", ");
    const auto end = text.find(']');
    REQUIRE(comma < end);
    REQUIRE(end == text.size() - 1);
    const auto least = text.substr(0, comma), most = text.substr(comma + 2, end - comma - 2);
    CHECK(least_.value_or(least) == least);
    CHECK(most_.value_or(most) == most);
    least_ = least;
    most_ = most;
  }

  bool in_range(Value value) const {
    if constexpr (std::is_same_v<Value, std::chrono::steady_clock::time_point>)
      return false;
    else
      return least_ && value >= value_of<Value>(*least_) && value <= value_of<Value>(*most_);
  }

  const std::string_view name_;
  Value Options::*const which_;
  std::optional<std::string> least_, most_; // as errors have named them
};

template <class Options>
void check_members() {
  numbers::visit_members(std::type_identity<Options>{}, [](std::string_view name, auto which) {
    member{name, which}.check();
  });
}

} // namespace

TEST_CASE_TEMPLATE_DEFINE("each number that an option struct has works, or is refused by name with "
                          "its range",
                          Options, options_are_checked) {
  check_members<Options>();
}
TEST_CASE_TEMPLATE_APPLY(options_are_checked, numbers::all_options);
