#include "serve/server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "caft/core/error.hpp"
#include "core/log.hpp"
#include "serve/connection.hpp"
#include "serve/service.hpp"

namespace caft::serve {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
using tcp = net::ip::tcp;

class Server {
 public:
  Server(std::vector<std::unique_ptr<ImageQueue>> queues, const Options& options)
      : options_(options),
        service_(std::move(queues), options),
        shared_(service_, options),
        acceptor_(net::make_strand(io_)),
        signals_(acceptor_.get_executor(), SIGTERM, SIGINT),
        timer_(acceptor_.get_executor()) {}

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// Workers answer into io_, so they end first.
  ~Server() { service_.close(); }

  void run() {
    listen();
    signals_.async_wait([this](const beast::error_code& error, int) {
      if (!error) drain();
    });
    net::co_spawn(acceptor_.get_executor(), accept(), net::detached);
    if (options_.ready) options_.ready(acceptor_.local_endpoint().port());
    std::vector<std::jthread> threads;
    for (int i = 1; i < options_.io_threads; ++i) threads.emplace_back([this] { io_.run(); });
    io_.run();
  }

 private:
  void listen() {
    const std::string where = options_.host + ":" + std::to_string(options_.port);
    try {
      const tcp::endpoint endpoint(net::ip::make_address(options_.host), options_.port);
      acceptor_.open(endpoint.protocol());
      acceptor_.set_option(net::socket_base::reuse_address(true));
      acceptor_.bind(endpoint);
      acceptor_.listen();
    } catch (const boost::system::system_error& error) {
      throw Error(ErrorKind::io, "cannot listen on " + where + ": " + error.code().message(),
                  "choose an address of this machine with --host, and a free --port");
    }
  }

  net::awaitable<void> accept() {
    while (acceptor_.is_open()) {
      beast::error_code error;
      tcp::socket socket = co_await acceptor_.async_accept(
          net::make_strand(io_), net::redirect_error(net::use_awaitable, error));
      if (service_.draining) co_return;
      if (error) {
        // Out of descriptors, say: the clients that are there go on, new ones wait.
        timer_.expires_after(std::chrono::milliseconds(50));
        co_await timer_.async_wait(net::redirect_error(net::use_awaitable, error));
        continue;
      }
      start(std::move(socket));
    }
  }

  void start(tcp::socket socket) {
    const auto executor = socket.get_executor();
    const bool full =
        static_cast<std::size_t>(service_.http.connections) >= options_.limits.connections;
    // Those that are told so are bounded too.
    if (full && static_cast<std::size_t>(service_.http.connections) >=
                    options_.limits.connections + kRefusals) {
      ++service_.http.refused_connections;
      return;
    }
    auto connection = std::make_shared<Connection>(beast::tcp_stream(std::move(socket)), shared_);
    {
      const std::lock_guard lock(mutex_);
      connections_.insert(connection);
    }
    if (full) ++service_.http.refused_connections;
    net::co_spawn(executor, full ? connection->refuse() : connection->run(),
                  [this, connection](const std::exception_ptr& error) {
                    if (error) log_warn("a connection ended on an unexpected error");
                    finished(connection);
                  });
  }

  void finished(const std::shared_ptr<Connection>& connection) {
    bool last = false;
    {
      const std::lock_guard lock(mutex_);
      connections_.erase(connection);
      last = connections_.empty();
    }
    if (last && service_.draining) net::post(acceptor_.get_executor(), [this] { timer_.cancel(); });
  }

  void drain() {
    log_info("stopping: no more connections are taken");
    service_.draining = true;
    beast::error_code ignored;
    acceptor_.close(ignored);
    bool none = false;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& connection : connections_) connection->drain();
      none = connections_.empty();
    }
    timer_.expires_after(none ? std::chrono::seconds(0) : options_.drain);
    timer_.async_wait([this](const beast::error_code& error) {
      if (!error) {
        const std::lock_guard lock(mutex_);
        if (!connections_.empty())
          log_warn("{} connections did not end in time", connections_.size());
      }
      io_.stop();
    });
  }

  static constexpr std::size_t kRefusals = 64;
  const Options& options_;
  Service service_;  ///< before io_: handlers that io_ still holds point into it
  Shared shared_;
  net::io_context io_;
  tcp::acceptor acceptor_;
  net::signal_set signals_;
  net::steady_timer timer_;
  std::mutex mutex_;
  std::set<std::shared_ptr<Connection>> connections_;
};

}  // namespace

void serve(std::vector<std::unique_ptr<ImageQueue>> queues, const Options& options) {
  Server(std::move(queues), options).run();
}

}  // namespace caft::serve
