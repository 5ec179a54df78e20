#include "base/text.h"
#include "lab/plan.h"

namespace estiba::lab {
namespace {

// As one word of a shell.
std::string Quoted(const std::string& text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@%+";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

class Writer {
 public:
  explicit Writer(const Lab& lab) : lab_(lab) {}
  std::string Write();

  void operator()(const MakeNamespace&) { Line("One network namespace for each node.", "ip netns add " + name_); }
  void operator()(const MakeContainer& container);
  void operator()(const SetSysctl& sysctl) {
    Line("Settings of nodes: no IPv6 where it is not studied; routers forward.",
         In("sysctl -qw " + Quoted(sysctl.key + "=" + sysctl.value)));
  }
  void operator()(const MakeBridge& bridge) {
    const std::string stp = " stp_state 1 forward_delay " + std::to_string(kForwardDelay);
    Line("A switch is a bridge.",
         Ip("link add name " + std::string(kBridge) + " type bridge" + (bridge.stp ? stp : "")));
  }
  void operator()(const MakePair& pair);
  void operator()(const JoinBridge& join) {
    Line("What is plugged into a switch is a port of its bridge.",
         Ip("link set dev " + join.interface + " master " + std::string(kBridge)));
  }
  void operator()(const AddAddress& add);
  void operator()(const Shape& shape);
  void operator()(const Lose& lose);
  void operator()(const AddRules&) {
    Line("Firewalls and translated addresses.", In("nft -f - <<'END'\n" + RulesText(lab_.nodes[node_]) + "END"));
  }
  void operator()(const BringUp& up) { Line("Everything up, lo too.", Ip("link set dev " + up.interface + " up")); }
  void operator()(const AddRoute& add) {
    Line("Ways to networks further off.",
         Ip(std::string(add.route.via.v6 ? "-6 " : "") + "route add " +
            (add.route.to.length == 0 ? "default" : ToString(add.route.to)) + " via " + ToString(add.route.via)));
  }
  void operator()(const RunCommand& run);

 private:
  // A command, and before the first of its kind what it is for.
  void Line(std::string_view title, const std::string& command) {
    if (title != title_) text_ += "\n# " + std::string(title) + "\n";
    title_ = title;
    text_ += command + "\n";
  }
  bool Host() const { return lab_.nodes[node_].kind == NodeKind::kHost; }
  std::string Ip(const std::string& command) const { return Tool("ip", command); }
  std::string Tool(const std::string& tool, const std::string& command) const {
    return tool + (Host() ? " " : " -n " + name_ + " ") + command;
  }
  std::string In(const std::string& command) const {
    return Host() ? command : "ip netns exec " + name_ + " " + command;
  }

  const Lab& lab_;
  std::size_t node_ = 0;
  std::string name_;
  std::string_view title_;
  std::string text_;
};

void Writer::operator()(const MakeContainer& container) {
  std::string run = "estiba run -d --network none --label estiba.lab=" + lab_.name + " --name " + name_ + " " +
                    Quoted(container.image);
  for (const std::string& word : container.command) run += " " + Quoted(word);
  Line("Nodes with an image: containers without a network, whose namespaces get names.",
       run + "\nip netns attach " + name_ + " \"$(estiba inspect --format '{{.State.Pid}}' " + name_ + ")\"");
}

void Writer::operator()(const MakePair& pair) {
  const std::string mtu = pair.mtu == 0 ? "" : " mtu " + std::to_string(pair.mtu);
  Line("A link is a pair of interfaces: what goes into one end comes out of the other.",
       Ip("link add name " + pair.interface + " address " + net::ToString(pair.mac) + mtu + " type veth peer name " +
          pair.peer + " address " + net::ToString(pair.peer_mac) + mtu + " netns " + lab_.Namespace(pair.peer_node)));
}

void Writer::operator()(const AddAddress& add) {
  // No duplicate is looked for: the file was, and the address is good at once.
  const bool broadcast = !add.address.address.v6 && add.address.length < 31;
  Line("Addresses.",
       Ip(std::string(add.address.address.v6 ? "-6 " : "") + "addr add " + ToString(add.address) +
          (broadcast ? " brd +" : "") + " dev " + add.interface + (add.address.address.v6 ? " nodad" : "")));
}

void Writer::operator()(const Shape& shape) {
  std::string command = "qdisc add dev " + shape.interface + " root ";
  const std::string rate = "rate " + std::to_string(shape.rate) + "bit";
  if (shape.delay_us == 0) {
    const Bucket bucket = BucketFor(shape.rate, shape.mtu);
    command += "tbf " + rate + " burst " + std::to_string(bucket.burst) + " limit " + std::to_string(bucket.limit);
  } else {
    command += "netem delay " + std::to_string(shape.delay_us) + "us";
    if (shape.jitter_us != 0) command += " " + std::to_string(shape.jitter_us) + "us";
    if (shape.rate != 0) command += " " + rate;
  }
  Line("Slow links: each end sends no faster, or later.", Tool("tc", command));
}

void Writer::operator()(const Lose& lose) {
  const std::string chain = "netdev lab loss" + std::to_string(lose.number);
  Line("Links that lose packets: each end drops some of what arrives.",
       In("nft -f - <<'END'\nadd table netdev lab\nadd chain " + chain + " { type filter hook ingress device \"" +
          lose.interface + "\" priority filter; policy accept; }\nadd rule " + chain + " numgen random mod 10000 < " +
          std::to_string(lose.loss) + " drop\nEND"));
}

void Writer::operator()(const RunCommand& run) {
  const bool container = !lab_.nodes[node_].image.empty();
  const std::string in = container ? "estiba exec " + name_ : "ip netns exec " + name_;
  Line("Commands of the file.", in + " sh -c " + Quoted(run.command.text));
}

std::string Writer::Write() {
  text_ = "# Lab '" + lab_.name + "' as commands: what these leave behind is what 'estiba lab up' makes.\nset -e\n";
  for (const Operation& operation : MakePlan(lab_)) {
    node_ = operation.node;
    name_ = lab_.Namespace(node_);
    std::visit(*this, operation.what);
  }
  return std::move(text_);
}

}  // namespace

std::string Explain(const Lab& lab) { return Writer(lab).Write(); }

}  // namespace estiba::lab
