#include "acknowledged_log.hpp"

#include "cart.hpp"
#include "literals.hpp"

#include <cairn/detail/model.hpp>

#include <charconv>
#include <set>
#include <sstream>
#include <utility>
#include <variant>

namespace crash {

static std::ostream& operator<<(std::ostream& out, const report& told) {
  return out << "command " << told.id << " on cart-" << told.cart << " (version " << told.version
             << ", position " << told.position << ", code " << told.code << ")";
}

namespace {

template <class... Parts>
[[noreturn]] void contradict(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw contradiction{text.str()};
}

std::uint32_t cart_of(std::string_view stream) {
  const std::string_view prefix{"cart/cart-"};
  std::uint32_t number = 0;
  if (stream.substr(0, prefix.size()) != prefix)
    contradict("a stream that nobody wrote: ", stream);
  const auto digits = stream.substr(prefix.size());
  if (std::from_chars(digits.data(), digits.data() + digits.size(), number).ec != std::errc{})
    contradict("a stream that nobody wrote: ", stream);
  return number;
}

/// Whether the answer says that this copy of the command wrote nothing.
bool was_refused(const report& told) {
  return told.what == report::kind::rejected
         || (told.what == report::kind::failed
             && told.code != static_cast<std::uint32_t>(cairn::errc::outcome_unknown));
}

} // namespace

void acknowledged_log::begin(std::uint64_t run) {
  run_ = run;
  sent_.clear();
  told_.clear();
  copies_.clear();
}

void acknowledged_log::hear(const report& told) {
  if (told.what == report::kind::sent) {
    sent_.push_back(told);
    ++copies_[told.id].sent;
  } else if (told.what != report::kind::opened) {
    told_.push_back(told);
    copies_[told.id].refused += was_refused(told) ? 1 : 0;
  }
}

std::uint64_t acknowledged_log::chain(std::uint64_t before, const cairn::event_view& event) {
  auto mix = [&before](std::uint64_t value) {
    before = (before ^ value) * 0x9e3779b97f4a7c15U; // any mixing will do: nobody is deceiving us
    before ^= before >> 29;
  };
  mix(event.position().bits());
  mix(event.version().number());
  mix(event.previous().bits());
  mix(event.type());
  mix(event.command_id().high());
  mix(event.command_id().low());
  mix(cart_of(event.stream()));
  return before;
}

void acknowledged_log::take(const cairn::event_view& event) {
  const auto number = cart_of(event.stream());
  auto& of = streams_[number];
  if (event.position() != last_position_ + 1)
    contradict("position ", event.position(), " follows ", last_position_);
  if (event.version() != of.version + 1 || event.previous() != of.position)
    contradict("cart-", number, ": version ", event.version(), " follows ", of.version);
  if (of.deleted)
    contradict("cart-", number, " has an event after its deletion, at position ", event.position());
  cart::event happened;
  cairn::detail::for_each_event<cart>(event, [&](const cart::event& one) { happened = one; });
  of.version = event.version();
  of.position = event.position();
  of.deleted = std::holds_alternative<crash::deleted>(happened);
  if (of.deleted)
    deleted_.push_back(number);

  const auto* const part = std::get_if<modified>(&happened);
  const std::uint32_t index = part ? part->index : 0;
  const std::uint32_t wanted = part ? part->count : 1;
  auto [entry, fresh] =
      commands_.try_emplace(event.command_id(), written{number, {}, {}, 0, wanted});
  auto& command = entry->second;
  if (command.cart != number || command.events != index || command.wanted != wanted
      || (!fresh && event.position() != command.position + 1))
    contradict("command ", event.command_id(), " has its effect twice, or in parts, at position ",
               event.position());
  command.version = event.version();
  command.position = event.position();
  ++command.events;
  last_position_ = event.position();
  chain_ = chain(chain_, event);
  ++figures_.events;
}

void acknowledged_log::read(const cairn::journal& journal) {
  const auto from = last_position_ + 1;
  const auto read_to = journal.replay_all(from, [&](const cairn::event_view& event) {
    take(event);
    return cairn::visit_result::proceed;
  });
  if (!read_to)
    contradict("the journal cannot be read: ", read_to.error());
  for (const auto& [id, command] : commands_) {
    if (id.high() == run_ && command.events != command.wanted)
      contradict("command ", id, " is there in part");
  }
  close_run();
}

/// Compares what was told in the last run with what is there.
void acknowledged_log::close_run() {
  // What a client knows to be deleted: it was told so, by an answer or by a refusal.
  std::set<std::pair<std::uint32_t, std::uint32_t>> dead; // client, cart
  for (const auto& told : told_) {
    check_told(told);
    const bool told_deleted = told.code == static_cast<std::uint32_t>(report::rejection::deleted);
    const std::pair place{told.client, told.cart};
    if (told.what == report::kind::accepted) {
      if (dead.count(place) != 0)
        contradict("accepted after the deletion: ", told);
      if (told.asked == report::command::delete_cart)
        dead.insert(place);
    } else if (told.what == report::kind::rejected) {
      if (dead.count(place) != 0) {
        if (!told_deleted)
          contradict("rejected after the deletion, but not for it: ", told);
        ++figures_.refused_after_deletion;
      }
      if (told_deleted)
        dead.insert(place);
    }
  }
  for (const auto& order : unanswered()) {
    ++figures_.unanswered;
    figures_.unanswered_written += version_of(run_, order.id).is_none() ? 0 : 1;
  }
}

void acknowledged_log::check_told(const report& told) {
  const auto found = commands_.find({run_, told.id});
  const bool there = found != commands_.end();
  switch (told.what) {
    case report::kind::accepted:
    case report::kind::repeated:
      ++(told.what == report::kind::accepted ? figures_.acknowledged : figures_.repeated);
      if (!there)
        contradict("acknowledged and lost: ", told);
      if (found->second.cart != told.cart || found->second.version != cairn::version{told.version}
          || found->second.position != cairn::position{told.position})
        contradict("acknowledged, and now elsewhere: ", told, " is at version ",
                   found->second.version, ", position ", found->second.position);
      return;
    case report::kind::rejected:
    case report::kind::failed:
      ++(told.what == report::kind::rejected ? figures_.rejected : figures_.failed);
      // One that was sent twice may be refused once (overloaded, or before its cart is created) and
      // accepted once.
      if (const auto& all = copies_.at(told.id);
          there && was_refused(told) && all.refused >= all.sent)
        contradict("refused, and yet in the journal: ", told);
      return;
    case report::kind::opened:
    case report::kind::sent: return;
  }
}

void acknowledged_log::read_again(const cairn::journal& journal) const {
  std::uint64_t again = 0;
  cairn::position last;
  const auto read_to = journal.replay_all(1_pos, [&](const cairn::event_view& event) {
    again = chain(again, event);
    last = event.position();
    return cairn::visit_result::proceed;
  });
  if (!read_to)
    contradict("the journal cannot be read: ", read_to.error());
  if (again != chain_ || last != last_position_)
    contradict("the history is not what it was");
}

std::vector<report> acknowledged_log::unanswered() const {
  std::set<std::uint64_t> answered;
  for (const auto& told : told_)
    answered.insert(told.id);
  std::vector<report> open;
  for (const auto& order : sent_) {
    if (answered.insert(order.id).second)
      open.push_back(order);
  }
  return open;
}

cairn::version acknowledged_log::version_of(std::uint64_t run, std::uint64_t id) const {
  const auto found = commands_.find({run, id});
  return found == commands_.end() ? cairn::version{} : found->second.version;
}

cairn::version acknowledged_log::last_version(std::uint32_t cart) const {
  const auto found = streams_.find(cart);
  return found == streams_.end() ? cairn::version{} : found->second.version;
}

} // namespace crash
