#include "record_answers.h"

#include <atomic>
#include <mutex>
#include <utility>

#include "base/log.h"
#include "codec/json.h"
#include "os/file.h"

namespace estiba::estibad {
namespace {

using codec::Json;
using ExchangePtr = std::shared_ptr<http::Exchange>;

class Record {
 public:
  explicit Record(os::UniqueFd file) : file_(std::move(file)) {}
  void Add(const http::RequestHead& head, int status, std::string_view body) {
    const Json line = Json::MakeObject(
        {{"method", head.method}, {"path", head.path}, {"status", status}, {"body", body}});
    const std::lock_guard lock(mutex_);
    const Status written = os::WriteAll(file_.get(), line.Dump() + "\n");
    if (!written.ok()) log::Warn("record an answer", {{"error", written.error().Message()}});
  }

 private:
  std::mutex mutex_;
  const os::UniqueFd file_;
};

bool IsJson(const http::Headers& headers) {
  const std::string& type = headers.Get("Content-Type");
  return type == "application/json" || type == "application/jsonl" || type == "application/x-ndjson" ||
         type == "application/json-seq";
}

// Passes everything on to the server's own, and hears what is answered.
class Recorded final : public http::Exchange {
 public:
  Recorded(ExchangePtr exchange, std::shared_ptr<Record> record)
      : exchange_(std::move(exchange)), record_(std::move(record)) {}

  const http::RequestHead& head() const override { return exchange_->head(); }
  const os::PeerCredentials& peer() const override { return exchange_->peer(); }
  const std::string& body() const override { return exchange_->body(); }
  os::UniqueFd TakeBody() override { return exchange_->TakeBody(); }
  bool body_complete() const override { return exchange_->body_complete(); }
  os::UniqueFd TakeDescriptor() override { return exchange_->TakeDescriptor(); }

  void Respond(int status, http::Headers headers, std::string body) override {
    if (!body.empty() && IsJson(headers)) record_->Add(head(), status, body);
    exchange_->Respond(status, std::move(headers), std::move(body));
  }
  void StartStream(int status, http::Headers headers) override {
    status_ = IsJson(headers) ? status : 0;
    exchange_->StartStream(status, std::move(headers));
  }
  http::WriteState Write(std::string_view bytes) override {
    if (status_ != 0 && !bytes.empty()) record_->Add(head(), status_, bytes);
    return exchange_->Write(bytes);
  }
  bool WriteBlocking(std::string_view bytes) override {
    if (status_ != 0 && !bytes.empty()) record_->Add(head(), status_, bytes);
    return exchange_->WriteBlocking(bytes);
  }
  bool WriteFrom(int pipe) override { return exchange_->WriteFrom(pipe); }
  void Finish() override { exchange_->Finish(); }
  void Abort() override { exchange_->Abort(); }
  bool answered() const override { return exchange_->answered(); }
  Result<http::Detached> Detach(std::string_view content_type, std::chrono::milliseconds settle) override {
    return exchange_->Detach(content_type, settle);
  }
  Result<os::UniqueFd> OpenWebSocket(http::WebSocketOptions options) override {
    return exchange_->OpenWebSocket(std::move(options));
  }
  void OnPeerGone(std::function<void()> callback) override { exchange_->OnPeerGone(std::move(callback)); }
  bool peer_gone() const override { return exchange_->peer_gone(); }
  void OnDrained(std::function<void()> callback) override { exchange_->OnDrained(std::move(callback)); }

 private:
  const ExchangePtr exchange_;
  const std::shared_ptr<Record> record_;
  std::atomic<int> status_ = 0;  // of a stream in JSON
};

}  // namespace

http::Handler RecordAnswers(http::Handler handler, os::UniqueFd file) {
  return [handler = std::move(handler), record = std::make_shared<Record>(std::move(file))](ExchangePtr exchange) {
    handler(std::make_shared<Recorded>(std::move(exchange), record));
  };
}

}  // namespace estiba::estibad
