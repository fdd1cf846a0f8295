// The mock server as a program: `mock_server --port 0` prints one line with its address and serves until SIGTERM.

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

#include "tests/mock_server/server/server.hpp"

int main(int argc, char** argv) {
  assay::mock::ServerOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--help" || i + 1 == argc) {
      std::puts(
          "mock_server [--port N] [--unix PATH] [--tls CERT KEY] [--seed N] [--config JSON] [--rules JSON]\n"
          "Prints \"listening ADDRESS\" and serves until SIGTERM. Control paths: tests/mock_server/README.md");
      return name == "--help" ? 0 : 2;
    }
    const char* value = argv[++i];
    if (name == "--tls") {
      if (i + 1 == argc) {
        std::fputs("mock_server: --tls CERT KEY\n", stderr);
        return 2;
      }
      options.certificate = value;
      options.key = argv[++i];
    } else if (name == "--port") {
      options.port = static_cast<std::uint16_t>(std::strtoul(value, nullptr, 10));
    } else if (name == "--unix") {
      options.unix_path = value;
    } else if (name == "--seed") {
      options.seed = std::strtoull(value, nullptr, 10);
    } else if (name == "--config") {
      options.config = value;
    } else if (name == "--rules") {
      options.rules = value;
    } else {
      std::fprintf(stderr, "mock_server: unknown option %s\n", argv[i - 1]);
      return 2;
    }
  }
  try {
    assay::mock::Server server(options);
    std::printf("listening %s\n", server.address().c_str());
    std::fflush(stdout);
    server.run();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "mock_server: %s\n", e.what());
    return 1;
  }
  return 0;
}
