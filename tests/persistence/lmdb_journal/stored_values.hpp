#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <vector>

namespace cairn::test {

using byte_vector = std::vector<unsigned char>;

enum class database { meta, log, heads, snapshots, schemas, tags, reservations };

/// Changes a value behind the journal's back, while it is closed; an empty value deletes it.
void alter(const std::filesystem::path& directory, database where, std::span<const std::byte> key,
           const std::function<void(byte_vector&)>& change);

} // namespace cairn::test
