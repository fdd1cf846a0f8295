#pragma once
// An answer's bytes: a shape's text, spoilt as asked, in HTTP. One row per form of a hint, a body, a stream. Pure but
// for the wall clock in date headers. Used by the server's one thread.

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/mock_server/server/answer.hpp"
#include "tests/mock_server/server/behaviour.hpp"
#include "tests/mock_server/server/shape.hpp"

namespace assay::mock {

bool known_hint(std::string_view form);
bool known_body_form(std::string_view form);
bool known_stream_mode(std::string_view mode);
/// The form only changes what the answer says: it can be streamed, and is a whole answer.
bool changes_reply(std::string_view form);
/// Makes the reply say what such a form says; nothing for other forms.
void change_reply(std::string_view form, Reply& reply);
/// The answer is none that a client could use.
bool damages(const Behaviour& how, bool streamed);

/// Status line and headers up to the blank line; `length` < 0: none is announced. `headers`: whole lines.
void write_head(std::string& out, int status, std::string_view type, std::int64_t length, std::string_view headers);

/// Puts the hint into header lines, the message or `retry_delay`; returns the seconds until it expires.
double write_hint(const Shape& shape, const Hint& hint, std::string& headers, std::string& message,
                  std::string& retry_delay);

/// What a refusal says. `message` "": the row's own.
struct Refusal {
  const ErrorRow& row;
  int status;
  std::string message;
  std::string headers;
  std::uint64_t n = 0;  // number of the request
};
/// `hint_s`: the seconds until its hint expires.
Answer error_answer(const Shape& shape, Refusal refusal, const Behaviour& how, double& hint_s);
Answer reply_answer(const Shape& shape, const Reply& reply, const Behaviour& how, std::string_view headers);
/// Any JSON text as an answer of status 200, in the form of `how.body`.
Answer body_answer(const Shape& shape, std::string body, const Behaviour& how, std::string_view headers);
Answer stream_answer(const Shape& shape, const Reply& reply, const Behaviour& how, std::string_view headers,
                     bool include_usage, std::uint64_t seed);

}  // namespace assay::mock
