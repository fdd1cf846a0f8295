#pragma once
// A debate without a network: replies from a list, requests as they went out.

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/text/error.hpp"
#include "experiments/debate/debate.hpp"
#include "tests/experiments/qa/fake_batch.hpp"
#include "tests/runners/model_room.hpp"

namespace assay::test {

inline const std::string kQuestion =
    R"({"id":"p","question":"Two?","options":["one","two","three"],"answer":"B","category":"numbers"})";

struct DebateRoom : ModelRoom {
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("assay_debate_" + std::to_string(::getpid()));
  std::unique_ptr<Kind> kind = make_debate_kind({client, registry});

  DebateRoom() {
    std::filesystem::create_directories(folder);
    environment["OPENAI_API_KEY"] = "sk-test";
  }
  ~DebateRoom() { std::filesystem::remove_all(folder); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder / name) << text;
    return (folder / name).string();
  }
  /// A prompt file of this template.
  std::string prompt(const std::string& name, const std::string& text) const {
    return write(name + ".yaml", "name: " + name + "\ntemplate: " + dump_json(Json(text)) + "\n");
  }
  LoadedBatch load(ParameterTexts params, const std::string& text = kQuestion) {
    params.try_emplace("model", "openai/m");
    return kind->load(text_source("x.jsonl", text), params);
  }
  std::string refusal(const ParameterTexts& params) {
    try {
      load(params);
    } catch (const Error& error) {
      return error.what();
    }
    return "loaded";
  }
  /// A debate of these replies, taken in the order of asking.
  NewRun debate(const ParameterTexts& params, const std::vector<std::string>& replies) {
    transport.sent.clear();
    transport.replies.clear();
    batch = load(params);
    for (const auto& reply : replies) transport.replies.push_back(chat(reply));
    execute_all(*this, *kind, batch);
    return batch.runs.front();
  }
  /// The messages of a request as "role: content" lines.
  std::vector<std::string> asked(std::size_t request) const {
    std::vector<std::string> lines;
    const Json body = Json::parse(transport.sent.at(request).body);
    for (const Json& message : body.at("messages")) {
      lines.push_back(message.at("role").get<std::string>() + ": " + message.at("content").get<std::string>());
    }
    return lines;
  }
  /// The last message of each request, in the order of asking.
  std::vector<std::string> last_asked() const {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < transport.sent.size(); ++i) {
      const std::string line = asked(i).back();
      lines.push_back(line.substr(line.find(": ") + 2));
    }
    return lines;
  }

  LoadedBatch batch;
};

inline double metric(const NewRun& run, const std::string& name) {
  for (const auto& [key, value] : run.score.metrics) {
    if (key == name) return value;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace assay::test
