#include "caft/report/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"

namespace caft {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

class ReportTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ =
        std::filesystem::path(testing::TempDir()) / ("caft_report_" + std::string(info->name()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string written(const json& data) const {
    write_report(folder_ / "report.html", data);
    return read_text(folder_ / "report.html");
  }

  /// The data as a browser would hand it to the page's script: up to the first "</script".
  static json data_in(const std::string& page) {
    const std::string open = "<script type=\"application/json\" id=\"report-data\">";
    const auto begin = page.find(open) + open.size();
    return json::parse(page.substr(begin, page.find("</script", begin) - begin));
  }

  static std::string refusal(const json& data, const std::filesystem::path& file) {
    try {
      write_report(file, data);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_FALSE(std::filesystem::exists(file));
      return error.what();
    }
    return "accepted";
  }

  std::filesystem::path folder_;
};

TEST_F(ReportTest, HostileTextStaysTextAndArrivesWhole) {
  const std::string hostile = "</script><img src=x onerror=alert(1)>\"'{{data}}\xE2\x80\xA8";
  const json data = {{"title", hostile},
                     {"dataset", {{"name", hostile}, {"classes", {{{"name", hostile}}}}}}};
  const std::string page = written(data);
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, HasSubstr("<title>&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"));
  EXPECT_EQ(data_in(page), data);
}

TEST_F(ReportTest, NeedsNoSectionButATitle) {
  const std::string page = written({{"title", "t"}});
  EXPECT_THAT(page, HasSubstr("<title>t</title>"));
  EXPECT_EQ(data_in(page), json({{"title", "t"}}));
  EXPECT_EQ(data_in(written({{"title", "t"}, {"cache", nullptr}})).size(), 2U);
}

TEST_F(ReportTest, CarriesThePlottingLibraryAndFillsEveryPlace) {
  const std::string page = written({{"title", "t"}});
  EXPECT_THAT(page, HasSubstr("Chart.js v4"));
  EXPECT_THAT(page, HasSubstr("The MIT License"));
  EXPECT_THAT(page, Not(HasSubstr("{{")));
  EXPECT_THAT(page, Not(HasSubstr("sourceMappingURL")));
}

TEST_F(ReportTest, AsksForNothingFromElsewhere) {
  const std::string page = written({{"title", "t"}});
  EXPECT_THAT(page, HasSubstr("default-src 'none'; img-src data:;"));
  EXPECT_THAT(page, Not(HasSubstr("src=\"")));
  EXPECT_THAT(page, Not(HasSubstr("@import")));
}

TEST_F(ReportTest, ReplacesAnOlderReportWhole) {
  written({{"title", std::string(100'000, 'x')}});
  const std::string page = written({{"title", "short"}});
  EXPECT_TRUE(page.ends_with("</html>\n"));
  EXPECT_THAT(page, Not(HasSubstr("xxxx")));
  const auto entries = std::filesystem::directory_iterator(folder_);
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 1) << "a temporary file was left behind";
}

TEST_F(ReportTest, LeavesTheOlderReportWhenTheDataIsWrong) {
  written({{"title", "old"}});
  EXPECT_THROW(write_report(folder_ / "report.html", {{"title", 3}}), Error);
  EXPECT_THAT(read_text(folder_ / "report.html"), HasSubstr("<title>old</title>"));
}

TEST_F(ReportTest, NamesTheFolderThatIsMissing) {
  try {
    write_report(folder_ / "nowhere" / "report.html", {{"title", "t"}});
    FAIL() << "written into a folder that does not exist";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("nowhere"));
  }
}

TEST_F(ReportTest, RefusesWhatThePageCouldNotShow) {
  const auto file = folder_ / "refused.html";
  const auto with = [](const char* section, json value) {
    return json{{"title", "t"}, {section, std::move(value)}};
  };
  EXPECT_THAT(refusal(json::array(), file), HasSubstr("must be an object"));
  EXPECT_THAT(refusal({{"dataset", json::object()}}, file), HasSubstr("title must be a string"));
  EXPECT_THAT(refusal(with("evalation", json::object()), file),
              HasSubstr("\"evalation\" is unknown"));
  EXPECT_THAT(refusal(with("cache", 3), file), HasSubstr("cache must be an object, not number"));
  EXPECT_THAT(refusal(with("training", {{"history", {{{"epoch", 1}}, {{"epoch", "2"}}}}}), file),
              HasSubstr("training.history[1].epoch must be a number, not string"));
  EXPECT_THAT(refusal(with("validation", {{"accuracy", "high"}}), file),
              HasSubstr("validation.accuracy must be a number"));
}

TEST_F(ReportTest, RefusesPicturesFromElsewhere) {
  const auto file = folder_ / "refused.html";
  for (const char* source :
       {"https://example.org/a.png", "data:image/svg+xml;base64,AAAA", "a.jpg"}) {
    const json data = {{"title", "t"}, {"dataset", {{"samples", {{{"thumbnail", source}}}}}}};
    EXPECT_THAT(refusal(data, file), HasSubstr("dataset.samples[0].thumbnail must be a base64"));
  }
}

TEST_F(ReportTest, TakesAPictureThatCouldNotBeMade) {
  const json data = {{"title", "t"}, {"dataset", {{"samples", {{{"thumbnail", ""}}}}}}};
  EXPECT_EQ(refusal(data, folder_ / "report.html"), "accepted");
}

TEST_F(ReportTest, RefusesAConfusionMatrixThatDoesNotFit) {
  const auto file = folder_ / "refused.html";
  const json names = {{{"class", "a"}}, {{"class", "b"}}};
  const auto with = [](json confusion, json classes) {
    return json{{"title", "t"}, {"evaluation", {{"confusion", confusion}, {"classes", classes}}}};
  };
  EXPECT_THAT(refusal(with({{1, 2}, {3}}, names), file), HasSubstr("must be square"));
  EXPECT_THAT(refusal(with({{1}}, names), file), HasSubstr("must name every row"));
  EXPECT_THAT(refusal(with({{1, "2"}, {3, 4}}, names), file),
              HasSubstr("evaluation.confusion[0][1] must be a number"));
  EXPECT_EQ(refusal(with({{1, 2}, {3, 4}}, names), file), "accepted");
}

}  // namespace
}  // namespace caft
