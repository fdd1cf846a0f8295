#pragma once
// Files compiled into the program by assay_embed(TARGET FILES..) of the root CMakeLists.txt: prompts, samples, schemas.
// The symbol is the file's path from the project root as a C identifier:
//
//     std::string_view prompt = ASSAY_EMBEDDED(experiments_qa_prompts_mcq_yaml);   // experiments/qa/prompts/mcq.yaml
//
// An expression, for use inside functions; the bytes are the program's own, valid for ever. A symbol that no
// assay_embed() makes is a link error. Any thread.

#include <string_view>

namespace assay {

/// The bytes between two symbols; through ASSAY_EMBEDDED.
std::string_view embedded_bytes(const char* begin, const char* end);

}  // namespace assay

#define ASSAY_EMBEDDED(symbol)                                                             \
  ([] {                                                                                    \
    extern const char embedded_##symbol##_begin[] __asm__("assay_embedded_" #symbol);      \
    extern const char embedded_##symbol##_end[] __asm__("assay_embedded_" #symbol "_end"); \
    return ::assay::embedded_bytes(embedded_##symbol##_begin, embedded_##symbol##_end);    \
  }())
