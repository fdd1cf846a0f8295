#pragma once
// TLS for the server's connections, by OpenSSL, without blocking. Used by one thread.

#include <sys/types.h>

#include <memory>
#include <string>

struct ssl_st;
struct ssl_ctx_st;

namespace assay::mock {

/// One connection's session.
class TlsSession {
 public:
  explicit TlsSession(ssl_st* ssl) : ssl_(ssl) {}
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// As recv and send: bytes, 0 at the end, or -1 with errno EAGAIN when the socket has to be waited for.
  ssize_t receive(char* bytes, std::size_t size);
  ssize_t send(const char* bytes, std::size_t size);
  /// Says good-bye if there is room for it.
  void close();

 private:
  ssize_t result_of(int result);
  ssl_st* ssl_;
};

class TlsContext {
 public:
  /// PEM files. When neither is there, a key and a self-signed certificate for localhost and 127.0.0.1, good for a day,
  /// are written to them first (key: mode 0600). Throws Error("file") with the path.
  TlsContext(const std::string& certificate, const std::string& key);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  std::unique_ptr<TlsSession> accept(int fd) const;

 private:
  ssl_ctx_st* context_;
};

}  // namespace assay::mock
