import APBus
import HostSystem
import Glibc
import HostTestSupport
import JSONText
import Reports
import SimulatedBus
import Snapshots
import Synchronization
import TestSupport
import Testing
@testable import Daemon

@Suite(
  .enabled(if: LiveMachine.isPossible, "a network namespace of its own is refused here"),
  .serialized)
struct `A daemon on a live machine` {
  private static let rule = "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n"

  @Test(arguments: Mechanism.allCases.map(\.rawValue))
  func `reserves at start, on hot plug, and after anything that undoes it`(
    name: String
  ) async {
    await #expect(processExitsWith: .success) { [name] in
      let mechanism = try #require(Mechanism(rawValue: name))
      let machine = try LiveMachine(mechanism, rules: Self.rule, adapters: [0])
      var status = try machine.settle()
      #expect(status["summary"] == "0 of 0 queues reserved")
      machine.bus.use { $0.plug(card: SimulatedCard(adapter: 1)) }
      status = try machine.settle()
      #expect(status["summary"] == "4 of 4 queues reserved")
      #expect(machine.reserved == ["01.0000", "01.0001", "01.0002", "01.0003"])
      // A person at a shell.
      let apqn = try #require(APQN("01.0002"))
      switch mechanism {
      case .mask: try machine.bus.write(APMask.all.description, to: .bus("apmask"))
      case .override: try machine.bus.write("\n", to: .queue(apqn, "driver_override"))
      case .bind: break
      }
      if mechanism != .mask {
        try machine.bus.write("01.0002", to: .driver("vfio_ap", "unbind"))
        // The daemon may have been faster.
        try? machine.bus.write("01.0002", to: .driver("cex4queue", "bind"))
      }
      status = try machine.settle()
      #expect(machine.reserved.count == 4)
      machine.bus.use { $0.unplug(card: 1) }
      #expect(try machine.settle()["summary"] == "0 of 4 queues reserved, 4 missing")
    }
  }

  /// The kernel sends no event when a queue is assigned, nor when a guest starts.
  @Test func `shows root at once what sends no event`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.override, rules: Self.rule)
      try machine.settle()
      func states() throws -> [JSONValue?] {
        let reply = try machine.reply("GetPlanningState")
        let state = try PlanningState(reply["state"] ?? .null)
        return QueueList(try state.assessment()).json(ofCard: 1).prefix(2).map { $0["state"] }
      }
      #expect(try states() == ["unassigned", "unassigned"])
      let uuid = "11111111-2222-3333-4444-555555555555"
      let type = BusObject.mediatedDeviceType
      try machine.bus.write(uuid + "\n", to: SysfsPath(type, "create"))
      try machine.settle()
      let device = BusObject.mediatedDevice(uuid)
      for (name, number) in [("assign_adapter", "1"), ("assign_domain", "0")] {
        try machine.bus.write(number + "\n", to: SysfsPath(device, name))
      }
      #expect(try states() == ["assigned", "unassigned"])
      try machine.bus.use { bus in Result { try bus.startGuest(uuid) } }.get()
      #expect(try states() == ["in use", "unassigned"])
    }
  }

  @Test func `reports requested queues that are missing, and that they are back`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.override, rules: Self.rule)
      try machine.settle()
      machine.bus.use { $0.unplug(card: 1) }
      #expect(try machine.settle()["summary"] == "0 of 4 queues reserved, 4 missing")
      // The kernel removes one queue after the other, so there may be several messages.
      let queues = ["01.0000", "01.0001", "01.0002", "01.0003"]
      try machine.wait {
        let texts = machine.messages.texts(of: .requestStuck)
        return queues.allSatisfy { queue in texts.contains { $0.contains(queue) } }
      }
      let open = try #require(try machine.status()["openRequests"]?.elements.first)
      #expect(open["state"] == "missing")
      #expect(
        open["message"]?.text
          == "01.0000, 01.0001, 01.0002, 01.0003 are missing: this system is not configured for adapter 0x01"
      )
      #expect(open["count"] == .integer(4))
      #expect(StatusView(try machine.status()).outcome == .refused)
      let requests = try machine.reply("GetRequests", [.init("queues", "01.0000-0001")])
      #expect(requests["requested"] == .integer(2))
      #expect(requests["reserved"] == .integer(0))
      machine.bus.use { $0.plug(card: SimulatedCard(adapter: 1)) }
      #expect(try machine.settle()["summary"] == "4 of 4 queues reserved")
      try machine.wait {
        let texts = machine.messages.texts(of: .requestFreed)
        return queues.allSatisfy { queue in
          texts.contains { $0.contains(queue) && $0.contains("no longer missing") }
        }
      }
    }
  }

  @Test func `shows what it waits for, and the requests as they are meanwhile`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.mask, rules: "# none\n") { settings in
        settings.configurationLock = (settings.root ?? "") + "/lock"
      }
      try machine.settle()
      // The parent of the test process is running.
      try machine.tree.file("host/lock", "\(getppid())\n")
      try machine.tree.file("rules/60.rules", Self.rule)
      try machine.wait { try machine.status()["wait"]?["kind"] == "lock" }
      let status = try machine.status()
      #expect(status["phase"] == "applying")
      #expect(status["requests"]?["reserved"] == .integer(0))
      #expect(status["requests"]?["waiting"] == .integer(4))
      try machine.wait { !machine.messages.texts(of: .lockHeld).isEmpty }
      let summary = try #require(try machine.status()["summary"]?.text)
      #expect(summary.hasPrefix("0 of 4 queues reserved, 4 waiting; waiting for "), "\(summary)")
      machine.tree.remove("host/lock")
      #expect(try machine.settle()["summary"] == "4 of 4 queues reserved")
    }
  }

  @Test func `reports a lock that is waited for again and again after growing pauses`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(
        .mask, rules: "# none\n", configuration: [.lockTimeout: "1500ms"]
      ) { settings in settings.configurationLock = (settings.root ?? "") + "/lock" }
      try machine.settle()
      try machine.tree.file("host/lock", "\(getppid())\n")
      try machine.tree.file("rules/60.rules", Self.rule)
      // The second message is of the second try.
      try machine.wait { machine.messages.texts(of: .lockHeld).count == 2 }
      let seconds = machine.messages.texts(of: .lockHeld).compactMap { text in
        text.firstMatch(of: /for (\d+) s;/).flatMap { Int($0.1) }
      }
      #expect(seconds.count == 2 && seconds[1] >= 2 * seconds[0], "\(seconds)")
    }
  }

  @Test(arguments: ["/module/ap", "/bus/ap"])
  func `waits for an AP bus without polling, and notices when it is created`(
    path: String
  ) async {
    await #expect(processExitsWith: .success) { [path] in
      let machine = try LiveMachine(
        .mask, rules: Self.rule, configuration: [.rescanInterval: "24h"], hasBus: false)
      var status = try machine.settle()
      #expect(status["phase"] == "without-bus")
      #expect(status["summary"] == "waiting for an AP bus")
      let looks = try machine.status()["counters"]?["reconciliations"]
      usleep(500_000)
      #expect(try machine.status()["counters"]?["reconciliations"] == looks)
      machine.bus.isAbsent.store(false, ordering: .relaxed)
      let subsystem = path.hasPrefix("/module") ? "module" : "bus"
      machine.injection.inject(
        "add@\(path)", "ACTION=add", "DEVPATH=\(path)", "SUBSYSTEM=\(subsystem)")
      try machine.wait { try machine.status()["phase"] == "settled" }
      status = try machine.status()
      #expect(status["summary"] == "4 of 4 queues reserved")
    }
  }

  /// A driver may never be loaded, and what a person asked for is done.
  @Test func `answers apply when nothing can be done now, and settle when nothing is waited for`()
    async
  {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.override, rules: "# none\n")
      try machine.settle()
      try machine.bus.use { bus in
        Result { () throws(Errno) in try bus.unloadModule(.vfioAP) }
      }.get()
      try machine.tree.file("rules/60.rules", Self.rule)
      let status = try #require(
        try machine.reply("Apply", [.init("command", "undo")])["status"])
      #expect(status["summary"] == "0 of 4 queues reserved, 4 waiting")
      let view = StatusView(status)
      #expect(view.outcomeOfApplying == .fine)
      let sentence =
        "01.0000, 01.0001, 01.0002, 01.0003 are waiting: vfio_ap is not loaded; run modprobe vfio_ap"
      #expect(view.complaints() == [sentence])
      #expect(view.outlook == "4 queues waiting: vfio_ap is not loaded; run modprobe vfio_ap")
      #expect(throws: ControlError.timeout(machine.control)) {
        _ = try ControlClient(path: machine.control).call(
          Call("org.apreserve.Settle"), timeout: .milliseconds(300))
      }
      let asked = try #require(
        try machine.reply("ListHistory")["entries"]?.elements.first { $0["entry"] == "asked" })
      #expect(asked["action"] == "undo")
      #expect(asked["pid"] == .integer(Int(getpid())))
      #expect(throws: ControlError.self) {
        _ = try machine.reply("Apply", [.init("command", "reload")])
      }
      machine.bus.use { $0.loadModule(.vfioAP) }
      #expect(try machine.settle()["summary"] == "4 of 4 queues reserved")
    }
  }

  @Test func `starts without its record, writes nothing, and goes on when it can be opened`()
    async
  {
    await #expect(processExitsWith: .success) {
      let obstacle = Box("")
      let machine = try LiveMachine(.mask, rules: Self.rule) { settings in
        // As on a full file system, no new record can be created.
        obstacle.set((settings.record?.directory ?? "") + "/ownership.new")
        mkdir(obstacle.get(), 0o700)
      }
      let status = try #require(try machine.reply("Apply")["status"])
      #expect(status["phase"] == "blocked")
      #expect(status["degraded"]?.isTrue == true)
      let summary = try #require(status["summary"]?.text)
      #expect(summary.contains(obstacle.get()), "\(summary)")
      #expect(status["problems"]?.elements == [.string(summary)])
      #expect(StatusView(status).outcomeOfApplying == .error)
      #expect(summary.hasPrefix("nothing is moved until "), "\(summary)")
      for (method, parameters) in [
        ("ListQueues", []), ("Plan", []), ("GetPlanningState", []), ("GetRequests", []),
        ("Explain", [.init("queue", "01.0000")]),
      ] as [(String, [JSONValue.Member])] {
        #expect(
          throws: ControlError.refused("org.apreserve.Blocked", [.init("reason", .string(summary))])
        ) {
          try machine.reply(method, parameters)
        }
      }
      #expect(
        throws: ControlError.refused(
          "org.apreserve.ChangeoverFailed", [.init("reason", .string(summary))])
      ) {
        try machine.reply("ChangeOver", [.init("mechanism", "mask")])
      }
      #expect(machine.bus.takeWrites() == [])
      #expect(machine.messages.texts(of: .problem) == [summary])
      rmdir(obstacle.get())
      #expect(try machine.settle()["summary"] == "4 of 4 queues reserved")
      #expect(machine.messages.texts(of: .problem).count == 2)
    }
  }

  /// Whoever asked for it was told that it failed.
  @Test func `does not do a changeover later that it could not do`() async {
    await #expect(processExitsWith: .success) {
      let obstacle = Box("")
      let machine = try LiveMachine(
        .override, rules: Self.rule, configuration: [.mechanism: "auto"], hasBus: false
      ) { settings in
        obstacle.set((settings.record?.directory ?? "") + "/ownership.new")
        mkdir(obstacle.get(), 0o700)
      }
      func changeOver() throws -> ControlError? {
        do throws(ControlError) {
          _ = try ControlClient(path: machine.control).call(
            Call("org.apreserve.ChangeOver", parameters: [.init("mechanism", "override")]),
            timeout: .seconds(60))
          return nil
        } catch {
          return error
        }
      }
      let unrecorded = try #require(try changeOver())
      #expect("\(unrecorded)".contains(obstacle.get()), "\(unrecorded)")
      rmdir(obstacle.get())
      var status = try machine.settle()
      #expect(status["phase"] == "without-bus", "\(status.text())")
      let absent = try #require(try changeOver())
      #expect(absent == .refused("org.apreserve.NoInventory", []), "\(absent)")
      machine.bus.isAbsent.store(false, ordering: .relaxed)
      status = try machine.settle()
      #expect(status["mechanism"] == "mask", "\(status.text())")
      machine.bus.isUnreadable.store(true, ordering: .relaxed)
      #expect(try changeOver() != nil, "while the bus is unreadable")
      machine.bus.isUnreadable.store(false, ordering: .relaxed)
      status = try machine.settle()
      #expect(status["summary"] == "4 of 4 queues reserved")
      #expect(status["mechanism"] == "mask", "\(status.text())")
      // It is one that can be done.
      let possible = try changeOver()
      #expect(possible == nil, "\(possible.map { "\($0)" } ?? "")")
      status = try machine.settle()
      #expect(status["mechanism"] == "override", "\(status.text())")
    }
  }

  @Test func `bounds how often it says the same thing, and says that it does`() async {
    await #expect(processExitsWith: .success) {
      // No rectangle: every queue of these is refused.
      let machine = try LiveMachine(
        .mask, rules: "ADAPTER==\"1\", DOMAIN==\"0-0x27\", RESERVE=\"vfio_ap\"\n",
        domains: 0...50)
      let status = try machine.settle()
      #expect(status["refused"] == .integer(40), "\(status.text())")
      #expect(machine.messages.texts(of: .refused).count == 20)
      #expect(machine.messages.texts(of: .suppressed).count == 1)
      #expect(status["refusals"]?.elements.count == 40)
    }
  }

  @Test func `moves a hot-plugged card of 85 domains with one mask write at most`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.mask, rules: Self.rule, adapters: [0], domains: 0...84)
      try machine.settle()
      _ = machine.bus.takeWrites()
      machine.bus.use { $0.plug(card: SimulatedCard(adapter: 1)) }
      #expect(try machine.settle()["summary"] == "85 of 85 queues reserved")
      #expect(machine.bus.takeWrites().count { $0.hasSuffix("mask") } <= 1)
    }
  }

  @Test func `follows its rules as they are written, and keeps them when they have errors`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.mask, rules: Self.rule)
      try machine.settle()
      try machine.tree.file("rules/60.rules", "ADAPTER==\"2\", RESERVE=\"vfio_ap\"\n")
      try machine.wait { machine.reserved.count == 8 }
      try machine.tree.file("rules/60.rules", "ADAPTER==\"99\", RESERVE=\"vfio_ap\"\n")
      try machine.wait { try machine.status()["rules"]?["origin"] == "earlier-files" }
      #expect(try machine.status()["degraded"]?.isTrue == true)
      #expect(throws: ControlError.self) { try machine.reload() }
      #expect(machine.reserved.count == 8)
      machine.tree.remove("rules/60.rules")
      try machine.wait { machine.reserved.count == 4 }
    }
  }

  /// A host that has no name yet is not one that has another name.
  @Test func `decides its rules anew when the host is named`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(
        .mask, rules: "HOST!=\"prod*\", ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n",
        host: ["etc/hostname": "localhost\n"]
      ) { settings in
        let facts = HostFacts(root: settings.root ?? "")
        settings.host = { facts.identity() }
        settings.hostNameFile = facts.nameFile
      }
      #expect(try machine.settle()["requests"]?["undecidable"] == .integer(4))
      #expect(machine.reserved == [])
      try machine.tree.file("host/etc/hostname", "test1\n")
      try machine.wait { machine.reserved.count == 4 }
      #expect(
        machine.messages.texts(of: .hostRenamed) == [
          "the host is named test1 now; the rules are decided again"
        ])
      try machine.tree.file("host/etc/hostname", "prod1\n")
      try machine.reload()
      try machine.settle()
      #expect(machine.reserved == [])
    }
  }

  /// A definition that cannot be read, as one that is being written, decides nothing.
  @Test func `reserves what definitions of guests assign, as they change`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(
        .override, rules: "GUEST==\"*\", RESERVE=\"vfio_ap\"\n",
        configuration: [.rescanInterval: "24h"])
      let directory = "host/etc/mdevctl.d/matrix/"
      let uuids = ["11111111-2222-3333-4444-555555555555", "66666666-2222-3333-4444-555555555555"]
      func define(_ index: Int, _ adapter: Int, _ domain: Int) throws {
        try machine.tree.file(
          directory + uuids[index],
          "{\"attrs\": [{\"assign_adapter\": \"\(adapter)\"}, {\"assign_domain\": \"\(domain)\"}]}")
      }
      try machine.settle()
      #expect(machine.reserved == [])
      try define(0, 1, 2)
      try machine.wait { machine.reserved == ["01.0002"] }
      try define(1, 2, 0)
      try machine.wait { machine.reserved == ["01.0002", "02.0000"] }
      try define(1, 2, 1)
      try machine.wait { machine.reserved == ["01.0002", "02.0001"] }
      try machine.tree.file(directory + uuids[1], "{\"attrs\": [")
      try machine.settle()
      #expect(machine.reserved == ["01.0002", "02.0001"])
      machine.tree.remove(directory + uuids[0])
      try machine.settle()
      #expect(machine.reserved == ["01.0002", "02.0001"])
      try define(1, 2, 1)
      try machine.wait { machine.reserved == ["02.0001"] }
      // What another process writes and does not finish is noticed when it has closed the file.
      try machine.tree.file("rules/60.rules", "GUEST==\"web1\", RESERVE:=\"host\"\n")
      try machine.tree.file(
        "host/run/libvirt/qemu/web1.xml",
        "<domstatus><domain><name>web1</name><devices><hostdev type='mdev' model='vfio-ap'>"
          + "<source><address uuid='\(uuids[1])'/></source></hostdev></devices></domain></domstatus>"
      )
      try machine.wait { machine.reserved == [] }
    }
  }

  @Test func `notices rule directories that are created later, and that are replaced`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.mask, rules: Self.rule) {
        $0.ruleDirectories.append(
          ($0.ruleDirectories.first ?? "").replacing("/rules", with: "/later/rules.d"))
      }
      try machine.settle()
      try machine.tree.directory("later/rules.d")
      try machine.tree.file("later/rules.d/60.rules", "ADAPTER==\"2\", RESERVE=\"vfio_ap\"\n")
      try machine.wait { machine.reserved.count == 8 }
      let path = machine.tree.path
      rename(path + "/later", path + "/away")
      try machine.wait { machine.reserved.count == 4 }
      rename(path + "/away", path + "/later")
      try machine.wait { machine.reserved.count == 8 }
    }
  }

  @Test func `gives nothing back when all rules are removed, until a reload`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.mask, rules: Self.rule)
      try machine.settle()
      machine.tree.remove("rules")
      try machine.wait { try machine.status()["rules"]?["count"] == .integer(0) }
      try machine.settle()
      #expect(machine.reserved.count == 4)
      try machine.reload()
      try machine.settle()
      #expect(machine.reserved.isEmpty)
    }
  }

  @Test func `keeps answering while a write lasts`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.override, rules: Self.rule)
      try machine.settle()
      machine.bus.writeDelay.store(200, ordering: .relaxed)
      try machine.tree.file("rules/60.rules", "ADAPTER==\"2\", RESERVE=\"vfio_ap\"\n")
      try machine.wait { try machine.status()["wait"]?["kind"]?.text == "write" }
      let writing = try #require(try machine.status()["wait"])
      #expect(writing["path"]?.text?.hasPrefix("/sys/") == true)
      try machine.reload()
      // Events are still taken in.
      let before = try machine.status()["counters"]?["events"]?.integer ?? 0
      machine.injection.injectQueue(1)
      try machine.wait {
        try machine.status()["counters"]?["events"]?.integer ?? 0 > before
      }
      machine.bus.writeDelay.store(0, ordering: .relaxed)
      #expect(try machine.settle()["summary"] == "8 of 8 queues reserved")
    }
  }

  @Test func `ends in the right state after 65,536 events through a small buffer`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.mask, rules: Self.rule)
      try machine.settle()
      try machine.shrinkReceiveBuffer()
      // The loop is busy, so that events are lost for certain.
      machine.messages.holdUp(.rulesLoaded)
      try machine.tree.file("rules/60.rules", "# nothing\n")
      try machine.wait { machine.messages.isHoldingUp }
      // A card comes and goes; what is lost of it must not matter.
      machine.bus.use { $0.plug(card: SimulatedCard(adapter: 3)) }
      for number in 0..<65_536 { machine.injection.injectQueue(number) }
      machine.bus.use { $0.unplug(card: 1) }
      machine.bus.use { $0.plug(card: SimulatedCard(adapter: 1)) }
      machine.messages.holdUp(nil)
      let status = try machine.settle()
      #expect(status["summary"] == "4 of 4 queues reserved", "\(status.text())")
      #expect(machine.reserved.count == 4, "\(machine.reserved)")
      #expect(status["counters"]?["malformedEvents"] == .integer(0), "\(status.text())")
      #expect(status["counters"]?["overruns"] != .integer(0), "\(status.text())")
      // 64 MB is the goal; a debug build with a simulated machine in it needs more.
      let peak = try LiveMachine.peakMemory()
      #expect(peak < 256 * 1024, "\(peak) KiB")
    }
  }

  @Test func `ignores invalid events`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.mask, rules: Self.rule)
      try machine.settle()
      machine.injection.inject(
        "change@/devices/ap", "ACTION=change", "DEVPATH=/", "SUBSYSTEM=ap")
      machine.injection.inject(
        "change@/devices/ap", "ACTION=change", "DEVPATH=/devices/ap", "SUBSYSTEM=ap",
        "SEQNUM=99999999999999999999999")
      machine.bus.use { $0.unplug(card: 1) }
      machine.bus.use { $0.plug(card: SimulatedCard(adapter: 1)) }
      let status = try machine.settle()
      #expect(status["summary"] == "4 of 4 queues reserved", "\(status.text())")
      #expect(status["degraded"] == .bool(false), "\(status.text())")
      #expect(status["counters"]?["malformedEvents"] == .integer(2), "\(status.text())")
      let view = StatusView(status)
      #expect(
        view.text(now: HostTime().wallTime).contains(" received, 2 malformed\n"),
        "\(view.text(now: HostTime().wallTime))")
      let metrics = try machine.metrics()
      #expect(metrics.contains("\napreserve_events_malformed_total 2\n"))
      #expect(metrics.contains("\napreserve_monitor_reopenings_total 0\n"))
    }
  }

  @Test func `ends with an error when events cannot be received any more`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.mask, rules: Self.rule)
      try machine.settle()
      machine.expectsFailure.set(true)
      // Whatever monitor it opens is no socket soon; it notices when it is asked.
      try machine.wait {
        machine.breakMonitor()
        _ = try? machine.settle()
        return machine.failure.get() != nil
      }
      let failure = try #require(machine.failure.get())
      #expect(failure.contains("receiving uevents"), "\(failure)")
      #expect(machine.reserved.count == 4, "what is reserved stays reserved")
    }
  }
}

extension LiveMachine {
  /// The most memory that this process has had, in KiB. What getrusage(2) tells comes from the process
  /// that started this one too.
  static func peakMemory() throws -> Int {
    let text = String(
      decoding: try HostFile.read("/proc/self/status", sizeLimit: 65536), as: UTF8.self)
    let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
    return try #require(Int(line.filter(\.isNumber)))
  }

  /// Lets the daemon's netlink socket hold a few messages only.
  func shrinkReceiveBuffer() throws {
    var shrunk = 0
    for descriptor in Int32(3)..<64 {
      var domain: Int32 = 0
      var length = socklen_t(MemoryLayout<Int32>.size)
      guard getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0,
        domain == AF_NETLINK
      else { continue }
      var size: Int32 = 4096
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, length)
      shrunk += 1
    }
    // The injecting socket is one of them and holds one acknowledgement at a time.
    try #require(shrunk == 2)
  }

  /// Puts something that is no socket under the descriptor of the daemon's monitor, which alone listens
  /// to a group.
  func breakMonitor() {
    for descriptor in Int32(3)..<64 {
      // struct sockaddr_nl: family, nothing, port, groups (linux/netlink.h).
      var address = sockaddr_storage()
      var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
      let result = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          getsockname(descriptor, $0, &length)
        }
      }
      let groups = withUnsafeBytes(of: &address) { $0.load(fromByteOffset: 8, as: UInt32.self) }
      guard result == 0, address.ss_family == AF_NETLINK, groups != 0 else { continue }
      let null = open("/dev/null", O_RDWR)
      dup2(null, descriptor)
      close(null)
    }
  }
}
