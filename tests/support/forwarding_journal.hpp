#pragma once

#include <cairn/journal.hpp>

#include <memory>
#include <utility>

namespace test {

/// A journal that hands every call on to another: a double derives from it, and overrides what is
/// to be different.
class forwarding_journal : public cairn::journal {
public:
  explicit forwarding_journal(std::unique_ptr<cairn::journal> inner) : inner_{std::move(inner)} {}

  // Appends.
  void submit(std::unique_ptr<cairn::append_operation> operation) override {
    inner_->submit(std::move(operation));
  }

  // Streams.
  cairn::result<cairn::stream_head> head(const cairn::stream_id& stream) const override {
    return inner_->head(stream);
  }
  cairn::result<cairn::version> replay(const cairn::stream_id& stream, cairn::version from_version,
                                       cairn::version to_version,
                                       cairn::event_visitor visitor) const override {
    return inner_->replay(stream, from_version, to_version, visitor);
  }

  // The log.
  cairn::result<cairn::position> replay_all(cairn::position from_position,
                                            cairn::event_visitor visitor) const override {
    return inner_->replay_all(from_position, visitor);
  }
  cairn::position last_position() const noexcept override { return inner_->last_position(); }
  cairn::result<cairn::position> wait_beyond(cairn::position position,
                                             std::chrono::steady_clock::time_point deadline,
                                             const std::stop_token& interrupt) const override {
    return inner_->wait_beyond(position, deadline, interrupt);
  }

  // The index.
  cairn::result<cairn::position> replay_tag(std::string_view tag, cairn::position from_position,
                                            cairn::event_visitor visitor) const override {
    return inner_->replay_tag(tag, from_position, visitor);
  }
  cairn::result<std::optional<cairn::stream_id>> holder_of(std::string_view key) const override {
    return inner_->holder_of(key);
  }
  cairn::result<void> visit_streams(std::string_view prefix,
                                    cairn::stream_visitor visitor) const override {
    return inner_->visit_streams(prefix, visitor);
  }

  // Snapshots.
  void submit_snapshot(cairn::snapshot_draft snapshot) override {
    inner_->submit_snapshot(std::move(snapshot));
  }
  cairn::result<bool>
  load_snapshot(const cairn::stream_id& stream,
                cairn::function_ref<void(const cairn::snapshot_view&)> visitor) const override {
    return inner_->load_snapshot(stream, visitor);
  }

  // Schemas.
  cairn::result<void> declare_schemas(const cairn::schema_declaration& used) override {
    return inner_->declare_schemas(used);
  }
  cairn::result<void>
  visit_schemas(cairn::function_ref<void(const cairn::schema_generation&)> visitor) const override {
    return inner_->visit_schemas(visitor);
  }

  // Its life.
  cairn::journal_status status() const override { return inner_->status(); }
  cairn::result<void> reopen() override { return inner_->reopen(); }
  cairn::result<void> close() override { return inner_->close(); }

protected:
  cairn::journal& inner() const noexcept { return *inner_; }

private:
  const std::unique_ptr<cairn::journal> inner_;
};

} // namespace test
