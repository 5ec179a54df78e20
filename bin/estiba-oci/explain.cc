// explain: the plan of a bundle, shown instead of carried out.

#include "commands.h"
#include "language.h"
#include "launch.h"
#include "os/file.h"
#include "plan/explain.h"
#include "plan_of.h"

namespace estiba::ocicli {
namespace {

std::string Render(const plan::Plan& plan, const Flags& flags, plan::Language language) {
  if (flags.On("json")) return plan::ExplainJson(plan, {.language = language});
  if (flags.On("script")) return plan::ExplainShell(plan, language);
  return plan::ExplainText(plan, {.language = language});
}

}  // namespace

Result<int> ExplainCommand(const Context& context) {
  if (context.flags.On("json") && context.flags.On("script"))
    return Error(Code::kInvalidArgument, "--json and --script exclude each other");
  const plan::Language language = TRY(LanguageOf(context.flags));
  plan::HostFacts facts = TRY(AskHost(context.globals));
  const plan::Plan plan = TRY(PlanOf(context, std::move(facts)));
  TRY(os::WriteAll(1, Render(plan, context.flags, language)));
  return 0;
}

}  // namespace estiba::ocicli
