#include <algorithm>

#include "core/model/step.hpp"
#include "core/text/error.hpp"
#include "experiments/debate/composing.hpp"

namespace assay {
namespace {

constexpr std::size_t kShownBytes = 60;

/// A rendering that draws can't be rebuilt from what it was sent as; nothing else draws.
class NoDraws final : public RandomSource {
 public:
  std::uint64_t next() override { return 0; }
};

std::string excerpt(const std::string& text, std::size_t from) {
  const std::string rest = text.substr(std::min(from, text.size()));
  return rest.size() <= kShownBytes ? rest : rest.substr(0, kShownBytes) + " ..";
}

bool is_speaker(const ContextMessage& message, const ContextMessage& other) {
  return message.role == other.role && message.more == other.more;
}

class Rebuilding {
 public:
  Rebuilding(const Composer& composer, const Item& item, std::uint32_t forked_at, const std::string& added)
      : composer_(composer), item_(item), forked_at_(forked_at), added_(added) {}

  /// The messages that `first` begins, given what stands before it.
  std::vector<RenderedMessage> written(const std::vector<ContextMessage>& before, const ContextMessage& first) {
    const Transcript said(before);
    const Json agent = first.more.at("agent");
    const auto round = first.more.at("round").get<std::uint32_t>();
    const DebateMoment moment{item_, said, round, draws_, round == forked_at_ + 1 ? added_ : ""};
    if (agent.is_number()) return composer_.turn(agent.get<std::size_t>(), moment);
    if (agent == kCritic) return composer_.critic(moment);
    if (agent == kSynthesizer) return composer_.synthesizer(moment);
    std::optional<std::size_t> reader;
    if (first.more.contains("reader")) reader = first.more["reader"].get<std::size_t>();
    return composer_.summary(reader, moment);
  }

  void compare(const ContextMessage& recorded, const std::string& written) {
    ++result.compared;
    const auto& want = recorded.content.get_ref<const std::string&>();
    if (want == written) {
      ++result.equal;
      return;
    }
    if (result.first) return;
    const auto differ = std::mismatch(want.begin(), want.end(), written.begin(), written.end()).first;
    const auto offset = static_cast<std::size_t>(differ - want.begin());
    const Json agent = recorded.more.at("agent");
    result.first = RebuiltMessages::Difference{agent.is_string() ? agent.get<std::string>() : dump_json(agent),
                                               recorded.more.at("round").get<std::uint32_t>(), offset,
                                               excerpt(want, offset), excerpt(written, offset)};
  }

  RebuiltMessages result;

 private:
  const Composer& composer_;
  const Item& item_;
  std::uint32_t forked_at_;
  const std::string& added_;
  NoDraws draws_;
};

bool is_question(const ContextMessage& message) {
  return message.role == "user" && message.content.is_string() && message.more.is_object() &&
         message.more.contains("agent") && message.more.contains("round") && message.more["round"].is_number_unsigned();
}

}  // namespace

RebuiltMessages rebuild_debate(const Composer& composer, const Item& item, const std::vector<ContextMessage>& context,
                               std::uint32_t forked_at, const std::string& added) {
  Rebuilding work(composer, item, forked_at, added);
  std::vector<ContextMessage> before;
  try {
    for (std::size_t i = 0; i < context.size();) {
      std::size_t end = i + 1;
      if (is_question(context[i])) {
        while (end < context.size() && is_speaker(context[end], context[i])) ++end;
        if (context[i].more["round"].get<std::uint32_t>() > forked_at) {
          const auto written = work.written(before, context[i]);
          std::size_t at = i;
          for (const RenderedMessage& message : written) {
            if (message.role == "user" && at < end) work.compare(context[at++], message.content);
          }
          for (; at < end; ++at) work.compare(context[at], "");
        }
      }
      for (; i < end; ++i) before.push_back(context[i]);
    }
  } catch (const RunFailure& failure) {
    throw Error(failure.kind(), failure.what());
  }
  return work.result;
}

}  // namespace assay
