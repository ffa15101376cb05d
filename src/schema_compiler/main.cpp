// capnpc-cairn: a plugin of `capnp compile` that generates value structs.
//
// It reads the compiled schemas from its standard input and writes NAME.cairn.hpp and
// NAME.cairn.cpp for each requested NAME.capnp, below the current directory.

#include "schema_compiler/emit.hpp"
#include "schema_compiler/model.hpp"
#include "schema_compiler/schema_set.hpp"

#include <capnp/serialize.h>
#include <kj/exception.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;
namespace compiler = cairn::schema_compiler;

struct output_file {
  fs::path path;
  std::string text;
};

std::vector<output_file> generate(capnp::schema::CodeGeneratorRequest::Reader request,
                                  std::vector<std::string>& problems) {
  const compiler::schema_set schemas(request);
  std::vector<output_file> outputs;
  for (const auto file : request.getRequestedFiles()) {
    const std::string path = file.getFilename().cStr();
    if (fs::path(path).is_absolute()) {
      problems.push_back(path + ": is an absolute path; give its folder with --src-prefix");
      continue;
    }
    const auto model = compiler::make_file_model(schemas, file, problems);
    if (!problems.empty())
      continue;
    const std::string stem = compiler::output_stem(path);
    outputs.push_back({stem + ".hpp", compiler::emit_header(model)});
    outputs.push_back({stem + ".cpp", compiler::emit_source(model)});
  }
  return outputs;
}

/// Renamed into place, so that a build that is killed leaves no half of a file behind.
bool write(const output_file& file) {
  std::error_code failure;
  if (file.path.has_parent_path())
    fs::create_directories(file.path.parent_path(), failure);
  const fs::path part = file.path.string() + ".part";
  std::ofstream out(part, std::ios::binary);
  out << file.text;
  out.close();
  if (out)
    fs::rename(part, file.path, failure);
  if (out && !failure)
    return true;
  std::cerr << "capnpc-cairn: cannot write " << file.path.string() << '\n';
  fs::remove(part, failure);
  return false;
}

int run() {
  // The schemas are the user's own and may be large.
  capnp::ReaderOptions options;
  options.traversalLimitInWords = UINT64_MAX;
  capnp::StreamFdMessageReader message(0, options);
  std::vector<std::string> problems;
  const auto outputs = generate(message.getRoot<capnp::schema::CodeGeneratorRequest>(), problems);
  for (const auto& problem : problems)
    std::cerr << "capnpc-cairn: " << problem << '\n';
  if (!problems.empty())
    return EXIT_FAILURE;
  for (const auto& output : outputs)
    if (!write(output))
      return EXIT_FAILURE;
  return EXIT_SUCCESS;
}

} // namespace

int main(int argc, char**) {
  if (argc > 1) {
    std::cerr << "usage: capnp compile -o capnpc-cairn:OUTPUT_FOLDER FILE.capnp...\n"
                 "capnpc-cairn is run by `capnp compile` and takes no arguments.\n";
    return 2;
  }
  try {
    return run();
  } catch (const kj::Exception& failure) {
    std::cerr << "capnpc-cairn: " << failure.getDescription().cStr() << '\n';
  } catch (const std::exception& failure) {
    std::cerr << "capnpc-cairn: " << failure.what() << '\n';
  }
  return EXIT_FAILURE;
}
