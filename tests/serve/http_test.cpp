#include "serve/http.hpp"

#include <gtest/gtest.h>

#include "serve/byte_budget.hpp"
#include "serve/histogram.hpp"

namespace caft::serve {
namespace {

TEST(Target, IsSplitAndDecoded) {
  Request request;
  parse_target("/a%20b?top=3&model=x+y%2B&&flag", request);
  EXPECT_EQ(request.path, "/a b");
  EXPECT_EQ(request.parameter("top"), "3");
  EXPECT_EQ(request.parameter("model"), "x y+");
  EXPECT_EQ(request.query.count("flag"), 1U);
  EXPECT_EQ(request.parameter("absent"), "");
}

TEST(Target, BrokenEscapesAreRefused) {
  for (const char* target : {"/%", "/%4", "/%zz", "/%00", "/a?b=%g1"}) {
    Request request;
    EXPECT_THROW(parse_target(target, request), HttpError) << target;
  }
}

TEST(Multipart, PartsKeepTheirBytes) {
  const std::string body =
      "before\r\n--b\r\nContent-Type: x\r\ncontent-disposition: form-data; name=\"f\"; "
      "filename=\"a;\\\"b.png\"\r\n\r\n--b is no boundary here\r\n\r\n--b\r\n\r\n\r\n--b--\r\n";
  const auto parts = parse_multipart(body, "multipart/form-data; boundary=\"b\"", 8);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].name, "f");
  EXPECT_EQ(parts[0].filename, "a;\"b.png");
  EXPECT_EQ(parts[0].content, "--b is no boundary here\r\n");
  EXPECT_EQ(parts[1].content, "");
}

TEST(Multipart, WhatDoesNotFollowItsBoundaryIsRefused) {
  const std::string type = "multipart/form-data; boundary=b";
  for (const char* body : {"", "--b", "--b\r\n", "--b\r\n\r\nx", "--b\r\nA: b\r\n--b--", "--c\r\n"})
    EXPECT_THROW(parse_multipart(body, type, 8), HttpError) << body;
  EXPECT_THROW(parse_multipart("--b--", "multipart/form-data", 8), HttpError);
  EXPECT_THROW(parse_multipart("--b\r\n\r\n1\r\n--b\r\n\r\n2\r\n--b--", type, 1), HttpError);
}

TEST(Base64, DecodesRfc4648sVectors) {
  EXPECT_EQ(decode_base64(""), "");
  EXPECT_EQ(decode_base64("Zg=="), "f");
  EXPECT_EQ(decode_base64("Zm9v\r\nYmFy"), "foobar");
  EXPECT_EQ(decode_base64("+/+/"), "\xfb\xff\xbf");
  EXPECT_THROW(decode_base64("Zg==Zg"), HttpError);
  EXPECT_THROW(decode_base64("Z-"), HttpError);
}

TEST(ByteBudget, IsGivenBack) {
  ByteBudget budget(10);
  {
    const ByteBudget::Share share = budget.take(8);
    EXPECT_TRUE(share);
    EXPECT_FALSE(budget.take(3));
    EXPECT_TRUE(budget.take(2));
  }
  EXPECT_TRUE(budget.take(10));
  EXPECT_FALSE(budget.take(11));
}

TEST(Histogram, BucketsAreCumulative) {
  Histogram histogram({1, 2});
  for (const double value : {0.5, 1.0, 1.5, 9.0}) histogram.observe(value);
  std::string out;
  histogram.write(out, "h", "a=\"b\"");
  EXPECT_NE(out.find("h_bucket{a=\"b\",le=\"1\"} 2\n"), std::string::npos) << out;
  EXPECT_NE(out.find("h_bucket{a=\"b\",le=\"2\"} 3\n"), std::string::npos) << out;
  EXPECT_NE(out.find("h_bucket{a=\"b\",le=\"+Inf\"} 4\n"), std::string::npos) << out;
  EXPECT_NE(out.find("h_sum{a=\"b\"} 12\n"), std::string::npos) << out;
  EXPECT_NE(out.find("h_count{a=\"b\"} 4\n"), std::string::npos) << out;
}

}  // namespace
}  // namespace caft::serve
