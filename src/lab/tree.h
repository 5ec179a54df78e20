#pragma once
// What both drawings stand on: a spanning tree of every part of a lab, rooted at its busiest router or switch.

#include <string>
#include <vector>

#include "lab/model.h"

namespace estiba::lab {

// A link seen from one of its ends.
struct Branch {
  std::size_t link = 0;
  unsigned own_end = 0;  // 0 or 1; the other end is the far one
  bool back = false;     // leads to a node that is in the tree already
};
struct Tree {
  std::vector<std::size_t> roots;
  std::vector<std::vector<Branch>> branches;  // of each node
  std::vector<unsigned> depth;
};
// Every node is in it once, and every link once. Breadth first, in the file's order.
Tree MakeTree(const Lab& lab);

const End& NearEnd(const Lab& lab, const Branch& branch);
const End& FarEnd(const Lab& lab, const Branch& branch);
// "eth0 10.0.0.1/24".
std::string EndText(const End& end);
// "10mbit, loss 5%, delay 10ms, mtu 1400"; "" for an ordinary link.
std::string LinkText(const Link& link);

}  // namespace estiba::lab
