#pragma once
// The steps of ParseLab: parts of a file to parts of a lab.

#include "file.h"
#include "lab/model.h"

namespace estiba::lab {

Result<Node> ReadNode(const std::string& name, const Place& place);
// Needs the nodes; counts the interfaces that name themselves.
Result<Link> ReadLink(const Lab& lab, const Place& place);
// Needs nodes and links. "all reach all" is many.
Status ReadChecks(const Place& place, Lab& lab);
// What only the whole file tells: names and addresses given twice, ways that lead nowhere, loops of switches.
Status CheckWhole(const Lab& lab);

}  // namespace estiba::lab
