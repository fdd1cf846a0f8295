// The control paths: /_mock/*

#include <cstdlib>
#include <exception>

#include "tests/mock_server/server/server.hpp"

namespace assay::mock {

void Server::plain(Connection& c, int status, std::string_view body, std::string_view type) {
  c.answer = Answer{.status = status};
  std::string text;
  write_head(text, status, type, static_cast<std::int64_t>(body.size()), c.close_after ? "Connection: close\r\n" : "");
  c.answer.add(text.append(body));
}

void Server::take_config() {
  Batches::check(chat_.rules().config().value("batch", Json::object()));
  chat_.take_config(seconds());
}

void Server::control(const HttpRequest& request, Connection& c) {
  const std::string_view path = request.path;
  const auto json = [&](const Json& value) {
    plain(c, 200, value.dump(-1, ' ', false, Json::error_handler_t::replace));
  };
  const auto since = [&]() -> std::uint64_t {
    const std::size_t at = request.query.find("since=");
    return at == std::string_view::npos ? 0
                                        : std::strtoull(std::string(request.query.substr(at + 6)).c_str(), nullptr, 10);
  };
  try {
    const Json body = request.method == "POST" && !request.body.empty() ? Json::parse(request.body) : Json::object();
    if (path == "/_mock/config") {
      if (request.method == "POST") {
        Json keys = body;
        std::int64_t accept_for = 1'000'000'000;
        if (keys.contains("accept_for")) {
          accept_for = static_cast<std::int64_t>(parse_ms(keys["accept_for"].get<std::string>()) * 1e6);
          keys.erase("accept_for");
        }
        const Json before = chat_.rules().config(), rules = chat_.rules().rules();
        chat_.rules().configure(keys);
        try {
          take_config();
        } catch (const std::exception&) {
          chat_.rules().reset(true);
          chat_.rules().configure(before);
          chat_.rules().set_rules(rules);
          take_config();
          throw;
        }
        accept_ = chat_.rules().config().value("accept", "normal");
        if (accept_ == "refuse") refuse_for(Nanos{accept_for});
      }
      return json(chat_.rules().config());
    }
    if (path == "/_mock/rules") {
      if (request.method == "POST") chat_.rules().set_rules(body);
      return json(chat_.rules().rules());
    }
    if (path == "/_mock/reset" && request.method == "POST") {
      chat_.reset(body.value("all", false), seconds());
      batches_.clear();
      accept_ = chat_.rules().config().value("accept", "normal");
      return json({{"ok", true}});
    }
    if (path == "/_mock/stats") return json(chat_.stats().report());
    if (path == "/_mock/bill") return json(chat_.stats().bill().report());
    if (path == "/_mock/log") return plain(c, 200, chat_.stats().log(since()));
    if (path == "/_mock/fingerprints") return plain(c, 200, chat_.stats().fingerprints());
    if (path == "/_mock/latencies") return json({{"unit", "ms"}, {"drawn", chat_.stats().latencies()}});
  } catch (const std::exception& e) {
    return plain(c, 400, Json{{"error", {{"message", e.what()}}}}.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  plain(c, 404, R"({"error":{"message":"no such control path"}})");
}

}  // namespace assay::mock
