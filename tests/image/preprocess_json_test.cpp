#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "caft/core/error.hpp"
#include "caft/image/preprocess.hpp"

namespace caft {
namespace {

TEST(PreprocessJson, ComesBackTheSame) {
  Preprocessing spec;
  EXPECT_EQ(preprocessing_from_json(to_json(spec)), spec);
  spec = {ResizeMode::exact, 1,   4096, 33, Interpolation::bicubic, {0.1F, -0.2F, 0},
          {0.3F, 1, 2},      true};
  EXPECT_EQ(preprocessing_from_json(nlohmann::json::parse(to_json(spec).dump())), spec);
}

TEST(PreprocessJson, SpellsNumbersAsPeopleDo) {
  EXPECT_EQ(to_json(Preprocessing{}).at("mean").dump(), "[0.485,0.456,0.406]");
}

/// Replaces one field (null: removes it) and expects an error that names it.
void expect_refused(const char* field, const nlohmann::json& value) {
  nlohmann::json json = to_json(Preprocessing{});
  json.erase(field);
  if (!value.is_null()) json[field] = value;
  try {
    preprocessing_from_json(json);
    ADD_FAILURE() << field << " " << value.dump() << " was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_input);
    EXPECT_NE(std::string(error.what()).find(field), std::string::npos) << error.what();
  }
}

TEST(PreprocessJson, NamesTheFieldThatIsWrong) {
  const nlohmann::json huge = 18446744073709551615ULL;
  for (const char* side : {"resize", "height", "width"}) {
    for (const nlohmann::json& value :
         {nlohmann::json(), nlohmann::json(0), nlohmann::json(-3), nlohmann::json(4097), huge,
          nlohmann::json(1.5), nlohmann::json("224"), nlohmann::json(true)}) {
      expect_refused(side, value);
    }
  }
  for (const char* field : {"mean", "std"}) {
    expect_refused(field, nullptr);
    expect_refused(field, 0.5);
    expect_refused(field, {0.5, 0.5});
    expect_refused(field, {0.5, 0.5, 0.5, 0.5});
    expect_refused(field, {0.5, 0.5, "0.5"});
    expect_refused(field, {0.5, 0.5, 1e300});  // infinite as a float
  }
  expect_refused("std", {0.5, 0.0, 0.5});
  expect_refused("std", {0.5, -1.0, 0.5});
  expect_refused("resize_mode", "long_side");
  expect_refused("interpolation", "nearest");
  expect_refused("antialias", false);
  expect_refused("antialias", nullptr);
  expect_refused("color", "BGR");
  expect_refused("exif_orientation", "yes");
  expect_refused("colour", "RGB");
  EXPECT_THROW(preprocessing_from_json(nlohmann::json::array()), Error);
}

}  // namespace
}  // namespace caft
