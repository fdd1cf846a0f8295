// A program as a model (models.md 2.13), for tests. What it does stands in the last message:
//
//   crash           ends by a signal                      exit N           ends with that status
//   hang            says nothing, and ignores SIGTERM     sleep MS         answers after so long
//   garbage N       N lines of nonsense, then the answer  strange id       an answer to nobody, then the answer
//   error KIND      an error of that kind                 plain error      an error that is a text
//   wait S          a rate limit with retry_after, once   fork             leaves a child behind, and crashes
//   environment X   the value of that variable            close            closes its output, and stays
//   line            the line it was given                 empty            an id and nothing else
//
// Anything else is repeated. With --once it ends after each answer, with --hang it hangs,
// with --stubborn SIGTERM is nothing to it.

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

namespace {

using Json = nlohmann::ordered_json;

void say(const Json& value) { std::cout << value.dump() << std::endl; }

void answer(const Json& question, const std::string& line) {
  const std::string id = question.at("id");
  const std::string text = question.at("messages").back().at("content");
  const std::string word = text.substr(0, text.find(' '));
  const std::string rest = text.find(' ') == std::string::npos ? "" : text.substr(text.find(' ') + 1);
  Json usage = {{"in", 7}, {"out", 3}, {"cached", 2}, {"reasoning", 1}};
  if (word == "crash") std::abort();
  if (word == "exit") std::exit(std::stoi(rest));
  if (word == "hang") {
    signal(SIGTERM, SIG_IGN);
    for (;;) pause();
  }
  if (word == "sleep") std::this_thread::sleep_for(std::chrono::milliseconds(std::stoi(rest)));
  if (word == "garbage") {
    for (int i = 0; i < std::stoi(rest); ++i) std::cout << "garbage, line " << i << std::endl;
  }
  if (word == "strange") say({{"id", "nobody"}, {"text", "not this"}});
  if (word == "error") return say({{"id", id}, {"error", {{"kind", rest}, {"message", "as you wish"}}}});
  if (word == "plain") return say({{"id", id}, {"error", "just a text"}});
  static int waits = 0;
  if (word == "wait" && waits++ == 0) {
    return say(
        {{"id", id}, {"error", {{"kind", "rate_limit"}, {"message", "later"}, {"retry_after", std::stod(rest)}}}});
  }
  if (word == "fork") {
    const pid_t child = fork();
    if (child == 0) {
      for (;;) pause();
    }
    std::cerr << "left behind " << child << std::endl;
    std::abort();
  }
  if (word == "close") {
    fclose(stdout);
    close(1);
    for (;;) pause();
  }
  if (word == "empty") return say({{"id", id}});
  if (word == "line") return say({{"id", id}, {"text", line}});
  if (word == "environment") {
    const char* value = std::getenv(rest.c_str());
    return say({{"id", id}, {"text", value == nullptr ? "not set" : value}});
  }
  say({{"id", id}, {"text", text}, {"reasoning", "because"}, {"stop", "stop"}, {"usage", usage}, {"cost_usd", 0.25}});
}

}  // namespace

int main(int argc, char** argv) {
  const std::string flag = argc > 1 ? argv[1] : "";
  if (flag == "--stubborn") signal(SIGTERM, SIG_IGN);
  std::cerr << "exec_program has started as " << getpid() << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
    Json question = Json::parse(line);
    if (flag == "--hang") question["messages"] = Json::array({{{"content", "hang"}}});
    answer(question, line);
    if (flag == "--once") return 0;
  }
}
