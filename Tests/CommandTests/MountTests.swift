import Glibc
import TestSupport
import Testing

@Suite(.enabled(if: MountedBus.isPossible, "no mount: \(MountedBus.obstacle ?? "")"))
struct `A mounted bus` {
  private let bus: MountedBus

  init() throws {
    bus = try MountedBus(["rules/50.rules": #"ADAPTER=="6", RESERVE="vfio_ap""# + "\n"])
  }

  @Test func `answers each write with the kernel's error`() {
    let bind = "bus/ap/drivers/vfio_ap/bind"
    #expect(bus.write("05.0004\n", bind) == "write \(EBUSY)")
    #expect(bus.write("05.0005\n", bind) == "write \(ENODEV)")
    #expect(bus.write("+256\n", "bus/ap/apmask") == "write \(EINVAL)")
    #expect(bus.write("x", "bus/ap/bindings") == "open \(EACCES)")
    #expect(bus.read("bus/ap/drivers_probe") == "open \(EACCES)")
    #expect(bus.write("05.0004\n", "bus/ap/drivers/cex2aqueue/bind") == "open \(ENOENT)")
    #expect(bus.write("", "bus/ap/new", flags: O_WRONLY | O_CREAT) == "open \(EACCES)")
    #expect(mkdir(bus.path + "/new", 0o755) == -1 && errno == EPERM)
    #expect(unlink(bus.path + "/bus/ap/apmask") == -1 && errno == EPERM)
  }

  @Test func `moves queues as the kernel does`() {
    #expect(bus.write("-5\n", "bus/ap/apmask") == "ok")
    #expect(
      bus.link("bus/ap/devices/05.0004/driver") == "../../../../bus/ap/drivers/vfio_ap")
    #expect(bus.link("bus/ap/drivers/vfio_ap/05.0047") == "../../../../devices/ap/card05/05.0047")
    #expect(bus.read("bus/ap/devices/05.0047/status") == "unassigned\n")
    #expect(bus.read("bus/ap/devices/05.0047/online") == "open \(ENOENT)")
  }

  @Test func `has files of a page that keep their text when they are opened to be cut`() {
    var status = stat()
    #expect(stat(bus.path + "/bus/ap/apmask", &status) == 0)
    #expect(status.st_size == 4096 && status.st_mode == S_IFREG | 0o644)
    let all = "0x" + String(repeating: "f", count: 64) + "\n"
    #expect(bus.write("", "bus/ap/apmask") == "ok")
    #expect(bus.read("bus/ap/apmask") == all)
    #expect(truncate(bus.path + "/bus/ap/apmask", 0) == 0)
    #expect(bus.read("bus/ap/apmask") == all)
    #expect(bus.write("+0\n", "bus/ap/apmask", flags: O_WRONLY | O_APPEND) == "ok")
  }

  @Test
  func `reads an open file again from its beginning, and notices that its device was removed`() {
    let file = open(bus.path + "/bus/ap/devices/05.0004/config", O_RDONLY | O_CLOEXEC)
    defer { close(file) }
    #expect(MountedBus.read(file) == "1\n")
    #expect(bus.write("card config 5 0\n", "kernel/debug/apsim/control") == "ok")
    #expect(MountedBus.read(file) == "0\n")
    #expect(bus.write("card del 5\n", "kernel/debug/apsim/control") == "ok")
    #expect(MountedBus.read(file) == "read \(ENODEV)")
    #expect(bus.write("card dance 5\n", "kernel/debug/apsim/control") == "write \(EINVAL)")
    #expect(bus.read("kernel/debug/apsim/control").contains("card add 07 14 cca\n"))
  }

  @Test func `reads a text from anywhere in it, through a file that was not read before`() {
    let file = open(bus.path + "/bus/ap/apmask", O_RDONLY | O_CLOEXEC)
    defer { close(file) }
    #expect(MountedBus.read(file, from: 60) == "ffffff\n")
    #expect(MountedBus.read(file, from: 66) == "\n")
    #expect(MountedBus.read(file, from: 67) == "")
    #expect(bus.write("-255\n", "bus/ap/apmask") == "ok")
    #expect(MountedBus.read(file, from: 65) == "f\n")
    #expect(MountedBus.read(file).hasSuffix("fe\n"))
    #expect(MountedBus.read(file, from: 65) == "e\n")
  }

  /// apreserve-simfs(1) says how.
  @Test(
    .enabled(
      if: geteuid() == 0 && access("/usr/bin/udevadm", X_OK) == 0,
      "udevadm is not installed, or this is not root"))
  func `is a machine that udevadm describes, and the description is read`() throws {
    let script = """
      mount --bind "$0" /sys || exit 9
      exec env SYSTEMD_DEVICE_VERIFY_SYSFS=0 udevadm info /sys/bus/ap/devices/*
      """
    let capture = bus.bench.path + "/each.txt"
    let status = Program.wait(
      for: try Program.start(
        "unshare", ["--mount", "sh", "-c", script, bus.path], output: capture))
    #expect(status == 0)
    let list = try bus.bench.run("list --capture each.txt --rules rules")
    #expect(list.messages == "")
    // What udevadm does not show, such as the state, is after the owner. The heading names the source.
    func owners(_ list: String) -> [[Substring]] {
      list.split(separator: "\n").dropFirst().map { Array($0.split(separator: " ").prefix(5)) }
    }
    let live = try bus.bench.run("list --sysfs sys --rules rules").output
    #expect(owners(list.output) == owners(live))
    #expect(owners(live).count == 5)
  }

  /// tar complains of a file whose times change while it is read.
  @Test func `has times that stay`() {
    var first = stat()
    var second = stat()
    #expect(stat(bus.path + "/bus/ap/apmask", &first) == 0)
    usleep(20_000)
    #expect(stat(bus.path + "/bus/ap/apmask", &second) == 0)
    #expect(first.st_mtim.tv_sec == second.st_mtim.tv_sec && first.st_mtim.tv_sec > 1_000_000_000)
    #expect(first.st_mtim.tv_nsec == second.st_mtim.tv_nsec)
    #expect(first.st_ctim.tv_nsec == second.st_ctim.tv_nsec)
  }

  private static let control = "kernel/debug/apsim/control"

  @Test func `says why a line of the control file is refused`() throws {
    let problem =
      "control:1: unknown change \"dance\" of a card; write add, del, config, chkstop, mute or serial"
    #expect(!bus.read(Self.control).contains("refused"))
    #expect(bus.write("card dance 5\n", Self.control) == "write \(EINVAL)")
    #expect(bus.read(Self.control).hasSuffix("\nLast refused:\n  \(problem)\n"))
    #expect(bus.write("scan\ncard del 9\n", Self.control) == "write \(ENODEV)")
    #expect(
      bus.read(Self.control).hasSuffix("\nLast refused:\n  control:2: there is no adapter 09\n"))
    #expect(bus.write("kernel 6.1\n", Self.control) == "write \(EINVAL)")
    #expect(bus.write("scan\n /sys/bus/ap/scans = 0\n", Self.control) == "write \(EINVAL)")
    #expect(
      try bus.messages.contains(
        "apreserve: \(problem)\napreserve: control:2: there is no adapter 09\n"
          + "apreserve: control: the kernel is chosen before the bus is mounted\n"
          + "apreserve: control:2: /sys/bus/ap/scans is "))
  }

  @Test func `checks what is claimed of events, whether they are sent to programs or not`() throws {
    let claims = "write -5 > /sys/bus/ap/apmask\n  event bind@*/05.0004 DRIVER=vfio_ap\n"
    #expect(bus.write(claims, Self.control) == "ok")
    #expect(bus.write("pass\n no events\n", Self.control) == "ok")
    #expect(bus.write("card del 5\n no events\n", Self.control) == "write \(EINVAL)")
    #expect(
      bus.read(Self.control).contains("control:2: there were: unbind@/devices/ap/card05/05.0004,"))
  }

  @Test func `says which numbers of a step look decimal and are not`() throws {
    #expect(bus.write("scan\ncard add 47 14\n", Self.control) == "ok")
    #expect(
      try bus.messages.hasSuffix(
        "apreserve: control:2: \"47\" is hexadecimal here; write 0x47\n"))
    #expect(bus.read("bus/ap/devices/card47/hwtype") == "14\n")
  }

  @Test func `passes on the error of a step that the kernel refuses`() {
    let type = "devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough"
    #expect(bus.write("\(Self.uuid)\n", "\(type)/create") == "ok")
    #expect(bus.write("guest start \(Self.uuid)\n", Self.control) == "ok")
    #expect(bus.write("unload vfio_ap\n", Self.control) == "write \(EAGAIN)")
    #expect(bus.write("guest start \(Self.uuid)\n", Self.control) == "write \(EBUSY)")
    #expect(bus.write("write 1 > /sys/bus/ap/config_time\n", Self.control) == "write \(EINVAL)")
    #expect(
      bus.write("write 05.0004 > /sys/bus/ap/drivers/vfio_ap/bind\n", Self.control)
        == "write \(EBUSY)")
  }

  @Test func `serves several programs at once`() throws {
    let loop = """
      for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        echo $1 > bus/ap/drivers/cex4queue/unbind || exit 1
        echo $1 > bus/ap/drivers_probe || exit 2
      done
      """
    let programs = try ["05.0004", "05.0047", "06.0004", "06.0047"].map {
      try Program.start("/bin/sh", ["-c", "cd \(bus.path)\n\(loop)", "sh", $0])
    }
    for program in programs { #expect(Program.wait(for: program) == 0) }
    #expect(bus.read("bus/ap/bindings") == "4/4 (complete)\n")
  }

  private static let uuid = "11111111-2222-3333-4444-555555555555"
  private static let remove = "devices/vfio_ap/matrix/\(uuid)/remove"

  /// A program that removes a mediated device whose guest runs, blocked in its write.
  private func removal() throws -> pid_t {
    let type = "devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough"
    #expect(bus.write("\(Self.uuid)\n", "\(type)/create") == "ok")
    #expect(bus.write("guest start \(Self.uuid)\n", "kernel/debug/apsim/control") == "ok")
    let writer = try Program.start(
      "/bin/sh", ["-c", "echo 1 > \(bus.path)/\(Self.remove)"])
    // Once the removal has begun, the file does not exist.
    for _ in 0..<1000 where access(bus.path + "/" + Self.remove, F_OK) == 0 { usleep(10_000) }
    #expect(access(bus.path + "/" + Self.remove, F_OK) != 0)
    return writer
  }

  @Test func `lets only the process wait that removes a mediated device with a guest`() throws {
    let writer = try removal()
    for _ in 0..<20 { #expect(bus.read("bus/ap/bindings") == "4/4 (complete)\n") }
    #expect(kill(writer, 0) == 0)
    #expect(waitpid(writer, nil, WNOHANG) == 0)
    #expect(bus.write("guest stop \(Self.uuid)\n", "kernel/debug/apsim/control") == "ok")
    #expect(Program.wait(for: writer) == 0)
    #expect(access(bus.path + "/devices/vfio_ap/matrix/\(Self.uuid)", F_OK) != 0)
  }

  @Test func `lets a signal end the wait, and removes the device when the guest stops`() throws {
    let writer = try removal()
    #expect(kill(writer, SIGKILL) == 0)
    #expect(Program.wait(for: writer) == 128 + SIGKILL)
    #expect(access(bus.path + "/devices/vfio_ap/matrix/\(Self.uuid)", F_OK) == 0)
    #expect(bus.write("guest stop \(Self.uuid)\n", "kernel/debug/apsim/control") == "ok")
    #expect(access(bus.path + "/devices/vfio_ap/matrix/\(Self.uuid)", F_OK) != 0)
  }

  @Test(arguments: [SIGTERM, SIGKILL])
  func `ends all waiting calls when the server ends`(signal: Int32) throws {
    let writer = try removal()
    #expect(kill(try bus.server, signal) == 0)
    #expect(bus.end() == (signal == SIGKILL ? 1 : 0))
    #expect(Program.wait(for: writer) != 0)
  }

  @Test func `takes no second bus in its place`() throws {
    let result = try bus.bench.run("simulate --script machine.scenario --mount sys")
    #expect(result.status == 1)
    #expect(
      result.messages
        == "apreserve: a simulated bus is mounted on sys already: end it, or take another directory\n"
    )
  }

  @Test func `is a machine for apreserve itself`() throws {
    let applied = try bus.bench.run("apply --sysfs sys --root . --rules rules")
    #expect(applied.status == 0, "\(applied.messages)")
    #expect(bus.read("bus/ap/devices/06.0004/status") == "unassigned\n")
    let plan = try bus.bench.run("plan --sysfs sys --root . --rules rules")
    #expect(plan.status == 0)
  }

  @Test func `is not unmounted while a file is open, but for letting go of it later`() throws {
    let file = open(bus.path + "/bus/ap/apmask", O_RDONLY | O_CLOEXEC)
    #expect(try Program.wait(for: Program.start("fusermount3", ["-q", "-u", bus.path])) != 0)
    #expect(try Program.wait(for: Program.start("fusermount3", ["-q", "-u", "-z", bus.path])) == 0)
    #expect(access(bus.path + "/bus", F_OK) != 0)
    #expect(MountedBus.read(file).hasPrefix("0xff"))
    close(file)
    #expect(bus.end() == 0)
  }

  @Test func `is unmounted when the server is terminated, whatever is open`() throws {
    let file = open(bus.path + "/bus/ap/apmask", O_RDONLY | O_CLOEXEC)
    defer { close(file) }
    #expect(kill(try bus.server, SIGTERM) == 0)
    #expect(bus.end() == 0)
    #expect(access(bus.path + "/bus", F_OK) != 0 && errno == ENOENT)
    #expect(MountedBus.read(file).hasPrefix("read "))
  }

  @Test func `is cleaned up and explained when the server is killed`() throws {
    #expect(kill(try bus.server, SIGKILL) == 0)
    #expect(bus.end() == 1)
    #expect(access(bus.path + "/bus", F_OK) != 0 && errno == ENOENT)
    let messages = try bus.messages
    #expect(
      messages.contains("apreserve: apreserve-simfs was terminated by signal 9\n"), "\(messages)")
    #expect(messages.contains("was unmounted; open files there return ENOTCONN\n"))
  }
}

@Suite struct `Mounting` {
  @Test(arguments: [
    ("--uevents", "--uevents requires --mount."),
    (
      "--mount sys --snapshot",
      "--mount cannot be combined with --snapshot, --events, --calls or --json."
    ),
    (
      "--mount sys --rules rules",
      "With --mount no agent runs; run one with --sysfs on the directory."
    ),
  ])
  func `is refused with options that do not apply`(words: String, message: String) throws {
    let result = try Workbench(["m.scenario": ""]).run("simulate --script m.scenario " + words)
    #expect(result.status == 64)
    #expect(result.messages.hasPrefix("Error: \(message)\n"), "\(result.messages)")
  }

  @Test func `needs a directory`() throws {
    let result = try Workbench(["m.scenario": ""])
      .run("simulate --script m.scenario --mount nowhere")
    #expect(result.status == 1)
    #expect(
      result.messages == "apreserve: nowhere does not exist; make the directory first\n")
  }

  @Test func `on a file is refused`() throws {
    let result = try Workbench(["m.scenario": ""])
      .run("simulate --script m.scenario --mount m.scenario")
    #expect(result.status == 1)
    #expect(
      result.messages == "apreserve: m.scenario is a file, and a bus is mounted on a directory\n")
  }

  /// In the host's network namespace its udevd would hear the events.
  @Test(
    .enabled(
      if: MountedBus.isPossible && access("/proc/sys/net/core/netdev_max_backlog", F_OK) == 0,
      "this is no host's network namespace, or nothing can be mounted"))
  func `sends no uevents into the host's network namespace`() throws {
    let bench = try Workbench(["m.scenario": ""])
    try bench.directory("sys")
    let result = try bench.run("simulate --script m.scenario --mount sys --uevents")
    #expect(result.status == 1)
    #expect(result.messages.hasPrefix("apreserve: --uevents is for a network namespace of one's"))
  }

  @Test func `reports a claim of a scenario that does not hold, and mounts nothing`() throws {
    let bench = try Workbench(["m.scenario": "scan\n  /sys/bus/ap/scans = 7\n"])
    try bench.directory("sys")
    let result = try bench.run("simulate --script m.scenario --mount sys")
    #expect(result.status == 1)
    #expect(result.messages == "apreserve: m.scenario:2: /sys/bus/ap/scans is \"1\", not \"7\"\n")
  }

  @Test(.enabled(if: MountedBus.isPossible, "no mount: \(MountedBus.obstacle ?? "")"))
  func `says each claim that does not hold, after the name of the program`() throws {
    let bench = try Workbench([
      "m.scenario":
        "domain add 4\ncard add 5\n event add@*/05.0004\n no events\n 05.0004 driver: no\n"
    ])
    try bench.directory("sys")
    let result = try bench.run("simulate --script m.scenario --mount sys")
    #expect(result.status == 1)
    #expect(
      result.messages.hasPrefix("apreserve: m.scenario:4: there were: "))
    #expect(
      result.messages.hasSuffix(
        "\napreserve: m.scenario:5: the driver of 05.0004 is none, not no\n"))
  }

  @Test(.enabled(if: MountedBus.isPossible, "no mount: \(MountedBus.obstacle ?? "")"))
  func `says at the end which faults never occurred`() throws {
    let bus = try MountedBus(
      faults: "write /sys/bus/ap/apmask 1 fail EBUSY\nwrite /sys/bus/ap/nosuch 1 fail EBUSY\n")
    #expect(bus.write("-5\n", "bus/ap/apmask") == "write \(EBUSY)")
    #expect(kill(try bus.server, SIGTERM) == 0)
    #expect(bus.end() == 1)
    #expect(
      try bus.messages.hasSuffix(
        "apreserve: machine.faults:2: the fault never occurred: write /sys/bus/ap/nosuch 1 fail EBUSY\n"
      ))
  }
}

@Suite(
  .enabled(if: MountedBus.isPossible && geteuid() == 0, "no mount: \(MountedBus.obstacle ?? "")"))
struct `A command on a simulated bus` {
  private let bench: Workbench

  init() throws {
    bench = try Workbench(["m.scenario": MountedBus.scenario])
    try bench.directory("mnt")
  }

  private func run(_ command: [String], more: [String] = []) throws -> Program.Result {
    try Program.run(
      ["simulate", "--script", "m.scenario", "--mount", "mnt"] + more + ["--"] + command, in: bench,
      environment: ["PATH=/usr/bin:/bin"])
  }

  @Test func `has it as sysfs, and nobody else does`() throws {
    let result = try run([
      "sh", "-c", "echo -5 > /sys/bus/ap/apmask && ls /sys/bus/ap/drivers/vfio_ap",
    ])
    #expect(result.messages == "")
    #expect(result.status == 0)
    #expect(result.output.contains("05.0004\n05.0047\n"))
    #expect(access(bench.path + "/mnt/bus", F_OK) != 0)
  }

  @Test(arguments: [
    (["sh", "-c", "exit 7"], 7, ""), (["sh", "-c", "kill -TERM $$"], 143, ""),
    (["nosuch-command"], 127, "apreserve: nosuch-command cannot be started: "),
  ])
  func `gives the simulation its exit status`(
    command: [String], status: Int, message: String
  ) throws {
    let result = try run(command)
    #expect(result.status == status)
    #expect(result.messages.hasPrefix(message))
  }

  @Test(arguments: [
    ("true", 1), ("exit 7", 7), ("echo 30 > /sys/bus/ap/config_time", 0),
  ])
  func `ends with an error if a fault never occurred, unless it has failed itself`(
    command: String, status: Int
  ) throws {
    try bench.file("faults", "write /sys/bus/ap/config_time 1 ignore\n")
    let result = try run(["sh", "-c", command], more: ["--faults", "faults"])
    #expect(result.status == status)
    #expect(
      result.messages
        == (status == 0
          ? ""
          : "apreserve: faults:1: the fault never occurred: write /sys/bus/ap/config_time 1 ignore\n")
    )
  }

  @Test(arguments: [".", "../mnt", "../mnt/../mnt"])
  func `has it wherever the directory is named from`(place: String) throws {
    let script =
      "cd mnt && exec \"$0\" simulate --script ../m.scenario --mount \(place) -- ls /sys/bus/ap/devices"
    let process = try Program.start(
      "/bin/sh", ["-c", "cd \(bench.path) && " + script, try Program.location()],
      output: bench.path + "/out")
    #expect(Program.wait(for: process) == 0)
    #expect(try bench.text("out").hasPrefix("05.0004\n"))
  }

  @Test func `is not begun on the root directory`() throws {
    let result = try bench.run("simulate --script m.scenario --mount / -- true")
    #expect(result.status == 1)
    #expect(
      result.messages == "apreserve: a bus is not mounted on the root directory; name another one\n"
    )
  }

  /// What is recorded of a simulated machine must not be believed of this one.
  @Test func `keeps nothing in the places of this machine`() throws {
    let result = try run([
      "sh", "-c", "touch /run/apreserve/x /var/lib/apreserve/y && ls /run/apreserve",
    ])
    #expect(result.output == "x\n", "\(result.messages)")
    #expect(access("/run/apreserve/x", F_OK) != 0)
    #expect(access("/var/lib/apreserve/y", F_OK) != 0)
  }

  /// Several simulations at once share the directories of the machine over which they mount theirs.
  @Test func `ends without taking the places of other simulations away`() throws {
    try bench.directory("long")
    let long = try Program.start(
      [
        "simulate", "--script", "m.scenario", "--mount", "long", "--", "sh", "-c",
        "while ! test -e '\(bench.path)/go'; do sleep 0.1; done; touch /var/lib/apreserve/y && ls /var/lib/apreserve",
      ], in: bench, output: ".long", messages: ".long-messages")
    for _ in 0..<4 { #expect(try run(["true"]).status == 0) }
    try bench.file("go", "")
    #expect(Program.wait(for: long) == 0)
    #expect(try bench.text(".long") == "y\n")
  }

  @Test(arguments: [
    ("TERM", false, "true", 0), ("KILL", false, "true", 1), ("KILL", false, "exit 7", 7),
    ("TERM", true, "true", 1),
  ])
  func `is told when the server ends, whose exit status counts`(
    signal: String, hasFault: Bool, last: String, status: Int
  ) throws {
    try bench.file("faults", "write /sys/bus/ap/config_time 1 ignore\n")
    let result = try run(
      [
        "sh", "-c",
        "kill -\(signal) $(pgrep -P $PPID apreserve-simf); sleep 1; ls /sys/bus; \(last)",
      ], more: hasFault ? ["--faults", "faults"] : [])
    #expect(result.status == status)
    #expect(result.messages.contains("apreserve-simfs has ended; calls below /sys return ENOTCONN"))
    #expect(result.messages.contains("the fault never occurred") == hasFault)
  }

  @Test func `gets events in a network of its own`() throws {
    let result = try run(
      [
        "sh", "-c", "echo scan > /sys/kernel/debug/apsim/control && ls /sys/bus/ap/devices | wc -l",
      ],
      more: ["--uevents"])
    #expect(result.messages == "")
    #expect(result.output == "6\n")
  }

  @Test(arguments: [
    ("simulate --script m.scenario -- true", "A command requires --mount."),
    ("simulate --script m.scenario --ready-fd 3", "--ready-fd requires --mount."),
    (
      "simulate --script m.scenario --mount mnt --ready-fd 3 -- true",
      "--ready-fd takes an open file descriptor, and no command."
    ),
  ])
  func `needs a mount`(words: String, message: String) throws {
    let result = try bench.run(words)
    #expect(result.status == 64)
    #expect(result.messages.hasPrefix("Error: \(message)\n"))
  }

  @Test func `is not begun where the bus cannot be mounted`() throws {
    try bench.file("m.scenario", "domain add nonsense\n")
    let result = try run(["touch", "begun"])
    #expect(result.status == 1)
    #expect(result.messages.hasPrefix("apreserve: m.scenario:1: "))
    #expect(!bench.has("begun"))
  }
}
