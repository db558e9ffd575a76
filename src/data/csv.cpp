#include <algorithm>
#include <utility>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "data/csv_reader.hpp"
#include "data/formats.hpp"
#include "data/rows.hpp"
#include "data/text.hpp"

namespace caft::data {
namespace {

/// Where the columns that count stand in a record.
struct Columns {
  std::size_t path = 0, label = 0, split = kNone, count = 0;
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
};

Columns read_header(const std::vector<std::string>& header, const std::string& where) {
  const auto column = [&](const std::string& name) {
    const auto at = std::find(header.begin(), header.end(), name);
    if (at == header.end()) return Columns::kNone;
    if (std::find(at + 1, header.end(), name) != header.end()) {
      throw Error(ErrorKind::bad_input, where + ": column '" + name + "' occurs twice",
                  "rename one of them");
    }
    return static_cast<std::size_t>(at - header.begin());
  };
  Columns columns;
  columns.path = column("path");
  columns.label = column("label");
  columns.split = column("split");
  columns.count = header.size();
  for (const auto& [name, at] :
       {std::pair{"path", columns.path}, std::pair{"label", columns.label}}) {
    if (at == Columns::kNone) {
      throw Error(ErrorKind::bad_input, where + ": the header has no column '" + name + "'",
                  "begin the file with path,label or path,label,split, separated by commas");
    }
  }
  return columns;
}

std::vector<std::string> split_labels(const std::string& cell) {
  std::vector<std::string> labels;
  if (cell.empty()) return labels;  // an image of no class
  for (std::size_t begin = 0;;) {
    const std::size_t end = cell.find('|', begin);
    labels.push_back(cell.substr(begin, end - begin));
    if (end == std::string::npos) return labels;
    begin = end + 1;
  }
}

}  // namespace

CsvReader::CsvReader(std::string_view text, std::string name)
    : text_(text), name_(std::move(name)) {
  if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
}

void CsvReader::fail(std::size_t line, const std::string& what, const std::string& remedy) const {
  throw Error(ErrorKind::bad_input, name_ + ":" + std::to_string(line) + ": " + what, remedy);
}

bool CsvReader::skip_line_end() {
  if (text_.substr(at_, 2) == "\r\n") {
    at_ += 2;
  } else if (at_ < text_.size() && text_[at_] == '\n') {
    at_ += 1;
  } else {
    return false;
  }
  ++line_;
  return true;
}

void CsvReader::skip_empty_lines() {
  while (skip_line_end()) {
  }
}

std::string CsvReader::quoted_field() {
  const std::size_t begin_line = line_;
  std::string field;
  for (++at_;;) {
    const std::size_t quote = text_.find('"', at_);
    if (quote == std::string_view::npos) {
      fail(begin_line, "a quoted field has no closing quote", "add the quote");
    }
    const std::string_view part = text_.substr(at_, quote - at_);
    line_ += static_cast<std::size_t>(std::count(part.begin(), part.end(), '\n'));
    field += part;
    at_ = quote + 1;
    if (at_ == text_.size() || text_[at_] != '"') break;
    field += '"';  // a doubled quote stands for one
    ++at_;
  }
  return field;
}

std::string CsvReader::plain_field() {
  const std::size_t end = std::min(text_.find_first_of(",\r\n\"", at_), text_.size());
  std::string field(text_.substr(at_, end - at_));
  at_ = end;
  return field;
}

bool CsvReader::next(std::vector<std::string>& fields) {
  fields.clear();
  skip_empty_lines();
  record_line_ = line_;
  if (at_ == text_.size()) return false;
  for (;;) {
    const bool quoted = at_ < text_.size() && text_[at_] == '"';
    fields.push_back(quoted ? quoted_field() : plain_field());
    if (at_ == text_.size() || skip_line_end()) return true;
    if (text_[at_] == ',') {
      ++at_;
    } else if (quoted) {
      fail(line_, "text follows a closing quote",
           "quote the whole field and double the quotes inside it");
    } else if (text_[at_] == '"') {
      fail(line_, "a quote stands inside an unquoted field",
           "quote the whole field and double the quotes inside it");
    } else {
      fail(line_, "a carriage return stands without a line feed", "end lines with LF or CRLF");
    }
  }
}

Dataset open_csv(const std::filesystem::path& file) {
  const std::string text = read_text(file);
  const std::string name = printable(file.string());
  const std::size_t broken = std::min(first_invalid_utf8(text), text.find('\0'));
  if (broken != std::string::npos) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<long>(broken), '\n');
    throw Error(ErrorKind::bad_input,
                name + ":" + std::to_string(line) + ": the file is not UTF-8 text",
                "save it as UTF-8");
  }
  CsvReader reader(text, name);
  std::vector<std::string> fields;
  if (!reader.next(fields)) {
    throw Error(ErrorKind::bad_input, name + " is empty", "begin it with the header path,label");
  }
  const Columns columns = read_header(fields, name + ":" + std::to_string(reader.line()));
  RowCollector rows(file);
  while (reader.next(fields)) {
    if (fields.size() != columns.count) {
      throw Error(ErrorKind::bad_input,
                  rows.where(reader.line()) + ": " + std::to_string(fields.size()) +
                      " fields where the header has " + std::to_string(columns.count),
                  "quote fields that hold commas");
    }
    rows.add(reader.line(), fields[columns.path], split_labels(fields[columns.label]),
             columns.split == Columns::kNone ? std::string() : fields[columns.split]);
  }
  return std::move(rows).finish();
}

}  // namespace caft::data
