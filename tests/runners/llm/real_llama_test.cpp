// A real llama-server, where there is one in PATH, on a model of random weights that is written here (GGUF version 3,
// models.md 8.6): the same seed gives the same text, slots are respected, the context of a slot is told.

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <future>
#include <iostream>

#include "runners/llm/local_target.hpp"
#include "tests/core/text/temporary_folder.hpp"
#include "tests/runners/llm/local_room.hpp"

using namespace assay;
using namespace assay::test;

namespace {

/// The writer of a GGUF file: header, pairs, tensors' places, their bytes (aligned to 32).
class GgufWriter {
 public:
  void text(const std::string& key, const std::string& value) {
    begin(key, kText);
    put_text(pairs_, value);
  }
  void count(const std::string& key, std::uint32_t value) {
    begin(key, kUint32);
    put(pairs_, value);
  }
  void real(const std::string& key, float value) {
    begin(key, kFloat32);
    put(pairs_, value);
  }
  void flag(const std::string& key, bool value) {
    begin(key, kBool);
    put(pairs_, static_cast<std::uint8_t>(value));
  }
  void texts(const std::string& key, const std::vector<std::string>& values) {
    begin_array(key, kText, values.size());
    for (const std::string& value : values) put_text(pairs_, value);
  }
  void reals(const std::string& key, const std::vector<float>& values) {
    begin_array(key, kFloat32, values.size());
    for (const float value : values) put(pairs_, value);
  }
  void integers(const std::string& key, const std::vector<std::int32_t>& values) {
    begin_array(key, kInt32, values.size());
    for (const std::int32_t value : values) put(pairs_, value);
  }
  /// F32, the first dimension the one whose neighbours lie together.
  void tensor(const std::string& name, const std::vector<std::uint64_t>& dimensions, const std::vector<float>& values) {
    put_text(places_, name);
    put(places_, static_cast<std::uint32_t>(dimensions.size()));
    for (const std::uint64_t dimension : dimensions) put(places_, dimension);
    put(places_, std::uint32_t{0});
    put(places_, static_cast<std::uint64_t>(data_.size()));
    for (const float value : values) put(data_, value);
    data_.resize((data_.size() + 31) / 32 * 32);
    ++tensors_;
  }
  std::string bytes() const {
    std::string out = "GGUF";
    put(out, std::uint32_t{3});
    put(out, tensors_);
    put(out, count_);
    out += pairs_ + places_;
    out.resize((out.size() + 31) / 32 * 32);
    return out + data_;
  }

 private:
  static constexpr std::uint32_t kUint32 = 4, kInt32 = 5, kFloat32 = 6, kBool = 7, kText = 8, kArray = 9;
  template <class Value>
  static void put(std::string& to, Value value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    to.append(bytes, sizeof value);
  }
  static void put_text(std::string& to, const std::string& text) {
    put(to, static_cast<std::uint64_t>(text.size()));
    to += text;
  }
  void begin(const std::string& key, std::uint32_t type) {
    put_text(pairs_, key);
    put(pairs_, type);
    ++count_;
  }
  void begin_array(const std::string& key, std::uint32_t type, std::size_t size) {
    begin(key, kArray);
    put(pairs_, type);
    put(pairs_, static_cast<std::uint64_t>(size));
  }
  std::string pairs_, places_, data_;
  std::uint64_t tensors_ = 0, count_ = 0;
};

/// Two layers of width 64, 4 heads (2 for keys and values), 292 tokens.
std::string tiny_model() {
  constexpr std::uint64_t width = 64, inner = 128, keys = 32, vocabulary = 292;
  GgufWriter file;
  file.text("general.architecture", "llama");
  file.count("llama.block_count", 2);
  file.count("llama.context_length", 256);
  file.count("llama.embedding_length", width);
  file.count("llama.feed_forward_length", inner);
  file.count("llama.attention.head_count", 4);
  file.count("llama.attention.head_count_kv", 2);
  file.real("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  file.count("llama.rope.dimension_count", 16);
  file.count("llama.vocab_size", vocabulary);
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  std::vector<std::int32_t> types = {2, 3, 3};
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte));
    tokens.emplace_back(name);
    types.push_back(6);
  }
  tokens.emplace_back("\xE2\x96\x81");  // the blank
  for (char letter = 'a'; letter <= 'z'; ++letter) tokens.emplace_back(1, letter);
  for (const char* piece : {"1", "2", "3", "+", "."}) tokens.emplace_back(piece);
  tokens.emplace_back("\xE2\x96\x81the");
  types.resize(tokens.size(), 1);
  REQUIRE(tokens.size() == vocabulary);
  std::vector<float> scores(tokens.size());
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = -static_cast<float>(i);
  file.text("tokenizer.ggml.model", "llama");
  file.texts("tokenizer.ggml.tokens", tokens);
  file.reals("tokenizer.ggml.scores", scores);
  file.integers("tokenizer.ggml.token_type", types);
  file.count("tokenizer.ggml.unknown_token_id", 0);
  file.count("tokenizer.ggml.bos_token_id", 1);
  file.count("tokenizer.ggml.eos_token_id", 2);
  file.flag("tokenizer.ggml.add_bos_token", true);
  file.text("tokenizer.chat_template", "{% for m in messages %}{{ m['content'] }}{% endfor %}");

  RandomStream random(7);
  const auto weights = [&](std::uint64_t n, float scale) {
    std::vector<float> values(n);
    for (float& value : values) value = scale * static_cast<float>(random.uniform() - 0.5);
    return values;
  };
  const auto matrix = [&](const std::string& name, std::uint64_t in, std::uint64_t out) {
    file.tensor(name, {in, out}, weights(in * out, 0.5F));
  };
  const auto norm = [&](const std::string& name) { file.tensor(name, {width}, std::vector<float>(width, 1)); };
  matrix("token_embd.weight", width, vocabulary);
  norm("output_norm.weight");
  matrix("output.weight", width, vocabulary);
  for (const std::string block : {"blk.0.", "blk.1."}) {
    norm(block + "attn_norm.weight");
    matrix(block + "attn_q.weight", width, width);
    matrix(block + "attn_k.weight", width, keys);
    matrix(block + "attn_v.weight", width, keys);
    matrix(block + "attn_output.weight", width, width);
    norm(block + "ffn_norm.weight");
    matrix(block + "ffn_gate.weight", width, inner);
    matrix(block + "ffn_down.weight", inner, width);
    matrix(block + "ffn_up.weight", width, inner);
  }
  return file.bytes();
}

}  // namespace

TEST_CASE("a real llama-server: same seed, same text; its slots; the context of each") {
  const TemporaryFolder folder;
  const std::string path = folder.path("tiny.gguf");
  const std::string bytes = tiny_model();
  std::ofstream(path, std::ios::binary) << bytes;
  CHECK(bytes.size() > 445'696);  // all weights
  CHECK(bytes.size() < 465'000);
  CHECK(gguf_identity(path).starts_with("gguf:tiny.gguf:" + std::to_string(bytes.size()) + ":"));
  std::string program;
  try {
    program = find_program("llama-server", process_environment("."));
  } catch (const Error&) {
    std::cout << "skipped: no llama-server in PATH\n";
    return;
  }
  LocalRoom room("models:\n  tiny: {model: llama/tiny, path: \"" + path + "\", server: \"" + program +
                 "\", slots: 2, ctx: 512, params: {temperature: 1, seed: 7}}\n"
                 "  other: {extends: tiny, params: {seed: 8}}\n");
  const auto first = room.ask("tiny", "the 1+2");
  REQUIRE_MESSAGE(first.name() == "answered", first.text() << "\n" << room.log("tiny"));
  CHECK(room.facts("tiny").slots == 2);
  CHECK(room.facts("tiny").context == 256);
  CHECK(room.ask("tiny", "the 1+2").text() == first.text());
  CHECK(room.ask("other", "the 1+2").text() != first.text());
  std::vector<std::future<std::string>> calls;
  for (int i = 0; i < 20; ++i) {
    calls.push_back(std::async(std::launch::async, [&] { return room.ask("tiny", "the").name(); }));
  }
  for (auto& call : calls) CHECK(call.get() == "answered");
  CHECK(room.ask("tiny", std::string(2000, 'z')).name() == "context_length");
}
