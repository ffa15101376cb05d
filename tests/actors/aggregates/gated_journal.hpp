#pragma once

#include <cairn/journal.hpp>
#include <cairn/memory_journal.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace test {

/// A journal in memory behind a gate, for tests with threads: appends wait while it is shut.
class gated_journal final : public cairn::journal {
public:
  /// Called at the beginning of each replay of a stream.
  std::function<void(const cairn::stream_id&)> on_replay;

  void shut() {
    const std::lock_guard lock{mutex_};
    open_ = false;
  }

  void open() {
    std::vector<std::unique_ptr<cairn::append_operation>> waiting;
    const std::lock_guard one_at_a_time{order_};
    {
      const std::lock_guard lock{mutex_};
      open_ = true;
      waiting.swap(waiting_);
    }
    for (auto& operation : waiting)
      inner_->submit(std::move(operation));
  }

  void submit(std::unique_ptr<cairn::append_operation> operation) override {
    const std::lock_guard one_at_a_time{order_};
    {
      const std::lock_guard lock{mutex_};
      if (!open_) {
        waiting_.push_back(std::move(operation));
        return;
      }
    }
    inner_->submit(std::move(operation));
  }

  cairn::result<cairn::stream_head> head(const cairn::stream_id& stream) const override {
    return inner_->head(stream);
  }
  cairn::result<std::uint64_t> replay(const cairn::stream_id& stream, std::uint64_t from_version,
                                      std::uint64_t to_version,
                                      cairn::event_visitor visitor) const override {
    if (on_replay)
      on_replay(stream);
    return inner_->replay(stream, from_version, to_version, visitor);
  }
  cairn::result<std::uint64_t> replay_all(std::uint64_t from_position,
                                          cairn::event_visitor visitor) const override {
    return inner_->replay_all(from_position, visitor);
  }
  void submit_snapshot(cairn::snapshot_draft snapshot) override {
    inner_->submit_snapshot(std::move(snapshot));
  }
  cairn::result<bool>
  load_snapshot(const cairn::stream_id& stream,
                cairn::function_ref<void(const cairn::snapshot_view&)> visitor) const override {
    return inner_->load_snapshot(stream, visitor);
  }
  cairn::result<std::uint64_t> replay_tag(std::string_view tag, std::uint64_t from_position,
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
  cairn::result<void> declare_schemas(const cairn::schema_declaration& used) override {
    return inner_->declare_schemas(used);
  }
  cairn::result<void>
  visit_schemas(cairn::function_ref<void(const cairn::schema_generation&)> visitor) const override {
    return inner_->visit_schemas(visitor);
  }
  std::uint64_t last_position() const noexcept override { return inner_->last_position(); }
  cairn::result<std::uint64_t> wait_beyond(std::uint64_t position,
                                           std::chrono::steady_clock::time_point deadline,
                                           const std::stop_token& interrupt) const override {
    return inner_->wait_beyond(position, deadline, interrupt);
  }
  cairn::journal_status status() const override { return inner_->status(); }
  cairn::result<void> close() override { return inner_->close(); }

private:
  std::unique_ptr<cairn::journal> inner_ = cairn::make_memory_journal();
  std::mutex order_; // taken before mutex_
  std::mutex mutex_;
  std::vector<std::unique_ptr<cairn::append_operation>> waiting_;
  bool open_ = true;
};

} // namespace test
