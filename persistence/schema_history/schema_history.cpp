#include "schema_history/schema_history.hpp"

#include "records/append_message.hpp"
#include "schema_history/schema_change.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

namespace cairn::detail {
namespace {

constexpr std::size_t most_owner_bytes = 255;

std::vector<std::uint64_t> ids_of(const std::vector<capnp::StructSchema>& types) {
  std::set<std::uint64_t> ids;
  for (const auto& type : types)
    ids.insert(type.getProto().getId());
  return {ids.begin(), ids.end()};
}

std::vector<std::uint64_t> ids_of(capnp::List<std::uint64_t>::Reader types) {
  std::set<std::uint64_t> ids;
  for (const auto id : types)
    ids.insert(id);
  return {ids.begin(), ids.end()};
}

std::vector<std::uint64_t> words_of(capnp::Data::Reader bytes) {
  KJ_REQUIRE(bytes.size() % sizeof(std::uint64_t) == 0, "a schema of the journal is cut short");
  std::vector<std::uint64_t> words(bytes.size() / sizeof(std::uint64_t));
  if (!words.empty())
    std::memcpy(words.data(), bytes.begin(), bytes.size());
  return words;
}

schema_nodes nodes_of(const schema_declaration& used) {
  schema_nodes nodes;
  for (const auto* types : {&used.events, &used.states, &used.rows})
    for (const auto& type : *types)
      collect(type, nodes);
  return nodes;
}

void set_ids(capnp::List<std::uint64_t>::Builder list, const std::vector<std::uint64_t>& ids) {
  for (unsigned i = 0; i < list.size(); ++i)
    list.set(i, ids[i]);
}

unsigned size_of(const auto& values) {
  return static_cast<unsigned>(values.size());
}

void write_nodes(format::SchemaGeneration::Builder record,
                 const std::vector<const schema_node*>& changed) {
  auto nodes = record.initNodes(size_of(changed));
  for (unsigned i = 0; i < nodes.size(); ++i) {
    const auto bytes = std::as_bytes(changed[i]->words());
    nodes[i].setId(changed[i]->id());
    nodes[i].setName(changed[i]->name());
    nodes[i].setNode({reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()});
  }
}

result<void> check_owner_name(const std::string& owner) {
  if (owner.empty() || owner.size() > most_owner_bytes)
    return error{errc::invalid_argument, "the owner of schemas has a name of "
                                             + std::to_string(owner.size())
                                             + " bytes; it must have 1 to 255"};
  return {};
}

/// Whether the log holds an event of one of these types in a stream of this owner.
result<std::optional<error>> find_event(const log_reader& log, const schema_history& history,
                                        const std::string& owner,
                                        const std::vector<std::uint64_t>& types) {
  std::optional<error> found;
  auto read = log.replay_all(position{1}, [&](const event_view& event) {
    const auto stream = event.stream();
    if (stream.size() <= owner.size() || stream[owner.size()] != '/' || !stream.starts_with(owner)
        || std::find(types.begin(), types.end(), event.type()) == types.end())
      return visit_result::proceed;
    const auto node = history.newest().find(event.type());
    found = error{errc::incompatible_schema,
                  owner + ": the event type "
                      + (node == history.newest().end() ? "" : node->second.name())
                      + " is not listed any more, but the journal holds such an event at position "
                      + to_string(event.position())}
                .with_position(event.position());
    return visit_result::stop;
  });
  if (!read)
    return std::move(read).error();
  return found;
}

/// Each stored schema is whole in itself; what it says of another one may be wrong all the same.
result<std::vector<std::uint64_t>> judge_safely(const schema_history& history,
                                                const schema_declaration& used) {
  try {
    return history.judge(used);
  } catch (const kj::Exception& damage) {
    return error{errc::corrupt_journal, std::string{"the journal's schemas do not fit together: "}
                                            + damage.getDescription().cStr()};
  }
}

} // namespace

result<schema_history> schema_history::of(const schema_registry& from) {
  schema_history history;
  auto visited =
      from.visit_schemas([&](const schema_generation& generation) { history.add(generation); });
  if (!visited)
    return std::move(visited).error();
  return history;
}

void schema_history::add(const schema_generation& next) {
  const auto record = next.record;
  for (const auto stored : record.getNodes()) {
    auto node = schema_node::stored(words_of(stored.getNode()));
    KJ_REQUIRE(node.id() == stored.getId(), "a schema of the journal has another type's id");
    if (auto before = newest_.extract(node.id()))
      older_.emplace(before.key(), std::move(before.mapped()));
    newest_in_[node.id()] = next.number;
    newest_.emplace(node.id(), std::move(node));
  }
  owners_[record.getOwner()] = {ids_of(record.getEvents()), ids_of(record.getStates()),
                                ids_of(record.getRows())};
  last_ = next.number;
}

schema_history::owned_types schema_history::types_of(const schema_declaration& used) {
  return {ids_of(used.events), ids_of(used.states), ids_of(used.rows)};
}

std::vector<std::uint64_t> schema_history::vanished_events(const schema_declaration& used) const {
  std::vector<std::uint64_t> vanished;
  if (const auto before = owners_.find(used.owner); before != owners_.end())
    std::ranges::set_difference(before->second.events, ids_of(used.events),
                                std::back_inserter(vanished));
  return vanished;
}

/// All that events and rows consist of, of whichever owner. What only states consist of is free.
std::set<std::uint64_t> schema_history::held_to_the_rules(const owned_types& types,
                                                          const schema_nodes& used) const {
  auto held = reachable(types.events, used);
  held.merge(reachable(types.rows, used));
  for (const auto& [name, owned] : owners_) {
    held.merge(reachable(owned.events, newest_));
    held.merge(reachable(owned.rows, newest_));
  }
  return held;
}

/// Whether an earlier generation holds this schema. A state's may have become another one since
/// then, so those that are `held` to the rules must also have grown into the newest one.
bool schema_history::known_before(const schema_node& node, bool held,
                                  const schema_nodes& used) const {
  const auto [first, last] = older_.equal_range(node.id());
  return std::any_of(first, last, [&](const auto& older) { return older.second == node; })
         && !(held && incompatibility(node, newest_.at(node.id()), {used, newest_}));
}

std::optional<error> schema_history::objection_to(const std::string& owner, const schema_node& node,
                                                  const schema_nodes& used) const {
  const auto difference = incompatibility(newest_.at(node.id()), node, {newest_, used});
  if (!difference)
    return std::nullopt;
  return error{errc::incompatible_schema, owner + ": " + node.name() + ": " + *difference
                                              + "; the journal knows it from generation "
                                              + std::to_string(newest_in_.at(node.id()))
                                              + " of its schemas"};
}

result<std::vector<std::uint64_t>> schema_history::judge(const schema_declaration& used) const {
  const auto types = types_of(used);
  const auto nodes = nodes_of(used);
  const auto held = held_to_the_rules(types, nodes);
  std::vector<const schema_node*> changed;
  for (const auto& [id, node] : nodes) {
    const auto known = newest_.find(id);
    if (known != newest_.end()
        && (known->second == node || known_before(node, held.contains(id), nodes)))
      continue;
    if (known != newest_.end() && held.contains(id))
      if (auto objection = objection_to(used.owner, node, nodes))
        return *std::move(objection);
    changed.push_back(&node);
  }
  std::vector<std::uint64_t> words;
  const auto owner = owners_.find(used.owner);
  if (changed.empty() && owner != owners_.end() && owner->second == types)
    return words;
  constexpr std::size_t usual_words = 1024;
  append_message(words, usual_words, [&](capnp::MessageBuilder& message) {
    auto record = message.initRoot<format::SchemaGeneration>();
    record.setOwner(used.owner);
    set_ids(record.initEvents(size_of(types.events)), types.events);
    set_ids(record.initStates(size_of(types.states)), types.states);
    set_ids(record.initRows(size_of(types.rows)), types.rows);
    write_nodes(record, changed);
  });
  return words;
}

result<std::vector<std::uint64_t>>
judge_schemas(const schema_registry& known, const log_reader& log, const schema_declaration& used) {
  if (auto checked = check_owner_name(used.owner); !checked)
    return std::move(checked).error();
  auto history = schema_history::of(known);
  if (!history)
    return std::move(history).error();
  auto words = judge_safely(*history, used);
  if (!words)
    return words;
  if (const auto vanished = history->vanished_events(used); !vanished.empty()) {
    auto found = find_event(log, *history, used.owner, vanished);
    if (!found)
      return std::move(found).error();
    if (*found)
      return **std::move(found);
  }
  return words;
}

} // namespace cairn::detail
