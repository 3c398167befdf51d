import Testing
import Uevents

private let description = """
  P: /devices/ap/card05
  E: SUBSYSTEM=ap
  A: hwtype=13\\n
  H: raw=00ff7F
  L: driver=../../../bus/ap/drivers/cex4card

  P: /devices/ap/card05/05.0004
  E: SUBSYSTEM=ap
  A: online=1\\n

  """

private let database = """
  P: /devices/ap/card05
  M: card05
  U: ap
  T: ap_card
  V: cex4card
  E: DEVPATH=/devices/ap/card05
  E: SUBSYSTEM=ap

  """

@Suite struct `Hostile input` {
  @Test(arguments: [Capture.Format.monitor, .messages, .database, .descriptions])
  func `made by changing bytes does no harm`(format: Capture.Format) throws {
    let whole = Capture.read(bytes: try CaptureFile.bytes("sim-2018"), name: "x")
    let original: [UInt8] =
      switch format {
      case .monitor: Array(MonitorText.text(whole.entries.prefix(8)).utf8)
      case .messages: whole.events.prefix(6).flatMap(KernelMessage.encode)
      case .database: Array(database.utf8)
      case .descriptions: Array(description.utf8)
      }
    #expect(Capture.read(bytes: original, name: "x").format == format)
    let separators: [UInt8] = [0, 10, 13, 32, 35, 58, 61, 64, 91, 92, 93, 0xff]
    var generator = SeededGenerator(state: 7)
    var damaged = 0
    for _ in 0..<1_000 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        guard let index = bytes.indices.randomElement(using: &generator) else { break }
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[index] = .random(in: 0...255, using: &generator)
        case 1: bytes[index] = separators.randomElement(using: &generator) ?? 0
        case 2: bytes.removeSubrange(index..<min(index + 9, bytes.count))
        default: bytes.insert(contentsOf: bytes[index..<min(index + 9, bytes.count)], at: 0)
        }
      }
      let capture = Capture.read(bytes: bytes, name: "x")
      if let damage = capture.damage {
        damaged += 1
        #expect(damage.description.utf8.count < 600)
        #expect(!damage.description.contains("\n"))
      }
      #expect(capture.format != nil || capture.damage != nil)
      #expect(capture.events.count <= 20)
    }
    #expect(damaged > 100)
  }

  @Test(arguments: [
    ["\n"], ["#\n"], ["# mark"], ["\0"], [" "], ["P: /a\n"], ["KERNEL["],
    ["KERNEL[1.000000] add      /a (b)\n"], ["add@/a\0"], ["add@/a\0", "A=b\0"],
    ["KERNEL[1.000000] add      /a (b)\n", "# mark\n"],
    ["KERNEL[1.000000] add      /a (b)\n", "A=b\n"],
    ["KERNEL[1.000000] add      /a (b)\n", "A=b\n\n"],
    ["KERNEL[1.000000] add      /", "a/"], ["KERNEL[", "1"], ["add@", "/a"], ["P: ", "/a"],
    ["P: /a\n", "E: A=b\n"], ["P: /a\nA: x=", "\\"], ["P: /a\nA: x=", "\\101"],
    ["P: /a\nH: x=", "ab"], ["P: /a\nU: ", "\u{301}"], ["KERNEL[1.000000] add ", "\u{301}"],
    ["KERNEL[1.000000] add ", "🇩"], ["", "a"], ["", "\r"], ["", "\r\n"],
  ])
  func `of a million bytes is read to an end`(pieces: [String]) {
    var bytes = Array((pieces.first ?? "").utf8)
    let repeated = Array((pieces.last ?? "").utf8)
    while bytes.count < 1_000_000 { bytes += repeated }
    let capture = Capture.read(bytes: bytes, name: "x")
    #expect(capture.damage.map { $0.description.utf8.count < 600 } ?? true)
    #expect(capture.damage != nil || !capture.entries.isEmpty || !capture.devices.isEmpty)
  }
}
