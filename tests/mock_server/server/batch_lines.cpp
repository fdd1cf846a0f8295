// What goes into a batch and comes out of it: forms, the lines of its file, their answers.

#include <algorithm>
#include <unordered_set>

#include "tests/mock_server/server/batches.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace assay::mock {
namespace {

constexpr std::size_t kMaxLines = 50'000;

std::string_view parameter(std::string_view header, std::string_view name) {
  const std::size_t at = header.find(std::string(name) + "=");
  if (at == std::string_view::npos) return {};
  std::string_view value = header.substr(at + name.size() + 1);
  if (value.starts_with('"')) return value.substr(1, value.find('"', 1) - 1);
  return value.substr(0, value.find(';'));
}

}  // namespace

std::vector<FormPart> parse_multipart(std::string_view content_type, std::string_view body) {
  std::vector<FormPart> out;
  const std::string_view boundary = parameter(content_type, "boundary");
  if (!content_type.starts_with("multipart/form-data") || boundary.empty()) return out;
  const std::string line = "--" + std::string(boundary), next = "\r\n" + line;
  std::size_t at = body.find(line);
  while (at != std::string_view::npos) {
    at += line.size();
    if (body.substr(at, 2) != "\r\n") break;  // "--": the last
    const std::size_t head_end = body.find("\r\n\r\n", at), end = body.find(next, at);
    if (head_end == std::string_view::npos || end == std::string_view::npos || head_end + 4 > end) break;
    const std::string_view head = body.substr(at + 2, head_end - at - 2);
    // "filename" holds "name": the quote keeps them apart.
    const std::string_view said = header_value(head, "Content-Disposition");
    const std::size_t name = said.find(" name=");
    FormPart part;
    if (name != std::string_view::npos) part.name = parameter(said.substr(name), " name");
    part.filename = parameter(said, "filename");
    part.data = body.substr(head_end + 4, end - head_end - 4);
    out.push_back(part);
    at = end + 2;
  }
  return out;
}

// What the vendor checks before it begins; the result lists what is wrong, or is null.
Json Batches::read_lines(std::string_view bytes, const std::string& endpoint, std::vector<Line>& lines) {
  Json wrong = Json::array();
  std::unordered_set<std::string> seen;
  std::uint64_t number = 0;
  const auto complain = [&](const char* code, const std::string& message, const Json& param) {
    if (wrong.size() < 100) {
      wrong.push_back({{"code", code}, {"message", message}, {"param", param}, {"line", number}});
    }
  };
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    const std::string_view text = bytes.substr(0, end);
    bytes.remove_prefix(std::min(bytes.size(), end + 1));
    ++number;
    if (text.find_first_not_of(" \r\t") == std::string_view::npos) continue;
    const Json line = Json::parse(text, nullptr, false);
    if (!line.is_object()) {
      complain("invalid_json_line", "This line is not parseable as valid JSON.", nullptr);
      continue;
    }
    const auto member = [&](const char* name) {
      const auto found = line.find(name);
      return found != line.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    const std::string id = member("custom_id");
    if (id.empty()) {
      complain("missing_required_parameter", "Missing required parameter: 'custom_id'.", "custom_id");
    } else if (id.size() > 64) {
      complain("invalid_custom_id", "The custom_id is longer than 64 characters.", "custom_id");
    } else if (!seen.insert(id).second) {
      complain("duplicate_custom_id", "The custom_id is not unique in this file.", "custom_id");
    } else if (member("method") != "POST") {
      complain("invalid_method", "The method must be POST.", "method");
    } else if (member("url") != endpoint) {
      complain("mismatched_endpoint", "The URL differs from the batch's endpoint.", "url");
    } else if (!line.contains("body") || !line["body"].is_object()) {
      complain("missing_required_parameter", "Missing required parameter: 'body'.", "body");
    } else if (line["body"].value("stream", Json(false)) == Json(true)) {
      complain("invalid_value", "Batches can't be streamed.", "body.stream");
    } else {
      lines.push_back({id, std::string(text)});
    }
  }
  if (number == 0 || (lines.empty() && wrong.empty())) complain("empty_file", "The input file is empty.", nullptr);
  if (lines.size() > kMaxLines) complain("too_many_requests", "More than 50,000 requests.", nullptr);
  return wrong.empty() ? Json() : Json{{"object", "list"}, {"data", wrong}};
}

void Batches::execute(Batch& batch, std::size_t lines, double now_s) {
  batch.executed = true;
  const Json& setting = batch.setting;
  const double expired = setting.value("expired", 0.0), refused = setting.value("refused", 0.0),
               missing = setting.value("missing", 0.0);
  std::vector<std::string> good;
  std::string bad;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < lines; ++i) {
    const Line& line = batch.lines[i];
    const double u = draw_unit(chat_.rules().seed() ^ XXH3_64bits(line.custom_id.data(), line.custom_id.size()), 0);
    if (u < missing) continue;
    std::string out = R"({"id":"batch_req_)" + batch.id + "_" + std::to_string(++number) + R"(","custom_id":)" +
                      Json(line.custom_id).dump() + R"(,"response":)";
    if (u < missing + expired) {
      ++batch.expired;
      bad += out + R"(null,"error":{"code":"batch_expired","message":"This request could not be executed before the )" +
             "completion window expired.\"}}\n";
      continue;
    }
    Chat::Offline answer;
    if (u < missing + expired + refused) {
      answer.status = 400;
      batch.shape->error({*find_error(*batch.shape, "bad_request"), 400, "Invalid request", "", number}, answer.body);
    } else {
      answer = chat_.answer_offline(*batch.shape, batch.endpoint, raw_member(line.text, "body"), batch.key, now_s);
    }
    if (answer.status == 0) {
      bad += out + R"(null,"error":{"code":"server_error","message":"The request was not answered."}})"
                   "\n";
      ++batch.failed;
      continue;
    }
    const bool json = !Json::parse(answer.body, nullptr, false).is_discarded();
    out += R"({"status_code":)" + std::to_string(answer.status) + R"(,"request_id":"req_)" + std::to_string(number) +
           R"(","body":)" + (json ? answer.body : "{}") +
           R"(},"error":null})"
           "\n";
    if (answer.status == 200) {
      ++batch.completed;
      good.push_back(std::move(out));
    } else {
      ++batch.failed;
      bad += out;
    }
  }
  for (std::uint64_t i = setting.value("repeated", std::uint64_t{0}); i > 0 && !good.empty(); --i) {
    good.push_back(good[i % good.size()]);
  }
  for (std::uint64_t i = setting.value("bad_lines", std::uint64_t{0}); i > 0; --i) good.push_back("{\"id\": no line\n");
  if (setting.value("shuffle", false)) {
    for (std::size_t i = good.size(); i > 1; --i) std::swap(good[i - 1], good[draw(chat_.rules().seed(), i) % i]);
  }
  std::string output;
  for (const std::string& line : good) output += line;
  if (!output.empty())
    batch.output = add_file(batch.id + "_output.jsonl", "batch_output", std::move(output), batch.key);
  if (!bad.empty()) batch.errors_file = add_file(batch.id + "_error.jsonl", "batch_output", std::move(bad), batch.key);
}

}  // namespace assay::mock
