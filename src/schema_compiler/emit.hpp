#pragma once

#include "schema_compiler/model.hpp"

#include <string>

namespace cairn::schema_compiler {

/// The text of `cart.cairn.hpp`.
std::string emit_header(const file_model& file);

/// The text of `cart.cairn.cpp`.
std::string emit_source(const file_model& file);

} // namespace cairn::schema_compiler
