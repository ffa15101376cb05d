#pragma once

#include <cairn/aggregates.hpp>
#include <cairn/detail/model.hpp>
#include <cairn/detail/projection_model.hpp>
#include <cairn/projection.hpp>
#include <cairn/random_source.hpp>

#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

/// What a simulation needs to know of an application's types, without the types.
namespace cairn::detail {

/// What decide makes of a command in one state.
class simulated_decision {
public:
  virtual ~simulated_decision() = default;

  /// Whether the event in the journal is the one with this index, below `events`.
  virtual bool is(std::size_t index, const event_view& event) const = 0;

  bool threw = false;
  std::optional<std::string> rejection; ///< Its code.
  std::size_t events = 0;
  bool wants_keys = false; ///< So it may be rejected because of another aggregate.
};

/// A command of a client, to be sent as often as need be.
class simulated_command {
public:
  virtual ~simulated_command() = default;

  virtual future<reply> ask(const std::shared_ptr<aggregate_host>& of, std::string_view id,
                            const ask_options& options) const = 0;
  virtual std::unique_ptr<simulated_decision> decide(const aggregate_state& before) const = 0;
  virtual std::string text() const = 0;
};

/// A projection of the application.
class simulated_projection {
public:
  virtual ~simulated_projection() = default;

  /// Of its own version, and so much more.
  virtual std::unique_ptr<projection_model> model(std::uint32_t raised_by) const = 0;

  /// Whether all rows are the same. Errors: those of `table_view::scan`.
  virtual result<bool> same(const table_view& one, const table_view& other) const = 0;

  /// Writes all rows. Errors: as for `same`.
  virtual result<void> copy(const table_view& from, table_writer& to) const = 0;
};

/// An aggregate type and its workload.
class simulated_type {
public:
  virtual ~simulated_type() = default;

  virtual std::string_view name() const = 0;
  virtual std::unique_ptr<aggregate_model> model(const aggregate_options& options) const = 0;
  virtual std::unique_ptr<simulated_command> next_command(random_source& random) const = 0;
  /// Empty: no preference.
  virtual std::string next_id(random_source& random) const = 0;

  /// Asks for the state, as its serialised form, and its version.
  struct seen_state {
    std::vector<std::uint64_t> words;
    cairn::version version{};
  };
  virtual future<seen_state> query(const std::shared_ptr<aggregate_host>& of, std::string_view id,
                                   const query_options& options) const = 0;

  virtual std::optional<std::string> wrong_with(const aggregate_state& state) const = 0;
  virtual std::optional<std::string> wrong_with(std::string_view projection,
                                                const table_view& rows) const = 0;
};

/// The aggregate types and the projections.
struct simulated_domain {
  std::vector<std::unique_ptr<simulated_type>> types; ///< At least one.
  std::vector<std::unique_ptr<simulated_projection>> projections;
};

/// A state's serialised form: equal states have equal ones.
std::vector<std::uint64_t> words_of(function_ref<void(capnp::AnyPointer::Builder)> write);

template <aggregate T>
class typed_decision final : public simulated_decision {
public:
  template <class Command>
  typed_decision(const typename T::state& before, const Command& command) {
    try {
      decided_.emplace(call_decide<T>(before, command));
    } catch (...) {
      threw = true;
      return;
    }
    if (decided_->rejected())
      rejection = decided_->rejection().code;
    events = decided_->size();
    wants_keys = !decided_->reservations().empty();
  }

  bool is(std::size_t index, const event_view& event) const override {
    bool same = false;
    for_each_event<T>(
        event, [&](const typename T::event& happened) { same = happened == (*decided_)[index]; });
    return same;
  }

private:
  std::optional<decision<typename T::event>> decided_;
};

template <aggregate T>
class typed_command final : public simulated_command {
public:
  explicit typed_command(typename T::command command) : command_{std::move(command)} {}

  future<reply> ask(const std::shared_ptr<aggregate_host>& of, std::string_view id,
                    const ask_options& options) const override {
    return aggregates<T>{of}.ask(id, command_, options);
  }

  std::unique_ptr<simulated_decision> decide(const aggregate_state& before) const override {
    const auto& state = static_cast<const typed_state<T>&>(before).value;
    return std::visit(
        [&](const auto& kind) -> std::unique_ptr<simulated_decision> {
          return std::make_unique<typed_decision<T>>(state, kind);
        },
        command_);
  }

  std::string text() const override {
    std::ostringstream text;
    std::visit([&](const auto& kind) { text << kind; }, command_);
    return text.str();
  }

private:
  const typename T::command command_;
};

template <projection_definition P>
class typed_simulated_projection final : public simulated_projection {
public:
  std::unique_ptr<projection_model> model(std::uint32_t raised_by) const override {
    return std::make_unique<typed_projection<P>>(P::version + raised_by);
  }

  result<bool> same(const table_view& one, const table_view& other) const override {
    bool equal = true;
    result<void> scanned;
    std::apply([&](const auto&... table) { (compare(table, one, other, equal, scanned), ...); },
               P::tables);
    if (!scanned)
      return std::move(scanned).error();
    return equal;
  }

  result<void> copy(const table_view& from, table_writer& to) const override {
    result<void> copied;
    std::apply([&](const auto&... table) { (copy_one(table, from, to, copied), ...); }, P::tables);
    return copied;
  }

private:
  template <class Key, class Row, class... Indexes>
  static void compare(const table<Key, Row, Indexes...>& of, const table_view& one,
                      const table_view& other, bool& equal, result<void>& scanned) {
    std::vector<std::pair<Key, Row>> rows[2];
    const auto collect = [&](const table_view& from, std::vector<std::pair<Key, Row>>& into) {
      if (auto done = from.scan(
              of, {}, [&](const Key& key, const Row& row) { into.emplace_back(key, row); });
          !done && scanned)
        scanned = std::move(done);
    };
    collect(one, rows[0]);
    collect(other, rows[1]);
    equal = equal && rows[0] == rows[1];
  }

  template <class Key, class Row, class... Indexes>
  static void copy_one(const table<Key, Row, Indexes...>& of, const table_view& from,
                       table_writer& to, result<void>& copied) {
    if (auto done =
            from.scan(of, {}, [&](const Key& key, const Row& row) { to.put(of, key, row); });
        !done && copied)
      copied = std::move(done);
  }
};

template <aggregate T, class Workload>
class typed_simulated_type final : public simulated_type {
public:
  explicit typed_simulated_type(Workload work) : work_{std::move(work)} {
    check(static_cast<bool>(work_.command), "a workload needs a generator of commands");
  }

  std::string_view name() const override { return T::type_name; }
  std::unique_ptr<aggregate_model> model(const aggregate_options& options) const override {
    return std::make_unique<typed_model<T>>(options);
  }
  std::unique_ptr<simulated_command> next_command(random_source& random) const override {
    return std::make_unique<typed_command<T>>(work_.command(random));
  }
  std::string next_id(random_source& random) const override {
    return work_.id ? work_.id(random) : std::string{};
  }

  future<seen_state> query(const std::shared_ptr<aggregate_host>& of, std::string_view id,
                           const query_options& options) const override {
    return aggregates<T>{of}.query(
        id,
        [](const typename T::state& state, cairn::version version) {
          using wire = typename schema_of<typename T::state>::wire;
          return seen_state{words_of([&](capnp::AnyPointer::Builder into) {
                              schema_of<typename T::state>::write(state, into.initAs<wire>());
                            }),
                            version};
        },
        options);
  }

  std::optional<std::string> wrong_with(const aggregate_state& state) const override {
    if (!work_.invariant)
      return std::nullopt;
    return work_.invariant(static_cast<const typed_state<T>&>(state).value);
  }
  std::optional<std::string> wrong_with(std::string_view projection,
                                        const table_view& rows) const override {
    if (!work_.rows)
      return std::nullopt;
    return work_.rows(projection, rows);
  }

private:
  const Workload work_;
};

} // namespace cairn::detail
