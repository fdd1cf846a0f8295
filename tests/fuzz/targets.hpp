#pragma once
// What is fed with bytes from outside, as functions that must end soon and never crash, whatever the bytes; each also
// checks what holds for any input. A failed check aborts. Used by the fuzzers (clang) and by the replay of the corpora
// (every build).

#include <array>
#include <string_view>

namespace assay::fuzz {

/// Server-sent events and JSON lines: any split gives the same events. First byte: where it is split.
void sse(std::string_view bytes);
/// A reply's body, whole, cut and streamed in pieces. First byte: the provider; second: status and pieces.
void replies(std::string_view bytes);
/// Headers ("name: value" lines up to an empty one) and a body: how long to wait, which limits are announced.
void headers(std::string_view bytes);
/// models.yaml, and every model that it names.
void models_yaml(std::string_view bytes);
/// A line of what comes back from a batch.
void batch_line(std::string_view bytes);
/// A Parquet file.
void parquet(std::string_view bytes);

struct Target {
  std::string_view name;
  void (*run)(std::string_view);
};
inline constexpr std::array<Target, 6> kTargets{{{"sse", sse},
                                                 {"replies", replies},
                                                 {"headers", headers},
                                                 {"models_yaml", models_yaml},
                                                 {"batch_line", batch_line},
                                                 {"parquet", parquet}}};

}  // namespace assay::fuzz
