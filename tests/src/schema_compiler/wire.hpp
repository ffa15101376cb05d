#pragma once

#include <cairn/schema.hpp>

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <sstream>
#include <string>

/// The bytes of a message with `value`.
template <cairn::schema_value Value>
kj::Array<capnp::word> to_bytes(const Value& value) {
  capnp::MallocMessageBuilder message;
  cairn::schema_of<Value>::write(value, message.initRoot<typename cairn::schema_of<Value>::wire>());
  return capnp::messageToFlatArray(message);
}

/// Reads bytes, maybe written as another type, as `Value`.
template <cairn::schema_value Value>
Value from_bytes(kj::ArrayPtr<const capnp::word> bytes) {
  capnp::FlatArrayMessageReader message(bytes);
  return cairn::schema_of<Value>::read(message.getRoot<typename cairn::schema_of<Value>::wire>());
}

/// Through the builder, without bytes in between.
template <cairn::schema_value Value>
Value through_builder(const Value& value) {
  capnp::MallocMessageBuilder message;
  auto builder = message.initRoot<typename cairn::schema_of<Value>::wire>();
  cairn::schema_of<Value>::write(value, builder);
  return cairn::schema_of<Value>::read(builder.asReader());
}

template <class Value>
std::string printed(const Value& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}
