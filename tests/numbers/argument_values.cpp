#include "arguments.hpp"

#include <cairn/decision.hpp>
#include <cairn/error.hpp>
#include <cairn/ids.hpp>
#include <cairn/position.hpp>
#include <cairn/random_source.hpp>
#include <cairn/version.hpp>

#include <limits>
#include <sstream>

using cairn::errc;
using cairn::position;
using cairn::shard_id;
using cairn::version;

namespace numbers {

void add_arithmetic(std::vector<argument>& all) {
  constexpr auto most = position::max_number;
  constexpr auto any = std::numeric_limits<std::uint64_t>::max();
  const auto moved = [](auto move) {
    return [move](rows_fixture&, std::uint64_t value) { (void)move(value); };
  };
  all.insert(
      all.end(),
      {precondition("position::position(number)", most, moved([](auto n) { return position{n}; })),
       {"position::checked(number)",
        [](rows_fixture&, std::uint64_t value) {
          CHECK(position::checked(value).has_value() == (value <= most));
        }},
       precondition("position::operator+(events)", most - 1,
                    moved([](auto n) { return position{1} + n; })),
       precondition("position::operator+=(events)", most - 1, moved([](auto n) {
                      position at{1};
                      return at += n;
                    })),
       precondition("position::operator-(events)", 7,
                    moved([](auto n) { return position{7} - n; })),
       precondition("version::operator+(events)", any - 1,
                    moved([](auto n) { return version{1} + n; })),
       precondition("version::operator+=(events)", any - 1, moved([](auto n) {
                      version at{1};
                      return at += n;
                    })),
       precondition("version::operator-(events)", 7, moved([](auto n) { return version{7} - n; })),
       {"position::operator+(from)",
        [](rows_fixture&, std::uint64_t value) { CHECK(place(value) + 0 == place(value)); }},
       {"position::operator-(from)",
        [](rows_fixture&, std::uint64_t value) { CHECK(place(value) - 0 == place(value)); }},
       {"position::operator-(a)",
        [](rows_fixture&, std::uint64_t value) { CHECK(place(value) - place(value) == 0); }},
       {"position::operator-(b)",
        [](rows_fixture&, std::uint64_t value) {
          if (position{} < place(value))
            CHECK(stops_the_program([&] { (void)(position{} - place(value)); }));
        }},
       {"version::operator+(from)",
        [](rows_fixture&, std::uint64_t value) { CHECK(version{value} + 0 == version{value}); }},
       {"version::operator-(from)",
        [](rows_fixture&, std::uint64_t value) { CHECK(version{value} - 0 == version{value}); }},
       {"version::operator-(a)",
        [](rows_fixture&, std::uint64_t value) { CHECK(version{value} - version{} == value); }},
       {"version::operator-(b)",
        [](rows_fixture&, std::uint64_t value) {
          CHECK(version::max() - version{value} == ~value);
        }},
       {"shard_positions::advance(to)",
        [](rows_fixture&, std::uint64_t value) {
          cairn::shard_positions reached;
          reached.advance(place(value));
          CHECK(reached.of(place(value).shard()) == place(value));
        }},
       {"shard_positions::of(shard)",
        [](rows_fixture&, std::uint64_t value) {
          CHECK(cairn::shard_positions{}.of(shard_of(value)).is_start());
        }},
       {"random_source::below(bound)",
        [](rows_fixture&, std::uint64_t value) {
          CHECK(cairn::random_source{1}.below(value) <= (value == 0 ? 0 : value - 1));
        }},
       {"random_source::between(least)",
        [](rows_fixture&, std::uint64_t value) {
          CHECK(cairn::random_source{1}.between(value, any) >= value);
        }},
       {"random_source::between(most)",
        [](rows_fixture&, std::uint64_t value) {
          CHECK(cairn::random_source{1}.between(0, value) <= value);
        }},
       {"random_source::chance(probability)", [](rows_fixture&, std::uint64_t value) {
          const auto all_doubles = extremes<double>();
          const auto probability = all_doubles[value % all_doubles.size()];
          cairn::random_source random{value};
          const bool happened = random.chance(probability);
          if (!(probability > 0))
            CHECK_FALSE(happened);
          if (probability >= 1)
            CHECK(happened);
        }}});
}

void add_values(std::vector<argument>& all) {
  const cairn::error none{errc::not_found, "nothing"};
  all.insert(
      all.end(),
      {carried("version::version(number)", [](auto n) { return version{n}; }),
       carried("version::operator<=>(#0)", [](auto n) { return version{n} <= version::max(); }),
       carried("shard_id::shard_id(number)", shard_of),
       carried("shard_id::operator<=>(#0)", [](auto n) { return shard_of(n) >= shard_id{}; }),
       carried("position::position(shard)",
               [](auto n) {
                 return position{1, shard_of(n)};
               }),
       carried("position::checked(shard)",
               [](auto n) { return position::checked(1, shard_of(n)); }),
       carried("position::from_bits(bits)", place),
       carried("position::max(shard)", [](auto n) { return position::max(shard_of(n)); }),
       carried("position::start_of(shard)", [](auto n) { return position::start_of(shard_of(n)); }),
       carried("position::operator==(#0)", [](auto n) { return place(n) == place(n); }),
       carried("position::operator<=>(a)", [](auto n) { return place(n) <= position{}; }),
       carried("position::operator<=>(b)", [](auto n) { return position{} <= place(n); }),
       carried("operator<<(of)",
               [](auto n) {
                 std::ostringstream text;
                 text << place(n) << version{n} << shard_of(n);
                 return text.str();
               }),
       carried("to_string(of)", [](auto n) { return to_string(place(n)) + to_string(version{n}); }),
       carried("message_id::message_id(high)",
               [](auto n) {
                 return cairn::message_id{n, 0};
               }),
       carried("message_id::message_id(low)",
               [](auto n) {
                 return cairn::message_id{0, n};
               }),
       carried("expected_version::exact(version)",
               [](auto n) { return cairn::expected_version::exact(version{n}); }),
       carried("expected_version::admits(actual)",
               [](auto n) { return cairn::expected_version::exists().admits(version{n}); }),
       carried("error::with_version(version)",
               [=](auto n) { return cairn::error{none}.with_version(version{n}); }),
       carried("error::with_position(position)",
               [=](auto n) { return cairn::error{none}.with_position(place(n)); }),
       carried("reply::accept(version)",
               [](auto n) { return cairn::reply::accept(version{n}, {}, 0); }),
       carried("reply::accept(position)",
               [](auto n) { return cairn::reply::accept({}, place(n), 0); }),
       carried("reply::accept(events)", [](auto n) { return cairn::reply::accept({}, {}, n); }),
       carried("reply::refuse(version)",
               [](auto n) { return cairn::reply::refuse(cairn::reject("no"), version{n}, {}); }),
       carried("reply::refuse(position)",
               [](auto n) { return cairn::reply::refuse(cairn::reject("no"), {}, place(n)); }),
       carried("random_source::random_source(seed)",
               [](auto n) { return cairn::random_source{n}.next(); }),
       carried("caf_events::caf_events(position)", [](auto n) { return place(n); })});
}

} // namespace numbers
