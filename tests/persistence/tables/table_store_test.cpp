// Tables on disk: other processes, other threads, crashes, damage.

#include <cairn/table_store.hpp>
#include <cairn/verify_tables.hpp>

#include "child_process.hpp"
#include "journal/journal_fixture.hpp"
#include "literals.hpp"
#include "rows.cairn.hpp"
#include "tables/table_env.hpp"

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

using namespace cairn;
using namespace cairn::test;

namespace {

// Every event adds one to a row of each table, so both always have the same sum: the position.
constexpr table<std::uint64_t, sale> left_side{"left"};
constexpr table<std::string, sale> right_side{"right"};

table_store_options options_in(const std::filesystem::path& directory,
                               row_visibility visibility = row_visibility::committed) {
  table_store_options options{.directory = directory};
  options.visibility = visibility;
  options.map_bytes = std::size_t{256} << 20;
  options.free_space_watermark_bytes = 0;
  options.flush_rows = 16;
  return options;
}

/// Applies and publishes the next events.
void count_on(table_store& store, std::uint64_t events) {
  must(store.begin_batch());
  table_writer to{store.rows()};
  const auto add_one = [](sale& row) { ++row.quantity; };
  const auto last = store.position() + events;
  for (auto position = store.position() + 1; position <= last; ++position) {
    store.begin_event();
    to.update(left_side, position.number() % 23, add_one);
    to.update(right_side, std::to_string(position.number() % 41), add_one);
  }
  must(store.publish({last, last.number()}));
}

template <class Table>
std::uint64_t sum_of(const table_view& view, const Table& of) {
  std::uint64_t sum = 0;
  must(view.scan(of, {}, [&](const auto&, Sale::Reader row) { sum += row.getQuantity(); }));
  return sum;
}

bool is_consistent(const table_view& view) {
  const auto events = view.position().number();
  return sum_of(view, left_side) == events && sum_of(view, right_side) == events;
}

/// Flips a bit of the value under `key` of the database `name`.
void damage(const std::filesystem::path& directory, const char* name, std::string key,
            std::size_t place) {
  auto env = must(detail::lmdb_env::open(
      {.file = directory / "tables.mdb", .map_bytes = std::size_t{256} << 20}));
  detail::transaction txn;
  MDB_dbi dbi = 0;
  REQUIRE(txn.begin(env, 0) == 0);
  REQUIRE(mdb_dbi_open(txn.get(), name, 0, &dbi) == 0);
  MDB_val lmdb_key{key.size(), key.data()};
  MDB_val value{};
  REQUIRE(mdb_get(txn.get(), dbi, &lmdb_key, &value) == 0);
  std::string bytes{static_cast<const char*>(value.mv_data), value.mv_size};
  bytes.at(place) ^= 4;
  MDB_val changed{bytes.size(), bytes.data()};
  REQUIRE(mdb_put(txn.get(), dbi, &lmdb_key, &changed, 0) == 0);
  REQUIRE(txn.commit() == 0);
}

} // namespace

TEST_CASE("a view keeps the rows of a shared store that everybody else has let go of") {
  const temporary_directory directory;
  for (const auto& options : {table_store_options{}, options_in(directory.path() / "on-disk"),
                              options_in(directory.path() / "at-once", row_visibility::at_once)}) {
    std::shared_ptr<table_store> store{must(table_store::open(options))};
    count_on(*store, 50);
    const auto view = must(store->read());
    store.reset();
    CHECK(view.position() == 50_pos);
    CHECK(is_consistent(view));
  }
}

TEST_CASE("rows left by a crash at any moment are those of their checkpoint") {
  for (const auto visibility : {row_visibility::committed, row_visibility::at_once}) {
    const temporary_directory directory;
    const auto store = must(table_store::open(options_in(directory / "t", visibility)));
    for (std::uint64_t step = 0; step < 60; ++step) {
      count_on(*store, 1 + step % 7);
      if (store->unflushed() == unflushed_rows::due)
        must(store->flush_all());
      const auto copy = must(table_store::open(
          options_in(crashed_copy(directory / "t", directory / "copy", detail::tables_file_name),
                     visibility)));
      const auto view = must(copy->read());
      CHECK(view.position() == must(copy->checkpoint()).position);
      CHECK(view.position() <= store->position());
      CHECK(is_consistent(view));
    }
    CHECK(must(store->checkpoint()).position > 0_pos);
  }
}

TEST_CASE("threads read one position of all tables while rows are written and flushed") {
  for (const auto visibility : {row_visibility::committed, row_visibility::at_once}) {
    const temporary_directory directory;
    const auto store = must(table_store::open(options_in(directory / "t", visibility)));
    std::atomic<bool> done = false;
    std::atomic<int> wrong = 0;
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i)
      readers.emplace_back([&] {
        for (position last; !done;) {
          const auto view = store->read();
          if (!view || view->position() < last || !is_consistent(*view))
            ++wrong;
          last = view ? view->position() : last;
        }
      });
    std::thread flusher{[&] {
      while (!done)
        if (!store->flush_all())
          ++wrong;
    }};
    for (int i = 0; i < 300; ++i)
      count_on(*store, 5);
    done = true;
    for (auto& reader : readers)
      reader.join();
    flusher.join();
    CHECK(wrong == 0);
    CHECK(store->position() == 1500_pos);
    CHECK(is_consistent(must(store->read())));
  }
}

TEST_CASE("another process reads one position of all tables while they are written") {
  const temporary_directory directory;
  count_on(*must(table_store::open(options_in(directory / "t"))), 1);
  child_process reader{[&](int pipe) {
    const auto tables = must(table_store::open_for_reading(options_in(directory / "t")));
    say(pipe, "reading");
    for (position last; last < 400_pos;) {
      const auto view = must(tables->read());
      if (view.position() < last || !is_consistent(view))
        return 1;
      last = view.position();
    }
    return 0;
  }};
  CHECK(reader.read_line() == "reading");
  const auto store = must(table_store::open(options_in(directory / "t")));
  for (int i = 0; i < 400; ++i)
    count_on(*store, 1);
  CHECK(reader.wait() == ending{.status = 0});
}

TEST_CASE("tables are opened for writing once, and the shape of what is in them is checked") {
  const temporary_directory directory;
  auto options = options_in(directory / "t");
  options.shape = "left(u) of 1\n";
  {
    const auto store = must(table_store::open(options));
    CHECK(failure_of(table_store::open(options)).code() == errc::already_open);
    must(store->close());
    CHECK(failure_of(store->read()).code() == errc::shut_down);
  }
  options.shape = "left(t) of 1\n";
  const auto other = failure_of(table_store::open(options));
  CHECK(other.code() == errc::incompatible_format);
  CHECK(other.message().find("left(t) of 1") != std::string::npos);
  options.shape.clear();
  CHECK(table_store::open_for_reading(options));
  options.directory = directory / "nothing";
  CHECK(failure_of(table_store::open_for_reading(options)).code() == errc::not_found);
  options.directory = directory / "j";
  must(open_lmdb_journal({.directory = directory / "j"}));
  CHECK(failure_of(table_store::open_for_reading(options)).code() == errc::not_found);
  std::filesystem::permissions(directory / "t", std::filesystem::perms::group_read,
                               std::filesystem::perm_options::add);
  CHECK(failure_of(table_store::open(options_in(directory / "t"))).code()
        == errc::insecure_permissions);
}

TEST_CASE("a damaged row, checkpoint or decision is an error, never other data") {
  const temporary_directory directory;
  const auto path = directory / "t";
  {
    const auto store = must(table_store::open(options_in(path)));
    count_on(*store, 30);
    projection_decision skipped;
    skipped.what = projection_decision::kind::skip;
    must(store->decide(skipped, {31_pos, 31}));
  }
  const auto whole = must(verify_tables(options_in(path)));
  CHECK(whole.rows == 23 + 30); // of the left side and of the right one
  CHECK(whole.decisions == 1);
  CHECK(whole.checkpoints == std::vector{table_checkpoint{31_pos, 31}});
  CHECK_FALSE(whole.unfinished_commit);
  const auto row_key =
      std::string{detail::as_text(detail::encode_key<std::uint64_t>(left_side.id(), 7).bytes())};
  damage(path, "rows", row_key, 16);
  CHECK(failure_of(verify_tables(options_in(path))).code() == errc::corrupt_record);
  {
    const auto store = must(table_store::open(options_in(path)));
    const auto view = must(store->read());
    CHECK(failure_of(view.get(left_side, 7)).code() == errc::corrupt_record);
    CHECK(must(view.get(left_side, 8)));
    const auto ignore = [](const auto&, const sale&) {};
    CHECK_FALSE(view.scan(left_side, {}, ignore));
    CHECK(view.scan(left_side, {.from = 8}, ignore));
    must(store->begin_batch());
    store->begin_event();
    table_writer{store->rows()}.update(left_side, 7, [](sale& row) { ++row.quantity; });
    REQUIRE(store->rows().failure());
    CHECK(store->rows().failure()->code() == errc::corrupt_record);
    store->roll_back_event();
  }
  damage(path, "meta", std::string("rows\0\0\0\0", 8), 8);
  CHECK(failure_of(table_store::open(options_in(path))).code() == errc::corrupt_journal);
  damage(path, "meta", std::string("rows\0\0\0\0", 8), 8);
  damage(path, "rows", row_key, 16);
  CHECK(must(verify_tables(options_in(path))).rows == whole.rows);
  damage(path, "decisions", std::string("\x01\0\0\0\0\0\0\0", 8), 40);
  CHECK(failure_of(verify_tables(options_in(path))).code() == errc::corrupt_journal);
  CHECK(failure_of(table_store::open(options_in(path))).code() == errc::corrupt_journal);
}

TEST_CASE("a full map refuses the batch, keeps it, and what was there before stays") {
  const temporary_directory directory;
  auto options = options_in(directory / "t");
  options.map_bytes = std::size_t{2} << 20;
  const auto store = must(table_store::open(options));
  count_on(*store, 10);
  must(store->begin_batch());
  table_writer to{store->rows()};
  store->begin_event();
  for (int i = 0; i < 3000; ++i)
    to.put(right_side, "row " + std::to_string(i), {.quantity = 0, .note = std::string(1000, 'x')});
  CHECK(failure_of(store->publish({11_pos, 11})).code() == errc::storage_full);
  CHECK(store->pending_rows() == 3000);
  CHECK(store->position() == 10_pos);
  CHECK(is_consistent(must(store->read())));
}
