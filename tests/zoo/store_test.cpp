#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "caft/core/error.hpp"
#include "caft/zoo/card.hpp"
#include "card_folder.hpp"

namespace caft::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Sets a variable (nullptr unsets it) until the end of the scope.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    set(value);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() { set(old_ ? old_->c_str() : nullptr); }

 private:
  void set(const char* value) {
    if (value == nullptr) {
      ::unsetenv(name_);
    } else {
      ::setenv(name_, value, 1);
    }
  }
  const char* name_;
  std::optional<std::string> old_;
};

TEST(CaftHome, FollowsTheVariablesInOrder) {
  const Variable caft("CAFT_HOME", "/a/caft");
  const Variable xdg("XDG_CACHE_HOME", "/b");
  const Variable home("HOME", "/c");
  EXPECT_EQ(caft_home(), "/a/caft");
  {
    const Variable unset("CAFT_HOME", nullptr);
    EXPECT_EQ(caft_home(), "/b/caft");
    const Variable relative("XDG_CACHE_HOME", "b");
    EXPECT_EQ(caft_home(), "/c/.cache/caft") << "a relative XDG folder is ignored";
    const Variable empty("XDG_CACHE_HOME", "");
    EXPECT_EQ(caft_home(), "/c/.cache/caft");
    const Variable nowhere("HOME", nullptr);
    EXPECT_THROW(caft_home(), Error);
  }
  const Variable empty("CAFT_HOME", "");
  EXPECT_EQ(caft_home(), "/b/caft");
}

TEST(Store, FindsWhatLiesThere) {
  const TempFolder root;
  const Store store(root.path());
  EXPECT_THAT(store.names(), ElementsAre()) << "no folder yet";
  EXPECT_FALSE(store.has("net"));
  write_backbone(root.path() / "zoo" / "net", good_card("net"));
  write_backbone(root.path() / "zoo" / "a-1.b_c", good_card("a-1.b_c"));
  std::filesystem::create_directories(root.path() / "zoo" / "unfinished");
  write_backbone(root.path() / "zoo" / ".net.x7.tmp", good_card("net"));
  EXPECT_TRUE(store.has("net"));
  EXPECT_FALSE(store.has("unfinished"));
  EXPECT_EQ(store.find("net").onnx, root.path() / "zoo" / "net" / "net.onnx");
  EXPECT_THAT(store.names(), ElementsAre("a-1.b_c", "net"));
}

TEST(Store, MissingBackboneNamesTheCommand) {
  const TempFolder root;
  try {
    static_cast<void>(Store(root.path()).find("resnet18"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
    EXPECT_THAT(error.what(), HasSubstr("caft zoo export resnet18"));
  }
  try {
    static_cast<void>(Store(root.path()).find("resnet19"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("caft zoo list"));
  }
}

TEST(Store, NamesThatAreNoFolderNamesAreRefused) {
  const TempFolder root;
  write_backbone(root / "net", good_card("net"));
  const Store store(root.path());
  for (const char* name :
       {"", ".", "..", "../net", "/etc", "a/b", ".hidden", "Net", "net ", "né"}) {
    EXPECT_FALSE(store.has(name)) << name;
    EXPECT_THROW(static_cast<void>(store.folder(name)), Error) << name;
    EXPECT_THROW(static_cast<void>(store.find(name)), Error) << name;
  }
  EXPECT_THROW(static_cast<void>(store.folder(std::string(65, 'a'))), Error);
}

TEST(Store, CardOfAnotherNameIsNoticed) {
  const TempFolder root;
  write_backbone(root.path() / "zoo" / "copy", good_card("net"));
  try {
    static_cast<void>(Store(root.path()).find("copy"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::mismatch);
  }
}

}  // namespace
}  // namespace caft::test
