#include "tests/mock_server/server/behaviour.hpp"

#include <algorithm>
#include <array>

#include "core/text/error.hpp"
#include "tests/mock_server/server/replies.hpp"

namespace assay::mock {
namespace {

[[noreturn]] void refuse(const std::string& what, const std::string& key) {
  throw Error("usage", what, key, "tests/mock_server/README.md lists keys and values");
}

struct ResetName {
  const char* name;
  Reset reset;
};
constexpr std::array<ResetName, 6> kResets{{{"none", Reset::none},
                                            {"before_reading", Reset::before_reading},
                                            {"after_reading", Reset::after_reading},
                                            {"after_headers", Reset::after_headers},
                                            {"mid_body", Reset::mid_body},
                                            {"second_request", Reset::second_request}}};

void take_latency(const Json& value, Behaviour& b) {
  b.latency_of_errors = true;
  if (!value.is_object()) {
    b.headers = parse_latency(value);
    return;
  }
  for (const auto& [key, part] : value.items()) {
    if (key == "headers") {
      b.headers = parse_latency(part);
    } else if (key == "first") {
      b.first = parse_latency(part);
    } else if (key == "chunk") {
      b.chunk = parse_latency(part);
    } else {
      refuse("unknown part of a latency: " + key, "latency");
    }
  }
}

void take_hint(const Json& value, Behaviour& b) {
  b.hint = {};
  if (value.is_number()) {
    b.hint = {"retry-after", value.get<double>(), ""};
  } else if (value.is_string()) {
    b.hint.form = value.get<std::string>();
  } else if (value.is_object()) {
    b.hint.form = value.value("form", "retry-after");
    b.hint.seconds = value.value("seconds", 1.0);
    b.hint.value = value.value("value", "");
  }
  if (!known_hint(b.hint.form)) refuse("unknown form of a hint: " + b.hint.form, "hint");
}

void take_stream(const Json& value, Behaviour& b) {
  b.stream = {};
  if (value.is_string()) {
    b.stream.mode = value.get<std::string>();
  } else {
    b.stream.mode = value.value("mode", "normal");
    b.stream.error = value.value("error", "");
    b.stream.after = value.value("after", std::uint64_t{1});
    b.stream.chunk_bytes = value.value("chunk_bytes", std::uint64_t{0});
  }
  if (!b.stream.error.empty() && !known_error(b.stream.error)) refuse("unknown error: " + b.stream.error, "stream");
  if (!known_stream_mode(b.stream.mode)) refuse("unknown mode of a stream: " + b.stream.mode, "stream");
}

void take_slow(const Json& value, Behaviour& b, bool defaults) {
  b.silence = false;
  b.bytes_per_s = 0;
  if (value.is_object()) {
    b.bytes_per_s = value.value("bytes_per_s", 0.0);
  } else if (value.is_string() && value.get<std::string>() == "silence") {
    b.silence = true;
  } else if (!value.is_null()) {
    refuse("slow is {\"bytes_per_s\":N} or \"silence\"", defaults ? "config.slow" : "slow");
  }
}

// Keys of the defaults that are no behaviour of one request.
bool of_the_server(std::string_view key) {
  constexpr std::array<std::string_view, 8> kKeys{"seed",   "require_key", "prices", "accept",
                                                  "models", "provider",    "llama",  "batch"};
  return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end();
}

}  // namespace

Behaviour parse_behaviour(const Json& spec, const Behaviour& base, bool defaults) {
  Behaviour b = base;
  if (spec.is_number_integer()) {
    b.status = spec.get<int>();
    return b;
  }
  if (spec.is_string()) {
    b.error = spec.get<std::string>();
    if (!known_error(b.error)) refuse("unknown error: " + b.error, "error");
    return b;
  }
  if (!spec.is_object()) refuse("a behaviour is an object, a status or the name of an error", "do");
  for (const auto& [key, value] : spec.items()) {
    if (key == "latency") {
      take_latency(value, b);
      if (defaults) b.latency_of_errors = false;
    } else if (key == "limit") {
      b.limits = parse_limits(value);
    } else if (key == "workers") {
      b.workers = value.get<std::uint64_t>();
    } else if (key == "status") {
      b.status = value.get<int>();
    } else if (key == "error") {
      b.error = value.get<std::string>();
      if (!known_error(b.error)) refuse("unknown error: " + b.error, "error");
    } else if (key == "message") {
      b.message = value.get<std::string>();
    } else if (key == "location") {
      b.location = value.get<std::string>();
    } else if (key == "hint") {
      take_hint(value, b);
    } else if (key == "then") {
      b.then.clear();
      Behaviour plain = b;
      for (const Json& one : value) b.then.push_back(parse_behaviour(one, plain));
    } else if (key == "reset") {
      const std::string name = value.is_null() ? "none" : value.get<std::string>();
      bool found = false;
      for (const ResetName& row : kResets) {
        if (name == row.name) b.reset = row.reset, found = true;
      }
      if (!found) refuse("unknown place of a reset: " + name, "reset");
    } else if (key == "body") {
      b.body = value.is_null() ? "" : value.get<std::string>();
      if (!known_body_form(b.body)) refuse("unknown form of a body: " + b.body, "body");
    } else if (key == "stream") {
      take_stream(value, b);
    } else if (key == "slow") {
      take_slow(value, b, defaults);
    } else if (key == "echo_headers") {
      b.echo_headers = value.get<bool>();
    } else if (key == "reply") {
      b.reply = value.get<std::string>();
    } else if (key == "reasoning") {
      b.reasoning = value.get<std::string>();
    } else if (key == "usage") {
      b.usage = value;
    } else if (key == "headers") {
      b.extra_headers.clear();
      for (const auto& [name, text] : value.items()) b.extra_headers.emplace_back(name, text.get<std::string>());
    } else if (key == "billed") {
      b.billed = value.get<bool>();
    } else if (key == "max_per_connection") {
      b.max_per_connection = value.get<std::uint64_t>();
    } else if (!defaults || !of_the_server(key)) {
      refuse("unknown key: " + key, defaults ? "config" : "do");
    }
  }
  return b;
}

}  // namespace assay::mock
