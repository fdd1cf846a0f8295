// What models and servers send changes nothing on the screen but its escaped text; no key gets anywhere.
#include <doctest/doctest.h>

#include <fstream>

#include "core/text/hash.hpp"
#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

namespace {

/// Every file below a folder, as bytes.
std::string all_bytes(const std::filesystem::path& folder) {
  std::string bytes;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    bytes.append(std::istreambuf_iterator<char>(file), {});
  }
  return bytes;
}

bool has_control(const std::string& text) {
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if ((u < 0x20 && c != '\n') || u == 0x7f) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("terminal escapes and NUL in a reply are shown escaped by every command that shows them") {
  TemporaryFolder folder;
  folder.write("questions.jsonl", questions(3));
  MockServer server;
  server.config(
      R"({"reply":"The answer is (B).\u001b]52;c;ZXZpbA==\u0007\u001b[2J\u0000\u009b31m\u202egnp.exe","latency":"const:0ms"})");
  const Environment environment = server_environment(server);
  const Finished done = run({assay_program(), folder.file("x.assay"), "-c",
                             "load qa questions.jsonl model=openai/any as=job; run_n 2; ls; detail job:q1; log all; "
                             "calls job:q1 --raw; errors; report; stats"},
                            folder.path(), environment);
  CHECK(done.status == 0);
  CHECK_FALSE(has_control(done.out));
  CHECK(done.out.find("\\x1b]52") != std::string::npos);
  CHECK(done.out.find("\xe2\x80\xae") == std::string::npos);
  const Finished saved = run({assay_program(), folder.file("x.assay"), "--json", "-c",
                              "save a.json; load a.json as=again; save b.json batch:again"},
                             folder.path(), environment);
  CHECK(saved.status == 0);
  CHECK(folder.read("a.json").find("\\u0000") != std::string::npos);  // kept as it was, in the save
}

TEST_CASE("a reply of 10 MB is kept whole, and shown without harm") {
  TemporaryFolder folder;
  folder.write("questions.jsonl", questions(1));
  MockServer server;
  server.config(R"({"reply":")" + std::string(10 << 20, 'x') + R"( The answer is (B).","latency":"const:0ms"})");
  const Finished done = run({assay_program(), folder.file("x.assay"), "--json", "-c",
                             "load qa questions.jsonl model=openai/any max_tokens=2000 as=job; run_n 1; detail job:q1"},
                            folder.path(), server_environment(server));
  const std::vector<Json> said = results(done.out);
  REQUIRE(said.size() == 3);
  CHECK(said[1].at("correct") == 1);
  CHECK(said[2].at("context").at(1).at("content").get<std::string>().size() > (10U << 20));
}

TEST_CASE("no key appears in the file, its companions, logs, output, saves or exports, plain or base64") {
  TemporaryFolder folder;
  folder.write("questions.jsonl", questions(20));
  const std::string key = "sk-canary-9f3b7c1d5e8a2460";
  MockServer server;
  server.config(R"({"reply":"qa","latency":"const:0ms"})");
  server.rules(R"([{"match":{"contains":"item 3?"},"do":{"error":"auth","echo_headers":true}},
                   {"match":{"contains":"item 4?"},"do":{"error":"bad_request","echo_headers":true}},
                   {"match":{"contains":"item 5?"},"do":{"error":"server","echo_headers":true}}])");
  Environment environment = server_environment(server);
  environment.emplace_back("OPENAI_API_KEY", key);
  environment.emplace_back("ASSAY_RETRY_SERVER_ATTEMPTS", "2");
  const Finished done = run({assay_program(), folder.file("x.assay"), "-c",
                             "load qa questions.jsonl model=openai/any as=job; set timeout.total 5s; run_n 4; errors; "
                             "detail job:q4; log all; calls all --raw; models; set; "
                             "save s.json; export csv c.csv; export jsonl j.jsonl; report r.html"},
                            folder.path(), environment);
  CHECK(done.out.find("job:q4") != std::string::npos);
  const std::string everything = done.out + done.error + all_bytes(folder.path());
  CHECK(everything.find(key) == std::string::npos);
  CHECK(everything.find(base64_encode(key)) == std::string::npos);
  CHECK(everything.find("[OPENAI_API_KEY]") != std::string::npos);  // the server did echo it: it was redacted
}
