import APBus
import SimulatedBus
import TestSupport
import Testing
import Uevents

@Suite struct `A scenario` {
  static let start = """
    # Two adapters, two domains.
    kernel 6.1
    domain add 4,47
    card add 5-6 13 cca
    load zcrypt_cex4
    load vfio_ap

    """

  /// The failures of these lines after the start, each without the file's name.
  private func failures(_ lines: String) throws -> [String] {
    try Scenario(text: Self.start + lines, name: "s").run().map { "\($0.line - 6): \($0.problem)" }
  }

  @Test func `has steps, and claims about each`() throws {
    let found = try failures(
      """
      write -5 > /sys/bus/ap/apmask
        ok (3)
        event unbind@/devices/ap/card05/05.0004
        event bind@/devices/ap/card05/05.0004 DRIVER=vfio_ap MODE=cca
        event change@/devices/ap APMASK=0xfbffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
        no event *card06*
        05.0004 driver: vfio_ap
        /sys/bus/ap/bindings = 4/4 (complete)
      expect /sys/bus/ap/nothing = (absent)
      write 05.0004 > /sys/bus/ap/drivers/cex4queue/bind
        write: EBUSY (16)
      write 05.0004 > /sys/bus/ap/drivers/nobody/bind
        open: ENOENT
      write  > /sys/bus/ap/apmask
      \tno event add*
      write 05.0004 > /sys/bus/ap/drivers/vfio_ap/bind
        EBUSY
        no events
      """)
    #expect(found == [])
  }

  @Test(arguments: [
    "monitor will print the received events for:\nKERNEL - the kernel uevent\n",
    "# a comment\nKERNEL[1.5] add      /devices/ap/card05 (ap)\nACTION=add\n",
    "P: /devices/ap/card05\nE: SUBSYSTEM=ap\n",
  ])
  func `is not a capture`(text: String) {
    #expect {
      try Scenario(text: text, name: "s")
    } throws: {
      "\($0)".hasSuffix(": this is a capture, not a scenario; \"apreserve replay\" reads it")
    }
  }

  @Test func `of a bus that runs for long knows the last events, and says so`() throws {
    let scenario = try Scenario(
      text: """
         event add@/2
         event add@/3
         no event add@/1
         event add@/1
        scan
         no event add@/1
        """, name: "s")
    let run = ScenarioRun(on: SimulatedBus(behavior: .override72), file: "s")
    run.eventLimit = 2
    for number in 1...4 { run.take(Uevent(.add, "/\(number)", subsystem: "ap")) }
    #expect(
      scenario.lines.compactMap { run.perform($0) }.map(\.description) == [
        "s:1: there was no such event among the last 2; there were: add@/3, add@/4",
        "s:3: only the last 2 events since the last step are known",
        "s:4: there was no such event among the last 2; there were: add@/4",
      ])
  }

  @Test(
    arguments: [
      ("domain add 0-84", "84"), ("domain add 4,47", "47"), ("card add 10 13 cca", "10"),
      ("control del 3,11", "11"), ("domain add 0-9,0a,0x47,1b,ff", nil), ("card add 05", nil),
      ("busy 05.0010 10 11", nil),
    ] as [(String, String?)])
  func `has a warning where a number looks decimal`(line: String, number: String?) throws {
    let scenario = try Scenario(text: "kernel 6.1\n\(line)\n")
    #expect(
      scenario.warnings
        == (number.map {
          [
            ScenarioError(
              file: "scenario", line: 2, problem: "\"\($0)\" is hexadecimal here; write 0x\($0)")
          ]
        } ?? []))
  }

  @Test func `takes numbers with 0x as those without`() throws {
    func lines(_ text: String) throws -> [Scenario.Content] {
      try Scenario(text: text).lines.map(\.content)
    }
    #expect(
      try lines("domain add 0x4,0x47-0x49\ncard add 0x05")
        == lines("domain add 4,47-49\ncard add 05"))
  }

  @Test func `of the manual page holds`() throws {
    let page = try SourceFile.text("packaging/man/apreserve-scenario.5")
    let example = try #require(
      page.split(separator: ".SH EXAMPLE\n.nf\n").last?.split(separator: ".fi").first)
    let scenario = try Scenario(text: example.replacing("\\-", with: "-"), name: "page")
    #expect(scenario.lines.count > 5)
    #expect(scenario.run() == [])
  }

  @Test func `plugs, unplugs, configures and check-stops`() throws {
    let found = try failures(
      """
      card add 0a 14 ep11
        0a.0047 driver: cex4queue
        /sys/devices/ap/card0a/type = CEX8P
      domain add ff
        event add@/devices/ap/card05/05.00ff
        event bind@/devices/ap/card06/06.00ff
      card config 5 0
        event change@/devices/ap/card05 CONFIG=0
        event change@/devices/ap/card05/05.0047 CONFIG=0
      quiet card chkstop 6 1
        /sys/bus/ap/devices/card06/chkstop = 0
      scan
        no events
        /sys/bus/ap/devices/card06/chkstop = 1
      queue del 05.0004
        event remove@/devices/ap/card05/05.0004
      queue add 05.0004
        05.0004 driver: cex4queue
      card del 5-6
        05.0004 driver:
      domain del 47
        0a.0047 driver:
      unload vfio_ap
        event remove@/module/vfio_ap
      """)
    #expect(found == [])
  }

  @Test func `starts and stops guests, and keeps queues busy`() throws {
    let matrix = "/sys/devices/vfio_ap/matrix"
    let device = "11111111-2222-3333-4444-555555555555"
    let found = try failures(
      """
      write -5 > /sys/bus/ap/apmask
      write \(device) > \(matrix)/mdev_supported_types/vfio_ap-passthrough/create
      write 5 > \(matrix)/\(device)/assign_adapter
      write 4 > \(matrix)/\(device)/assign_domain
      write 0x47 > \(matrix)/\(device)/assign_domain
        \(matrix)/\(device)/matrix = 05.0004\\n05.0047
        /sys/bus/ap/devices/05.0004/status = assigned
      guest start \(device)
        /sys/bus/ap/devices/05.0004/status = in use
      guest stop \(device)
        /sys/bus/ap/devices/05.0004/status = assigned
      busy 06.0004 1 3 2
      write 0 > /sys/bus/ap/devices/06.0004/online
      pass
        /sys/bus/ap/devices/06.0004/pendingq_count = 2
      pass 9
        /sys/bus/ap/devices/06.0004/pendingq_count = 0
      """)
    #expect(found == [])
  }

  @Test(arguments: [
    (
      "write -5 > /sys/bus/ap/apmask\n EBUSY",
      "1: the kernel answers ok, and write: EBUSY (16) was expected"
    ),
    (
      "write x > /sys/bus/ap/config_time",
      "1: the kernel answers write: EINVAL (22), and ok was expected"
    ),
    ("scan\n 05.0004 driver: vfio_ap", "2: the driver of 05.0004 is cex4queue, not vfio_ap"),
    ("scan\n 05.0004 driver:", "2: the driver of 05.0004 is cex4queue, not none"),
    ("scan\n /sys/bus/ap/scans = 1", "2: /sys/bus/ap/scans is \"3\", not \"1\""),
    ("scan\n /sys/bus/ap/nothing = 1", "2: /sys/bus/ap/nothing is absent, not \"1\""),
    ("scan\n event add*", "2: there was no such event; there were: none"),
    (
      "card config 5 0\n no event *card05",
      "2: there were: change@/devices/ap/card05"
    ),
    (
      "unload zcrypt_cex4\nunload zcrypt_cex4",
      "2: the kernel answers ENOENT (no such file or directory)"
    ),
    (
      "guest start 11111111-2222-3333-4444-555555555555",
      "1: the kernel answers ENODEV (no such device)"
    ),
    ("card del 09", "1: there is no adapter 09"),
    (
      "card add 4-5",
      "1: adapter 05 is there already; remove it first, quietly if the kernel must not notice"
    ),
    ("quiet card del 5\ncard add 5 14", nil),
    ("card del 5-9\n 05.0004 driver: cex4queue", "1: there are no adapters 07,08,09"),
    ("card config 9 1", "1: there is no adapter 09"),
    ("quiet card chkstop 9 1", "1: there is no adapter 09"),
    ("card mute 9 1", "1: there is no adapter 09"),
    (
      "card mute 5 1\n /sys/devices/ap/card05/hwtype = 13\n /sys/devices/ap/card06/serialnr = \n"
        + " /sys/devices/ap/card05/serialnr = \ncard mute 5 0\n /sys/devices/ap/card05/serialnr =",
      "4: /sys/devices/ap/card05/serialnr is absent, not \"\""
    ),
    ("domain del 4,ff\n 05.0004 driver: cex4queue", "1: there is no usage domain ff"),
    ("control del ff", "1: there is no control domain ff"),
    ("queue del 05.0099", "1: there is no queue 05.0099"),
    ("queue del 09.0004", "1: there is no queue 09.0004"),
    ("queue add 09.0004", "1: there is no adapter 09 for the queue 09.0004"),
    ("busy 09.0004 1 1", "1: there is no queue 09.0004"),
    ("quiet card add 9\nbusy 09.0004 1 1", "2: there is no queue 09.0004"),
  ])
  func `reports the line that does not hold, and what holds instead`(
    lines: String, failure: String?
  )
    throws
  {
    let found = try failures(lines)
    #expect(found == [failure].compactMap(\.self))
  }

  @Test func `claims events in their order`() throws {
    let claims = """
      write -5 > /sys/bus/ap/apmask
        event bind@/devices/ap/card05/05.0004
        event unbind@/devices/ap/card05/05.0004
      """
    #expect(try failures(claims).count == 1)
  }

  @Test(arguments: [
    (
      "kernel 5.4",
      "unknown kernel \"5.4\"; write one of "
        + KernelBehavior.kernels.map(\.name).joined(separator: ", ")
    ),
    ("scan\nkernel 6.1", "the kernel is chosen once, before the first step"),
    ("quiet scan", "only a change of cards, domains and queues can be quiet"),
    ("scan now", "unexpected \"now\" at the end of the line"),
    ("pass 0", "\"0\" is not a number of steps; write 1 to 1000000"),
    ("load ap", "the modules are zcrypt_cex4 and vfio_ap"),
    ("guest start 5", "a guest starts or stops with a mediated device: guest start UUID"),
    ("card add", "card: add or del, and which, such as: card add 05"),
    (
      "card add 100",
      "\"100\" is not a list of numbers from 0 to ff; write hex, such as 0x0-0x3,0x1b"
    ),
    (
      "card add 7-5",
      "\"7-5\" is not a list of numbers from 0 to ff; write hex, such as 0x0-0x3,0x1b"
    ),
    ("card add 5 x", "\"x\" is not a hardware type; write a decimal number, such as 13"),
    ("card add 5 13 cpu", "unknown mode \"cpu\"; write accel, cca or ep11"),
    ("card add 5 13 cca 1", "unexpected \"1\" at the end of the line"),
    ("card config 5", "1 or 0 is missing at the end"),
    (
      "card move 5",
      "unknown change \"move\" of a card; write add, del, config, chkstop, mute or serial"
    ),
    ("domain move 5", "unknown change \"move\" of a domain; write add or del"),
    ("queue add 5.4", "\"5.4\" is not a queue; write it as sysfs does: 05.0004"),
    ("write 1", "a write is a text, a > and a file: write 1 > /sys/bus/ap/scans"),
    ("write 1 > /sys/bus/pci/x", "\"/sys/bus/pci/x\" is not a file of the AP bus below /sys"),
    ("scan\n EBUSY", "an outcome is written in the line after its write"),
    ("scan\n write: EBUSSY", "unknown error \"EBUSSY\"; write its name, such as EBUSY"),
    ("scan\n event add* DRIVER", "\"DRIVER\" is not a property; write KEY=VALUE"),
    (
      "scan\n hello",
      "unknown claim \"hello\"; write an outcome such as EBUSY, FILE = TEXT, QUEUE driver: NAME, "
        + "event HEADER or no events"
    ),
    (
      "dance",
      "unknown step \"dance\"; write card, domain, control, queue, key, load, unload, guest, busy, pass, scan or write; "
        + "claims about a step are indented"
    ),
  ])
  func `with an invalid line is refused with what to write`(
    text: String, problem: String
  ) {
    let number = text.utf8.count { $0 == 10 } + 1
    #expect(throws: ScenarioError(file: "s", line: number, problem: problem)) {
      try Scenario(text: text, name: "s")
    }
  }
}
