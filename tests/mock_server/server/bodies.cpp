#include <zlib.h>

#include <algorithm>
#include <array>

#include "tests/mock_server/server/replies.hpp"

namespace assay::mock {
namespace {

constexpr std::array<std::string_view, 30> kForms{"",
                                                  "malformed",
                                                  "truncated",
                                                  "empty",
                                                  "wrong_content_type",
                                                  "html",
                                                  "error_in_200",
                                                  "invalid_utf8",
                                                  "lone_surrogate",
                                                  "nul",
                                                  "depth_201",
                                                  "depth_200000",
                                                  "size_64mib",
                                                  "endless",
                                                  "length_short",
                                                  "length_99gb",
                                                  "gzip",
                                                  "gzip_bomb",
                                                  "headers_100mb",
                                                  "blank_lines",
                                                  "missing_usage",
                                                  "null_content",
                                                  "reasoning_first",
                                                  "refusal",
                                                  "empty_length",
                                                  "empty_text",
                                                  "chunked_4gib",
                                                  "no_choices",
                                                  "content_list",
                                                  "content_filter"};

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

// The forms that are still one JSON body change what it says.
void change_reply(std::string_view form, Reply& r) {
  if (form == "invalid_utf8") r.text += "\xff\xfe\xc3";
  if (form == "lone_surrogate") r.text += "\\ud83d";
  if (form == "nul") r.text += "\\u0000\\u001b]52;c;bW9jaw==\\u0007\\u001b[31m";
  if (form == "missing_usage") r.usage = false;
  if (form == "null_content") r.content = "null";
  if (form == "reasoning_first") r.reasoning = "First I think. ";
  if (form == "refusal") r.content = "null", r.refusal = "\"I can't help with that.\"";
  if (form == "empty_length") r.text.clear(), r.finish = "length";
  if (form == "empty_text") r.text.clear();
  if (form == "content_filter") r.text.clear(), r.finish = "content_filter";
  if (form == "content_list") r.content = "[{\"type\":\"text\",\"text\":\"" + r.text + "\"}]";
}

}  // namespace

bool known_body_form(std::string_view form) { return std::find(kForms.begin(), kForms.end(), form) != kForms.end(); }

Answer reply_answer(const Shape& shape, Reply& reply, const Behaviour& how, std::string_view headers) {
  const std::string& form = how.body;
  Answer answer{.status = 200};
  change_reply(form, reply);
  std::string body;
  if (form.empty() && !how.first) {  // the fast path: one allocation of the right size
    std::string whole;
    body.reserve(512 + reply.text.size());
    shape.reply(reply, body);
    whole.reserve(body.size() + 256);
    write_head(whole, 200, "application/json", static_cast<std::int64_t>(body.size()), headers);
    whole += body;
    answer.pieces.push_back({std::move(whole), 1, Nanos{0}});
    return answer;
  }
  shape.reply(reply, body);
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
    shape.error(error_of_status(how.status >= 400 ? how.status : 500), "The provider had an error", "", text);
    set(text);
  }
  if (form == "no_choices") set("{\"id\":\"x\",\"object\":\"chat.completion\",\"choices\":[]}");
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
