#pragma once

#include "commands.hpp"

#include <cairn/error.hpp>

#include <string_view>

namespace shop {

/// Says on standard error why a command has not done what was asked; returns `how`.
status complain(status how, std::string_view what);
status complain(const cairn::error& failure);

/// Output that cannot be written, such as to a full disk, must not pass for done.
status finish(status ended);

} // namespace shop
