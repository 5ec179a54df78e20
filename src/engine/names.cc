#include "names.h"

#include <array>
#include <cctype>

#include <sys/random.h>

#include "base/text.h"

namespace estiba::engine {
namespace {

constexpr std::array kAdjectives = {
    "able",    "agile",   "alert",   "amber",  "ample",   "ancient", "aqua",    "arctic",  "balmy",  "bold",
    "brave",   "breezy",  "bright",  "brisk",  "calm",    "candid",  "careful", "cheerful", "chief", "civil",
    "clever",  "coastal", "copper",  "coral",  "crisp",   "curious", "daring",  "deep",    "eager",  "early",
    "earnest", "easy",    "even",    "fair",   "famous",  "fearless", "fleet",  "frank",   "fresh",  "gentle",
    "gifted",  "glad",    "golden",  "grand",  "handy",   "happy",   "hardy",   "honest",  "humble", "jolly",
    "keen",    "kind",    "lively",  "loyal",  "lucky",   "mellow",  "merry",   "mighty",  "modest", "neat",
    "noble",   "northern", "patient", "placid", "polite", "proud",   "quick",   "quiet",   "ready",  "robust",
    "salty",   "serene",  "sharp",   "silver", "sincere", "snug",    "sober",   "solid",   "southern", "spry",
    "stable",  "steady",  "stout",   "sturdy", "sunny",   "swift",   "tidal",   "tidy",    "tranquil", "trusty",
    "upbeat",  "valiant", "vivid",   "warm",   "watchful", "western", "windy",  "wise",    "witty",  "zesty",
};

constexpr std::array kNouns = {
    "albatross", "anchor",   "archipelago", "atoll",   "ballast",  "barge",    "barnacle", "bay",      "beacon",
    "bollard",   "bosun",    "bow",         "breeze",  "brig",     "buoy",     "cabin",    "canal",    "canvas",
    "captain",   "cargo",    "clipper",     "coaster", "compass",  "cormorant", "cove",    "crane",    "crate",
    "current",   "cutter",   "deck",        "dinghy",  "dock",     "dolphin",  "dory",     "estuary",  "ferry",
    "fjord",     "flotilla", "freighter",   "frigate", "galley",   "gangway",  "gannet",   "gull",     "halyard",
    "harbour",   "hatch",    "hawser",      "heron",   "hold",     "hull",     "islet",    "jetty",    "kayak",
    "keel",      "ketch",    "lagoon",      "lantern", "lighthouse", "longshore", "mainsail", "manifest", "marina",
    "mast",      "mooring",  "narwhal",     "oar",     "otter",    "paddle",   "pelican",  "pier",     "pilot",
    "porpoise",  "porthole", "quay",        "reef",    "rigging",  "rudder",   "sail",     "schooner", "sextant",
    "shoal",     "skiff",    "sloop",       "spinnaker", "steward", "stevedore", "strait", "tern",     "tiller",
    "trawler",   "trim",     "tug",         "walrus",  "wharf",    "winch",    "windlass", "yacht",    "yardarm",
    "yawl",
};

bool Alphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 && (c & 0x80) == 0; }

}  // namespace

Result<std::string> MakeId() {
  std::array<char, 32> bytes{};
  for (int attempt = 0; attempt < 100; ++attempt) {
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
      return Error::Errno(errno, "get 32 random bytes");
    }
    std::string id = Hex({bytes.data(), bytes.size()});
    if (id.substr(0, 12).find_first_not_of("0123456789") != std::string::npos) return id;
  }
  return Error(Code::kInternal, "the kernel's random numbers hold no letters");
}

std::string ShortId(std::string_view id) { return std::string(id.substr(0, 12)); }

bool IsFullId(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Status CheckName(std::string_view name, std::string_view what) {
  bool fine = !name.empty() && name.size() <= 255 && Alphanumeric(name[0]);
  for (const char c : name) fine = fine && (Alphanumeric(c) || c == '_' || c == '.' || c == '-');
  if (fine) return Ok();
  return Error(Code::kInvalidArgument, "Invalid " + std::string(what) + " name (" + std::string(name) +
                                           "), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
}

std::string MakeName(const std::function<bool(const std::string&)>& taken,
                     const std::function<std::uint32_t()>& random) {
  for (int attempt = 0;; ++attempt) {
    std::string name = kAdjectives[random() % kAdjectives.size()];
    name += '_';
    name += kNouns[random() % kNouns.size()];
    if (attempt >= 6) name += std::to_string(random() % (attempt < 1000 ? 1000U : 1000000000U));
    if (!taken(name)) return name;
  }
}

std::uint32_t RandomBits() {
  std::uint32_t bits = 0;
  if (::getrandom(&bits, sizeof bits, 0) != static_cast<ssize_t>(sizeof bits)) return 0;
  return bits;
}

}  // namespace estiba::engine
