#pragma once
// The texts of the answers: one row per provider's shape, one row per error, one per form of a hint, a body, a stream.
// Pure but for the wall clock in date headers. Used by the server's one thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/mock_server/server/answer.hpp"
#include "tests/mock_server/server/behaviour.hpp"

namespace assay::mock {

/// What a 200 says. Texts are JSON-escaped already.
struct Reply {
  std::uint64_t n = 0;  // number of the request
  std::string_view model;
  std::string text;
  std::string content;    // a JSON value instead of the text as a string
  std::string refusal;    // "" is null
  std::string reasoning;  // "" is absent
  const char* finish = "stop";
  std::uint64_t in_tokens = 0, out_tokens = 0;
  bool usage = true;
};

struct ErrorRow {
  const char* name;
  int status;
  const char* type;
  const char* code;  // a text; "" is null
  const char* message;
  enum class Form { json, html, redirect } form = Form::json;
  const char* param = "";
};

/// A row by name, or nullptr.
const ErrorRow* find_error(std::string_view name);
/// The first row with this status, else the plain row of its class (400, 500).
const ErrorRow& error_of_status(int status);

/// A provider's way of writing. A new provider is a row in shapes().
struct Shape {
  const char* name;
  bool (*takes)(std::string_view path);
  void (*reply)(const Reply& reply, std::string& out);
  /// `message` is escaped; `details` is "" or members to add to the error object, with their leading comma.
  void (*error)(const ErrorRow& row, std::string_view message, std::string_view details, std::string& out);
  /// Payloads of the events of a stream: first the opening one, last the closing ones.
  std::vector<std::string> (*events)(const Reply& reply, std::uint64_t chunk_bytes, bool include_usage);
};
const Shape* shape_of_path(std::string_view path);

bool known_hint(std::string_view form);
bool known_body_form(std::string_view form);
bool known_stream_mode(std::string_view mode);

/// Status line and headers up to the blank line; `length` < 0: none is announced. `headers`: whole lines.
void write_head(std::string& out, int status, std::string_view type, std::int64_t length, std::string_view headers);

/// Puts the hint into header lines, the message or the details of the error; returns the seconds until it expires.
double write_hint(const Hint& hint, std::string& headers, std::string& message, std::string& details);

Answer error_answer(const Shape& shape, const ErrorRow& row, const Behaviour& how, int status, std::string message,
                    std::string headers, double* hint_s);
Answer reply_answer(const Shape& shape, Reply& reply, const Behaviour& how, std::string_view headers);
/// `draw` gives the delay of the n-th event.
Answer stream_answer(const Shape& shape, const Reply& reply, const Behaviour& how, std::string_view headers,
                     bool include_usage, std::uint64_t seed);

std::string go_duration(double seconds);

}  // namespace assay::mock
