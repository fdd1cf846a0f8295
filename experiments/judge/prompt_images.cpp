#include "experiments/judge/prompt_images.hpp"

#include <algorithm>

#include "core/text/error.hpp"
#include "core/text/hash.hpp"
#include "core/text/input.hpp"

namespace assay {
namespace {

constexpr std::size_t kMostImageBytes = std::size_t{20} << 20;

/// data:MEDIA;base64,DATA or an address; false for any other text.
bool read_url(const std::string& text, ImagePart& image) {
  if (text.starts_with("http://") || text.starts_with("https://")) {
    image.url = text;
    return true;
  }
  if (!text.starts_with("data:")) return false;
  const std::size_t comma = text.find(',');
  const std::string head = text.substr(5, comma == std::string::npos ? comma : comma - 5);
  if (comma == std::string::npos || !head.ends_with(";base64")) return false;
  image.media_type = head.substr(0, head.find(';'));
  image.data = text.substr(comma + 1);
  return true;
}

ImagePart image_of(const std::string& text, const std::string& id) {
  ImagePart image;
  if (read_url(text, image)) return image;
  if (text.starts_with("data:")) throw Error("data", "an image is no base64 data URL: " + text.substr(0, 40), id);
  image.data = base64_encode(read_file(text, kMostImageBytes));
  if (image_type_of_base64(image.data).empty()) {
    throw Error("data", "the image " + text + " is neither PNG, JPEG, GIF nor WebP", id);
  }
  return image;
}

Json with_image_parts(Json message) {
  if (!message.is_object() || !message.contains("content") || !message["content"].is_array()) return message;
  for (Json& part : message["content"]) {
    if (!part.is_object() || part.value("type", Json()) != "image_url" || !part.contains("image_url")) continue;
    const Json& given = part["image_url"];
    const Json url = given.is_object() ? given.value("url", Json()) : given;
    ImagePart image;
    if (!url.is_string() || !read_url(url.get<std::string>(), image)) continue;
    Json own{{"type", "image"}};
    if (!image.url.empty()) own["url"] = image.url;
    if (!image.data.empty()) own["data"] = image.data;
    if (!image.media_type.empty()) own["media_type"] = image.media_type;
    if (given.is_object() && given.contains("detail")) own["detail"] = given["detail"];
    part = std::move(own);
  }
  return message;
}

}  // namespace

void add_images(std::vector<Message>& messages, const JudgeItem& item) {
  if (item.images.empty()) return;
  const auto last = std::find_if(messages.rbegin(), messages.rend(),
                                 [](const Message& message) { return message.role == Role::user; });
  if (last == messages.rend()) throw Error("data", "it has images, but no user message to hold them", item.id);
  for (const std::string& image : item.images) last->parts.push_back({"", image_of(image, item.id)});
}

std::vector<Message> given_messages(const JudgeItem& item) {
  Json messages = Json::array();
  for (const Json& message : item.messages) messages.push_back(with_image_parts(message));
  auto request = chat_request_from_json({{"messages", std::move(messages)}});
  if (!request) throw Error("data", "its messages can't be sent: " + request.error().message, item.id);
  return std::move(request->messages);
}

}  // namespace assay
