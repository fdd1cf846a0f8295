#include "core/model/settings.hpp"

#include <cctype>
#include <stdexcept>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/shell_words.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

constexpr std::string_view kBlank = " \t\r";

/// The rest of a line as the value: as it stands, or without its quotes when it is one quoted word.
std::string value_of(std::string_view rest) {
  if (rest.starts_with('"') || rest.starts_with('\'')) {
    const auto words = split_shell_words(rest);
    if (words.size() == 1) return words.front().text;
  }
  return std::string(rest);
}

std::string environment_name(std::string_view setting) {
  std::string name = "ASSAY_";
  for (const char c : setting)
    name += c == '.' || c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

}  // namespace

void Settings::declare(SettingSpec spec) {
  const std::scoped_lock lock(mutex_);
  const std::string name = spec.name, value = spec.default_text;
  if (!entries_.emplace(name, Entry{std::move(spec), value, "default"}).second)
    throw std::logic_error("two settings named " + name);
  order_.push_back(name);
  ++version_;
}

void Settings::set(const std::string& name, const std::string& value, const std::string& origin) {
  std::function<void(const std::string&)> check;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end()) {
      const auto near = nearest(name, order_);
      throw Error("usage", "unknown setting \"" + name + "\"" + (near ? ": did you mean " + *near + "?" : ""), {},
                  "set lists them all");
    }
    check = found->second.spec.check;
  }
  if (check) check(value);  // without the lock: a check may read other settings
  const std::scoped_lock lock(mutex_);
  Entry& entry = entries_.find(name)->second;
  entry.value = value;
  entry.origin = origin;
  ++version_;
}

void Settings::reset(const std::string& name) {
  const std::string text = [&] {
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(name);
    return found == entries_.end() ? std::string() : found->second.spec.default_text;
  }();
  set(name, text, "default");
}

std::string Settings::get(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) throw std::logic_error("no such setting: " + std::string(name));
  return found->second.value;
}

std::string Settings::origin(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) throw std::logic_error("no such setting: " + std::string(name));
  return found->second.origin;
}

std::vector<SettingSpec> Settings::all() const {
  const std::scoped_lock lock(mutex_);
  std::vector<SettingSpec> specs;
  for (const std::string& name : order_) specs.push_back(entries_.find(name)->second.spec);
  return specs;
}

void Settings::read_file(const std::string& path) {
  const std::string text = assay::read_file(path);
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = trim(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    const std::string place = path + ":" + std::to_string(number);
    const auto gap = line.find_first_of(kBlank);
    if (gap == std::string_view::npos)
      throw Error("file", "expected NAME VALUE, found only \"" + std::string(line) + "\"", place);
    try {
      set(std::string(line.substr(0, gap)), value_of(trim(line.substr(gap))), "file " + path);
    } catch (const Error& error) {
      throw Error("file", error.message(), place, error.hint());
    }
  }
}

void Settings::read_environment(const char* const* environment) {
  std::map<std::string, std::string> names;  // variable -> setting
  {
    const std::scoped_lock lock(mutex_);
    for (const std::string& name : order_) names.emplace(environment_name(name), name);
  }
  for (; environment && *environment; ++environment) {
    const std::string_view entry = *environment;
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    const auto found = names.find(std::string(entry.substr(0, equals)));
    if (found == names.end()) continue;
    try {
      set(found->second, std::string(entry.substr(equals + 1)), "environment " + found->first);
    } catch (const Error& error) {
      throw Error("usage", error.message(), found->first, error.hint());
    }
  }
}

}  // namespace assay
