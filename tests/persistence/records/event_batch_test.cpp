#include "journal/journal_fixture.hpp"
#include "literals.hpp"
#include "records/crc32c.hpp"
#include "records/record.hpp"

#include <array>
#include <cstring>
#include <stdexcept>

using namespace cairn;
using namespace cairn::test;

namespace {

/// Seals a batch's record as the writer does and reads it in place.
class decoded {
public:
  decoded(const event_batch& batch, std::size_t index) {
    const auto record = batch.record(index);
    words_.resize(record.size());
    std::memcpy(words_.data(), record.data(), record.size_bytes());
  }
  format::EventRecord::Reader record() {
    message_.emplace(detail::words_view{words_}, detail::words_of<detail::event_header>);
    return message_->root<format::EventRecord>();
  }

private:
  std::vector<std::uint64_t> words_;
  std::optional<detail::message_in_place> message_;
};

void check_note(const event_batch& batch, std::size_t index, std::uint64_t number,
                std::size_t blob_bytes) {
  decoded event{batch, index};
  const auto noted = event.record().getPayload().getAs<Noted>();
  CHECK(noted.getNumber() == number);
  const auto blob = noted.getBlob();
  REQUIRE(blob.size() == blob_bytes);
  for (std::size_t i = 0; i < blob_bytes; ++i)
    if (blob[i] != static_cast<kj::byte>(number + i))
      FAIL("byte ", i, " of the blob");
}

} // namespace

TEST_CASE("events of every size come back, also those that outgrow the scratch") {
  const auto a = stream("a");
  event_batch batch;
  const std::array<std::size_t, 9> sizes{0, 1, 7, 300, 8'000, 16'300, 16'400, 40'000, 900'000};
  for (std::size_t i = 0; i < sizes.size(); ++i)
    must(batch.add(a, {}, capnp::typeId<Noted>(),
                   [&](capnp::AnyPointer::Builder payload) { note(payload, i, sizes[i]); }));
  REQUIRE(batch.size() == sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    check_note(batch, i, i, sizes[i]);
    CHECK(batch.record(i).size_bytes() % 8 == 0);
  }
}

TEST_CASE("a structure built in many small pieces becomes one segment") {
  const auto a = stream("a");
  event_batch batch;
  must(batch.add(a, {}, 1, [](capnp::AnyPointer::Builder payload) {
    auto texts = payload.initAs<capnp::List<capnp::Text>>(3'000);
    for (unsigned i = 0; i < texts.size(); ++i)
      texts.set(i, "a text of some length " + std::to_string(i));
  }));
  decoded event{batch, 0};
  const auto texts = event.record().getPayload().getAs<capnp::List<capnp::Text>>();
  REQUIRE(texts.size() == 3'000);
  CHECK(texts[2'999] == "a text of some length 2999");
}

TEST_CASE("an event encoded while another is being encoded spoils neither") {
  const auto a = stream("a");
  event_batch outer, inner;
  must(outer.add(a, {}, capnp::typeId<Noted>(), [&](capnp::AnyPointer::Builder payload) {
    auto noted = payload.initAs<Noted>();
    noted.setNumber(1);
    inner = notes(a, 2, 1, 500);
    noted.setText("after");
  }));
  decoded event{outer, 0};
  CHECK(event.record().getPayload().getAs<Noted>().getText() == "after");
  check_note(inner, 0, 2, 500);
}

TEST_CASE("a batch takes events of one stream, until it is emptied") {
  const auto a = stream("a"), b = stream("b");
  auto batch = notes(a, 1, 2);
  const auto nothing = [](capnp::AnyPointer::Builder payload) { note(payload, 3); };
  const auto refused = failure_of(batch.add(b, {}, capnp::typeId<Noted>(), nothing));
  CHECK(refused.code() == errc::invalid_argument);
  CHECK(refused.message().find("test/a") != std::string::npos);
  CHECK(refused.message().find("test/b") != std::string::npos);
  CHECK(batch.size() == 2);
  CHECK(batch.is_for(a));
  CHECK_FALSE(batch.is_for(b));
  batch.truncate(1);
  CHECK_FALSE(batch.is_for(b));
  batch.clear();
  CHECK(batch.is_for(b));
  must(batch.add(b, {}, capnp::typeId<Noted>(), nothing));
  CHECK_FALSE(batch.is_for(a));
}

TEST_CASE("an event that is refused or throws leaves the batch as it was") {
  const auto a = stream("a");
  event_batch batch{1'000};
  const auto small = [](capnp::AnyPointer::Builder payload) { note(payload, 1, 10); };
  must(batch.add(a, {}, capnp::typeId<Noted>(), small));
  const std::size_t bytes = batch.bytes();
  const error large =
      failure_of(batch.add(a, {}, capnp::typeId<Noted>(),
                           [](capnp::AnyPointer::Builder payload) { note(payload, 1, 2'000); }));
  CHECK(large.code() == errc::invalid_argument);
  CHECK(large.message().find("the limit is 1000") != std::string::npos);
  CHECK_THROWS_AS((void)batch.add(a, {}, 1,
                                  [](capnp::AnyPointer::Builder payload) {
                                    note(payload, 1, 100);
                                    throw std::runtime_error{"mine"};
                                  }),
                  std::runtime_error);
  CHECK(batch.size() == 1);
  CHECK(batch.bytes() == bytes);
  must(batch.add(a, {}, capnp::typeId<Noted>(), small));
  check_note(batch, 1, 1, 10);
}

TEST_CASE("tags beyond the limits are refused, naming the limit") {
  const auto a = stream("a");
  event_batch batch;
  const auto refusal = [&](std::span<const std::string_view> tags) {
    return failure_of(batch.add(a, {.tags = tags}, capnp::typeId<Noted>(),
                                [](capnp::AnyPointer::Builder payload) { note(payload, 1); }))
        .message();
  };
  const std::vector<std::string_view> many(17, "t");
  CHECK(refusal(many) == "an event has 17 tags; the limit is 16");
  const std::string long_tag(129, 't');
  CHECK(refusal(std::array<std::string_view, 1>{long_tag})
        == "a tag has 129 bytes; it must have 1 to 128");
  CHECK(refusal(std::array<std::string_view, 1>{""}) == "a tag has 0 bytes; it must have 1 to 128");
  CHECK(refusal(std::array<std::string_view, 2>{"ok", "a\tb"})
        == "a tag has a control character at place 1");
  CHECK(batch.empty());
}

namespace {

/// Structs within structs, or lists within lists, `levels` in all.
void nest(capnp::AnyPointer::Builder pointer, int levels, bool lists) {
  if (levels == 0)
    return;
  if (lists) {
    auto list = pointer.initAsAnyList(capnp::ElementSize::POINTER, 1);
    nest(list.as<capnp::List<capnp::AnyPointer>>()[0], levels - 1, lists);
  } else {
    nest(pointer.initAsAnyStruct(0, 1).getPointerSection()[0], levels - 1, lists);
  }
}

int levels_of(capnp::AnyPointer::Reader pointer, bool lists) {
  if (pointer.isNull())
    return 0;
  return 1
         + levels_of(lists ? pointer.getAs<capnp::AnyList>().as<capnp::List<capnp::AnyPointer>>()[0]
                           : pointer.getAs<capnp::AnyStruct>().getPointerSection()[0],
                     lists);
}

} // namespace

TEST_CASE("an event nests as deep as it can be read again, and no deeper") {
  const auto a = stream("a");
  for (const bool lists : {false, true}) {
    const auto journal = make_memory_journal();
    const auto add = [&](event_batch& batch, int levels) {
      return batch.add(a, {}, 7,
                       [&](capnp::AnyPointer::Builder payload) { nest(payload, levels, lists); });
    };
    event_batch batch;
    must(add(batch, max_nesting));
    const error refused = failure_of(add(batch, max_nesting + 1));
    CHECK(refused.code() == errc::invalid_argument);
    CHECK(refused.message() == "an event of stream test/a nests too deep; the limit is 64 levels");
    CHECK(batch.size() == 1);
    must(journal->append(a, expected_version::any(), std::move(batch)));
    int levels = 0;
    must(journal->replay(a, 1_ver, to_the_end, [&](const event_view& event) {
      levels = levels_of(event.payload(), lists);
      return visit_result::proceed;
    }));
    CHECK(levels == max_nesting);
  }
}

TEST_CASE("truncating drops the newest records and keeps the others") {
  const auto a = stream("a");
  event_batch batch = notes(a, 1, 5, 30);
  batch.truncate(7);
  CHECK(batch.size() == 5);
  batch.truncate(2);
  CHECK(batch.size() == 2);
  check_note(batch, 1, 2, 30);
  batch.clear();
  CHECK(batch.empty());
  CHECK(batch.bytes() == 0);
}

TEST_CASE("the checksum is the published CRC32C") {
  // RFC 3720, appendix B.4, and the customary check value.
  CHECK(detail::crc32c(std::as_bytes(std::span{"123456789", 9})) == 0xE3069283U);
  const std::array<std::uint8_t, 32> zeros{};
  CHECK(detail::crc32c(std::as_bytes(std::span{zeros})) == 0x8A9136AAU);
  // A key and a value give what their bytes in one piece give.
  std::array<std::uint64_t, 40> words{};
  for (std::size_t i = 0; i < words.size(); ++i)
    words[i] = (i + 1) * 0x9e3779b97f4a7c15;
  const auto bytes = std::as_bytes(std::span{words});
  for (std::size_t key = 0; key < bytes.size(); key += 8)
    CHECK(detail::crc32c(bytes.first(key), bytes.subspan(key)) == detail::crc32c(bytes));
}
