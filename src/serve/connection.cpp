#include "serve/connection.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <cctype>
#include <chrono>
#include <utility>

namespace caft::serve {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Clock = std::chrono::steady_clock;

std::string text(beast::string_view view) { return {view.data(), view.size()}; }

/// Takes as long for a wrong token as for the right one.
bool equal_in_constant_time(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^
                  static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]);
  }
  return difference == 0;
}

Request head_of(const http::request<http::string_body>& message) {
  Request request;
  request.method = text(message.method_string());
  for (const auto& field : message) {
    std::string name = text(field.name_string());
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    request.headers[std::move(name)] = text(field.value());
  }
  parse_target({message.target().data(), message.target().size()}, request);
  return request;
}

/// What to tell a client whose header or body cannot be read; nothing where it has gone.
std::optional<Reply> reading_problem(const beast::error_code& error, HttpMetrics& metrics) {
  if (error == beast::error::timeout) {
    ++metrics.timeouts;
    return error_reply(408, "the request did not come in time");
  }
  if (error == http::error::end_of_stream || error == net::error::eof ||
      error.category() != http::make_error_code(http::error::bad_method).category())
    return std::nullopt;
  ++metrics.malformed;
  if (error == http::error::header_limit) return error_reply(431, "the header is too long");
  if (error == http::error::body_limit) return error_reply(413, "the body is too long");
  return error_reply(400, "the request is not HTTP: " + error.message());
}

}  // namespace

Connection::Connection(beast::tcp_stream stream, Shared& shared)
    : stream_(std::move(stream)), shared_(shared) {
  ++shared_.service.http.connections;
  beast::error_code error;
  const auto endpoint = stream_.socket().remote_endpoint(error);
  if (!error) remote_ = endpoint.address().to_string();
  stream_.socket().set_option(net::ip::tcp::no_delay(true), error);
}

Connection::~Connection() { --shared_.service.http.connections; }

void Connection::drain() {
  net::dispatch(stream_.get_executor(), [self = shared_from_this()] {
    if (self->idle_) self->stream_.cancel();
  });
}

net::awaitable<void> Connection::run() {
  const auto self = shared_from_this();
  bool first = true;
  while (co_await serve_one(std::exchange(first, false))) {
  }
  beast::error_code ignored;
  stream_.socket().shutdown(net::ip::tcp::socket::shutdown_both, ignored);
}

net::awaitable<void> Connection::refuse() {
  const auto self = shared_from_this();
  Reply reply = error_reply(503, "the server has as many connections as it takes");
  reply.headers.emplace_back("Retry-After", "1");
  co_await write(std::move(reply), 11, false);
  co_await linger();
}

bool Connection::authorized(const Request& request) const {
  const std::string& token = shared_.options.token;
  if (token.empty() || Service::is_open(request.path)) return true;
  const std::string given = request.header("authorization");
  constexpr std::string_view kScheme = "Bearer ";
  return given.size() > kScheme.size() &&
         beast::iequals(given.substr(0, kScheme.size()), kScheme) &&
         equal_in_constant_time(given.substr(kScheme.size()), token);
}

/// Reads the body into `parser`. A reply where it cannot be taken.
net::awaitable<std::optional<Reply>> Connection::read_body(Parser& parser,
                                                           ByteBudget::Share& share) {
  const Limits& limits = shared_.options.limits;
  const auto& message = parser.get();
  std::size_t most = parser.chunked() ? limits.body_bytes : 0;
  if (const auto length = parser.content_length()) most = static_cast<std::size_t>(*length);
  if (most > limits.body_bytes) co_return error_reply(413, "the body is too long");
  share = shared_.bodies.take(most);
  if (!share) {
    Reply reply = error_reply(503, "the server has as many bodies in memory as it takes");
    reply.headers.emplace_back("Retry-After", "1");
    co_return reply;
  }
  stream_.expires_after(limits.body_timeout);
  beast::error_code error;
  if (beast::iequals(text(message[http::field::expect]), "100-continue")) {
    http::response<http::empty_body> more(http::status::continue_, message.version());
    co_await http::async_write(stream_, more, net::redirect_error(net::use_awaitable, error));
  }
  if (!error) {
    co_await http::async_read(stream_, buffer_, parser,
                              net::redirect_error(net::use_awaitable, error));
  }
  if (!error) co_return std::nullopt;
  std::optional<Reply> reply = reading_problem(error, shared_.service.http);
  co_return reply ? std::move(reply) : Reply{.status = 0};
}

net::awaitable<bool> Connection::write(Reply reply, unsigned version, bool keep_alive) {
  http::response<http::string_body> message(static_cast<http::status>(reply.status), version);
  message.set(http::field::content_type, reply.type);
  message.set(http::field::server, "caft");
  message.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : reply.headers) message.set(name, value);
  message.keep_alive(keep_alive);
  message.body() = std::move(reply.body);
  message.prepare_payload();
  stream_.expires_after(shared_.options.limits.write_timeout);
  beast::error_code error;
  co_await http::async_write(stream_, message, net::redirect_error(net::use_awaitable, error));
  if (error == beast::error::timeout) ++shared_.service.http.timeouts;
  co_return !error && keep_alive;
}

/// Lets a client that is still sending read its answer: a socket closed over unread bytes is reset,
/// and the answer with it.
net::awaitable<void> Connection::linger() {
  constexpr std::size_t kMost = std::size_t{4} << 20;
  beast::error_code error;
  stream_.socket().shutdown(net::ip::tcp::socket::shutdown_send, error);
  stream_.expires_after(std::chrono::seconds(2));
  std::array<char, 8192> bytes{};
  for (std::size_t read = 0; !error && read < kMost;) {
    read += co_await stream_.async_read_some(net::buffer(bytes),
                                             net::redirect_error(net::use_awaitable, error));
  }
}

/// False when the connection is over.
net::awaitable<bool> Connection::serve_one(bool first) {
  Service& service = shared_.service;
  const Limits& limits = shared_.options.limits;
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
  parser.body_limit(limits.body_bytes);
  stream_.expires_after(first ? limits.header_timeout : limits.idle_timeout);
  beast::error_code error;
  idle_ = true;
  if (service.draining) co_return false;
  co_await http::async_read_header(stream_, buffer_, parser,
                                   net::redirect_error(net::use_awaitable, error));
  idle_ = false;
  if (error) {
    // Silence between two requests is no fault.
    const bool waited = error == beast::error::timeout && !parser.got_some();
    std::optional<Reply> reply = waited ? std::nullopt : reading_problem(error, service.http);
    if (reply) {
      service.http.count("other", reply->status, 0);
      co_await write(std::move(*reply), 11, false);
      co_await linger();
    }
    co_return false;
  }
  const auto start = Clock::now();
  AccessEntry entry{.remote = remote_};
  ByteBudget::Share share;
  std::optional<Reply> reply;
  bool whole = true;  // whether all of the request was read
  Request request;
  try {
    request = head_of(parser.get());
    entry.method = request.method;
    entry.path = request.path;
    if (!authorized(request)) {
      reply = error_reply(401, "a bearer token is needed");
      reply->headers.emplace_back("WWW-Authenticate", "Bearer");
      whole = parser.is_done();
    }
  } catch (const HttpError& problem) {
    reply = error_reply(problem.status(), problem.what());
    whole = parser.is_done();
  }
  if (!reply) {
    reply = co_await read_body(parser, share);
    whole = !reply;
    if (reply && reply->status == 0) co_return false;  // the client has gone
  }
  const unsigned version = parser.get().version();
  const bool keep_alive = whole && parser.get().keep_alive() && !service.draining;
  if (!reply) {
    request.body = std::move(parser.get().body());
    entry.bytes_in = request.body.size();
    stream_.expires_never();
    reply = co_await service.answer(std::move(request));
  }
  entry.status = reply->status;
  entry.bytes_out = reply->body.size();
  const std::string route = reply->route;
  const bool more = co_await write(std::move(*reply), version, keep_alive);
  entry.milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  service.http.count(route, entry.status, entry.milliseconds / 1000);
  shared_.log.write(entry);
  if (!whole) co_await linger();
  co_return more;
}

}  // namespace caft::serve
