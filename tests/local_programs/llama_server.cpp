// A llama-server for tests, where there is no real one: the same flags, exits and words, and the mock server's answers.
// Its own switches are given like the others (models.yaml: args):
//
//   --stand-in-port-taken FILE   can't bind as often as the number in FILE says; counts it down
//   --stand-in-load-error        ends as for a file that is no model
//   --stand-in-slow-load TIME    answers 503 for so long ("2s")
//   --stand-in-crash-in-call     ends by a signal while it has a call
//   --stand-in-crash-after MS    ends by a signal so long after its start
//   --stand-in-ignore-term       stays when it is told to end
//   --stand-in-latency TIME      for each call

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>

#include "core/text/error.hpp"
#include "core/text/json.hpp"
#include "tests/mock_server/server/server.hpp"

namespace {

using assay::Json;

struct Options {
  std::string model, host, alias, port_file, slow_load, latency = "const:0";
  int port = 8080, slots = 4, crash_after_ms = -1;
  long ctx = 4096;
  bool load_error = false, crash_in_call = false, ignore_term = false;
};

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const auto value = [&]() -> std::string {
      if (i + 1 == argc) throw std::runtime_error("error: " + flag + " wants a value");
      return argv[++i];
    };
    if (flag == "-m")
      options.model = value();
    else if (flag == "--host")
      options.host = value();
    else if (flag == "--port")
      options.port = std::stoi(value());
    else if (flag == "-np")
      options.slots = std::stoi(value());
    else if (flag == "-c")
      options.ctx = std::stol(value());
    else if (flag == "-ngl")
      value();
    else if (flag == "--alias")
      options.alias = value();
    else if (flag == "--stand-in-port-taken")
      options.port_file = value();
    else if (flag == "--stand-in-load-error")
      options.load_error = true;
    else if (flag == "--stand-in-slow-load")
      options.slow_load = value();
    else if (flag == "--stand-in-crash-in-call")
      options.crash_in_call = true;
    else if (flag == "--stand-in-crash-after")
      options.crash_after_ms = std::stoi(value());
    else if (flag == "--stand-in-ignore-term")
      options.ignore_term = true;
    else if (flag == "--stand-in-latency")
      options.latency = "const:" + value();
    else
      throw std::runtime_error("error: invalid argument: " + flag);
  }
  return options;
}

[[noreturn]] void cannot_bind(const Options& options) {
  std::cerr << "E start: couldn't bind HTTP server socket, hostname: " << options.host << ", port: " << options.port
            << std::endl;
  std::exit(1);
}

void count_down(const Options& options) {
  std::ifstream in(options.port_file);
  int left = 0;
  in >> left;
  if (left <= 0) return;
  std::ofstream(options.port_file) << left - 1;
  cannot_bind(options);
}

/// A plain GET on loopback; the whole answer.
std::string get(int port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string out;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    if (write(fd, request.data(), request.size()) > 0) {
      char bytes[4096];
      for (ssize_t got = 0; (got = read(fd, bytes, sizeof bytes)) > 0;)
        out.append(bytes, static_cast<std::size_t>(got));
    }
  }
  close(fd);
  return out;
}

void crash_in_call(int port) {
  for (;;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const std::string stats = get(port, "/_mock/stats");
    if (stats.find("\"in_flight\":{\"now\":0") == std::string::npos && !stats.empty()) std::abort();
  }
}

int serve(const Options& options) {
  std::ifstream file(options.model, std::ios::binary);
  if (!file) throw std::runtime_error("error: failed to open " + options.model);
  if (!options.port_file.empty()) count_down(options);
  if (options.load_error) {
    std::cerr << "E llama_model_load: error loading model: tensor 'blk.1.ffn_up.weight' data is not within the file "
                 "bounds\nE srv    load_model: failed to load model, '"
              << options.model << "'\nI main: exiting due to model loading error" << std::endl;
    return 1;
  }
  Json llama = {{"slots", options.slots}, {"n_ctx", options.ctx / options.slots}};
  if (!options.slow_load.empty()) llama["loading"] = "const:" + options.slow_load;
  assay::mock::ServerOptions server_options;
  server_options.port = static_cast<std::uint16_t>(options.port);
  server_options.config =
      Json::object({{"provider", "llama"}, {"reply", "{sum}"}, {"latency", options.latency}, {"llama", llama}}).dump();
  const char* key = std::getenv("LLAMA_API_KEY");
  if (key != nullptr) {
    server_options.rules = Json::array({Json::object({{"match", {{"key", key}}}, {"do", Json::object()}}),
                                        Json::object({{"match", Json::object()}, {"do", {{"error", "auth"}}}})})
                               .dump();
  }
  std::cerr << "I stand-in for llama-server, process " << getpid() << ", with a key of "
            << (key == nullptr ? 0 : std::string(key).size()) << " characters" << std::endl;
  assay::mock::Server* server = nullptr;
  try {
    server = new assay::mock::Server(server_options);
  } catch (const assay::Error& error) {
    if (error.kind() != "file") throw;
    cannot_bind(options);
  }
  if (options.crash_in_call) std::thread(crash_in_call, options.port).detach();
  if (options.crash_after_ms >= 0) {
    std::thread([ms = options.crash_after_ms] {
      std::this_thread::sleep_for(std::chrono::milliseconds(ms));
      std::cerr << "GGML_ASSERT(n_tokens > 0) failed" << std::endl;
      std::abort();
    }).detach();
  }
  server->run();
  if (options.ignore_term) {
    for (;;) pause();
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return serve(read_options(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
  }
}
