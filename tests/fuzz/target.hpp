#pragma once

#include <capnp/common.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace fuzz {

using input = std::string; // bytes

/// Inputs made by the real encoder, for a start. Each target defines it.
std::vector<input> seeds();

/// The words of an input, aligned, as the decoders get them from the memory map; what is left over
/// at the end is dropped.
inline std::vector<std::uint64_t> words_of(const std::uint8_t* bytes, std::size_t size) {
  std::vector<std::uint64_t> words(size / sizeof(std::uint64_t));
  if (!words.empty())
    std::memcpy(words.data(), bytes, words.size() * sizeof(std::uint64_t));
  return words;
}

template <class Word>
input bytes_of(std::span<const Word> words) {
  return {reinterpret_cast<const char*>(words.data()), words.size_bytes()};
}

} // namespace fuzz

/// Decodes one input. Whatever it is: an error or a value, no undefined behaviour, no exception,
/// and in a time and a memory that the input's size bounds. Each target defines it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);
