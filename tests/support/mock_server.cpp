#include "tests/support/mock_server.hpp"

#include <curl/curl.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <queue>
#include <stdexcept>

namespace assay::test {
namespace {

std::size_t append(char* bytes, std::size_t, std::size_t size, void* out) {
  static_cast<std::string*>(out)->append(bytes, size);
  return size;
}

std::string first_line(int fd) {
  std::string line;
  for (char c = 0; read(fd, &c, 1) == 1 && c != '\n';) line += c;
  return line;
}

}  // namespace

MockServer::MockServer(const std::vector<std::string>& arguments) {
  const std::string program = ASSAY_BUILD_DIR "/tests/mock_server/mock_server";
  std::vector<std::string> words{program, "--port", "0"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) throw std::runtime_error("mock server: no pipe");
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    dup2(pipe_ends[1], STDOUT_FILENO);
    execv(program.c_str(), argv.data());
    _exit(127);
  }
  close(pipe_ends[1]);
  const std::string line = first_line(pipe_ends[0]);
  close(pipe_ends[0]);
  if (line.rfind("listening ", 0) != 0) {
    stop();
    throw std::runtime_error("mock server: " + program + " did not start" + (line.empty() ? "" : ": " + line));
  }
  for (std::size_t i = 0; i + 1 < arguments.size(); ++i) {
    if (arguments[i] == "--unix") unix_path_ = arguments[i + 1];
    if (arguments[i] == "--tls") certificate_ = arguments[i + 1];
  }
  if (unix_path_.empty()) port_ = std::stoi(line.substr(line.rfind(':') + 1));
}

MockServer::~MockServer() { stop(); }

void MockServer::stop() {
  if (pid_ <= 0) return;
  kill(pid_, SIGTERM);
  for (int looks = 0; waitpid(pid_, nullptr, WNOHANG) == 0; ++looks) {
    if (looks == 5000) kill(pid_, SIGKILL);
    usleep(1000);
  }
  pid_ = -1;
}

std::string MockServer::origin() const {
  if (!unix_path_.empty()) return "http://localhost";
  return (certificate_.empty() ? "http://127.0.0.1:" : "https://127.0.0.1:") + std::to_string(port_);
}
std::string MockServer::base_url() const { return origin() + "/v1"; }
std::string MockServer::chat_url() const { return base_url() + "/chat/completions"; }

std::string MockServer::request(const std::string& path, const std::string_view* body) {
  CURL* curl = curl_easy_init();
  // The control paths answer in plain text also where TLS is served.
  std::string url = origin() + path;
  if (url.rfind("https:", 0) == 0) url.erase(4, 1);
  std::string out;
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  if (!unix_path_.empty()) curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, unix_path_.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 30'000L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &out);
  if (body != nullptr) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
    curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, body->data());
  }
  const CURLcode code = curl_easy_perform(curl);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_cleanup(curl);
  if (code != CURLE_OK) throw std::runtime_error("mock server: " + path + ": " + curl_easy_strerror(code));
  if (status != 200) throw std::runtime_error("mock server: " + path + ": " + std::to_string(status) + " " + out);
  return out;
}

std::string MockServer::get(const std::string& path) { return request(path, nullptr); }
std::string MockServer::post(const std::string& path, std::string_view body) { return request(path, &body); }

void MockServer::config(std::string_view json_text) { post("/_mock/config", json_text); }
void MockServer::rules(std::string_view json_text) { post("/_mock/rules", json_text); }
void MockServer::reset(bool all) { post("/_mock/reset", all ? R"({"all":true})" : "{}"); }

Json MockServer::stats() { return Json::parse(get("/_mock/stats")); }
Json MockServer::bill() { return Json::parse(get("/_mock/bill")); }
Json MockServer::log(std::size_t since) { return Json::parse(get("/_mock/log?since=" + std::to_string(since))); }
Json MockServer::fingerprints() { return Json::parse(get("/_mock/fingerprints")); }

std::vector<double> MockServer::latencies() {
  return Json::parse(get("/_mock/latencies")).at("drawn").get<std::vector<double>>();
}

double list_schedule_seconds(const std::vector<double>& delays_ms, std::size_t slots) {
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
  double end = 0;
  for (const double delay : delays_ms) {
    double start = 0;
    if (free_at.size() >= slots) start = free_at.top(), free_at.pop();
    free_at.push(start + delay);
    end = std::max(end, start + delay);
  }
  return end / 1e3;
}

}  // namespace assay::test
