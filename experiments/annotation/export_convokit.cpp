// convokit: utterances.jsonl, speakers.json, conversations.json, corpus.json, index.json

#include <map>
#include <set>

#include "core/text/words.hpp"
#include "experiments/annotation/export_forms.hpp"

namespace assay {
namespace {

/// The names of Python types, as ConvoKit's index has them; "" for null, which it does not list.
std::string python_type(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return {};
    case Json::value_t::boolean:
      return "<class 'bool'>";
    case Json::value_t::string:
      return "<class 'str'>";
    case Json::value_t::array:
      return "<class 'list'>";
    case Json::value_t::object:
      return "<class 'dict'>";
    case Json::value_t::number_float:
      return "<class 'float'>";
    default:
      return "<class 'int'>";
  }
}

/// The types that each key of some metadata has.
class TypeIndex {
 public:
  void add(const Json& meta) {
    for (const auto& [key, value] : meta.items()) {
      const std::string type = python_type(value);
      auto& types = types_[key];
      if (!type.empty()) types.insert(type);
    }
  }
  Json json() const {
    Json out = Json::object();
    for (const auto& [key, types] : types_) {
      if (!types.empty()) out[key] = types;
    }
    return out;
  }

 private:
  std::map<std::string, std::set<std::string>> types_;
};

class Corpus {
 public:
  explicit Corpus(ExportSet& set) : set_(set) {
    std::map<std::string, std::size_t> runs;
    for (const ExportedAnnotation& annotation : set.annotations) ++runs[annotation.run];
    for (const ExportedAnnotation& annotation : set.annotations) {
      annotator_keys_.push_back(runs[annotation.run] == 1 ? annotation.run : annotation.address());
    }
  }

  JointExport files() {
    std::uint64_t empty = 0, renamed = 0;
    for (const ExportedDiscussion& discussion : set_.discussions) {
      if (discussion.size() == 0) {
        ++empty;
        continue;
      }
      std::string id = discussion.record.id;
      for (std::size_t n = 2; !ids_.insert(id).second; ++n) id = discussion.record.id + "~" + std::to_string(n);
      renamed += id != discussion.record.id ? 1 : 0;
      add(discussion, id);
    }
    if (empty > 0) set_.notes.push_back(counted(empty, "discussion has", "discussions have") + " no comment: left out");
    if (renamed > 0) {
      set_.notes.push_back(counted(renamed, "discussion has", "discussions have") +
                           " an id that stands for another already: told apart by ~2, ~3 .. behind it");
    }
    if (ids_.empty()) return {{}, std::move(set_.notes), 0};
    const Json index = Json::object({{"utterances-index", utterance_types_.json()},
                                     {"speakers-index", speaker_types_.json()},
                                     {"conversations-index", conversation_types_.json()},
                                     {"overall-index", Json::object()},
                                     {"version", 1},
                                     {"vectors", Json::array()}});
    return {{{"utterances.jsonl", std::move(utterances_)},
             {"speakers.json", object_text(speakers_)},
             {"conversations.json", object_text(conversations_)},
             {"corpus.json", "{}"},
             {"index.json", dump_json(index)}},
            std::move(set_.notes),
            set_.runs - empty};
  }

 private:
  using Members = std::vector<std::pair<std::string, Json>>;

  static std::string object_text(const Members& members) {
    std::string out = "{";
    for (const auto& [key, value] : members) {
      if (out.size() > 1) out += ',';
      append_json_string(out, key);
      out += ':' + dump_json(value);
    }
    return out + "}";
  }

  static Json described(Json meta) { return Json::object({{"meta", std::move(meta)}, {"vectors", Json::array()}}); }

  void add(const ExportedDiscussion& discussion, const std::string& id) {
    const DiscussionRecord& record = discussion.record;
    const auto utterance_id = [&](std::size_t index) { return id + "_" + std::to_string(index); };
    std::set<std::string> known;
    for (std::size_t i = 0; i < discussion.size(); ++i) {
      const DiscussionEvent& event = discussion[i];
      const std::string speaker_id = id + "_" + event.name;
      if (known.insert(speaker_id).second) {
        const Json meta = Json::object({{"name", event.name},
                                        {"persona", discussion.speaker(i).persona},
                                        {"is_moderator", discussion.by_moderator(i)}});
        speaker_types_.add(meta);
        speakers_.emplace_back(speaker_id, described(meta));
      }
      Json meta = Json::object({{"model", event.model},
                                {"is_moderator", discussion.by_moderator(i)},
                                {"is_seed", event.kind == DiscussionEvent::Kind::seed},
                                {"is_silent", event.silent},
                                {"turn", event.turn},
                                {"annotations", annotations(discussion, i)}});
      utterance_types_.add(meta);
      utterances_ += dump_json(Json::object({{"id", utterance_id(i)},
                                             {"conversation_id", utterance_id(0)},
                                             {"text", event.text},
                                             {"speaker", speaker_id},
                                             {"meta", std::move(meta)},
                                             {"reply-to", i == 0 ? Json() : Json(utterance_id(i - 1))},
                                             {"timestamp", i},
                                             {"vectors", Json::array()}}));
      utterances_ += '\n';
    }
    const Json meta = Json::object({{"conv_id", record.id},
                                    {"run", discussion.run},
                                    {"batch", discussion.batch},
                                    {"conv_variant", discussion.variant},
                                    {"timestamp", record.timestamp},
                                    {"ctx_length", record.ctx_length}});
    conversation_types_.add(meta);
    conversations_.emplace_back(utterance_id(0), described(meta));
  }

  Json annotations(const ExportedDiscussion& discussion, std::size_t index) const {
    Json all = Json::object();
    for (const ExportedDiscussion::Annotated& annotated : discussion.annotations[index]) {
      Json values = Json::object();
      for (const auto& [key, value] : set_.annotations[annotated.annotation].values[annotated.entry]) {
        if (!value.is_null()) values[key] = value;
      }
      all[annotator_keys_[annotated.annotation]] = std::move(values);
    }
    return all;
  }

  ExportSet& set_;
  std::vector<std::string> annotator_keys_;  ///< of each annotation: its run
  std::set<std::string> ids_;
  std::string utterances_;
  // Objects of many keys: built as pairs, since an ordered object looks through all its keys for each new one.
  Members speakers_, conversations_;
  TypeIndex utterance_types_, speaker_types_, conversation_types_;
};

}  // namespace

JointExport export_convokit(const std::vector<const BatchView*>& batches) {
  ExportSet set = gather(batches);
  return Corpus(set).files();
}

}  // namespace assay
