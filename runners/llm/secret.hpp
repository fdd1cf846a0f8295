#pragma once
// Keys: where they are kept, and the filter that keeps them from getting anywhere else. Specs: models.md 1.
// Thread rule: SecretStore any thread.

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

/// Overwrites the bytes with zeros, then empties the text.
void wipe(std::string& text);

/// A key's value. No stream operator, no JSON, no copy; wiped on destruction.
class Secret {
 public:
  explicit Secret(std::string value) : value_(std::move(value)) {}
  ~Secret();
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  /// The header writer's way in; nobody else's.
  void append_to(std::string& header) const { header += value_; }
  bool empty() const { return value_.empty(); }

 private:
  friend class SecretFilter;
  friend class SecretStore;
  std::string value_;
};

/// Resolves names of secrets where bytes are written.
class SecretSource {
 public:
  virtual ~SecretSource() = default;
  /// Appends the value to `header`; false when there is no such secret.
  virtual bool append(std::string_view name, std::string& header) const = 0;
};

/// Replaces each loaded key of 8 and more characters, and its base64 (both alphabets), URL-encoded and JSON-escaped
/// forms, by [NAME]. The longest form wins where several match.
class SecretFilter {
 public:
  SecretFilter() = default;
  ~SecretFilter();
  SecretFilter(const SecretFilter&) = delete;
  SecretFilter& operator=(const SecretFilter&) = delete;
  void add(std::string_view name, const Secret& secret);
  std::string redact(std::string_view text) const;
  /// Whether redact would change the text.
  bool holds_secret(std::string_view text) const;

 private:
  struct Form {
    std::string text, name;
  };
  std::vector<Form> forms_;  // longest first
};

/// The keys of this process by variable name (or "file:PATH").
class SecretStore final : public SecretSource {
 public:
  /// Loads or replaces. Surrounding blanks and line ends are cut off.
  void put(const std::string& name, std::string value);
  bool has(std::string_view name) const;
  bool append(std::string_view name, std::string& header) const override;
  std::string redact(std::string_view text) const;
  bool holds_secret(std::string_view text) const;

 private:
  struct Entry {
    std::string name;
    std::unique_ptr<Secret> secret;
  };
  mutable std::shared_mutex mutex_;
  std::vector<Entry> entries_;  // guarded by mutex_
  SecretFilter filter_;         // guarded by mutex_
};

}  // namespace assay
