#include "runners/llm/secret.hpp"

#include <algorithm>
#include <cstring>

#include "core/text/hash.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

/// At least this long: shorter texts would blank out ordinary words.
constexpr std::size_t kShortest = 8;

/// `slashes`: as PHP and many others write them; `html`: & < > as Go writes them.
std::string json_escaped(std::string_view text, bool slashes, bool html) {
  std::string out;
  for (const char c : text) {
    if (html && (c == '&' || c == '<' || c == '>')) {
      out += c == '&' ? "\\u0026" : c == '<' ? "\\u003c" : "\\u003e";
      continue;
    }
    if (c == '"' || c == '\\' || (slashes && c == '/')) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

void wipe(std::string& text) {
  if (!text.empty()) explicit_bzero(text.data(), text.size());
  text.clear();
}

Secret::~Secret() { wipe(value_); }

SecretFilter::~SecretFilter() {
  for (Form& form : forms_) wipe(form.text);
}

void SecretFilter::add(std::string_view name, const Secret& secret) {
  const std::string& value = secret.value_;
  if (value.size() < kShortest) return;
  const auto put = [&](std::string form) {
    for (const Form& known : forms_) {
      if (known.text == form) return wipe(form);
    }
    forms_.push_back({std::move(form), std::string(name)});
  };
  put(value);
  std::string base64 = base64_encode(value);
  put(base64);
  while (base64.ends_with('=')) base64.pop_back();
  put(base64);
  for (char& c : base64) c = c == '+' ? '-' : c == '/' ? '_' : c;
  put(std::move(base64));
  for (const std::string_view digits : {"0123456789ABCDEF", "0123456789abcdef"}) {
    for (const std::string_view kept : {"", "/"}) put(url_encoded(value, kept, digits));
  }
  for (const bool slashes : {false, true}) {
    for (const bool html : {false, true}) put(json_escaped(value, slashes, html));
  }
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
    wipe(value);
  } else {
    // In place: no copy stays behind.
    value.resize(end + 1);
    value.erase(0, begin);
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
