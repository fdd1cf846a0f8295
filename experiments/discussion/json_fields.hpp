#pragma once
// Settings to JSON and back, each field named once: a function `fields(settings, visit)` calls visit("name", member)
// for every member; FieldWriter and FieldReader are such visits. An empty optional is null. One thread.

#include <optional>
#include <string>

#include "core/text/error.hpp"
#include "core/text/json.hpp"
#include "experiments/discussion/generation.hpp"

namespace assay {

struct FieldWriter {
  Json& out;

  template <typename T>
  void operator()(const char* name, const T& value) const {
    out[name] = value;
  }
  template <typename T>
  void operator()(const char* name, const std::optional<T>& value) const {
    out[name] = value ? Json(*value) : Json();
  }
  void operator()(const char* name, const Generation& value) const { out[name] = to_text(value); }
};

/// Absent keys leave the member as it is. Throws Error "file" for a value of another type.
struct FieldReader {
  const Json& in;

  template <typename T>
  void operator()(const char* name, T& value) const {
    read(name, [&](const Json& found) { value = found.get<T>(); });
  }
  template <typename T>
  void operator()(const char* name, std::optional<T>& value) const {
    read(name,
         [&](const Json& found) { value = found.is_null() ? std::optional<T>() : std::optional<T>(found.get<T>()); });
  }
  void operator()(const char* name, Generation& value) const {
    read(name, [&](const Json& found) {
      const auto known = generation_from(found.get<std::string>());
      if (!known) throw Error("file", "found " + dump_json(found) + ", expected g0 .. g5", name);
      value = *known;
    });
  }

 private:
  template <typename Take>
  void read(const char* name, Take&& take) const {
    if (!in.is_object()) return;
    const auto found = in.find(name);
    if (found == in.end()) return;
    try {
      take(*found);
    } catch (const Json::exception&) {
      throw Error("file", "found " + dump_json(*found) + ", which it can't be", name);
    }
  }
};

}  // namespace assay
