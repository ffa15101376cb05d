#pragma once

#include <string>
#include <string_view>

namespace cairn::schema_compiler {

/// "unitPriceCents" -> "unit_price_cents", "HTTPStatus" -> "http_status", "sha256Sum" ->
/// "sha256_sum".
///
/// A word begins at a capital that follows a small letter or a digit, and at the last capital of a
/// row of them if a small letter follows it. Digits belong to the word in front of them.
std::string snake_case(std::string_view name);

/// `name`, with an underscore behind it if C++ does not let a type, member or enumerator have it: a
/// keyword, a name that generated code relies on (`std`), or a macro of the C library (`errno`).
std::string unreserved(std::string name);

/// Whether a program may declare `name`: an identifier, not reserved to the implementation and not
/// a keyword.
bool is_usable_identifier(std::string_view name);

/// "unitPriceCents" -> "UnitPriceCents", as in `getUnitPriceCents`.
std::string title_case(std::string_view name);

} // namespace cairn::schema_compiler
