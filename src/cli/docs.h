#pragma once
// docs/commands/*.md and the manual pages, written from the same tables as --help. They are kept in the
// repository; a test says when they are out of date.

#include <string>
#include <vector>

namespace estiba::cli {

struct Page {
  std::string file;  // "run.md", "estiba-run.1"
  std::string text;
};

std::vector<Page> MarkdownPages();
std::vector<Page> ManualPages();

}  // namespace estiba::cli
