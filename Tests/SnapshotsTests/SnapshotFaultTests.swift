import APBus
import Snapshots
import Testing

@Suite struct `A faulty machine description` {
  private func message(_ bytes: [UInt8]) throws -> String {
    try #require(throws: SnapshotError.self) {
      try Snapshot.decode(bytes, file: "machine.json")
    }.description
  }

  @Test(arguments: [
    ("", "machine.json: the file is empty"),
    (" \n", "machine.json: the file is empty"),
    ("[]", "machine.json: a machine description is an object, { ... }; this is an array"),
    (
      "{\"a\": 1}",
      "machine.json: this is not a machine description; one begins with \"apreserve\": \"snapshot\""
    ),
    (
      "{\"apreserve\": \"snapshot\"}",
      "machine.json: version: this is missing; it must be 1"
    ),
    (
      "{\"apreserve\": \"snapshot\", \"version\": 2, \"new\": 1}",
      "machine.json: version: 2 is not supported; this program reads version 1"
    ),
    ("{\n  \"a\": tru\n}", "machine.json:2:8: expected a value, found \"t\""),
    ("{\"ä\": }", "machine.json:1:7: expected a value, found \"}\""),
    ("{\"a\" 1}", "machine.json:1:6: expected a colon, found \"1\""),
    ("{\"a\": 1", "machine.json:1:8: expected a comma or \"}\", but the file ends here"),
    ("{\"a\": 1,}", "machine.json:1:9: expected a key in quotes, found \"}\""),
    ("{\"a\": [1 2]}", "machine.json:1:10: expected a comma or \"]\", found \"2\""),
    ("{} x", "machine.json:1:4: expected the end of the file, found \"x\""),
    ("{\"a\": 012}", "machine.json:1:7: a number does not begin with 0"),
    ("{\"a\": -}", "machine.json:1:8: expected a digit, found \"}\""),
    ("{\"a", "machine.json:1:2: this string has no closing quote"),
    (
      "{\"a\n\"}", "machine.json:1:4: a string has a line break or another control character in it"
    ),
    (
      "{\"\\x\"}",
      "machine.json:1:3: JSON has no such escape; a backslash itself is written \\\\"
    ),
    ("{\"\\u12", "machine.json:1:3: \\u needs four hex digits after it"),
    ("{\"\\ud800\"}", "machine.json:1:3: this escape is half a character"),
  ])
  func `is refused as a text`(text: String, expected: String) throws {
    #expect(try message(Array(text.utf8)) == expected)
  }

  @Test(arguments: [
    (
      "\"host\": \"lnx\"", "host: this must be an object, { ... }, not a string"
    ),
    ("\"host\": {\"name\": 1}", "host.name: 1 is not a string in quotes"),
    (
      "\"cards\": [{\"name\": \"card05\", \"hwtype\": 13, \"unanswered\": {\"path\": \"/sys/devices/ap/card06/serialnr\"}}]",
      "cards[0].unanswered.path: \"/sys/devices/ap/card06/serialnr\" is not a file that the adapter answers, "
        + "such as its card's serialnr"
    ),
    (
      "\"cards\": {}", "cards: an object is not an array, [ ... ]"
    ),
    ("\"card\": []", "unknown key \"card\"; did you mean \"cards\"?"),
    (
      "\"something\": 1",
      "unknown key \"something\"; keys here are apreserve, version, time, program, kernel, host, bus, "
        + "cards, mediatedDevices, configuration, keyLedger, ownership"
    ),
    (
      "\"program\": \"0.3\", \"card\": []",
      "unknown key \"card\"; did you mean \"cards\"? (written by apreserve 0.3)"
    ),
    ("\"cards\": [], \"cards\": []", "the key \"cards\" is given twice"),
    (
      "\"bus\": {\"apmask\": \"-5\"}",
      "bus.apmask: \"-5\" is not a mask of 0x and up to 64 hex digits, bit 0 leftmost"
    ),
    (
      "\"bus\": {\"apmask\": \"0x\"}",
      "bus.apmask: \"0x\" is not a mask of 0x and up to 64 hex digits, bit 0 leftmost"
    ),
    (
      "\"bus\": {\"apmask\": \"0xff\"}",
      "bus.aqmask: it is missing; a kernel has both apmask and aqmask, or neither"
    ),
    ("\"bus\": {\"defaultDomain\": -1}", "bus.defaultDomain: -1 is not a whole number of 0 to 255"),
    (
      "\"bus\": {\"defaultDomain\": 1.5}",
      "bus.defaultDomain: 1.5 is not a whole number of 0 to 255"
    ),
    (
      "\"bus\": {\"scans\": 18446744073709551616}",
      "bus.scans: 18446744073709551616 is not a whole number of 0 to 18446744073709551615"
    ),
    ("\"bus\": {\"drivers\": [\"a\", \"..\"]}", "bus.drivers[1]: \"..\" is not a driver's name"),
    ("\"bus\": {\"driverOverride\": 1}", "bus.driverOverride: 1 is not true or false"),
  ])
  func `is refused with the value's place`(member: String, expected: String) throws {
    let text = "{\"apreserve\": \"snapshot\", \"version\": 1, \(member)}"
    #expect(try message(Array(text.utf8)) == "machine.json: " + expected)
  }

  @Test(
    arguments: [
      (
        ["{}"], "cards[0].name: this is missing; it must be a card's name, \"card00\" to \"cardff\""
      ),
      (
        ["{\"name\": \"card256\"}"],
        "cards[0].name: \"card256\" is not a card's name, \"card00\" to \"cardff\""
      ),
      (
        ["{\"name\": \"card01\"}"],
        "cards[0].hwtype: this is missing; it must be a hardware type, such as 13 for CEX7"
      ),
      (
        ["{\"name\": \"card01\", \"hwtype\": 256}"],
        "cards[0].hwtype: 256 is not a whole number of 0 to 255"
      ),
      (
        ["{\"name\": \"card01\", \"hwtype\": 10, \"mode\": \"CCA\"}"],
        "cards[0].mode: \"CCA\" is not a mode: \"accel\", \"cca\" or \"ep11\""
      ),
      (
        ["{\"name\": \"card01\", \"hwtype\": 10, \"ap_functions\": \"0x+1\"}"],
        "cards[0].ap_functions: \"0x+1\" is not 0x and up to 8 hex digits in quotes"
      ),
      (
        [
          "{\"name\": \"card01\", \"hwtype\": 10, \"mode\": \"cca\", \"ap_functions\": \"0x8000000\"}"
        ],
        "cards[0].mode: ap_functions contradicts mode; remove one of them"
      ),
      (
        ["{\"name\": \"card01\", \"hwtype\": 10, \"drivr\": \"cex4card\"}"],
        "cards[0]: unknown key \"drivr\"; did you mean \"driver\"?"
      ),
      (
        ["{\"name\": \"card01\", \"hwtype\": 10, \"attributes\": {\"serial\": \"1\"}}"],
        "cards[0].attributes: unknown key \"serial\"; did you mean \"serialnr\"?"
      ),
      (
        ["{\"name\": \"card01\", \"hwtype\": 10}", "{\"name\": \"card01\", \"hwtype\": 10}"],
        "cards[1].name: card01 is described twice"
      ),
    ] as [([String], String)])
  func `is refused with the card`(cards: [String], expected: String) throws {
    let list = cards.joined(separator: ", ")
    let text = "{\"apreserve\": \"snapshot\", \"version\": 1, \"cards\": [\(list)]}"
    #expect(try message(Array(text.utf8)) == "machine.json: " + expected)
  }

  @Test(arguments: [
    (
      "{\"name\": \"05.0100\"}",
      "queues[0].name: \"05.0100\" is not a queue's name, \"00.0000\" to \"ff.00ff\""
    ),
    (
      "{\"name\": \"06.0004\"}",
      "queues[0].name: queue 06.0004 is listed under card05; move it to card06"
    ),
    (
      "{\"name\": \"05.0004\"}, {\"name\": \"05.0004\"}",
      "queues[1].name: queue 05.0004 is described twice"
    ),
    (
      "{\"name\": \"05.0004\", \"driver\": \"a/b\"}",
      "queues[0].driver: \"a/b\" is not a driver's name; where there is none, leave the key out"
    ),
    (
      "{\"name\": \"05.0004\", \"driver_override\": \"\"}",
      "queues[0].driver_override: \"\" is not a driver's name; where there is none, leave the key "
        + "out"
    ),
    (
      "{\"name\": \"05.0004\", \"status\": \"used\"}",
      "queues[0].status: \"used\" is not a status: \"unassigned\", \"assigned\" or \"in use\""
    ),
    ("7", "queues[0]: this must be an object, { ... }, not a number"),
  ])
  func `is refused with the queue`(queues: String, expected: String) throws {
    let text = """
      {"apreserve": "snapshot", "version": 1,
       "cards": [{"name": "card01", "hwtype": 10},
                 {"name": "card05", "hwtype": 10, "queues": [\(queues)]}]}
      """
    #expect(try message(Array(text.utf8)) == "machine.json: cards[1]." + expected)
  }

  @Test(arguments: [
    ("{}", "mediatedDevices[0].uuid: this is missing; it must be a UUID"),
    (
      "{\"uuid\": \"34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e\", \"adapters\": [1, 256]}",
      "mediatedDevices[0].adapters[1]: 256 is not an adapter; write 0 to 255, or \"0x0\" to "
        + "\"0xff\""
    ),
    (
      "{\"uuid\": \"34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e\", \"domains\": [-1]}",
      "mediatedDevices[0].domains[0]: -1 is not a domain; write 0 to 255, or \"0x0\" to \"0x00ff\""
    ),
    (
      "{\"uuid\": \"34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e\", \"domains\": [\"71\"]}",
      "mediatedDevices[0].domains[0]: \"71\" is not a domain; write 0 to 255, or \"0x0\" to "
        + "\"0x00ff\""
    ),
    (
      "{\"uuid\": \"34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e\"}, "
        + "{\"uuid\": \"34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e\"}",
      "mediatedDevices[1].uuid: mediated device 34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e is described "
        + "twice"
    ),
    (
      "{\"uuid\": \"34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e\", \"adapters\": [5], \"domains\": [3, 4]},"
        + "{\"uuid\": \"34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0f\", \"adapters\": [5], \"domains\": [4]}",
      "mediatedDevices[1]: queue 05.0004 is assigned to another mediated device already"
    ),
  ])
  func `is refused with the mediated device`(devices: String, expected: String) throws {
    let text = "{\"apreserve\": \"snapshot\", \"version\": 1, \"mediatedDevices\": [\(devices)]}"
    #expect(try message(Array(text.utf8)) == "machine.json: " + expected)
  }

  @Test func `is refused for its bytes`() throws {
    #expect(
      try message(Array("{\n \"".utf8) + [0xff, 0x22])
        == "machine.json:2:3: this is not UTF-8 text")
    #expect(
      try message([UInt8](repeating: 0x20, count: Snapshot.sizeLimit + 1))
        == "machine.json: the file is larger than 64 MiB, the most that is read of a machine description"
    )
    #expect(
      try message([UInt8](repeating: UInt8(ascii: "["), count: 1_000_000))
        == "machine.json:1:65: arrays and objects are nested deeper than 64")
  }

  @Test func `is refused wherever it is cut off`() throws {
    let whole = Array(`A machine description`.example.utf8)
    for length in stride(from: 0, to: whole.count - 3, by: 1) {
      #expect(throws: SnapshotError.self) {
        try Snapshot.decode(Array(whole.prefix(length)), file: "x")
      }
    }
  }

  @Test func `shows long values cut`() throws {
    let long = String(repeating: "x", count: 100_000)
    let text = "{\"apreserve\": \"snapshot\", \"version\": 1, \"host\": {\"\(long)\": 1}}"
    #expect(
      try message(Array(text.utf8))
        == "machine.json: host: unknown key \"\(long.prefix(56))...; keys here are name, lpar")
  }
}
