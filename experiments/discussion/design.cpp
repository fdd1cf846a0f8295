#include "experiments/discussion/design.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/engine/clock.hpp"
#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/hash.hpp"
#include "experiments/discussion/json_fields.hpp"

namespace assay {
namespace {

constexpr std::uint64_t kDesignVersion = 1;

template <typename Object, typename Visit>
void fields(Object& design, const Visit& visit) {
  visit("id", design.id);
  visit("seed", design.seed);
  visit("cell", design.cell);
  visit("index", design.index);
  visit("epoch", design.epoch);
  visit("moderator", design.moderator);
  visit("speakers", design.speakers);
}

template <typename Object, typename Visit>
void user_fields(Object& user, const Visit& visit) {
  visit("name", user.name);
  visit("persona", user.persona);
  visit("attributes", user.attributes);
  visit("troll", user.troll);
}

template <typename Object, typename Visit>
void opening_fields(Object& opening, const Visit& visit) {
  visit("name", opening.name);
  visit("text", opening.text);
  visit("topic", opening.topic);
}

/// One opening a topic: of a thread's candidates the drawn one.
std::vector<std::vector<Opening>> topics_of(const DesignPools& pools, const DesignRequest& request) {
  if (pools.candidates.empty()) return pools.openings;
  std::vector<std::vector<Opening>> topics;
  for (std::size_t i = 0; i < pools.candidates.size(); ++i) {
    NamedStream stream = design_stream(request.seed, request.cell, i, "seed_rows");
    topics.push_back(pools.candidates[i][stream.below(pools.candidates[i].size())]);
  }
  return topics;
}

std::size_t draw_topic(const DesignRequest& request, std::uint64_t index, std::size_t topics) {
  if (!request.balanced_topics) return design_stream(request.seed, request.cell, index, "topic").below(topics);
  NamedStream block = design_stream(request.seed, request.cell, index / topics, "topic_block");
  return sample(block, topics, topics)[index % topics];
}

std::size_t rename_equal(std::vector<Participant>& users, const std::string& moderator, bool refuse) {
  std::map<std::string, int> seen = {{moderator, 1}};  // the name is taken
  std::set<std::string> names = {moderator};
  for (const Participant& user : users) names.insert(user.name);
  std::size_t renamed = 0;
  for (Participant& user : users) {
    const std::string base = user.name;
    int times = ++seen[base];
    if (times == 1) continue;
    if (refuse) throw Error("usage", "two of the sampled users are named " + base + " (names=error)", "names");
    while (!names.insert(base + "_" + std::to_string(times)).second) ++times;
    user.name = base + "_" + std::to_string(times);
    ++renamed;
  }
  return renamed;
}

const Json& member(const Json& object, const char* name, const std::string& place) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || found == object.end())
    throw Error("file", std::string("there is no \"") + name + "\"", place);
  return *found;
}

std::string text_of(const Json& value, const std::string& place) {
  if (!value.is_string()) throw Error("file", "found " + dump_json(value) + ", expected a text", place);
  return value.get<std::string>();
}

const Json& list_of(const Json& value, const std::string& place) {
  if (!value.is_array()) throw Error("file", "found " + dump_json(value) + ", expected a list", place);
  return value;
}

/// The persona of that name; NAME_2 is the second of that name where no persona is called so.
const Participant& find_persona(const DesignPools& pools, const std::string& name, const std::string& place) {
  for (const Participant& persona : pools.personas) {
    if (persona.name == name) return persona;
  }
  const auto end = name.rfind('_');
  if (end != std::string::npos && end + 1 < name.size()) {
    std::string nth = name.substr(end + 1);
    for (const Participant& persona : pools.personas) {
      if (persona.name != name.substr(0, end)) continue;
      if (nth == "1") return persona;
      char* rest = nullptr;
      const auto number = std::strtoull(nth.c_str(), &rest, 10);
      if (number < 2 || *rest != '\0') break;
      nth = std::to_string(number - 1);
    }
  }
  throw Error("file", "user " + name + " is none of the personas", place);
}

DiscussionDesign design_entry(const Json& entry, const std::string& place, const DesignPools& pools,
                              const std::vector<std::pair<std::string, std::string>>& topics) {
  static const std::vector<std::string> kKeys = {"name", "id", "users", "seeds", "instructions", "speakers"};
  if (!entry.is_object()) throw Error("file", "found " + dump_json(entry) + ", expected an object", place);
  for (const auto& [key, value] : entry.items()) {
    if (std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end()) continue;
    const auto near = nearest(key, kKeys);
    throw Error("file", "\"" + key + "\" is no key of a discussion" + (near ? "; did you mean " + *near + "?" : ""),
                place);
  }
  DiscussionDesign design;
  design.id = entry.contains("id") ? text_of(entry["id"], place + ".id") : random_uuid();
  const auto user_named = [&](const std::string& name, const std::string& where) -> Participant& {
    for (Participant& user : design.users) {
      if (user.name == name) return user;
    }
    throw Error("file", name + " is none of the discussion's users", where);
  };
  for (const Json& value : list_of(member(entry, "users", place), place + ".users")) {
    const std::string name = text_of(value, place + ".users");
    Participant user = find_persona(pools, name, place + ".users");
    user.name = name;
    if (name == design.moderator) throw Error("file", name + " is the moderator's name, no user's", place + ".users");
    for (const Participant& other : design.users) {
      if (other.name == name) throw Error("file", "user " + name + " stands there twice", place + ".users");
    }
    design.users.push_back(std::move(user));
  }
  if (design.users.empty()) throw Error("file", "the list is empty", place + ".users");
  if (const auto seeds = entry.find("seeds"); seeds != entry.end()) {
    for (std::size_t i = 0; i < list_of(*seeds, place + ".seeds").size(); ++i) {
      const std::string where = place + ".seeds[" + std::to_string(i) + "]";
      const Json& seed = (*seeds)[i];
      Opening opening;
      opening.name = text_of(member(seed, "name", where), where + ".name");
      // A seed may come from outside (g1's FirstUser), but a name that is nobody's is mostly a slip.
      user_named(opening.name, where + ".name");
      if (seed.contains("text")) {
        opening.text = text_of(seed["text"], where + ".text");
      } else {
        opening.topic = text_of(member(seed, "topic", where), where + ".topic");
        const auto topic =
            std::find_if(topics.begin(), topics.end(), [&](const auto& one) { return one.first == opening.topic; });
        if (topic == topics.end()) throw Error("file", "topic " + opening.topic + " is none of `topics`", where);
        opening.text = topic->second;
      }
      design.openings.push_back(std::move(opening));
    }
  }
  if (const auto instructions = entry.find("instructions"); instructions != entry.end()) {
    const std::string where = place + ".instructions";
    if (!instructions->is_object()) throw Error("file", "expected {\"NAME\": \"troll\"}", where);
    for (const auto& [name, which] : instructions->items()) {
      if (which != "troll" && which != "user") {
        throw Error("file", "found " + dump_json(which) + ", expected \"user\" or \"troll\"", where + "." + name);
      }
      user_named(name, where).troll = which == "troll";
    }
  }
  if (const auto speakers = entry.find("speakers"); speakers != entry.end()) {
    for (const Json& value : list_of(*speakers, place + ".speakers")) {
      const std::string name = text_of(value, place + ".speakers");
      user_named(name, place + ".speakers");
      design.speakers.push_back(name);
    }
  }
  return design;
}

}  // namespace

Json to_json(const DiscussionDesign& design) {
  Json out = Json::object();
  fields(design, FieldWriter{out});
  Json users = Json::array(), openings = Json::array();
  for (const Participant& user : design.users) {
    Json one = Json::object();
    user_fields(user, FieldWriter{one});
    users.push_back(std::move(one));
  }
  for (const Opening& opening : design.openings) {
    Json one = Json::object();
    opening_fields(opening, FieldWriter{one});
    openings.push_back(std::move(one));
  }
  out["users"] = std::move(users);
  out["openings"] = std::move(openings);
  return out;
}

DiscussionDesign design_from(const Json& value) {
  DiscussionDesign design;
  fields(design, FieldReader{value});
  for (const Json& one : member(value, "users", "design")) {
    user_fields(design.users.emplace_back(), FieldReader{one});
  }
  for (const Json& one : member(value, "openings", "design")) {
    opening_fields(design.openings.emplace_back(), FieldReader{one});
  }
  return design;
}

NamedStream design_stream(std::uint64_t seed, std::string_view cell, std::uint64_t index, std::string_view purpose) {
  return NamedStream(std::to_string(seed) + "/" + std::string(cell) + "/" + std::to_string(index) + "/" +
                     std::string(purpose));
}

NamedStream design_stream(const DiscussionDesign& design, std::string_view purpose) {
  return design_stream(design.seed, design.cell, design.index, purpose);
}

std::vector<std::size_t> sample(NamedStream& stream, std::size_t n, std::size_t k) {
  std::vector<std::size_t> a(n);
  for (std::size_t i = 0; i < n; ++i) a[i] = i;
  for (std::size_t j = 0; j < k; ++j) std::swap(a[j], a[j + stream.below(n - j)]);
  a.resize(k);
  return a;
}

std::vector<DiscussionDesign> draw_designs(const DesignPools& pools, const DesignRequest& request,
                                           std::size_t* renamed) {
  const std::vector<std::vector<Opening>> topics = topics_of(pools, request);
  std::vector<DiscussionDesign> designs;
  for (std::uint64_t index = 0; index < request.num_experiments; ++index) {
    DiscussionDesign design;
    design.id = random_uuid();
    design.seed = request.seed;
    design.cell = request.cell;
    design.index = index;
    NamedStream users = design_stream(design, "users");
    for (const std::size_t at : sample(users, pools.personas.size(), request.num_users)) {
      design.users.push_back(pools.personas[at]);
    }
    const std::size_t changed = rename_equal(design.users, design.moderator, request.refuse_equal_names);
    if (renamed != nullptr) *renamed += changed;
    if (!topics.empty()) {
      design.openings = topics[draw_topic(request, index, topics.size())];
      NamedStream speakers = design_stream(design, "seed_speakers");
      const auto drawn = request.first_users_open ? std::vector<std::size_t>()
                                                  : sample(speakers, design.users.size(), design.openings.size());
      for (std::size_t i = 0; i < design.openings.size(); ++i) {
        Opening& opening = design.openings[i];
        if (opening.name.empty()) opening.name = design.users[request.first_users_open ? i : drawn[i]].name;
      }
    }
    if (request.troll_chance > 0) {
      NamedStream trolls = design_stream(design, "instructions");
      for (Participant& user : design.users) user.troll = trolls.unit() < request.troll_chance;
    }
    designs.push_back(std::move(design));
  }
  return designs;
}

DesignFile read_design(const Json& file, const std::string& place, const DesignPools& pools,
                       const std::vector<std::pair<std::string, std::string>>& topics) {
  DesignFile read;
  if (const Json& version = member(file, "assay_design", place); version != kDesignVersion) {
    throw Error("file", "found " + dump_json(version) + ", expected 1", place + ": assay_design");
  }
  if (const auto seed = file.find("seed"); seed != file.end()) {
    if (!seed->is_number_unsigned()) throw Error("file", "expected a whole number", place + ": seed");
    read.seed = seed->get<std::uint64_t>();
  }
  std::uint64_t index = 0;
  for (const Json& entry : list_of(member(file, "discussions", place), place + ": discussions")) {
    const std::string nth = place + ": discussions[" + std::to_string(index) + "]";
    const std::string name = text_of(member(entry, "name", nth), nth + ".name");
    DiscussionDesign design = design_entry(entry, place + ": discussion " + name, pools, topics);
    design.seed = read.seed.value_or(0);
    design.index = index++;
    read.discussions.emplace_back(name, std::move(design));
  }
  if (read.discussions.empty()) throw Error("file", "the list is empty", place + ": discussions");
  return read;
}

Json design_file(const std::vector<std::pair<std::string, DiscussionDesign>>& discussions) {
  Json file = Json::object({{"assay_design", kDesignVersion}});
  if (!discussions.empty()) file["seed"] = discussions.front().second.seed;
  Json list = Json::array();
  for (const auto& [name, design] : discussions) {
    Json entry = Json::object({{"name", name}, {"id", design.id}});
    Json users = Json::array(), seeds = Json::array(), trolls = Json::object();
    for (const Participant& user : design.users) {
      users.push_back(user.name);
      if (user.troll) trolls[user.name] = "troll";
    }
    for (const Opening& opening : design.openings) {
      Json seed = Json::object({{"name", opening.name}});
      if (opening.topic.empty()) {
        seed["text"] = opening.text;
      } else {
        seed["topic"] = opening.topic;
      }
      seeds.push_back(std::move(seed));
    }
    entry["users"] = std::move(users);
    entry["seeds"] = std::move(seeds);
    if (!trolls.empty()) entry["instructions"] = std::move(trolls);
    if (!design.speakers.empty()) entry["speakers"] = design.speakers;
    list.push_back(std::move(entry));
  }
  file["discussions"] = std::move(list);
  return file;
}

std::string random_uuid() {
  SystemEntropy entropy;
  constexpr std::uint64_t kVersion = 0x4000, kVersionMask = 0xF000, kVariant = 1ULL << 63, kVariantMask = 3ULL << 62;
  std::string digits =
      to_hex((entropy.next() & ~kVersionMask) | kVersion) + to_hex((entropy.next() & ~kVariantMask) | kVariant);
  for (const std::size_t at : {20U, 16U, 12U, 8U}) digits.insert(at, "-");
  return digits;
}

}  // namespace assay
