#pragma once

#include <cairn/detail/request.hpp>

#include <utility>

namespace cairn::detail {

/// Requests in the order in which they are to be executed, linked by `request::next`; owns them.
/// One thread.
class request_list {
public:
  request_list() = default;
  ~request_list() {
    while (first_)
      (void)pop_front();
  }
  request_list(const request_list&) = delete;
  request_list& operator=(const request_list&) = delete;

  bool empty() const noexcept { return first_ == nullptr; }

  void push_back(request_ptr last) noexcept {
    auto* const one = last.release();
    push_back(one, one);
  }

  /// A chain that is linked by `next` from `first`, which is to be executed first, to `last`.
  void push_back(request* first, request* last) noexcept {
    (first_ ? last_->next : first_) = first;
    last_ = last;
  }

  request_ptr pop_front() noexcept {
    auto* const oldest = first_;
    first_ = std::exchange(oldest->next, nullptr);
    return request_ptr{oldest};
  }

  /// Puts all of `earlier` before its own, and leaves `earlier` empty.
  void push_front(request_list& earlier) noexcept {
    if (earlier.empty())
      return;
    earlier.last_->next = first_;
    if (!first_)
      last_ = earlier.last_;
    first_ = std::exchange(earlier.first_, nullptr);
  }

private:
  request* first_ = nullptr;
  request* last_ = nullptr; // of a list that is not empty
};

} // namespace cairn::detail
