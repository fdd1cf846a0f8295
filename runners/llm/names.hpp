#pragma once
// From a name a person typed to everything needed to call the model: alias, provider, environment, built-in rows.
// Specs: models.md 1. ModelRegistry: any thread.

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model/models.hpp"
#include "runners/llm/environment.hpp"
#include "runners/llm/limiter.hpp"
#include "runners/llm/model_entry.hpp"
#include "runners/llm/models_file.hpp"
#include "runners/llm/secret.hpp"
#include "runners/llm/settings.hpp"
#include "runners/llm/target.hpp"
#include "runners/llm/urls.hpp"

namespace assay {

class LocalModels;

/// What is only shown: the client's settings, and lines of the transport; and the programs that are started for models,
/// null: none are.
struct RegistryExtras {
  SettingLookup setting = default_llm_settings();
  std::function<std::vector<std::string>()> notes = {};
  LocalModels* local = nullptr;
};

class ModelRegistry final : public ModelCatalog {
 public:
  /// `limiter` may be null; `secrets` gets every key that is found. `chosen_model`: the text of `set model`, "" none;
  /// called whenever no model is named.
  ModelRegistry(EnvironmentLookup environment, SecretStore& secrets, ModelsConfig config = {},
                const Limiter* limiter = nullptr, std::function<std::string()> chosen_model = {},
                std::function<std::vector<Targets::State>()> targets = {}, RegistryExtras extras = {});

  /// The entry of a name ("" = the default model). Each field: alias (and what it extends) > environment > `providers:`
  /// entry > built in. Throws Error "not_found" (with the nearest), "bad_request".
  /// Loads its key when there is one; a missing key is not an error here. A program or a file behind it that is not
  /// there is one ("local/absent", "local/load"). For names that a person gives: exec/COMMAND may be started from now
  /// on.
  ModelHandle entry(const std::string& name) const;
  /// As entry, then applies pinned-file overrides: {"params":{..},"extra":{..},"price":{..}}; and refuses what can't
  /// be called: provider not built in ("not_found"), needed key missing ("no_key"), key over plain http, no
  /// llama-server
  /// ("local/absent"), a program that no person has named. Fallbacks are checked too.
  ModelHandle callable(const std::string& name, const Json& overrides = nullptr) const;
  /// The same checks for a pinned entry. Key, limits and what belongs to this machine come from the configuration as it
  /// is now. A file from outside may pin anything: a key goes only to an address that this user's own configuration
  /// gives, and a program is started only when it stands there.
  ModelHandle callable_pinned(const Json& pinned) const;
  /// While one exists, `callable` and `callable_pinned` refuse nothing for want of a key, a server or trust: for
  /// replays, which send nothing.
  class Offline {
   public:
    explicit Offline(const ModelRegistry& models) : models_(models) { ++models_.offline_; }
    ~Offline() { --models_.offline_; }
    Offline(const Offline&) = delete;
    Offline& operator=(const Offline&) = delete;

   private:
    const ModelRegistry& models_;
  };
  /// How the entry that its name gives now differs from the pinned one: for difference_line at run_n.
  std::vector<EntryDifference> changes(const Json& pinned) const;

  std::vector<ModelFacts> list() const override;
  ModelFacts resolve(const std::string& name) const override;
  std::pair<std::string, std::string> default_model() const override;
  Report describe(const std::string& name) const override;
  std::vector<std::string> import_prices(const std::string& file) const override;
  std::vector<std::string> notes() const override;
  std::vector<std::string> log(const std::string& name) const override;
  std::vector<std::string> child_environment() const override;
  /// One line each: key files that others can read.
  std::vector<std::string> warnings() const;

  /// The names known before the first '/', sorted; own ones not included.
  static std::vector<std::string> providers();

 private:
  struct Name;
  Name split_name(const std::string& given) const;
  ModelEntry build(const std::string& name, bool with_fallbacks = true) const;
  void take_key(ModelEntry& entry) const;
  std::optional<ModelEntry> own_entry(const ModelEntry& pinned) const;
  ModelEntry bring_up_to_date(const Json& pinned) const;
  void check_callable(const ModelEntry& entry) const;
  void join_program(ModelEntry& entry) const;
  void check_allowed(const ModelEntry& entry) const;
  void check_weights(ModelEntry& pinned, const std::optional<ModelEntry>& own) const;
  void load_key(const ModelEntry& entry) const;
  ModelFacts facts(const ModelEntry& entry) const;
  std::optional<FieldValue> imported_price(const std::string& name) const;
  EnvironmentLookup environment_;
  SecretStore& secrets_;
  ModelsConfig config_;
  const Limiter* limiter_;
  std::function<std::vector<Targets::State>()> targets_;
  std::function<std::string()> chosen_model_;
  RegistryExtras extras_;
  mutable std::mutex imported_mutex_;
  mutable std::map<std::string, FieldValue, std::less<>> imported_;  // guarded by imported_mutex_
  mutable std::atomic<int> offline_{0};
  mutable std::mutex typed_mutex_;
  mutable std::set<std::string, std::less<>> typed_;  // guarded by typed_mutex_: exec/COMMAND as a person named it
};

}  // namespace assay
