// The little of SQLite that the index needs, with errors as caft's.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace caft {

/// A connection. Errors are Error(io), or Error(bad_input) when the file is no database or a
/// damaged one. Not thread-safe.
class Database {
 public:
  /// Opens an existing file (read-only when the file system allows no more), or creates one.
  Database(const std::filesystem::path& path, bool create);
  void execute(const char* sql);
  std::int64_t pragma(const char* sql);
  [[noreturn]] void fail() const;
  [[nodiscard]] sqlite3* handle() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::filesystem::path path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

/// A prepared statement. Bound text and blobs must live until the next `reset`.
class Statement {
 public:
  Statement(Database& database, const char* sql);
  Statement& bind(int index, std::int64_t value);
  Statement& bind(int index, std::string_view text);
  Statement& bind_blob(int index, std::span<const std::uint8_t> blob);
  /// True while there is a row.
  bool step();
  /// Runs to the end and makes the statement ready for other values.
  void run();
  void reset();
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::span<const std::uint8_t> blob(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  void check(int code) const;
  Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// A write transaction, rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace caft
