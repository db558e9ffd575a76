// A strict reader of comma-separated values (RFC 4180).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace caft::data {

/// Reads records from text that it does not own. Fields are separated by commas and may be quoted;
/// a quoted field may hold commas, doubled quotes and line ends; lines end in LF or CRLF, the last
/// also without. Empty lines are skipped. Whatever the RFC does not allow throws Error(bad_input)
/// beginning with "NAME:LINE".
class CsvReader {
 public:
  /// `name` is what messages call the text. A UTF-8 byte order mark is skipped.
  CsvReader(std::string_view text, std::string name);

  /// The next record, or false at the end.
  bool next(std::vector<std::string>& fields);

  /// The line, from 1, in which the latest record began.
  [[nodiscard]] std::size_t line() const noexcept { return record_line_; }

 private:
  [[noreturn]] void fail(std::size_t line, const std::string& what,
                         const std::string& remedy) const;
  void skip_empty_lines();
  bool skip_line_end();
  std::string quoted_field();
  std::string plain_field();

  std::string_view text_;
  std::string name_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t record_line_ = 0;
};

}  // namespace caft::data
