#pragma once
// Images and ready-made messages of an item, as a request holds them. Specs: judge.md 1. Any thread.

#include <vector>

#include "experiments/judge/item.hpp"
#include "runners/llm/request.hpp"

namespace assay {

/// item.images on the last user message: data URLs, addresses, or paths of files, which are read. Throws Error "data"
/// for what is neither, "file" for a file that can't be read or has more than 20 MiB.
void add_images(std::vector<Message>& messages, const JudgeItem& item);

/// item.messages as they are; parts of type image_url (as the openai protocol has them) are images. Throws Error
/// "data".
std::vector<Message> given_messages(const JudgeItem& item);

}  // namespace assay
