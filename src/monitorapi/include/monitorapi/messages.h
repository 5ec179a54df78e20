#pragma once
// What an engine and a monitor say to each other, one struct a message. Times are nanoseconds since the epoch.
// Descriptors travel beside a message in the order its comment names. Tags are append-only (tlv.h).

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace estiba::monitorapi {

// Requests below 100, answers from 100, notices from 200. Numbers are for ever.
enum class Type : std::uint16_t {
  kNone = 0,
  kLaunch = 1, kAttach = 2, kExec = 3, kResize = 4, kSignal = 5, kStop = 6, kPause = 7, kUnpause = 8, kLogs = 9,
  kStats = 10, kTop = 11, kUpdate = 12, kSubscribe = 13, kAck = 14, kRecover = 15, kTellNames = 16,
  kChangeNetwork = 17, kProbe = 18,
  kOk = 100, kFailure = 101, kStarted = 102, kState = 103, kStatsReply = 104, kTopReply = 105, kExecStarted = 106,
  kProbeReply = 107,
  kNoticeStarted = 200, kNoticeExited = 201, kNoticeRestarting = 202, kNoticeOom = 203, kNoticeExecExited = 204,
  kNoticePaused = 205, kNoticeUnpaused = 206, kNoticeDetached = 207, kNoticeFinished = 208,
  kNoticeHealth = 209, kNoticeProbeStarted = 210, kNoticeProbeEnded = 211,
};

enum class RestartKind : std::uint8_t { kNo, kOnFailure, kAlways, kUnlessStopped };
struct RestartPolicy {
  RestartKind kind = RestartKind::kNo;
  std::uint32_t max_retries = 0;  // kOnFailure: 0 is without end
  template <class V> void Fields(V& v) { v(1, kind); v(2, max_retries); }
};

// Where entries of the log go besides its files.
enum class OutletKind : std::uint8_t { kNone, kJournald, kSyslog };
enum class OutletTransport : std::uint8_t { kUnixDatagram, kUnixStream, kUdp, kTcp };
enum class SyslogFormat : std::uint8_t { kUnix, kRfc3164, kRfc5424, kRfc5424Micro };
struct LogOutlet {
  OutletKind kind = OutletKind::kNone;
  OutletTransport transport = OutletTransport::kUnixDatagram;
  std::string address;      // a path; of UDP and TCP the 4 or 16 bytes of an address, in network order
  std::uint16_t port = 0;
  std::string fields;       // journald: what every entry has, as its protocol has it ("CONTAINER_ID=…\n")
  SyslogFormat format = SyslogFormat::kUnix;
  std::uint8_t facility = 3;
  std::string host;         // syslog: the host's name
  std::string tag;          // syslog
  bool blocks = true;       // the container waits when nothing more can be held; false: entries are lost
  std::uint64_t max_held = 1U << 20;  // bytes that wait for whoever takes them
  template <class V> void Fields(V& v) {
    v(1, kind); v(2, transport); v(3, address); v(4, port); v(5, fields); v(6, format); v(7, facility); v(8, host);
    v(9, tag); v(10, blocks); v(11, max_held);
  }
};

struct LogConfig {
  bool enabled = true;  // false: nothing is kept (--log-driver none)
  std::uint64_t max_size = 10U << 20;  // bytes of one file
  std::uint32_t max_files = 3;         // with the current one; 1 truncates
  LogOutlet outlet;
  template <class V> void Fields(V& v) { v(1, enabled); v(2, max_size); v(3, max_files); v(4, outlet); }
};

// One attached connection: raw bytes for a terminal, stdcopy frames else. Exactly one of the three flags at least.
struct AttachOptions {
  bool in = false;
  bool out = true;
  bool err = true;
  bool logs = false;         // first what the log holds
  bool stream = true;        // then live output; false closes after the logs
  std::string detach_keys;   // docker's notation; empty is "ctrl-p,ctrl-q". Only a terminal has them
  std::string leftover;      // bytes the engine had already read from the connection
  template <class V> void Fields(V& v) {
    v(1, in); v(2, out); v(3, err); v(4, logs); v(5, stream); v(6, detach_keys); v(7, leftover);
  }
};

// What a monitor does when its container becomes unhealthy. kKill is as if it had died by itself: the restart policy
// decides what follows. The other two are as a Stop.
enum class HealthAction : std::uint8_t { kNone, kKill, kRestart, kStop };

// How a container is probed. The probe's encoded plan (plan::BuildExec) is in `kHealthPlanName` of the container's
// folder (health.h). Times in nanoseconds.
struct HealthCheck {
  bool enabled = false;
  std::int64_t interval = 0;        // from the start, and from one probe's end to the next one
  std::int64_t timeout = 0;         // of one probe
  std::int64_t start_period = 0;    // in which failures do not count, until the first success
  std::int64_t start_interval = 0;  // in place of `interval` in the start period, until the first success
  std::uint32_t retries = 1;        // so many failures in a row are unhealthy
  HealthAction on_failure = HealthAction::kNone;
  std::int32_t stop_signal = 15;    // as in Stop
  std::int64_t stop_timeout_ms = 10'000;
  template <class V> void Fields(V& v) {
    v(1, enabled); v(2, interval); v(3, timeout); v(4, start_period); v(5, start_interval); v(6, retries);
    v(7, on_failure); v(8, stop_signal); v(9, stop_timeout_ms);
  }
};

// Starts the container whose encoded plan the engine has written to `plan` in the container's folder.
// Descriptors: the container's folder (DATA/containers/ID), its run folder (RUN/c/ID), `port_sockets` bound sockets
// that reserve published ports, then one connection for each of `attaches`.
// Answer: Started, or Failure when the container did not run (everything is undone, the monitor ends).
struct Launch {
  std::string id;
  std::string name;
  LogConfig log;
  RestartPolicy restart;
  bool tty = false;
  bool open_stdin = false;
  bool stdin_once = false;
  std::uint16_t rows = 0;  // of the terminal; 0 leaves the kernel's
  std::uint16_t columns = 0;
  std::uint32_t port_sockets = 0;
  std::vector<AttachOptions> attaches;
  std::uint32_t restart_count = 0;
  std::string failpoint;  // tests only: "STEP[:N]", the monitor kills itself at that step (monitor/README.md)
  // Of a container whose plan answers names (plan::Op::kServeNames): where its file is, and the program to start.
  std::string names_folder;
  std::string names_program;
  HealthCheck health;
  template <class V> void Fields(V& v) {
    v(1, id); v(2, name); v(3, log); v(4, restart); v(5, tty); v(6, open_stdin); v(7, stdin_once); v(8, rows);
    v(9, columns); v(10, port_sockets); v(11, attaches); v(12, restart_count); v(13, failpoint); v(14, names_folder);
    v(15, names_program); v(16, health);
  }
};

// Ends and undoes what a dead monitor left, by `plan` and `journal` of the container's folder, and appends exit 137
// "monitor died" if no exit was recorded. Descriptors: container's folder, run folder. Answer: Ok when all is done.
struct Recover {
  std::string id;
  std::string name;
  std::string failpoint;
  bool other_boot = false;  // the host was restarted since: its processes are gone, their numbers somebody else's
  template <class V> void Fields(V& v) { v(1, id); v(2, name); v(3, failpoint); v(4, other_boot); }
};

// Descriptor: the connection, its HTTP head already written. Answer: Ok.
struct Attach {
  AttachOptions options;
  template <class V> void Fields(V& v) { v(1, options); }
};

// Runs plan::BuildExec's encoded plan in the container. Descriptor: the connection, unless `detach`.
// Answer: ExecStarted, or Failure (its text is also written to the connection). An ExecExited notice follows, before
// the connection is closed; a failed start has one too, with 126 or 127.
struct Exec {
  std::string exec_id;
  std::string plan;
  bool detach = false;
  bool tty = false;
  bool in = false;
  bool out = true;
  bool err = true;
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
  std::string detach_keys;
  std::string leftover;
  template <class V> void Fields(V& v) {
    v(1, exec_id); v(2, plan); v(3, detach); v(4, tty); v(5, in); v(6, out); v(7, err); v(8, rows); v(9, columns);
    v(10, detach_keys); v(11, leftover);
  }
};

// The terminal of the container, or of an exec. Answer: Ok.
struct Resize {
  std::string exec_id;  // empty: the container's
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
  template <class V> void Fields(V& v) { v(1, exec_id); v(2, rows); v(3, columns); }
};

// To PID 1. SIGKILL ends the restart policy and thaws a paused container, as docker kill does; so does any other
// signal with `stops` (docker: the container's stop signal). Answer: Ok.
struct Signal {
  std::int32_t signal = 0;
  bool stops = false;
  template <class V> void Fields(V& v) { v(1, signal); v(2, stops); }
};

// `signal`, then SIGKILL to everything after the timeout. Ends the restart policy unless `restart`, which runs the
// plan again after the exit whatever the policy (docker restart). Answer: Ok when the container has exited, or, for
// a restart, runs again.
struct Stop {
  std::int32_t signal = 15;
  std::int64_t timeout_ms = 10'000;  // below 0: no SIGKILL
  bool restart = false;
  template <class V> void Fields(V& v) { v(1, signal); v(2, timeout_ms); v(3, restart); }
};

// Probes the container now, or waits for the probe that runs. Answer: ProbeReply.
struct Probe { template <class V> void Fields(V&) {} };

struct Pause { template <class V> void Fields(V&) {} };
struct Unpause { template <class V> void Fields(V&) {} };

struct LogOptions {
  bool out = true;
  bool err = true;
  bool timestamps = false;
  bool follow = false;
  bool raw = false;       // a terminal's container: no stdcopy frames
  std::int64_t tail = -1; // last lines only; below 0 all
  std::int64_t since = 0; // 0: unset
  std::int64_t until = 0;
  std::string details;    // put before every line when not empty ("a=b,c=d ")
  bool chunked = true;    // HTTP chunks with a last one; false: until close
  template <class V> void Fields(V& v) {
    v(1, out); v(2, err); v(3, timestamps); v(4, follow); v(5, raw); v(6, tail); v(7, since); v(8, until);
    v(9, details); v(10, chunked);
  }
};

// Descriptor: the connection, its HTTP head already written. Answer: Ok.
struct Logs {
  LogOptions options;
  template <class V> void Fields(V& v) { v(1, options); }
};

struct Stats { template <class V> void Fields(V&) {} };  // answer: StatsReply
struct Top { template <class V> void Fields(V&) {} };    // answer: TopReply

// One write to a cgroup file, as cgroup::Settings makes them.
struct CgroupWrite {
  std::string controller;
  std::string file;
  std::string value;
  std::string field;
  bool optional = false;
  std::string alternative_file;
  std::string alternative_value;
  template <class V> void Fields(V& v) {
    v(1, controller); v(2, file); v(3, value); v(4, field); v(5, optional); v(6, alternative_file);
    v(7, alternative_value);
  }
};
// Answer: Ok.
struct Update {
  bool set_restart = false;
  RestartPolicy restart;
  std::vector<CgroupWrite> writes;
  template <class V> void Fields(V& v) { v(1, set_restart); v(2, restart); v(3, writes); }
};

// From now on notices come to this socket (a launching engine is subscribed from the start). Answer: State.
// The `plan` in the container's folder says anew what the container is called (plan::Op::kServeNames). Answer: Ok when
// whoever asks is told so.
struct TellNames { template <class V> void Fields(V&) {} };

// `plan.next` in the container's folder, whose Plan::revision this is, becomes its plan: what its network has more is
// made, what it has less is taken back. Descriptors: bound sockets that reserve the ports it publishes more; those of
// ports that it publishes no more are closed. Answer: Ok when `plan` is that plan, or Failure when it is as it was. A
// change that is older than one the monitor has heard of is refused, so that what an engine asked for before it was
// killed cannot come behind what the next one finds.
struct ChangeNetwork {
  std::uint64_t revision = 0;
  bool only_settle = false;  // nothing changes, but earlier ones are refused from now on
  template <class V> void Fields(V& v) { v(1, revision); v(2, only_settle); }
};

struct Subscribe { template <class V> void Fields(V&) {} };

// The engine has recorded the notice with this frame id (Frame::id not 0): the monitor goes on. No answer.
struct Ack { template <class V> void Fields(V&) {} };

struct OkReply { template <class V> void Fields(V&) {} };

// An Error on its way.
struct Failure {
  std::uint8_t code = 0;  // estiba::Code
  std::int32_t errnum = 0;
  std::string message;    // without strerror added again: the whole text
  std::string hint;
  std::int32_t exit_code = 0;  // docker's for a start or exec that failed: 125, 126, 127
  template <class V> void Fields(V& v) { v(1, code); v(2, errnum); v(3, message); v(4, hint); v(5, exit_code); }
  Error ToError() const;
  static Failure From(const Error& error, int exit_code = 0);
};

// How long one step of the plan took.
struct StepTime {
  std::uint32_t step = 0;
  std::uint64_t nanoseconds = 0;
  template <class V> void Fields(V& v) { v(1, step); v(2, nanoseconds); }
};

struct Started {
  std::int32_t pid = 0;
  std::uint64_t start_time = 0;  // field 22 of /proc/PID/stat
  std::int64_t time = 0;
  std::uint32_t restart_count = 0;
  std::vector<StepTime> timings;
  template <class V> void Fields(V& v) {
    v(1, pid); v(2, start_time); v(3, time); v(4, restart_count); v(5, timings);
  }
};

enum class Phase : std::uint8_t { kStarting, kRunning, kPaused, kRestarting, kEnding };
struct RunningExec {
  std::string exec_id;
  std::int32_t pid = 0;
  template <class V> void Fields(V& v) { v(1, exec_id); v(2, pid); }
};
struct State {
  Phase phase = Phase::kStarting;
  Started started;  // the last start
  std::int32_t monitor_pid = 0;
  std::vector<RunningExec> execs;
  RestartPolicy restart;
  template <class V> void Fields(V& v) { v(1, phase); v(2, started); v(3, monitor_pid); v(4, execs); v(5, restart); }
};

// A cgroup's raw number: "memory.current", "cpu.usage_usec", "pids.current" and so on, in cgroup v2's names.
struct Counter {
  std::string name;
  std::uint64_t value = 0;
  template <class V> void Fields(V& v) { v(1, name); v(2, value); }
};
struct StatsReply {
  std::int64_t time = 0;
  std::vector<Counter> counters;
  template <class V> void Fields(V& v) { v(1, time); v(2, counters); }
};

struct TopReply {
  std::vector<std::int32_t> pids;  // as the host numbers them
  template <class V> void Fields(V& v) { v(1, pids); }
};

struct ExecStarted {
  std::int32_t pid = 0;
  template <class V> void Fields(V& v) { v(1, pid); }
};

// What a probe has said, and what the container is by it: "starting", "healthy", "unhealthy".
struct ProbeReply {
  std::string status;
  std::int32_t exit_code = 0;  // -1: it could not be run, or took too long
  std::string output;
  template <class V> void Fields(V& v) { v(1, status); v(2, exit_code); v(3, output); }
};

// PID 1 ended. Answer with Ack once recorded.
struct Exited {
  std::int32_t code = 0;     // docker's number: 128 + signal after a signal
  std::int32_t signal = 0;
  bool oom = false;
  std::int64_t time = 0;
  std::string error;         // why the container could not run again, "monitor died", …
  bool restarting = false;   // a Restarting notice follows
  template <class V> void Fields(V& v) {
    v(1, code); v(2, signal); v(3, oom); v(4, time); v(5, error); v(6, restarting);
  }
};

struct Restarting {
  std::uint32_t count = 0;
  std::int64_t delay_ms = 0;
  template <class V> void Fields(V& v) { v(1, count); v(2, delay_ms); }
};

struct Oom {
  std::int64_t time = 0;
  std::uint64_t kills = 0;
  template <class V> void Fields(V& v) { v(1, time); v(2, kills); }
};

// Answer with Ack once recorded: the exec's connection is closed only then (or after half a second), so that a
// client that sees its end finds the exit code.
struct ExecExited {
  std::string exec_id;
  std::int32_t code = 0;
  std::int64_t time = 0;
  template <class V> void Fields(V& v) { v(1, exec_id); v(2, code); v(3, time); }
};

// A client typed the detach keys.
struct Detached {
  std::string exec_id;  // empty: the container's terminal
  template <class V> void Fields(V& v) { v(1, exec_id); }
};

// The container's health is another one: "starting", "healthy", "unhealthy".
struct Health {
  std::string status;
  std::int64_t time = 0;
  template <class V> void Fields(V& v) { v(1, status); v(2, time); }
};

// A probe is an exec of the monitor's own; the id is told to nobody else.
struct ProbeStarted {
  std::string exec_id;
  template <class V> void Fields(V& v) { v(1, exec_id); }
};
struct ProbeEnded {
  std::string exec_id;
  bool ran = false;       // false: its program could not be started
  std::int32_t code = 0;  // 128 + signal after a signal: what took too long was killed
  template <class V> void Fields(V& v) { v(1, exec_id); v(2, ran); v(3, code); }
};

// Nothing of the container is left on the host; the monitor ends. `journal_seq` is its last record.
struct Finished {
  std::uint64_t journal_seq = 0;
  template <class V> void Fields(V& v) { v(1, journal_seq); }
};

}  // namespace estiba::monitorapi
