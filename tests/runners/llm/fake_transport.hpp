#pragma once
// A Transport that answers from a list, at once, and remembers what was sent.

#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "runners/llm/transport.hpp"

namespace assay::test {

inline WireReply reply_with(int status, std::string body, std::vector<Header> headers = {}) {
  WireReply reply;
  reply.http = status;
  reply.body = std::move(body);
  reply.headers = std::move(headers);
  return reply;
}
inline WireReply faulty(const char* kind, const char* sub, bool sent) {
  WireReply reply;
  reply.fault = WireFault{kind, sub, std::string(kind) + " " + sub, sent};
  return reply;
}
inline WireReply chat(const std::string& text, const std::string& finish = "stop") {
  return reply_with(200, R"({"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":")" +
                             text + R"("},"finish_reason":")" + finish +
                             R"("}],"usage":{"prompt_tokens":100,"completion_tokens":10}})");
}

class FakeTransport final : public Transport {
 public:
  std::deque<WireReply> replies;  // one per sending; empty: silence
  std::vector<WireRequest> sent;
  std::vector<std::pair<CallId, int>> cancelled, settled_calls;
  std::function<void()> on_send;

  void send(WireRequest request, std::function<void(WireReply)> done) override {
    sent.push_back(std::move(request));
    if (on_send) on_send();
    if (replies.empty()) return;
    WireReply reply = std::move(replies.front());
    replies.pop_front();
    done(std::move(reply));
  }
  void cancel(CallId call, int try_no) override { cancelled.emplace_back(call, try_no); }
  Lookup lookup(CallId, int) override { return {}; }
  void settled(CallId call, int try_no) override { settled_calls.emplace_back(call, try_no); }
};

}  // namespace assay::test
