// Pinned entries against the configuration as it is now (models.md 1).

#include <optional>

#include "core/text/error.hpp"
#include "runners/llm/local_target.hpp"
#include "runners/llm/names.hpp"

namespace assay {
namespace {

/// What a batch does not keep: the key, limits, and what belongs to this machine.
void take_unpinned(ModelEntry& entry, const ModelEntry& own) {
  entry.key_envs = own.key_envs;
  entry.key_file = own.key_file;
  entry.key_env = own.key_env;
  entry.key_needed = own.key_needed;
  entry.limits = own.limits;
  if (!entry.price) entry.price = own.price;  // changes no request; a batch of unknown price keeps nothing by it
  entry.ca_file = own.ca_file;
  entry.proxy = own.proxy;
  entry.local_server.server = own.local_server.server;
  entry.local_server.idle_stop = own.local_server.idle_stop;
  entry.program.workers = own.program.workers;
  entry.program.env_keys = own.program.env_keys;
}

}  // namespace

std::optional<ModelEntry> ModelRegistry::own_entry(const ModelEntry& pinned) const {
  std::optional<ModelEntry> own;
  for (const std::string& name : {pinned.alias, pinned.provider + "/" + pinned.model}) {
    if (name.empty()) continue;
    try {
      ModelEntry found = build(name, false);
      // An alias may mean another model by now: then the provider's own entry decides.
      if (found.provider == pinned.provider && found.address == pinned.address) return found;
      if (!own || own->provider != pinned.provider) own = std::move(found);
    } catch (const Error&) {
      continue;  // the alias, or its provider, is gone
    }
  }
  if (own && own->provider != pinned.provider) own.reset();
  return own;
}

/// The answers of a batch are those of one file, wherever it lies by now.
void ModelRegistry::check_weights(ModelEntry& pinned, const std::optional<ModelEntry>& own) const {
  if (!pinned.managed() || !pinned.endpoint_id.empty()) return;
  if (own && own->managed() && own->endpoint == pinned.endpoint) {
    pinned.local_server.path = own->local_server.path;
    return;
  }
  const std::string& path = pinned.local_server.path;
  const std::string found = gguf_identity(path);
  if (found == pinned.endpoint) return;
  throw Error("bad_request", pinned.name + ": " + path + " is another file than the one this batch was loaded with", "",
              "then " + pinned.endpoint + ", now " + found + "; load the batch again to ask the new one");
}

ModelEntry ModelRegistry::bring_up_to_date(const Json& pinned) const {
  ModelEntry entry = *model_from_json(pinned);
  if (offline_ > 0) return entry;
  const std::optional<ModelEntry> own = own_entry(entry);
  const std::string refresh = "set models=refresh takes your own configuration";
  if (own) {
    const bool foreign = !entry.url.empty() && own->address != entry.address && !own->key_env.empty() &&
                         !is_loopback(split_url(entry.url).host);
    if (foreign) {
      throw Error("bad_request",
                  entry.name + " is pinned to " + entry.address + ", which is not your address of " + entry.provider +
                      "; " + own->key_env + " is not sent there",
                  "", refresh);
    }
    take_unpinned(entry, *own);
  }
  const ExecProgram program = own ? own->program : ExecProgram{};
  const LocalServer server = own ? own->local_server : LocalServer{};
  if (entry.program.command != program.command || entry.local_server.args != server.args) {
    throw Error("bad_request", entry.name + " is pinned to a program that is not the one of your models.yaml", "",
                refresh);
  }
  check_weights(entry, own);
  join_program(entry);
  for (std::size_t i = 0; i < entry.fallback_entries.size(); ++i) {
    entry.fallback_entries[i] = std::make_shared<const ModelEntry>(bring_up_to_date(pinned.at("fallbacks").at(i)));
  }
  return entry;
}

ModelHandle ModelRegistry::callable_pinned(const Json& pinned) const {
  ModelEntry entry = bring_up_to_date(pinned);
  check_callable(entry);
  return std::make_shared<const ModelEntry>(std::move(entry));
}

std::vector<EntryDifference> ModelRegistry::changes(const Json& pinned) const {
  const ModelEntry entry = *model_from_json(pinned);
  if (entry.alias.empty()) return differences(pinned, build(entry.name));
  if (config_.models.find(entry.alias) == config_.models.end()) return {{"alias", entry.alias, nullptr, "models.yaml"}};
  return differences(pinned, build(entry.alias));
}

}  // namespace assay
