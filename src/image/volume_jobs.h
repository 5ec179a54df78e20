#pragma once
// A volume's files into an archive, and an archive's into a volume.

#include "image/work.h"

namespace estiba::image {

// The directory as a tar archive to the descriptor, itself as "./".
Status Pack(int directory, int archive);
// A tar archive, plain or compressed, into the directory, over what is there: of two files the archive's stays. After a
// failure what had come is there.
Status Fill(const TransferJob& job, int directory, int archive);

}  // namespace estiba::image
