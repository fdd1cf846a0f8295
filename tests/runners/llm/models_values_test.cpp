// What models.yaml and the environment are made of: addresses, `.env`, keys and their filter, imported prices.

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/text/error.hpp"
#include "core/text/hash.hpp"
#include "core/text/input.hpp"
#include "runners/llm/imported_prices.hpp"
#include "runners/llm/models_file.hpp"
#include "runners/llm/prices.hpp"
#include "runners/llm/secret.hpp"
#include "runners/llm/urls.hpp"

namespace assay {
namespace {

namespace fs = std::filesystem;

struct Folder {
  explicit Folder(const std::string& name) : path(fs::path(ASSAY_BUILD_DIR) / name) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  std::string write(const std::string& name, const std::string& text) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name, std::ios::binary) << text;
    return (path / name).string();
  }
  fs::path path;
};

TEST_CASE("a base becomes a chat URL; what is no address is refused without showing a password") {
  struct Row {
    const char *base, *url;  // nullptr: refused
  };
  const Row rows[] = {
      {"https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"},
      {"https://api.openai.com/v1/", "https://api.openai.com/v1/chat/completions"},
      {"https://api.openai.com", "https://api.openai.com/v1/chat/completions"},
      {"https://api.openai.com/", "https://api.openai.com/v1/chat/completions"},
      {"https://h/openai/v1/chat/completions", "https://h/openai/v1/chat/completions"},
      {"https://h/v1/chat/completions/", "https://h/v1/chat/completions"},
      {"https://h/v1?x=1", "https://h/v1/chat/completions?x=1"},
      {"https://h/v1/chat/completions?api-version=1", "https://h/v1/chat/completions?api-version=1"},
      {"https://h?x=1", "https://h/v1/chat/completions?x=1"},
      {"HTTPS://H:8443/v1", "HTTPS://H:8443/v1/chat/completions"},
      {"http://[::1]:8000", "http://[::1]:8000/v1/chat/completions"},
      {"ftp://h/v1", nullptr},
      {"h:8000/v1", nullptr},
      {"http://", nullptr},
      {"http:///v1", nullptr},
      {"http://:80/v1", nullptr},
      {"http://h:/v1", nullptr},
      {"http://h:0/v1", nullptr},
      {"http://h:65536/v1", nullptr},
      {"http://h:8x/v1", nullptr},
      {"http://u:CANARY@h/v1", nullptr},
      {"http://CANARY@h/v1", nullptr},
      {"http://h\\@CANARY.example/v1", nullptr},
      {"http://[::1/v1", nullptr},
      {"http://[zz]/v1", nullptr},
      {"http://h/v1#x", nullptr},
      {"http://a b/v1", nullptr},
      {"http://h/v1\r\nX: y", nullptr},
      {"file:///etc/passwd", nullptr},
      {"", nullptr},
  };
  for (const Row& row : rows) {
    CAPTURE(row.base);
    if (row.url != nullptr) {
      CHECK(chat_url(row.base) == row.url);
      continue;
    }
    try {
      chat_url(row.base);
      FAIL_CHECK("was not refused");
    } catch (const Error& error) {
      CHECK(error.kind() == "bad_request");
      if (std::string(row.base).find("CANARY@") != std::string::npos)
        CHECK(std::string(error.what()).find("CANARY") == std::string::npos);
    }
  }
}

TEST_CASE("the other providers' addresses, from every form a base is written in") {
  for (const char* base : {"https://h", "https://h/", "https://h/v1", "https://h/v1/messages"}) {
    CHECK(anthropic_url(base) == "https://h/v1/messages");
  }
  CHECK(cohere_url("https://h", "v2") == "https://h/v2/chat");
  CHECK(cohere_url("https://h/v1", "v2") == "https://h/v1/chat");
  CHECK(cohere_url("https://h/v2/chat", "v1") == "https://h/v2/chat");
  CHECK(gemini_url("https://h", "m") == "https://h/v1beta/models/m:generateContent");
  CHECK(gemini_url("https://h/v1beta/", "m") == "https://h/v1beta/models/m:generateContent");
  CHECK(azure_url("https://h/openai/v1/", "d", "V") == "https://h/openai/v1/chat/completions");
  for (const auto& [host, base] :
       {std::pair{"", "http://127.0.0.1:11434"}, std::pair{"box", "http://box:11434"},
        std::pair{":8080", "http://127.0.0.1:8080"}, std::pair{"http://box", "http://box:80"},
        std::pair{"https://box/", "https://box:443"}, std::pair{"0.0.0.0", "http://127.0.0.1:11434"},
        std::pair{"http://box:1/sub/", "http://box:1/sub"}, std::pair{"[::1]", "http://[::1]:11434"}}) {
    CAPTURE(host);
    CHECK(ollama_base(host) == base);
  }
}

TEST_CASE("hosts: loopback, near, and far") {
  for (const char* host : {"localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "[0:0:0:0:0:0:0:1]"}) {
    CAPTURE(host);
    CHECK(is_loopback(host));
    CHECK(is_local_host(host));
  }
  for (const char* host :
       {"10.1.2.3", "192.168.0.1", "172.16.0.1", "172.31.9.9", "169.254.1.1", "[fd00::1]", "[fe80::1]", "box.local"}) {
    CAPTURE(host);
    CHECK_FALSE(is_loopback(host));
    CHECK(is_local_host(host));
  }
  for (const char* host : {"172.32.0.1", "172.1.0.1", "11.0.0.1", "127.0.0.1.example", "localhost.example",
                           "10.example", "[2001:db8::1]"}) {
    CAPTURE(host);
    CHECK_FALSE(is_local_host(host));
  }
}

TEST_CASE(".env: the nearest upwards; the real environment wins; never expanded") {
  const Folder folder("env_files");
  folder.write(".env", "ASSAY_T_FAR=far\nASSAY_T_BOTH=far\n");
  folder.write("a/.env", "ASSAY_T_BOTH=near # comment\nASSAY_T_REAL=file\nexport ASSAY_T_RAW=\"$HOME ${X} `ls`\"\r\n");
  fs::create_directories(folder.path / "a/b/c");
  setenv("ASSAY_T_REAL", "real", 1);
  const EnvironmentLookup lookup = process_environment((folder.path / "a/b/c").string());
  CHECK(lookup("ASSAY_T_BOTH") == "near");
  CHECK_FALSE(lookup("ASSAY_T_FAR").has_value());
  CHECK(lookup("ASSAY_T_REAL") == "real");
  CHECK(lookup("ASSAY_T_RAW") == "$HOME ${X} `ls`");
  setenv("ASSAY_T_REAL", "", 1);
  CHECK(lookup("ASSAY_T_REAL") == "");
  unsetenv("ASSAY_T_REAL");
  CHECK(lookup("ASSAY_T_REAL") == "file");

  folder.write("bad/.env", "A=1\nB='open\n");
  CHECK_THROWS_WITH_AS(process_environment((folder.path / "bad").string()),
                       ((folder.path / "bad/.env").string() + ":2: a quote is not closed").c_str(), Error);
  folder.write("big/.env", std::string((1U << 20U) + 1, '#'));
  CHECK_THROWS_AS(process_environment((folder.path / "big").string()), Error);
  CHECK(parse_env_text("\xEF\xBB\xBF"
                       "A=1\nB=2",
                       "f")
            .at("A") == "1");
}

TEST_CASE("a bad line of .env is named, its text is not shown") {
  for (const char* line : {"CANARY", "1A=CANARY", "A B=CANARY", "=CANARY", "A=\"CANARY", "A='x' CANARY"}) {
    CAPTURE(line);
    try {
      parse_env_text("# one\n" + std::string(line), ".env");
      FAIL_CHECK("was not refused");
    } catch (const Error& error) {
      CHECK(error.place() == ".env:2");
      CHECK(std::string(error.what()).find("CANARY") == std::string::npos);
    }
  }
}

TEST_CASE("a key is blanked out however it is written; short ones and other words are left") {
  SecretStore secrets;
  const std::string key = "ab/cd+ef&gh\"ij<kl>=mn";
  secrets.put("K", " " + key + "\n");
  secrets.put("SHORT", "1234567");
  std::string base64 = base64_encode(key);
  std::string url_safe = base64;
  for (char& c : url_safe) c = c == '+' ? '-' : c == '/' ? '_' : c;
  for (const std::string& form :
       {key, base64, url_safe, base64.substr(0, base64.find('=')), std::string("ab%2Fcd%2Bef%26gh%22ij%3Ckl%3E%3Dmn"),
        std::string("ab%2fcd%2bef%26gh%22ij%3ckl%3e%3dmn"), std::string("ab/cd%2Bef%26gh%22ij%3Ckl%3E%3Dmn"),
        std::string(R"(ab/cd+ef&gh\"ij<kl>=mn)"), std::string(R"(ab\/cd+ef&gh\"ij<kl>=mn)"),
        std::string(R"(ab/cd+ef\u0026gh\"ij\u003ckl\u003e=mn)")}) {
    CAPTURE(form);
    CHECK(secrets.redact("x" + form + "y" + form) == "x[K]y[K]");
    CHECK(secrets.holds_secret("..." + form));
  }
  CHECK(secrets.redact("1234567 ab/cd") == "1234567 ab/cd");
  // A key that was replaced is still not shown.
  secrets.put("K", "new-key-0123456789");
  CHECK(secrets.redact(key + " new-key-0123456789") == "[K] [K]");
  std::string text = "secret";
  wipe(text);
  CHECK(text.empty());
}

TEST_CASE("a price map is imported, exact to six decimals; what is unknown is counted") {
  const Folder folder("price_files");
  const std::string map = folder.write("map.json", R"({
    "sample_spec": {"input_cost_per_token": 1},
    "gpt-4o": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1.25e-06},
    "together_ai/meta/x": {"litellm_provider": "together_ai", "mode": "chat", "input_cost_per_token": 3.75e-08, "output_cost_per_token": 1.5e-07},
    "claude": {"litellm_provider": "anthropic", "input_cost_per_token": 1.5e-05, "output_cost_per_token": 7.5e-05, "cache_creation_input_token_cost": 1.875e-05, "output_cost_per_reasoning_token": 8e-05},
    "vertex": {"litellm_provider": "vertex_ai", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06},
    "emb": {"litellm_provider": "openai", "mode": "embedding", "input_cost_per_token": 1e-06, "output_cost_per_token": 0},
    "half": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06},
    "fine": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.23e-13, "output_cost_per_token": 0}})");
  const std::string target = (folder.path / "config/assay/prices.json").string();
  const ImportedPrices imported = import_prices(map, target);
  CHECK(imported.prices.size() == 3);
  CHECK(imported.skipped == 4);
  const EnvironmentLookup environment = [&](std::string_view name) -> std::optional<std::string> {
    if (name == "XDG_CONFIG_HOME") return (folder.path / "config").string();
    return std::nullopt;
  };
  CHECK(imported_prices_path(environment) == target);
  const ModelsConfig config = load_models(environment, folder.path.string());
  const auto price = [&](const char* name) { return price_from_json(config.imported.at(name).value); };
  CHECK(price("openai/gpt-4o").in == 2'500'000);
  CHECK(price("openai/gpt-4o").cached == 1'250'000);
  CHECK(price("together/meta/x").in == 37'500);
  CHECK(price("anthropic/claude").cache_write == 18'750'000);
  CHECK(price("anthropic/claude").reasoning == 80'000'000);
  CHECK_THROWS_AS(prices_from_litellm(Json::array(), "f"), Error);
  CHECK_THROWS_AS(prices_from_litellm(Json::object(), "f"), Error);
  folder.write("config/assay/prices.json", R"({"prices":{"a/b":{"in":1}}})");
  CHECK_THROWS_AS(load_models(environment, folder.path.string()), Error);
}

TEST_CASE("the example that comes with assay is a good file") {
  const std::string path = std::string(ASSAY_SOURCE_DIR) + "/models.example.yaml";
  const ModelsConfig config = parse_models_text(read_file(path), path);
  CHECK_NOTHROW(check_references(config));
  CHECK(config.models.size() == 6);
}

}  // namespace
}  // namespace assay
