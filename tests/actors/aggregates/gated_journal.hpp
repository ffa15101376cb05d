#pragma once

#include "forwarding_journal.hpp"

#include <cairn/memory_journal.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace test {

/// A journal in memory behind a gate, for tests with threads: appends wait while it is shut.
class gated_journal final : public forwarding_journal {
public:
  gated_journal() : forwarding_journal{cairn::make_memory_journal()} {}

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
      inner().submit(std::move(operation));
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
    inner().submit(std::move(operation));
  }

  cairn::result<cairn::version> replay(const cairn::stream_id& stream, cairn::version from_version,
                                       cairn::version to_version,
                                       cairn::event_visitor visitor) const override {
    if (on_replay)
      on_replay(stream);
    return forwarding_journal::replay(stream, from_version, to_version, visitor);
  }

private:
  std::mutex order_; // taken before mutex_
  std::mutex mutex_;
  std::vector<std::unique_ptr<cairn::append_operation>> waiting_;
  bool open_ = true;
};

} // namespace test
