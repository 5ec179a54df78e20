#pragma once
// Requests to the engine. The first one connects, and starts the user's own engine if nobody listens.

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "client/connector.h"
#include "client/endpoint.h"
#include "codec/json.h"
#include "http/client.h"

namespace estiba::cli {

class Api {
 public:
  explicit Api(Endpoint endpoint);

  // What the API answers; an HTTP error becomes an Error "Error response from daemon: …" with the status'
  // class. An empty body is null.
  Result<codec::Json> Get(const std::string& path, const http::Query& query = {});
  Result<codec::Json> Post(const std::string& path, const http::Query& query = {});
  Result<codec::Json> Post(const std::string& path, const http::Query& query, const codec::Json& body);
  Result<codec::Json> Delete(const std::string& path, const http::Query& query = {});
  // The whole answer as text.
  Result<std::string> GetText(const std::string& path, const http::Query& query = {});
  Result<std::string> PostText(const std::string& path, const http::Query& query, const codec::Json& body);

  // Answers that come bit by bit; an HTTP error is an Error.
  Result<std::unique_ptr<http::ResponseStream>> Open(const http::Request& request);
  Result<http::Upgraded> Upgrade(http::Request request);

  const Endpoint& endpoint() const { return endpoint_; }
  // Connects if needed, starting the engine if it is ours.
  Status EnsureEngine();
  // A connection of its own, for who speaks without us. The engine runs.
  Result<os::UniqueFd> Connect() { return connector_->Connect(); }

 private:
  // Runs `attempt`; when nobody listens and the engine is ours, starts it and runs it again. An attempt that changes
  // nothing (`safe`) is run again too when an engine that ends drops it.
  template <typename Try>
  auto WithEngine(bool safe, Try attempt) -> decltype(attempt());
  Result<http::Response> Send(const http::Request& request);
  // The socket's silence explained, or the error as it is.
  Error Explain(Error error) const;

  // Of an engine elsewhere, what it or who leads there has to say.
  Error ExplainElsewhere(Error error) const;

  Endpoint endpoint_;
  std::shared_ptr<Connector> connector_;  // the client's, too
  http::Client client_;
};

// "/containers/{id}/start" with the name made safe for a path.
std::string ContainerPath(std::string_view id, std::string_view action = "");

}  // namespace estiba::cli
