// The list of backends, and plugins that are missing, broken or of another version.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "caft/core/file.hpp"
#include "caft/engine/engine.hpp"
#include "core/plugin.hpp"
#include "engine/expect_error.hpp"
#include "temp_folder.hpp"

namespace caft::test {
namespace {

namespace fs = std::filesystem;

/// Sets CAFT_PLUGIN_PATH for one test.
class PluginPath {
 public:
  explicit PluginPath(const std::string& value) { ::setenv("CAFT_PLUGIN_PATH", value.c_str(), 1); }
  PluginPath(const PluginPath&) = delete;
  PluginPath& operator=(const PluginPath&) = delete;
  ~PluginPath() { ::unsetenv("CAFT_PLUGIN_PATH"); }
};

TEST(Registry, ListsBackendsWithTheReferenceLast) {
  const std::vector<std::string> names = backend_names();
  EXPECT_NE(std::ranges::find(names, "openvino"), names.end());
  EXPECT_EQ(names.back(), "reference");
}

TEST(Registry, FindsTheReferenceBackend) {
  const Backend& reference = backend("reference");
  EXPECT_EQ(reference.name(), "reference");
  EXPECT_TRUE(reference.availability().available);
  EXPECT_EQ(&reference, &backend("reference"));
}

TEST(Registry, UnknownNameIsAnErrorThatListsTheKnown) {
  expect_error(ErrorKind::not_found, "openvino, reference", [] { (void)backend("onnxruntime"); });
}

#ifdef CAFT_HAS_OPENVINO
TEST(Registry, OpenvinoThatWasBuiltIsAvailableAndPreferred) {
  const Availability state = backend("openvino").availability();
  EXPECT_TRUE(state.available) << state.detail;
  EXPECT_NE(state.detail.find("openvino 20"), std::string::npos) << state.detail;
  EXPECT_TRUE(state.remedy.empty());
  EXPECT_EQ(&default_backend(), &backend("openvino"));
}
#endif

TEST(Plugin, MissingLibraryIsAnErrorThatSaysWhereItLookedAndWhatToDo) {
  const TempFolder folder;
  const PluginPath path(folder.path().string());
  expect_error(ErrorKind::unavailable, folder.path().string(),
               [] { (void)plugin_symbol("caft_no_such", "caft_entry"); });
  expect_error(ErrorKind::unavailable, "CAFT_PLUGIN_PATH",
               [] { (void)plugin_symbol("caft_no_such", "caft_entry"); });
}

TEST(Plugin, BrokenLibraryIsReportedNotPassedOver) {
  const TempFolder folder;
  write_file_atomically(folder / "libcaft_broken.so", "not a library");
  const PluginPath path("/nowhere:" + folder.path().string());
  expect_error(ErrorKind::unavailable, "libcaft_broken.so",
               [] { (void)plugin_symbol("caft_broken", "caft_entry"); });
}

TEST(Plugin, OpensAPluginOfThisVersionAndFindsItsSymbols) {
  const PluginPath path(CAFT_TEST_PLUGINS);
  using Entry = int (*)();
  const auto entry = reinterpret_cast<Entry>(plugin_symbol("caft_good_plugin", "caft_entry"));
  EXPECT_EQ(entry(), 42);
  expect_error(ErrorKind::unavailable, "no symbol caft_other",
               [] { (void)plugin_symbol("caft_good_plugin", "caft_other"); });
}

TEST(Plugin, RefusesAPluginOfAnotherVersionOrOfNone) {
  const PluginPath path(CAFT_TEST_PLUGINS);
  expect_error(ErrorKind::unavailable, "built for caft 0.0.1",
               [] { (void)plugin_symbol("caft_old_plugin", "caft_entry"); });
  expect_error(ErrorKind::unavailable, "no version",
               [] { (void)plugin_symbol("caft_alien_plugin", "caft_entry"); });
}

}  // namespace
}  // namespace caft::test
