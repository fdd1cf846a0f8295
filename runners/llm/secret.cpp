#include "runners/llm/secret.hpp"

#include <algorithm>
#include <cstring>

#include "core/text/hash.hpp"

namespace assay {
namespace {

/// At least this long: shorter texts would blank out ordinary words.
constexpr std::size_t kShortest = 8;

std::string url_encoded(std::string_view text) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char raw : text) {
    const auto c = static_cast<unsigned char>(raw);
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out += raw;
    } else {
      out += '%';
      out += digits[c >> 4U];
      out += digits[c & 15U];
    }
  }
  return out;
}

std::string json_escaped(std::string_view text, bool slashes) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\' || (slashes && c == '/')) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

Secret::~Secret() {
  if (!value_.empty()) explicit_bzero(value_.data(), value_.size());
}

void SecretFilter::add(std::string_view name, const Secret& secret) {
  const std::string& value = secret.value_;
  if (value.size() < kShortest) return;
  const auto put = [&](std::string form) {
    for (const Form& known : forms_) {
      if (known.text == form) return;
    }
    forms_.push_back({std::move(form), std::string(name)});
  };
  put(value);
  std::string base64 = base64_encode(value);
  put(base64);
  while (base64.ends_with('=')) base64.pop_back();
  put(base64);
  put(url_encoded(value));
  put(json_escaped(value, false));
  put(json_escaped(value, true));
  std::stable_sort(forms_.begin(), forms_.end(),
                   [](const Form& a, const Form& b) { return a.text.size() > b.text.size(); });
}

std::string SecretFilter::redact(std::string_view text) const {
  std::string out(text);
  for (const Form& form : forms_) {
    for (std::size_t at = out.find(form.text); at != std::string::npos; at = out.find(form.text, at)) {
      out.replace(at, form.text.size(), "[" + form.name + "]");
      at += form.name.size() + 2;
    }
  }
  return out;
}

bool SecretFilter::holds_secret(std::string_view text) const {
  return std::any_of(forms_.begin(), forms_.end(), [&](const Form& form) {
    return memmem(text.data(), text.size(), form.text.data(), form.text.size()) != nullptr;
  });
}

void SecretStore::put(const std::string& name, std::string value) {
  const std::size_t begin = value.find_first_not_of(" \t\r\n");
  const std::size_t end = value.find_last_not_of(" \t\r\n");
  if (begin == std::string::npos) {
    value.clear();
  } else {
    value = value.substr(begin, end - begin + 1);
  }
  const std::unique_lock lock(mutex_);
  auto secret = std::make_unique<Secret>(std::move(value));
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.name == name; });
  if (found != entries_.end() && found->secret->value_ == secret->value_) return;
  filter_.add(name, *secret);
  if (found != entries_.end()) {
    found->secret = std::move(secret);
  } else {
    entries_.push_back({name, std::move(secret)});
  }
}

bool SecretStore::has(std::string_view name) const {
  const std::shared_lock lock(mutex_);
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& e) { return e.name == name && !e.secret->empty(); });
}

bool SecretStore::append(std::string_view name, std::string& header) const {
  const std::shared_lock lock(mutex_);
  for (const Entry& entry : entries_) {
    if (entry.name != name) continue;
    entry.secret->append_to(header);
    return true;
  }
  return false;
}

std::string SecretStore::redact(std::string_view text) const {
  const std::shared_lock lock(mutex_);
  return filter_.redact(text);
}

bool SecretStore::holds_secret(std::string_view text) const {
  const std::shared_lock lock(mutex_);
  return filter_.holds_secret(text);
}

}  // namespace assay
