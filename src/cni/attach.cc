#include "cni/attach.h"

#include <algorithm>
#include <chrono>
#include <ranges>

#include "after.h"
#include "base/log.h"
#include "cni/netns.h"

namespace estiba::cni {
namespace {

// A plugin that outlived the one who started it, and hangs, is not waited for any longer than it may take.
std::chrono::milliseconds PatienceOf(const Record& record) { return record.timeout + std::chrono::seconds(5); }

Surroundings SurroundingsOf(const Record& record, const os::UniqueFd& lock) {
  return {record.bin_dirs, record.timeout, lock.get(), nullptr};
}

std::string NetworkText(const Attachment& attachment) {
  std::string text = "CNI network '" + attachment.list.name + "'";
  if (!attachment.file.empty()) text += " ('" + attachment.file + "')";
  return text;
}

// What holds the lock for longer than a plugin may take is one that hangs, whose parent was killed.
Result<os::UniqueFd> LockOrGoOn(const Records& records, const std::string& container,
                                std::chrono::milliseconds patience) {
  auto lock = records.Lock(container, patience);
  if (lock.ok() || lock.error().code() != Code::kUnavailable) return lock;
  log::Warn("go on beside a plugin that hangs", {{"container", container}});
  return os::UniqueFd();
}

// What was asked for by name must be what came.
Status CheckAsked(const Attachment& attachment, const AddResult& result) {
  const codec::Json* asked = attachment.invocation.capability_args.Find("ips");
  if (asked == nullptr || !asked->IsArray()) return Ok();
  for (const codec::Json& one : *asked->IfArray()) {
    if (!one.IsString()) continue;
    const IpPrefix wanted = TRY(ParseIpPrefix(*one.IfString(), /*bare=*/true));
    const auto same = [&](const Address& address) { return address.address.address == wanted.address; };
    if (std::ranges::none_of(result.addresses, same)) {
      return Error(Code::kFailedPrecondition,
                   "address " + ToString(wanted.address) + " was asked for, but its plugins gave another one");
    }
  }
  return Ok();
}

// With the lock held. Those that are done leave the record as it goes.
Status DetachLocked(const Records& records, Record record, const os::UniqueFd& lock) {
  const Surroundings around = SurroundingsOf(record, lock);
  const std::string netns = HoldsNetns(record.netns) ? record.netns : "";
  std::optional<Error> first;
  std::vector<Attachment> left;
  for (Attachment& attachment : std::views::reverse(record.attachments)) {
    attachment.invocation.netns = netns;
    auto done = Delete(around, attachment.list, attachment.invocation, attachment.result);
    if (done.ok()) continue;
    Error error = std::move(done).error().Context(NetworkText(attachment));
    if (!first) first = std::move(error);
    left.push_back(std::move(attachment));
  }
  if (first) {
    std::ranges::reverse(left);
    record.attachments = std::move(left);
    TRY(records.Write(record));
    return std::move(*first);
  }
  TRY(ReleaseNetns(record.netns));
  return records.Delete(record.container);
}

Status AddAll(const Records& records, AttachRequest& request, const Surroundings& around, Record& begun) {
  for (Attachment& wanted : request.record.attachments) {
    wanted.invocation.container = begun.container;
    wanted.invocation.netns = begun.netns;
    wanted.result.reset();
    TRY_CTX(CheckPlugins(around, wanted.list), NetworkText(wanted));
    begun.attachments.push_back(wanted);
    TRY(records.Write(begun));
    Attachment& attachment = begun.attachments.back();
    AddResult result =
        TRY_CTX(Add(around, attachment.list, attachment.invocation), NetworkText(attachment));
    TRY_CTX(CheckAsked(attachment, result), NetworkText(attachment));
    attachment.result = std::move(result);
    TRY(records.Write(begun));
  }
  return WriteNames(request, begun);
}

Status AttachLocked(const Records& records, AttachRequest& request, const os::UniqueFd& netns,
                    const os::UniqueFd& lock, const std::function<bool()>& wanted) {
  Record begun = request.record;
  begun.attachments.clear();
  begun.serial = std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
  // Before the namespace is held: who finds the record lets go of it.
  TRY(records.Write(begun));
  Status done = HoldNetns(netns.get(), begun.netns);
  Surroundings around = SurroundingsOf(begun, lock);
  around.wanted = wanted;
  if (done.ok()) done = AddAll(records, request, around, begun);
  if (done.ok()) return done;
  const Status undone = DetachLocked(records, std::move(begun), lock);
  if (!undone.ok()) log::Error("take an attachment back", {{"error", undone.error().Message()}});
  return done;
}

}  // namespace

std::vector<Address> AddressesInside(const AddResult& result, std::string_view ifname) {
  const auto inside = FindInside(result, ifname);
  std::vector<Address> found;
  for (const Address& address : result.addresses) {
    if (!address.interface || address.interface == inside) found.push_back(address);
  }
  return found;
}

Status Attach(const Records& records, AttachRequest request, int pid, const std::function<bool()>& wanted) {
  const std::string container = request.record.container;
  os::UniqueFd lock = TRY(records.Lock(container, PatienceOf(request.record)));
  const os::UniqueFd together = TRY(records.LockAll(/*alone=*/false, PatienceOf(request.record)));
  const os::UniqueFd netns = TRY(OpenNetns(pid));
  // While who started us lives its child keeps its number, so the namespace is the right one; and from here on who
  // clears after it waits for the lock.
  if (!wanted()) return Error(Code::kCancelled, "nobody waits for it any more");
  if (auto old = TRY(records.Read(container)); old.has_value())
    TRY_CTX(DetachLocked(records, std::move(*old), lock), "take back what an earlier run left");
  Status done = AttachLocked(records, request, netns, lock, wanted);
  if (!done.ok()) {
    const auto left = records.Read(container);
    if (left.ok() && !left->has_value()) records.Unlock(container, std::move(lock));
  }
  return done;
}

Status Detach(const Records& records, const std::string& container, const std::string& serial) {
  // Most containers of a list have none: no lock is made for them.
  auto before = TRY(records.Read(container));
  const auto patience = before ? PatienceOf(*before) : std::chrono::milliseconds(60'000);
  os::UniqueFd lock = TRY(LockOrGoOn(records, container, patience));
  auto record = TRY(records.Read(container));
  const bool other = record && !serial.empty() && record->serial != serial;
  if (other) return Ok();
  if (record) TRY(DetachLocked(records, std::move(*record), lock));
  records.Unlock(container, std::move(lock));
  return Ok();
}

Status CheckAttachments(const Records& records, const std::string& container) {
  const auto before = TRY(records.Read(container));
  if (!before) return Error(Code::kNotFound, "container '" + container + "' is attached to no CNI network");
  const os::UniqueFd lock = TRY(records.Lock(container, PatienceOf(*before)));
  const auto record = TRY(records.Read(container));
  if (!record) return Error(Code::kNotFound, "container '" + container + "' is attached to no CNI network");
  for (const Attachment& attachment : record->attachments) {
    if (!attachment.result) return Error(Code::kFailedPrecondition, NetworkText(attachment) + ": it was never added");
    TRY_CTX(Check(SurroundingsOf(*record, lock), attachment.list, attachment.invocation, *attachment.result),
            NetworkText(attachment));
  }
  return Ok();
}

Status ClearGarbage(const Records& records, const GarbageRequest& request) {
  std::optional<Error> first;
  const auto note = [&](Status done) {
    if (!done.ok() && !first) first = std::move(done).error();
  };
  for (const GarbageRequest::Stale& stale : request.stale) note(Detach(records, stale.container, stale.serial));
  if (!request.networks.empty()) {
    const os::UniqueFd alone =
        TRY(records.LockAll(/*alone=*/true, 2 * request.timeout + std::chrono::seconds(5)));
    const std::vector<Record> all = TRY(records.List());
    for (const NetworkList& list : request.networks) {
      std::vector<ValidAttachment> valid;
      for (const Record& record : all) {
        for (const Attachment& attachment : record.attachments) {
          if (attachment.list.name == list.name) valid.push_back({record.container, attachment.invocation.ifname});
        }
      }
      note(CollectGarbage({request.bin_dirs, request.timeout, -1, nullptr}, list, valid));
    }
  }
  if (first) return std::move(*first);
  return Ok();
}

}  // namespace estiba::cni
