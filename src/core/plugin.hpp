// Opening the parts of caft that are loaded at need: engines' vendors, LibTorch.
#pragma once

#include <string_view>

namespace caft {

/// The address of `symbol` in the shared library of the plugin `library` ("caft_openvino" names
/// libcaft_openvino.so), which is opened on first use and stays open for the life of the process.
/// Looked for in each folder of $CAFT_PLUGIN_PATH (separated by ':'), in the folder of libcaft.so,
/// in ../lib relative to it. The first file found is the one used: a broken plugin is reported,
/// not passed over. Never nullptr. Thread-safe.
/// Throws Error(unavailable), with the loader's own words and what to do, when the library is not
/// there, cannot be loaded, belongs to another version of caft or lacks the symbol.
void* plugin_symbol(std::string_view library, const char* symbol);

}  // namespace caft

/// Stands once in each plugin: the version of caft it was built with, checked before any other
/// call.
#define CAFT_PLUGIN_VERSION \
  extern "C" const char* caft_plugin_version() { return CAFT_VERSION; }
