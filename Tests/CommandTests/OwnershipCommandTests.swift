import Glibc
import TestSupport
import Testing

/// What apply does on a machine whose rules change. The tree is plain files, so the test plays the
/// kernel's part between two runs.
@Suite struct `apreserve apply keeps on record` {
  private static let all = "0x" + String(repeating: "f", count: 64) + "\n"
  private static let cleared = "0xbf" + String(repeating: "f", count: 62)
  private let bench: Workbench

  init() throws {
    bench = try Sample.bench()
    try bench.file("tree/bus/ap/apmask", Self.all)
    try bench.file("tree/bus/ap/aqmask", Self.all)
    try bench.file("tree/bus/ap/scans", "1\n")
    for driver in ["cex4card", "cex4queue", "vfio_ap"] {
      try bench.file("tree/bus/ap/drivers/\(driver)/bind", "")
      try bench.file("tree/bus/ap/drivers/\(driver)/unbind", "")
    }
    let card = "devices/ap/card01"
    try bench.file("tree/\(card)/hwtype", "13\n")
    try bench.file("tree/\(card)/ap_functions", "0x92000000\n")
    try bench.link("tree/\(card)/driver", to: "../../../bus/ap/drivers/cex4card")
    try bench.link("tree/bus/ap/devices/card01", to: "../../../\(card)")
    try bench.link("tree/bus/ap/devices/01.0004", to: "../../../\(card)/01.0004")
    try bench.file("hosts/50.rules", "ADAPTER==\"1\", RESERVE=\"host\"\n")
    try bind("cex4queue")
  }

  private func bind(_ driver: String) throws {
    bench.remove("tree/devices/ap/card01/01.0004/driver")
    try bench.link(
      "tree/devices/ap/card01/01.0004/driver", to: "../../../../bus/ap/drivers/\(driver)")
  }

  private func apply(_ words: String) throws -> Program.Result {
    try bench.run("apply --sysfs tree " + words)
  }

  @Test func `what it reserves, and gives it back when no rule requests it any more`() throws {
    _ = try apply("--rules guests --state-dir state")
    #expect(try bench.text("tree/bus/ap/apmask") == Self.cleared + "\n")
    #expect(
      try bench.text("state/ownership").contains(
        "mechanism mask\nadapters 0x4" + String(repeating: "0", count: 63) + "\n"))
    try bind("vfio_ap")
    let plan = try bench.run("plan --sysfs tree --rules hosts --state-dir state")
    #expect(plan.output.contains("01.0004  vfio_ap  ->  host"))
    _ = try apply("--rules hosts --state-dir state")
    #expect(try bench.text("tree/bus/ap/apmask") == Self.all)
  }

  @Test(arguments: [
    "nonsense\n", "apreserve-ownership 1 boot=0\n", nil,
  ]) func `what a plan does not believe if apply would not either`(text: String?) throws {
    _ = try apply("--rules guests --state-dir state")
    try bind("vfio_ap")
    if let text {
      try bench.file("state/ownership", text)
    } else {
      guard geteuid() == 0 else { return }
      try bench.mode("state/ownership", 0o666)
    }
    let plan = try bench.run("plan --sysfs tree --rules hosts --state-dir state")
    #expect(!plan.output.contains("vfio_ap  ->  host"), "\(plan.output)")
    // The record of another boot is none.
    let isOld = text?.hasSuffix("boot=0\n") == true
    #expect(plan.messages.contains("ownership") == !isOld, "\(plan.messages)")
  }

  @Test func `nothing without --state-dir, so that it gives nothing back`() throws {
    _ = try apply("--rules guests")
    try bind("vfio_ap")
    let result = try apply("--rules hosts")
    // A rule keeps it for the host.
    #expect(result.status == 3)
    #expect(try bench.text("tree/bus/ap/apmask") == Self.cleared + "\n")
  }

  @Test func `and gives nothing back if there are no rules, unless it is forced`() throws {
    _ = try apply("--rules guests --state-dir state")
    try bind("vfio_ap")
    let held = try apply("--rules none --state-dir state")
    #expect(held.status == 3)
    #expect(held.output.contains("use Force=empty-rules in apreserve.conf, "))
    #expect(try bench.text("tree/bus/ap/apmask") == Self.cleared + "\n")
    _ = try apply("--rules none --state-dir state --force empty-rules")
    #expect(try bench.text("tree/bus/ap/apmask") == Self.all)
  }

  @Test func `nothing that it cannot write down: then it does not write to sysfs either`() throws {
    try bench.file("state", "a file\n")
    let result = try apply("--rules guests --state-dir state")
    #expect(result.status == 1)
    #expect(result.messages.contains("state is not a directory"))
    #expect(try bench.text("tree/bus/ap/apmask") == Self.all)
  }

  @Test func `what import writes as rules with which nothing is left to do`() throws {
    try bench.file("tree/bus/ap/apmask", Self.cleared + "\n")
    try bind("vfio_ap")
    let rules = try bench.run("import --sysfs tree")
    #expect(rules.output.contains("ADAPTER==\"0x01\", RESERVE=\"vfio_ap\"\n"))
    try bench.file("imported/50.rules", rules.output)
    #expect(try bench.run("plan --sysfs tree --rules imported").status == 0)
  }

  @Test func `and a guard that does not exist is wrong usage`() throws {
    let result = try apply("--rules guests --force everything")
    #expect(result.status == 64)
    #expect(result.messages.contains("assigned-queue"))
  }
}
