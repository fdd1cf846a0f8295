#include <zlib.h>

#include <algorithm>
#include <array>
#include <span>

#include "tests/mock_server/server/replies.hpp"

namespace assay::mock {
namespace {

std::string gzip(std::string_view text) {
  z_stream z{};
  deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, text.size()) + 32, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

// One gzip member of 2 GiB of blanks in about 2 MB: after a full flush a block of deflate data can be repeated.
void add_gzip_bomb(Answer& answer, std::string_view headers) {
  constexpr std::size_t kBlock = 1U << 20;
  constexpr std::uint64_t kBlocks = 2048;
  const std::string blanks(kBlock, ' ');
  z_stream z{};
  deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  std::string block(deflateBound(&z, kBlock) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(blanks.data()));
  z.avail_in = static_cast<uInt>(kBlock);
  z.next_out = reinterpret_cast<Bytef*>(block.data());
  z.avail_out = static_cast<uInt>(block.size());
  deflate(&z, Z_FULL_FLUSH);
  block.resize(z.total_out);
  deflateEnd(&z);
  const uLong one = crc32(0, reinterpret_cast<const Bytef*>(blanks.data()), static_cast<uInt>(kBlock));
  uLong crc = one;
  for (std::uint64_t i = 1; i < kBlocks; ++i) crc = crc32_combine(crc, one, static_cast<z_off_t>(kBlock));
  const std::string_view begin("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
  std::string end("\x03\0", 2);  // an empty last block
  const auto put_u32 = [&](std::uint64_t value) {
    for (unsigned i = 0; i < 4; ++i) end += static_cast<char>((value >> (8 * i)) & 0xFFU);
  };
  put_u32(crc);
  put_u32(kBlock * kBlocks);
  std::string head;
  write_head(head, 200, "application/json",
             static_cast<std::int64_t>(begin.size() + block.size() * kBlocks + end.size()),
             std::string(headers) + "Content-Encoding: gzip\r\n");
  answer.add(head + std::string(begin));
  answer.add_repeated(block, kBlocks);
  answer.add(end);
}

std::string chunk_of(std::size_t bytes) {
  std::array<char, 20> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", bytes);
  return size.data() + std::string(bytes, 'a') + "\r\n";
}

constexpr std::array<std::string_view, 13> kChanging{
    "invalid_utf8", "lone_surrogate", "nul",    "missing_usage", "null_content", "content_list",  "reasoning_first",
    "think_tags",   "refusal",        "length", "empty_length",  "empty_text",   "content_filter"};

constexpr std::array<std::string_view, 15> kDamaging{"malformed",    "truncated",     "empty",        "html",
                                                     "error_in_200", "depth_201",     "depth_200000", "endless",
                                                     "no_choices",   "length_short",  "length_under", "length_99gb",
                                                     "gzip_bomb",    "headers_100mb", "chunked_4gib"};

constexpr std::array<std::string_view, 5> kHarmless{"", "wrong_content_type", "size_64mib", "gzip", "blank_lines"};

bool listed(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

// The forms that are still one JSON body change what it says.
void change_reply(std::string_view form, Reply& r) {
  if (form.empty()) return;
  if (form == "invalid_utf8") r.text += "\xff\xfe\xc3";
  if (form == "lone_surrogate") r.text += "\\ud83d";
  if (form == "nul") r.text += "\\u0000\\u001b]52;c;bW9jaw==\\u0007\\u001b[31m";
  if (form == "missing_usage") r.usage = false;
  if (form == "null_content") r.content = Reply::Content::null;
  if (form == "content_list") r.content = Reply::Content::list;
  if (form == "reasoning_first") {
    r.reasoning = "First I think. ";
    r.reasoning_tokens = 4;
    r.out_tokens += r.reasoning_tokens;
  }
  if (form == "think_tags") r.text = "<think>First I think.</think>\\n" + r.text;
  if (form == "refusal") r.finish = Reply::Finish::refusal, r.text = "I can't help with that.";
  if (form == "empty_length") r.text.clear(), r.finish = Reply::Finish::length;
  if (form == "length") r.finish = Reply::Finish::length;
  if (form == "empty_text") r.text.clear();
  if (form == "content_filter") r.text.clear(), r.finish = Reply::Finish::filter;
}

bool changes_reply(std::string_view form) { return listed(kChanging, form); }

bool known_body_form(std::string_view form) {
  return changes_reply(form) || listed(kDamaging, form) || listed(kHarmless, form);
}

bool damages(const Behaviour& how, bool streamed) {
  if (!streamed) return listed(kDamaging, how.body);
  const std::string& m = how.stream.mode;
  return m == "cut" || m == "error" || m == "error_first" || m == "stall" || m == "bad_event" || m == "reset" ||
         m == "keepalive_forever" || m == "no_finish";
}

Answer reply_answer(const Shape& shape, const Reply& reply, const Behaviour& how, std::string_view headers) {
  std::string body;
  if (how.body.empty() && !how.first) {  // the fast path: one allocation of the right size
    std::string whole;
    body.reserve(512 + reply.text.size());
    shape.reply(reply, body);
    whole.reserve(body.size() + 256);
    write_head(whole, 200, "application/json", static_cast<std::int64_t>(body.size()), headers);
    whole += body;
    Answer answer{.status = 200};
    answer.pieces.push_back({std::move(whole), 1, Nanos{0}});
    return answer;
  }
  shape.reply(reply, body);
  return body_answer(shape, std::move(body), how, headers);
}

Answer body_answer(const Shape& shape, std::string body, const Behaviour& how, std::string_view headers) {
  const std::string& form = how.body;
  Answer answer{.status = 200};
  const char* type = "application/json";
  std::string more(headers);
  auto length = static_cast<std::int64_t>(body.size());
  const auto set = [&](std::string text) { body = std::move(text), length = static_cast<std::int64_t>(body.size()); };
  const auto head = [&](std::int64_t announced) {
    std::string text;
    write_head(text, 200, type, announced, more);
    answer.add(text);
  };
  if (form == "malformed") set("{\"choices\": [oops}, " + body);
  if (form == "truncated") set(body.substr(0, body.size() * 2 / 3));
  if (form == "empty") set("");
  if (form == "wrong_content_type") type = "text/plain";
  if (form == "html") type = "text/html", set("<html><body>Please wait</body></html>\n");
  if (form == "error_in_200") {
    std::string text;
    const int status = how.status >= 400 ? how.status : 500;
    const ErrorRow& row = how.error.empty() ? error_of_status(shape, status) : *find_error(shape, how.error);
    const std::string message = json_escape(how.message.empty() ? row.message : how.message);
    shape.error({row, row.status, message, "", 0}, text);
    set(text);
  }
  if (form == "no_choices") set(shape.hollow);
  if (form == "blank_lines") set("\n\n\r\n\n" + body);
  if (form == "depth_201" || form == "depth_200000") {
    const std::size_t depth = form == "depth_201" ? 200 : 199'999;
    set("{\"deep\":" + std::string(depth, '[') + std::string(depth, ']') + "," + body.substr(1));
  }
  if (form == "gzip") more += "Content-Encoding: gzip\r\n", set(gzip(body));

  if (form == "size_64mib") {
    constexpr std::uint64_t kMiB = 1U << 20;
    const std::string begin = "{\"pad\":\"", end = "\"," + body.substr(1);
    head(static_cast<std::int64_t>(begin.size() + 64 * kMiB + end.size()));
    answer.add(begin);
    answer.add_repeated(std::string(kMiB, 'a'), 64);
    answer.add(end);
  } else if (form == "endless" || form == "chunked_4gib") {
    more += "Transfer-Encoding: chunked\r\n";
    head(-1);
    answer.add_repeated(chunk_of(65536), form == "endless" ? UINT64_MAX : 65536);
    answer.add("0\r\n\r\n");
  } else if (form == "length_short") {
    head(length + 1000);
    answer.add(body);
    answer.end = End::close;
  } else if (form == "length_under") {  // the rest stands where the next answer would
    head(length / 2);
    answer.add(body);
    answer.end = End::close;
  } else if (form == "length_99gb") {
    head(99'000'000'000);
    answer.add(body);
    answer.end = End::hang;
  } else if (form == "gzip_bomb") {
    add_gzip_bomb(answer, headers);
  } else if (form == "headers_100mb") {
    answer.add("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n");
    answer.add_repeated("X-Padding: " + std::string(1011, 'h') + "\r\n", 100 * 1024);
    answer.add("Content-Length: " + std::to_string(length) + "\r\n\r\n" + body);
  } else {
    head(length);
    if (how.first) {
      answer.pieces.push_back({body, 1, Nanos{0}});  // the server sets the delay of the second piece
    } else {
      answer.add(body);
    }
  }
  return answer;
}

}  // namespace assay::mock
