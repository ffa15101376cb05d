#pragma once

#include <capnp/dynamic.h>
#include <capnp/schema.capnp.h>

#include <string>

namespace cairn::schema_compiler {

class schema_set;

/// A C++ expression for the default of a field; empty if it is what `{}` gives.
///
/// The field's struct and all it refers to must have passed the checks of `make_file_model`.
std::string default_literal(const schema_set& schemas, std::uint64_t struct_id,
                            capnp::schema::Field::Reader field);

/// The C++ type of a field, of a type that has passed the checks.
std::string value_type_name(const schema_set& schemas, capnp::schema::Type::Reader type);

} // namespace cairn::schema_compiler
