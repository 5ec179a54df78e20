#pragma once
// What a name stands for: the user's own aliases go before what the engine's registries.conf says of short names.

#include <string>
#include <vector>

#include "base/result.h"
#include "client/api.h"

namespace estiba::cli {

struct Meaning {
  std::vector<std::string> names;  // to pull, in the order to try; the name as it was given where Docker's rules hold
  std::string here;                // the image that is meant and is here already; the name as it was given if none is
  bool offered = false;            // one of several names: a person who is there is asked
  bool required = false;           // and without a person it is an error
};

// Asks the engine about short names alone. Another engine than ours knows no such question: Docker's rules then.
Result<Meaning> MeaningOf(Api* api, const std::string& reference);

// The image that a name means and that is here, for what is done with such an image; the name as it was given where
// there is none. What keeps the engine from answering is told by what is asked for next.
std::string NameOfHere(Api* api, const std::string& reference);

// One of several names by a person at the terminal, where there is one; the others are taken out. True when somebody
// has chosen. kFailedPrecondition when a choice is required and nobody is there; kCancelled when none was made.
Result<bool> Choose(const std::string& reference, Meaning* meaning);

// Keeps the choice for the next time: RecordAlias in the user's file. What goes wrong is a warning.
void Remember(const std::string& reference, const std::string& chosen);

}  // namespace estiba::cli
