// One client's connection, from its first byte to its last.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>
#include <optional>
#include <string>

#include "serve/access_log.hpp"
#include "serve/byte_budget.hpp"
#include "serve/options.hpp"
#include "serve/service.hpp"

namespace caft::serve {

/// What all connections of a server share.
struct Shared {
  Shared(Service& the_service, const Options& the_options)
      : service(the_service),
        options(the_options),
        bodies(the_options.limits.all_body_bytes),
        log(the_options.access_log) {}
  Service& service;
  const Options& options;
  ByteBudget bodies;
  AccessLog log;
};

/// Reads requests one after another and answers each. Every wait has an end: header, body and
/// answer have a time limit each, which bytes that trickle in do not move. Runs on its stream's
/// strand.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(boost::beast::tcp_stream stream, Shared& shared);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  boost::asio::awaitable<void> run();
  /// Answers 503 without reading, and closes.
  boost::asio::awaitable<void> refuse();
  /// Ends the connection if it is between requests, else after the one it is at. Any thread.
  void drain();

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  boost::asio::awaitable<bool> serve_one(bool first);
  boost::asio::awaitable<std::optional<Reply>> read_body(Parser& parser, ByteBudget::Share& share);
  boost::asio::awaitable<bool> write(Reply reply, unsigned version, bool keep_alive);
  boost::asio::awaitable<void> linger();
  [[nodiscard]] bool authorized(const Request& request) const;

  boost::beast::tcp_stream stream_;
  Shared& shared_;
  boost::beast::flat_buffer buffer_;
  std::string remote_;
  bool idle_ = false;
};

}  // namespace caft::serve
