#pragma once

#include "simulation/context.hpp"
#include "simulation/history.hpp"
#include "simulation/simulated_journal.hpp"

#include <cairn/detail/host.hpp>
#include <cairn/projection.hpp>

#include <memory>
#include <vector>

namespace cairn::detail {

/// What the clients talk to, from one opening to the next crash or closing.
struct simulated_service {
  std::vector<std::shared_ptr<aggregate_host>> aggregates; ///< By type.
  std::vector<projection_ref> projections = {};
  const std::vector<bool>* prompt = nullptr; ///< Whether each has the rows before the reply.
  const journal* durable = nullptr;          ///< What a crash would leave.
  const simulated_journal* log = nullptr;
  std::uint32_t incarnation = 0;
};

/// Clients that send commands and queries, several at a time, and repeat what has failed. Each
/// reply is checked at once: what it depends on must be durable, and must not be behind what
/// earlier replies have told.
class simulated_clients {
public:
  simulated_clients(simulation_context& run, const simulated_domain& domain,
                    const simulation_options& options);

  /// The process runs.
  void connect(const simulated_service& service) { service_ = service; }
  /// It does not: what is under way is lost, but its replies, should any come, are not heard.
  void lose_connection();

  /// When somebody has something to send; `never`: nobody will.
  std::chrono::nanoseconds next_due() const noexcept;
  void turn();

  /// Whether everything has been sent, and what was sent is answered.
  bool done() const noexcept { return left_ == 0 && under_way_ == 0 && waiting_.empty(); }
  std::size_t under_way() const noexcept { return under_way_; }

  /// Asks for the state of each aggregate; for the end of a run.
  void query_all();

  history& seen() noexcept { return seen_; }

private:
  struct client {
    std::chrono::nanoseconds due;
    std::size_t under_way = 0;
    std::size_t most_under_way = 1;
  };
  struct repetition {
    std::chrono::nanoseconds due;
    std::size_t operation;
    bool unknown; ///< Then it waits until a journal that has stopped is opened again.
    std::uint32_t incarnation;
  };

  std::size_t stream_of(std::size_t type, const std::string& id);
  void send_new(std::size_t who);
  void send(std::size_t operation);
  void send_command(std::size_t number, const operation& what);
  void send_query(std::size_t number, const operation& what);
  ask_options options_for(std::size_t number, const operation& what);

  template <class Answer, class Look>
  void answered(std::size_t number, const result<Answer>& answer, const Look& look);
  void replied(attempt& of, const reply& answer, bool visible);
  void failed(attempt& of, const error& why);
  void end_reply(std::size_t number);
  const std::shared_ptr<aggregate_host>& host_of(const operation& what) const;
  void check_read(const attempt& of);
  void check_durable(const attempt& of);
  void check_rows(const attempt& of, bool visible);
  void broken(const attempt& of, const std::string& what);
  bool may_send(const repetition& again) const noexcept;

  simulation_context& run_;
  const simulated_domain& domain_;
  const simulation_options& options_;
  simulated_service service_;
  history seen_;
  std::vector<cairn::version> floors_; // by stream
  std::vector<client> clients_;
  std::vector<repetition> waiting_;
  std::size_t left_; // operations to be begun
  std::size_t under_way_ = 0;
};

} // namespace cairn::detail
