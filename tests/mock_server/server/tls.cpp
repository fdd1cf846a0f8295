#include "tests/mock_server/server/tls.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <memory>

#include "core/text/error.hpp"

namespace assay::mock {
namespace {

[[noreturn]] void fail(const std::string& what, const std::string& path) {
  std::string why;
  if (const char* reason = ERR_reason_error_string(ERR_peek_last_error())) why = std::string(": ") + reason;
  ERR_clear_error();
  throw Error("file", what + why, path);
}

bool there(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0;
}

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

File create(const std::string& path, mode_t mode) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  std::FILE* file = fd < 0 ? nullptr : fdopen(fd, "w");
  if (file == nullptr) fail("can't be written", path);
  return {file, std::fclose};
}

void add_extension(X509* certificate, int id, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value);
  if (extension == nullptr) return;
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

void make_certificate(const std::string& certificate_path, const std::string& key_path) {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, void (*)(X509*)> made(X509_new(), X509_free);
  if (!key || !made) fail("no certificate could be made", certificate_path);
  X509* x = made.get();
  X509_set_version(x, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
  X509_gmtime_adj(X509_getm_notBefore(x), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x), 86'400);
  X509_set_pubkey(x, key.get());
  X509_NAME* name = X509_get_subject_name(x);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(x, name);
  add_extension(x, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
  if (X509_sign(x, key.get(), EVP_sha256()) == 0) fail("no certificate could be signed", certificate_path);
  const File key_file = create(key_path, 0600), certificate_file = create(certificate_path, 0644);
  PEM_write_PrivateKey(key_file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  PEM_write_X509(certificate_file.get(), x);
}

}  // namespace

TlsSession::~TlsSession() { SSL_free(ssl_); }

ssize_t TlsSession::result_of(int result) {
  if (result > 0) return result;
  const int error = SSL_get_error(ssl_, result);
  ERR_clear_error();
  if (error == SSL_ERROR_ZERO_RETURN) return 0;
  errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
  return -1;
}

ssize_t TlsSession::receive(char* bytes, std::size_t size) {
  ERR_clear_error();
  return result_of(SSL_read(ssl_, bytes, static_cast<int>(std::min<std::size_t>(size, INT_MAX))));
}

ssize_t TlsSession::send(const char* bytes, std::size_t size) {
  ERR_clear_error();
  return result_of(SSL_write(ssl_, bytes, static_cast<int>(std::min<std::size_t>(size, INT_MAX))));
}

void TlsSession::close() {
  if (SSL_is_init_finished(ssl_) != 0) SSL_shutdown(ssl_);
  ERR_clear_error();
}

TlsContext::TlsContext(const std::string& certificate, const std::string& key)
    : context_(SSL_CTX_new(TLS_server_method())) {
  if (context_ == nullptr) fail("no TLS", certificate);
  try {
    if (!there(certificate) && !there(key)) make_certificate(certificate, key);
    if (SSL_CTX_use_certificate_chain_file(context_, certificate.c_str()) != 1) fail("no certificate", certificate);
    if (SSL_CTX_use_PrivateKey_file(context_, key.c_str(), SSL_FILETYPE_PEM) != 1) fail("no key of it", key);
  } catch (...) {
    SSL_CTX_free(context_);
    throw;
  }
  SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

std::unique_ptr<TlsSession> TlsContext::accept(int fd) const {
  SSL* ssl = SSL_new(context_);
  if (ssl == nullptr) return nullptr;
  SSL_set_fd(ssl, fd);
  SSL_set_accept_state(ssl);
  return std::make_unique<TlsSession>(ssl);
}

}  // namespace assay::mock
