#pragma once

#include <string>
#include <vector>

namespace estiba::oci {

// How a registry is reached, beyond its name. All of it comes from the administrator.
struct RegistryEndpoint {
  std::string url;             // "https://mirror.example.com:5000/base"; empty: the name, by https
  bool override_path = false;  // the url's path stands for "/v2", not in front of it
  bool insecure = false;       // plain HTTP and unverified certificates are fine
  bool skip_verify = false;    // unverified certificates are fine
  std::string ca;              // PEM, in addition to the machine's own authorities
  std::string cert;            // PEM, who we are; with its key
  std::string key;
  std::vector<std::string> headers;  // "Name: value", of every request to it
  std::string ns;              // whom a mirror stands in for: "?ns=docker.io"
  unsigned connect_seconds = 0;  // 0: the default

  friend bool operator==(const RegistryEndpoint&, const RegistryEndpoint&) = default;
};

}  // namespace estiba::oci
