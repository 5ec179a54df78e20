#pragma once

namespace estiba::monitor {

// Gives back memory that only a start or an exec needed: free heap, and the mapped pages of our own program. The
// latter stay in the page cache, shared by all monitors, and are mapped again one by one as they are used; a
// start touches most of them, waiting touches few.
void TrimMemory();

}  // namespace estiba::monitor
