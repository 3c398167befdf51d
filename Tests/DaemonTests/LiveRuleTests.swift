import APBus
import Glibc
import HostSystem
import HostTestSupport
import JSONText
import TestSupport
import Testing
@testable import Daemon

/// What a daemon makes of rule files that are not whole, cannot be read, or change without an event.
@Suite(
  .enabled(if: LiveMachine.isPossible, "a network namespace of its own is refused here"),
  .serialized)
struct `The rule files of a live machine` {
  private static let rule = "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n"
  private static let another = "ADAPTER==\"2\", RESERVE=\"vfio_ap\"\n"
  /// Follows the other one in a file: the adapter stays with the host.
  private static let lock = "ADAPTER==\"2\", RESERVE:=\"host\"\n"
  private static let sentence =
    "60.rules is being written by another process; wait until that process has closed it"

  @Test(arguments: [true, false])
  func `do not count for a reload while another process is writing them`(isSignal: Bool) async {
    await #expect(processExitsWith: .success) { [isSignal] in
      let machine = try LiveMachine(.mask, rules: Self.rule)
      try machine.settle()
      _ = machine.bus.takeWrites()
      let file = try machine.tree.writer("rules/60.rules")
      try file.write(Self.another)
      if isSignal {
        machine.signal(SIGHUP)
        try machine.wait { !machine.messages.texts(of: .reloadRequested).isEmpty }
      } else {
        let error = #expect(throws: ControlError.self) { try machine.reload() }
        #expect(error?.description.contains(Self.sentence) == true, "\(error as Any)")
      }
      try machine.wait { try machine.status()["rules"]?["origin"] == "earlier-files" }
      try machine.settle()
      #expect(
        machine.messages.texts(of: .rulesRefused).contains { $0.contains(Self.sentence) })
      try file.write(Self.lock)
      file.close()
      try machine.wait { try machine.status()["rules"]?["count"] == .integer(3) }
      try machine.settle()
      #expect(machine.bus.takeWrites() == [])
      #expect(machine.reserved.count == 4)
      try machine.reload()
    }
  }

  @Test func `do not count at the start while another process is writing them`() async {
    await #expect(processExitsWith: .success) {
      var file: OpenFile?
      let machine = try LiveMachine(.mask, rules: Self.rule) { settings in
        file = try? OpenFile("\(settings.ruleDirectories.first ?? "")/60.rules")
        try? file?.write(Self.another)
      }
      #expect(try machine.settle()["rules"]?["origin"] == "nowhere")
      #expect(machine.reserved == [])
      try file?.write(Self.lock)
      file?.close()
      try machine.wait { machine.reserved.count == 4 }
      try machine.settle()
      #expect(machine.bus.takeWrites().count { $0.hasSuffix("apmask") } == 1)
    }
  }

  /// A forgotten descriptor does not keep the rules away for ever.
  @Test func `count when they have been kept open for long enough, for a reload too`() async {
    await #expect(processExitsWith: .success) {
      var file: OpenFile?
      let machine = try LiveMachine(.mask, rules: Self.rule) { settings in
        settings.writerLimit = .seconds(2)
        file = try? OpenFile("\(settings.ruleDirectories.first ?? "")/60.rules")
        try? file?.write(Self.another)
      }
      #expect(throws: ControlError.self) { try machine.reload() }
      try machine.wait { machine.reserved.count == 8 }
      try machine.reload()
      #expect(try machine.settle()["rules"]?["origin"] == "files")
      file?.close()
    }
  }

  /// More events than the kernel keeps: none tells of the file.
  @Test func `do not count while they are written after events about them were lost`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.mask, rules: Self.rule)
      try machine.settle()
      _ = machine.bus.takeWrites()
      machine.messages.holdUp(.rulesLoaded)
      try machine.tree.file("rules/55.rules", "# nothing\n")
      try machine.wait { machine.messages.isHoldingUp }
      for number in 0..<20_000 {
        try machine.tree.mode("rules/\(number % 2 == 0 ? "50-test" : "55").rules", 0o644)
      }
      let file = try machine.tree.writer("rules/60.rules")
      try file.write(Self.another)
      machine.messages.holdUp(nil)
      try machine.wait { try machine.status()["rules"]?["origin"] == "earlier-files" }
      try file.write(Self.lock)
      file.close()
      try machine.wait { try machine.status()["rules"]?["count"] == .integer(3) }
      try machine.settle()
      #expect(machine.bus.takeWrites() == [])
    }
  }

  /// Without descriptors the directory cannot be opened.
  @Test func `are not taken for none when the process has no descriptor left`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.mask, rules: Self.rule)
      try machine.settle()
      _ = machine.bus.takeWrites()
      var usual = rlimit()
      try #require(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &usual) == 0)
      var none = usual
      none.rlim_cur = 0
      try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &none) == 0)
      machine.signal(SIGHUP)
      try machine.wait { !machine.messages.texts(of: .rulesRefused).isEmpty }
      try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &usual) == 0)
      #expect(machine.messages.texts(of: .rulesRefused).contains { $0.contains("EMFILE") })
      #expect(try machine.status()["rules"]?["count"] == .integer(1))
      #expect(try machine.settle()["summary"] == "4 of 4 queues reserved")
      try machine.reload()
      #expect(try machine.settle()["rules"]?["origin"] == "files")
      #expect(machine.bus.takeWrites() == [])
    }
  }

  @Test(.enabled(if: BrokenFileSystem.isPossible, "no file system of one's own here"))
  func `are not taken for none when their directory cannot be listed`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.mask, rules: Self.rule)
      try machine.settle()
      _ = machine.bus.takeWrites()
      let broken = try BrokenFileSystem.mount(at: machine.tree.path + "/rules")
      defer { broken.remove() }
      let error = #expect(throws: ControlError.self) { try machine.reload() }
      #expect(error?.description.contains("EIO") == true, "\(error as Any)")
      let status = try machine.settle()
      #expect(status["rules"]?["origin"] == "earlier-files")
      #expect(status["rules"]?["count"] == .integer(1))
      #expect(machine.reserved.count == 4)
      broken.remove()
      #expect(try machine.settle()["rules"]?["origin"] == "files")
      #expect(machine.bus.takeWrites() == [])
    }
  }

  @Test(
    .enabled(if: Mount.isPossible, "no mount here"),
    arguments: [true, false])
  func `are read when another directory is mounted over theirs, and when it is removed`(
    isAsked: Bool
  ) async {
    await #expect(processExitsWith: .success) { [isAsked] in
      let machine = try LiveMachine(
        .mask, rules: Self.rule, configuration: [.rescanInterval: isAsked ? "24h" : "1s"])
      try machine.settle()
      let mount = try Mount("tmpfs", at: machine.tree.path + "/rules")
      defer { mount.remove() }
      try machine.tree.file("rules/60.rules", Self.rule + Self.another)
      if isAsked { try machine.settle() }
      try machine.wait { machine.reserved.count == 8 }
      // What is mounted now is watched.
      try machine.tree.file("rules/60.rules", Self.another)
      try machine.wait { machine.reserved.count == 4 }
      mount.remove()
      if isAsked { try machine.settle() }
      try machine.wait { machine.reserved == ["01.0000", "01.0001", "01.0002", "01.0003"] }
    }
  }
}
