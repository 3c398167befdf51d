import APBus
import CUeventInjection
import Glibc
import HostTestSupport
import TestSupport
import Testing
import Uevents

@Suite(
  .enabled(
    if: apreserve_can_unshare_network() != 0, "a network namespace of its own is refused here"))
struct `apreserve monitor` {
  private static let capture = "unequal-6.1-mask.events"

  /// Whether it is the AP bus that the event is about, or what works on it.
  private static func isAboutTheBus(_ path: String) -> Bool {
    [
      "/devices/ap", "/bus/ap", "/devices/vfio_ap", "/module/ap", "/module/zcrypt_cex4",
      "/module/vfio_ap",
    ]
    .contains { path == $0 || path.hasPrefix($0 + "/") } && BusObject(path: path) != nil
  }

  @Test func `records what the kernel sends, and replay runs it as it runs the capture`() async {
    await #expect(processExitsWith: .success) {
      let injection = Injection()
      let bytes = try CaptureFile.bytes(Self.capture)
      let bench = try Workbench(["rules/50.rules": "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n"])
      let monitor = try BackgroundProgram("monitor --record new.events --rules rules", in: bench)
      // It listens from some moment on; what is sent before is lost.
      for number in 0..<6000 {
        // The first line is the heading.
        guard try bench.text(".daemon").filter({ $0 == "\n" }).count < 3 else { break }
        injection.inject(
          "change@/bus/ap", "ACTION=change", "DEVPATH=/bus/ap", "SUBSYSTEM=bus", "TRY=\(number)")
        usleep(10_000)
      }
      let all = Capture.read(bytes: bytes, name: Self.capture).events
      for event in all { injection.inject(event) }
      let events = all.filter { Self.isAboutTheBus($0.devicePath) }
      #expect(events.count > 300 && events.count < all.count)
      func recorded() throws -> [Uevent] {
        Capture.read(bytes: Array(try bench.text("new.events").utf8), name: "new").events
          .filter { $0["TRY"] == nil }
      }
      for _ in 0..<6000 {
        guard try recorded().count < events.count else { break }
        usleep(10_000)
      }
      #expect(monitor.end(SIGINT) == 128 + Int(SIGINT))
      let own = try recorded()
      #expect(own.map(\.devicePath) == events.map(\.devicePath))
      #expect(own.map(\.action) == events.map(\.action))
      // Without its marks, which no monitor makes, the capture is played as it was recorded.
      let marked = String(decoding: bytes, as: UTF8.self).split(
        separator: "\n", omittingEmptySubsequences: false)
      try bench.file(
        "old.events", marked.filter { !$0.hasPrefix("#") }.joined(separator: "\n"))
      let old = try bench.run("replay old.events --rules rules")
      let new = try bench.run("replay new.events --rules rules")
      func end(_ result: Program.Result) -> Substring {
        result.output.split(separator: "At the end", maxSplits: 1).last ?? ""
      }
      #expect(new.status == old.status)
      #expect(end(new).contains("V vfio_ap"))
      #expect(
        end(new).split(separator: ";").dropFirst() == end(old).split(separator: ";").dropFirst())
    }
  }
}
