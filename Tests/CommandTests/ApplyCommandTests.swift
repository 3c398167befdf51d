import TestSupport
import Testing

/// A directory of plain files accepts every write, without any effect.
@Suite struct `apreserve apply on a directory of plain files` {
  private static let all = "0x" + String(repeating: "f", count: 64) + "\n"
  private static let cleared = "0xbf" + String(repeating: "f", count: 62)
  private let bench: Workbench

  /// Where something could be written.
  private static let files = [
    "bus/ap/drivers/cex4queue/bind", "bus/ap/drivers/cex4queue/unbind",
    "bus/ap/drivers/vfio_ap/bind", "bus/ap/drivers/vfio_ap/unbind",
    "devices/ap/card01/01.0004/online",
  ]

  init() throws {
    bench = try Sample.bench()
    for driver in ["cex4card", "cex4queue", "vfio_ap"] {
      try bench.file("tree/bus/ap/drivers/\(driver)/bind", "")
      try bench.file("tree/bus/ap/drivers/\(driver)/unbind", "")
    }
    let card = "devices/ap/card01"
    try bench.file("tree/\(card)/hwtype", "13\n")
    try bench.file("tree/\(card)/ap_functions", "0x92000000\n")
    try bench.link("tree/\(card)/driver", to: "../../../bus/ap/drivers/cex4card")
    try bench.file("tree/\(card)/01.0004/online", "1\n")
    try bench.link("tree/\(card)/01.0004/driver", to: "../../../../bus/ap/drivers/cex4queue")
    try bench.link("tree/bus/ap/devices/card01", to: "../../../\(card)")
    try bench.link("tree/bus/ap/devices/01.0004", to: "../../../\(card)/01.0004")
  }

  private func contents() throws -> [String] {
    try Self.files.map { try bench.text("tree/\($0)") }
  }

  @Test func `reports that a write succeeded without effect`() throws {
    let result = try bench.run("apply --sysfs tree --rules guests")
    #expect(result.status == 1)
    #expect(result.messages == "")
    let lines = result.output.split(separator: "\n").map(String.init)
    #expect(
      Array(lines.prefix(6)) == [
        "mechanism  bind: this kernel has no masks",
        "warning    the host keeps no CCA queue, and loses its random number generator with the last one",
        "plan       1 queue by 2 writes",
        "decide     01.0004  host  ->  vfio_ap  50-guests.rules:1 \"db guests\"",
        "write      01.0004 > /sys/bus/ap/drivers/cex4queue/unbind   ok",
        "write      01.0004 > /sys/bus/ap/drivers/vfio_ap/bind   ok",
      ])
    #expect(
      lines[6...].first?.hasPrefix(
        "failed     01.0004 was to go to vfio_ap, the kernel took the write, and the queue is with "
          + "host") == true)
    #expect(lines.last == "0 of 1 queues reserved, 1 pending, 1 failed")
    #expect(try contents() == ["", "01.0004", "01.0004", "", "1\n"])
  }

  @Test func `says so for programs too`() throws {
    let result = try bench.run("apply --sysfs tree --rules guests --json")
    #expect(result.status == 1)
    #expect(result.output.contains("\n  \"outcome\": \"failed\",\n"))
    #expect(
      result.output.contains("{\"activity\": \"failed\", \"message\": \"01.0004 was to go to"))
  }

  @Test func `reports masks that moved nothing`() throws {
    try bench.file("tree/bus/ap/apmask", Self.all)
    try bench.file("tree/bus/ap/aqmask", Self.all)
    let result = try bench.run("apply --sysfs tree --rules guests")
    #expect(result.status == 1)
    #expect(result.output.contains("\nwrite      \(Self.cleared) > /sys/bus/ap/apmask   ok\n"))
    #expect(result.output.hasSuffix("\n0 of 1 queues reserved, 1 pending, 1 failed\n"))
    #expect(try bench.text("tree/bus/ap/apmask") == Self.cleared + "\n")
    #expect(try bench.text("tree/bus/ap/aqmask") == Self.all)
  }

  /// Rules, further words, the status.
  @Test(arguments: [
    ("none", "", 0), ("bad", "", 1), ("mixed", "", 1), ("nowhere", "", 1),
    ("guests", "--mechanism mask", 1), ("guests", "--mechanism override", 1),
    ("guests", "--mechanism guess", 64), ("guests", "--inventory machine.json", 64),
  ])
  func `writes nothing where it need not or must not`(
    rules: String, words: String, status: Int
  ) throws {
    try bench.file("bad/50.rules", "ADAPTER==\"256\", RESERVE=\"vfio_ap\"\n")
    try bench.file("mixed/10.rules", Sample.guests)
    try bench.file("mixed/50.rules", "ADAPTER==\"256\", RESERVE=\"vfio_ap\"\n")
    let before = try contents()
    let result = try bench.run("apply --sysfs tree --rules \(rules) \(words)")
    #expect(result.status == status)
    #expect(result.messages.isEmpty == (status == 0), "\(result.messages)")
    #expect(try contents() == before)
  }

  /// The line that would take the exception back is still to come.
  @Test(arguments: ["apply", "plan", "explain 01.0004"])
  func `uses no rules of a file that another process is writing`(words: String) throws {
    let file = try bench.writer("half/50.rules")
    try file.write("ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n")
    let before = try contents()
    let refused = try bench.run("\(words) --sysfs tree --rules half")
    #expect(refused.status == 1)
    #expect(refused.output == "")
    #expect(
      refused.messages.contains("half/50.rules is being written by another process; "),
      "\(refused.messages)")
    #expect(try contents() == before)
    try file.write("ADAPTER==\"1\", RESERVE:=\"host\"\n")
    file.close()
    #expect(try bench.run("\(words) --sysfs tree --rules half").status == 0)
    #expect(try contents() == before)
  }

  @Test(arguments: ["plan", "list", "matrix", "explain 01.0004", "plan --json"])
  func `is not written by commands that only read`(words: String) throws {
    let before = try contents()
    _ = try bench.run("\(words) --sysfs tree --rules guests")
    #expect(try contents() == before)
  }
}
