#pragma once
// What is shown, in the frames between a program and its attached terminals. A text comes out of a frame through safe()
// like every other. Pure functions: any thread.

#include <cstddef>
#include <string>
#include <vector>

#include "core/text/json.hpp"
#include "repl/terminal.hpp"

namespace assay {

/// Of one line, or of one text for the pager, more is not sent.
inline constexpr std::size_t kMaxRemoteText = 4U << 20;

/// [["done", 3], ["2 FAIL", 4], ..]: words and roles.
Json to_frame(const StyledText& text);
/// Several; what is longer than kMaxRemoteText in all is cut, with a line that says so.
Json to_frame(const std::vector<StyledText>& lines);
/// What isn't of that form is left out.
StyledText text_of_frame(const Json& value);
std::vector<StyledText> lines_of_frame(const Json& value);

/// A field of a frame; the fallback when it is absent or of another type.
std::string text_field(const Json& frame, const char* name);
std::int64_t number_field(const Json& frame, const char* name, std::int64_t fallback = 0);
bool flag_field(const Json& frame, const char* name);

}  // namespace assay
