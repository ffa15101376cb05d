#include "aggregates/reading_hosts.hpp"

#include "aggregates/rehydration.hpp"
#include "models/copied_replay.hpp"

#include <cairn/detail/user_code.hpp>

#include <optional>
#include <utility>

namespace cairn::detail {
namespace {

error is_closed() {
  return {errc::shut_down, "the runtime is closed"};
}

class reading_host final : public aggregate_host {
public:
  reading_host(const journal& events, std::shared_ptr<gate> entrance, subscribe_function subscribe,
               std::unique_ptr<aggregate_model> model, reading_hosts::clock now)
    : journal_{events}, gate_{std::move(entrance)},
      subscribe_{std::move(subscribe)}, model_{std::move(model)}, now_{std::move(now)} {}

  void post(std::string_view id, request_ptr work) override {
    forbid_within(read_events | ask_the_clock, "aggregate_reader::query");
    const auto now = ask_clock(now_);
    if (!now)
      return work->fail(now.error());
    if (work->deadline < *now)
      return work->fail({errc::deadline_exceeded, "the deadline passed before the query was made"});
    const auto answered = answer(id, *work);
    if (answered)
      work->deliver(*answered);
    else
      work->fail(answered.error());
  }

  const aggregate_model& model() const noexcept override { return *model_; }

  result<cairn::version> replay(std::string_view id, cairn::version from_version,
                                cairn::version to_version, event_visitor visitor) const override {
    const auto stream = stream_id::make(model_->type_name, id);
    if (!stream)
      return stream.error();
    copied_replay replay{*stream, from_version, to_version};
    do {
      const gate::holder inside{*gate_};
      if (!inside)
        return is_closed();
      replay.copy(journal_);
    } while (replay.show(visitor)); // nothing is held
    return replay.outcome();
  }

  result<subscription> subscribe(const event_selection& selection,
                                 const subscription_options& options,
                                 std::function<void(const event_view&)> handler) const override {
    return subscribe_(selection, options, std::move(handler));
  }

private:
  result<stream_head> answer(std::string_view id, request& work) const {
    const auto stream = stream_id::make(model_->type_name, id);
    if (!stream)
      return stream.error();
    const user_code_scope where{user_code::state};
    const gate::holder inside{*gate_};
    if (!inside)
      return is_closed();
    deduplication_window window{0};
    auto now = rehydrate(journal_, journal_, *model_, *stream, window);
    if (!now)
      return std::move(now).error();
    event_batch none;
    execution at{*now->state, *stream, none, now->at.version};
    const auto did = work.execute(at);
    CAIRN_ASSERT(did == effect::none); // `aggregate_reader` sends queries only
    return now->at;
  }

  const journal& journal_; // touched by those inside only
  const std::shared_ptr<gate> gate_;
  const subscribe_function subscribe_;
  const std::unique_ptr<aggregate_model> model_;
  const reading_hosts::clock now_;
};

} // namespace

reading_hosts::reading_hosts(journal& events, subscribe_function subscribe, clock now)
  : journal_{events}, gate_{std::make_shared<gate>()},
    subscribe_{std::move(subscribe)}, now_{std::move(now)} {}

result<std::shared_ptr<aggregate_host>>
reading_hosts::host(std::unique_ptr<aggregate_model> model) {
  {
    const gate::holder inside{*gate_};
    if (!inside)
      return is_closed();
    if (auto compared = journal_.declare_schemas(model->schemas()); !compared)
      return std::move(compared).error();
  }
  const std::lock_guard lock{mutex_};
  auto& kept = hosts_[model->type_name];
  if (!kept)
    kept = std::make_shared<reading_host>(journal_, gate_, subscribe_, std::move(model), now_);
  else
    check(kept->model().identity == model->identity,
          "two aggregate types of the application have the same type_name");
  return kept;
}

void reading_hosts::close() noexcept {
  gate_->close();
  gate_->wait_until_empty();
}

} // namespace cairn::detail
