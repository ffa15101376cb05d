#pragma once

#include <cairn/detail/simulated_types.hpp>
#include <cairn/ids.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::detail {

/// What became of a request that was sent.
enum class attempt_outcome : std::uint8_t {
  under_way,
  lost,        ///< The process crashed: it may have had its effect, or not.
  unknown,     ///< The reply said so.
  failed,      ///< The reply said that nothing was written.
  accepted,    ///< With an effect, or without one.
  repeated,    ///< It had its effect before.
  rejected,    ///< By the model.
  conflict,    ///< With the version that was expected.
  threw,       ///< Deciding it did.
  not_visible, ///< Accepted, but a projection did not come so far.
  seen,        ///< A query's.
};

std::string_view to_string(attempt_outcome outcome) noexcept;

/// One sending of a command or a query, and the reply.
struct attempt {
  std::size_t operation = 0;
  std::uint32_t incarnation = 0; ///< Of the process.
  /// The greatest version of the aggregate that any reply had named before it was sent: what was
  /// seen then must be seen now.
  cairn::version floor{};
  bool expects_floor = false; ///< It was sent with that as the expected version.
  attempt_outcome outcome = attempt_outcome::under_way;
  cairn::version version{};
  cairn::position position{};
  std::uint64_t events = 0;
  std::string rejection = {};            ///< Its code.
  std::vector<std::uint64_t> state = {}; ///< What a query has seen.

  cairn::version written_at{}; ///< Found by the checker: the version of its last event; 0: none.
  cairn::position written_position{};
};

/// What a client wants done: sent once, and again as long as it is not clear whether it was.
struct operation {
  std::size_t client = 0;
  std::size_t stream = 0;
  std::unique_ptr<simulated_command> command = {}; ///< Null: a query.
  message_id id = {};                              ///< Empty: it is not repeated.
  std::size_t attempts = 0;
};

/// An aggregate.
struct simulated_stream {
  std::size_t type = 0; ///< Of the domain's.
  std::string id;
  std::string name; ///< Of the stream.
};

/// What the clients have seen in one run.
struct history {
  std::vector<simulated_stream> streams;
  std::vector<operation> operations;
  std::vector<attempt> attempts; ///< In the order of sending; events carry the index and 1.

  std::size_t stream_of(std::size_t type, std::string_view type_name, const std::string& id) {
    for (std::size_t i = 0; i < streams.size(); ++i)
      if (streams[i].type == type && streams[i].id == id)
        return i;
    streams.push_back({type, id, std::string{type_name} + '/' + id});
    return streams.size() - 1;
  }
};

} // namespace cairn::detail
