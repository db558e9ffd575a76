// The one exception type that caft throws.
#pragma once

#include <stdexcept>
#include <string>

namespace caft {

/// What went wrong, so that a caller can react without reading the text.
enum class ErrorKind {
  usage,        ///< the caller's request makes no sense: wrong option, wrong combination
  bad_input,    ///< a file or value from outside is malformed or exceeds a limit
  not_found,    ///< a file, backbone, split or class that was named does not exist
  unavailable,  ///< a library or device that the request needs is not on this machine
  mismatch,     ///< two things that must agree do not: fingerprint, checksum, shape
  io,           ///< the operating system refused a read, write, lock or rename
  interrupted,  ///< the user asked to stop
};

/// An error with one clear line: what is wrong, where, and what to do about it.
class Error : public std::runtime_error {
 public:
  /// `what` says what is wrong and where; `remedy`, when given, what to do about it.
  Error(ErrorKind kind, const std::string& what, const std::string& remedy = {})
      : std::runtime_error(remedy.empty() ? what : what + ": " + remedy), kind_(kind) {}

  [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace caft
