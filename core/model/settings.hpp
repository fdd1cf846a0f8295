#pragma once
// Settings: name, value, and where the value comes from (default, file, environment, command line, set).
// Rows of a table, so that `set`, its completion and its help come from one place. Any thread.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

struct SettingSpec {
  std::string name, default_text, help;
  /// Throws Error when the text is no value of this setting.
  std::function<void(const std::string&)> check;
};

class Settings {
 public:
  void declare(SettingSpec spec);
  /// Throws Error for an unknown name (with the nearest) or a bad value.
  void set(const std::string& name, const std::string& value, const std::string& origin);
  void reset(const std::string& name);
  std::string get(std::string_view name) const;
  /// Grows with every change: who keeps what it made of the values knows when to make it anew.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  std::string origin(std::string_view name) const;
  std::vector<SettingSpec> all() const;
  /// Reads "name value" lines. Throws Error with file and line.
  void read_file(const std::string& path);
  /// ASSAY_NAME for each setting NAME ('.' becomes '_').
  void read_environment(const char* const* environment);

 private:
  struct Entry {
    SettingSpec spec;
    std::string value, origin;
  };
  std::atomic<std::uint64_t> version_{1};
  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::vector<std::string> order_;
};

}  // namespace assay
