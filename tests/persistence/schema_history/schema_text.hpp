#pragma once

#include <capnp/schema-parser.h>
#include <kj/filesystem.h>

#include <memory>
#include <string>

namespace cairn::test {

/// Schemas from text: a program can have only one generation of a type compiled in.
class schema_text {
public:
  explicit schema_text(const std::string& text, const char* file = "test.capnp")
    : files_{kj::newInMemoryDirectory(kj::nullClock())} {
    const auto path = kj::Path::parse(file);
    files_->openFile(path, kj::WriteMode::CREATE | kj::WriteMode::CREATE_PARENT)
        ->writeAll(kj::str("@0xa000000000000000;\n", text.c_str()));
    parsed_ = parser_.parseFromDirectory(*files_, path.clone(), nullptr);
  }

  /// A struct declared at the top.
  capnp::StructSchema get(const char* name) const { return parsed_.getNested(name).asStruct(); }

private:
  kj::Own<kj::Directory> files_;
  capnp::SchemaParser parser_;
  capnp::ParsedSchema parsed_;
};

} // namespace cairn::test
