// What a server is told, and the limits that keep it alive under load and attack.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace caft::serve {

struct Limits {
  std::size_t connections = 512;
  std::size_t header_bytes = std::size_t{16} << 10;
  std::size_t body_bytes = std::size_t{32} << 20;       ///< of one request
  std::size_t all_body_bytes = std::size_t{512} << 20;  ///< of all requests in flight
  std::size_t queued_images = 256;                      ///< a backbone; beyond it: 503
  std::size_t images_a_request = 64;
  std::uint64_t pixels = 50'000'000;                 ///< of one image
  std::chrono::milliseconds header_timeout{10'000};  ///< from the first wait to the last byte
  std::chrono::milliseconds idle_timeout{60'000};    ///< between requests of a connection
  std::chrono::milliseconds body_timeout{30'000};
  std::chrono::milliseconds write_timeout{30'000};
};

struct Options {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8000;  ///< 0: any that is free
  std::string token;          ///< empty: none is asked for
  int io_threads = 1;
  int batch = 0;                                ///< images a batch; 0: the engine's
  std::chrono::microseconds batch_delay{1000};  ///< how long the first image waits for more
  std::chrono::seconds drain{30};               ///< how long SIGTERM waits for requests
  std::filesystem::path access_log;             ///< JSON lines; "-": stderr; empty: none
  Limits limits;
  std::function<void(std::uint16_t port)> ready;  ///< called once connections are taken
};

}  // namespace caft::serve
