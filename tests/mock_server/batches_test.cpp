// Files and batches, the bill, TLS and sockets with a path.

#include <curl/curl.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

#include "tests/mock_server/raw.hpp"
#include "tests/mock_server/server/batches.hpp"
#include "tests/mock_server/server/bill.hpp"
#include "tests/support/mock_server.hpp"

using namespace assay::test;
using assay::Json;

namespace {

constexpr const char* kKey = "Authorization: Bearer sk-test\r\n";

struct Api {
  int port;
  std::string root = "/v1";

  std::string send(const std::string& method, const std::string& path, const std::string& body = "",
                   const std::string& headers = kKey) const {
    Raw raw(port);
    raw.send(method + " " + root + path + " HTTP/1.1\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
             "\r\n\r\n" + body);
    return raw.answer();
  }
  Json get(const std::string& path) const { return Json::parse(body_of(send("GET", path))); }
  std::string upload_bytes(const std::string& text, const std::string& purpose = "batch") const {
    const std::string body = "--xyz\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n" + purpose +
                             "\r\n--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\n"
                             "Content-Type: application/jsonl\r\n\r\n" +
                             text + "\r\n--xyz--\r\n";
    return send("POST", "/files", body, std::string(kKey) + "Content-Type: multipart/form-data; boundary=xyz\r\n");
  }
  std::string upload(const std::string& text) const {
    return Json::parse(body_of(upload_bytes(text)))["id"].get<std::string>();
  }
  Json create(const std::string& file) const {
    const Json body{{"input_file_id", file}, {"endpoint", "/v1/chat/completions"}, {"completion_window", "24h"}};
    return Json::parse(body_of(send("POST", "/batches", body.dump())));
  }
  std::vector<Json> lines(const Json& id) const {
    std::vector<Json> out;
    if (id.is_null()) return out;
    std::istringstream in(body_of(send("GET", "/files/" + id.get<std::string>() + "/content")));
    for (std::string line; std::getline(in, line);) out.push_back(Json::parse(line, nullptr, false));
    return out;
  }
};

std::string line_of(const std::string& id, const std::string& prompt) {
  const Json body{{"model", "m1"}, {"messages", {{{"role", "user"}, {"content", prompt}}}}};
  return Json{{"custom_id", id}, {"method", "POST"}, {"url", "/v1/chat/completions"}, {"body", body}}.dump() + "\n";
}

std::string many(int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += line_of("c" + std::to_string(i), "A: " + std::to_string(i) + " B: 1");
  return out;
}

std::string temporary_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "assay-mock-XXXXXX").string();
  REQUIRE(mkdtemp(name.data()) != nullptr);
  return name;
}

struct Fetched {
  CURLcode code = CURLE_OK;
  std::string text;
};

// By libcurl; `trusted`: the certificate, `socket`: a path; a body asks the chat.
Fetched fetch(const std::string& url, const std::string& trusted, const std::string& socket = "",
              const char* body = nullptr) {
  Fetched out;
  CURL* curl = curl_easy_init();
  curl_slist* headers = curl_slist_append(nullptr, "Authorization: Bearer k");
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 30'000L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  if (!trusted.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, trusted.c_str());
  if (!socket.empty()) curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
  if (body != nullptr) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &out.text);
  curl_easy_setopt(
      curl, CURLOPT_WRITEFUNCTION, +[](char* bytes, std::size_t, std::size_t size, void* to) {
        static_cast<std::string*>(to)->append(bytes, size);
        return size;
      });
  out.code = curl_easy_perform(curl);
  curl_slist_free_all(headers);
  curl_easy_cleanup(curl);
  return out;
}

constexpr const char* kSum = R"({"model":"m","messages":[{"role":"user","content":"A: 1 B: 2"}]})";

}  // namespace

TEST_CASE("a batch goes from file to file and is charged as one") {
  MockServer mock;
  mock.config(R"({"prices":{"m1":{"in":1,"out":2,"batch":0.5}},"usage":{"prompt_tokens":10,"completion_tokens":5}})");
  const Api api{mock.port()};
  const Json file = Json::parse(body_of(api.upload_bytes(many(20))));
  CHECK(file["object"] == "file");
  CHECK(file["purpose"] == "batch");
  CHECK(file["filename"] == "a.jsonl");
  CHECK(file["bytes"] == many(20).size());
  const Json batch = api.create(file["id"]);
  CHECK(batch["object"] == "batch");
  CHECK(batch["status"] == "completed");
  CHECK(batch["request_counts"]["total"] == 20);
  CHECK(batch["request_counts"]["completed"] == 20);
  CHECK(batch["error_file_id"].is_null());
  CHECK(api.get("/batches/" + batch["id"].get<std::string>()) == batch);
  CHECK(api.get("/batches")["data"][0]["id"] == batch["id"]);
  CHECK(api.get("/files")["data"].size() == 2);
  const auto lines = api.lines(batch["output_file_id"]);
  REQUIRE(lines.size() == 20);
  CHECK(lines[7]["custom_id"] == "c7");
  CHECK(lines[7]["response"]["status_code"] == 200);
  CHECK(lines[7]["response"]["body"]["choices"][0]["message"]["content"] == "8");
  CHECK(lines[7]["error"].is_null());
  const Json bill = mock.bill();
  CHECK(bill["calls"] == 20);
  CHECK(bill["batch_calls"] == 20);
  CHECK(bill["pico_usd"] == 20 * (10 * 1'000'000 + 5 * 2'000'000) / 2);
  // The same bytes live are the same request.
  ask(mock.port(), "A: 7 B: 1");
  CHECK(mock.stats()["duplicates"]["answered_again"] == 1);
  CHECK(Json::parse(body_of(api.send("DELETE", "/files/" + file["id"].get<std::string>())))["deleted"] == true);
  CHECK(status_of(api.send("GET", "/files/" + file["id"].get<std::string>())) == 404);
}

TEST_CASE("a batch takes its time through its states, and can be cancelled") {
  MockServer mock;
  mock.config(R"({"batch":{"validating":"80ms","in_progress":"160ms","finalizing":"80ms","cancelling":"50ms"}})");
  const Api api{mock.port()};
  const std::string file = api.upload(many(10));
  const auto follow = [&](const std::string& id, bool cancel) {
    std::vector<std::string> seen;
    for (int i = 0; i < 300; ++i) {
      const Json batch = api.get("/batches/" + id);
      if (seen.empty() || seen.back() != batch["status"]) seen.push_back(batch["status"]);
      if (cancel && seen.back() == "in_progress") {
        usleep(80'000);
        CHECK(status_of(api.send("POST", "/batches/" + id + "/cancel")) == 200);
        cancel = false;
      }
      if (!batch["output_file_id"].is_null() || seen.back() == "cancelled") break;
      usleep(5'000);
    }
    return seen;
  };
  using Seen = std::vector<std::string>;
  const std::string id = api.create(file)["id"];
  CHECK(follow(id, false) == Seen{"validating", "in_progress", "finalizing", "completed"});
  CHECK(status_of(api.send("POST", "/batches/" + id + "/cancel")) == 409);
  const std::string stopped = api.create(file)["id"];
  CHECK(follow(stopped, true) == Seen{"validating", "in_progress", "cancelling", "cancelled"});
  const auto done = api.lines(api.get("/batches/" + stopped)["output_file_id"]).size();
  CHECK(done >= 2);
  CHECK(done < 10);
}

TEST_CASE("a batch shows expired, refused, missing, repeated and bad lines") {
  MockServer mock({"--seed", "3"});
  mock.config(R"({"batch":{"expired":0.1,"refused":0.1,"missing":0.1,"bad_lines":4,"repeated":3,"shuffle":true}})");
  mock.rules(R"([{"match":{"contains":"A: 999 "},"do":{"error":"server"}},
                 {"match":{"contains":"A: 998 "},"do":{"reset":"after_reading"}}])");
  const Api api{mock.port()};
  const Json batch = api.create(api.upload(many(1000)));
  CHECK(batch["status"] == "expired");
  std::size_t good = 0, bad = 0, expired = 0, refused = 0, failed = 0;
  std::set<std::string> ids;
  bool ordered = true;
  std::string before;
  for (const Json& line : api.lines(batch["output_file_id"])) {
    if (!line.is_object()) {
      ++bad;
      continue;
    }
    ++good;
    ordered = ordered && line["custom_id"].get<std::string>() >= before;
    before = line["custom_id"];
    ids.insert(before);
  }
  for (const Json& line : api.lines(batch["error_file_id"])) {
    ids.insert(line["custom_id"].get<std::string>());
    if (line["error"].is_object()) {
      ++(line["error"]["code"] == "batch_expired" ? expired : failed);
    } else {
      ++(line["response"]["status_code"] == 400 ? refused : failed);
    }
  }
  CHECK(bad == 4);
  CHECK_FALSE(ordered);
  CHECK(failed == 2);
  for (const std::size_t n : {expired, refused, 1000 - ids.size()}) {
    CHECK(n > 70);
    CHECK(n < 130);
  }
  CHECK(good == ids.size() - expired - refused - failed + 3);
}

TEST_CASE("files and batches that are wrong are refused as the vendor does") {
  MockServer mock;
  const Api api{mock.port()};
  CHECK(status_of(api.upload_bytes("x", "fine-tune")) == 400);
  CHECK(status_of(api.upload_bytes("")) == 400);
  CHECK(status_of(api.send("POST", "/files", "x")) == 400);
  CHECK(status_of(api.send("GET", "/files", "", "")) == 401);
  CHECK(status_of(api.send("GET", "/files/file-9/content")) == 404);
  CHECK(status_of(api.send("GET", "/batches/batch_9")) == 404);
  CHECK(status_of(api.send("PUT", "/batches")) == 405);
  const std::string file = api.upload(many(1));
  for (const char* body :
       {R"({})", R"({"input_file_id":"none","endpoint":"/v1/chat/completions","completion_window":"24h"})",
        R"({"input_file_id":"FILE","endpoint":"/v1/nothing","completion_window":"24h"})",
        R"({"input_file_id":"FILE","endpoint":"/v1/chat/completions","completion_window":"1h"})"}) {
    std::string text = body;
    if (const auto at = text.find("FILE"); at != std::string::npos) text.replace(at, 4, file);
    CHECK(status_of(api.send("POST", "/batches", text)) >= 400);
  }
  for (const auto& [text, code] :
       {std::pair{std::string("{no json\n"), "invalid_json_line"}, std::pair{many(2) + many(1), "duplicate_custom_id"},
        std::pair{std::string(R"({"custom_id":"a","method":"GET","url":"/v1/chat/completions","body":{}})"),
                  "invalid_method"},
        std::pair{std::string(R"({"custom_id":"a","method":"POST","url":"/v1/other","body":{}})"),
                  "mismatched_endpoint"},
        std::pair{line_of(std::string(65, 'x'), "x"), "invalid_custom_id"},
        std::pair{std::string("\n"), "empty_file"}}) {
    CAPTURE(code);
    const Json batch = api.create(api.upload(text));
    CHECK(batch["status"] == "failed");
    CHECK(batch["errors"]["data"][0]["code"] == code);
    CHECK(batch["output_file_id"].is_null());
  }
  mock.config(R"({"batch":{"fails":true}})");
  CHECK(api.create(file)["status"] == "failed");
  // A file belongs to its key; a rule reaches these paths when it names them.
  CHECK(status_of(api.send("GET", "/files/" + file, "", "Authorization: Bearer other\r\n")) == 404);
  mock.rules(R"([{"match":{"path":"/v1/batches","first":1},"do":{"error":"server"}}])");
  CHECK(status_of(api.send("GET", "/batches")) == 500);
  CHECK(status_of(api.send("GET", "/batches")) == 200);
  mock.reset();
  CHECK(api.get("/files")["data"].empty());
}

TEST_CASE("batches of another provider and of Azure answer in their shapes") {
  MockServer mock;
  for (const char* root : {"/together/v1", "/openai/v1"}) {
    CAPTURE(root);
    const Api api{mock.port(), root};
    if (std::string(root) == "/openai/v1") {
      CHECK(status_of(api.send("GET", "/files")) == 401);
      CHECK(status_of(api.send("GET", "/files", "", "api-key: k\r\n")) == 200);
      continue;
    }
    const auto lines = api.lines(api.create(api.upload(many(1)))["output_file_id"]);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0]["response"]["body"]["choices"][0]["finish_reason"] == "eos");
  }
}

TEST_CASE("the parts of a form are found by their boundary") {
  const auto parts = assay::mock::parse_multipart(
      "multipart/form-data; boundary=\"a b\"",
      "--a b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"n.txt\"\r\n\r\nline\r\n--a\r\n\r\n--a b\r\n"
      "content-disposition: form-data; name=purpose\r\n\r\nbatch\r\n--a b--\r\n");
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].name == "file");
  CHECK(parts[0].filename == "n.txt");
  CHECK(parts[0].data == "line\r\n--a\r\n");
  CHECK(parts[1].name == "purpose");
  CHECK(parts[1].data == "batch");
  for (const char* bad : {"", "--a b", "--a b\r\n", "--a b\r\n\r\n\r\n", "--a b\r\nx\r\n--a b--"}) {
    CHECK(assay::mock::parse_multipart("multipart/form-data; boundary=\"a b\"", bad).size() <= 1);
  }
  CHECK(assay::mock::parse_multipart("text/plain", "x").empty());
}

TEST_CASE("the bill follows the money vectors to the pico-dollar") {
  std::ifstream in(std::filesystem::path(ASSAY_SHARED_DATA) / "models" / "money.json");
  if (!in) {
    std::cout << "skipped: no money.json beside the checkout\n";
    return;
  }
  const Json all = Json::parse(in);
  for (const Json& one : all) {
    if (!one.contains("pico_usd") || one["usage"].contains("billed_in")) continue;
    CAPTURE(one["id"].get<std::string>());
    assay::mock::Bill bill;
    bill.set_prices({{"m", one["price_per_million"]}});
    const Json& u = one["usage"];
    const std::uint64_t reasoning = u["reasoning"].is_null() ? 0 : u["reasoning"].get<std::uint64_t>();
    const assay::mock::BilledTokens tokens{u["in"], u["cached"], u["cache_write"], u["out"], reasoning};
    CHECK(bill.pico_of("m", tokens, one["batch"]) == one["pico_usd"].get<std::int64_t>());
  }
}

TEST_CASE("prices are found by name, by the longest beginning, by the star; per key and model") {
  MockServer mock;
  mock.config(R"({"usage":{"prompt_tokens":1000000,"completion_tokens":0},
                  "prices":{"*":{"in":1},"gpt-*":{"in":2},"gpt-4*":{"in":3},"gpt-4o":{"in":4,"request":0.5}}})");
  const auto ask_model = [&](const char* model, const char* key) {
    Raw raw(mock.port());
    raw.send(http_post("/v1/chat/completions",
                       R"({"model":")" + std::string(model) + R"(","messages":[{"role":"user","content":"x"}]})",
                       "Authorization: Bearer " + std::string(key) + "\r\n"));
    CHECK(status_of(raw.answer()) == 200);
  };
  for (const char* model : {"gpt-4o", "gpt-4-turbo", "gpt-3", "other"}) ask_model(model, "a");
  ask_model("other", "b");
  const Json bill = mock.bill();
  CHECK(bill["usd"] == doctest::Approx(4.5 + 3 + 2 + 1 + 1));
  CHECK(bill["by_key"].size() == 2);
  double other = 0;
  for (const auto& [key, models] : bill["by_key"].items()) other += models["other"]["usd"].get<double>();
  CHECK(other == doctest::Approx(2));
  mock.reset(true);
  ask_model("free", "a");
  CHECK(mock.bill()["priced"] == false);
}

TEST_CASE("TLS is served with a certificate of its own making, and only to those who speak it") {
  const std::string folder = temporary_folder();
  {
    MockServer mock({"--tls", folder + "/cert.pem", folder + "/key.pem"});
    CHECK(mock.origin().substr(0, 6) == "https:");
    const std::string trust = mock.certificate();
    const auto chat = [&](const std::string& trusted) { return fetch(mock.chat_url(), trusted, "", kSum); };
    CHECK(fetch(mock.origin() + "/health", trust).text == R"({"status":"ok"})");
    CHECK(chat(trust).text.find(R"("content":"3")") != std::string::npos);
    CHECK(chat("").code == CURLE_PEER_FAILED_VERIFICATION);
    mock.config(R"({"body":"size_64mib"})");
    CHECK(chat(trust).text.size() > (64U << 20));
    mock.config(R"({"body":null,"reset":"mid_body"})");
    CHECK(chat(trust).code != CURLE_OK);
    mock.config(R"({"reset":null,"accept":"tls_garbage"})");
    CHECK(chat(trust).code == CURLE_SSL_CONNECT_ERROR);
    mock.config(R"({"accept":"reset"})");
    CHECK(chat(trust).code == CURLE_SSL_CONNECT_ERROR);
    mock.config(R"({"accept":null})");
    Raw plain(mock.port());
    plain.send(chat_request("x"));
    CHECK(plain.to_end() == Ending::closed);
    CHECK(status_of(plain.received) == 400);
    CHECK(mock.stats()["by_status"]["200"] == 3);
  }
  CHECK_THROWS(MockServer({"--tls", folder + "/cert.pem", folder + "/none.pem"}));
  MockServer again({"--tls", folder + "/cert.pem", folder + "/key.pem"});
  std::filesystem::remove_all(folder);
}

TEST_CASE("a socket with a path is served like a port") {
  const std::string folder = temporary_folder();
  const std::string path = folder + "/mock.sock";
  {
    MockServer mock({"--unix", path});
    CHECK(mock.port() == 0);
    mock.config(R"({"reply":"by path"})");
    CHECK(fetch(mock.chat_url(), "", path, kSum).text.find("by path") != std::string::npos);
    CHECK(mock.stats()["answered"] == 1);
  }
  CHECK_FALSE(std::filesystem::exists(path));
  std::filesystem::remove_all(folder);
}
